package worker

import (
	"errors"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// allowance is what targeted passes may write. Events come from outside, and the
// guard sees one pass at a time: without it, 200 changes that the guard refuses a
// sweep would be written by four passes over fifty events each.
//
//   - All targeted passes within one period share what the guard lets one run write.
//   - While the last sweep stands refused by the guard, only configs that were as
//     declared in that sweep may be written: they have drifted since.
//
// It is a value of instants and results; the worker guards it. A process that starts
// anew has spent nothing.
type allowance struct {
	period  time.Duration
	spent   []spending // in the order of time
	refused *refusal   // nil unless the last sweep stands refused
}

type spending struct {
	at time.Time
	n  int
}

// refusal is a sweep, or a pass over targets, that the guard stopped.
type refusal struct {
	sweep bool
	fleet desired.Fleet        // what it compared with
	open  map[desired.Key]bool // what it would have changed, or could not read
}

// spend notes the writes of a targeted pass, those that failed included.
func (a *allowance) spend(r *Result, now time.Time) {
	if r.Outcome == nil {
		return
	}
	n := 0
	for i := range r.Outcome.Targets {
		for _, result := range r.Outcome.Targets[i].Results {
			switch result.Status {
			case reconcile.NotAttempted, reconcile.Stale:
			default:
				n++
			}
		}
	}
	if n > 0 {
		a.spent = append(a.spent, spending{now, n})
	}
}

// within is how many writes were made within the last period.
func (a *allowance) within(now time.Time) int {
	a.spent = slices.DeleteFunc(a.spent, func(s spending) bool { return !s.at.After(now.Add(-a.period)) })
	n := 0
	for _, s := range a.spent {
		n += s.n
	}
	return n
}

// looked takes in how a pass over targets ended. A refusal stands until the targets
// that it was about were seen again and the pass was let pass: one that left them to another
// run, or failed for another reason, says nothing.
func (a *allowance) looked(s Scope, fleet desired.Fleet, r *Result) {
	var guard *reconcile.GuardError
	switch {
	case r.Plan == nil || !s.Targets():
	case errors.As(r.Err, &guard):
		if a.refused != nil && !s.All {
			return // it stands
		}
		a.refused = &refusal{sweep: s.All, fleet: fleet, open: map[desired.Key]bool{}}
		for i := range r.Plan.Targets {
			t := &r.Plan.Targets[i]
			for j := range t.Changes {
				a.refused.open[desired.Key{Target: t.Target, Name: t.Changes[j].Name}] = true
			}
			for j := range t.Findings {
				a.refused.open[desired.Key{Target: t.Target, Name: t.Findings[j].Name}] = true
			}
		}
	case r.Err == nil && a.refused != nil && a.refused.seenAgain(s, r):
		a.refused = nil
	}
}

// seenAgain reports whether a pass came to the end of every target that the refusal is
// about. One that has left the fleet needs no look.
func (f *refusal) seenAgain(s Scope, r *Result) bool {
	told := map[desired.Target]bool{}
	for k := range f.open {
		t := k.Target
		if told[t] {
			continue
		}
		told[t] = true
		planned := reconcile.PartOf(r.Plan.Targets, t) != nil
		if !planned && !s.All || planned && (!s.Whole(t) || r.TargetErr(t) != nil) {
			return false
		}
	}
	return true
}

// mayWrite says which configs may be written; nil means all.
func (a *allowance) mayWrite() func(desired.Key) bool {
	if a.refused == nil {
		return nil
	}
	return a.refused.wasInSync
}

// wasInSync reports whether a config was as declared in the sweep that was refused.
// A config that the sweep did not know was not, in a target that it was about.
func (r *refusal) wasInSync(k desired.Key) bool {
	t := reconcile.PartOf(r.fleet.Targets, k.Target)
	if t == nil {
		return !r.sweep // a pass over other targets says nothing of this one
	}
	if r.open[k] {
		return false
	}
	_, known := slices.BinarySearchFunc(t.Entries, k.Name, desired.Entry.Compare)
	return known
}
