package report

import (
	"fmt"
	"io"
	"time"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// TextOptions are the reader's wishes.
type TextOptions struct {
	Color bool // use ANSI colours
	Width int  // columns of the terminal, 60 to 200; 0 where they are not known, for 100
	ASCII bool // the terminal shows nothing else
	Full  bool // list every key, however many are alike
}

// Text writes a run for people: what was written and what failed where there is
// an Outcome, what a plan would do where there is none.
//
// What could not be read comes first, since it says how far the rest can be
// trusted. The last line of a plan, and the last but one of an outcome, is
// stable: see docs/output.md.
func Text(w io.Writer, r *Run, o TextOptions) error {
	targets := r.Fleet.Targets
	if r.Plan != nil {
		targets = len(r.Plan.Targets)
	}
	p := newPrinter(w, o, targets)
	p.run = r
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
func (p *printer) noPlan(r *Run) {
	p.warnings(r.Warnings)
	if r.Stopped != "" {
		p.wrapped(0, colored(red, "! stopped: "), red, r.Stopped)
	}
	if r.Err != nil {
		p.wrapped(0, colored(red, "! "), red, reconcile.ErrorOf(r.Err).Reason())
		p.hint(2, reconcile.ErrorOf(r.Err).Hint)
	}
	p.line(0, text("No plan: nothing was compared, and nothing was written."))
}

// opening says what was read, so that the reader can judge whether it is all.
func (p *printer) opening(r *Run) {
	c := r.Plan.Counts()
	if r.Saved {
		p.flow(textf("Saved plan of run %s, made %s UTC by eventinvoke %s from %s: changes of %s in %s.",
			r.ID, r.Started.UTC().Format(time.DateTime), r.ToolVersion, files(r.Fleet.Files), count(c.Declared, "config"), count(len(r.Plan.Targets), "target")))
		return
	}
	reads, writes := r.traffic()
	surveyed := r.Surveyed
	if surveyed.IsZero() {
		surveyed = r.Finished
	}
	examined := c.Declared - c.Unreadable - c.NotExamined
	tone, of := plain, count(c.Declared, "config")
	if examined < c.Declared {
		tone = red
	}
	if c.UnknownTargets > 0 {
		tone, of = red, "? configs"
	}
	pace := paced(r.API)
	if r.Outcome != nil {
		pace = "" // the rate by now is that of writing
	}
	verb := "Read "
	if sum, _ := r.evidence(); sum.Carried > 0 {
		verb = "Compared "
	}
	p.flow(
		text(verb), colored(tone, fmt.Sprintf("%d of %s", examined, of)),
		textf(" (%s), %s, %s: ", files(r.Fleet.Files), count(len(r.Plan.Targets), "target"), formatDuration(surveyed.Sub(r.Started))),
		text(reads.spell(pace)))
	p.evidence(r)
	if r.Outcome == nil {
		return
	}
	t := r.Outcome.Counts()
	p.flow(
		textf("Wrote %d of %s, %s: ", t.Applied(), count(c.Changes(), "change"), formatDuration(r.Finished.Sub(surveyed))),
		text(writes.spell(paced(r.API))))
}

// files names the fleet file where there is one.
func files(paths []string) string {
	if len(paths) == 1 {
		return paths[0]
	}
	return count(len(paths), "file")
}

// plan is the body of a plan: every change, then what it leaves alone, what
// guards it and what it would cost.
func (p *printer) plan(r *Run) {
	p.changes(r)
	p.missing(r)
	p.leftAlone(r)
	p.requirements(r)
	p.insights(r)
	p.warnings(r.Warnings)
	p.guard(r.Guard, r.GuardOff)
	p.cost(r)
	p.refused(withFlag(r.Refused))
	p.shortened()
	p.gap()
	p.line(0, colored(bold, planLine(r.Plan.Counts())))
}

// nothingDiffers never claims more than what was looked at.
func (p *printer) nothingDiffers(r *Run, c reconcile.PlanCounts) {
	p.gap()
	if r.Saved {
		p.line(0, text("The plan changes nothing."))
		return
	}
	if len(r.Plan.Targets) == 0 {
		p.line(0, colored(green, "Nothing to do: this shard has no target."))
		return
	}
	if c.Declared > 0 && c.Skipped == c.Declared {
		p.line(0, colored(red, fmt.Sprintf("Nothing was compared: %s that rules chose, on aliases or versions that no function has.", count(c.Skipped, "config"))))
		return
	}
	if c.Declared > 0 && c.Skipped+c.MissingFunctions+c.MissingQualifiers == c.Declared {
		p.line(0, colored(red, fmt.Sprintf("Nothing was compared: %s, of functions, aliases or versions that do not exist.", count(c.Declared, "config"))))
		return
	}
	rest := listed(
		some(c.Unreadable, "could not be read"),
		some(c.UnknownTargets, "of the targets could not be read at all"),
		some(c.NotExamined, "not examined"),
		some(c.MissingFunctions+c.MissingQualifiers, "missing in AWS"))
	if rest == "" {
		as := "as declared"
		if r.Verb == "rollback" {
			as = "as before the run"
		}
		p.line(0, colored(green, fmt.Sprintf("Nothing differs: %s checked, all %s.", count(c.InSync, "config"), as)))
		return
	}
	p.line(0, colored(yellow, fmt.Sprintf("Nothing differs in the %s that could be checked; %s.", count(c.InSync, "config"), rest)))
}

func (p *printer) hint(indent int, hint string) {
	if hint != "" {
		p.wrapped(indent, colored(green, "next: "), plain, hint)
	}
}

// planLine is the stable last line of a plan: the same five numbers in the same
// order, so that scripts can look for it. Only a run that ended early adds a
// sixth, since its numbers are not those of the whole fleet.
func planLine(c reconcile.PlanCounts) string {
	unreadable := fmt.Sprint(c.Unreadable)
	if c.UnknownTargets > 0 {
		unreadable = "unknown" // never a number that nobody counted
	}
	line := listed(
		fmt.Sprintf("Plan: %d to create, %d to change, %d to delete, %d ignored, %s unreadable",
			c.Creates, c.Updates, c.Deletes, c.Ignored, unreadable),
		some(c.NotExamined, "not examined"))
	return line + "."
}
