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
	last      error         // of the last attempt; a fault stays, since it may have been executed
	notBefore time.Duration // of the next attempt
	tried     time.Duration // the end of the first attempt
	ended     time.Duration // the end of the last attempt
	conflict  time.Duration // the first conflict
	refused   time.Duration // the first refusal of those in a row
	sequence  uint32
	throttled uint32
	served    uint32 // calls of the run that were served before the first refusal in a row
	conflicts uint16
	faults    uint16
	refusals  uint16 // in a row, by the quota
	skews     uint8
	ends      uint8 // attempts that nothing follows
	priority  Priority
	repeats   bool // the next attempt follows a fault, and is paid from the budget
	alone     bool // the quota refuses this call while it serves others
}

// newTask is the first attempt to come of a job's next call. A job cannot ask for alone,
// which Run alone may find: priorities above Probe come down to it.
func newTask(job Job, sequence uint32, p Priority) *task {
	return &task{job: job, sequence: sequence, priority: min(p, Probe)}
}

// attempts is how many attempts were sent. Every result is counted in exactly one of the
// five, so that their sum needs no field of its own.
func (t *task) attempts() int {
	return int(t.throttled) + int(t.conflicts) + int(t.faults) + int(t.skews) + int(t.ends)
}

// stats is what Job.Done learns of the call. Waited runs from the end of the first attempt
// to that of the last, so a call that needed one attempt waited for nothing.
func (t *task) stats() CallStats {
	return CallStats{
		Attempts:  t.attempts(),
		Throttled: int(t.throttled), Conflicts: int(t.conflicts), Faults: int(t.faults),
		Waited: t.ended - t.tried,
	}
}

// look learns whether the quota refuses this call alone: it was refused twice, and
// others were served since. One that slipped through says little.
func (t *task) look(served uint32) {
	t.alone = t.alone || t.refusals > 1 && served-t.served > 1
}

// attemptPriority is that of the next attempt: higher after a refusal, for the
// call has waited for its turn once already; and the least for one that is
// refused alone.
func (t *task) attemptPriority() Priority {
	switch {
	case t.alone:
		return alone
	case t.refusals == 1:
		return min(t.priority+1, Probe)
	}
	return t.priority
}

// yields reports whether the call lets those go first that were not tried yet:
// the quota refused it more than once, and may serve them.
func (t *task) yields() bool { return t.refusals > 1 }

// note counts an attempt that was made. Served is how many calls of the run were
// served until then.
//
// The error that is kept is the last one, save that nothing replaces a server error but
// another: whether a write was executed matters more than why its repeat was refused.
func (t *task) note(err error, o Result, at time.Duration, served uint32) {
	if t.attempts() == 0 {
		t.tried = at
	}
	t.ended = at
	if o != Throttled {
		t.refusals, t.alone = 0, false
	}
	switch o {
	case Throttled:
		t.throttled++
		if t.refusals++; t.refusals == 1 {
			t.refused, t.served = at, served
		}
	case ServerError:
		t.faults++
	case Conflict:
		if t.conflicts++; t.conflicts == 1 {
			t.conflict = at
		}
	case ClockSkew:
		t.skews++
	default:
		t.ends++
	}
	if o == ServerError || t.faults == 0 {
		t.last = err
	}
}

// again decides whether the call gets another attempt after one with this
// result, and after how long. It is the table above Policy. Others tells that the
// run's other calls were served.
//
// A throttled call has no limit of attempts while the whole run is refused: the limiter
// slows down for it, and health ends the run if that goes on. Only where others are
// served is the refusal the call's own matter, with an end of its own.
//
// What the server asks to wait is heeded up to maxRetryAfter.
func (p *Policy) again(t *task, o Result, retryAfter time.Duration, others bool, u float64) (time.Duration, bool) {
	asked := min(retryAfter, maxRetryAfter)
	switch o {
	case Throttled:
		delay := throttleDelay(int(t.refusals), u)
		if t.alone { // else the limiter makes everybody wait
			delay = max(delay, asked)
		}
		return delay, !others || t.refusals < giveUpRefusals || t.ended-t.refused < p.GiveUpAfter
	case ServerError:
		return max(faultDelay(int(t.faults), u), asked), int(t.faults) < p.FaultAttempts
	case Conflict:
		return p.conflictDelay(int(t.conflicts), u), t.ended-t.conflict < conflictLimit
	case ClockSkew:
		return 0, t.skews == 1
	}
	return 0, false
}

// concluded is the error of a call that gets no other attempt. A refusal does not
// hide a fault before it, which may have been executed.
func (t *task) concluded(err error, o Result) error {
	if o == Throttled {
		given := &GivenUpError{Result: o, Alone: true, Attempts: int(t.refusals), After: t.ended - t.refused}
		err = WithResult(fmt.Errorf("%w: %w", given, err), o, 0)
	}
	if err == nil || o == ServerError || t.faults == 0 {
		return err
	}
	return WithResult(fmt.Errorf("%w; an attempt before it may have been executed: %w", err, t.last), o, 0)
}

