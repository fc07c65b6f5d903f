package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/go-multierror"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func TestApplySendsTheRightWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("new", "drifted", "old")
		f.records[name("drifted", desired.Latest)] = Settings{desired.MaximumRetryAttempts: desired.Number(1), desired.OnSuccess: desired.Text(queueB)}
		f.records[name("old", desired.Latest)] = Settings{}
		out := f.apply(t, t.Context(), wants(
			entry("drifted", desired.Latest, retries(0)),
			entry("new", desired.Latest, retries(0)),
			removed("old", desired.Latest),
		), nil)
		if got := out.Counts(); got != (OutcomeCounts{Created: 1, Updated: 1, Deleted: 1}) {
			t.Errorf("totals are %+v: %v", got, out.Err())
		}
		if !sameCalls(f.calls, []string{"list drifted", "list new", "list old", "update drifted", "put new", "delete old"}) {
			t.Errorf("calls were %q", f.calls)
		}
		if got := f.records[name("drifted", desired.Latest)]; got[desired.OnSuccess].Text() != queueB {
			t.Errorf("an unmanaged field was touched: %+v", got)
		}
	})
}

func TestWritesOfOneFunctionAreSerialised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("f", "g")
		f.latency = 100e6
		f.aliases["f"] = []string{"a", "b", "c"}
		f.aliases["g"] = []string{"a"}
		out := f.apply(t, t.Context(), wants(entry("f", "a", retries(0)), entry("f", "b", retries(0)), entry("f", "c", retries(0)), entry("g", "a", retries(0))), nil)
		if f.overlaps > 0 {
			t.Errorf("%d writes overlapped another of the same function", f.overlaps)
		}
		if got := out.Counts().Created; got != 4 {
			t.Errorf("created %d of 4", got)
		}
	})
}

func TestABusyFunctionIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("f")
		f.fail = func(op string, _ desired.Name, attempt int) error {
			if op == "put" && attempt < 4 {
				return busy()
			}
			return nil
		}
		out := f.apply(t, t.Context(), wants(entry("f", desired.Latest, retries(0))), nil)
		r := out.Targets[0].Results[0]
		if r.Status != Applied || r.Stats.Attempts != 4 || r.Stats.Conflicts != 3 {
			t.Errorf("after three conflicts: %v, %+v", r.Status, r.Stats)
		}
		if r.Stats.Waited < 25e9 {
			t.Errorf("waited %v for a busy function, want about 35 s", r.Stats.Waited)
		}
	})
}

func TestAResponseThatDoesNotHoldWhatWasAskedIsItsOwnStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &forgetful{newFake("f")}
		fleet := wants(entry("f", desired.Latest, desired.Config{desired.MaximumRetryAttempts: desired.Number(0), desired.OnFailure: desired.Text(queueA)}))
		approved, err := Guard{Limits: fleet.Limits}.approve(NewPlan(fleet, surveyWith(t, f, fleet)))
		if err != nil {
			t.Fatal(err)
		}
		limiter := fastLimiter()
		defer limiter.Close()
		out := apply(t.Context(), approved, map[desired.Target]writeConn{home: {Writer: f, Limiter: limiter}}, noJournal{}, nil)
		r := out.Targets[0].Results[0]
		if r.Status != Mismatched || !strings.Contains(r.Err.Error(), "on_failure is none, not "+queueA) {
			t.Errorf("status %v, error %v", r.Status, r.Err)
		}
		if out.Counts().Failed != 1 {
			t.Errorf("a mismatch is not counted: %+v", out.Counts())
		}
	})
}

// forgetful loses the destination of every Put, and answers as if all was well.
type forgetful struct{ *fakeAWS }

func (f *forgetful) Put(ctx context.Context, n desired.Name, c desired.Config) (Record, error) {
	c[desired.OnFailure] = desired.Value{}
	return f.fakeAWS.Put(ctx, n, c)
}

