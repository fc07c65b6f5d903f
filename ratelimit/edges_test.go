package ratelimit

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A token that is there is not taken past a pause, the breaker or its probe, also
// when nobody else waits.
func TestATokenThatIsThereWaitsLikeAnyOther(t *testing.T) {
	for _, tt := range []struct {
		name    string
		trouble func(l *Limiter)
		want    time.Duration
	}{
		{"pause", func(l *Limiter) { outcomes(t, l, 1, Throttled, 7*time.Second) }, 7 * time.Second},
		{"breaker", func(l *Limiter) {
			for range faultsToBreak { // granted before it opens
				g, _ := l.Acquire(context.Background(), Scan)
				defer g.Done(ServerError, 0)
			}
		}, time.Second},
		{"probe", func(l *Limiter) {
			outcomes(t, l, faultsToBreak, ServerError, 0)
			g, _ := l.Acquire(context.Background(), Scan)
			time.AfterFunc(3*time.Second, func() { g.Done(OK, 0) })
		}, 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(Settings{Quota: 1000, Share: 1}, half)
				defer l.Close()
				tt.trouble(l)
				start := time.Now()
				time.Sleep(tt.want / 2) // the bucket is full again
				if _, err := l.Acquire(t.Context(), Write); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took < tt.want || took > tt.want+5*time.Millisecond {
					t.Errorf("went after %v, want %v", took, tt.want)
				}
			})
		})
	}
}

func TestAStoppedRunCountsEveryJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		jobs := []*scripted{{calls: []Priority{Scan}}, {}, {calls: []Priority{Scan, Write}}}
		if stats := run(ctx, steadyLimiter(t, 15), Policy{}, sequence(jobs...), half); stats.Jobs != 3 || stats.NotAttempted != 3 {
			t.Errorf("%+v, want 3 jobs with 3 calls", stats)
		}
	})
}

func TestControllerIgnoresTimeThatRunsBackwards(t *testing.T) {
	c := newController(13.5, after(10))
	was := c
	c.grow(after(9))
	if c != was {
		t.Errorf("%+v became %+v", was, c)
	}
}

// The order of what is ready: those that yield last, then by priority, then the
// longest due, then the first come.
func TestOrderOfTheBacklog(t *testing.T) {
	b := newBacklog()
	for i, r := range []struct {
		priority  Priority
		notBefore time.Duration
		refusals  uint16
	}{{Probe, 0, 2}, {Scan, 1, 0}, {Scan, 0, 0}, {Scan, 0, 0}, {Write, 5, 1}, {Lookup, 0, 2}, {Write, 3, 0}} {
		b.push(&task{sequence: uint32(i), priority: r.priority, notBefore: r.notBefore, refusals: r.refusals})
	}
	var order []string
	take := func(fresh bool) {
		for t := b.pop(fresh); t != nil; t = b.pop(fresh) {
			order = append(order, fmt.Sprint(t.sequence))
		}
	}
	take(true)
	order = append(order, "|")
	take(false)
	if got, want := strings.Join(order, " "), "6 4 2 3 1 | 0 5"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWaitForTheBudgetHasAnEnd(t *testing.T) {
	b, budget := newBacklog(), budget{at: time.Hour}
	b.park(&task{notBefore: time.Hour, sequence: 1}, WaitBudget)
	if at, ok := b.next(WaitBudget, &budget); !ok || at != time.Hour+time.Second {
		t.Errorf("goes on at %v, want when the budget has one again", at)
	}
	budget.repeats = -1000
	end := time.Hour + budgetWait
	if at, _ := b.next(WaitBudget, &budget); at != end {
		t.Errorf("goes on at %v, want %v: it does not wait longer", at, end)
	}
	if b.due(end-1, &budget) != nil || b.len() != 1 {
		t.Error("given up too early")
	}
	if b.due(end, &budget) == nil || b.len() != 0 {
		t.Error("not given up at the instant at which it wakes")
	}
}

func TestRetryAfterOfOneThatIsRefusedAlone(t *testing.T) {
	p := Policy{}.withDefaults()
	for _, tt := range []struct {
		alone bool
		want  time.Duration
		why   string
	}{
		{true, 30 * time.Second, "it waits for as long as it was asked to"},
		{false, time.Second, "the limiter holds everybody back as long"},
	} {
		if got, again := p.again(&task{refusals: 2, alone: tt.alone}, Throttled, 30*time.Second, false, 0.5); got != tt.want || !again {
			t.Errorf("alone %v: %v, %v, want %v: %s", tt.alone, got, again, tt.want, tt.why)
		}
	}
}

func TestANewCeilingHasItsBurst(t *testing.T) {
	l := New(Settings{Quota: 15})
	defer l.Close()
	l.SetSettings(Settings{Quota: 5000, Share: 1})
	if got, want := l.bucket.Burst(), burstFor(5000); got != want {
		t.Errorf("the bucket holds %d, want %d", got, want)
	}
}

func TestAFewAttemptsAreNoReasonToGiveUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	r := runner{ctx: ctx, cancel: cancel, policy: Policy{}.withDefaults()}
	for i := range giveUpAttempts - 1 {
		if err := r.health(Throttled, time.Duration(i)*time.Minute); err != nil {
			t.Fatalf("given up at attempt %d: %v", i+1, err)
		}
	}
	if err := r.health(ServerError, time.Hour); err == nil || ctx.Err() == nil {
		t.Error("not given up after an hour")
	}
}
