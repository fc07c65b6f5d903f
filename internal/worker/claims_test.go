package worker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// lambdas is one target as a map, behind its quota. It notes what may not happen:
// two writes to one function at a time, and a Put over a record.
type lambdas struct {
	limiter *ratelimit.Limiter
	latency func() time.Duration
	fleet   desired.Fleet

	mu       sync.Mutex
	records  map[desired.Name]reconcile.Settings
	busy     map[string]int // calls under way by function; a write counts 1000
	written  map[string]time.Time
	calls    []string
	problems []string
}

var (
	declared = desired.Config{desired.MaximumRetryAttempts: desired.Number(0)}
	drifted  = reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(2), desired.MaximumEventAgeInSeconds: desired.Number(900)}
	asIs     = drifted.With(declared)
)

func newLambdas(functions int) *lambdas {
	a := &lambdas{
		limiter: ratelimit.New(ratelimit.Options{Quota: 15, Share: 0.9}), latency: func() time.Duration { return 50 * time.Millisecond },
		records: map[desired.Name]reconcile.Settings{}, busy: map[string]int{}, written: map[string]time.Time{},
	}
	a.fleet = desired.Fleet{Limits: desired.DefaultLimits(), Targets: []desired.TargetSpec{{Target: ireland}}}
	for i := range functions {
		n := desired.Name{Function: fmt.Sprintf("f-%05d", i), Qualifier: desired.Latest}
		a.records[n] = asIs
		a.fleet.Targets[0].Entries = append(a.fleet.Targets[0].Entries, desired.Entry{Name: n, Want: &declared, Origins: &desired.Origins{}})
	}
	return a
}

// change is what somebody else does: a record drifts, or goes. Nobody else makes one,
// since between a read and its Put that cannot be noticed.
func (a *lambdas) change(n desired.Name, remove bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, exists := a.records[n]; remove {
		delete(a.records, n)
	} else if exists {
		a.records[n] = drifted
	}
}

// mend puts a record back as it was declared.
func (a *lambdas) mend(n desired.Name) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records[n] = asIs
}

// event tells of some functions.
func (a *lambdas) event(from, to int) Wake {
	w := Wake{Cause: Event}
	for _, e := range a.fleet.Targets[0].Entries[from:to] {
		w.Triggers = append(w.Triggers, Trigger{Object: fn(e.Function)})
	}
	return w
}

// call is one request: a token, and the time on the way.
func (a *lambdas) call(ctx context.Context, function string, weight int, do func()) error {
	grant, err := a.limiter.Acquire(ctx, ratelimit.PriorityFrom(ctx))
	if err != nil {
		return err
	}
	defer grant.Done(ratelimit.OK, 0)
	a.mu.Lock()
	a.busy[function] += weight
	a.calls = append(a.calls, map[bool]string{true: "write ", false: "list "}[weight == 1000]+function)
	if a.busy[function] >= 2000 {
		a.problems = append(a.problems, "two passes write to "+function)
	}
	a.mu.Unlock()
	time.Sleep(a.latency())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy[function] -= weight
	do()
	return nil
}

func (a *lambdas) ListConfigs(ctx context.Context, function, _ string) (p reconcile.Page[reconcile.Record], err error) {
	n := desired.Name{Function: function, Qualifier: desired.Latest}
	err = a.call(ctx, function, 1, func() {
		if s, ok := a.records[n]; ok {
			p.Items = append(p.Items, reconcile.Record{Qualifier: n.Qualifier, Settings: s, LastModified: time.UnixMilli(1)})
		}
	})
	return p, err
}

func (a *lambdas) ListAliases(context.Context, string, string) (reconcile.Page[string], error) {
	return reconcile.Page[string]{}, nil
}

func (a *lambdas) ListVersions(context.Context, string, string) (reconcile.Page[string], error) {
	return reconcile.Page[string]{}, nil
}

func (a *lambdas) Put(ctx context.Context, n desired.Name, c desired.Config) (reconcile.Record, error) {
	return a.write(ctx, n, func(_ reconcile.Settings, exists bool) reconcile.Settings {
		if exists {
			a.problems = append(a.problems, "a Put replaced the record of "+n.Function)
		}
		return reconcile.Settings{}.With(c)
	})
}

func (a *lambdas) Update(ctx context.Context, n desired.Name, c desired.Config) (reconcile.Record, error) {
	return a.write(ctx, n, func(s reconcile.Settings, _ bool) reconcile.Settings { return s.With(c) })
}

func (a *lambdas) write(ctx context.Context, n desired.Name, change func(reconcile.Settings, bool) reconcile.Settings) (r reconcile.Record, err error) {
	err = a.call(ctx, n.Function, 1000, func() {
		s, ok := a.records[n]
		r = reconcile.Record{Qualifier: n.Qualifier, Settings: change(s, ok), LastModified: time.Now()}
		a.records[n], a.written[n.Function] = r.Settings, time.Now()
	})
	return r, err
}

func (a *lambdas) Delete(context.Context, desired.Name) error { panic("nothing here is deleted") }

