package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Wishes is where a plan's wishes come from: a fleet ([FleetWishes]), a saved plan, or a run
// that is to be undone. It is all that sets one kind of run apart from another. A run calls its
// methods in their order, from one goroutine.
type Wishes interface {
	// Targets are those to open. Not declared means that the files name none, and
	// the target of the current credentials is meant.
	Targets() (targets []desired.TargetSpec, declared bool)
	// Discoveries is what has to be discovered before Resolve.
	Discoveries(ambient desired.Target) []desired.Discovery
	// Resolve gives the configs to be read, and what the guard's limits refer to.
	// It is called once the targets are held and discovered.
	Resolve(ctx context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, GuardBase, error)
	// Plan compares. It is pure.
	Plan(fleet desired.Fleet, observed Observed) Plan
}

// FleetWishes are the wishes of fleet files, or of a part of them.
type FleetWishes struct {
	Document  *desired.Document         // never nil
	Selection desired.Selection         // of targets and functions; zero: all
	InShard   func(desired.Target) bool // whether this process works on a target; nil: on all
	// Shard and Shards say which part that is, for the guard: Shard counts from 0; 0 of 0 is all.
	Shard, Shards int
}

// lacks is an error where the Document is nil.
func (w FleetWishes) lacks() error {
	if w.Document == nil {
		return errors.New("no Document configured")
	}
	return nil
}

// Targets implements Wishes. What the selection leaves out costs no call.
func (w FleetWishes) Targets() ([]desired.TargetSpec, bool) {
	// A label that names nothing is found out by Resolve.
	if !w.Document.DeclaresTargets() {
		return nil, false
	}
	all, _ := w.Document.Targets(desired.Target{}) // fails only where none is declared
	return slices.DeleteFunc(all, func(t desired.TargetSpec) bool { return !w.inShard(t.Target) || !w.Selection.HasTarget(t) }), true
}

// inShard reports whether a target is of this process's shard.
//
// What it does not own it neither opens nor counts.
func (w FleetWishes) inShard(t desired.Target) bool { return w.InShard == nil || w.InShard(t) }

// Discoveries implements Wishes.
func (w FleetWishes) Discoveries(ambient desired.Target) []desired.Discovery {
	return w.Document.Discoveries(ambient, w.Selection)
}

// Resolve implements Wishes.
func (w FleetWishes) Resolve(_ context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, GuardBase, error) {
	narrowed := len(w.Selection.Targets)+len(w.Selection.Functions) > 0
	base := GuardBase{Part: narrowed, Shard: w.Shard, Shards: w.Shards}
	if err := w.Document.Expired(time.Now()); err != nil {
		return desired.Fleet{}, base, err
	}
	fleet, err := w.Document.Resolve(ambient, found, w.Selection)
	if err != nil {
		return desired.Fleet{}, base, err
	}
	// Where a selection narrows the fleet, the guard still has to know how large the fleet
	// is: its floor is for a run over all of it. A fleet that resolves only in part is no
	// base, and the limits are then the part's own.
	if narrowed {
		if whole, err := w.Document.Resolve(ambient, found, desired.Selection{}); err == nil {
			base.Fleet = w.part(whole).Configs()
		}
	}
	return w.part(fleet), base, nil
}

// part is what is left of a fleet in this process.
func (w FleetWishes) part(f desired.Fleet) desired.Fleet {
	f.Targets = slices.DeleteFunc(slices.Clone(f.Targets), func(t desired.TargetSpec) bool { return !w.inShard(t.Target) })
	return f
}

// Plan implements Wishes.
func (FleetWishes) Plan(fleet desired.Fleet, observed Observed) Plan { return NewPlan(fleet, observed) }

// SavedPlan wishes for exactly the changes of a saved plan. A change whose record has moved
// since is stale, alone. A plan is a stranger's file, so each of its changes must be what the
// fleet files ask for today.
func (w FleetWishes) SavedPlan(saved Plan) Wishes { return planWishes{w, saved} }

// planWishes are those of a saved plan.
type planWishes struct {
	FleetWishes
	saved Plan
}

// Resolve implements Wishes.
func (w planWishes) Resolve(ctx context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, GuardBase, error) {
	fleet, base, err := w.FleetWishes.Resolve(ctx, ambient, found)
	if err != nil {
		return fleet, base, err
	}
	// The rules were discovered and resolved as for a fleet, and the limits of the guard
	// refer to what the fleet is, not to what the plan says.
	base.Fleet, base.Whole, base.Part = fleet.Configs(), true, true
	changes := map[desired.Target][]Change{}
	for t := range slice.Pointers(w.saved.Targets) {
		if !w.inShard(t.Target) {
			continue
		}
		if w.left(fleet, t) {
			continue
		}
		if err := asked(fleet, t); err != nil {
			return fleet, base, err
		}
		changes[t.Target] = t.Changes
	}
	return narrowTo(fleet, changes, func(c *Change) desired.Entry {
		e := desired.Entry{Name: c.Name, Want: c.Want, Origins: c.Origins, Remove: c.Action == Delete}
		if e.Want == nil {
			e.Want = &desired.Config{}
		}
		if e.Origins == nil {
			e.Origins = &desired.Origins{}
		}
		return e
	}), base, nil
}

