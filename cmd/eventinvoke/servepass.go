package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// server is what a worker keeps from one pass to the next: the last good fleet
// files, the opened accounts, the limiters, and what the last sweep discovered.
// Passes run one at a time, so it needs no lock.
type server struct {
	app  *app
	args []string
	o    *serveOptions

	doc       *desired.Document
	registry  *ratelimit.Registry
	site      *site
	inventory desired.Inventory
	lastRun   string // the id of the pass before
	calls     callCounter
}

// newServer loads the fleet. A worker that starts with files that do not load
// has no last good ones, so that is an error.
func (a *app) newServer(args []string, o *serveOptions) (*server, error) {
	s := &server{app: a, args: args, o: o}
	var err error
	if s.doc, err = a.loadFor(args, o.simulate); err != nil {
		return nil, err
	}
	s.registry = newRegistry(func() []desired.TargetSpec { return declaredTargets(s.doc) }, &o.paceOptions)
	s.calls.metrics = metrics.New(version, s.registry.Snapshots)
	return s, nil
}

func (s *server) close() { s.registry.Close() }

// pass is a worker.Pass.
func (s *server) pass(ctx context.Context, scope worker.Scope) worker.Result {
	problem := s.reload(scope)
	now := time.Now()
	p := &pass{app: s.app, o: &s.o.readOptions, ctx: ctx, cancel: func() {}, id: newRunID(now), verb: "serve", started: now, doc: s.doc}
	if s.o.timeout > 0 {
		p.ctx, p.cancel = context.WithTimeoutCause(ctx, s.o.timeout, errTimeUp)
	}
	defer p.close()
	s.lastRun = p.id
	result := worker.Result{FleetProblem: problem}
	if result.Err = s.walk(p, scope); result.Err != nil && context.Cause(p.ctx) != nil {
		result.Err = context.Cause(p.ctx) // whatever the end of the run made of a call
	}
	if !p.surveyed.IsZero() {
		result.Plan = &p.plan
	}
	result.Outcome = p.outcome
	if s.site != nil {
		s.calls.add(s.site, labelsOf(p.fleet.Targets))
	}
	s.logPass(p, scope, &result)
	return result
}

// reload reads the fleet files again before a pass over everything. Files that
// do not load leave the last good ones in force.
func (s *server) reload(scope worker.Scope) error {
	if !scope.All {
		return nil
	}
	doc, err := s.app.loadFor(s.args, s.o.simulate)
	if err != nil {
		return err
	}
	s.doc = doc
	return nil
}

// targetsOf lists the declared targets that a scope touches; none where the
// files declare none.
func (s *server) targetsOf(scope worker.Scope) []desired.TargetSpec {
	return slices.DeleteFunc(declaredTargets(s.doc), func(t desired.TargetSpec) bool {
		return !scope.All && !slices.ContainsFunc(scope.Objects, func(u worker.Object) bool { return u.Target == t.Target })
	})
}

// walk is the road of one pass.
func (s *server) walk(p *pass, scope worker.Scope) error {
	if s.doc.DeclaresTargets() && len(s.targetsOf(scope)) == 0 {
		p.planned(reconcile.Plan{}) // events about accounts that are not ours
		return nil
	}
	if err := s.openFor(p, scope); err != nil {
		return err
	}
	p.site = s.site
	fleet, err := s.doc.Resolve(s.site.ambient, s.inventoryFor(scope), s.o.selection())
	if err != nil {
		if first := s.site.firstError(); first != nil {
			return first
		}
		return err
	}
	fleet = s.o.part(fleet)
	p.fleet = scope.Narrow(fleet)
	if !scope.All {
		// The shares of the guard are of the whole fleet: fifty functions that
		// drift at once are all of a part, and little of the fleet.
		p.fleet.Guard.MaxChanges = fleet.Guard.MaxChanges.Of(fleet.Keys())
		p.fleet.Guard.MaxDeletes = fleet.Guard.MaxDeletes.Of(fleet.Keys())
	}
	p.survey()
	if !s.o.apply || p.plan.Counts().Changes() == 0 {
		return context.Cause(p.ctx)
	}
	return s.correct(p)
}