// pass is what a program does in a pass.
func (a *lambdas) pass(ctx context.Context, scope Scope) Result {
	r, _ := reconcile.Engine{Opener: lambdasOpener{a, scope}}.Run(ctx, reconcile.Request{Write: true, Wishes: lambdasWishes{a, scope}, Started: time.Now()})
	result := Result{Outcome: r.Outcome, Err: r.Err}
	if r.Refused != nil {
		result.Err = r.Refused
	}
	if r.Planned() {
		result.Plan = &r.Plan
	}
	return result
}

type lambdasOpener struct {
	a     *lambdas
	scope Scope
}

func (o lambdasOpener) Open(context.Context, reconcile.OpenRequest) (reconcile.Opened, error) {
	t := reconcile.OpenTarget{Target: ireland, Reader: o.a, Writer: o.a, Limiter: o.a.limiter}
	return reconcile.Opened{Targets: o.scope.Open([]reconcile.OpenTarget{t})}, nil
}

type lambdasWishes struct {
	a     *lambdas
	scope Scope
}

func (w lambdasWishes) Targets() ([]desired.TargetSpec, bool)          { return w.a.fleet.Targets, true }
func (w lambdasWishes) Discoveries(desired.Target) []desired.Discovery { return nil }
func (w lambdasWishes) Plan(f desired.Fleet, o reconcile.Observed) reconcile.Plan {
	return reconcile.NewPlan(f, o)
}
func (w lambdasWishes) Resolve(context.Context, desired.Target, desired.Inventory) (desired.Fleet, reconcile.GuardBase, error) {
	f, base := w.scope.Within(w.a.fleet, reconcile.GuardBase{})
	return f, base, nil
}

// start runs a worker over an account until the test ends.
func (a *lambdas) start(t *testing.T, o Options) *Worker {
	t.Helper()
	o.Pass, o.Log, o.Observer = a.pass, silent, unobserved{}
	w := New(o)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		w.Run(ctx)
		close(over)
	}()
	t.Cleanup(func() {
		cancel()
		<-over
		a.limiter.Close()
	})
	return w
}

// While a sweep of an hour is under way, what an event tells of is corrected half a
// second after it has settled.
func TestAnEventDoesNotWaitForASweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLambdas(50_000)
		w := a.start(t, Options{Timetable: mustEvery(t, 24*time.Hour), Silence: DefaultSilence})
		var waited []time.Duration
		random := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			time.Sleep(time.Duration(1+random.IntN(20)) * time.Second)
			if w.State().Sweeping.IsZero() {
				t.Fatal("the sweep is over: the test shows nothing")
			}
			n := a.fleet.Targets[0].Entries[random.IntN(50_000)].Name
			a.change(n, false)
			happened := time.Now()
			w.Wake(Wake{Cause: Event, Triggers: []Trigger{{Object: fn(n.Function)}}, Done: func(err error) {
				if err != nil {
					t.Errorf("%s: %v", n, err)
				}
				a.mu.Lock()
				defer a.mu.Unlock()
				waited = append(waited, a.written[n.Function].Sub(happened))
			}})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		slices.Sort(waited)
		if p99 := waited[len(waited)*99/100]; len(waited) != 200 || p99 > DefaultSettle+500*time.Millisecond {
			t.Errorf("%d events were answered, and the 99th percentile waited %s, want 200 and at most %s", len(waited), p99, DefaultSettle+500*time.Millisecond)
		}
		if len(a.problems) > 0 {
			t.Error(a.problems)
		}
	})
}

// Whatever events and a sweep meet in, no function is written to by two passes at a
// time, nothing is put over what the other made, and in the end all is as declared.
func TestASweepAndATargetedPassKeepApart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		latencies := rapid.SliceOfN(rapid.IntRange(1, 3000), 1, 20).Draw(rt, "latencies")
		waits := rapid.SliceOfN(rapid.IntRange(0, 4000), 1, 40).Draw(rt, "waits")
		which := rapid.SliceOfN(rapid.IntRange(-1, 4), len(waits), len(waits)).Draw(rt, "functions") // -1: the target
		absent := rapid.SliceOfN(rapid.Bool(), len(waits), len(waits)).Draw(rt, "absent")
		var problems []string
		synctest.Test(t, func(t *testing.T) {
			a := newLambdas(5)
			a.fleet.Limits.MaxChanges = desired.Limit{Number: 1000}
			calls := 0
			a.latency = func() time.Duration {
				a.mu.Lock()
				defer a.mu.Unlock()
				calls++
				return time.Duration(latencies[calls%len(latencies)]) * time.Millisecond
			}
			w := a.start(t, Options{Timetable: mustEvery(t, 10*time.Second), Settle: time.Second, Gap: time.Second})
			for i, wait := range waits {
				time.Sleep(time.Duration(wait) * time.Millisecond)
				o := Object{Target: ireland}
				if which[i] >= 0 {
					n := a.fleet.Targets[0].Entries[which[i]].Name
					o.Function = n.Function
					a.change(n, absent[i])
				}
				w.Wake(Wake{Cause: Event, Triggers: []Trigger{{Object: o}}})
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			for n, s := range a.records {
				if s.Effect(desired.MaximumRetryAttempts) != desired.Number(0) {
					a.problems = append(a.problems, n.Function+" is not as declared")
				}
			}
			problems = a.problems
		})
		if len(problems) > 0 {
			rt.Fatal(problems)
		}
	})
}
