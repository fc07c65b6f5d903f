package ratelimit

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestOutageWastesFewCalls(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			const calls = 2000
			server := newModel(newBucket(15, 15))
			server.down = func(at time.Duration) bool { return at >= time.Minute && at < 2*time.Minute }
			l := newLimiter(Options{Quota: 15}, randOf(seed))
			defer l.Close()
			stats := countTotals(t.Context(), l, Policy{}, errands(calls, errand{limiter: l, server: server, who: "us"}), randOf(seed))
			wasted := server.traffic("us").faults
			ideal := seconds(calls/13.5+0.85) + time.Minute
			efficiency := ideal.Seconds() / stats.Elapsed.Seconds()
			t.Logf("%d calls wasted, efficiency %.3f", wasted, efficiency)
			if stats.Done != calls || wasted > 25 || efficiency < 0.96 {
				t.Errorf("an outage of a minute: %d of %d done, %d calls wasted (want 25), efficiency %.3f (want 0.96)", stats.Done, calls, wasted, efficiency)
			}
		})
	}
}

func TestBusySubjectCostsFewTokens(t *testing.T) {
	for _, busy := range []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, 90 * time.Second} {
		var attempts, late float64
		for seed := range uint64(20) {
			synctest.Test(t, func(t *testing.T) {
				l := steadyLimiter(t, 15)
				server := newModel(newBucket(15, 15))
				server.busyUntil = map[string]time.Duration{"fn": busy}
				bystanders := 0
				jobs := func(yield func(Job) bool) {
					if !yield(&errand{limiter: l, server: server, who: "us", subject: "fn", calls: 1}) {
						return
					}
					for range 100 {
						if !yield(&errand{limiter: l, server: server, who: "others", calls: 1, settled: func(_ error, e CallStats) { bystanders += e.Attempts }}) {
							return
						}
					}
				}
				stats := countTotals(t.Context(), l, Policy{}, jobs, randOf(seed))
				if stats.Done != 101 || bystanders != 100 {
					t.Errorf("%+v, others took %d attempts for 100 calls: one busy subject must not hold back others", stats, bystanders)
				}
				n := server.traffic("us").requests
				if n > 6 {
					t.Errorf("busy for %v: %d tokens, want at most 6", busy, n)
				}
				attempts += float64(n) / 20
				late += (stats.Elapsed - busy).Seconds() / 20
			})
		}
		t.Logf("busy for %v: %.1f tokens, done %.1f s after it was free", busy, attempts, late)
	}
}

// With a server that fails often, attempts that follow a fault stay within the
// budget, and nothing waits for ever.
func TestFaultsStayWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		var jobs []*scripted
		for range 300 {
			jobs = append(jobs, &scripted{calls: []Priority{Scan}, answers: times(20, ServerError)})
		}
		stats := countTotals(t.Context(), l, Policy{}, sequence(jobs...), half)
		if stats.Failed+stats.NotAttempted+stats.Stopped != 300 || stats.Failed == 0 {
			t.Errorf("%+v: want all failed, or given up", stats)
		}
		if repeats, most := float64(stats.Attempts-300), budgetStart+budgetShare*float64(stats.Attempts)+budgetPerSecond*stats.Elapsed.Seconds(); repeats > most {
			t.Errorf("%v attempts followed a fault, want at most %v: %+v", repeats, most, stats)
		}
		if limit := (Policy{}).withDefaults().GiveUpAfter + 20*time.Second; stats.Elapsed > limit {
			t.Errorf("took %v without one success, want less than %v", stats.Elapsed, limit)
		}
		t.Logf("%+v", stats)
	})
}
