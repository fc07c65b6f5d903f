package main

import (
	"os"
	"path/filepath"
)

// pendingFile is a file that takes its place when it is complete. Windows renames
// no file that is open, and renameio does not build there.
type pendingFile struct {
	*os.File
	path string
	done bool
}

func newPendingFile(path string) (*pendingFile, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*")
	return &pendingFile{File: f, path: path}, err
}

func (p *pendingFile) CloseAtomicallyReplace() error {
	if err := p.Sync(); err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return err
	}
	err := os.Rename(p.Name(), p.path)
	p.done = err == nil
	return err
}

func (p *pendingFile) Cleanup() error {
	if p.done {
		return nil
	}
	p.Close() // it may be closed already
	return os.Remove(p.Name())
}
