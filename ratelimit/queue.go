package ratelimit

import "container/heap"

// waiter is one Acquire that has not been answered.
type waiter struct {
	priority Priority
	sequence uint64
	index    int        // in the queue; -1: no longer in it
	answer   chan Grant // holds one; a grant without limiter says that it is closed
}

// queue is the heap of waiters: highest priority first, then first come.
type queue struct {
	heap  waiterHeap
	count [priorities]int
	next  uint64
	// spare are answered waiters. They are kept per limiter and not in a
	// sync.Pool, since a channel must not move between synctest bubbles.
	spare []*waiter
}

func (q *queue) len() int { return len(q.heap) }

// ahead counts the waiters that a new one of priority p would come after.
func (q *queue) ahead(p Priority) int {
	n := 0
	for _, c := range q.count[p:] {
		n += c
	}
	return n
}

func (q *queue) push(p Priority) *waiter {
	var w *waiter
	if n := len(q.spare); n > 0 {
		w, q.spare = q.spare[n-1], q.spare[:n-1]
	} else {
		w = &waiter{answer: make(chan Grant, 1)}
	}
	w.priority, w.sequence = p, q.next
	q.next++
	q.count[p]++
	heap.Push(&q.heap, w)
	return w
}

func (q *queue) pop() *waiter {
	w := heap.Pop(&q.heap).(*waiter)
	q.count[w.priority]--
	return w
}

func (q *queue) remove(w *waiter) {
	heap.Remove(&q.heap, w.index)
	q.count[w.priority]--
}

// recycle takes back a waiter whose answer was received, or that was removed.
func (q *queue) recycle(w *waiter) {
	if len(q.spare) < 64 {
		q.spare = append(q.spare, w)
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
