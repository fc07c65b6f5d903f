package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// One attempt: take a token, call, say what came of it.
func ExampleLimiter_Acquire() {
	limiter := ratelimit.New(ratelimit.Options{Quota: 15, Share: 0.9})
	defer limiter.Close()

	attempt := func(ctx context.Context, call func() error) error {
		grant, err := limiter.Acquire(ctx, ratelimit.PriorityFrom(ctx))
		if err != nil {
			return err // marked Cancelled: nothing was sent
		}
		err = call()
		grant.Done(ratelimit.ResultOf(err))
		return err
	}

	ctx := ratelimit.WithPriority(context.Background(), ratelimit.Write)
	err := attempt(ctx, func() error {
		return ratelimit.WithResult(errors.New("Rate exceeded"), ratelimit.Throttled, 3*time.Second)
	})
	s := limiter.Snapshot()
	fmt.Println(err)
	fmt.Printf("%.3f of %.1f per second, paused for %v\n", s.Rate, s.Ceiling, s.Paused.Round(time.Second))
	// Output:
	// Rate exceeded
	// 4.388 of 13.5 per second, paused for 3s
}

// One limiter for all who are counted together, whatever they call themselves.
func ExampleRegistry() {
	type account struct{ id, region string }
	share := 0.9
	limiters := ratelimit.NewRegistry(func(account) ratelimit.Options {
		return ratelimit.Options{Quota: 15, Share: share}
	})
	defer limiters.Close()

	ireland := limiters.For(account{"111111111111", "eu-west-1"})
	fmt.Println(ireland == limiters.For(account{"111111111111", "eu-west-1"}))
	fmt.Println(ireland == limiters.For(account{"111111111111", "us-east-1"}))
	share = 0.5 // say, because a file was edited
	limiters.Refresh()
	fmt.Println(ireland.Snapshot().Ceiling)
	// Output:
	// true
	// false
	// 7.5
}

// What waits is told by what it waits for.
func ExampleBacklog() {
	limiter := ratelimit.New(ratelimit.Options{Quota: 15})
	defer limiter.Close()
	grant, _ := limiter.Acquire(context.Background(), ratelimit.Scan)
	grant.Done(ratelimit.Throttled, 30*time.Second)
	paused := limiter.Snapshot().Backlog[ratelimit.WaitPaused]
	fmt.Println("paused for", time.Until(paused.Next).Round(time.Second))
	// Output:
	// paused for 30s
}

// rename is one write.
type rename struct {
	limiter *ratelimit.Limiter
	name    string
	tries   int
	settled bool
}

func (r *rename) Next() (ratelimit.Priority, bool) { return ratelimit.Write, !r.settled }

func (r *rename) Call(ctx context.Context) error {
	grant, err := r.limiter.Acquire(ctx, ratelimit.PriorityFrom(ctx))
	if err != nil {
		return err
	}
	if r.tries++; r.name == "orders" && r.tries == 1 {
		err = ratelimit.WithResult(errors.New("update in progress"), ratelimit.Conflict, 0)
	}
	grant.Done(ratelimit.ResultOf(err))
	return err
}

func (r *rename) Done(err error, e ratelimit.CallStats) {
	r.settled = true
	fmt.Printf("%s: %v after %d attempts, %d conflicts\n", r.name, err, e.Attempts, e.Conflicts)
}

// A run repeats what deserves it. Here one subject is busy at first; the other
// does not wait for it.
func ExampleRun() {
	limiter := ratelimit.New(ratelimit.Options{Quota: 1000})
	defer limiter.Close()
	jobs := func(yield func(ratelimit.Job) bool) {
		for _, name := range []string{"orders", "billing"} {
			if !yield(&rename{limiter: limiter, name: name}) {
				return
			}
		}
	}
	policy := ratelimit.Policy{}
	policy.ConflictSteps = []time.Duration{20 * time.Millisecond} // 5 s and more, as a rule
	ratelimit.Run(context.Background(), limiter, policy, jobs)
	// Output:
	// billing: <nil> after 1 attempts, 0 conflicts
	// orders: <nil> after 2 attempts, 1 conflicts
}
