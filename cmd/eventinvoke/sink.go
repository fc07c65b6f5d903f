package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// sink is where a result goes. A file appears whole or not at all: it is
// written beside its place and renamed when the result is complete. What is
// there and is no file, such as a pipe or /dev/stdout, is written to as it is:
// a rename would put a file in its place.
type sink struct {
	io.Writer
	commit func() error
	drop   func()
}

func nothing() error { return nil }

func (o *outputOptions) open(out io.Writer) (*sink, error) {
	if o.file == "" || o.file == "-" {
		return &sink{Writer: out, commit: nothing, drop: func() {}}, nil
	}
	return openFor("output-file", o.file)
}

// openFor opens the file that a flag names. Its errors name the flag and the
// path that the user gave, not the one beside it.
func openFor(flag, path string) (*sink, error) {
	cannotWrite := func(err error) error {
		var inner *fs.PathError
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return fmt.Errorf("--%s %s cannot be written: %w; name a file in a directory that exists and can be written to", flag, path, err)
	}
	s, err := openFile(path)
	if err != nil {
		return nil, cannotWrite(err)
	}
	commit := s.commit
	s.commit = func() error {
		if err := commit(); err != nil {
			return cannotWrite(err)
		}
		return nil
	}
	return s, nil
}

func openFile(path string) (*sink, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, errors.New("it is a directory")
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &sink{Writer: f, commit: f.Close, drop: func() { f.Close() }}, nil
	case err == nil:
		// A link stays a link: what it points at is replaced.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".eventinvoke-*")
	if err != nil {
		return nil, err
	}
	return &sink{
		Writer: f,
		commit: func() error {
			if err := f.Chmod(0o644); err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
			return os.Rename(f.Name(), path)
		},
		drop: func() { f.Close(); os.Remove(f.Name()) },
	}, nil
}

// checkedWriter remembers the first error of a stream, so that a result which
// went nowhere is not reported as a success.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}
