package ratelimit

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A token that is there is not taken past a pause, the breaker or its probe, also
// when nobody else waits.
func TestATokenThatIsThereWaitsLikeAnyOther(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(l *Limiter)
		want  time.Duration
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
				l := newLimiter(Options{Quota: 1000, Share: 1}, half)
				defer l.Close()
				tt.fault(l)
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
		if stats := countTotals(ctx, steadyLimiter(t, 15), Policy{}, sequence(jobs...), half); stats.Jobs != 3 || stats.NotAttempted != 3 {
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
	l := New(Options{Quota: 15})
	defer l.Close()
	l.setOptions(Options{Quota: 5000, Share: 1})
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

// The earliest instant for a token is never later than it can be, and never before now.
func TestTheEarliestToken(t *testing.T) {
	for _, tt := range []struct {
		why   string
		given func(l *Limiter)
		after time.Duration
		want  time.Duration
	}{
		{"a token is there", func(*Limiter) {}, time.Second, 0},
		{"half of one is there", func(*Limiter) {}, 50 * time.Millisecond, 50 * time.Millisecond},
		{"none is there", func(*Limiter) {}, 0, 100 * time.Millisecond},
		{"one was paid for, and its waiter left", func(l *Limiter) { l.refunded = true }, 0, 0},
		{"the rate is lower than it may be", func(l *Limiter) { l.control.rate = 1; l.retune(time.Now()) }, 0, 100 * time.Millisecond},
		{"one is booked", func(l *Limiter) { l.reserve(time.Now()) }, 30 * time.Millisecond, 70 * time.Millisecond},
		{"two are before it", func(l *Limiter) { l.queue.push(Write, false); l.queue.push(Scan, false) }, 0, 300 * time.Millisecond},
		{"a pause", func(l *Limiter) { l.paused = time.Now().Add(3 * time.Second) }, 0, 3 * time.Second},
		{"the breaker", func(l *Limiter) { l.breaker = breaker{state: BreakerOpen, until: time.Now().Add(3 * time.Second)} }, 0, 3 * time.Second},
		{"its probe is under way", func(l *Limiter) { l.breaker.state = BreakerHalfOpen }, 0, 100 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := steadyLimiter(t, 10)
			l.mu.Lock()
			tt.given(l)
			now := time.Now().Add(tt.after)
			got := l.earliest(Scan, now).Sub(now).Round(time.Microsecond)
			for l.queue.len() > 0 { // nobody waits for them
				l.queue.pop()
			}
			l.mu.Unlock()
			if got != tt.want {
				t.Errorf("%s: in %v, want %v", tt.why, got, tt.want)
			}
		})
	}
}

// How long tokens take is reckoned with the rate of now, or with the part of the quota that
// others are about to leave; an outage whose end is not known adds nothing.
func TestTheForecast(t *testing.T) {
	for _, tt := range []struct {
		why   string
		given func(l *Limiter)
		want  time.Duration
	}{
		{"the rate", func(*Limiter) {}, 2 * time.Second},
		{"a lower one", func(l *Limiter) { l.control.rate = 5 }, 4 * time.Second},
		{"an even part of which all is used", func(l *Limiter) { l.control.rate, l.divided.even = 5, 10 }, 4 * time.Second},
		{"an even part that is not free yet", func(l *Limiter) { l.control.rate, l.control.ceiling, l.divided.even = 5, 5, 10 }, 2 * time.Second},
		{"a pause", func(l *Limiter) { l.paused = time.Now().Add(3 * time.Second) }, 5 * time.Second},
		{"the breaker's probe", func(l *Limiter) { l.breaker.state = BreakerHalfOpen }, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := steadyLimiter(t, 10)
			tt.given(l)
			if got := l.forecast(20, time.Now()); got != tt.want {
				t.Errorf("%s: twenty tokens take %v, want %v", tt.why, got, tt.want)
			}
		})
	}
}

