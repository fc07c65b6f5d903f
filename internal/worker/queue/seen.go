package queue

import (
	"sync"

	"github.com/eventinvoke/eventinvoke/internal/events"
)

// maxSeen is how many handled events are remembered: hours of a busy account.
// One that is forgotten and comes again costs one read.
const maxSeen = 10_000

// seen remembers the last events that were handled, by their ids.
type seen struct {
	mu   sync.Mutex
	ids  map[string]bool
	ring []string // in the order of arrival
	next int
}

func newSeen(size int) *seen {
	return &seen{ids: map[string]bool{}, ring: make([]string, size)}
}

// add notes the events of a message that was handled.
func (s *seen) add(hints []events.Hint) {
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
func (s *seen) all(hints []events.Hint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hints {
		if !s.ids[h.EventID] {
			return false
		}
	}
	return len(hints) > 0
}
