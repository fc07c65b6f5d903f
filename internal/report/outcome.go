package report

import (
	"fmt"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// outcome is the body of an application: what ended otherwise than planned.
func (p *page) outcome(r *Run) {
	for i := range r.Outcome.Targets {
		p.targetOutcome(&r.Outcome.Targets[i])
	}
	p.absences(r)
	p.gap()
	p.line(0, in(bold, outcomeLine(r.Outcome.Totals())))
	p.line(0, sayf("Run %s", r.ID))
}

func (p *page) targetOutcome(t *reconcile.TargetOutcome) {
	var failed, last, never []row
	applied := 0
	for i := range t.Results {
		result := &t.Results[i]
		r := row{target: t.Target, name: result.Name, cause: causeOf(result.Err), result: result}
		switch {
		case result.Status == reconcile.Applied:
			applied++
		case result.Status == reconcile.NotAttempted && result.Err == nil:
			never = append(never, r)
		case result.Status == reconcile.NotAttempted:
			last = append(last, r)
		default:
			failed = append(failed, r)
		}
	}
	if len(failed)+len(last)+len(never) == 0 {
		return
	}
	name := where(t.Label, t.Target)
	if len(failed) > 0 {
		p.gap()
		p.line(0, in(red, fmt.Sprintf("! %s: %d of %s failed", name, len(failed), count(len(t.Results), "change"))))
		for _, tr := range troubles(failed) {
			p.trouble(tr)
		}
	}
	if len(last) > 0 {
		p.gap()
		p.line(0, in(yellow, fmt.Sprintf("! %s: %s waiting to be tried again when the run ended; the last answers:", name, count(len(last), "change"))))
		for _, tr := range troubles(last) {
			p.trouble(tr)
		}
	}
	if len(never) > 0 {
		p.gap()
		p.line(0, in(yellow, fmt.Sprintf("! %s: %s not attempted, the run ended before their turn", name, count(len(never), "change"))))
		notes := make([]note, len(never))
		for i, r := range never {
			notes[i] = note{name: p.named(r.target, r.name)}
		}
		p.notes(say(""), notes)
	}
}

// outcomeLine is the stable line of an application; its six numbers always
// stand. "stale" is for changes of a saved plan whose record has moved since: a
// run that makes its own plan has none.
func outcomeLine(t reconcile.Totals) string {
	return fmt.Sprintf("Applied: %d created, %d changed, %d deleted, %d failed, 0 stale, %d not attempted.",
		t.Created, t.Changed, t.Deleted, t.Failed, t.NotAttempted)
}
