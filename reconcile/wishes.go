package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Wishes is where a plan's wishes come from: a fleet, a saved plan, or a run that
// is to be undone. It is all that sets one kind of run apart from another.
type Wishes interface {
	// Targets are those to open. Not declared means that the files name none, and
	// the target of the current credentials is meant.
	Targets() (targets []desired.TargetSpec, declared bool)
	// Discoveries is what has to be discovered before Resolve.
	Discoveries(ambient desired.Target) []desired.Discovery
	// Resolve gives the configs to be read, and what the guard's limits refer to.
	// It is called once the targets are held and discovered.
	Resolve(ctx context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, Base, error)
	// Plan compares. It is pure.
	Plan(fleet desired.Fleet, observed Observed) Plan
}

// FleetWishes are the wishes of fleet files, or of a part of them.
type FleetWishes struct {
	Document  *desired.Document
	Selection desired.Selection
	Owns      func(desired.Target) bool // whether this process works on a target; nil: on all
	// Shard and Shards say which part that is, for the guard.
	Shard, Shards int
}

// Targets implements Wishes. What the selection leaves out costs no call.
func (w FleetWishes) Targets() ([]desired.TargetSpec, bool) {
	// A label that names nothing is found out by Resolve.
	if !w.Document.DeclaresTargets() {
		return nil, false
	}
	all, _ := w.Document.Targets(desired.Target{}) // fails only where none is declared
	return slices.DeleteFunc(all, func(t desired.TargetSpec) bool { return !w.owns(t.Target) || !w.Selects(t) }), true
}

// owns reports whether a target is of this process's shard.
//
// What it does not own it neither opens nor counts.
func (w FleetWishes) owns(t desired.Target) bool { return w.Owns == nil || w.Owns(t) }

// Selects reports whether the selection names a target.
func (w FleetWishes) Selects(t desired.TargetSpec) bool {
	asked := w.Selection.Targets
	return len(asked) == 0 || slices.Contains(asked, t.Label) || slices.Contains(asked, t.Target.String())
}

// Discoveries implements Wishes.
func (w FleetWishes) Discoveries(ambient desired.Target) []desired.Discovery {
	return w.Document.Discoveries(ambient, w.Selection)
}

// Resolve implements Wishes.
func (w FleetWishes) Resolve(_ context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, Base, error) {
	base := Base{Shard: w.Shard, Shards: w.Shards}
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
	if len(w.Selection.Targets)+len(w.Selection.Functions) > 0 {
		if whole, err := w.Document.Resolve(ambient, found, desired.Selection{}); err == nil {
			base.Fleet = w.part(whole).Configs()
		}
	}
	return w.part(fleet), base, nil
}

// part is what is left of a fleet in this process.
func (w FleetWishes) part(f desired.Fleet) desired.Fleet {
	f.Targets = slices.DeleteFunc(slices.Clone(f.Targets), func(t desired.TargetSpec) bool { return !w.owns(t.Target) })
	return f
}

// Plan implements Wishes.
func (FleetWishes) Plan(fleet desired.Fleet, observed Observed) Plan { return NewPlan(fleet, observed) }

// PlanWishes are exactly the changes of a saved plan. A change whose record has
// moved since is stale, alone.
//
// A plan is a stranger's file, so each of its changes must be what the fleet files
// ask for today.
type PlanWishes struct {
	FleetWishes
	Saved Plan
}

