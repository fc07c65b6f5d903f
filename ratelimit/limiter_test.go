package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// contextFor is cancelled after a time. Unlike a deadline, nobody sees it coming.
func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(d, cancel)
	return ctx, func() { timer.Stop(); cancel() }
}

func TestWriteGoesBeforeQueuedReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		var reads crowd
		for range 1000 {
			reads.join(t.Context(), l, Scan, time.Now())
		}
		var worst time.Duration
		for range 50 {
			time.Sleep(237 * time.Millisecond)
			start := time.Now()
			g, err := l.Acquire(t.Context(), Write)
			if err != nil {
				t.Fatal(err)
			}
			worst = max(worst, time.Since(start))
			g.Done(OK, 0)
		}
		if limit := time.Second/15 + 5*time.Millisecond; worst > limit {
			t.Errorf("a write waited %v behind 1000 reads, want at most %v", worst, limit)
		}
		reads.all.Wait()
	})
}

func TestWaitersAreServedByPriorityThenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		var mu sync.Mutex
		var order []string
		var all sync.WaitGroup
		for _, who := range []struct {
			name string
			p    Priority
		}{{"scan1", Scan}, {"write1", Write}, {"lookup1", Lookup}, {"scan2", Scan}, {"probe", Probe}, {"write2", Write}} {
			all.Go(func() {
				g, err := l.Acquire(t.Context(), who.p)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, who.name)
				mu.Unlock()
				g.Done(OK, 0)
			})
			synctest.Wait()
		}
		all.Wait()
		if got, want := strings.Join(order, " "), "probe write1 write2 lookup1 scan1 scan2"; got != want {
			t.Errorf("order %q, want %q", got, want)
		}
	})
}

func TestRetryAfterPausesEverybody(t *testing.T) {
	for _, tt := range []struct {
		asked, min, max time.Duration
		why             string
	}{
		{0, 250 * time.Millisecond, 900 * time.Millisecond, "a moment, so that processes do not come back together"},
		{7 * time.Second, 7 * time.Second, 7*time.Second + 300*time.Millisecond, "the server said so"},
		{time.Hour, time.Minute, time.Minute + 300*time.Millisecond, "an hour is an outage, and is looked at again"},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := steadyLimiter(t, 15)
			g, err := l.Acquire(t.Context(), Scan)
			if err != nil {
				t.Fatal(err)
			}
			var c crowd
			for range 3 {
				c.join(t.Context(), l, Write, time.Now())
			}
			synctest.Wait()
			g.Done(Throttled, tt.asked)
			s := l.Snapshot()
			c.all.Wait()
			first := c.grants[0]
			if first < tt.min || first > tt.max {
				t.Errorf("Retry-After %v: the next grant came after %v, want %v to %v: %s", tt.asked, first, tt.min, tt.max, tt.why)
			}
			if s.Decreases != 1 || s.Rate != 7.5 || s.Throttled != 1 || s.Paused < tt.min || s.Queue[Write] != 3 {
				t.Errorf("snapshot %+v", s)
			}
		})
	}
}

func TestAcquireFailsAtOnceWhenTheDeadlineCannotBeMet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 10)
		waiting, leave := context.WithCancel(t.Context())
		var c crowd
		for range 50 {
			c.join(waiting, l, Lookup, time.Now())
		}
		synctest.Wait()
		try := func(p Priority, deadline time.Duration) (time.Duration, error) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			g, err := l.Acquire(ctx, p)
			g.Done(OK, 0)
			return time.Since(start), err
		}
		took, err := try(Scan, 3*time.Second)
		if o, _ := ResultOf(err); o != Cancelled || took != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("50 wait, 10 a second are served, 3 s are left: got %v after %v, want a cancelled error at once", err, took)
		}
		if took, err = try(Write, 3*time.Second); err != nil || took > 110*time.Millisecond {
			t.Errorf("a write goes first, and can be served in time: got %v after %v", err, took)
		}
		leave()
		c.all.Wait()
	})
}

