package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/examples"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// access is what a verb may do. It is a type of its own, and not a boolean, so
// that a call says which it asks for.
type access uint8

const (
	readersOnly access = iota
	readersAndWriters
)

// builtInScenario is the value of --simulate without a file.
const builtInScenario = "demo"

// site is the opened world of a pass: one lane to each target, on AWS or on the
// simulator. This file is the only place that chooses between them.
type site struct {
	ambient  desired.Target // of the current credentials, where the files declare no target
	registry *ratelimit.Registry
	borrowed bool // the registry outlives the site
	lanes    map[desired.Target]awslambda.Target
}

// openSite opens every target that the files declare, or the one that the
// current credentials point at.
func openSite(ctx context.Context, doc *desired.Document, o *readOptions, run string, access access) (*site, error) {
	return openTargets(ctx, declaredTargets(doc), o, run, access)
}

// declaredTargets lists the targets that the files declare; none means that of
// the current credentials.
func declaredTargets(doc *desired.Document) []desired.TargetSpec {
	if !doc.DeclaresTargets() {
		return nil
	}
	targets, err := doc.Targets(desired.Target{})
	if err != nil {
		return nil // only without declared targets
	}
	return targets
}

// newRegistry makes limiters at the pace that flags and fleet files ask for.
func newRegistry(declared func() []desired.TargetSpec, o *paceOptions) *ratelimit.Registry {
	return ratelimit.NewRegistry(func(scope ratelimit.Scope) ratelimit.Settings {
		for _, t := range declared() {
			if t.Account == scope.Account && t.Region == scope.Region {
				return o.settingsOf(t)
			}
		}
		return o.settingsOf(desired.TargetSpec{})
	})
}

// openTargets opens targets, or without any the one of the current credentials.
func openTargets(ctx context.Context, declared []desired.TargetSpec, o *readOptions, run string, access access) (*site, error) {
	s := &site{registry: newRegistry(func() []desired.TargetSpec { return declared }, &o.paceOptions)}
	if err := s.openAll(ctx, declared, o, run, access); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// openAll opens targets over the registry's limiters.
func (s *site) openAll(ctx context.Context, targets []desired.TargetSpec, o *readOptions, run string, access access) error {
	options := awslambda.Options{Run: run, Version: version, Limiters: s.registry}
	if access == readersAndWriters {
		options.Access = awslambda.ReadWrite
	}
	if err := o.simulated(&options); err != nil {
		return err
	}
	session, err := awslambda.Open(ctx, options)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		if s.ambient, _, err = session.Ambient(ctx); err != nil {
			return err
		}
		targets = []desired.TargetSpec{{Target: s.ambient}}
	}
	targets = slices.DeleteFunc(slices.Clone(targets), func(t desired.TargetSpec) bool { return !o.selects(t) || !o.owns(t.Target) })
	s.lanes = map[desired.Target]awslambda.Target{}
	for _, opened := range session.Open(ctx, targets) {
		s.lanes[opened.Target] = opened
	}
	return nil
}

// selects reports whether a target is to be opened at all: what --target leaves
// out costs no call. A label that names nothing is found out by Resolve.
func (o *fleetOptions) selects(t desired.TargetSpec) bool {
	return len(o.targets) == 0 || slices.Contains(o.targets, t.Label) || slices.Contains(o.targets, t.Target.String())
}

// simulated points the options at a world inside the process, when asked to.
func (o *readOptions) simulated(options *awslambda.Options) error {
	if o.simulate == "" {
		return nil
	}
	world := o.world
	if world == nil {
		simulated, err := openWorld(o.scenario())
		if err != nil {
			return err
		}
		world = simulated
	}
	options.Region = world.DefaultRegion()
	options.HTTPClient = world
	options.Credentials = awslambda.StaticCredentials(world.DefaultAccessKeyID())
	return nil
}

