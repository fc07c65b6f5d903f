package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

const (
	// linger is how long a result may wait for an intent to share a write of
	// the store with.
	linger = 200 * time.Millisecond
	// appendTimeout bounds one write of the store, so that a store that hangs
	// ends the run instead of hanging it.
	appendTimeout = 30 * time.Second
)

// ErrClosed is why a journal that was closed takes no more intents.
var ErrClosed = errors.New("history: the journal is closed")

// Journal is the write-ahead journal of one run. It implements
// reconcile.Journal, and writes nothing before the first intent.
//
// All lines that come in while the store is busy go into its next write
// together. That one write can be shared by hundreds of intents, and none of
// them returns before it is done. A write that failed is tried again, with the
// same bytes, before anything else is written: nothing is skipped, so a journal
// always holds all lines up to some point.
type Journal struct {
	store Store
	name  string
	begin beginJSON
	known insight.Set

	mu      sync.Mutex
	seq     int64
	sum     string // of the last line
	intents int64
	open    map[desired.Key]int64 // the seq of each intent without a result
	batch   []byte                // lines that are in no write yet
	waiters []chan<- error        // intents of batch
	lost    error                 // a line that has no JSON form
	closed  bool

	wake chan struct{} // capacity 1: an intent waits
	soon chan struct{} // capacity 1: a result is there
	end  chan struct{}
	done chan struct{}
	last error   // of the last write; read after done
	file *digest // of what was written, once done and without an error; nil for nothing
}

func newJournal(ctx context.Context, store Store, name string, begin beginJSON) *Journal {
	j := &Journal{
		store: store, name: name, begin: begin, open: map[desired.Key]int64{},
		wake: make(chan struct{}, 1), soon: make(chan struct{}, 1),
		end: make(chan struct{}), done: make(chan struct{}),
	}
	go j.write(context.WithoutCancel(ctx))
	return j
}

// Tell says, before the first intent, how many configs the run's fleet has, and what is
// known of who made them what they are. It stands in the journal because that alone is left
// of a run that was killed.
func (j *Journal) Tell(configs int, known *insight.Set) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begin.Configs, j.known = configs, *known
}

// Intend implements reconcile.Journal. When ctx ends first, the intent may or
// may not be in the journal.
func (j *Journal) Intend(ctx context.Context, key desired.Key, change *reconcile.Change) error {
	stored := make(chan error, 1)
	if err := j.queueIntent(key, change, stored); err != nil {
		return err
	}
	signal(j.wake)
	select {
	case err := <-stored:
		return err
	case <-ctx.Done():
		return fmt.Errorf("history: the intent for %s was not stored in time: %w", key, context.Cause(ctx))
	}
}

func (j *Journal) queueIntent(key desired.Key, change *reconcile.Change, stored chan<- error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return ErrClosed
	case j.lost != nil:
		return j.lost
	}
	if j.seq == 0 {
		if err := j.add(lineJSON{Begin: &j.begin}); err != nil {
			return err
		}
	}
	intent := newIntent(key, change)
	intent.Author = authorOf(&j.known, key)
	if err := j.add(lineJSON{Intent: intent}); err != nil {
		return err
	}
	j.intents++
	j.open[key] = j.seq
	j.waiters = append(j.waiters, stored)
	return nil
}

// Settle implements reconcile.Journal. It does not wait for the store.
func (j *Journal) Settle(key desired.Key, result *reconcile.ChangeResult) {
	j.mu.Lock()
	defer j.mu.Unlock()
	of, known := j.open[key]
	if !known || j.closed {
		j.lost = errors.Join(j.lost, fmt.Errorf("history: the result of %s belongs to no open intent and is not in the journal", key))
		return
	}
	delete(j.open, key)
	if err := j.add(lineJSON{Result: newSettlement(of, result)}); err != nil {
		j.lost = errors.Join(j.lost, err)
		return
	}
	signal(j.soon)
}

// Close writes what is left and the closing line. Its error means that results
// are missing from the journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		if j.seq > 0 {
			j.lost = errors.Join(j.lost, j.add(lineJSON{End: &endJSON{Intents: j.intents}}))
		}
		close(j.end)
	}
	j.mu.Unlock()
	<-j.done
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.lost, j.last)
}

// add puts a line into the batch. The lock is held.
func (j *Journal) add(l lineJSON) error {
	l.Seq, l.At = j.seq+1, time.Now().UTC()
	text, sum, err := l.encode(j.sum)
	if err != nil {
		return err
	}
	j.seq, j.sum = l.Seq, sum
	j.batch = append(j.batch, text...)
	return nil
}

// signal leaves a mark in a channel of capacity 1, unless it has one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// write is the one goroutine that writes to the store.
func (j *Journal) write(ctx context.Context) {
	defer close(j.done)
	w := writer{journal: j, hash: sha256.New()}
	defer func() {
		if w.offset > 0 {
			j.file = &digest{Bytes: w.offset, SHA256: hex.EncodeToString(w.hash.Sum(nil))}
		}
	}()
	for ended := false; !ended; {
		select {
		case <-j.wake:
		case <-j.soon:
			select {
			case <-time.After(linger):
			case <-j.wake:
			case <-j.end:
				ended = true
			}
		case <-j.end:
			ended = true
		}
		j.last = w.flush(ctx) // an error stays with the batch, which is tried again
	}
}

// writer knows how far the journal has come.
type writer struct {
	journal *Journal
	offset  int64
	hash    hash.Hash
	failed  []byte // a write that failed: the next one repeats it
}

// flush writes all there is. Those who wait for a part of it learn how it went.
func (w *writer) flush(ctx context.Context) error {
	j := w.journal
	j.mu.Lock()
	batch, waiters := j.batch, j.waiters
	j.batch, j.waiters = nil, nil
	j.mu.Unlock()

	var err error
	if w.failed != nil {
		err = w.append(ctx, w.failed)
	}
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

func (w *writer) append(ctx context.Context, batch []byte) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	if err := w.journal.store.Append(ctx, w.journal.name, w.offset, batch); err != nil {
		w.failed = batch
		return err
	}
	w.failed = nil
	w.offset += int64(len(batch))
	w.hash.Write(batch)
	return nil
}