// Refusals of calls that were on their way at a cut pause nobody, but for a Retry-After; and
// the time paused is counted once.
func TestRefusalsOfWhatWasOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Options{Quota: 100, Share: 1}, half)
		defer l.Close()
		var grants []Grant
		for range 4 {
			g, err := l.Acquire(t.Context(), Scan)
			if err != nil {
				t.Fatal(err)
			}
			grants = append(grants, g)
		}
		began := time.Now()
		paused := func(want time.Duration, why string) {
			t.Helper()
			if s := l.Snapshot(); s.Paused != want || s.PausedUntil.Sub(began) != want || s.Decreases != 1 {
				t.Errorf("%s: paused for %v until %v, %d cuts, want %v", why, s.Paused, s.PausedUntil.Sub(began), s.Decreases, want)
			}
		}
		grants[0].Done(Throttled, 0)
		paused(500*time.Millisecond, "the cut")
		time.Sleep(100 * time.Millisecond)
		grants[1].Done(Throttled, 0)
		paused(500*time.Millisecond, "one that was on its way")
		grants[2].Done(Throttled, 2*time.Second)
		paused(2100*time.Millisecond, "one with a Retry-After")
		grants[3].Done(Throttled, time.Second)
		paused(2100*time.Millisecond, "one with a shorter one")
	})
}

// What nobody holds back has no time at which it goes on.
func TestBacklogsThatHoldNothing(t *testing.T) {
	soon, late := time.Unix(1, 0), time.Unix(2, 0)
	for _, tt := range []struct{ a, b, want Waiting }{
		{Waiting{}, Waiting{}, Waiting{}},
		{Waiting{1, late}, Waiting{}, Waiting{1, late}},
		{Waiting{}, Waiting{1, late}, Waiting{1, late}},
		{Waiting{1, late}, Waiting{2, soon}, Waiting{3, soon}},
		{Waiting{1, soon}, Waiting{2, late}, Waiting{3, soon}},
	} {
		a, b := Backlog{WaitBusy: tt.a}, Backlog{WaitBusy: tt.b}
		if a.Add(&b); a[WaitBusy] != tt.want {
			t.Errorf("%v and %v came to %v, want %v", tt.a, tt.b, a[WaitBusy], tt.want)
		}
	}
}

func TestSecondsEnd(t *testing.T) {
	for s, want := range map[float64]time.Duration{0: 0, 1.5: 1500 * time.Millisecond, 1e18: 100 * 365 * 24 * time.Hour, math.Inf(1): 100 * 365 * 24 * time.Hour} {
		if got := seconds(s); got != want {
			t.Errorf("%v seconds are %v, want %v", s, got, want)
		}
	}
}

// A call is refused alone if the quota refused it more than once, and served more than one
// other since the first time.
func TestWhenACallIsRefusedAlone(t *testing.T) {
	for _, tt := range []struct {
		refusals      uint16
		then, now     uint32 // calls that were served
		before, alone bool
	}{
		{2, 5, 7, false, true}, {2, 5, 6, false, false}, {1, 5, 9, false, false}, {2, 0, 2, false, true}, {1, 0, 0, true, true},
	} {
		c := task{refusals: tt.refusals, served: tt.then, alone: tt.before}
		if c.look(tt.now); c.alone != tt.alone {
			t.Errorf("%+v: alone is %v", tt, c.alone)
		}
	}
}

// What has a limit has another attempt while it is below, and none at it.
func TestLimitsOfRepeats(t *testing.T) {
	p := Policy{GiveUpAfter: time.Minute, FaultAttempts: 3}.withDefaults()
	for _, tt := range []struct {
		why    string
		task   task
		result Result
		others bool
		again  bool
	}{
		{"few refusals", task{refusals: giveUpRefusals - 1, ended: time.Hour}, Throttled, true, true},
		{"many refusals in a short time", task{refusals: 99, refused: 1, ended: time.Minute}, Throttled, true, true},
		{"many refusals for long enough", task{refusals: giveUpRefusals, ended: time.Minute}, Throttled, true, false},
		{"while nothing else is served either", task{refusals: 99, ended: time.Hour}, Throttled, false, true},
		{"busy for a while", task{conflicts: 3, conflict: 1, ended: conflictLimit}, Conflict, true, true},
		{"busy for too long", task{conflicts: 3, ended: conflictLimit}, Conflict, true, false},
		{"two faults", task{faults: 2}, ServerError, true, true},
		{"three faults", task{faults: 3}, ServerError, true, false},
	} {
		if _, again := p.again(&tt.task, tt.result, 0, tt.others, 0.5); again != tt.again {
			t.Errorf("%s: another attempt is %v", tt.why, again)
		}
	}
}

func TestFiguresOfALimiterThatDidNothing(t *testing.T) {
	if s := (Snapshot{Ceiling: 1}); s.ThrottleRatio() != 0 || s.Efficiency() != 0 {
		t.Errorf("%v refused, efficiency %v", s.ThrottleRatio(), s.Efficiency())
	}
}
