package faulttest

import (
	"context"
	"errors"
	"math"
	"sync"
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
	reading cut // of the part that only reads
	writing cut
	takes   time.Duration // each entry of the journal
	room    int           // of the journal
	seed    uint64
}

// cut ends a part of a run early.
type cut struct {
	after    time.Duration // 0: never
	deadline bool          // known in advance, as by --timeout; else an interrupt
}

func (c cut) context(parent context.Context) (context.Context, context.CancelFunc) {
	switch {
	case c.after == 0:
		return context.WithCancel(parent)
	case c.deadline:
		return context.WithTimeout(parent, c.after)
	}
	ctx, cancel := context.WithCancel(parent)
	stop := time.AfterFunc(c.after, cancel)
	return ctx, func() { stop.Stop(); cancel() }
}

func drawCut(t *rapid.T, label string) cut {
	if rapid.IntRange(0, 3).Draw(t, label) > 0 {
		return cut{}
	}
	return cut{
		after:    time.Duration(rapid.IntRange(1, 5000).Draw(t, label+" after")) * 1000003,
		deadline: rapid.Bool().Draw(t, label+" by deadline"),
	}
}

func drawStorm(t *rapid.T) storm {
	s := storm{
		deeds: drawDeeds(t, 6), reading: drawCut(t, "cut reading"), writing: drawCut(t, "cut writing"),
		takes: time.Duration(rapid.IntRange(0, 50).Draw(t, "journal takes")) * time.Millisecond,
		room:  rapid.SampledFrom([]int{math.MaxInt, math.MaxInt, math.MaxInt, 3}).Draw(t, "journal room"),
		seed:  rapid.Uint64().Draw(t, "wire seed"),
	}
	s.weather, s.faults, s.quota = drawWeather(t)
	return s
}

// calm is a run in which nothing goes wrong.
func calm() storm { return storm{room: math.MaxInt} }

// run is one walk down the road, with all that was seen of it.
type run struct {
	t       *rapid.T
	planet  *planet
	storm   storm
	wire    *wire
	journal *journal
	counts  awssim.Counts // when it began
	from    moment
	to      moment

	opened   map[desired.Target]awslambda.Target
	fleet    desired.Fleet
	mayWrite func(desired.Key) bool // what it has any business with
	plan     reconcile.Plan
	outcome  *reconcile.Outcome
}

