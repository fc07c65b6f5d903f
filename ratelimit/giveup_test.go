package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// victims are jobs of one call each, of which some are always throttled.
type victims struct {
	server   *model
	limiter  *Limiter
	throttle func(i int) bool
	served   map[int]time.Duration
	failed   map[int]error
}

func (v *victims) jobs(n int) func(func(Job) bool) {
	v.served, v.failed = map[int]time.Duration{}, map[int]error{}
	began := time.Now()
	return func(yield func(Job) bool) {
		for i := range n {
			if !yield(&victim{v: v, i: i, began: began}) {
				return
			}
		}
	}
}

type victim struct {
	v     *victims
	i     int
	began time.Time
	done  bool
}

func (j *victim) Next() (Priority, bool) { return Scan, !j.done }

func (j *victim) Call(ctx context.Context) error {
	g, err := j.v.limiter.Acquire(ctx, PriorityFrom(ctx))
	if err != nil {
		return err
	}
	if err = j.v.server.call("us", ""); err == nil && j.v.throttle(j.i) {
		err = WithResult(errThrottled, Throttled, j.v.server.retryAfter)
	}
	g.Done(ResultOf(err))
	return err
}

func (j *victim) Done(err error, _ CallStats) {
	if j.done = true; err == nil {
		j.v.served[j.i] = time.Since(j.began)
	} else {
		j.v.failed[j.i] = err
	}
}

// A job may hurry its calls on; one that is refused alone still slows nobody down.
func TestWhatIsRefusedAloneStaysSo(t *testing.T) {
	for p := range Probe + 1 {
		if got := PriorityFrom(WithPriority(WithPriority(t.Context(), alone), p)); got != alone {
			t.Errorf("%v makes it %v", p, got)
		}
	}
}

// Whatever the quota refuses for ever, all others are served in the first run,
// which has an end.
func TestWhatIsThrottledForEverHoldsNobodyBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(rt, "calls")
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, n, rapid.ID[int]).Draw(rt, "throttled for ever")
		asked := time.Duration(rapid.IntRange(0, 2).Draw(rt, "retry after")) * time.Second
		refused := map[int]bool{}
		for _, i := range bad {
			refused[i] = true
		}
		synctest.Test(t, func(*testing.T) {
			l := newLimiter(Options{Quota: 15}, half)
			defer l.Close()
			v := &victims{server: newModel(newBucket(15, 15)), limiter: l, throttle: func(i int) bool { return refused[i] }}
			v.server.retryAfter = asked
			stats := countTotals(context.Background(), l, Policy{}, v.jobs(n), half)
			if len(v.served) != n-len(bad) {
				rt.Errorf("%d of %d were served, want all but the %d that are refused: %+v", len(v.served), n, len(bad), stats)
			}
			for i, err := range v.failed {
				if given, ok := errors.AsType[*GivenUpError](err); !refused[i] || !ok {
					rt.Errorf("%d failed: %v (%v)", i, err, given)
				}
			}
			if limit := 15 * time.Minute; stats.Elapsed > limit {
				rt.Errorf("the run took %v, want at most %v", stats.Elapsed, limit)
			}
		})
	})
}

// The case in which it was seen: one of three, and the others were never asked.
func TestOneOfThreeIsThrottledForEver(t *testing.T) {
	for bad := range 3 {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(Options{Quota: 15}, half)
			defer l.Close()
			v := &victims{server: newModel(newBucket(15, 15)), limiter: l, throttle: func(i int) bool { return i == bad }}
			stats := countTotals(t.Context(), l, Policy{Workers: 1}, v.jobs(3), half)
			for i := range 3 {
				if at, ok := v.served[i]; i != bad && (!ok || at > 5*time.Second) {
					t.Errorf("number %d is refused: number %d was served %v, after %v", bad, i, ok, at)
				}
			}
			given, ok := errors.AsType[*GivenUpError](v.failed[bad])
			if !ok || !given.Alone || given.Attempts < 10 || stats.Elapsed > 6*time.Minute || stats.Failed != 1 {
				t.Errorf("settled with %v after %v: %+v", v.failed[bad], stats.Elapsed, stats)
			}
		})
	}
}

