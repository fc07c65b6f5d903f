package desired

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/eventinvoke/eventinvoke/internal/fswait"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// stdinPath is how a path argument names standard input.
const stdinPath = "-"

// findFiles turns path arguments into files, sorted, each once: a file stands
// for itself, a directory for every YAML file below it, a pattern for every
// file that matches. Whatever finds nothing is a problem, because a fleet file
// that is silently not read looks like a smaller fleet.
//
//	fleet.yaml, fleet.conf   the file, whatever it is called
//	fleet/                   every .yaml and .yml below it; hidden files and folders are skipped
//	fleet/**/*.yaml          what matches; ** is any number of folders, none included
//	-                        standard input, once
//	s3://bucket/key          of Remote, where there is one
//
// Sorted by name, and not in the order of the arguments: between two files there is no order
// that counts, and the same set of files gives the same output however it was named.
func (l Loader) findFiles(fsys fs.FS, paths []string, out *collector) []string {
	var found []string
	for _, p := range paths {
		if p == stdinPath {
			found = append(found, p)
			continue
		}
		files, err := fswait.Do(l.Context, func() ([]string, error) { return expandPath(fsys, p) })
		if why, none := errors.AsType[nothingThere](err); none {
			out.report(Pos{File: p}, codeNoSuchPath, string(why), "name a YAML file, a directory that has some, or a pattern such as fleet/**/*.yaml")
		} else if all, several := err.(interface{ Unwrap() []error }); several {
			for _, err := range all.Unwrap() { // below a folder: each is of the file or folder that it is about
				name := p
				if e, ok := errors.AsType[*fs.PathError](err); ok {
					name = e.Path
				}
				out.add(unreadable(name, err))
			}
		} else if err != nil {
			out.add(unreadable(p, err))
		}
		found = append(found, files...)
	}
	return slice.Unique(found)
}

// nothingThere says why a path stands for no file.
type nothingThere string

func (why nothingThere) Error() string { return string(why) }

// expandPath lists the files of one path argument. A file that exists is that file, whatever
// characters its name has; only what does not exist is tried as a pattern.
func expandPath(fsys fs.FS, p string) (files []string, err error) {
	if _, err := fs.Stat(fsys, p); err == nil && strings.Contains(p, "://") {
		return []string{p}, nil // not path.Clean's: two slashes are one to it
	}
	if p == "" { // a variable was not set, as a rule; path.Clean would make the working directory of it
		return nil, nothingThere("the path is empty")
	}
	p = path.Clean(p)
	info, err := fs.Stat(fsys, p)
	none := nothingThere("no file matches this pattern")
	switch {
	case err == nil && info.IsDir():
		none = "no .yaml or .yml file is in this folder"
		files, err = walkFiles(fsys, p, isYAML)
	case err == nil:
		return []string{p}, nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid): // a name that no file can have may be a pattern
		return nil, err
	case !strings.ContainsAny(p, "*?[{"):
		return nil, nothingThere("no such file")
	case !doublestar.ValidatePattern(p):
		return nil, &fs.PathError{Op: "match", Path: p, Err: fmt.Errorf("the pattern %q is not closed", p)}
	default:
		base, _ := doublestar.SplitPattern(p)
		if _, err := fs.Stat(fsys, base); err != nil {
			return nil, none
		}
		files, err = walkFiles(fsys, base, func(name string) bool { return doublestar.MatchUnvalidated(p, name) })
	}
	if err == nil && len(files) == 0 {
		err = none
	}
	return files, err
}

// isYAML decides for folders only: a file that is named outright may be called anything.
func isYAML(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

// walkFiles lists the files below root that keep wants. Hidden ones are
// skipped. A link to a file counts as a file, since a mounted ConfigMap is made
// of links into a hidden folder; a link to a directory is not followed. The error
// joins those of all files and folders that could not be looked at.
func walkFiles(fsys fs.FS, root string, keep func(string) bool) ([]string, error) {
	var files []string
	var failed []error
	_ = fs.WalkDir(fsys, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			failed = append(failed, err)
			return nil
		}
		hidden := name != root && strings.HasPrefix(entry.Name(), ".")
		if entry.IsDir() {
			if hidden {
				return fs.SkipDir
			}
			return nil
		}
		if hidden || !keep(name) {
			return nil
		}
		mode := entry.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := fs.Stat(fsys, name)
			if err != nil {
				if e, ok := errors.AsType[*fs.PathError](err); ok {
					err = e.Err
				}
				failed = append(failed, &fs.PathError{Op: "stat", Path: name, Err: fmt.Errorf("what it links to: %w", err)})
				return nil
			}
			mode = info.Mode()
		}
		if !mode.IsRegular() {
			return nil // a pipe or device could keep its reader waiting for ever
		}
		files = append(files, name)
		return nil
	})
	return files, errors.Join(failed...)
}

// unreadable is what is said of a path that could not be read, without the operation and the
// path, which the problem has itself. Any error but a file's own ended the wait for it.
func unreadable(name string, err error) Problem {
	why, hint := err.Error(), "end what writes to it, or check its mount"
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		why, hint = e.Err.Error(), "check the path and its permissions"
	}
	return Problem{Pos: Pos{File: name}, Code: codeUnreadable, Message: "cannot be read: " + why, Hint: hint}
}

// LoadFiles is Load for the files of the operating system: absolute paths and ../ work,
// and - is standard input.
func LoadFiles(paths ...string) (*Document, error) {
	return Loader{Stdin: os.Stdin}.LoadFiles(paths...)
}

// LoadFiles is Load for the files of the operating system.
func (l Loader) LoadFiles(paths ...string) (*Document, error) {
	return l.Load(osFiles{l.Remote}, slice.Map(paths, filepath.ToSlash)...) // the separators of fs.FS, on Windows too
}

// osFiles is the whole file system as one tree. Unlike os.DirFS it takes any
// path, as a command line does; those with a scheme are of remote, where there is one.
type osFiles struct{ remote fs.FS }

// isRemote needs a remote: without one a name with :// is an ordinary path.
func (o osFiles) isRemote(name string) bool { return o.remote != nil && strings.Contains(name, "://") }

// Open implements fs.FS for names that fs.ValidPath would refuse as well.
func (o osFiles) Open(name string) (fs.File, error) {
	if o.isRemote(name) {
		return o.remote.Open(name)
	}
	return os.Open(name)
}

// Stat implements fs.StatFS.
func (o osFiles) Stat(name string) (fs.FileInfo, error) {
	if o.isRemote(name) {
		return fs.Stat(o.remote, name)
	}
	return os.Stat(name)
}

func (osFiles) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

var _ interface {
	fs.StatFS
	fs.ReadDirFS
} = osFiles{}

// read returns at most limit+1 bytes, so that the caller can tell a file that
// is too large without having held it.
func (l Loader) read(fsys fs.FS, name string, limit int) ([]byte, error) {
	// Whatever can be opened is read, a pipe too: by one a shell passes what a program writes, as
	// in plan <(generate). So no size is asked for before, which a pipe does not have.
	return fswait.Do(l.Context, func() ([]byte, error) {
		if name == stdinPath && l.Stdin != nil {
			return io.ReadAll(io.LimitReader(l.Stdin, int64(limit)+1))
		}
		f, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, int64(limit)+1))
	})
}
