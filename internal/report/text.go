package report

import (
	"io"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// TextOptions are the reader's wishes.
type TextOptions struct {
	Color bool // use ANSI colours
	Full  bool // list every key, however many are alike
}

// Text writes a run for people: how an application ended where there is an
// Outcome, what a plan would do where there is none. The text of an Outcome
// does not repeat the plan: write that before it, from the same Run without its
// Outcome.
//
// What could not be read comes first, since it says how far the rest can be
// trusted. The last line of a plan, and the last but one of an outcome, is
// stable: see docs/output.md.
func Text(w io.Writer, r *Run, o TextOptions) error {
	targets := r.Fleet.Targets
	if r.Plan != nil {
		targets = len(r.Plan.Targets)
	}
	p := newPage(w, o, targets)
	switch {
	case r.Plan == nil:
		p.noPlan(r)
	case r.Outcome != nil:
		p.opening(r)
		p.attention(r)
		p.outcome(r)
	default:
		p.opening(r)
		p.attention(r)
		p.plan(r)
	}
	return p.flush()
}

// noPlan is all there is to say about a run that never came to compare.
func (p *page) noPlan(r *Run) {
	p.warnings(r.Warnings)
	if r.Stopped != "" {
		p.wrapped(0, in(red, "! stopped: "), red, r.Stopped)
	}
	if r.Err != nil {
		p.wrapped(0, in(red, "! "), red, causeOf(r.Err).line())
		p.hint(2, causeOf(r.Err).Hint)
	}
	p.line(0, say("No plan: nothing was compared, and nothing was written."))
}

// opening says what was read, so that the reader can judge whether it is all.
func (p *page) opening(r *Run) {
	c := r.Plan.Counts()
	reads, writes := r.traffic()
	surveyed := r.Surveyed
	if surveyed.IsZero() {
		surveyed = r.Finished
	}
	examined := c.Declared - c.Unreadable - c.NotExamined
	tone := plain
	if examined < c.Declared {
		tone = red
	}
	p.line(0,
		say("Read "), in(tone, sayf("%d of %s", examined, count(c.Declared, "key")).text),
		sayf(" (%s), %s, %s: ", files(r.Fleet.Files), count(len(r.Plan.Targets), "target"), lasting(surveyed.Sub(r.Started))),
		say(calls(reads, paced(r))+"."))
	if r.Outcome == nil {
		return
	}
	t := r.Outcome.Totals()
	p.line(0,
		sayf("Wrote %d of %s, %s: ", t.Applied(), count(c.Changes(), "change"), lasting(r.Finished.Sub(surveyed))),
		say(calls(writes, "")+"."))
}

func calls(t tally, pace string) string {
	return listed(count(t.Calls, "call"), pace, some(t.Throttled, "throttled"), some(t.Conflicts, "busy"), some(t.Faults, "failed and sent again"))
}

// files names the fleet files where they are few.
func files(paths []string) string {
	if len(paths) == 1 {
		return paths[0]
	}
	return count(len(paths), "file")
}

// paced is the rate that the limiters let pass at the end of the run.
func paced(r *Run) string {
	var low, high float64
	for i := range r.API {
		rate := r.API[i].Pace.Rate
		if rate <= 0 {
			continue
		}
		if low == 0 || rate < low {
			low = rate
		}
		high = max(high, rate)
	}
	each := ""
	if len(r.API) > 1 {
		each = " a target"
	}
	switch {
	case high == 0:
		return ""
	case perSecond(low) == perSecond(high):
		return "paced at " + perSecond(high) + each
	}
	return "paced at " + perSecond(low) + " to " + perSecond(high) + each
}

// plan is the body of a plan: every change, then what it leaves alone, what
// guards it and what it would cost.
func (p *page) plan(r *Run) {
	p.changes(r)
	p.absences(r)
	p.leftAlone(r)
	p.warnings(r.Warnings)
	p.guard(r.Guard)
	p.cost(r)
	p.refused(r.Refused)
	p.gap()
	p.line(0, in(bold, planLine(r.Plan.Counts())))
}

// where is "prod 111111111111/eu-west-1", or the target alone without a label.
func where(label string, t desired.Target) string {
	if label == "" {
		return t.String()
	}
	return label + " " + t.String()
}

// named is a key as the reader can tell it from all others of the run.
func (p *page) named(t desired.Target, n desired.Name) string {
	if p.multi {
		return desired.Key{Target: t, Name: n}.String()
	}
	return n.String()
}

func (p *page) hint(indent int, hint string) {
	if hint != "" {
		p.wrapped(indent, in(green, "do: "), plain, hint)
	}
}

// planLine is the stable last line of a plan. The five numbers always stand in
// this order; others follow only where they are not zero.
func planLine(c reconcile.Counts) string {
	line := listed(
		sayf("Plan: %d to create, %d to change, %d to delete, %d ignored, %d unreadable",
			c.Creates, c.Modifies, c.Deletes, c.Ignored, c.Unreadable).text,
		some(c.NotExamined, "not examined"),
		some(c.MissingFunctions+c.MissingQualifiers, "missing"))
	return line + "."
}

// waited leaves out waits too short to matter.
func waited(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	return "waited " + lasting(d)
}