// Resolve implements Wishes.
func (w PlanWishes) Resolve(ctx context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, Base, error) {
	fleet, base, err := w.FleetWishes.Resolve(ctx, ambient, found)
	if err != nil {
		return fleet, base, err
	}
	// The rules were discovered and resolved as for a fleet, and the limits of the guard
	// refer to what the fleet is, not to what the plan says.
	base.Fleet, base.Whole = fleet.Configs(), true
	changes := map[desired.Target][]Change{}
	for i := range w.Saved.Targets {
		t := &w.Saved.Targets[i]
		if !w.owns(t.Target) {
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
func (w PlanWishes) left(fleet desired.Fleet, t *TargetPlan) bool {
	return !slices.ContainsFunc(fleet.Targets, func(f desired.TargetSpec) bool { return f.Target == t.Target }) &&
		slices.ContainsFunc(w.Document.Organizations(), func(o desired.Organization) bool { return o.Label == t.Label })
}

// asked refuses changes that the fleet files do not ask for, and gives those they
// do ask for the lines that they come from, which a saved plan does not hold.
//
// It compares what is wanted, and not the request: whether the record is still what the
// request was made from is for Plan to find.
func asked(fleet desired.Fleet, saved *TargetPlan) error {
	target := PartOf(fleet.Targets, saved.Target)
	if target == nil {
		return fmt.Errorf("%s is in the plan, but neither the fleet file nor the current credentials are about it; use those it was made with", saved.Target)
	}
	entries := target.Entries
	for j := range saved.Changes {
		c := &saved.Changes[j]
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
		if declared {
			c.Origins = entries[at].Origins
		}
	}
	return nil
}

// Plan implements Wishes.
func (w PlanWishes) Plan(fleet desired.Fleet, observed Observed) Plan {
	saved := Plan{}
	for _, t := range w.Saved.Targets {
		left := w.owns(t.Target) && len(t.Changes) > 0 && w.left(fleet, &t)
		if left {
			observed.Targets = append(slices.Clone(observed.Targets), ObservedTarget{Target: t.Target,
				Err: fmt.Errorf("%s is no target of %s any more, because its account or region has left, and the plan's changes there are not made", t.Target, t.Label)})
		}
		if left || PartOf(fleet.Targets, t.Target) != nil {
			t.Declared = len(t.Changes)
			saved.Targets = append(saved.Targets, t)
		}
	}
	return recheck(saved, observed)
}

// UndoWishes are the before-images of a run.
type UndoWishes struct {
	FleetWishes // says which targets there are; its entries are not looked at
	// Read gives what is to be undone, by target, each sorted by name. It is
	// called once the targets are held: before that the run may be at work still.
	Read         func(context.Context) (map[desired.Target][]Undo, error)
	Configs      int // of the fleet of the run
	IncludeStale bool

	undos map[desired.Target][]Undo
}

// Discoveries implements Wishes: the journal names every config.
func (*UndoWishes) Discoveries(desired.Target) []desired.Discovery { return nil }

// Resolve implements Wishes.
func (w *UndoWishes) Resolve(ctx context.Context, ambient desired.Target, _ desired.Inventory) (desired.Fleet, Base, error) {
	base := Base{Fleet: w.Configs, Whole: true, Shard: w.Shard, Shards: w.Shards}
	undos, err := w.Read(ctx)
	if err != nil {
		return desired.Fleet{}, base, err
	}
	fleet, err := w.Document.Resolve(ambient, nil, desired.Selection{})
	if err != nil {
		return desired.Fleet{}, base, err
	}
	created := 0
	w.undos = map[desired.Target][]Undo{}
	for target, of := range undos {
		if !w.owns(target) {
			continue
		}
		if PartOf(fleet.Targets, target) == nil {
			return fleet, base, fmt.Errorf("the run wrote to %s, but neither the fleet file nor the current credentials are about it; use those it was made with", target)
		}
		w.undos[target] = of
		for i := range of {
			if of[i].Before == nil {
				created++
			}
		}
	}
	// A run may be undone whose creates are more deletes than guard.max_deletes allows,
	// since all it deletes is what the run created.
	fleet.Guard.MaxDeletes = desired.Limit{Number: created}
	fleet.MissingQualifiers = desired.MissingError // what cannot be put back is no matter of policy
	base.Shards = 0                                // created is this process's own number
	return narrowTo(fleet, w.undos, func(u *Undo) desired.Entry {
		return desired.Entry{Name: u.Name, Want: &desired.Config{}, Origins: &desired.Origins{}, Remove: true, Optional: u.Before != nil}
	}), base, nil
}

// Plan implements Wishes.
func (w *UndoWishes) Plan(fleet desired.Fleet, observed Observed) Plan {
	plan := newRollback(w.undos, observed, w.IncludeStale)
	for i := range plan.Targets {
		if t := PartOf(fleet.Targets, plan.Targets[i].Target); t != nil {
			plan.Targets[i].Label = t.Label
		}
	}
	return plan
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
