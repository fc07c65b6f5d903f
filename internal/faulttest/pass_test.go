package faulttest

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// storm is all that befalls one run.
type storm struct {
	weather
	faults  awssim.Faults
	quota   awssim.Quota
	deeds   []deed
	passes  time.Duration // before the run begins
	cut     cut
	writing time.Duration // an interrupt so long after the first write might begin; 0: none
	kill    time.Duration // the process dies; 0: it lives
	lost    lostLease
	takes   time.Duration // each entry of the journal
	room    int           // of the journal
	seed    seed
}

// cut ends a run early.
type cut struct {
	after    time.Duration // 0: never
	deadline bool          // known in advance, as by --timeout; else an interrupt
}

// lostLease is the end of the right to write to a target.
type lostLease struct {
	target desired.Target
	after  time.Duration // 0: never
}

// drawInstant is a time after which something happens, 0 for never, which is more
// likely by so many times. Odd instants, so that few things happen at the same one.
func drawInstant(t *rapid.T, label string, unlikely, most int) time.Duration {
	if rapid.IntRange(0, unlikely).Draw(t, label) > 0 {
		return 0
	}
	return time.Duration(rapid.IntRange(1, most).Draw(t, label+" after")) * 1000003
}

func drawStorm(t *rapid.T) storm {
	s := storm{
		deeds:   drawDeeds(t, 6),
		passes:  time.Duration(rapid.IntRange(0, 7200).Draw(t, "time passes")) * time.Second,
		cut:     cut{drawInstant(t, "cut", 3, 9000), rapid.Bool().Draw(t, "by deadline")},
		writing: drawInstant(t, "cut writing", 3, 5000),
		kill:    drawInstant(t, "kill", 5, 6000),
		lost:    lostLease{rapid.SampledFrom(targets).Draw(t, "lease of"), drawInstant(t, "lease lost", 5, 6000)},
		takes:   time.Duration(rapid.IntRange(0, 50).Draw(t, "journal takes")) * time.Millisecond,
		room:    rapid.SampledFrom([]int{math.MaxInt, math.MaxInt, math.MaxInt, 3}).Draw(t, "journal room"),
		seed:    seed(rapid.Uint64().Draw(t, "seed")),
	}
	s.weather, s.faults, s.quota = drawWeather(t)
	return s
}

// calm is a run in which nothing goes wrong.
func calm() storm { return storm{room: math.MaxInt, passes: time.Hour} }

// run is one walk of the engine, with all that was seen of it. It is the engine's
// memory as well.
type run struct {
	*journal
	t      *rapid.T
	planet *planet
	storm  storm
	wire   *wire
	counts awssim.Counts // when it began
	from   moment
	to     moment
	dead   atomic.Bool // the process was killed: whatever it still does reaches nobody

	*reconcile.RunResult
	doc       *desired.Document
	mayWrite  func(desired.Key) bool // what it has any business with
	interrupt context.CancelFunc
	leases    map[desired.Target]context.Context
	release   []func()
	failed    map[desired.Key]bool // in the run before
	surveyed  int                  // how many requests there were before the first change
}

