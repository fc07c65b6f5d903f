package ratelimit

import (
	"container/heap"
	"context"
	"time"

	"golang.org/x/time/rate"
)

// dispatch hands out tokens to the waiters until the limiter is closed.
//
// It is the only goroutine of a limiter, and sleeps while nobody waits. The lock is not
// held while it sleeps; whatever changes what it waits for calls wakeDispatcher.
func (l *Limiter) dispatch() {
	defer close(l.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.mu.Lock()
		next := l.serve(time.Now())
		l.mu.Unlock()

		var due <-chan time.Time
		if next > 0 {
			timer.Reset(next)
			due = timer.C
		}
		select {
		case <-due:
		case <-l.wake:
		case <-l.closing:
			return
		}
	}
}

// serve answers every waiter whose token is there, and returns when to look
// again; 0 means not before wakeDispatcher.
//
// Nothing stays booked while everybody is held back, nor once the queue is empty: a
// reservation taken before a pause would be at the rate of before it.
func (l *Limiter) serve(now time.Time) time.Duration {
	for l.queue.len() > 0 && !l.closed {
		if wait, blocked := l.blocked(now); blocked {
			l.release(now)
			return wait
		}
		if l.refunded {
			l.refunded = false
		} else if wait := l.reserve(now); wait > 0 {
			return wait
		}
		l.learn(now)
		w := l.queue.pop()
		w.answer <- l.grant(w.priority, w.alone, now)
		l.retune(now)
	}
	if l.queue.len() == 0 {
		l.release(now)
	}
	return 0
}

// learn lets the rate grow for the time since the last token, since somebody
// waited for this one. A pause and an outage teach nothing.
//
// The time is left out by skip, so that ten seconds of standing still are not followed by
// ten seconds' worth of growth at once.
func (l *Limiter) learn(now time.Time) {
	l.control.skip(l.paused) // which is over
	if l.breaker.state == BreakerClosed {
		l.control.grow(now)
	} else {
		l.control.skip(now)
	}
}

// blocked tells whether a pause or the breaker holds everybody back, and for
// how long; 0 means until the probe is answered.
func (l *Limiter) blocked(now time.Time) (time.Duration, bool) {
	if l.paused.After(now) {
		return l.paused.Sub(now), true
	}
	admitted, until := l.breaker.admits(now)
	if admitted || until.IsZero() {
		return 0, !admitted
	}
	return until.Sub(now), true
}

// take takes a token that is there now, if there is one and nothing blocks.
//
// It is called with an empty queue only: nobody who came earlier is passed over.
func (l *Limiter) take(now time.Time) bool {
	if _, blocked := l.blocked(now); blocked {
		return false
	}
	if l.refunded {
		l.refunded = false
		return true
	}
	return l.bucket.AllowN(now, 1)
}

// reserve books the next token, or keeps the booking there is, and returns how
// long until it is there. At 0 the token is taken.
func (l *Limiter) reserve(now time.Time) time.Duration {
	if l.reserved == nil {
		l.reserved = l.bucket.ReserveN(now, 1)
	}
	wait := l.reserved.DelayFrom(now)
	if wait == 0 {
		l.reserved = nil
	}
	return wait
}

// release gives the booked token back. A booking that is due is a token that
// is there, and is kept for the next waiter.
func (l *Limiter) release(now time.Time) {
	if l.reserved == nil {
		return
	}
	if l.reserved.DelayFrom(now) == 0 {
		l.refunded = true
	} else {
		l.reserved.CancelAt(now)
	}
	l.reserved = nil
}

// retune gives the bucket the controller's rate. Nothing may be booked, or the
// booking would keep the old rate.
//
// SetLimitAt advances the bucket's clock, and so is left out where nothing changes.
func (l *Limiter) retune(now time.Time) {
	if l.bucket.Limit() != rate.Limit(l.control.rate) {
		l.bucket.SetLimitAt(now, rate.Limit(l.control.rate))
	}
}

// Priority orders the calls that wait for a token: the highest goes first, and within one
// priority the first come. It is strict: a caller whose high calls never end starves its low
// ones.
type Priority uint8

// The priorities, lowest first.
const (
	Scan   Priority = iota // a read that nothing waits for yet
	Lookup                 // a read for a write that is already planned
	Write                  // a change
	Probe                  // an attempt on which others wait
)

const (
	priorities = int(Probe) + 1

	// alone is, within this package, a Scan of which it is known that the quota
	// refuses it while it serves others: its refusals do not slow others down.
	alone = Probe + 1
)

// String is the priority in lower case, such as "scan".
func (p Priority) String() string {
	return nameOf(p, "scan", "lookup", "write", "probe")
}

type priorityKey struct{}

// WithPriority returns a context that carries p down to the place where the
// token is taken. That place is inside the client's request pipeline, where
// the context is the only thing of ours that arrives.
func WithPriority(ctx context.Context, p Priority) context.Context {
	if PriorityFrom(ctx) == alone { // whatever a job asks for its calls
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
