package awslambda

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// OpStats counts the requests of one operation by how they ended.
type OpStats struct {
	Op        string
	Calls     int64 // requests sent: the sum of what follows
	OK        int64
	Throttled int64
	Conflicts int64
	Faults    int64 // 5xx, timeouts, broken connections, spoilt answers
	Skewed    int64 // refused for a clock or an expired token, and worth one more try
	Refused   int64 // every other refusal
}

// counters are the OpStats of one target. The zero value is ready to use.
type counters struct {
	mu sync.Mutex
	by map[string]*OpStats
}

func (c *counters) add(op string, o ratelimit.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.by[op]
	if s == nil {
		if c.by == nil {
			c.by = map[string]*OpStats{}
		}
		s = &OpStats{Op: op}
		c.by[op] = s
	}
	s.Calls++
	switch o {
	case ratelimit.OK:
		s.OK++
	case ratelimit.Throttled:
		s.Throttled++
	case ratelimit.Conflict:
		s.Conflicts++
	case ratelimit.ServerError:
		s.Faults++
	case ratelimit.ClockSkew:
		s.Skewed++
	default:
		s.Refused++
	}
}

// stats lists the operations by name.
func (c *counters) stats() []OpStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]OpStats, 0, len(c.by))
	for s := range maps.Values(c.by) {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b OpStats) int { return strings.Compare(a.Op, b.Op) })
	return out
}
