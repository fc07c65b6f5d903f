package faulttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// errFull is a journal that takes no more.
var errFull = errors.New("no space left on device")

// entry is what the journal holds about one write.
type entry struct {
	key    desired.Key
	change reconcile.Change
	result *reconcile.ChangeResult // nil: never settled
}

// journal is kept in memory, takes its time, and may become full. What a process
// that was killed would still write is not in it.
type journal struct {
	*schedule
	takes time.Duration
	room  int // for so many intents
	dead  *atomic.Bool

	mu      sync.Mutex
	entries []*entry
	byKey   map[desired.Key]*entry // the last one
	wrongs  []string
}

// Intend implements reconcile.Journal.
func (j *journal) Intend(_ context.Context, key desired.Key, change *reconcile.Change) error {
	j.wait("intent of " + key.String())
	time.Sleep(j.takes)
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) >= j.room || j.dead.Load() {
		return errFull
	}
	// A change that is planned again, because its record has moved, is intended
	// again: once it is settled that the first was not made.
	if old := j.byKey[key]; old != nil && (old.result == nil || old.result.Status != reconcile.NotAttempted) {
		j.wrongs = append(j.wrongs, fmt.Sprintf("%v was intended twice", key))
	}
	e := &entry{key: key, change: *change}
	if change.Before != nil {
		before := *change.Before // a journal keeps the image, not the plan's memory
		e.change.Before = &before
	}
	j.entries = append(j.entries, e)
	j.byKey[key] = e
	return nil
}

// Settle implements reconcile.Journal.
func (j *journal) Settle(key desired.Key, result *reconcile.ChangeResult) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.byKey[key]
	switch {
	case j.dead.Load():
	case e == nil:
		j.wrongs = append(j.wrongs, fmt.Sprintf("%v was settled and never intended", key))
	case e.result != nil:
		j.wrongs = append(j.wrongs, fmt.Sprintf("%v was settled twice", key))
	default:
		r := *result
		e.result = &r
	}
}

// open is the intent of a write that has not ended, nil when there is none.
func (j *journal) open(key desired.Key) *entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.byKey[key]; e != nil && e.result == nil {
		return e
	}
	return nil
}
