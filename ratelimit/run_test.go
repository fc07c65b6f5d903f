package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a job whose attempts end as told, and which needs no limiter.
type scripted struct {
	name     string
	calls    []Priority // still to make; the first is the current one
	answers  []error    // of the attempts, in order; then nil
	attempts []time.Duration
	seen     []Priority // of the attempts
	start    time.Time
	took     time.Duration // of each attempt
	ignores  bool          // ctx, as an attempt with its token does
	settled  []error
	efforts  []CallStats
}

func (s *scripted) Next() (Priority, bool) {
	if len(s.calls) == 0 {
		return 0, false
	}
	return s.calls[0], true
}

func (s *scripted) Call(ctx context.Context) error {
	if ctx.Err() != nil && !s.ignores {
		return cancelled(ctx.Err())
	}
	s.attempts = append(s.attempts, time.Since(s.start))
	s.seen = append(s.seen, PriorityFrom(ctx))
	time.Sleep(s.took)
	if len(s.answers) == 0 {
		return nil
	}
	err := s.answers[0]
	s.answers = s.answers[1:]
	return err
}

func (s *scripted) Done(err error, e CallStats) {
	s.calls = s.calls[1:]
	s.settled = append(s.settled, err)
	s.efforts = append(s.efforts, e)
}

func sequence(jobs ...*scripted) func(func(Job) bool) {
	return func(yield func(Job) bool) {
		for _, j := range jobs {
			j.start = time.Now()
			if !yield(j) {
				return
			}
		}
	}
}

func times(n int, o Result) []error {
	answers := make([]error, n)
	for i := range answers {
		answers[i] = WithResult(fmt.Errorf("%v %d", o, i+1), o, 0)
	}
	return answers
}

func half() float64 { return 0.5 } // no jitter

// totals are what a run came to, as its jobs are told.
type totals struct {
	Jobs, Calls, Done, Failed              int
	NotAttempted, Stopped                  int // the run stopped before the first attempt, or between two
	Attempts, Throttled, Conflicts, Faults int
	Elapsed                                time.Duration
}

// told is a job that adds to the totals.
type told struct {
	Job
	sum *totals
}

func (c told) Done(err error, s CallStats) {
	c.sum.add(err, s)
	c.Job.Done(err, s)
}

func (sum *totals) add(err error, s CallStats) {
	sum.Calls++
	switch o, _ := ResultOf(err); {
	case err == nil:
		sum.Done++
	case o != Cancelled:
		sum.Failed++
	case s.Attempts == 0:
		sum.NotAttempted++
	default:
		sum.Stopped++
	}
	sum.Attempts += s.Attempts
	sum.Throttled += s.Throttled
	sum.Conflicts += s.Conflicts
	sum.Faults += s.Faults
}

// countTotals is run, and what it came to.
func countTotals(ctx context.Context, l *Limiter, p Policy, jobs iter.Seq[Job], rand func() float64) (sum totals) {
	start := time.Now()
	run(ctx, l, p, func(yield func(Job) bool) {
		for j := range jobs {
			sum.Jobs++
			if !yield(told{j, &sum}) {
				return
			}
		}
	}, rand)
	sum.Elapsed = time.Since(start)
	return sum
}