// scenario is the scenario file; "" is the demo's.
func (o *readOptions) scenario() string {
	if o.simulate == builtInScenario {
		return ""
	}
	return o.simulate
}

// loadFor reads the fleet files. Simulating the demo's world without naming any
// means the demo's fleet.
func (a *app) loadFor(args []string, simulate string) (*desired.Document, error) {
	if simulate == builtInScenario && len(args) == 0 {
		return desired.Load(examples.FS, examples.DemoFleet)
	}
	doc, err := a.load(args)
	if err != nil && simulate == builtInScenario && len(args) == 1 {
		err = fmt.Errorf("%w\n(--simulate alone is the demo's world, and %s was read as a fleet file; a scenario is given as --simulate=FILE)", err, args[0])
	}
	return doc, err
}

// needs is what must be discovered in the targets that are open.
func (s *site) needs(doc *desired.Document) []desired.Discovery {
	return slices.DeleteFunc(doc.Discoveries(s.ambient), func(n desired.Discovery) bool {
		_, open := s.lanes[n.Target]
		return !open
	})
}

func (s *site) findLanes() map[desired.Target]reconcile.DiscoverTarget {
	lanes := map[desired.Target]reconcile.DiscoverTarget{}
	for target, o := range s.lanes {
		lane := reconcile.DiscoverTarget{Err: o.Err}
		if o.Err == nil {
			lane.Finder, lane.Limiter = finder{o.Reader, o.Tagger}, o.Conn.Limiter()
		}
		lanes[target] = lane
	}
	return lanes
}

func (s *site) readLanes() map[desired.Target]reconcile.ReadTarget {
	lanes := map[desired.Target]reconcile.ReadTarget{}
	for target, o := range s.lanes {
		lane := reconcile.ReadTarget{Err: o.Err}
		if o.Err == nil {
			lane.Reader, lane.Limiter = o.Reader, o.Conn.Limiter()
		}
		lanes[target] = lane
	}
	return lanes
}

// writeLanes holds nothing for a site that was opened to read. held tells when
// the right to write to a target is lost.
func (s *site) writeLanes(held func(desired.Target) context.Context) map[desired.Target]reconcile.WriteTarget {
	lanes := map[desired.Target]reconcile.WriteTarget{}
	for target, o := range s.lanes {
		if o.Writer != nil {
			lanes[target] = reconcile.WriteTarget{Writer: o.Writer, Limiter: o.Conn.Limiter(), LeaseContext: held(target)}
		}
	}
	return lanes
}

// closeLanes takes targets out of the run, each for its reason.
func (s *site) closeLanes(failed map[desired.Target]error) {
	for target, err := range failed {
		o := s.lanes[target]
		o.Err = err
		s.lanes[target] = o
	}
}

// firstError is the reason of the first target that cannot be used, or nil.
func (s *site) firstError() error {
	for _, t := range sortedTargets(s.lanes) {
		if err := s.lanes[t].Err; err != nil {
			return err
		}
	}
	return nil
}

// limiters is what the limiters are doing now.
func (s *site) limiters() []ratelimit.Snapshot { return s.registry.Snapshots() }

// api is what was asked of each target so far.
func (s *site) api(targets []desired.TargetSpec) []report.TargetAPI {
	var all []report.TargetAPI
	for _, t := range targets {
		o := s.lanes[t.Target]
		api := report.TargetAPI{Target: t.Target, Label: t.Label}
		if o.Conn != nil {
			for _, op := range o.Conn.Stats() {
				api.Operations = append(api.Operations, report.OperationCount{
					Name: op.Op, Calls: op.Calls, Throttled: op.Throttled, Conflicts: op.Conflicts,
					Faults: op.Faults, Refused: op.Refused + op.Skewed,
				})
			}
			api.Limiter = o.Conn.Limiter().Snapshot()
		}
		all = append(all, api)
	}
	return all
}

func (s *site) close() {
	if !s.borrowed {
		s.registry.Close()
	}
}
