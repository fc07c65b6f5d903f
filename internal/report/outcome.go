package report

import (
	"errors"
	"fmt"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// outcome is the body of an application: what was written, then, at the end
// where it is seen, what was not.
func (p *page) outcome(r *Run) {
	for i := range r.Outcome.Targets {
		p.written(&r.Outcome.Targets[i])
	}
	p.absences(r)
	for i := range r.Outcome.Targets {
		p.unwritten(&r.Outcome.Targets[i])
	}
	p.shortened()
	p.gap()
	p.line(0, in(bold, outcomeLine(r.Outcome.Counts())))
	p.line(0, sayf("Run %s", r.ID))
	if r.Undo != "" && r.Outcome.Counts().Applied() > 0 {
		p.line(0, sayf("Undo it with: %s", r.Undo))
	}
}

// written shows the changes that AWS stored.
func (p *page) written(t *reconcile.TargetOutcome) {
	var done []reconcile.Change
	for i := range t.Results {
		if t.Results[i].Status == reconcile.Applied {
			done = append(done, t.Results[i].Change)
		}
	}
	if len(done) == 0 {
		return
	}
	one := reconcile.Outcome{Targets: []reconcile.TargetOutcome{*t}}
	c := one.Counts()
	p.gap()
	p.line(0, in(bold, where(t.Label, t.Target)), sayf(": %s", listed(some(c.Created, "created"), some(c.Changed, "changed"), some(c.Deleted, "deleted"))))
	p.blocks(done, outcomeVerbs)
}

// unwritten shows the changes that failed, and those that the run did not come to.
func (p *page) unwritten(t *reconcile.TargetOutcome) {
	var failed, open, never, stale, same []row
	for i := range t.Results {
		result := &t.Results[i]
		r := newRow(result.Name, result.Err, result)
		switch {
		case result.Status == reconcile.Applied, result.Status == reconcile.AlreadySo:
		case errors.Is(result.Err, reconcile.ErrSameCause):
			same = append(same, r)
		case result.Status == reconcile.Stale:
			stale = append(stale, r)
		case result.Status != reconcile.NotAttempted:
			failed = append(failed, r)
		case result.Err != nil:
			open = append(open, r)
		default:
			never = append(never, r)
		}
	}
	at := where(t.Label, t.Target)
	if len(failed) > 0 {
		p.alert(red, fmt.Sprintf("%s: %d of %s failed", at, len(failed), count(len(t.Results), "change")))
		p.troubles(failed)
	}
	if len(same) > 0 {
		p.alert(yellow, fmt.Sprintf("%s: %s not attempted, for the same cause as others that were all refused", at, count(len(same), "change")))
		p.troubles(same)
	}
	if len(stale) > 0 {
		p.alert(yellow, fmt.Sprintf("%s: %s left alone as stale, the record is no longer what the plan saw", at, count(len(stale), "change")))
		p.names(2, namesOf(stale, func(r row) name { return r.name }))
	}
	if len(open) > 0 {
		p.alert(yellow, fmt.Sprintf("%s: the run ended while %s waited to be tried again", at, count(len(open), "change")))
		p.troubles(open)
	}
	if len(never) > 0 {
		p.alert(yellow, fmt.Sprintf("%s: %s not attempted, the run ended before their turn", at, count(len(never), "change")))
		p.names(2, namesOf(never, func(r row) name { return r.name }))
	}
}

// outcomeLine is the stable line of an application; its six numbers always
// stand. Only saved plans and rollbacks have stale changes: a run that makes its
// own plan reads before it writes.
func outcomeLine(t reconcile.OutcomeCounts) string {
	return fmt.Sprintf("Applied: %d created, %d changed, %d deleted, %d failed, %d stale, %d not attempted.",
		t.Created, t.Changed, t.Deleted, t.Failed, t.Stale, t.NotAttempted)
}
