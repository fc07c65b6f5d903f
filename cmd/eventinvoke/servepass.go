package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// server is what a worker keeps from one pass to the next: the last good fleet
// files, the limiters, and what the last sweep opened and discovered. Passes run
// one at a time, so it needs no lock.
type server struct {
	app  *app
	args []string
	o    *serveOptions

	document  *desired.Document
	clients   *clients
	opened    *reconcile.Opened // by the last sweep; nil before it
	inventory desired.Inventory
	lastRun   string // the id of the pass before
	metrics   *metrics.Metrics
}

// newServer loads the fleet. A worker that starts with files that do not load
// has no last good ones, so that is an error.
func (a *app) newServer(args []string, o *serveOptions) (*server, error) {
	s := &server{app: a, args: args, o: o}
	var err error
	if s.document, err = a.loadFor(args, o.simulate); err != nil {
		return nil, err
	}
	if s.clients, err = newClientsFor(s.declared, &o.readOptions); err != nil {
		return nil, err
	}
	s.metrics = metrics.New(version, s.clients.snapshots)
	return s, nil
}

func (s *server) declared() []desired.TargetSpec {
	if !s.document.DeclaresTargets() {
		return nil
	}
	all, _ := s.document.Targets(desired.Target{}) // fails only where none is declared
	return all
}

func (s *server) close() { s.clients.close() }

// pass is a worker.Pass.
func (s *server) pass(ctx context.Context, scope worker.Scope) worker.Result {
	problem := s.reload(scope)
	request := reconcile.Request{Verb: "serve", Started: time.Now(), Write: s.o.apply, Timeout: s.o.timeout}
	request.ID = reconcile.NewRunID(request.Started)
	request.Wishes = scopedWishes{s.o.wishes(s.document), s, scope}
	s.lastRun = request.ID
	engine := reconcile.Engine{Opener: scopedOpener{s, scope}}
	if s.o.apply {
		memory, err := s.app.memory(ctx, &s.o.writeOptions, s.document.Files())
		if err != nil {
			return worker.Result{Err: err, FleetProblem: problem}
		}
		// A target that another run holds is left to it, and keeps no other from
		// being corrected.
		memory.SkipHeld, memory.WritesOnly = true, true
		engine.Memory = memory
	}
	r, failures := engine.Run(ctx, request)
	countCalls(s.metrics, r)
	result := passResult(r)
	result.FleetProblem = problem
	s.logPass(r, failures, scope, &result)
	return result
}

// reload reads the fleet files again before a pass over everything. Files that
// do not load leave the last good ones in force.
func (s *server) reload(scope worker.Scope) error {
	if !scope.All {
		return nil
	}
	document, err := s.app.loadFor(s.args, s.o.simulate)
	if err != nil {
		return err
	}
	s.document = document
	return nil
}

// scopedOpener opens the targets of a pass. A pass over a few functions uses what
// the last sweep opened: it must cost no more than those functions.
type scopedOpener struct {
	s     *server
	scope worker.Scope
}

// Open implements reconcile.Opener.
func (o scopedOpener) Open(ctx context.Context, req reconcile.OpenRequest) (reconcile.Opened, error) {
	if o.scope.All || o.s.opened == nil {
		if !req.Ambient && len(req.Targets) == 0 {
			return reconcile.Opened{}, nil // events about accounts that are not ours
		}
		opened, err := o.s.clients.Open(ctx, req)
		if err == nil && o.scope.All {
			o.s.opened = &opened
		}
		return opened, err
	}
	again := reconcile.Opened{Ambient: o.s.opened.Ambient}
	for _, t := range o.s.opened.Targets {
		if req.Ambient || slices.ContainsFunc(req.Targets, func(spec desired.TargetSpec) bool { return spec.Target == t.Target }) {
			again.Targets = append(again.Targets, countAnew(t))
		}
	}
	return again, nil
}

// countAnew makes the counters of a target begin at zero.
func countAnew(t reconcile.OpenTarget) reconcile.OpenTarget {
	calls := t.Calls
	if calls == nil {
		return t
	}
	before := map[string]reconcile.OperationCount{}
	for _, op := range calls() {
		before[op.Name] = op
	}
	t.Calls = func() []reconcile.OperationCount {
		now := calls()
		for i, op := range now {
			now[i] = op.Minus(before[op.Name])
		}
		return now
	}
	return t
}

