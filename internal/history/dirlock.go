package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockPoll is how often a lock that another process holds is tried again. It
// is held for about two fsyncs.
const lockPoll = 2 * time.Millisecond

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
	// Closing the file is what frees the lock.
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	for {
		taken, err := tryLock(file)
		if err != nil {
			return fmt.Errorf("lock %s: %w", file.Name(), err)
		}
		if taken {
			return write()
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("lock %s: another process holds it", file.Name()), context.Cause(ctx))
		}
	}
}
