package history

import (
	"context"
	"time"
)

// write is the one goroutine that writes to the store.
func (j *Journal) write(ctx context.Context) {
	defer close(j.done)
	w := writer{journal: j}
	for {
		var later <-chan time.Time
		select {
		case <-j.wake:
		case <-j.soon:
			later = time.After(linger)
		case <-j.end:
			j.last = w.flush(ctx)
			return
		}
		if later != nil {
			select {
			case <-later:
			case <-j.wake:
			case <-j.end:
				j.last = w.flush(ctx)
				return
			}
		}
		w.flush(ctx) // an error stays with the batch, which is tried again
	}
}

// writer knows how far the journal has come.
type writer struct {
	journal *Journal
	offset  int64
	failed  []byte // a write that failed: the next one repeats it
}

// flush writes all there is. Those who wait for a part of it learn how it went.
func (w *writer) flush(ctx context.Context) error {
	j := w.journal
	j.mu.Lock()
	batch, waiters := j.batch, j.waiters
	j.batch, j.waiters = nil, nil
	j.mu.Unlock()

	err := w.retry(ctx)
	switch {
	case len(batch) == 0:
	case err == nil:
		err = w.append(ctx, batch)
	default:
		// Nothing of the batch was tried, so it may still grow.
		j.mu.Lock()
		j.batch = append(batch, j.batch...)
		j.mu.Unlock()
	}
	for _, waiter := range waiters {
		waiter <- err
	}
	return err
}

// retry repeats the write that failed, if one did.
func (w *writer) retry(ctx context.Context) error {
	if w.failed == nil {
		return nil
	}
	batch := w.failed
	w.failed = nil
	return w.append(ctx, batch)
}

func (w *writer) append(ctx context.Context, batch []byte) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	if err := w.journal.store.Append(ctx, w.journal.name, w.offset, batch); err != nil {
		w.failed = batch
		return err
	}
	w.offset += int64(len(batch))
	return nil
}
