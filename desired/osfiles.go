package desired

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

// read returns at most limit+1 bytes, so that the caller can tell a file that
// is too large without having held it.
func (l Loader) read(fsys fs.FS, name string, limit int) ([]byte, error) {
	if name == stdinPath && l.Stdin != nil {
		return io.ReadAll(io.LimitReader(l.Stdin, int64(limit)+1))
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(limit)+1))
}