// left reports whether a target of the plan is none any more because AWS Organizations
// lists its account no longer. It is a row of its own, and keeps no other waiting.
func (w planWishes) left(fleet desired.Fleet, t *TargetPlan) bool {
	return !slices.ContainsFunc(fleet.Targets, func(f desired.TargetSpec) bool { return f.Target == t.Target }) &&
		slices.ContainsFunc(w.Document.Organizations(), func(o desired.Organization) bool { return o.Label == t.Label })
}

// asked refuses changes that the fleet files do not ask for, and gives those they
// do ask for the lines that they come from, whatever lines the saved plan names.
//
// It compares what is wanted, and not the request: whether the record is still what the
// request was made from is for Plan to find.
func asked(fleet desired.Fleet, saved *TargetPlan) error {
	target := FindTarget(fleet.Targets, saved.Target)
	if target == nil {
		return fmt.Errorf("%s is in the plan, but neither the fleet file nor the current credentials are about it; use those it was made with", saved.Target)
	}
	entries := target.Entries
	for c := range slice.Pointers(saved.Changes) {
		at, declared := slices.BinarySearchFunc(entries, c.Name, desired.Entry.Compare)
		var right bool
		switch {
		case !declared:
			right = c.Action == Delete && c.Want == nil && fleet.Undeclared == desired.UndeclaredDelete &&
				slices.ContainsFunc(entries, func(e desired.Entry) bool { return e.Function == c.Function })
		case entries[at].Remove:
			right = c.Action == Delete
		default:
			right = (c.Action == Create || c.Action == Update) && c.Want != nil && *c.Want == *entries[at].Want
		}
		if !right {
			return fmt.Errorf("the plan has a %s of %s that the fleet files do not ask for; plan again", c.Action, desired.Key{Target: saved.Target, Name: c.Name})
		}
		c.Origins = nil
		if declared {
			c.Origins = entries[at].Origins
		}
	}
	return nil
}

// Plan implements Wishes.
func (w planWishes) Plan(fleet desired.Fleet, observed Observed) Plan {
	saved := Plan{}
	for _, t := range w.saved.Targets {
		left := w.inShard(t.Target) && len(t.Changes) > 0 && w.left(fleet, &t)
		if left {
			observed.Targets = append(slices.Clone(observed.Targets), ObservedTarget{Target: t.Target,
				Err: fmt.Errorf("%s is no target of %s any more, because its account or region has left, and the plan's changes there are not made", t.Target, t.Label)})
		}
		if left || FindTarget(fleet.Targets, t.Target) != nil {
			// What else the file says of the target is for whoever reads it.
			saved.Targets = append(saved.Targets, TargetPlan{Target: t.Target, Label: t.Label, Declared: len(t.Changes), Changes: t.Changes})
		}
	}
	return recheck(saved, observed)
}

// recheck holds an approved plan against what AWS holds now: a change whose
// record is no longer its before-image is moved to the stale ones, alone.
//
// Nothing is added to what was approved and nothing is planned anew. A target that was not
// surveyed counts as not examined.
func recheck(approved Plan, observed Observed) Plan {
	out := Plan{Targets: slices.Clone(approved.Targets), Exact: true}
	for p := range slice.Pointers(out.Targets) {
		changes := p.Changes
		p.Changes, p.Findings, p.Stale = nil, nil, nil
		have := cmp.Or(FindTarget(observed.Targets, p.Target), &ObservedTarget{})
		p.Err, p.Stopped = have.Err, have.Stopped
		for _, c := range changes {
			p.recheck(c, have.function(c.Function))
		}
	}
	return out
}

// recheck puts one approved change among those to make, or among the stale ones. A
// function that is gone makes a change stale: there is nothing left to approve.
func (p *TargetPlan) recheck(c Change, function *ObservedFunction) {
	switch f := p.unread(c.Name, function); {
	case f != nil && f.Kind == FindingFunctionMissing:
		p.Stale = append(p.Stale, StaleChange{Change: c})
	case f != nil:
		p.Findings = append(p.Findings, *f)
	default:
		record := function.record(c.Qualifier)
		if now := settingsOf(record); !sameRecord(now, c.Before) {
			p.Stale = append(p.Stale, StaleChange{Change: c, Now: now})
			return
		}
		c.Seen = function.Seen
		p.Changes = append(p.Changes, c)
	}
}

// narrowTo makes a fleet consist of some configs, so that a survey reads their
// functions and no others.
func narrowTo[T any](fleet desired.Fleet, by map[desired.Target][]T, entry func(*T) desired.Entry) desired.Fleet {
	var targets []desired.TargetSpec
	for _, t := range fleet.Targets {
		of, concerned := by[t.Target]
		if !concerned {
			continue
		}
		t.Entries, t.Ignored, t.Judged = nil, nil, nil
		for i := range of {
			t.Entries = append(t.Entries, entry(&of[i]))
		}
		targets = append(targets, t)
	}
	fleet.Targets = targets
	return fleet
}
