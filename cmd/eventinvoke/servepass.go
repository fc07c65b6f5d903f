package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/notify"
	"github.com/eventinvoke/eventinvoke/internal/observed"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/internal/worker/web"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// server is what a worker keeps from one pass to the next: the last good fleet
// files, the limiters, and what the last sweep opened and discovered. A sweep and a
// targeted pass may run at a time.
type server struct {
	app     *app
	args    []string
	o       *serveOptions
	clients *clients
	metrics *metrics.Metrics
	board   *web.Board // which a page shows, where one is served
	leases  history.LeasePool
	// timetable is zero in a process that is woken for each pass.
	timetable worker.Timetable
	// notifier is nil where nobody is to be told.
	notifier *notify.Notifier

	mu       sync.Mutex
	document *desired.Document
	swept    *knowledge // of the last sweep; nil before it
	restOf   time.Time  // when the run began that this invocation carries on; zero for none
	loop     *worker.Worker

	compared sync.Once // the accounts of organizations, with those of the newest run
}

// knowledge is what a sweep found out that a pass over a few functions need not ask
// again.
type knowledge struct {
	opened    reconcile.Opened
	inventory desired.Inventory
}

// newServer loads the fleet. A worker that starts with files that do not load
// has no last good ones, so that is an error.
func (a *app) newServer(args []string, o *serveOptions) (*server, error) {
	a.goesOn.Store(true)
	s := &server{app: a, args: args, o: o}
	var err error
	if s.document, err = a.loadFor(cmp.Or(a.ctx, context.Background()), args, &o.readOptions); err != nil {
		return nil, err
	}
	if s.clients, err = newClients(s.declared, &o.readOptions); err != nil {
		s.clients.close()
		return nil, err
	}
	s.metrics = metrics.New(version, s.clients.snapshots)
	mine, _ := o.wishes(s.document).Targets()
	s.metrics.Declare(mine)
	s.board = web.NewBoard(s.clients.snapshots)
	s.show(s.document)
	// A worker remembers what it told for as long as it lives, and longer where it was
	// given a place.
	var store history.Store
	if len(o.notify.receivers) > 0 && o.location != "" && o.location != noHistory {
		store, err = history.OpenStore(cmp.Or(a.ctx, context.Background()), o.location)
	}
	if err == nil {
		s.notifier, err = a.notifier(a.ctx, &o.notify, store, o.scope(), s.notified)
	}
	if err != nil {
		s.clients.close()
		return nil, err
	}
	return s, nil
}

func (s *server) declared() []desired.TargetSpec {
	document, _ := s.known()
	return declaredIn(document)
}

func (s *server) known() (*desired.Document, *knowledge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.document, s.swept
}