func TestFailuresStayInTheirRowAndComeBackInKeyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a", "b", "c", "d")
		f.fail = func(op string, n desired.Name, _ int) error {
			if op == "put" && (n.Function == "d" || n.Function == "b") {
				return refusal(callerr.Refused, "no right to send for "+n.Function)
			}
			return nil
		}
		var entries []desired.Entry
		for _, fn := range []string{"a", "b", "c", "d"} {
			entries = append(entries, entry(fn, desired.Latest, retries(0)))
		}
		out := f.apply(t, t.Context(), wants(entries...), nil)
		if got := out.Counts(); got.Created != 2 || got.Failed != 2 {
			t.Errorf("totals are %+v", got)
		}
		text := out.Err().Error()
		if b, d := strings.Index(text, "for b"), strings.Index(text, "for d"); b < 0 || d < b {
			t.Errorf("the joined error is not in key order:\n%s", text)
		}
	})
}

func TestAnInterruptedApplyFinishesWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var entries []desired.Entry
		f := newFake()
		f.latency = 50e6
		for i := range 100 {
			n := fmt.Sprintf("f%03d", i)
			f.aliases[n] = nil
			entries = append(entries, entry(n, desired.Latest, retries(0)))
		}
		ctx, cancel := context.WithCancel(t.Context())
		out := f.apply(t, ctx, wants(entries...), func(e Step) {
			if e.Done == 20 {
				cancel()
			}
		})
		totals := out.Counts()
		if totals.Failed != 0 {
			t.Errorf("cancelled is not failed: %+v: %v", totals, out.Err())
		}
		if totals.Created != len(f.records) {
			t.Errorf("%d reported created, %d are there", totals.Created, len(f.records))
		}
		if totals.Created < 20 || totals.NotAttempted < 60 {
			t.Errorf("totals are %+v, want about 20 created and the rest not attempted", totals)
		}
		if !errors.Is(out.Targets[0].Stopped, context.Canceled) {
			t.Errorf("stopped by %v", out.Targets[0].Stopped)
		}
	})
}

// A write whose connection broke may have been done. When the run ends before it
// could be repeated, it is not reported as never attempted.
func TestAnInterruptedWriteThatMayHaveBeenDoneIsNotCalledUnattempted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := newFake("f")
		f.fail = func(op string, _ desired.Name, _ int) error {
			if op == "put" {
				cancel()
				return ratelimit.WithResult(&callerr.Error{Kind: callerr.Transport, Message: "connection reset"}, ratelimit.ServerError, 0)
			}
			return nil
		}
		out := f.apply(t, ctx, wants(entry("f", desired.Latest, retries(0))), nil)
		if r := out.Targets[0].Results[0]; r.Status != Failed || callerr.KindOf(r.Err) != callerr.Transport {
			t.Errorf("status %v, error %v", r.Status, r.Err)
		}
	})
}

func TestALostLeaseStopsTheWritesOfItsTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.latency = 10e6
		var entries []desired.Entry
		for i := range 100 {
			n := fmt.Sprintf("f%03d", i)
			f.aliases[n] = nil
			entries = append(entries, entry(n, desired.Latest, retries(0)))
		}
		fleet := wants(entries...)
		fleet.Limits.MaxChanges = desired.Limit{Number: 100}
		approved, err := Guard{Limits: fleet.Limits}.approve(NewPlan(fleet, f.survey(t, t.Context(), fleet)))
		if err != nil {
			t.Fatal(err)
		}
		lost := errors.New("the lease was lost")
		held, lose := context.WithCancelCause(t.Context())
		limiter := fastLimiter()
		defer limiter.Close()
		out := apply(t.Context(), approved, map[desired.Target]writeConn{home: {Writer: f, Limiter: limiter, LeaseContext: held}}, noJournal{}, func(e Step) {
			if e.Done == 10 {
				lose(lost)
				synctest.Wait() // until all have heard: the word spreads in a goroutine of its own
			}
		})
		if got := out.Counts(); got.Created < 10 || got.Created > 30 || got.Created+got.NotAttempted != 100 {
			t.Errorf("totals are %+v", got)
		}
		if !errors.Is(out.Targets[0].Stopped, lost) {
			t.Errorf("stopped by %v", out.Targets[0].Stopped)
		}
	})
}

// clockContext is a lease whose end only its clock knows: the timer that would close
// Done has not run yet.
type clockContext struct {
	context.Context
	over atomic.Pointer[error] // several calls ask, while one of them ends it
}