// A refusal of one that is refused alone is no reason to slow the others down.
func TestWhatIsThrottledAloneDoesNotSlowOthersDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Options{Quota: 15}, half)
		defer l.Close()
		v := &victims{server: newModel(newBucket(15, 15)), limiter: l, throttle: func(i int) bool { return i == 0 }}
		run(t.Context(), l, Policy{}, v.jobs(5000), half)
		s := l.Snapshot()
		if s.Decreases != 2 || len(v.served) != 4999 || s.Throttled < giveUpRefusals {
			t.Errorf("%d were served; %d refusals cut the rate %d times, want the first two: by then it is known", len(v.served), s.Throttled, s.Decreases)
		}
	})
}

// A quota that refuses all, and a server that fails all, end the run after some
// minutes; so that whatever is held for it is let go.
func TestARunThatIsNotServedEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		result Result
		after  time.Duration // after this the fault begins
		retry  time.Duration
		limit  time.Duration
		text   string
	}{
		{"throttled", Throttled, 0, 0, 5*time.Minute + 10*time.Second, "given up: the quota refused"},
		{"throttled, each for a minute", Throttled, 0, time.Minute, 11 * time.Minute, "given up: the quota refused"},
		{"throttled after a while", Throttled, time.Minute, 0, 6*time.Minute + 10*time.Second, "given up: the quota refused"},
		{"down", ServerError, 0, 0, 5*time.Minute + 20*time.Second, "given up: the server failed"},
		{"down after a while", ServerError, time.Minute, 0, 6*time.Minute + 20*time.Second, "given up: the server failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(Options{Quota: 15}, half)
				defer l.Close()
				began := time.Now()
				given, cancelledToo, settled := 0, 0, 0
				var fault time.Duration
				jobs := func(yield func(Job) bool) {
					for range 5000 {
						j := &failingJob{limiter: l, answer: func() error {
							time.Sleep(50 * time.Millisecond)
							if time.Since(began) < tt.after {
								return nil
							}
							return WithResult(errors.New("no service"), tt.result, tt.retry)
						}, done: func(err error, _ CallStats) {
							settled++
							if e, ok := errors.AsType[*GivenUpError](err); ok && !e.Alone {
								if o, _ := ResultOf(err); o == Cancelled {
									cancelledToo++
								} else if o == tt.result && strings.HasPrefix(err.Error(), tt.text) {
									given, fault = given+1, e.After
								}
							}
						}}
						if !yield(j) {
							return
						}
					}
				}
				stats := countTotals(t.Context(), l, Policy{}, jobs, half)
				if given != 1 || settled != 5000 || stats.Done+stats.Failed+cancelledToo != 5000 {
					t.Errorf("%d calls failed with the reason, %d were stopped by it: %+v", given, cancelledToo, stats)
				}
				if stats.Elapsed > tt.limit || stats.Elapsed < tt.after+5*time.Minute {
					t.Errorf("ended after %v, want %v", stats.Elapsed, tt.limit)
				}
				if fault < 5*time.Minute || fault > stats.Elapsed-tt.after {
					t.Errorf("is said to have failed for %v of %v, and did from %v on", fault, stats.Elapsed, tt.after)
				}
			})
		})
	}
}