func (s *server) set(change func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// worker says when the server's passes run.
func (s *server) worker(timetable worker.Timetable) *worker.Worker {
	s.timetable = timetable
	pass := func(ctx context.Context, scope worker.Scope) worker.Result {
		_, result := s.run(ctx, scope)
		return result
	}
	w := worker.New(worker.Options{
		Timetable: timetable, Pass: pass, Log: s.app.log, Settle: s.o.settle, Gap: s.o.gap, Observer: s.observer(), Fights: &s.clients.fights,
		Silence: worker.DefaultSilence + s.o.leaseWait, Random: s.o.random,
	})
	s.set(func(s *server) { s.loop = w })
	return w
}

func (s *server) close() {
	s.closeNotices()
	s.clients.close()
}

// historyError is why nobody remembers what a pass does, or what those before it saw: it is a
// reconcile.ErrJournal before there is a journal.
type historyError struct{ error }

func (e historyError) Unwrap() error      { return e.error }
func (historyError) Is(target error) bool { return target == reconcile.ErrJournal }

// run makes one pass, and tells who is to be told. The run is never nil.
func (s *server) run(ctx context.Context, scope worker.Scope) (*reconcile.RunResult, worker.Result) {
	changed, problem := s.reload(ctx, scope)
	document, swept := s.known()
	request := s.o.request("serve")
	request.Write = s.o.apply
	if end, ok := ctx.Deadline(); ok { // so that the run tells what it had no time for
		if left := time.Until(end); request.Timeout == 0 || left < request.Timeout {
			request.Timeout = left
		}
	}
	request.Observe = func(e reconcile.Step) {
		scope.Alive()
		s.board.Observe(scope.All, e)
	}
	p := &scopedPass{FleetWishes: s.o.wishes(document), s: s, scope: scope, swept: swept}
	request.Wishes = p
	memory, seen, err := s.remembered(ctx, scope, document)
	if err != nil {
		request.Unprepared = historyError{err}
	}
	var past *history.History
	if memory != nil {
		past = memory.History
	}
	if accounts := document.Accounts(); scope.All && past != nil && len(accounts) > 0 {
		s.compared.Do(func() { // a process that has just begun knows no accounts from before
			if len(changed) == 0 {
				changed = accountsSince(ctx, past, accounts)
				s.moved(changed)
			}
		})
	}
	engine := s.clients.engine(p, memory, past, seen, s.app.log)
	engine.Annotators = s.clients.annotators(past, scope.All)
	engine.Reporters = []func(context.Context, *reconcile.RunResult) error{s.metrics.Ran, func(_ context.Context, r *reconcile.RunResult) error {
		if scope.All && r.Planned() {
			s.set(func(s *server) { s.swept = &knowledge{p.opened, r.Inventory} })
			s.clients.keep(r.Opened.Targets, s.declared())
		}
		s.keepReport(r, scope.All, document.Files(), changed)
		s.logInsights(r)
		if ctx.Err() == nil {
			s.notifyPass(r, scope, problem)
		}
		return nil
	}}
	r, failures := engine.Run(ctx, request)
	result := passResult(r)
	result.FleetProblem = problem
	if ctx.Err() == nil {
		s.logFailures(r.ID, failures, &result)
	}
	return r, result
}

// remembered is where a pass is recorded, and what those before it saw; both may be nil.
func (s *server) remembered(ctx context.Context, scope worker.Scope, document *desired.Document) (memory *history.Memory, seen *observed.Observations, err error) {
	if s.o.apply {
		h, err := history.Open(ctx, s.o.historyLocation())
		if err != nil {
			return nil, nil, err
		}
		memory = s.app.memory(h, &s.o.historyOptions, &s.o.readOptions)
		memory.Files, memory.Organizations, memory.LeaseWait = document.Files(), document.Accounts(), s.o.leaseWait
		// A target that another run holds is left to it, and keeps no other from
		// being corrected.
		memory.SkipHeld, memory.WritesOnly, memory.Leases = true, true, &s.leases
	}
	seen, err = s.recall(ctx, scope)
	return memory, seen, err
}

// scopedPass is one pass: what it compares with, and how it opens its targets. It
// is a reconcile.Wishes and a reconcile.Opener.
type scopedPass struct {
	reconcile.FleetWishes
	s     *server
	scope worker.Scope
	swept *knowledge // of the sweep before; nil when there was none

	opened reconcile.Opened // by this pass
}

// Open implements reconcile.Opener. A pass over a few functions uses what the last
// sweep opened: it must cost no more than those functions.
func (p *scopedPass) Open(ctx context.Context, req reconcile.OpenRequest) (opened reconcile.Opened, err error) {
	switch {
	case !req.Ambient && len(req.Targets) == 0: // events about accounts that are not ours
		return reconcile.Opened{}, nil
	case p.scope.All || p.swept == nil:
		if p.opened, err = p.s.clients.Open(ctx, req); err != nil {
			return reconcile.Opened{}, err
		}
	default:
		p.opened.Ambient = p.swept.opened.Ambient
		for _, t := range p.swept.opened.Targets {
			if req.Ambient || reconcile.FindTarget(req.Targets, t.Target) != nil {
				p.opened.Targets = append(p.opened.Targets, countAnew(t))
			}
		}
	}
	opened = p.opened
	opened.Targets = p.scope.Open(slices.Clone(p.opened.Targets))
	return opened, nil
}

// Targets implements reconcile.Wishes.
func (p *scopedPass) Targets() ([]desired.TargetSpec, bool) {
	all, declared := p.FleetWishes.Targets()
	return slices.DeleteFunc(all, func(t desired.TargetSpec) bool {
		return !p.scope.All && !slices.ContainsFunc(p.scope.Objects, func(o worker.Object) bool { return o.Target == t.Target })
	}), declared
}

// touched are the functions of a target that the scope names, sorted; whole says
// that it names the target itself.
func (p *scopedPass) touched(t desired.Target) (functions []string, whole bool) {
	for _, o := range p.scope.Objects {
		switch {
		case o.Target != t:
		case o.Function == "":
			whole = true
		default:
			functions = append(functions, o.Function)
		}
	}
	return functions, whole
}

// Discoveries implements reconcile.Wishes. Functions that the scope names need not
// be listed; but their tags are read, since an event may be about just those: a
// function that was tagged a minute ago so that an ignore item covers it must not be
// written.
//
// Where there was no sweep, as in a Lambda function that was woken by a batch of
// events, more functions than the guard's floor need the number of all: its shares
// are of the fleet.
func (p *scopedPass) Discoveries(ambient desired.Target) []desired.Discovery {
	all := p.FleetWishes.Discoveries(ambient)
	if p.scope.All {
		return all
	}
	for d := range slice.Pointers(all) {
		functions, whole := p.touched(d.Target)
		switch {
		case whole:
		case p.swept == nil && len(p.scope.Objects) > desired.DefaultLimits().MaxChanges.Floor:
		default:
			d.ListFunctions, d.Functions = false, functions
		}
	}
	return all
}

// Resolve implements reconcile.Wishes.
func (p *scopedPass) Resolve(ctx context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, reconcile.GuardBase, error) {
	if !p.scope.All {
		found = p.together(found)
	}
	fleet, base, err := p.FleetWishes.Resolve(ctx, ambient, found)
	if err != nil && !p.scope.All && nothingChosen(err) {
		// That no function is chosen is a verdict about the whole fleet. About the
		// functions of an event it says that there is nothing to do.
		base.Part = true
		return desired.Fleet{Limits: desired.DefaultLimits()}, base, nil
	}
	if err != nil {
		return fleet, base, err
	}
	narrowed, base := p.scope.Within(fleet, base)
	return narrowed, base, nil
}

// nothingChosen reports whether a fleet came to nothing and had no other problem.
func nothingChosen(err error) bool {
	var problems desired.Problems
	return errors.As(err, &problems) && !slices.ContainsFunc(problems, func(p desired.Problem) bool { return p.Code != "EI018" })
}

// together is what the last sweep discovered and what this pass did, which is newer;
// the touched functions exist until they are read.
func (p *scopedPass) together(found desired.Inventory) desired.Inventory {
	known := desired.Inventory{}
	if p.swept != nil {
		maps.Copy(known, p.swept.inventory)
	}
	for t, now := range found {
		of, swept := known[t]
		functions, whole := p.touched(t)
		if whole || !swept {
			known[t] = now
			continue
		}
		of.Tags, of.Aliases = renewed(of.Tags, now.Tags, functions), renewed(of.Aliases, now.Aliases, functions)
		known[t] = of
	}
	for _, o := range p.scope.Objects {
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

// renewed is what was known of functions, with what is known now of some of them.
func renewed[V any](known, now map[string]V, functions []string) map[string]V {
	all := map[string]V{}
	maps.Copy(all, known)
	for _, f := range functions {
		delete(all, f)
	}
	maps.Copy(all, now)
	return all
}

// foreign reports whether an object is of the fleet, and another process is to look at
// it: that of another shard, or one without this --target or --function.
func (s *server) foreign(o worker.Object) bool {
	document, _ := s.known()
	all, declared := reconcile.FleetWishes{Document: document}.Targets()
	of := func(targets []desired.TargetSpec) bool {
		return reconcile.FindTarget(targets, o.Target) != nil
	}
	if mine, _ := s.o.wishes(document).Targets(); declared && of(all) && !of(mine) {
		return true
	}
	if o.Function == "" || len(s.o.functions) == 0 {
		return false
	}
	one := desired.Fleet{Targets: []desired.TargetSpec{{Target: o.Target, Entries: []desired.Entry{{Name: desired.Name{Function: o.Function}}}}}}
	return !slices.ContainsFunc(s.o.functions, func(pattern string) bool {
		_, err := desired.Selection{Functions: []string{pattern}}.Narrow(one)
		return err == nil
	})
}

// maxLogged bounds what one pass says about single configs: the record of the
// run has them all.
const maxLogged = 20

// logFailures says in one line each what failed in a pass that came to a plan. What
// ended it, as a whole or in a target, is in the line with which the worker closes it.
func (s *server) logFailures(run string, failures error, result *worker.Result) {
	if result.Plan == nil {
		return
	}
	untold := slices.DeleteFunc(slices.Clone(failuresOf(failures)), func(err error) bool {
		f, is := errors.AsType[*reconcile.Failure](err)
		return is && f.Ended || errors.Is(result.Err, err) || callerr.KindOf(err) == callerr.Lease
	})
	log := s.app.log.With("run", run)
	for _, err := range untold[:min(len(untold), maxLogged)] {
		log.Error("failed", "error", sanitize(err.Error()))
	}
	if more := len(untold) - maxLogged; more > 0 {
		log.Error("and more failures", "count", more)
	}
}
