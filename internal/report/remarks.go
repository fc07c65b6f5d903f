package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// verdict is what a test would say about a remark.
type verdict int

const (
	passed  verdict = iota // as it should be
	skipped                // left alone
	differs                // not as declared
	erred                  // not known, or not done
)

// remark is one thing to say about one config, one target or the run, for the
// formats that know nothing but such things. All texts are clean.
type remark struct {
	target   desired.Target // zero: of the run
	function string         // "" where it is of no function
	name     string         // the config, or "(what)" where there is none, which no config is called
	rule     string         // action, status, kind of finding or problem code, as JSON spells it
	state    string         // of a change, what becomes or became of it, in words
	verdict  verdict
	risk     risk
	message  string   // one line
	details  []string // lines, the last of them facts
	facts    string   // of a call: attempts, time, request id; ""
	author   string   // who made the config what it is; "" where nobody told
	hint     string   // what to do next; ""
	identity string   // what stays when the file is edited elsewhere; "": the name
	file     string   // "" where nobody knows
	line     int      // 0: the file as a whole
}

// remarks says those of the run, then those of each target in the plan's order.
func (r *Run) remarks(say func(remark)) {
	r.ofRun(say)
	for i := range r.plans() {
		r.ofTarget(&r.Plan.Targets[i], say)
	}
}

// ofRun is what stopped the run or its plan, and what is wrong with the fleet files.
func (r *Run) ofRun(say func(remark)) {
	problem := func(p desired.Problem, v verdict, risk risk) {
		say(remark{name: Clean(p.Pos.String() + " " + p.Code), rule: Clean(p.Code), verdict: v, risk: risk, message: Clean(p.Message), hint: Clean(p.Hint),
			identity: p.Pos.File + "\n" + p.Message, file: p.Pos.File, line: p.Pos.Line})
	}
	for _, w := range r.Warnings {
		problem(w, skipped, mayRunTwice)
	}
	var problems desired.Problems
	if errors.As(r.Err, &problems) {
		for _, p := range problems {
			problem(p, erred, losesEvents)
		}
	} else if r.Err != nil {
		say(r.ended("no_plan", r.Err))
	}
	if r.Stopped != "" {
		say(r.at(remark{name: "(stopped)", rule: "stopped", verdict: erred, message: Clean("stopped: " + r.Stopped)}, nil))
	}
	if err := r.refusal(); err != nil {
		say(r.ended("refused", err))
	}
	for _, l := range r.losing() {
		m := remark{name: "(" + Clean(l.arn) + ")", rule: "destination_" + l.state.String(), verdict: differs, risk: losesEvents,
			message: l.sentence() + ": " + Clean(l.arn), hint: l.hint(), identity: l.arn}
		for _, u := range l.uses {
			m.details = append(m.details, Clean(desired.Key{Target: u.Target, Name: u.Name}.String()))
		}
		say(r.at(m, &l.origin))
	}
	for _, u := range r.Insights.Unavailable {
		err := reconcile.ErrorOf(u.Err)
		m := remark{target: u.Target, name: "(" + Clean(u.What) + ")", rule: "unavailable", verdict: skipped, risk: noRisk,
			message: "not known: " + Clean(u.What) + ": " + said(err), hint: Clean(err.Hint)}
		if r.InsightsRequired {
			m.verdict, m.risk = erred, losesEvents
		}
		say(r.at(m, nil))
	}
}

