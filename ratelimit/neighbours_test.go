package ratelimit

import (
	"math/rand/v2"
	"sync"
	"time"
)

// neighbour is somebody else on the quota: programs on the AWS SDK's standard
// retries, Terraform, people in the console. They retry, and do not listen.
type neighbour struct {
	server   *model
	who      string
	attempts int // 3: the SDK's default; 25: Terraform's
	dice     *rand.Rand

	mu     sync.Mutex
	all    sync.WaitGroup
	ops    int
	failed int
	slow   int // took more than one attempt, or failed
}

// operate makes one call, with the SDK's legacy backoff: up to 2^n seconds
// after attempt n, and exactly 20 s from the fifth on.
func (n *neighbour) operate() {
	failed, attempt := true, 0
	for failed && attempt < n.attempts {
		if attempt > 0 {
			time.Sleep(n.backoff(attempt))
		}
		attempt++
		failed = n.server.call(n.who, "") != nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ops++
	if failed {
		n.failed++
	}
	if failed || attempt > 1 {
		n.slow++
	}
}

func (n *neighbour) backoff(attempt int) time.Duration {
	if attempt >= 5 {
		return 20 * time.Second
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return seconds(n.dice.Float64() * float64(int(1)<<attempt))
}

// poisson makes operations at random instants, rate of them per second, for a
// length of time.
func (n *neighbour) poisson(rate float64, length time.Duration) {
	for end := time.Now().Add(length); ; {
		n.mu.Lock()
		gap := seconds(n.dice.ExpFloat64() / rate)
		n.mu.Unlock()
		time.Sleep(gap)
		if time.Now().After(end) {
			return
		}
		n.all.Go(n.operate)
	}
}

// terraform makes calls with ten workers and returns how long it took.
func (n *neighbour) terraform(calls int) time.Duration {
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

// console makes so many calls at once every so often, times in all: a page is opened.
func (n *neighbour) console(calls int, every time.Duration, times int) {
	for range times {
		time.Sleep(every)
		for range calls {
			n.all.Go(n.operate)
		}
	}
}
