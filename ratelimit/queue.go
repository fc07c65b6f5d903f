package ratelimit

import (
	"container/heap"
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

	// alone is, within this package, a Scan of which it is known that the quota
	// refuses it while it serves others: its refusals do not slow others down.
	alone = Probe + 1
)

var priorityNames = [priorities]string{"scan", "lookup", "write", "probe"}

func (p Priority) String() string {
	if int(p) < priorities {
		return priorityNames[p]
	}
	return fmt.Sprintf("Priority(%d)", uint8(p))
}

type priorityKey struct{}

// WithPriority returns a context that carries p down to the place where the
// token is taken. That place is inside the client's request pipeline, where
// the context is the only thing of ours that arrives. What Run knows to be refused
// alone keeps to that, whatever a job asks for its calls.
func WithPriority(ctx context.Context, p Priority) context.Context {
	if PriorityFrom(ctx) == alone {
		return ctx
	}
	return context.WithValue(ctx, priorityKey{}, p)
}

// PriorityFrom returns the priority that ctx carries, or Scan.
func PriorityFrom(ctx context.Context) Priority {
	p, _ := ctx.Value(priorityKey{}).(Priority)
	return p
}

// waiter is one Acquire that has not been answered.
type waiter struct {
	priority Priority
	alone    bool
	sequence uint64
	index    int        // in the queue; -1: no longer in it
	answer   chan Grant // holds one; a grant without limiter says that it is closed
}

// queue is the heap of waiters: highest priority first, then first come.
type queue struct {
	heap  waiterHeap
	count [priorities]int
	next  uint64
	// free are answered waiters. They are kept per limiter and not in a
	// sync.Pool, since a channel must not move between synctest bubbles.
	free []*waiter
}

func (q *queue) len() int { return len(q.heap) }

// ahead counts the waiters that a new one of priority p would come after.
//
// Those of its own priority are among them: within one priority the first come goes first.
func (q *queue) ahead(p Priority) int {
	n := 0
	for _, c := range q.count[p:] {
		n += c
	}
	return n
}

// push adds a waiter. Its sequence never repeats, so the order of a queue is total and no
// two runs of a test differ by it.
func (q *queue) push(p Priority, alone bool) *waiter {
	var w *waiter
	if n := len(q.free); n > 0 {
		w, q.free = q.free[n-1], q.free[:n-1]
	} else {
		w = &waiter{answer: make(chan Grant, 1)}
	}
	w.priority, w.alone, w.sequence = p, alone, q.next
	q.next++
	q.count[p]++
	heap.Push(&q.heap, w)
	return w
}

// pop takes out the best waiter; the queue must not be empty. The caller owes it an answer.
func (q *queue) pop() *waiter {
	w := heap.Pop(&q.heap).(*waiter)
	q.count[w.priority]--
	return w
}

// remove takes out a waiter that gave up. It must still be in the queue: index >= 0.
func (q *queue) remove(w *waiter) {
	heap.Remove(&q.heap, w.index)
	q.count[w.priority]--
}

// recycle takes back a waiter whose answer was received, or that was removed.
//
// Its channel is empty by then, which makes it good for another use. 64 are more than the
// workers of a run need at a time; what a burst brings beyond goes to the collector.
func (q *queue) recycle(w *waiter) {
	if len(q.free) < 64 {
		q.free = append(q.free, w)
	}
}

type waiterHeap []*waiter

func (h waiterHeap) Len() int { return len(h) }

func (h waiterHeap) Less(i, j int) bool {
	if h[i].priority != h[j].priority {
		return h[i].priority > h[j].priority
	}
	return h[i].sequence < h[j].sequence
}

func (h waiterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waiterHeap) Push(x any) {
	w := x.(*waiter)
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *waiterHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	w.index = -1
	return w
}
