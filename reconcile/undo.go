package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Undo is one write that a run made, or may have made, and what it would take
// to undo it.
type Undo struct {
	desired.Name
	Before   *Settings // the record before the run; nil: there was none
	Expected *Settings // the record that the run left, or meant to leave; nil: none
	// Ambiguous is a last write that may or may not have been done: then the run
	// may have left Alternative as well as Expected.
	Ambiguous   bool
	Alternative *Settings
}

// matches reports whether the run may have left a record as it is now.
//
// Where it may have, nobody is known to have written since, and the record may be put back.
func (u *Undo) matches(now *Settings) bool {
	return sameRecord(now, u.Expected) || u.Ambiguous && sameRecord(now, u.Alternative)
}

// StaleChange is a change that was not made because its record is no longer what the
// plan or the run saw.
type StaleChange struct {
	Change
	Now *Settings // the record as it is; nil: there is none
}

// Rollback is what of a run is to be undone.
type Rollback struct {
	// Read gives what is to be undone, by target, each sorted by name. It is
	// called once the targets are held: before that the run may be at work still.
	Read         func(context.Context) (map[desired.Target][]Undo, error)
	Configs      int  // of the fleet of the run, to which the guard's limits refer
	IncludeStale bool // undo also what somebody else has changed since
}

// Rollback wishes that the records of a run return to their before-images. Of the fleet files
// only the targets count. The wishes are for one run.
func (w FleetWishes) Rollback(of Rollback) Wishes { return &undoWishes{FleetWishes: w, Rollback: of} }

// undoWishes are those of a rollback.
type undoWishes struct {
	FleetWishes
	Rollback
	undos map[desired.Target][]Undo
}

// lacks is an error where the Document or Read is nil.
func (w *undoWishes) lacks() error {
	if w.Read == nil {
		return errors.New("no Read configured")
	}
	return w.FleetWishes.lacks()
}

// Discoveries implements Wishes: the journal names every config.
func (*undoWishes) Discoveries(desired.Target) []desired.Discovery { return nil }

// Resolve implements Wishes.
func (w *undoWishes) Resolve(ctx context.Context, ambient desired.Target, _ desired.Inventory) (desired.Fleet, GuardBase, error) {
	base := GuardBase{Fleet: w.Configs, Whole: true, Part: true, Shard: w.Shard, Shards: w.Shards}
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
		if !w.inShard(target) {
			continue
		}
		if FindTarget(fleet.Targets, target) == nil {
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
	fleet.Limits.MaxDeletes = desired.Limit{Number: created}
	fleet.MissingQualifiers = desired.MissingError // what cannot be put back is no matter of policy
	base.Shards = 0                                // created is this process's own number
	return narrowTo(fleet, w.undos, func(u *Undo) desired.Entry {
		return desired.Entry{Name: u.Name, Want: &desired.Config{}, Origins: &desired.Origins{}, Remove: true, Optional: u.Before != nil}
	}), base, nil
}

// Plan implements Wishes.
func (w *undoWishes) Plan(fleet desired.Fleet, observed Observed) Plan {
	plan := newRollback(w.undos, observed, w.IncludeStale)
	for i := range plan.Targets {
		if t := FindTarget(fleet.Targets, plan.Targets[i].Target); t != nil {
			plan.Targets[i].Label = t.Label
		}
	}
	return plan
}

// newRollback plans the way back to the before-images of a run. Undos are of
// one target each, sorted by name and no two alike; observed is a survey of their
// functions.
//
//	record now           in the plan
//	as before the run    in sync: there is nothing to undo
//	as the run left it   delete, change or restore
//	anything else        stale, and left alone; with includeStale as the row above
//	not read             finding
//
// Rolling back twice therefore does nothing the second time.
func newRollback(undos map[desired.Target][]Undo, observed Observed, includeStale bool) Plan {
	plan := Plan{Targets: make([]TargetPlan, len(observed.Targets)), Exact: true}
	for i := range observed.Targets {
		have := &observed.Targets[i]
		p := &plan.Targets[i]
		*p = TargetPlan{Target: have.Target, Err: have.Err, Stopped: have.Stopped}
		for _, u := range undos[have.Target] {
			p.classifyUndo(u, have.function(u.Function), includeStale)
		}
		p.Declared = len(undos[have.Target])
	}
	return plan
}

// classifyUndo puts one write that is to be undone where it belongs. What was not
// read decides nothing: neither that it is stale nor that there is nothing to undo.
func (p *TargetPlan) classifyUndo(u Undo, function *ObservedFunction, includeStale bool) {
	if f := p.unread(u.Name, function); f != nil {
		p.Findings = append(p.Findings, *f)
		return
	}
	record := function.record(u.Qualifier)
	now := settingsOf(record)
	if sameRecord(now, u.Before) {
		p.InSync++
		return
	}
	c := undoing(u, record, function.Seen)
	if !includeStale && !u.matches(now) {
		p.Stale = append(p.Stale, StaleChange{Change: c, Now: now})
		return
	}
	if gone := slices.Contains(function.Gone, u.Qualifier); gone && c.Action == Restore { // a Put, which Lambda refuses there
		p.Findings = append(p.Findings, Finding{Name: u.Name, Kind: FindingQualifierMissing})
		return
	} else if gone {
		c.Final = c.Action == Delete
	}
	p.Changes = append(p.Changes, c)
}

// undoing is the write that turns a record back into its before-image. Update
// cannot make a number absent again; where that is needed, and where the record
// is gone, the whole record is put back.
//
// An Update is preferred to a Restore, since it leaves alone what already is as it was. It is
// tried on paper first: With makes of the request what AWS would.
func undoing(u Undo, record *ObservedRecord, seen int64) Change {
	c := Change{Name: u.Name, Action: Delete, Want: &desired.Config{}, Seen: seen}
	if record != nil {
		c.Before, c.Modified = record.Settings, record.Modified
	}
	if u.Before == nil {
		return c
	}
	want := u.Before.whole()
	c.Want, c.Action = &want, Restore
	if record != nil {
		if update := record.Settings.With(differing(want, *record.Settings)); update == *u.Before {
			c.Action = Update
		}
	}
	return c
}

// whole has every setting of the record, destinations that are none included,
// and leaves unset only the numbers that the record leaves unset.
func (s Settings) whole() desired.Config {
	c := desired.Config(s)
	for _, f := range desired.AllSettings() {
		if !f.IsNumber() {
			c[f] = c[f].Or(desired.NoDestination)
		}
	}
	return c
}

// settingsOf is a record's settings; nil for no record, which sameRecord tells from an empty one.
func settingsOf(r *ObservedRecord) *Settings {
	if r == nil {
		return nil
	}
	return r.Settings
}

// sameRecord compares exactly, absent and explicit defaults apart: undoing means
// the very record, not one of equal effect.
func sameRecord(a, b *Settings) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
