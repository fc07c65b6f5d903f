package ratelimit

import (
	"container/heap"
	"time"
)

// Wait says what calls wait for.
type Wait uint8

const (
	// WaitThrottled: the quota refused them.
	WaitThrottled Wait = iota
	// WaitBusy: their subject was busy.
	WaitBusy
	// WaitFailed: the server failed or did not answer.
	WaitFailed
	// WaitBudget: the same, and the budget for repeats is spent for now.
	WaitBudget
	// WaitPaused: all calls wait, because the quota refused one.
	WaitPaused
	// WaitBreaker: all calls wait, because the server failed five times in a row.
	WaitBreaker

	waits = WaitBreaker + 1
)

// Backlog is what is held back, by what it waits for. It explains a run that
// stands still though the quota has room. No wait is missing from it but those for
// an answer and for the next token.
type Backlog [waits]Held

// Held is the calls that wait for one thing.
type Held struct {
	Calls int
	// Next is when the first of them goes on, or zero: when the breaker's probe
	// is answered.
	Next time.Time
}

// Calls is how many calls are held back until another attempt.
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
