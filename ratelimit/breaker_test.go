package ratelimit

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBreakerOpensAfterFaultsInARow(t *testing.T) {
	for _, tt := range []struct {
		outcomes []Result
		want     BreakerState
		why      string
	}{
		{[]Result{ServerError, ServerError, ServerError, ServerError}, BreakerClosed, "four may be bad luck"},
		{[]Result{ServerError, ServerError, ServerError, ServerError, ServerError}, BreakerOpen, "five are not"},
		{[]Result{ServerError, ServerError, ServerError, ServerError, OK, ServerError}, BreakerClosed, "not in a row"},
		{[]Result{ServerError, ServerError, ServerError, ServerError, Throttled, ServerError}, BreakerClosed, "a refusal is an answer"},
		{[]Result{ServerError, ServerError, ServerError, ServerError, Conflict, ServerError}, BreakerClosed, "so is a conflict"},
		{[]Result{ServerError, ServerError, Cancelled, ServerError, ServerError, ServerError}, BreakerOpen, "an attempt that was not made says nothing"},
		{[]Result{ServerError, ServerError, ServerError, ServerError, ServerError, OK, OK}, BreakerOpen, "those were sent before it opened"},
	} {
		var b breaker
		for _, o := range tt.outcomes {
			b.report(o, false, epoch, 0.5)
		}
		if b.state != tt.want {
			t.Errorf("after %v it is %v, want %v: %s", tt.outcomes, b.state, tt.want, tt.why)
		}
	}
}

func TestBreakerLetsOneProbeThrough(t *testing.T) {
	var b breaker
	for range faultsToBreak {
		b.report(ServerError, false, epoch, 0.5)
	}
	now := epoch
	for n, want := range []time.Duration{1, 2, 4, 8, 8} {
		admitted, until := b.admits(now)
		if admitted || until != now.Add(want*time.Second) {
			t.Fatalf("opened %d times: closed until %v, want %v s", n+1, until.Sub(now), int(want))
		}
		now = until
		if admitted, _ = b.admits(now); !admitted || !b.grant() {
			t.Fatal("the probe was not let through")
		}
		if admitted, until = b.admits(now.Add(time.Hour)); admitted || !until.IsZero() {
			t.Fatal("a second call was let through beside the probe")
		}
		b.report(ServerError, false, now, 0.5)
		b.report(OK, false, now, 0.5)
		if b.state != BreakerHalfOpen {
			t.Fatal("an older call decided for the probe")
		}
		b.report(ServerError, true, now, 0.5)
	}
	now = b.until
	b.grant()
	b.report(Cancelled, true, now, 0.5)
	if admitted, _ := b.admits(now); !admitted || !b.grant() {
		t.Fatal("the probe was not sent, and no other was let through")
	}
	b.report(Throttled, true, now, 0.5)
	if b != (breaker{}) {
		t.Errorf("after an answer: %+v, want it closed as if new", b)
	}
}

func TestLimiterHoldsEverybodyBackButTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Options{Quota: 100, Share: 1}, half)
		defer l.Close()
		for range faultsToBreak {
			g, err := l.Acquire(t.Context(), Scan)
			if err != nil {
				t.Fatal(err)
			}
			g.Done(ServerError, 0)
		}
		start := time.Now()
		var others crowd
		probe, err := make(chan Grant), error(nil)
		go func() {
			g, failed := l.Acquire(t.Context(), Write)
			err = failed
			probe <- g
		}()
		for range 10 {
			others.join(t.Context(), l, Scan, start)
		}
		g := <-probe
		if took := time.Since(start); err != nil || took != time.Second {
			t.Errorf("the probe went after %v (%v), want 1 s", took, err)
		}
		time.Sleep(3 * time.Second)
		if s := l.Snapshot(); others.within(0, time.Hour) != 0 || s.Breaker != BreakerHalfOpen || s.InFlight != 1 || s.Queue[Scan] != 10 {
			t.Errorf("while the probe is under way: %+v", s)
		}
		g.Done(OK, 0)
		others.all.Wait()
		if took := time.Since(start); took > 4500*time.Millisecond || l.Snapshot().Breaker != BreakerClosed {
			t.Errorf("the others were served after %v, want soon after the probe's answer", took)
		}
	})
}
