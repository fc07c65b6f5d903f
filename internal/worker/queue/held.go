package queue

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
)

// maxHeld bounds the messages that wait for a pass. More would only wait here
// instead of in the queue, and each costs a renewal.
const maxHeld = 1000

// receipt is one delivery of a message.
type receipt struct{ id, handle string }

// ended is a message whose fate is known.
type ended struct {
	receipt
	fate Fate
}

// held is the set of messages received and not yet deleted or let go.
type held struct {
	mu      *sync.Mutex
	changed *sync.Cond
	waiting map[receipt]bool
	ended   []ended
	closed  bool // no more will be received
}

func newHeld() held {
	mu := &sync.Mutex{}
	return held{mu: mu, changed: sync.NewCond(mu), waiting: map[receipt]bool{}}
}

func (h *held) add(r receipt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting[r] = true
}

// end notes the fate of a message. It does not block.
func (h *held) end(r receipt, f Fate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiting, r)
	h.ended = append(h.ended, ended{r, f})
	h.changed.Broadcast()
}

// close says that no more will be received.
func (h *held) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.changed.Broadcast()
}

// room waits until another batch may be received; false when ctx has ended.
func (h *held) room(ctx context.Context) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ctx.Err() == nil && len(h.waiting) > maxHeld-batchSize {
		h.changed.Wait()
	}
	return ctx.Err() == nil
}

// wake lets room see that ctx has ended.
func (h *held) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

// next waits for messages whose fate is known; none when there will be no more.
func (h *held) next() []ended {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.ended) == 0 && !(h.closed && len(h.waiting) == 0) {
		h.changed.Wait()
	}
	batch := h.ended
	h.ended = nil
	return batch
}

// list are the messages that wait, sorted.
func (h *held) list() []receipt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Keys(h.waiting), func(a, b receipt) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.handle, b.handle))
	})
}
