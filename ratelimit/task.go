package ratelimit

import (
	"container/heap"
	"errors"
	"fmt"
	"time"
)

// task is one call of one job in Run's hands. There may be 100,000 of them
// parked, so it is kept small. Instants are counted from the run's start.
type task struct {
	job       Job
	last      error // of the last attempt; a fault stays, since it may have been executed
	notBefore time.Duration
	tried     time.Duration // the end of the first attempt
	ended     time.Duration // the end of the last attempt
	conflict  time.Duration // the first conflict
	sequence  uint32
	throttled uint32
	conflicts uint16
	faults    uint16
	skews     uint8
	ends      uint8 // attempts that nothing follows
	priority  Priority
	repeats   bool // the next attempt follows a fault, and is paid from the budget
}

func (t *task) attempts() int {
	return int(t.throttled) + int(t.conflicts) + int(t.faults) + int(t.skews) + int(t.ends)
}

func (t *task) effort() Effort {
	return Effort{
		Attempts:  t.attempts(),
		Throttled: int(t.throttled), Conflicts: int(t.conflicts), Faults: int(t.faults),
		Waited: t.ended - t.tried,
	}
}

// note counts an attempt that was made.
func (t *task) note(err error, o Outcome, at time.Duration) {
	if t.attempts() == 0 {
		t.tried = at
	}
	t.ended = at
	switch o {
	case Throttled:
		t.throttled++
	case Fault:
		t.faults++
	case Conflict:
		if t.conflicts++; t.conflicts == 1 {
			t.conflict = at
		}
	case Skew:
		t.skews++
	default:
		t.ends++
	}
	if o == Fault || t.faults == 0 {
		t.last = err
	}
}

// again decides whether the call gets another attempt after one with this
// outcome, and after how long. It is the table above Policy.
func (p *Policy) again(t *task, o Outcome, retryAfter time.Duration, u float64) (time.Duration, bool) {
	switch o {
	case Throttled: // the limiter makes everybody wait
		return 0, true
	case Fault:
		return max(p.FaultDelay(int(t.faults), u), min(retryAfter, maxRetryAfter)), int(t.faults) < p.FaultAttempts
	case Conflict:
		return p.ConflictDelay(int(t.conflicts), u), t.ended-t.conflict < p.ConflictLimit
	case Skew:
		return 0, t.skews == 1
	}
	return 0, false
}

// stopped is the error of a call that the run's end kept from its next attempt.
func (t *task) stopped(cause error) error {
	if m, ok := errors.AsType[*marked](cause); !ok || m.outcome != Cancelled {
		cause = cancelled(cause)
	}
	switch {
	case t.last == nil:
		return cause
	case MayHaveRun(t.last):
		return Mark(fmt.Errorf("attempt %d %w; an attempt before it may have been executed: %w", t.attempts()+1, cause, t.last), Cancelled, 0)
	}
	return Mark(fmt.Errorf("attempt %d %w; the answer to the last was: %w", t.attempts()+1, cause, t.last), Cancelled, 0)
}

// backlog holds the tasks that no worker has: parked ones until their time
// comes, then ready ones by priority.
type backlog struct {
	ready  taskHeap // highest priority, then longest due, then first come
	parked taskHeap // soonest first
}

func newBacklog() backlog {
	return backlog{
		ready: taskHeap{less: func(a, b *task) bool {
			switch {
			case a.priority != b.priority:
				return a.priority > b.priority
			case a.notBefore != b.notBefore:
				return a.notBefore < b.notBefore
			}
			return a.sequence < b.sequence
		}},
		parked: taskHeap{less: func(a, b *task) bool {
			if a.notBefore != b.notBefore {
				return a.notBefore < b.notBefore
			}
			return a.sequence < b.sequence
		}},
	}
}

func (b *backlog) len() int { return b.ready.Len() + b.parked.Len() }

func (b *backlog) add(t *task, at time.Duration) {
	if t.notBefore > at {
		heap.Push(&b.parked, t)
	} else {
		heap.Push(&b.ready, t)
	}
}

// due returns the task to work on now, or nil.
func (b *backlog) due(at time.Duration) *task {
	for b.parked.Len() > 0 && b.parked.tasks[0].notBefore <= at {
		heap.Push(&b.ready, heap.Pop(&b.parked))
	}
	if b.ready.Len() == 0 {
		return nil
	}
	return heap.Pop(&b.ready).(*task)
}

// wakes is when the first parked task comes due.
func (b *backlog) wakes() (time.Duration, bool) {
	if b.parked.Len() == 0 {
		return 0, false
	}
	return b.parked.tasks[0].notBefore, true
}

type taskHeap struct {
	tasks []*task
	less  func(a, b *task) bool
}

func (h *taskHeap) Len() int           { return len(h.tasks) }
func (h *taskHeap) Less(i, j int) bool { return h.less(h.tasks[i], h.tasks[j]) }
func (h *taskHeap) Swap(i, j int)      { h.tasks[i], h.tasks[j] = h.tasks[j], h.tasks[i] }
func (h *taskHeap) Push(x any)         { h.tasks = append(h.tasks, x.(*task)) }
func (h *taskHeap) Pop() any {
	n := len(h.tasks) - 1
	t := h.tasks[n]
	h.tasks[n] = nil
	h.tasks = h.tasks[:n]
	return t
}
