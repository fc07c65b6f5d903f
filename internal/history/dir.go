//go:build unix

package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// Dir keeps a history in a folder: one file an object or log, named as the
// object is. It makes the folder when something is first written.
//
// Conditional writes of all processes that use the folder go one after the
// other, behind an advisory lock on the file .lock that the kernel frees when
// its holder dies. On a network file system that cannot lock, writes fail with
// an error that says so.
func Dir(folder string) (Store, error) { return &dir{root: folder, sync: fsync}, nil }

type dir struct {
	root string
	sync func(*os.File) error // of logs and folders; tests replace it
}

const (
	fileMode   = 0o600
	folderMode = 0o700
	lockName   = ".lock"
)

// lockPoll is how often a lock that another process holds is tried again. It
// is held for about two fsyncs.
const lockPoll = 2 * time.Millisecond

func (d *dir) String() string { return d.root }

func (d *dir) path(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

func (d *dir) Write(ctx context.Context, name string, data []byte, tag Tag) (Tag, error) {
	err := d.locked(ctx, name, func() error {
		found, err := os.ReadFile(d.path(name))
		exists := err == nil
		switch {
		case exists && bytes.Equal(found, data):
			return nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case tag == "" && exists:
			return ErrExists
		case tag != "" && (!exists || contentTag(found) != tag):
			return ErrChanged
		}
		return d.put(name, data)
	})
	if err != nil {
		return "", d.fail(writeOp(tag), name, err)
	}
	return contentTag(data), nil
}

// put makes data durable under a temporary name before it takes the real one,
// and then makes the name durable. The temporary file is in the folder of the
// other, because a rename is atomic only within one file system.
func (d *dir) put(name string, data []byte) error {
	final := d.path(name)
	if err := renameio.WriteFile(final, data, fileMode, renameio.WithTempDir(filepath.Dir(final)), renameio.WithStaticPermissions(fileMode)); err != nil {
		return err
	}
	return d.syncFolder(filepath.Dir(final))
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
		return d.syncFolder(filepath.Dir(d.path(name)))
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

func (d *dir) Folders(_ context.Context, folder string) ([]string, error) {
	entries, err := os.ReadDir(d.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return names, d.fail("list", folder, err)
}

// Append writes at the end of the log's file and waits for the disk.
func (d *dir) Append(ctx context.Context, name string, offset int64, data []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return d.fail("append to", name, err)
	}
	return d.fail("append to", name, d.appendAt(name, offset, data))
}

func (d *dir) appendAt(name string, offset int64, data []byte) (err error) {
	flags := os.O_RDWR
	if offset == 0 {
		if err := d.makeFolder(name); err != nil {
			return err
		}
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(d.path(name), flags, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := isEnd(file, offset, data); err != nil {
		return err
	}
	if _, err := file.WriteAt(data, offset); err != nil {
		return err
	}
	if err := d.sync(file); err != nil {
		return err
	}
	if offset == 0 {
		return d.syncFolder(filepath.Dir(d.path(name)))
	}
	return nil
}

// isEnd reports ErrChanged unless the file ends at offset, or goes on with a
// part of data, which an Append that failed has left.
func isEnd(file *os.File, offset int64, data []byte) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	extra := info.Size() - offset
	if extra < 0 || extra > int64(len(data)) {
		return ErrChanged
	}
	found := make([]byte, extra)
	if _, err := io.ReadFull(io.NewSectionReader(file, offset, extra), found); err != nil {
		return err
	}
	if !bytes.HasPrefix(data, found) {
		return ErrChanged
	}
	return nil
}

// ReadLog reads the log's file.
func (d *dir) ReadLog(_ context.Context, name string) ([]byte, error) { return d.read(name) }

// DeleteLog removes the log's file.
func (d *dir) DeleteLog(_ context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := os.Remove(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = d.syncFolder(filepath.Dir(d.path(name)))
	}
	return d.fail("delete", name, err)
}

// locked runs a conditional write of name while no other process makes one.
func (d *dir) locked(ctx context.Context, name string, write func() error) (err error) {
	if err := checkName(name); err != nil {
		return err
	}
	if err := d.makeFolder(name); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(d.root, lockName), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	// Closing the file alone would not free the lock while a process that was forked
	// meanwhile, as for a credential_process, still has the file open.
	defer func() {
		err = errors.Join(err, syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
	}()
	for {
		switch err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case err == nil:
			return write()
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return fmt.Errorf("lock %s: %w", file.Name(), err)
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("lock %s: another process holds it", file.Name()), context.Cause(ctx))
		}
	}
}

// clean removes what processes that were killed were writing.
func (d *dir) clean(before time.Time) error {
	return filepath.WalkDir(d.root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasPrefix(entry.Name(), ".") || entry.Name() == lockName {
			return err
		}
		if info, err := entry.Info(); err != nil || !info.ModTime().Before(before) {
			return err
		}
		return os.Remove(file)
	})
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
		if err := d.syncFolder(filepath.Dir(folder)); err != nil {
			return err
		}
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func (d *dir) syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.sync(f), f.Close())
}

func fsync(f *os.File) error { return f.Sync() }

// fail says where, and what helps. Conditions of the contract need no help.
func (d *dir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	e := &StoreError{Op: op, Name: d.path(path.Clean(name)), Err: err}
	if at, ok := errors.AsType[*fs.PathError](err); ok && at.Path == e.Name {
		e.Err = at.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "make the folder writable for this user, or choose another with --history"
	case errors.Is(err, ErrChanged), errors.Is(err, ErrAbsent),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	default:
		e.Hint = "free or repair the disk, or choose another folder with --history"
	}
	return e
}