// A run ends with the tenth attempt that was not served, once that was so for as long as
// the policy allows, and not before.
func TestWhenARunIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		attempts int
		last     time.Duration
		ends     bool
	}{{giveUpAttempts, time.Hour, true}, {giveUpAttempts, time.Minute, true}, {giveUpAttempts, time.Minute - 1, false}, {giveUpAttempts - 1, time.Hour, false}} {
		r := &runner{ctx: t.Context(), cancel: func(error) {}, policy: Policy{GiveUpAfter: time.Minute}}
		for range tt.attempts - 1 {
			if err := r.health(Throttled, 7*time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.health(Throttled, 7*time.Second+tt.last); (err != nil) != tt.ends {
			t.Errorf("%d attempts in %v: %v", tt.attempts, tt.last, err)
		}
	}
}

// What is under way and what waits takes its tokens before another job does.
func TestAJobIsTimelyIfAllBeforeItAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &runner{limiter: steadyLimiter(t, 10), backlog: newBacklog(), inFlight: 3}
		for i := range uint32(5) {
			r.backlog.push(&task{sequence: i})
		}
		for left, want := range map[time.Duration]bool{890 * time.Millisecond: false, 900 * time.Millisecond: true} {
			ctx, cancel := context.WithTimeout(t.Context(), left)
			defer cancel()
			if r.ctx = ctx; r.timely() != want {
				t.Errorf("the ninth token of ten a second: timely is %v with %v left", !want, left)
			}
		}
	})
}

// failingJob is one call with an answer.
type failingJob struct {
	limiter *Limiter
	answer  func() error
	done    func(error, CallStats)
	over    bool
}

func (j *failingJob) Next() (Priority, bool) { return Scan, !j.over }

func (j *failingJob) Call(ctx context.Context) error {
	g, err := j.limiter.Acquire(ctx, PriorityFrom(ctx))
	if err != nil {
		return err
	}
	err = j.answer()
	g.Done(ResultOf(err))
	return err
}

func (j *failingJob) Done(err error, s CallStats) { j.over = true; j.done(err, s) }

// A small run of which a fifth fails needs no minute for its last calls, and says
// what it waits for and until when.
func TestASmallRunDoesNotWaitForItsBudget(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(Options{Quota: 15}, randOf(seed))
			defer l.Close()
			faults := rng(seed)
			var last time.Time // of the attempts
			jobs := func(yield func(Job) bool) {
				for range 70 {
					if !yield(&failingJob{limiter: l, done: func(error, CallStats) {}, answer: func() error {
						last = time.Now()
						if faults.Float64() < 0.22 {
							return WithResult(errDown, ServerError, 0)
						}
						return nil
					}}) {
						return
					}
				}
			}
			ended := make(chan totals, 1)
			go func() { ended <- countTotals(t.Context(), l, Policy{Workers: 1}, jobs, randOf(seed)) }()
			for {
				select {
				case stats := <-ended:
					if stats.Done != 70 || stats.Elapsed > 20*time.Second {
						t.Errorf("seed %d: %+v", seed, stats)
					}
					return
				case <-time.After(100 * time.Millisecond):
				}
				s := l.Snapshot()
				told := s.InFlight+s.Queue[Scan] > 0
				for w, held := range s.Backlog {
					told = told || held.Calls > 0 && (held.Next.After(time.Now()) || Wait(w) == WaitBreaker)
				}
				if !told && time.Since(last) > time.Second {
					t.Errorf("seed %d: no call for %v, and nothing is said of when there will be: %v", seed, time.Since(last), s.Backlog)
				}
			}
		})
	}
}