func TestNobodyWaitsForATokenThatCannotComeInTime(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(l *Limiter)
		why   string
	}{
		{"pause", func(l *Limiter) { outcomes(t, l, 1, Throttled, 30*time.Second) }, "the server asked for 30 s"},
		{"breaker", func(l *Limiter) {
			outcomes(t, l, faultsToBreak, ServerError, 0)
			l.breaker.until = time.Now().Add(30 * time.Second)
		}, "the breaker is open for 30 s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := steadyLimiter(t, 10)
				tt.fault(l)
				if left := l.forecast(10, time.Now()); left < 31*time.Second || left > 33*time.Second {
					t.Errorf("ten tokens are said to take %v: %s", left, tt.why)
				}
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if _, err := l.Acquire(ctx, Probe); err == nil || time.Since(start) != 0 {
					t.Errorf("with 20 s left: %v after %v, want an error at once: %s", err, time.Since(start), tt.why)
				}
				later, cancel := context.WithTimeout(t.Context(), 40*time.Second)
				defer cancel()
				if g, err := l.Acquire(later, Probe); err != nil {
					t.Errorf("with 40 s left: %v", err)
				} else {
					g.Done(OK, 0)
				}
			})
		})
	}
}

// outcomes makes n attempts that end alike.
func outcomes(t *testing.T, l *Limiter, n int, o Result, retryAfter time.Duration) {
	for range n {
		g, err := l.Acquire(context.Background(), Scan)
		if err != nil {
			t.Fatal(err)
		}
		g.Done(o, retryAfter)
	}
}

func TestAcquireOnACancelledContextTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Quota: 15})
		defer l.Close()
		time.Sleep(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := l.Acquire(ctx, Write)
		if o, _ := ResultOf(err); o != Cancelled || l.Snapshot().Granted() != 0 {
			t.Errorf("%v, %d tokens: want a cancelled error, and none", err, l.Snapshot().Granted())
		}
	})
}

func TestNewRefusesOptionsThatValidateRefuses(t *testing.T) {
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, "rate share 90") {
			t.Errorf("panicked with %q, want what is wrong", text)
		}
	}()
	New(Options{Quota: 15, Share: 90}).Close()
}

func TestCloseFreesWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Quota: 15})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for {
					g, err := l.Acquire(t.Context(), Scan)
					if err == nil {
						defer g.Done(OK, 0)
						continue
					}
					if o, _ := ResultOf(err); o != Cancelled || !errors.Is(err, ErrClosed) {
						t.Errorf("got %v, want a cancelled error that says the limiter is closed", err)
					}
					return
				}
			})
		}
		time.Sleep(time.Second)
		l.Close()
		l.Close()
		all.Wait()
		if n := l.Snapshot().InFlight; n != 0 {
			t.Errorf("%d in flight after all were done", n)
		}
	})
}

func TestGrowthNeedsWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Quota: 15})
		defer l.Close()
		start := l.Snapshot().Rate
		for range 100 {
			time.Sleep(time.Second)
			g, err := l.Acquire(t.Context(), Scan)
			if err != nil {
				t.Fatal(err)
			}
			g.Done(OK, 0)
		}
		s := l.Snapshot()
		if s.Rate != start {
			t.Errorf("the rate went from %v to %v with one call a second: nothing was learnt", start, s.Rate)
		}
	})
}

func TestNoOpeningBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Quota: 1500, Share: 1})
		defer l.Close()
		start := time.Now()
		var c crowd
		for range 100 {
			c.join(t.Context(), l, Scan, start)
		}
		synctest.Wait()
		if n := c.within(0, 1); n > 1 {
			t.Errorf("%d grants in the first instant, want 1: the server has to see us coming", n)
		}
		c.all.Wait()
	})
}

func TestOneGoroutinePerLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutinesHere()
		r := NewRegistry(func(string) Options { return Options{Quota: 15} })
		for _, region := range []string{"eu-west-1", "eu-central-1", "us-east-1"} {
			r.For(region)
			r.For(region)
		}
		synctest.Wait()
		if n := goroutinesHere() - before; n != 3 {
			t.Errorf("%d goroutines for 3 limiters", n)
		}
		r.Close()
	})
}

// goroutinesHere counts those of the caller's bubble: what other tests left
// behind may end at any moment.
func goroutinesHere() int {
	stacks := make([]byte, 1<<20)
	own := string(stacks[:runtime.Stack(stacks, false)])
	bubble := regexp.MustCompile(`synctest bubble [0-9]+`).FindString(own)
	all := string(stacks[:runtime.Stack(stacks, true)])
	return len(regexp.MustCompile(`(?m)^goroutine .*`+bubble+`[],]`).FindAllString(all, -1))
}
