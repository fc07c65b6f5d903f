package pacetest

import (
	"slices"
	"sync"
	"time"
)

// Neighbour is somebody else on the quota: programs on the AWS SDK's standard
// retries, Terraform, people in the console. They retry, and do not listen.
type Neighbour struct {
	Attempts int         // for each operation. 3: the SDK's default; 25: Terraform's
	Call     func() bool // makes one request, and tells whether it was served
	// Uniform is a chance in [0,1), and Exponential one whose mean is 1.
	Uniform, Exponential func() float64

	all sync.WaitGroup
	mu  sync.Mutex
	ops []operation
}

// operation is what its user saw.
type operation struct {
	took   time.Duration
	failed bool
	slow   bool // took more than one attempt, or failed
}

// operate makes one call, with the SDK's legacy backoff: up to 2^n seconds
// after attempt n, and exactly 20 s from the fifth on.
func (n *Neighbour) operate() {
	start := time.Now()
	failed, attempt := true, 0
	for failed && attempt < n.Attempts {
		if attempt > 0 {
			time.Sleep(n.backoff(attempt))
		}
		attempt++
		failed = !n.Call()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ops = append(n.ops, operation{took: time.Since(start), failed: failed, slow: failed || attempt > 1})
}

func (n *Neighbour) backoff(attempt int) time.Duration {
	if attempt >= 5 {
		return 20 * time.Second
	}
	return seconds(n.Uniform() * float64(int(1)<<attempt))
}

// Poisson makes operations at random instants, rate of them per second, for a
// length of time.
func (n *Neighbour) Poisson(rate float64, length time.Duration) {
	for end := time.Now().Add(length); ; {
		time.Sleep(seconds(n.Exponential() / rate))
		if time.Now().After(end) {
			return
		}
		n.all.Go(n.operate)
	}
}

// Terraform makes calls with ten workers and returns how long it took.
func (n *Neighbour) Terraform(calls int) time.Duration {
	start := time.Now()
	queue := make(chan struct{}, calls)
	for range calls {
		queue <- struct{}{}
	}
	close(queue)
	var workers sync.WaitGroup
	for range 10 {
		workers.Go(func() {
			for range queue {
				n.operate()
			}
		})
	}
	workers.Wait()
	return time.Since(start)
}

// Console makes so many calls at once every so often, times in all: a page is opened.
func (n *Neighbour) Console(calls int, every time.Duration, times int) {
	for range times {
		time.Sleep(every)
		for range calls {
			n.all.Go(n.operate)
		}
	}
}

// Lot is what became of a neighbour's operations.
type Lot struct {
	Ops    int
	Failed float64 // operations that failed for good
	Slow   float64 // part of the operations that were not served at once
	P99    time.Duration
}

// Lot waits for what is under way.
func (n *Neighbour) Lot() Lot {
	n.all.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	l := Lot{Ops: len(n.ops)}
	if l.Ops == 0 {
		return l
	}
	var took []time.Duration
	for _, op := range n.ops {
		took = append(took, op.took)
		if op.failed {
			l.Failed++
		}
		if op.slow {
			l.Slow += 1 / float64(l.Ops)
		}
	}
	slices.Sort(took)
	l.P99 = took[len(took)*99/100]
	return l
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
