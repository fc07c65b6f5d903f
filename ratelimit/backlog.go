package ratelimit

import (
	"container/heap"
	"time"
)

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