// scopedWishes are the wishes of the fleet files in the scope of a pass.
type scopedWishes struct {
	reconcile.FleetWishes
	s     *server
	scope worker.Scope
}

// Targets implements reconcile.Wishes.
func (w scopedWishes) Targets() ([]desired.TargetSpec, bool) {
	all, declared := w.FleetWishes.Targets()
	return slices.DeleteFunc(all, func(t desired.TargetSpec) bool {
		return !w.scope.All && !slices.ContainsFunc(w.scope.Objects, func(o worker.Object) bool { return o.Target == t.Target })
	}), declared
}

// Discoveries implements reconcile.Wishes. What the last sweep found is known; where
// there was none, as in a Lambda function that was woken by an event, functions
// that the scope names need not be listed.
func (w scopedWishes) Discoveries(ambient desired.Target) []desired.Discovery {
	all := w.FleetWishes.Discoveries(ambient)
	switch {
	case w.scope.All:
	case w.s.opened != nil:
		return nil
	default:
		for i := range all {
			whole := slices.Contains(w.scope.Objects, worker.Object{Target: all[i].Target})
			all[i].ListFunctions = all[i].ListFunctions && whole
		}
	}
	return all
}

// Resolve implements reconcile.Wishes. The shares of the guard are of the whole
// fleet: fifty functions that drift at once are all of a part, and little of the
// fleet.
func (w scopedWishes) Resolve(ctx context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, reconcile.Base, error) {
	if w.scope.All {
		w.s.inventory = found
	} else {
		found = w.known(found)
	}
	fleet, base, err := w.FleetWishes.Resolve(ctx, ambient, found)
	if err != nil {
		return fleet, base, err
	}
	if !w.scope.All {
		base.Fleet, base.Whole = fleet.Keys(), true
	}
	return w.scope.Narrow(fleet), base, nil
}

// known is what the last sweep discovered, what this pass did, and the touched
// functions, which may be new.
func (w scopedWishes) known(found desired.Inventory) desired.Inventory {
	known := desired.Inventory{}
	if w.s.opened != nil {
		maps.Copy(known, w.s.inventory)
	}
	maps.Copy(known, found)
	for _, o := range w.scope.Objects {
		if o.Function == "" {
			continue
		}
		of := known[o.Target]
		if at, exists := slices.BinarySearch(of.Functions, o.Function); !exists {
			of.Functions = slices.Insert(slices.Clone(of.Functions), at, o.Function)
			known[o.Target] = of
		}
	}
	return known
}

// maxLogged bounds what one pass says about single configs: the record of the
// run has them all.
const maxLogged = 20

// logPass says in one line how a pass ended, and in one line each what failed.
func (s *server) logPass(r *reconcile.RunResult, failures error, scope worker.Scope, result *worker.Result) {
	log := s.app.log.With("run", r.ID)
	if result.Err != nil {
		log.Error("pass failed", "error", sanitize(result.Err.Error()))
	}
	if result.Plan == nil {
		return
	}
	var all *multierror.Error
	if errors.As(failures, &all) {
		for i, err := range all.Errors {
			if i == maxLogged {
				log.Error("and more failures", "count", len(all.Errors)-i)
				break
			}
			if !errors.Is(err, result.Err) {
				log.Error("failed", "error", sanitize(err.Error()))
			}
		}
	}
	c := result.Plan.Counts()
	args := []any{"keys", c.Declared, "in_sync", c.InSync, "drifted", c.Changes(), "unreadable", c.Unreadable + c.NotExamined,
		"missing", c.MissingFunctions + c.MissingQualifiers, "took", r.Finished.Sub(r.Started).Round(time.Millisecond).String()}
	if result.Outcome != nil {
		t := result.Outcome.Counts()
		args = append(args, "applied", t.Applied(), "failed", t.Failed, "not_attempted", t.NotAttempted)
	}
	for _, left := range scope.Leave {
		log.Warn("contested, left alone", "key", sanitize(left.Key.String()), "principal", sanitize(left.Principal), "times", left.Times)
	}
	log.Info("pass", args...)
}