func (c *clockContext) end(err error) { c.over.Store(&err) }

func (c *clockContext) Err() error {
	if err := c.over.Load(); err != nil {
		return *err
	}
	return nil
}

func TestNoAttemptIsSentAfterTheEndOfALeaseByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("f")
		held := &clockContext{Context: context.Background()}
		lost := errors.New("the process was stopped, and the lease is over")
		f.fail = func(op string, _ desired.Name, attempt int) error {
			if op != "put" {
				return nil
			}
			held.end(lost)
			return broken()
		}
		fleet := wants(entry("f", desired.Latest, retries(0)))
		approved, err := Guard{Limits: fleet.Limits}.approve(NewPlan(fleet, f.survey(t, t.Context(), fleet)))
		if err != nil {
			t.Fatal(err)
		}
		limiter := fastLimiter()
		defer limiter.Close()
		out := apply(t.Context(), approved, map[desired.Target]writeConn{home: {Writer: f, Limiter: limiter, LeaseContext: held}}, noJournal{}, nil)
		r := &out.Targets[0].Results[0]
		if n := f.attempts["put f"]; n != 1 || r.Status != Failed || r.Stats.Attempts != 1 {
			t.Errorf("%d attempts, %s after %d: %v; want one, and that it may have been done", n, r.Status, r.Stats.Attempts, r.Err)
		}
	})
}

// queueing is a writer whose calls wait for a token, while the process is stopped.
type queueing struct {
	*fakeAWS
	held *clockContext
	lost error
	says func(context.Context) error
}

func (q queueing) Put(ctx context.Context, n desired.Name, c desired.Config) (Record, error) {
	q.held.end(q.lost)
	if ctx.Err() != nil {
		return Record{}, q.says(ctx)
	}
	return q.fakeAWS.Put(ctx, n, c)
}

// Most of a write's time is the wait for its token, and a process that was stopped there
// has the token before it hears that its lease is over. Whoever finds that says so with
// the limiter's mark, or as the SDK does, which returns what the context says.
func TestALeaseThatEndsInTheQueueForATokenIsHeardOf(t *testing.T) {
	for name, says := range map[string]func(context.Context) error{
		"marked": func(ctx context.Context) error {
			return ratelimit.WithResult(context.Cause(ctx), ratelimit.Cancelled, 0)
		},
		"bare":  context.Context.Err,
		"cause": context.Cause,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("f", "g")
				held, lost := &clockContext{Context: context.Background()}, errors.New("the process was stopped, and the lease is over")
				fleet := wants(entry("f", desired.Latest, retries(0)), entry("g", desired.Latest, retries(0)))
				approved, err := Guard{Limits: fleet.Limits}.approve(NewPlan(fleet, f.survey(t, t.Context(), fleet)))
				if err != nil {
					t.Fatal(err)
				}
				limiter := fastLimiter()
				defer limiter.Close()
				out := apply(t.Context(), approved, map[desired.Target]writeConn{home: {Writer: queueing{f, held, lost, says}, Limiter: limiter, LeaseContext: held}}, noJournal{}, nil)
				for i := range out.Targets[0].Results {
					if r := &out.Targets[0].Results[i]; r.Status != NotAttempted || f.count("put") > 0 {
						t.Errorf("%s: %s, %d writes", r.Name, r.Status, f.count("put"))
					}
				}
			})
		})
	}
}

// Whatever AWS holds and whatever is declared: one apply makes the next plan
// empty, and no unmanaged field has moved.
func TestOneApplyConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fleet, f := anyFleet(rt)
		before := maps.Clone(f.records)
		synctest.Test(t, func(t *testing.T) {
			out := f.apply(t, t.Context(), fleet, nil)
			if err := out.Err(); err != nil {
				rt.Fatalf("apply: %v", err)
			}
			plan := NewPlan(fleet, f.survey(t, t.Context(), fleet))
			if plan.Counts().Changes() != 0 {
				rt.Fatalf("a second plan still has %q", lines(&plan))
			}
		})
		for _, e := range fleet.Targets[0].Entries {
			old, had := before[e.Name]
			if e.Remove || !had {
				continue
			}
			for _, field := range desired.AllSettings() {
				if now := f.records[e.Name][field]; !e.Want[field].IsSet() && now != old[field] {
					rt.Fatalf("%s: nobody manages %s, and it moved from %v to %v", e.Name, field, old[field], now)
				}
			}
		}
	})
}

