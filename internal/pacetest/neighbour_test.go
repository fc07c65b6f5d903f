package pacetest

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// neighbour is somebody else on the quota: programs on the AWS SDK's standard
// retries, Terraform, people in the console. They retry, and do not listen.
type neighbour struct {
	*caller
	attempts int // 3: the SDK's default; 25: Terraform's

	all    sync.WaitGroup
	record sync.Mutex
	ops    []operation
}

// operation is what its user saw.
type operation struct {
	took   time.Duration
	failed bool
	slow   bool // took more than one attempt, or failed
}

// operate makes one call, with the SDK's legacy backoff: up to 2^n seconds
// after attempt n, and exactly 20 s from the fifth on.
func (n *neighbour) operate() {
	start := time.Now()
	failed, attempt := true, 0
	for failed && attempt < n.attempts {
		if attempt > 0 {
			time.Sleep(n.backoff(attempt))
		}
		attempt++
		failed = !n.request()
	}
	n.record.Lock()
	defer n.record.Unlock()
	n.ops = append(n.ops, operation{took: time.Since(start), failed: failed, slow: failed || attempt > 1})
}

func (n *neighbour) backoff(attempt int) time.Duration {
	if attempt >= 5 {
		return 20 * time.Second
	}
	return seconds(n.chance() * float64(int(1)<<attempt))
}

func (n *neighbour) request() bool {
	r, err := http.NewRequest(http.MethodGet, "https://lambda."+here.Region+".amazonaws.com/2019-09-25/functions/"+functionName(0)+"/event-invoke-config/list", nil)
	if err != nil {
		panic(err)
	}
	// The pretend AWS reads who asks, and does not verify the signature.
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA"+here.Account+"/20260131/"+here.Region+"/lambda/aws4_request, SignedHeaders=host, Signature=00")
	res, err := n.Do(r)
	return err == nil && res.StatusCode == http.StatusOK
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

// lot is what became of the neighbour's operations.
type lot struct {
	ops    int
	failed float64 // operations that failed for good
	slow   float64 // part of the operations that were not served at once
	p99    time.Duration
}

func (n *neighbour) lot() lot {
	n.all.Wait()
	n.record.Lock()
	defer n.record.Unlock()
	l := lot{ops: len(n.ops)}
	if l.ops == 0 {
		return l
	}
	var took []time.Duration
	for _, op := range n.ops {
		took = append(took, op.took)
		if op.failed {
			l.failed++
		}
		if op.slow {
			l.slow += 1 / float64(l.ops)
		}
	}
	slices.Sort(took)
	l.p99 = took[len(took)*99/100]
	return l
}