// begin lets the storm loose and walks down the road with do. What became of
// it is held against what was seen before anything else happens.
func (p *planet) begin(t *rapid.T, s storm, do func(context.Context, *run) error) *run {
	for _, err := range []error{p.settle(), p.world.SetFaults(s.faults), p.world.SetQuota(s.quota)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	j := &journal{takes: s.takes, room: s.room, byKey: map[desired.Key]*entry{}}
	r := &run{
		t: t, planet: p, storm: s, journal: j, counts: p.world.Counts(), from: p.moment(),
		wire: &wire{planet: p, weather: s.weather, journal: j, seed: s.seed, tries: map[string]uint64{}, writing: map[place]*attempt{}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var neighbour sync.WaitGroup
	neighbour.Go(func() { p.live(ctx, t, s.deeds) })
	err := do(ctx, r)
	cancel()
	neighbour.Wait()
	r.to = p.moment()
	t.Logf("run: %d requests, %d intents, error: %v%s", len(r.wire.sent), len(j.entries), err, r.story())
	r.hold()
	return r
}

// open opens the targets as a verb would.
func (r *run) open(ctx context.Context, declared []desired.TargetSpec) (func(), error) {
	registry := ratelimit.NewRegistry(func(desired.Target) ratelimit.Settings { return awslambda.Pace(0, 0) })
	session, err := awslambda.Open(ctx, awslambda.Options{
		Run: "run", Version: "test", Access: awslambda.ReadWrite, Limiters: registry, Region: east.Region,
		Credentials: awslambda.StaticCredentials("AKIA" + east.Account), HTTPClient: r.wire,
	})
	if err != nil {
		registry.Close()
		return nil, err
	}
	r.opened = map[desired.Target]awslambda.Target{}
	for _, o := range session.Open(ctx, declared) {
		r.opened[o.Target] = o
	}
	return registry.Close, nil
}

func (r *run) readTargets() map[desired.Target]reconcile.ReadTarget {
	conns := map[desired.Target]reconcile.ReadTarget{}
	for target, o := range r.opened {
		conn := reconcile.ReadTarget{Err: o.Err}
		if o.Err == nil {
			conn.Reader, conn.Limiter = o.Reader, o.Conn.Limiter()
		}
		conns[target] = conn
	}
	return conns
}

func (r *run) writeTargets() map[desired.Target]reconcile.WriteTarget {
	conns := map[desired.Target]reconcile.WriteTarget{}
	for target, o := range r.opened {
		if o.Writer != nil {
			conns[target] = reconcile.WriteTarget{Writer: o.Writer, Limiter: o.Conn.Limiter()}
		}
	}
	return conns
}

// finder discovers function names; no rule of this suite asks for tags.
type finder struct{ *awslambda.Reader }

// Tagged implements reconcile.Finder.
func (finder) Tagged(context.Context, []desired.Tag) (map[string]map[string]string, error) {
	return nil, errors.New("no rule of this suite chooses by tags")
}

// TagsOf implements reconcile.Finder.
func (finder) TagsOf(context.Context, []string) (map[string]map[string]string, error) {
	return nil, errors.New("no rule of this suite chooses by tags")
}

// read walks down to the plan.
func (r *run) read(ctx context.Context, d *declaration, options ...reconcile.SurveyOption) (func(), error) {
	ctx, cancel := r.storm.reading.context(ctx)
	defer cancel()
	declared, err := d.doc.Targets(desired.Target{})
	if err != nil {
		return nil, err
	}
	closeLanes, err := r.open(ctx, declared)
	if err != nil {
		return nil, err
	}
	findLanes := map[desired.Target]reconcile.DiscoverTarget{}
	for target, o := range r.opened {
		conn := reconcile.DiscoverTarget{Err: o.Err}
		if o.Err == nil {
			conn.Finder, conn.Limiter = finder{o.Reader}, o.Conn.Limiter()
		}
		findLanes[target] = conn
	}
	inventory, failed := reconcile.Discover(ctx, d.doc.Discoveries(desired.Target{}), findLanes)
	for target, err := range failed {
		o := r.opened[target]
		o.Err = err
		r.opened[target] = o
	}
	r.fleet, err = d.doc.Resolve(desired.Target{}, inventory, desired.Selection{})
	if err != nil {
		closeLanes()
		return nil, err
	}
	r.mayWrite = func(k desired.Key) bool { return !d.ignored[k.Function] && r.declared(k) != nil }
	live := reconcile.Survey(ctx, r.fleet, r.readTargets(), nil, options...)
	r.plan = reconcile.NewPlan(r.fleet, live)
	return closeLanes, nil
}

// declared is the entry that gives a run the right to write a key: its own, or
// where the undeclared is to be deleted, any of its function.
func (r *run) declared(k desired.Key) *desired.Entry {
	var any *desired.Entry
	for i := range r.fleet.Targets {
		target := &r.fleet.Targets[i]
		if target.Target != k.Target {
			continue
		}
		for j := range target.Entries {
			e := &target.Entries[j]
			if e.Name == k.Name {
				return e
			}
			if e.Function == k.Function && r.fleet.Undeclared == desired.UndeclaredDelete {
				any = &desired.Entry{Name: k.Name, Remove: true, Want: &desired.Config{}}
			}
		}
	}
	return any
}

// write takes a plan through the guard and makes its changes.
func (r *run) write(ctx context.Context, plan reconcile.Plan, guard desired.Guard) error {
	r.plan = plan
	approved, err := reconcile.Guard{Guard: guard}.Approve(plan)
	if err != nil {
		return err
	}
	ctx, cancel := r.storm.writing.context(ctx)
	defer cancel()
	outcome := reconcile.Apply(ctx, approved, r.writeTargets(), r.journal, nil)
	r.outcome = &outcome
	return nil
}

// audit only reads.
func (p *planet) audit(t *rapid.T, d *declaration, s storm) *run {
	return p.begin(t, s, func(ctx context.Context, r *run) error {
		closeLanes, err := r.read(ctx, d, reconcile.LookForOrphans)
		if err == nil {
			closeLanes()
		}
		return err
	})
}

// apply walks the whole road.
func (p *planet) apply(t *rapid.T, d *declaration, s storm) *run {
	return p.begin(t, s, func(ctx context.Context, r *run) error {
		closeLanes, err := r.read(ctx, d)
		if err != nil {
			return err
		}
		defer closeLanes()
		return r.write(ctx, r.plan, r.fleet.Guard)
	})
}

// applySaved makes the changes of an earlier plan that still fit.
func (p *planet) applySaved(t *rapid.T, earlier *run, s storm) *run {
	return p.begin(t, s, func(ctx context.Context, r *run) error {
		r.fleet, r.mayWrite = earlier.fleet, earlier.mayWrite
		closeLanes, err := r.open(ctx, r.fleet.Targets)
		if err != nil {
			return err
		}
		defer closeLanes()
		return r.write(ctx, reconcile.Recheck(earlier.plan, r.lookAgain(ctx, r.fleet)), r.fleet.Guard)
	})
}

// rollback undoes an earlier run.
func (p *planet) rollback(t *rapid.T, earlier *run, s storm) *run {
	return p.begin(t, s, func(ctx context.Context, r *run) error {
		undos := earlier.undos()
		r.fleet = desired.Fleet{Guard: desired.Guard{
			MaxChanges: desired.Limit{Number: math.MaxInt}, MaxDeletes: desired.Limit{Number: math.MaxInt}, MaxErrors: desired.Limit{Number: math.MaxInt},
		}}
		for _, target := range earlier.fleet.Targets {
			if len(undos[target.Target]) == 0 {
				continue
			}
			target.Entries = nil
			for _, u := range undos[target.Target] {
				target.Entries = append(target.Entries, desired.Entry{Name: u.Name, Want: &desired.Config{}, Origins: &desired.Origins{}, Remove: true})
			}
			r.fleet.Targets = append(r.fleet.Targets, target)
		}
		r.mayWrite = func(k desired.Key) bool { return earlier.journal.byKey[k] != nil }
		closeLanes, err := r.open(ctx, r.fleet.Targets)
		if err != nil {
			return err
		}
		defer closeLanes()
		return r.write(ctx, reconcile.NewRollback(undos, r.lookAgain(ctx, r.fleet), false), r.fleet.Guard)
	})
}

func (r *run) lookAgain(ctx context.Context, f desired.Fleet) reconcile.Observed {
	ctx, cancel := r.storm.reading.context(ctx)
	defer cancel()
	return reconcile.Survey(ctx, f, r.readTargets(), nil)
}
