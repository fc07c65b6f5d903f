package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestStoppedRunSettlesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		ctx, cancel := contextFor(t, 2500*time.Millisecond)
		defer cancel()
		inFlight := &scripted{calls: []Priority{Write, Write}, took: 3 * time.Second, ignores: true}
		parked := &scripted{calls: []Priority{Write}, answers: times(9, Conflict)}
		ambiguous := &scripted{calls: []Priority{Write}, answers: append(times(1, ServerError), WithResult(errors.New("busy"), Conflict, 0))}
		done := &scripted{calls: []Priority{Write}}
		var later []*scripted
		for range 1000 {
			later = append(later, &scripted{calls: []Priority{Scan, Write}, took: time.Second})
		}
		stats := countTotals(ctx, l, Policy{}, sequence(append([]*scripted{inFlight, parked, ambiguous, done}, later...)...), half)

		for _, tt := range []struct {
			job       *scripted
			attempts  int
			cancelled bool
			mayRun    bool
			text      string
			why       string
		}{
			{inFlight, 1, false, false, "<nil>", "it had begun, so it was waited for"},
			{parked, 1, true, false, "attempt 2 not attempted: context canceled; the answer to the last was: conflict 1", "it knows why it waited"},
			{ambiguous, 2, true, true, "attempt 3 not attempted: context canceled; an attempt before it may have been executed: fault 1", "a fault stays, whatever came after"},
			{done, 1, false, false, "<nil>", "it was over"},
			{later[999], 0, true, false, "not attempted: context canceled", "it was not even pulled"},
		} {
			err := tt.job.settled[0]
			o, _ := ResultOf(err)
			if fmt.Sprint(err) != tt.text || (o == Cancelled) != tt.cancelled || Ambiguous(err) != tt.mayRun || tt.job.efforts[0].Attempts != tt.attempts {
				t.Errorf("settled with %q (%v, may have run: %v) after %d attempts, want %q after %d: %s",
					err, o, Ambiguous(err), tt.job.efforts[0].Attempts, tt.text, tt.attempts, tt.why)
			}
			if tt.cancelled && !errors.Is(err, context.Canceled) {
				t.Errorf("%v does not wrap the cause", err)
			}
		}
		if o, _ := ResultOf(inFlight.settled[1]); o != Cancelled || inFlight.efforts[1] != (CallStats{}) {
			t.Errorf("the second write of a job began after the end: %v, %+v", inFlight.settled[1], inFlight.efforts[1])
		}
		for i, j := range later {
			if len(j.settled) != 2 {
				t.Fatalf("job %d: %d of 2 calls settled", i, len(j.settled))
			}
		}
		if stats.Elapsed != 3*time.Second || stats.Stopped != 2 || stats.Calls != 2+1+1+1+2000 || stats.Done+stats.NotAttempted+stats.Stopped != stats.Calls {
			t.Errorf("%+v", stats)
		}
	})
}

// What comes due after the end must not wake the run again and again while it
// waits for the calls in flight: virtual time would stand still, and real time
// would be spent at full load.
func TestAStoppedRunSleepsUntilTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		ctx, cancel := contextFor(t, time.Second)
		defer cancel()
		inFlight := &scripted{calls: []Priority{Write}, took: 9 * time.Second, ignores: true}
		comesDue := &scripted{calls: []Priority{Write}, answers: times(9, Conflict)}
		if stats := countTotals(ctx, l, Policy{}, sequence(inFlight, comesDue), half); stats.Elapsed != 9*time.Second || stats.Done != 1 || stats.Stopped != 1 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestRunCancelledBeforeItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("too many errors"))
		j := &scripted{calls: []Priority{Write}}
		stats := countTotals(ctx, l, Policy{}, sequence(j), l.rand)
		o, _ := ResultOf(j.settled[0])
		if len(j.attempts) != 0 || o != Cancelled || !strings.Contains(j.settled[0].Error(), "too many errors") || stats.NotAttempted != 1 {
			t.Errorf("%v, %+v: want no attempt, and the cause", j.settled[0], stats)
		}
	})
}

func TestRunOnAClosedLimiterSettlesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Quota: 15})
		server := newModel(newBucket(15, 15))
		time.AfterFunc(3*time.Second, l.Close)
		stats := countTotals(t.Context(), l, Policy{}, errands(100, errand{limiter: l, server: server, who: "us"}), l.rand)
		if stats.Calls != 100 || stats.Done == 0 || stats.Done+stats.NotAttempted != 100 {
			t.Errorf("%+v: want all settled, some as not attempted", stats)
		}
	})
}

func TestRunTakesOnWhatTheDeadlineAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 10)
		server := newModel(newBucket(15, 15))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var wrong error
		var begun atomic.Int64
		stats := countTotals(ctx, l, Policy{}, counting(&begun, errands(1000, errand{
			limiter: l, server: server, who: "us",
			settled: func(err error, e CallStats) {
				if o, _ := ResultOf(err); err != nil && (o != Cancelled || e.Attempts != 0 || !errors.Is(err, context.DeadlineExceeded)) {
					wrong = err
				}
			},
		})), l.rand)
		if wrong != nil {
			t.Errorf("settled with %v, want only calls that were done or not attempted", wrong)
		}
		if n := int(begun.Load()); n > stats.Done+2 {
			t.Errorf("%d calls were begun, and %d done: what cannot be served in time is not taken on", n, stats.Done)
		}
		if stats.Done < 298 || stats.Done > 300 || stats.Done+stats.NotAttempted != 1000 || stats.Stopped != 0 {
			t.Errorf("%+v: 30 s at 10 a second are 300 calls", stats)
		}
		if stats.Elapsed > 30*time.Second+slowest {
			t.Errorf("took %v with a deadline of 30 s", stats.Elapsed)
		}
	})
}

// counting counts the calls of jobs.
func counting(n *atomic.Int64, jobs iter.Seq[Job]) iter.Seq[Job] {
	return func(yield func(Job) bool) {
		for j := range jobs {
			if !yield(counted{j, n}) {
				return
			}
		}
	}
}

type counted struct {
	Job
	n *atomic.Int64
}

func (c counted) Call(ctx context.Context) error {
	c.n.Add(1)
	return c.Job.Call(ctx)
}