// ofTarget is every change of a target as it was planned or as it ended, what could
// not be read, and what was found.
func (r *Run) ofTarget(t *reconcile.TargetPlan, put func(remark)) {
	say := func(m remark) {
		m.target = t.Target
		put(m)
	}
	o := r.outcomeOf(t.Target)
	unread := slices.ContainsFunc(t.Findings, func(f reconcile.Finding) bool { return f.Kind == reconcile.FindingUnreadable })
	switch {
	case t.Err != nil && (t.Unknown || !unread): // else its configs say why
		say(r.ended("unreadable", t.Err))
	case t.Err == nil && t.Stopped != nil:
		say(r.ended("stopped", t.Stopped))
	}
	if o != nil {
		if o.Stopped != nil {
			say(r.ended("ended_early", o.Stopped))
		}
		for i := range o.Results {
			say(r.byAuthor(r.ofResult(&o.Results[i]), t.Target, o.Results[i].Name))
		}
	} else {
		for i := range t.Changes {
			say(r.byAuthor(r.ofChange(&t.Changes[i]), t.Target, t.Changes[i].Name))
		}
		for i := range t.Stale {
			say(r.ofResult(&reconcile.Result{Change: t.Stale[i].Change, Status: reconcile.Stale}))
		}
	}
	for i := range t.Findings {
		say(r.ofFinding(&t.Findings[i]))
	}
	for _, b := range r.breaches(t) {
		m := remark{function: b.Function, name: Clean(b.Name.String()) + " (" + Clean(required(b.Requirement)) + ", " + b.Setting.String() + ")", rule: "requirement",
			verdict: differs, risk: losesEvents, message: Clean("breaks " + required(b.Requirement) + ": " + b.Message)}
		if b.Setting.IsNumber() {
			m.risk = mayRunTwice
		}
		switch {
		case !b.Planned:
			m.hint = "apply this plan, which mends it"
		case !b.Now && r.Outcome == nil:
			m.message = Clean("would break " + required(b.Requirement) + ": " + b.Message)
		}
		say(r.at(m, &b.Requirement.Origin))
	}
	for _, u := range t.Unjudged {
		m := remark{function: u.Function, name: Clean(u.Function) + " (requirements)", rule: "unjudged", verdict: erred, risk: losesEvents,
			message: "could not be held against the requirements"}
		if err := reconcile.ErrorOf(u.Err); err != nil {
			m.message, m.hint = m.message+": "+said(err), Clean(err.Hint)
		}
		say(r.at(m, nil))
	}
}

// ofChange is a change that nobody has tried to make. It stands where the setting
// with the worst risk is declared.
func (r *Run) ofChange(c *reconcile.Change) remark {
	m := remark{function: c.Function, name: Clean(c.Name.String()), rule: c.Action.String(), state: planVerbs[c.Action].sum, verdict: differs, risk: noRisk}
	var origin, entry desired.Origin
	if c.Origins != nil {
		entry = c.Origins.Entry
	}
	var parts []string
	for _, s := range c.Settings() {
		if risk := riskOfSetting(s); risk < m.risk || origin.IsZero() {
			origin = s.Origin
		}
		m.risk = min(m.risk, riskOfSetting(s))
		part := Clean(s.Setting.String() + ": " + s.Setting.Format(s.Before) + arrow + s.Setting.Format(s.After))
		parts = append(parts, part)
		if c.Action != reconcile.Delete && !s.Origin.IsZero() {
			part += "  # " + Clean(s.Origin.String())
		}
		m.details = append(m.details, part)
	}
	if c.Action == reconcile.Delete || origin.IsZero() {
		origin = entry
	}
	m.message = listed(planVerbs[c.Action].sum, [numRisks]string{"may lose events", "may run events twice", ""}[m.risk])
	if len(parts) > 0 {
		m.message += ": " + strings.Join(parts, "; ")
	}
	switch {
	case c.Want == nil:
		m.details = append(m.details, "undeclared: delete")
	case c.Action == reconcile.Delete && !origin.IsZero():
		m.details = append(m.details, "# "+Clean(origin.String()))
	}
	return r.at(m, &origin)
}