// stopped is the error of a call that the run's end kept from its next attempt.
//
// It is marked Cancelled in every case. Where an earlier attempt may have been executed
// that is said, and Ambiguous finds it: the caller must not report "not attempted".
func (t *task) stopped(cause error) error {
	if m, ok := errors.AsType[*marked](cause); !ok || m.result != Cancelled {
		cause = cancelled(cause)
	}
	switch {
	case t.last == nil:
		return cause
	case Ambiguous(t.last):
		return WithResult(fmt.Errorf("attempt %d %w; an attempt before it may have been executed: %w", t.attempts()+1, cause, t.last), Cancelled, 0)
	}
	return WithResult(fmt.Errorf("attempt %d %w; the answer to the last was: %w", t.attempts()+1, cause, t.last), Cancelled, 0)
}

// Wait says what calls wait for.
type Wait uint8

// The waits. The first four hold back calls of a Run, the last two everybody on the quota.
const (
	WaitThrottled Wait = iota // the quota refused them
	WaitBusy                  // their subject was busy
	WaitFailed                // the server failed or did not answer
	WaitBudget                // the same, and the budget for repeats is spent for now
	WaitPaused                // all calls wait, because the quota refused one
	WaitBreaker               // all calls wait, because the server failed five times in a row
)

// Backlog is what is held back, by what it waits for. It explains a run that
// stands still though the quota has room. No wait is missing from it but those for
// an answer and for the next token.
type Backlog [WaitBreaker + 1]Waiting

// Waiting are the calls that wait for one thing.
type Waiting struct {
	Calls int       // how many
	Next  time.Time // when the first of them goes on; zero: when the breaker's probe is answered
}

// Calls is how many calls are held back until another attempt: the first four waits.
func (b *Backlog) Calls() int {
	n := 0
	for w := range WaitPaused {
		n += b[w].Calls
	}
	return n
}

// Add takes in what another run or another limiter holds back.
func (b *Backlog) Add(o *Backlog) {
	for w := range b {
		if o[w].Calls > 0 && (b[w].Calls == 0 || o[w].Next.Before(b[w].Next)) {
			b[w].Next = o[w].Next
		}
		b[w].Calls += o[w].Calls
	}
}

// backlog holds the tasks that no worker has: parked ones until their time
// comes, by what they wait for, then ready ones by priority.
type backlog struct {
	ready  taskHeap             // those that yield last; highest priority; longest due; first come
	parked [WaitPaused]taskHeap // soonest first
}

func newBacklog() backlog {
	b := backlog{ready: taskHeap{less: func(a, b *task) bool {
		switch {
		case a.yields() != b.yields():
			return b.yields()
		case a.priority != b.priority:
			return a.priority > b.priority
		}
		return soonest(a, b)
	}}}
	for w := range b.parked {
		b.parked[w].less = soonest
	}
	return b
}

// soonest orders by time, and by the order of the jobs where that is the same, so that one
// seed gives one order.
func soonest(a, b *task) bool {
	if a.notBefore != b.notBefore {
		return a.notBefore < b.notBefore
	}
	return a.sequence < b.sequence
}

// len is every task that no worker has, ready or parked.
func (b *backlog) len() int { return b.ready.Len() + b.parkedCalls() }

func (b *backlog) parkedCalls() int {
	n := 0
	for w := range b.parked {
		n += b.parked[w].Len()
	}
	return n
}

// park keeps t until its time.
func (b *backlog) park(t *task, w Wait) { heap.Push(&b.parked[w], t) }

// push adds a task that may go at once.
func (b *backlog) push(t *task) { heap.Push(&b.ready, t) }

// pop takes the best of those that may go at once, or nil. With fresh, there are
// calls that were not tried yet: what yields to them stays.
func (b *backlog) pop(fresh bool) *task {
	if b.ready.Len() == 0 || fresh && b.ready.tasks[0].yields() {
		return nil
	}
	return heap.Pop(&b.ready).(*task)
}

// due lets go what has waited long enough, and returns a task that has waited for
// the budget in vain, or nil. Of those that wait for the budget one is let go at a
// time: each spends what the next one needs.
func (b *backlog) due(at time.Duration, budget *budget) *task {
	for w := range WaitBudget {
		for b.parked[w].Len() > 0 && b.parked[w].tasks[0].notBefore <= at {
			b.push(heap.Pop(&b.parked[w]).(*task))
		}
	}
	over := &b.parked[WaitBudget]
	switch {
	case over.Len() == 0:
	case at >= over.tasks[0].notBefore+budgetWait:
		return heap.Pop(over).(*task)
	case at >= budget.free():
		b.push(heap.Pop(over).(*task))
	}
	return nil
}

// next is when something of what waits for w goes on.
func (b *backlog) next(w Wait, budget *budget) (time.Duration, bool) {
	if b.parked[w].Len() == 0 {
		return 0, false
	}
	first := b.parked[w].tasks[0].notBefore
	if w == WaitBudget {
		return min(budget.free(), first+budgetWait), true
	}
	return first, true
}

// wakes is when the first of all that wait goes on.
func (b *backlog) wakes(budget *budget) (first time.Duration, ok bool) {
	for w := range Wait(len(b.parked)) {
		if at, waits := b.next(w, budget); waits && (!ok || at < first) {
			first, ok = at, true
		}
	}
	return first, ok
}

// taskHeap is a heap.Interface over tasks whose order is given with it: the ready ones and
// the parked ones are ordered differently.
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
