package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// outcome is the body of an application: what was written, then, at the end
// where it is seen, what was not.
func (p *printer) outcome(r *Run) {
	for i := range r.Outcome.Targets {
		p.written(&r.Outcome.Targets[i])
	}
	p.missing(r)
	p.requirements(r)
	p.insights(r)
	for i := range r.Outcome.Targets {
		p.unwritten(&r.Outcome.Targets[i])
	}
	p.shortened()
	p.gap()
	p.line(0, colored(bold, outcomeLine(r.Outcome.Counts())))
	p.line(0, textf("Run %s", r.ID))
	if r.Undo != "" && r.Outcome.Wrote() {
		p.line(0, textf("Undo it with: %s", r.Undo))
	}
}

// written shows the changes that AWS stored.
func (p *printer) written(t *reconcile.TargetOutcome) {
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
	p.line(0, colored(bold, where(t.Label, t.Target)), textf(": %s", listed(some(c.Created, "created"), some(c.Changed, "changed"), some(c.Deleted, "deleted"))))
	p.of(t.Target).blocks(done, outcomeVerbs)
}

// unwritten shows the changes that failed, and those that the run did not come to.
func (p *printer) unwritten(t *reconcile.TargetOutcome) {
	var failed, open, never, stale, same []row
	again, allowed := 0, 0
	for i := range t.Results {
		result := &t.Results[i]
		if result.Again {
			again++
		}
		if result.Again && result.Err == nil {
			allowed++
		}
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
	if again > 0 {
		p.alert(yellow, fmt.Sprintf("%s: %s refused for the roles of the functions, and tried once more at the end: %d allowed by then", at, count(again, "change"), allowed))
	}
	if len(failed) > 0 {
		p.alert(red, fmt.Sprintf("%s: %d of %s failed", at, len(failed), count(len(t.Results), "change")))
		p.failures(failed)
	}
	if len(same) > 0 {
		p.alert(yellow, fmt.Sprintf("%s: %s not attempted, for the same cause as others that were all refused", at, count(len(same), "change")))
		p.failures(same)
	}
	if len(stale) > 0 {
		p.alert(yellow, fmt.Sprintf("%s: %s left alone as stale, the record is no longer what was seen", at, count(len(stale), "change")))
		p.names(2, namesOf(stale, func(r row) name { return r.name }))
	}
	if len(open) > 0 {
		p.alert(yellow, fmt.Sprintf("%s: the run ended while %s waited to be tried again", at, count(len(open), "change")))
		p.failures(open)
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

// attention says what cut the run short and what it could not see.
func (p *printer) attention(r *Run) {
	if r.Stopped != "" {
		p.alert(red, "stopped: "+r.Stopped)
	} else {
		p.stoppedTargets(r)
	}
	for i := range r.Plan.Targets {
		p.unreadable(&r.Plan.Targets[i])
	}
}

// stoppedTargets says which targets ended early in a run that did not.
func (p *printer) stoppedTargets(r *Run) {
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		if t.Stopped != nil && t.Err == nil { // with Err, its keys are unreadable and say why
			p.alert(red, fmt.Sprintf("%s was not read to the end: %s", where(t.Label, t.Target), reconcile.ErrorOf(t.Stopped).Reason()))
		}
	}
	if r.Outcome == nil {
		return
	}
	for i := range r.Outcome.Targets {
		if t := &r.Outcome.Targets[i]; t.Stopped != nil {
			p.alert(red, fmt.Sprintf("%s ended early: %s", where(t.Label, t.Target), reconcile.ErrorOf(t.Stopped).Reason()))
		}
	}
}

// unreadable writes the keys of a target whose state is not known.
func (p *printer) unreadable(t *reconcile.TargetPlan) {
	var unread []row
	waiting := 0
	for i := range t.Findings {
		f := &t.Findings[i]
		switch f.Kind {
		case reconcile.FindingUnreadable:
			unread = append(unread, newRow(f.Name, f.Err, nil))
		case reconcile.FindingNotExamined:
			waiting++
		}
	}
	switch {
	case t.Unknown:
		p.alert(red, where(t.Label, t.Target)+": could not be read, and it is unknown how many configs its rules choose")
		p.failures([]row{newRow(theTarget, t.Err, nil)})
	case len(unread) > 0:
		p.alert(red, fmt.Sprintf("%s: %d of %s could not be read", where(t.Label, t.Target), len(unread), count(t.Declared, "config")))
		p.failures(unread)
	case t.Err != nil:
		p.alert(red, where(t.Label, t.Target)+": could not be read")
		p.failures([]row{newRow(theTarget, t.Err, nil)})
	}
	if waiting > 0 {
		p.alert(red, fmt.Sprintf("%s: %d of %s not examined, the run ended before their turn", where(t.Label, t.Target), waiting, count(t.Declared, "config")))
	}
}

// theTarget stands where a failure is about no function.
var theTarget = desired.Name{Function: "the target", Qualifier: desired.Latest}

const (
	// someRows is how many keys of a list are shown unless the reader asks for all.
	someRows = 5
	// maxFailureGroups is the same for causes.
	maxFailureGroups = 20
)

// row is one key with an error: a change that failed, or a key that was not read.
type row struct {
	name   name
	cause  *reconcile.CallError
	result *reconcile.Result // nil where nothing was tried
}

func newRow(n name, err error, result *reconcile.Result) row {
	r := row{name: n, cause: reconcile.ErrorOf(err), result: result}
	if r.cause == nil {
		r.cause = &reconcile.CallError{}
	}
	return r
}

// facts are what AWS support asks for, and what explains a slow run.
func (r row) facts() string {
	var parts []string
	if r.result != nil && r.result.Stats.Attempts > 0 {
		parts = append(parts, count(r.result.Stats.Attempts, "attempt"))
		if w := r.result.Stats.Waited; w >= time.Second {
			parts = append(parts, "waited "+formatDuration(w))
		}
	}
	if r.cause.RequestID != "" {
		parts = append(parts, "request "+r.cause.RequestID)
	}
	return listed(parts...)
}

// failureGroup is the rows that one cause explains.
type failureGroup struct {
	cause *reconcile.CallError // speaks for all rows
	rows  []row
}

// causes puts together the rows whose errors have one cause: what differs is the
// name of the function and the request id. What concerns most keys comes first.
func causes(rows []row) []failureGroup {
	type key struct{ op, cause string }
	groups := groupBy(rows,
		func(r row) key { return key{r.cause.Op, r.cause.Cause()} },
		func(_ key, rows []row) failureGroup {
			shown := *rows[0].cause
			if !allEqual(rows, func(r row) string { return r.cause.Message }) {
				shown.Message = template(shown.Message, rows[0].name.Function)
			}
			if !allEqual(rows, func(r row) string { return r.cause.Hint }) {
				shown.Hint = template(shown.Hint, rows[0].name.Function)
			}
			return failureGroup{cause: &shown, rows: rows}
		})
	slices.SortStableFunc(groups, func(a, b failureGroup) int { return cmp.Compare(len(b.rows), len(a.rows)) })
	return groups
}

// failures writes rows with errors, cause by cause.
func (p *printer) failures(rows []row) {
	if p.stable {
		for i := range rows {
			cause := *rows[i].cause
			cause.RequestID = ""
			rows[i].cause, rows[i].result = &cause, nil
		}
	}
	all := causes(rows)
	shown := all
	if !p.full && len(all) > maxFailureGroups {
		shown = all[:maxFailureGroups]
	}
	for _, t := range shown {
		p.failureGroup(t)
	}
	keys := 0
	for _, t := range all[len(shown):] {
		keys += len(t.rows)
	}
	p.more(2, len(all)-len(shown), " causes, on "+count(keys, "config"))
}

// failureGroup writes one cause, what to do about it, and the keys that met it.
func (p *printer) failureGroup(t failureGroup) {
	what := t.cause.Reason()
	if t.cause.Op != "" {
		what = t.cause.Op + ": " + what
	}
	first := t.rows[0]
	if len(t.rows) == 1 {
		p.line(2, colored(red, "! "), colored(bold, first.name.String()), colored(dim, aside(first.facts())))
		p.wrapped(4, span{}, red, what)
		p.hint(4, t.cause.Hint)
		return
	}
	p.wrapped(2, colored(red, "! "), red, count(len(t.rows), "config")+": "+what)
	p.hint(4, t.cause.Hint)
	if allEqual(t.rows, row.facts) {
		if facts := first.facts(); facts != "" {
			p.line(4, colored(dim, "each: "+facts))
		}
		p.names(4, namesOf(t.rows, func(r row) name { return r.name }))
		return
	}
	shown := t.rows
	if !p.full && len(shown) > someRows {
		shown = shown[:someRows]
	}
	column := 0
	for _, r := range shown {
		column = max(column, p.width(r.name.String()))
	}
	for _, r := range shown {
		p.line(4, text(p.pad(r.name.String(), column)), colored(dim, aside(r.facts())))
	}
	p.more(4, len(t.rows)-len(shown), "")
}

func aside(facts string) string {
	if facts == "" {
		return ""
	}
	return "  " + facts
}
