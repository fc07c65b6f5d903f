package ratelimit

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crowd is many callers that wait for a token, and when each got its one.
type crowd struct {
	all    sync.WaitGroup
	mu     sync.Mutex
	grants []time.Duration
}

func (c *crowd) join(ctx context.Context, l *Limiter, p Priority, start time.Time) {
	c.all.Go(func() {
		g, err := l.Acquire(ctx, p)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.grants = append(c.grants, time.Since(start))
		c.mu.Unlock()
		g.Done(OK, 0)
	})
}

// within counts the grants in a span of time.
func (c *crowd) within(from, to time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, at := range c.grants {
		if from <= at && at < to {
			n++
		}
	}
	return n
}

func TestCancelledWaitersLeaveNoHole(t *testing.T) {
	for _, every := range []int{2, 4, 10} {
		synctest.Test(t, func(t *testing.T) {
			l := steadyLimiter(t, 13.5)
			start := time.Now()
			leaving, leave := context.WithCancel(t.Context())
			var c crowd
			stay := 0
			for i := range 1000 {
				ctx := leaving
				if i%every != 0 {
					ctx, stay = t.Context(), stay+1
				}
				c.join(ctx, l, Scan, start)
			}
			time.Sleep(time.Second)
			leave()
			c.all.Wait()
			ideal := float64(len(c.grants)) / 13.5
			if efficiency := ideal / time.Since(start).Seconds(); efficiency < 0.999 {
				t.Errorf("one of %d waiters left: efficiency %.4f, want 0.999", every, efficiency)
			}
			if len(c.grants) < stay {
				t.Errorf("%d of %d waiters that stayed got a token", len(c.grants), stay)
			}
		})
	}
}

// steadyLimiter is at its ceiling already, and its bucket is empty.
func steadyLimiter(t *testing.T, ceiling float64) *Limiter {
	l := New(Options{Quota: ceiling, Share: 1})
	t.Cleanup(l.Close)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.control.rate = ceiling
	l.retune(now)
	l.bucket.AllowN(now, 1)
	return l
}

func TestRateChangesReachEveryWaiter(t *testing.T) {
	for _, waiters := range []int{1, 10, 1000} {
		synctest.Test(t, func(t *testing.T) {
			l := steadyLimiter(t, 15)
			ctx, cancel := contextFor(t, 60*time.Second)
			defer cancel()
			start := time.Now()
			var c crowd
			for range waiters {
				c.all.Go(func() {
					for ctx.Err() == nil {
						g, err := l.Acquire(ctx, Scan)
						if err != nil {
							return
						}
						c.mu.Lock()
						c.grants = append(c.grants, time.Since(start))
						c.mu.Unlock()
						g.Done(OK, 0)
					}
				})
			}
			setRate := func(rate float64) {
				l.mu.Lock()
				defer l.mu.Unlock()
				now := time.Now()
				l.release(now)
				l.control.ceiling, l.control.rate = rate, rate
				l.retune(now)
				l.wakeDispatcher()
			}
			time.Sleep(20 * time.Second)
			setRate(1.5)
			time.Sleep(20 * time.Second)
			setRate(15)
			c.all.Wait()
			for _, span := range []struct {
				from, to time.Duration
				want     int
			}{{0, 20 * time.Second, 300}, {20 * time.Second, 40 * time.Second, 30}, {40 * time.Second, 60 * time.Second, 300}} {
				if got := c.within(span.from, span.to); got < span.want-2 || got > span.want+2 {
					t.Errorf("%d waiters: %d grants between %v and %v, want %d", waiters, got, span.from, span.to, span.want)
				}
			}
		})
	}
}

// A caller may leave at the very instant at which its token comes. The token
// then goes to the next one, and is not counted twice.
func TestTokenOfACallerThatLeftIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 10)
		start := time.Now()
		gone, leave := context.WithCancel(t.Context())
		leave()
		const rounds = 200
		for range rounds {
			l.mu.Lock()
			w := l.queue.push(Scan, false)
			l.wakeDispatcher()
			l.mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			// Both the answer and the end of ctx are there, and either may be seen first.
			if _, err := l.await(gone, w); err == nil {
				t.Fatal("a token was taken by one who had left")
			}
		}
		if s := l.Snapshot(); s.Granted() != 0 || s.InFlight != 0 {
			t.Errorf("all left: %+v", s)
		}
		g, err := l.Acquire(t.Context(), Scan)
		if took := time.Since(start); err != nil || took != rounds*100*time.Millisecond {
			t.Errorf("after %d tokens of which the last was given back, the next came after %v (%v), want at once", rounds, took, err)
		}
		g.Done(OK, 0)
	})
}

// Whoever leaves is counted out, and no more are kept for another use than a run needs.
func TestTheQueueCountsWhoIsThere(t *testing.T) {
	q := queue{}
	var all []*waiter
	for i := range 100 {
		all = append(all, q.push(Priority(i%2), false))
	}
	for _, w := range all[:40] {
		q.remove(w)
		q.recycle(w)
	}
	if q.len() != 60 || q.count[0] != 30 || q.count[1] != 30 || q.ahead(1) != 30 || q.ahead(0) != 60 {
		t.Errorf("60 are there, 30 of each priority: %d, %v", q.len(), q.count)
	}
	for q.len() > 0 {
		q.recycle(q.pop())
	}
	if q.count[0] != 0 || q.count[1] != 0 || len(q.free) != 64 {
		t.Errorf("nobody is there: %v, and %d are kept", q.count, len(q.free))
	}
}
