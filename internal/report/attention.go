package report

import (
	"fmt"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// attention says what cut the run short and what it could not see.
func (p *page) attention(r *Run) {
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
func (p *page) stoppedTargets(r *Run) {
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
func (p *page) unreadable(t *reconcile.TargetPlan) {
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
		p.troubles([]row{newRow(desired.Name{Function: "all of it"}, t.Err, nil)})
	case len(unread) > 0:
		p.alert(red, fmt.Sprintf("%s: %d of %s could not be read", where(t.Label, t.Target), len(unread), count(t.Declared, "config")))
		p.troubles(unread)
	case t.Err != nil:
		p.alert(red, where(t.Label, t.Target)+": could not be read")
		p.troubles([]row{newRow(desired.Name{Function: "all of it"}, t.Err, nil)})
	}
	if waiting > 0 {
		p.alert(red, fmt.Sprintf("%s: %d of %s not examined, the run ended before their turn", where(t.Label, t.Target), waiting, count(t.Declared, "config")))
	}
}