// ofResult is a change and how it ended.
func (r *Run) ofResult(result *reconcile.Result) remark {
	m := r.ofChange(&result.Change)
	switch result.Status {
	case reconcile.Applied:
		m.verdict, m.state = passed, outcomeVerbs[result.Action].sum
		return m
	case reconcile.AlreadySo:
		m.verdict, m.state = passed, "in sync already"
		return m
	}
	m.rule, m.state, m.verdict, m.risk = result.Status.String(), "", erred, losesEvents
	row := newFailure(desired.Key{Name: result.Name}, result.Err, result)
	switch {
	case result.Err != nil:
		m.message = said(row.cause)
	case result.Status == reconcile.Stale:
		m.message = "left alone: the record is no longer what was seen"
	case result.Status == reconcile.NotAttempted:
		m.message = "not attempted: the run ended before its turn"
	default:
		m.message = strings.ReplaceAll(m.rule, "_", " ")
	}
	if m.facts = Clean(row.facts()); m.facts != "" {
		m.details = append(m.details, m.facts)
	}
	m.hint = Clean(row.cause.Hint)
	return m
}

// findingTexts say what was found, and how it is told.
var findingTexts = map[reconcile.FindingKind]struct {
	verdict verdict
	risk    risk
	message string
}{
	reconcile.FindingUnreadable:       {erred, losesEvents, "could not be read"},
	reconcile.FindingNotExamined:      {erred, losesEvents, "not examined: the run ended before its turn"},
	reconcile.FindingFunctionMissing:  {differs, losesEvents, "declared, but the function does not exist"},
	reconcile.FindingQualifierMissing: {differs, losesEvents, "declared, but the function has no such alias or version"},
	reconcile.FindingUndeclared:       {skipped, noRisk, "left alone: a record that nobody declared"},
	reconcile.FindingOrphan:           {skipped, noRisk, "left alone: a record whose alias or version is gone"},
	reconcile.FindingLatestOnly:       {skipped, noRisk, "the function has aliases, which do not take over the settings of $LATEST: declare them too"},
}

func (r *Run) ofFinding(f *reconcile.Finding) remark {
	t := findingTexts[f.Kind]
	m := remark{function: f.Function, name: Clean(f.Name.String()), rule: f.Kind.String(), verdict: t.verdict, risk: t.risk, message: t.message}
	if f.Kind == reconcile.FindingLatestOnly {
		m.name += " (only $LATEST)" // beside what is said about the config
	}
	if f.Kind == reconcile.FindingFunctionMissing && r.Fleet.MissingFunctions == desired.MissingWarn ||
		f.Kind == reconcile.FindingQualifierMissing && r.Fleet.MissingQualifiers == desired.MissingWarn {
		m.verdict, m.risk = skipped, noRisk // the fleet file lets it be
	}
	if call := reconcile.ErrorOf(f.Err); call != nil {
		m.message, m.hint = said(call), Clean(call.Hint)
	}
	if f.Origins == nil {
		return r.at(m, nil)
	}
	if !f.Origins.Entry.IsZero() {
		m.details = append(m.details, "# "+Clean(f.Origins.Entry.String()))
	}
	return r.at(m, &f.Origins.Entry)
}

// ended is what went wrong with a target or the run as a whole.
func (r *Run) ended(rule string, err error) remark {
	call := reconcile.ErrorOf(err)
	return r.at(remark{name: "(" + rule + ")", rule: rule, verdict: erred, message: said(call), hint: Clean(call.Hint)}, nil)
}

// at puts a remark where its wish was written, else at the fleet file as a whole.
func (r *Run) at(m remark, o *desired.Origin) remark {
	switch {
	case o != nil && !o.IsZero():
		m.file, m.line = o.File, o.Line
	case len(r.Fleet.Files) > 0:
		m.file = r.Fleet.Files[0]
	}
	return m
}

// said is an error in one line.
func said(e *reconcile.CallError) string {
	return Clean(strings.TrimPrefix(e.Op+": "+e.Reason(), ": "))
}

// place is "fleet.yaml:14", "fleet.yaml" or "".
func (m remark) place() string {
	if m.line == 0 {
		return Clean(m.file)
	}
	return Clean(fmt.Sprintf("%s:%d", m.file, m.line))
}
