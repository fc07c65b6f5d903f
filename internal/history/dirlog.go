package history

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
)

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
	if offset == 0 {
		if err := d.makeFolder(name); err != nil {
			return err
		}
	}
	flags := os.O_RDWR
	if offset == 0 {
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(d.path(name), flags, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	if err := isEnd(file, offset, data); err != nil {
		return err
	}
	if _, err := file.WriteAt(data, offset); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if offset == 0 {
		return syncFolder(filepath.Dir(d.path(name)))
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
	if extra == 0 {
		return nil
	}
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
