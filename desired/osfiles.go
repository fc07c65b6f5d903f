package desired

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// LoadFiles is Load for the files of the operating system: absolute paths and
// ../ work. The path - is standard input.
func LoadFiles(paths ...string) (*Document, error) {
	return Loader{Stdin: os.Stdin}.LoadFiles(paths...)
}

// LoadFiles is Load for the files of the operating system.
func (l Loader) LoadFiles(paths ...string) (*Document, error) {
	slashed := make([]string, len(paths))
	for i, p := range paths {
		slashed[i] = filepath.ToSlash(p)
	}
	return l.Load(osFiles{}, slashed...)
}

// osFiles is the whole file system as one tree. Unlike os.DirFS it takes any
// path, as a command line does.
type osFiles struct{}

func (osFiles) Open(name string) (fs.File, error)          { return os.Open(name) }
func (osFiles) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (osFiles) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

var _ interface {
	fs.StatFS
	fs.ReadDirFS
} = osFiles{}

// pipeTimeout bounds the wait for a pipe, a device or standard input: whoever
// writes there may never end. A generator of a large fleet file takes seconds.
const pipeTimeout = time.Minute

// read returns at most limit+1 bytes, so that the caller can tell a file that
// is too large without having held it. What is no regular file is waited for no
// longer than pipeTimeout, and than the loader's context lasts.
func (l Loader) read(fsys fs.FS, name string, limit int) ([]byte, error) {
	open := func() (io.ReadCloser, error) {
		if name == stdinPath && l.Stdin != nil {
			return io.NopCloser(l.Stdin), nil
		}
		return fsys.Open(name)
	}
	all := func() ([]byte, error) {
		f, err := open()
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, int64(limit)+1))
	}
	if info, err := fs.Stat(fsys, name); err == nil && info.Mode().IsRegular() {
		return all()
	}
	ctx := l.Context
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pipeTimeout, fmt.Errorf("nothing ended it within %s: it is no regular file, and whoever writes there has not closed it", pipeTimeout))
	defer cancel()
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() { // it stays behind where the pipe never ends
		data, err := all()
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
