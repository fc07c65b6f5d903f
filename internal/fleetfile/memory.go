package fleetfile

import (
	"bytes"
	"io/fs"
	"path"
	"time"
)

// Files are files in memory by whatever path they were named with: ../fleet.yaml and
// s3://bucket/fleet.yaml are none to the file systems of the library.
type Files map[string][]byte

// Open implements fs.FS.
func (f Files) Open(name string) (fs.File, error) {
	data, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{name: name, size: int64(len(data)), Reader: bytes.NewReader(data)}, nil
}

// file is an open one, and tells about itself.
type file struct {
	name string
	size int64
	*bytes.Reader
}

func (f *file) Stat() (fs.FileInfo, error) { return f, nil }
func (f *file) Close() error               { return nil }
func (f *file) Name() string               { return path.Base(f.name) }
func (f *file) Size() int64                { return f.size }
func (f *file) Mode() fs.FileMode          { return 0o444 }
func (f *file) ModTime() time.Time         { return time.Time{} }
func (f *file) IsDir() bool                { return false }
func (f *file) Sys() any                   { return nil }
