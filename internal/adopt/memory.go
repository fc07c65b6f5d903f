package adopt

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// load loads files that are not on disk.
func load(files map[string][]byte) (*desired.Document, error) {
	return desired.Load(memory(files), slices.Sorted(maps.Keys(files))...)
}

// memory is files by whatever path they were named with: ../fleet.yaml is none to
// the file systems of the library.
type memory map[string][]byte

func (m memory) Open(name string) (fs.File, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return memoryFile{bytes.NewReader(data), memoryInfo{name, int64(len(data))}}, nil
}

type memoryFile struct {
	*bytes.Reader
	info memoryInfo
}

func (f memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f memoryFile) Close() error               { return nil }

type memoryInfo struct {
	path string
	size int64
}

func (i memoryInfo) Name() string     { return path.Base(i.path) }
func (i memoryInfo) Size() int64      { return i.size }
func (memoryInfo) Mode() fs.FileMode  { return 0o444 }
func (memoryInfo) ModTime() time.Time { return time.Time{} }
func (memoryInfo) IsDir() bool        { return false }
func (memoryInfo) Sys() any           { return nil }