// correct makes the changes of a pass: remembered, leased and guarded like an
// apply.
func (s *server) correct(p *pass) error {
	approved, err := reconcile.Guard{Guard: p.fleet.Guard}.Approve(p.plan)
	if err != nil {
		return err
	}
	if err := p.keep(&s.o.writeOptions); err != nil {
		return err
	}
	p.apply(approved)
	if err := p.kept.finish(p.ctx, p); err != nil {
		return err
	}
	return context.Cause(p.ctx)
}

// openFor opens the accounts for a pass over everything, and discovers what the
// rules choose among. A pass over a few functions uses what the last sweep
// opened and found: it must cost no more than those functions. Where there was
// no sweep, as in a Lambda function that was woken by an event, only the targets
// in question are opened, and functions that are named need not be discovered.
func (s *server) openFor(p *pass, scope worker.Scope) error {
	if !scope.All && s.site != nil {
		return nil
	}
	access := readersOnly
	if s.o.apply {
		access = readersAndWriters
	}
	site := &site{registry: s.registry, borrowed: true}
	if err := site.openAll(p.ctx, s.targetsOf(scope), p.o, p.id, access); err != nil {
		return err
	}
	s.site = site
	inventory, failed := reconcile.Discover(p.ctx, narrowNeeds(site.needs(s.doc), scope), site.findLanes())
	if cause := context.Cause(p.ctx); cause != nil {
		return cause
	}
	site.closeLanes(failed)
	s.inventory = inventory
	return nil
}

// narrowNeeds drops the listing of functions where the scope names them.
func narrowNeeds(needs []desired.Discovery, scope worker.Scope) []desired.Discovery {
	if scope.All {
		return needs
	}
	for i := range needs {
		whole := slices.Contains(scope.Objects, worker.Object{Target: needs[i].Target})
		needs[i].ListFunctions = needs[i].ListFunctions && whole
	}
	return needs
}

// inventoryFor is what the last sweep discovered, and the touched functions,
// which may be new.
func (s *server) inventoryFor(scope worker.Scope) desired.Inventory {
	if scope.All {
		return s.inventory
	}
	known := desired.Inventory{}
	for target, found := range s.inventory {
		known[target] = found
	}
	for _, subject := range scope.Objects {
		if subject.Function == "" || s.site.lanes[subject.Target].Err != nil {
			continue
		}
		found := known[subject.Target]
		if at, exists := slices.BinarySearch(found.Functions, subject.Function); !exists {
			found.Functions = slices.Insert(slices.Clone(found.Functions), at, subject.Function)
			known[subject.Target] = found
		}
	}
	return known
}

// logPass says in one line how a pass ended, and in one line each what failed.
func (s *server) logPass(p *pass, scope worker.Scope, result *worker.Result) {
	log := s.app.log.With("run", p.id)
	if result.Err != nil {
		log.Error("pass failed", "error", harmless(result.Err.Error()))
	}
	if result.Plan == nil {
		return
	}
	c := result.Plan.Counts()
	args := []any{"keys", c.Declared, "in_sync", c.InSync, "drifted", c.Changes(), "unreadable", c.Unreadable + c.NotExamined,
		"missing", c.MissingFunctions + c.MissingQualifiers, "took", time.Since(p.started).Round(time.Millisecond).String()}
	if result.Outcome != nil {
		t := result.Outcome.Counts()
		args = append(args, "applied", t.Applied(), "failed", t.Failed, "not_attempted", t.NotAttempted)
		logFailures(log.Error, result.Outcome)
	}
	for _, left := range scope.Leave {
		log.Warn("contested, left alone", "key", harmless(left.Key.String()), "principal", harmless(left.Principal), "times", left.Times)
	}
	log.Info("pass", args...)
}

// maxLogged bounds what one pass says about single functions: the record of the
// run has them all.
const maxLogged = 20

func logFailures(say func(string, ...any), o *reconcile.Outcome) {
	said := 0
	for i := range o.Targets {
		for j := range o.Targets[i].Results {
			r := &o.Targets[i].Results[j]
			if r.Status != reconcile.Failed && r.Status != reconcile.Mismatched {
				continue
			}
			if said++; said > maxLogged {
				continue
			}
			key := desired.Key{Target: o.Targets[i].Target, Name: r.Name}
			say("not applied", "key", harmless(key.String()), "attempts", r.Stats.Attempts, "error", harmless(fmt.Sprint(r.Err)))
		}
	}
	if said > maxLogged {
		say("more were not applied", "count", said-maxLogged)
	}
}