func TestRunRepeatsByOutcome(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []error
		at      []time.Duration // of the attempts
		want    string          // of the error in the end
		effort  CallStats
		why     string
	}{
		{
			"ok", nil, []time.Duration{0}, "", CallStats{Attempts: 1}, "nothing to repeat",
		}, {
			"throttled", times(5, Throttled), halves(0, 0, 2, 6, 14, 30), "", CallStats{Attempts: 6, Throttled: 5, Waited: 15 * time.Second},
			"at once, for the limiter sets the pace; then after 1, 2, 4, 8 s",
		}, {
			"throttled for ever", times(99, Throttled), halves(0, 0, 2, 6, 14, 30, 62, 126, 246, 366, 486, 606),
			"given up: the quota refused 12 attempts in 5m3s, without one success: throttled 12", CallStats{Attempts: 12, Throttled: 12, Waited: 303 * time.Second},
			"nothing else was served",
		}, {
			"fault", times(2, ServerError), []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond}, "",
			CallStats{Attempts: 3, Faults: 2, Waited: 1500 * time.Millisecond}, "half of 1 s, then half of 2 s",
		}, {
			"faults", times(9, ServerError), halves(0, 1, 3, 7, 15, 31), "fault 6",
			CallStats{Attempts: 6, Faults: 6, Waited: 15500 * time.Millisecond}, "six attempts are enough",
		}, {
			"conflict", times(3, Conflict), halves(0, 10, 30, 70), "",
			CallStats{Attempts: 4, Conflicts: 3, Waited: 35 * time.Second}, "5, 10, 20 s",
		}, {
			"busy for ever", times(99, Conflict),
			halves(0, 10, 30, 70, 150, 270, 390, 510, 630, 750, 870, 990, 1110, 1230), "conflict 14",
			CallStats{Attempts: 14, Conflicts: 14, Waited: 615 * time.Second}, "ten minutes, and the attempt that ends them",
		}, {
			"skew", times(1, ClockSkew), []time.Duration{0, 0}, "", CallStats{Attempts: 2}, "the client has learnt the time",
		}, {
			"skew twice", times(2, ClockSkew), []time.Duration{0, 0}, "skewed 2", CallStats{Attempts: 2}, "it has not",
		}, {
			"final", times(1, Permanent), []time.Duration{0}, "refused 1", CallStats{Attempts: 1}, "repeating would not change it",
		}, {
			"final after a fault", append(times(1, ServerError), times(1, Permanent)...), halves(0, 1),
			"refused 1; an attempt before it may have been executed: fault 1", CallStats{Attempts: 2, Faults: 1, Waited: 500 * time.Millisecond},
			"the refusal is of the second attempt: the first may have been done",
		}, {
			"unmarked", []error{errors.New("plain")}, []time.Duration{0}, "plain", CallStats{Attempts: 1}, "nobody said that it may be repeated",
		}, {
			"mixed", []error{WithResult(errors.New("a"), Throttled, 0), WithResult(errors.New("b"), ServerError, 0), WithResult(errors.New("c"), Conflict, 0)},
			halves(0, 0, 1, 11), "", CallStats{Attempts: 4, Throttled: 1, Faults: 1, Conflicts: 1, Waited: 5500 * time.Millisecond},
			"each outcome has its own count",
		}, {
			"fault with Retry-After", []error{WithResult(errors.New("a"), ServerError, 7*time.Second)}, halves(0, 14), "",
			CallStats{Attempts: 2, Faults: 1, Waited: 7 * time.Second}, "the server said so",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := steadyLimiter(t, 15)
				j := &scripted{calls: []Priority{Scan}, answers: tt.answers}
				stats := countTotals(t.Context(), l, Policy{}, sequence(j), half)
				if fmt.Sprint(j.attempts) != fmt.Sprint(tt.at) {
					t.Errorf("attempts at %v, want %v: %s", j.attempts, tt.at, tt.why)
				}
				if got := fmt.Sprint(j.settled[0]); got != tt.want && (got != "<nil>" || tt.want != "") {
					t.Errorf("settled with %q, want %q: %s", got, tt.want, tt.why)
				}
				if err := j.settled[0]; Ambiguous(err) != (err != nil && tt.effort.Faults > 0) {
					t.Errorf("settled with %v, which may have run: %v; want to know of each fault", err, Ambiguous(err))
				}
				if len(j.settled) != 1 || j.efforts[0] != tt.effort {
					t.Errorf("effort %+v, want %+v: %s", j.efforts, tt.effort, tt.why)
				}
				run := CallStats{Attempts: stats.Attempts, Throttled: stats.Throttled, Conflicts: stats.Conflicts, Faults: stats.Faults, Waited: tt.effort.Waited}
				if run != tt.effort || stats.Jobs != 1 || stats.Calls != 1 {
					t.Errorf("the run came to %+v, want %+v of one call: %s", stats, tt.effort, tt.why)
				}
			})
		})
	}
}

// halves makes instants of half seconds.
func halves(n ...int) []time.Duration {
	at := make([]time.Duration, len(n))
	for i, h := range n {
		at[i] = time.Duration(h) * time.Second / 2
	}
	return at
}

func TestRunRaisesThePriorityOfWhatWasThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		j := &scripted{calls: []Priority{Lookup, Write, Probe}, answers: append(times(2, Throttled), nil, nil, times(1, Throttled)[0])}
		run(t.Context(), l, Policy{}, sequence(j), half)
		if got, want := fmt.Sprint(j.seen), "[lookup write lookup write probe probe]"; got != want {
			t.Errorf("attempts had priorities %s, want %s: one higher, once; what is refused again steps back", got, want)
		}
	})
}

func TestRunTakesWaitingCallsBeforeNewJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		var order []string
		job := func(name string, p ...Priority) Job { return &ordered{scripted{name: name, calls: p}, &order} }
		run(t.Context(), l, Policy{Workers: 1}, func(yield func(Job) bool) {
			for i := range 2 {
				if !yield(job(fmt.Sprint("j", i), Scan, Write)) {
					return
				}
			}
		}, half)
		if got, want := strings.Join(order, " "), "j0:scan j0:write j1:scan j1:write"; got != want {
			t.Errorf("order %q, want %q", got, want)
		}
	})
}

