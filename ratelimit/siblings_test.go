package ratelimit

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Several of our own processes on one quota, each of which believes that it
// may use all of it, and none of which knows of the others.
func TestOwnProcessesShare(t *testing.T) {
	for _, tt := range []struct {
		processes    int
		use, refused float64
		fairness     float64
		why          string
		share        float64
	}{
		{processes: 2, share: 1, use: 0.90, refused: 0.02, fairness: 0.90, why: "two pipelines overlap"},
		{processes: 3, share: 1, use: 0.93, refused: 0.02, fairness: 0.90, why: "the third finds room"},
		{processes: 5, share: 1, use: 0.93, refused: 0.03, fairness: 0.88, why: "a low floor keeps five below the quota"},
		{processes: 3, use: 0.90, refused: 0.03, fairness: 0.90, why: "at the default share"},
	} {
		var use, refused, fairness float64
		const runs = 4
		for seed := range uint64(runs) {
			synctest.Test(t, func(t *testing.T) {
				u, r, f := siblings(t, tt.processes, Options{Quota: 15, Share: tt.share}, seed)
				use, refused, fairness = use+u/runs, refused+r/runs, fairness+f/runs
			})
		}
		t.Logf("%d processes, share %v: use %.3f, refused %.2f %%, Jain fairness %.3f", tt.processes, tt.share, use, 100*refused, fairness)
		if use < tt.use || refused > tt.refused || fairness < tt.fairness {
			t.Errorf("%d processes: want use %v, refused %v, fairness %v: %s", tt.processes, tt.use, tt.refused, tt.fairness, tt.why)
		}
	}
}

// siblings runs k processes for five minutes. It returns how much of the quota
// they used, the part of their requests that was refused, and Jain's index of
// fairness over what each got done.
func siblings(t *testing.T, k int, s Options, seed uint64) (use, refused, fairness float64) {
	const length = 5 * time.Minute
	server := newModel(newBucket(15, 15))
	ctx, cancel := contextFor(t, length)
	defer cancel()
	var all sync.WaitGroup
	for i := range k {
		all.Go(func() {
			random := randOf(seed*100 + uint64(i))
			l := newLimiter(s, random)
			defer l.Close()
			run(ctx, l, Policy{}, errands(5000, errand{limiter: l, server: server, who: string(rune('a' + i))}), random)
		})
	}
	all.Wait()
	var served, requests, throttled, squares float64
	for _, seen := range server.seen {
		served += float64(seen.served)
		squares += float64(seen.served) * float64(seen.served)
		requests += float64(seen.requests)
		throttled += float64(seen.throttled)
	}
	return served / (15 * length.Seconds()), throttled / requests, served * served / (float64(k) * squares)
}
