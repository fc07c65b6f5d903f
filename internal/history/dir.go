package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Dir keeps a history in a folder: one file an object or log, named as the
// object is. It makes the folder when something is first written.
//
// Conditional writes of all processes that use the folder go one after the
// other, behind an advisory lock on the file .lock that the kernel frees when
// its holder dies. On a network file system that cannot lock, writes fail with
// an error that says so.
func Dir(folder string) Store { return &dir{root: folder} }

type dir struct{ root string }

const (
	fileMode   = 0o600
	folderMode = 0o700
	lockName   = ".lock"
	tempPrefix = ".new-"
)

func (d *dir) String() string { return d.root }

func (d *dir) path(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

func (d *dir) Create(ctx context.Context, name string, data []byte) (Tag, error) {
	return d.write(ctx, "create", name, data, func(found []byte, exists bool) error {
		if exists {
			return ErrExists
		}
		return nil
	})
}

func (d *dir) Replace(ctx context.Context, name string, data []byte, tag Tag) (Tag, error) {
	return d.write(ctx, "replace", name, data, func(found []byte, exists bool) error {
		if !exists || contentTag(found) != tag {
			return ErrChanged
		}
		return nil
	})
}

// write puts data in place of what is there, if may allows it.
func (d *dir) write(ctx context.Context, op, name string, data []byte, may func(found []byte, exists bool) error) (Tag, error) {
	err := d.locked(ctx, name, func() error {
		found, err := os.ReadFile(d.path(name))
		exists := err == nil
		switch {
		case exists && bytes.Equal(found, data):
			return nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err := may(found, exists); err != nil {
			return err
		}
		return d.put(name, data)
	})
	if err != nil {
		return "", d.fail(op, name, err)
	}
	return contentTag(data), nil
}

// put makes data durable under a temporary name before it takes the real one,
// and then makes the name durable.
func (d *dir) put(name string, data []byte) (err error) {
	final := d.path(name)
	temp, err := os.CreateTemp(filepath.Dir(final), tempPrefix+"*") // O_EXCL, 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, temp.Close(), os.Remove(temp.Name()))
		}
	}()
	if _, err := temp.Write(data); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), final); err != nil {
		return err
	}
	return errors.Join(temp.Close(), syncFolder(filepath.Dir(final)))
}

func (d *dir) Delete(ctx context.Context, name string, tag Tag) error {
	err := d.locked(ctx, name, func() error {
		found, err := os.ReadFile(d.path(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case contentTag(found) != tag:
			return ErrChanged
		}
		if err := os.Remove(d.path(name)); err != nil {
			return err
		}
		return syncFolder(filepath.Dir(d.path(name)))
	})
	return d.fail("delete", name, err)
}

func (d *dir) Read(_ context.Context, name string) ([]byte, Tag, error) {
	data, err := d.read(name)
	if err != nil {
		return nil, "", err
	}
	return data, contentTag(data), nil
}

func (d *dir) read(name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrAbsent
	}
	return data, d.fail("read", name, err)
}

func (d *dir) List(_ context.Context, folder string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(d.path(folder), func(file string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // not made yet, or removed meanwhile
			return nil
		case err != nil:
			return err
		case entry.IsDir() || strings.HasPrefix(entry.Name(), "."):
			return nil
		}
		rel, err := filepath.Rel(d.root, file)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	slices.Sort(names)
	return names, d.fail("list", folder, err)
}

// makeFolder makes the folder of an object and every missing one above it, and
// makes their names durable.
func (d *dir) makeFolder(name string) error {
	var missing []string
	for folder := filepath.Dir(d.path(name)); ; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a folder", folder)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || folder == filepath.Dir(folder) {
			return err
		}
		missing = append(missing, folder)
	}
	for _, folder := range slices.Backward(missing) {
		if err := os.Mkdir(folder, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := syncFolder(filepath.Dir(folder)); err != nil {
			return err
		}
	}
	return nil
}

// fail says where, and what helps. Conditions of the contract need no help.
func (d *dir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	e := &StoreError{Op: op, Name: d.path(path.Clean(name)), Err: err}
	var at *fs.PathError
	if errors.As(err, &at) && at.Path == e.Name {
		e.Err = at.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "make the folder writable for this user, or choose another with --history"
	case errors.Is(err, ErrExists), errors.Is(err, ErrChanged), errors.Is(err, ErrAbsent),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	default:
		e.Hint = "free or mend the disk, or choose another folder with --history"
	}
	return e
}