// Every wait shows in the snapshot, with its true end.
func TestSnapshotTellsEveryWait(t *testing.T) {
	for _, tt := range []struct {
		wait  Wait
		run   bool // it is a run's
		first time.Duration
		jobs  func() []*scripted
		make  func(l *Limiter)
	}{
		{wait: WaitThrottled, run: true, first: time.Second, jobs: func() []*scripted {
			return []*scripted{{calls: []Priority{Scan}, answers: times(2, Throttled)}}
		}},
		{wait: WaitBusy, run: true, first: 5 * time.Second, jobs: func() []*scripted {
			return []*scripted{{calls: []Priority{Scan}, answers: times(1, Conflict)}}
		}},
		{wait: WaitFailed, run: true, first: 500 * time.Millisecond, jobs: func() []*scripted {
			return []*scripted{{calls: []Priority{Scan}, answers: times(1, ServerError)}}
		}},
		{wait: WaitPaused, first: 7 * time.Second, make: func(l *Limiter) { outcomes(t, l, 1, Throttled, 7*time.Second) }},
		{wait: WaitBreaker, first: time.Second, make: func(l *Limiter) {
			outcomes(t, l, faultsToBreak-1, ServerError, 0)
			outcomes(t, l, 1, ServerError, 0)
		}},
	} {
		t.Run(fmt.Sprint("wait ", tt.wait), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(Options{Quota: 100, Share: 1}, half)
				defer l.Close()
				var want Backlog
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				if tt.run {
					go func() { run(ctx, l, Policy{}, sequence(tt.jobs()...), half); close(ended) }()
				} else {
					tt.make(l)
					go func() { l.Acquire(ctx, Scan); close(ended) }()
				}
				began := time.Now()
				synctest.Wait()
				want[tt.wait] = Waiting{Calls: 1, Next: began.Add(tt.first)}
				if got := l.Snapshot().Backlog; got != want {
					t.Errorf("held back: %v, want %v", got, want)
				}
				if got := l.Snapshot().Backlog; tt.run != (got.Calls() == 1) {
					t.Errorf("%d calls wait for another attempt", got.Calls())
				}
				cancel()
				<-ended
			})
		})
	}
}

// What two runs on one limiter hold back is told together, and stays when one ends.
func TestSnapshotAddsUpTheRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		began := time.Now()
		busy := func(n int) []*scripted {
			return []*scripted{{calls: []Priority{Scan}, answers: times(n, Conflict)}}
		}
		first, second := make(chan struct{}), make(chan struct{})
		go func() { run(t.Context(), l, Policy{}, sequence(busy(1)...), half); close(first) }()
		time.Sleep(time.Second)
		go func() { run(t.Context(), l, Policy{}, sequence(busy(2)...), half); close(second) }()
		synctest.Wait()
		if got, want := l.Snapshot().Backlog[WaitBusy], (Waiting{2, began.Add(5 * time.Second)}); got != want {
			t.Errorf("%v, want %v", got, want)
		}
		<-first
		if got, want := l.Snapshot().Backlog[WaitBusy], (Waiting{1, began.Add(6 * time.Second)}); got != want {
			t.Errorf("after the first has ended: %v, want %v", got, want)
		}
		<-second
	})
}

func TestOptionsChangeWithTheNextToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		share := 1.0
		r := NewRegistry(func(string) Options { return Options{Quota: 20, Share: share} })
		defer r.Close()
		l := r.For("")
		ctx, cancel := contextFor(t, time.Minute)
		defer cancel()
		var c crowd
		start := time.Now()
		for range 2000 {
			c.join(ctx, l, Scan, start)
		}
		time.Sleep(20 * time.Second) // slow start is over
		share = 0.1
		r.Refresh()
		time.Sleep(20 * time.Second)
		share = 1
		r.Refresh()
		if s := l.Snapshot(); s.Ceiling != 20 || s.Rate != 2 {
			t.Errorf("after the ceiling went from 2 to 20: %+v", s)
		}
		c.all.Wait()
		for _, span := range []struct {
			from, to time.Duration
			low, top int
		}{{10 * time.Second, 20 * time.Second, 199, 201}, {20 * time.Second, 40 * time.Second, 39, 42}, {50 * time.Second, 60 * time.Second, 199, 201}} {
			if got := c.within(span.from, span.to); got < span.low || got > span.top {
				t.Errorf("%d tokens from %v to %v, want %d to %d", got, span.from, span.to, span.low, span.top)
			}
		}
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, "rate share 2") {
					t.Errorf("options that are not valid: %s", text)
				}
			}()
			l.setOptions(Options{Quota: 20, Share: 2})
		}()
		outcomes(t, l, 1, OK, 0) // it still works
	})
}
