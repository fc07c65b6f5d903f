package worker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

var ireland = desired.Target{Account: "111111111111", Region: "eu-west-1"}

func fn(name string) Object { return Object{ireland, name} }

func keyOf(function, qualifier string) desired.Key {
	return desired.Key{Target: ireland, Name: desired.Name{Function: function, Qualifier: qualifier}}
}

// passed is one pass as the test saw it.
type passed struct {
	after  time.Duration // since the rig began
	scope  Scope
	causes []Cause
}

// rig runs a worker inside a synctest bubble. The pass takes as long as the
// test says and ends as it says.
type rig struct {
	*Worker
	began  time.Time
	ctx    context.Context
	cancel context.CancelFunc
	over   chan struct{} // closed when Run has returned

	takes time.Duration
	end   func(Scope) Result // nil: everything was in sync

	mu      sync.Mutex
	running int
	most    int
	reports []Report
	stalls  atomic.Int32
	passes  []passed
}

func newRig(t *testing.T, change func(*rig, *Options)) *rig {
	t.Helper()
	r := &rig{began: time.Now(), over: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(t.Context())
	o := Options{Timetable: mustEvery(t, 24*time.Hour), Log: silent, Observer: r}
	if change != nil {
		change(r, &o)
	}
	if o.Pass == nil {
		o.Pass = r.pass
	}
	r.Worker = New(o)
	go func() {
		r.Run(r.ctx)
		close(r.over)
	}()
	t.Cleanup(func() {
		r.cancel()
		<-r.over
	})
	synctest.Wait()
	return r
}

// silent is the log of a test that reads none.
var silent = slog.New(slog.DiscardHandler)

// unobserved is the Observer of a test that has none.
type unobserved struct{}

func (unobserved) Woken(Cause)   {}
func (unobserved) Passed(Report) {}
func (unobserved) Stalled()      {}

func (r *rig) pass(ctx context.Context, scope Scope) Result {
	r.mu.Lock()
	r.running++
	r.most = max(r.most, r.running)
	r.passes = append(r.passes, passed{after: time.Since(r.began), scope: scope})
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.running--
		r.mu.Unlock()
	}()
	select {
	case <-time.After(r.takes):
	case <-ctx.Done():
		return Result{Err: context.Cause(ctx)}
	}
	if r.end != nil {
		return r.end(scope)
	}
	return inSync
}

func (r *rig) Woken(Cause) {}

func (r *rig) Stalled() { r.stalls.Add(1) }

func (r *rig) Passed(report Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, report)
	for i := range r.passes { // the one that ends now: at most one of its kind runs
		if p := &r.passes[i]; p.causes == nil && p.scope.All == report.Scope.All {
			p.causes = report.Causes
			return
		}
	}
}

// sleep lets virtual time go by, and everything that it causes happen.
func (r *rig) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// seen are the passes that have begun, but for the first one at the start.
func (r *rig) seen() []passed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.passes[1:])
}

// touch wakes the worker for some functions and keeps the answer.
func (r *rig) touch(functions ...string) *answer {
	a := &answer{}
	var triggers []Trigger
	for _, f := range functions {
		triggers = append(triggers, Trigger{Object: fn(f)})
	}
	r.Wake(Wake{Cause: Event, Triggers: triggers, Done: a.done})
	return a
}

// write wakes the worker because somebody wrote a record.
func (r *rig) write(key desired.Key, principal string) *answer {
	a := &answer{}
	r.Wake(Wake{Cause: Event, Done: a.done, Triggers: []Trigger{
		{Object: Object{key.Target, key.Function}, Qualifier: key.Qualifier, Author: insight.Author{Principal: principal}},
	}})
	return a
}

type answer struct {
	mu    sync.Mutex
	calls int
	err   error
}

func (a *answer) done(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	a.err = err
}

func (a *answer) want(t *testing.T, calls int, err error) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calls != calls || !errors.Is(a.err, err) {
		t.Errorf("answered %d times with %v, want %d times with %v", a.calls, a.err, calls, err)
	}
}

// inSync is a pass that found nothing to do.
var inSync = Result{Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: ireland}}}}

// corrects is a pass that wrote some keys.
func corrects(keys ...desired.Key) Result {
	outcome := reconcile.TargetOutcome{Target: ireland}
	for _, k := range keys {
		outcome.Results = append(outcome.Results, reconcile.ChangeResult{Change: reconcile.Change{Name: k.Name, Action: reconcile.Update}, Status: reconcile.Applied})
	}
	r := inSync
	r.Outcome = &reconcile.Outcome{Targets: []reconcile.TargetOutcome{outcome}}
	return r
}

// unreadable is a pass that could not read one function.
func unreadable(function string, err error) Result {
	return Result{Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{{
		Target: ireland,
		Findings: []reconcile.Finding{
			{Name: desired.Name{Function: function, Qualifier: desired.Latest}, Kind: reconcile.FindingUnreadable, Err: err},
		},
	}}}}
}
