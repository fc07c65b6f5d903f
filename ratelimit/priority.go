package ratelimit

import (
	"context"
	"fmt"
)

// Priority orders the calls that wait for a token: the highest goes first, and
// within one priority the first come. It is strict. That starves nobody here,
// since writes are made by the reads that come before them.
type Priority uint8

const (
	// Scan is a read that nothing waits for yet.
	Scan Priority = iota
	// Lookup is a read for a write that is already planned.
	Lookup
	// Write is a change.
	Write
	// Probe is an attempt on which others wait.
	Probe

	priorities = int(Probe) + 1
)

var priorityNames = [priorities]string{"scan", "lookup", "write", "probe"}

func (p Priority) String() string {
	if int(p) < priorities {
		return priorityNames[p]
	}
	return fmt.Sprintf("Priority(%d)", uint8(p))
}

// above is the priority of a throttled call's next attempt: it has waited for
// its turn once already.
func (p Priority) above() Priority { return min(p+1, Probe) }

type priorityKey struct{}

// WithPriority returns a context that carries p down to the place where the
// token is taken. That place is inside the client's request pipeline, where
// the context is the only thing of ours that arrives.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

// PriorityFrom returns the priority that ctx carries, or Scan.
func PriorityFrom(ctx context.Context) Priority {
	p, _ := ctx.Value(priorityKey{}).(Priority)
	return p
}