// walk lets the storm loose on one run. What became of it is held against what
// was seen before anything else happens.
func (p *planet) walk(t *rapid.T, s storm, doc *desired.Document, req reconcile.Request, mayWrite func(*run) func(desired.Key) bool) *run {
	time.Sleep(s.passes)
	for _, err := range []error{p.settle(), p.world.SetFaults(s.faults), p.world.SetQuota(s.quota)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r := &run{t: t, planet: p, storm: s, doc: doc, counts: p.world.Counts(), from: p.moment(), leases: map[desired.Target]context.Context{}, failed: p.failed}
	order := &schedule{seed: s.seed, calls: map[string]uint64{}}
	r.journal = &journal{schedule: order, takes: s.takes, room: s.room, byKey: map[desired.Key]*entry{}, dead: &r.dead}
	r.wire = &wire{planet: p, weather: s.weather, run: r, tries: map[string]uint64{}, writing: map[place]*attempt{}}
	ctx, end := context.WithCancelCause(context.Background())
	cancel := func() { end(errors.New("interrupted")) } // a signal is a cause, as in the program
	r.interrupt = cancel
	defer cancel()
	var neighbour sync.WaitGroup
	neighbour.Go(func() { p.live(ctx, t, s.deeds) })
	if s.cut.deadline {
		req.Timeout = s.cut.after
	} else {
		defer r.after(s.cut.after, cancel)()
	}
	defer r.after(s.kill, func() { r.dead.Store(true); cancel() })()

	registry := ratelimit.NewRegistry(func(target desired.Target) ratelimit.Options {
		pace := awslambda.Pace(0, 0)
		pace.Rand = s.seed.jitter(target)
		return pace
	})
	defer registry.Close()
	engine := reconcile.Engine{Memory: r, Opener: opener{awslambda.Opener{Options: awslambda.Options{Limiters: registry, Environment: awslambda.Environment{
		Version: "test", Region: east.Region,
		Credentials: awslambda.StaticCredentials("AKIA" + east.Account), HTTPClient: r.wire,
	}}}, order}}
	req.ID, req.Started = "run", time.Now()
	var err error
	r.RunResult, err = engine.Run(ctx, req)
	cancel()
	neighbour.Wait()
	r.to = p.moment()
	if r.dead.Load() {
		r.Outcome = nil // nobody heard of it
	} else {
		p.failed = map[desired.Key]bool{}
		r.results(func(k desired.Key, res *reconcile.ChangeResult) { p.failed[k] = res.Status == reconcile.Failed })
	}
	t.Logf("%s: %d requests, %d intents, killed: %v, error: %v%s", r.Verb, len(r.wire.sent), len(r.entries), r.dead.Load(), err, r.story())
	p.tell(r)
	asked.done.runs++
	r.mayWrite = mayWrite(r)
	r.hold()
	return r
}

// after does something after a time, if there is one, unless it is stopped before.
func (r *run) after(d time.Duration, do func()) (stop func()) {
	if d == 0 {
		return func() {}
	}
	timer := time.AfterFunc(d, do)
	return func() { timer.Stop() }
}

// Begin implements reconcile.Memory.
func (r *run) Begin(*reconcile.RunResult) reconcile.Recorder { return r }

// Hold implements reconcile.Recorder.
func (r *run) Hold(context.Context, *reconcile.RunResult) error {
	for _, target := range targets {
		ctx, cancel := context.WithCancelCause(context.Background())
		r.leases[target] = ctx
		r.release = append(r.release, func() { cancel(nil) })
		if target == r.storm.lost.target {
			r.after(r.storm.lost.after, func() { cancel(errLost) })
		}
	}
	return nil
}

var errLost = errors.New("the lease was lost")

// Ready implements reconcile.Recorder.
func (r *run) Ready(context.Context, int) error {
	r.surveyed = r.wire.count()
	r.after(r.storm.writing, r.interrupt)
	return nil
}

// FailedBefore implements reconcile.Recorder.
func (r *run) FailedBefore(k desired.Key) bool { return r.failed[k] }

// Lease implements reconcile.Recorder.
func (r *run) Lease(t desired.Target) context.Context { return r.leases[t] }

// Finish implements reconcile.Recorder.
func (r *run) Finish(context.Context, *reconcile.RunResult) error { return nil }

// Release implements reconcile.Recorder.
func (r *run) Release(context.Context) error {
	for _, release := range r.release {
		release()
	}
	return nil
}

// declared is the entry that gives a run the right to write a key: its own, or
// where the undeclared is to be deleted, any of its function.
func (r *run) declared(k desired.Key) *desired.Entry {
	var any *desired.Entry
	for i := range r.Fleet.Targets {
		target := &r.Fleet.Targets[i]
		if target.Target != k.Target {
			continue
		}
		for j := range target.Entries {
			e := &target.Entries[j]
			if e.Name == k.Name {
				return e
			}
			if e.Function == k.Function && r.Fleet.Undeclared == desired.UndeclaredDelete {
				any = &desired.Entry{Name: k.Name, Remove: true, Want: &desired.Config{}}
			}
		}
	}
	return any
}

// ofDeclaration is what a run of fleet files has any business with.
func ofDeclaration(d *declaration) func(*run) func(desired.Key) bool {
	return func(r *run) func(desired.Key) bool {
		return func(k desired.Key) bool { return !d.ignored[k.Function] && r.declared(k) != nil }
	}
}

// audit only reads.
func (p *planet) audit(t *rapid.T, d *declaration, s storm) *run {
	return p.walk(t, s, d.doc, reconcile.Request{
		Verb: "audit", Wishes: reconcile.FleetWishes{Document: d.doc}, LookForOrphans: true,
	}, ofDeclaration(d))
}

// apply walks the whole road.
func (p *planet) apply(t *rapid.T, d *declaration, s storm) *run {
	return p.walk(t, s, d.doc, reconcile.Request{Verb: "apply", Write: true, Wishes: reconcile.FleetWishes{Document: d.doc}}, ofDeclaration(d))
}

// applySaved makes the changes of an earlier plan that still fit.
func (p *planet) applySaved(t *rapid.T, earlier *run, s storm) *run {
	return p.walk(t, s, earlier.doc, reconcile.Request{
		Verb: "apply PLAN", Write: true, Wishes: reconcile.FleetWishes{Document: earlier.doc}.SavedPlan(earlier.Plan),
	}, func(*run) func(desired.Key) bool { return earlier.mayWrite })
}

// rollback undoes an earlier run.
func (p *planet) rollback(t *rapid.T, earlier *run, s storm) *run {
	return p.walk(t, s, earlier.doc, reconcile.Request{
		Verb: "rollback", Write: true, Wishes: reconcile.FleetWishes{Document: earlier.doc}.Rollback(reconcile.Rollback{
			Read: func(context.Context) (map[desired.Target][]reconcile.Undo, error) { return earlier.undos(), nil },
		}),
	}, func(*run) func(desired.Key) bool { return func(k desired.Key) bool { return earlier.byKey[k] != nil } })
}
