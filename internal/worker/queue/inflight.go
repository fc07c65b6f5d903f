package queue

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/eventinvoke/eventinvoke/internal/events"
)

// maxInflight bounds the messages that wait for a pass. More would only wait here
// instead of in the queue, and each costs a renewal.
const maxInflight = 1000

// receipt is one delivery of a message.
type receipt struct{ id, handle string }

// ended is a message whose disposition is known.
type ended struct {
	receipt
	disposition Disposition
}

// inflight is the set of messages received and not yet deleted or let go.
type inflight struct {
	mu      *sync.Mutex
	changed *sync.Cond
	waiting map[receipt]bool
	ended   []ended
	closed  bool // no more will be received
}

func newInflight() inflight {
	mu := &sync.Mutex{}
	return inflight{mu: mu, changed: sync.NewCond(mu), waiting: map[receipt]bool{}}
}

func (h *inflight) add(r receipt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting[r] = true
}

// end notes the disposition of a message. It does not block.
func (h *inflight) end(r receipt, f Disposition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiting, r)
	h.ended = append(h.ended, ended{r, f})
	h.changed.Broadcast()
}

// close says that no more will be received.
func (h *inflight) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.changed.Broadcast()
}

// room waits until another batch may be received; false when ctx has ended.
func (h *inflight) room(ctx context.Context) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ctx.Err() == nil && len(h.waiting) > maxInflight-batchSize {
		h.changed.Wait()
	}
	return ctx.Err() == nil
}

// wake lets room see that ctx has ended.
func (h *inflight) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

// next waits for messages whose disposition is known; none when there will be no more.
func (h *inflight) next() []ended {
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
func (h *inflight) list() []receipt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Keys(h.waiting), func(a, b receipt) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.handle, b.handle))
	})
}

// maxRemembered is how many handled events are remembered: hours of a busy account.
// One that is forgotten and comes again costs one read.
const maxRemembered = 10_000

// dedup remembers the last events that were handled, by their ids.
type dedup struct {
	mu   sync.Mutex
	ids  map[string]bool
	ring []string // in the order of arrival
	next int
}

func newDedup(size int) *dedup {
	return &dedup{ids: map[string]bool{}, ring: make([]string, size)}
}

// add notes the events of a message that was handled.
func (s *dedup) add(hints []events.Hint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hints {
		if h.EventID == "" || s.ids[h.EventID] {
			continue
		}
		delete(s.ids, s.ring[s.next])
		s.ids[h.EventID], s.ring[s.next] = true, h.EventID
		s.next = (s.next + 1) % len(s.ring)
	}
}

// all reports whether every event of a message was handled before. Events
// without an id never were.
func (s *dedup) all(hints []events.Hint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hints {
		if !s.ids[h.EventID] {
			return false
		}
	}
	return len(hints) > 0
}