type ordered struct {
	scripted
	order *[]string
}

func (o *ordered) Call(ctx context.Context) error {
	*o.order = append(*o.order, o.name+":"+PriorityFrom(ctx).String())
	return nil
}

func TestRunNeedsFewGoroutinesAndLittleMemory(t *testing.T) {
	const jobs = 100_000
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		before := heapInUse()
		busy := WithResult(errors.New("busy"), Conflict, 0)
		ctx, cancel := context.WithCancel(t.Context())
		goroutines := runtime.NumGoroutine()
		most, perJob, called, waiting := 0, 0.0, 0, 0
		var sum totals
		var mu sync.Mutex
		one := &parker{call: func() error {
			mu.Lock()
			defer mu.Unlock()
			if called++; called%1000 == 0 {
				most = max(most, runtime.NumGoroutine()-goroutines)
			}
			if called == jobs {
				perJob = float64(heapInUse()-before) / jobs
				backlog := l.Snapshot().Backlog
				waiting = backlog.Calls()
				cancel()
			}
			return busy
		}, settle: sum.add}
		// The jobs are one value: what is measured is what Run adds to each.
		run(ctx, l, Policy{ConflictSteps: []time.Duration{time.Hour}}, func(yield func(Job) bool) {
			for range jobs {
				if !yield(parkedOnce{one, new(bool)}) {
					return
				}
			}
		}, half)
		t.Logf("%.0f bytes per waiting job, %d goroutines", perJob, most)
		if perJob > 150 {
			t.Errorf("%.0f bytes per waiting job, want at most 150: 15 MB per 100,000", perJob)
		}
		if most > 8+1 { // and the one that iter.Pull is
			t.Errorf("%d goroutines, want the 8 workers", most)
		}
		if sum.Calls != jobs || sum.Stopped < jobs-8 || waiting < jobs-8 {
			t.Errorf("%d waited: %+v", waiting, sum)
		}
	})
}

type parker struct {
	call   func() error
	settle func(error, CallStats)
}

type parkedOnce struct {
	*parker
	done *bool
}

func (p parkedOnce) Next() (Priority, bool)      { return Scan, !*p.done }
func (p parkedOnce) Call(context.Context) error  { return p.call() }
func (p parkedOnce) Done(err error, s CallStats) { *p.done = true; p.settle(err, s) }

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestRunPullsJobsOnlyWhenAWorkerIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 15)
		pulled, settled, most := 0, 0, 0
		server := newModel(newBucket(15, 15))
		stats := countTotals(t.Context(), l, Policy{Workers: 3}, func(yield func(Job) bool) {
			for range 200 {
				pulled++
				most = max(most, pulled-settled)
				if !yield(&errand{limiter: l, server: server, who: "us", calls: 1, settled: func(error, CallStats) { settled++ }}) {
					return
				}
			}
		}, half)
		if most > 3 || stats.Done != 200 || stats.Jobs != 200 {
			t.Errorf("%d jobs were in hand at once, want 3 as there are workers: %+v", most, stats)
		}
	})
}

func TestSnapshotTellsWhatIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 10)
		began := time.Now()
		jobs := sequence(
			&scripted{name: "busy", calls: []Priority{Write}, answers: times(1, Conflict)},
			&scripted{name: "faulty", calls: []Priority{Write}, answers: []error{WithResult(errors.New("down"), ServerError, 10*time.Second)}},
			&scripted{name: "fine", calls: []Priority{Write}},
		)
		done := make(chan totals, 1)
		go func() { done <- countTotals(t.Context(), l, Policy{}, jobs, half) }()
		time.Sleep(time.Second)
		want := Backlog{WaitBusy: {1, began.Add(5 * time.Second)}, WaitFailed: {1, began.Add(10 * time.Second)}}
		if got := l.Snapshot().Backlog; got != want {
			t.Errorf("one busy for 5 s, one faulty for 10 s: %+v", got)
		}
		time.Sleep(7 * time.Second)
		want[WaitBusy] = Waiting{}
		if got := l.Snapshot().Backlog; got != want {
			t.Errorf("the busy one is done: %+v", got)
		}
		if stats := <-done; stats.Done != 3 {
			t.Errorf("the run: %+v", stats)
		}
		if got := l.Snapshot().Backlog; got != (Backlog{}) {
			t.Errorf("after the run: %+v", got)
		}
	})
}

func TestRunNeedsALimiter(t *testing.T) {
	defer func() {
		if text := fmt.Sprint(recover()); text != "ratelimit: Run needs the Limiter through which the calls of its jobs go" {
			t.Errorf("panicked with %q, want what is missing", text)
		}
	}()
	Run(t.Context(), nil, Policy{}, func(func(Job) bool) {})
}