func anyFleet(rt *rapid.T) (desired.Fleet, *fakeAWS) {
	f := newFake("a", "b", "c")
	var entries []desired.Entry
	for _, fn := range []string{"a", "b", "c"} {
		f.aliases[fn] = []string{"live"}
		for _, q := range []string{desired.Latest, "live"} {
			n := name(fn, q)
			if rapid.Bool().Draw(rt, "has record") {
				f.records[n] = anySettings(rt)
			}
			switch rapid.IntRange(0, 3).Draw(rt, "wish") {
			case 0:
				entries = append(entries, removed(fn, q))
			case 1, 2:
				entries = append(entries, entry(fn, q, desired.Config(anySettings(rt))))
			}
		}
	}
	return wants(entries...), f
}

func anySettings(rt *rapid.T) Settings {
	var s Settings
	for i, values := range [desired.NumSettings][]desired.Value([...][]desired.Value{
		desired.MaximumRetryAttempts:     {desired.Number(0), desired.Number(1), desired.Number(2)},
		desired.MaximumEventAgeInSeconds: {desired.Number(60), desired.Number(3600), desired.Number(21600)},
		desired.OnSuccess:                {desired.Text(queueA)},
		desired.OnFailure:                {desired.Text(queueA), desired.Text(queueB)},
	}) {
		s[i] = rapid.SampledFrom(append(values, desired.Value{})).Draw(rt, desired.Setting(i).String())
	}
	return s
}

// A report that is read back has every status that one was written with.
func TestEveryStatusIsReadBack(t *testing.T) {
	for s := NotAttempted; s <= AlreadySo; s++ {
		text, _ := s.MarshalText()
		var back Status
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%s is read back as %s, %v", s, back, err)
		}
	}
	if err := new(Status).UnmarshalText([]byte("done")); err == nil {
		t.Error("a status that there is not was read")
	}
}

func TestTheErrorOfAnOutcome(t *testing.T) {
	var out Outcome
	for s := NotAttempted; s <= AlreadySo; s++ {
		out.Targets = append(out.Targets, TargetOutcome{Target: home, Results: []ChangeResult{{Change: Change{Name: name("f", "live")}, Status: s, Err: errors.New(s.String())}}})
	}
	var all *multierror.Error
	if !errors.As(out.Err(), &all) {
		t.Fatal("no failures")
	}
	if got := fmt.Sprint(all.Errors); got != "[111111111111/eu-west-1/f:live: mismatch 111111111111/eu-west-1/f:live: failed]" {
		t.Errorf("the failures are %s, want the mismatch and the failed one", got)
	}
	if got := out.Err().Error(); got != "111111111111/eu-west-1/f:live: mismatch\n111111111111/eu-west-1/f:live: failed" { // no dump, wherever it is printed
		t.Errorf("they read %q, want a line each", got)
	}
}

// Steps are counted over all targets: the last one is Total of Total.
func TestStepsAreCountedOverAllTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := desired.Target{Account: "222222222222", Region: "eu-west-1"}
		fleet := wants(entry("a", desired.Latest, retries(2)), entry("b", desired.Latest, retries(2)))
		fleet.Targets = append(fleet.Targets, desired.TargetSpec{Target: away, Entries: []desired.Entry{entry("c", desired.Latest, retries(2))}})
		limiter := fastLimiter()
		defer limiter.Close()
		read := readConn{Reader: newFake("a", "b", "c"), Limiter: limiter}
		var steps []string
		survey(t.Context(), fleet, map[desired.Target]readConn{home: read, away: read}, func(e Step) {
			steps = append(steps, fmt.Sprintf("%d/%d", e.Done, e.Total))
		}, false)
		if got := fmt.Sprint(steps); got != "[1/3 2/3 3/3]" {
			t.Errorf("the steps are %s", got)
		}
	})
}
