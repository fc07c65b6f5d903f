package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// verdict is what a test would say about a remark.
type verdict int

const (
	passed  verdict = iota // as it should be
	skipped                // left alone
	differs                // not as declared
	erred                  // not known, or not done
)

// remark is one thing to say about one config, one target or the run: all formats are made of
// them. JUnit, SARIF, GitHub and the table of an HTML page tell each, text, Markdown and
// the head of an HTML page those of a topic together, as notes. All texts are clean.
type remark struct {
	topic    topic
	target   desired.Target // zero: of the run
	config   desired.Name   // zero where it is of none
	name     string         // the config, or "(what)" where there is none, which no config is called
	rule     string         // action, status, kind of finding or problem code, as JSON spells it
	state    string         // of a change, what becomes or became of it, in words
	verdict  verdict
	risk     risk
	message  string   // one line
	cause    string   // what a note has not said yet; "": the message
	about    string   // what a note says it about; ""
	when     string   // from when or until when it is so, as a note says it; ""
	groupKey string   // what remarks of one cause share; "": the cause, whatever the function is called
	details  []string // lines, the last of them facts
	facts    string   // of a call: attempts, time, request id; ""
	author   string   // who made the config what it is; "" where nobody told
	hint     string   // what to do next; ""
	identity string   // what stays when the file is edited elsewhere; "": the name
	file     string   // "" where nobody knows
	line     int      // 0: the file as a whole
	at       origin   // the same for people
	losing   *losing  // the destinations that it is about
}

// remarks says those of the run, then those of each target in the plan's order.
func (r *Run) remarks(say func(remark)) {
	r.ofRun(say)
	for i := range r.plans() {
		r.ofTarget(&r.Plan.Targets[i], everything, say)
	}
}

// ofRun is what stopped the run or its plan, and what is wrong with the fleet files.
func (r *Run) ofRun(say func(remark)) {
	problem := func(about topic, p desired.Problem, v verdict, risk risk) {
		say(remark{topic: about, name: Clean(p.Pos.String() + " " + p.Code), rule: Clean(p.Code), verdict: v, risk: risk, message: Clean(p.Message), cause: Clean(p.Pos.String() + ": " + p.Code + " " + p.Message), hint: Clean(p.Hint),
			identity: p.Pos.File + "\n" + p.Message, file: p.Pos.File, line: p.Pos.Line})
	}
	for _, w := range r.Warnings {
		problem(warned, w, skipped, mayRunTwice)
	}
	if problems, ok := errors.AsType[desired.Problems](r.Err); ok {
		for _, p := range problems {
			problem(refused, p, erred, losesEvents)
		}
	} else if r.Err != nil {
		say(r.trouble(refused, "no_plan", r.Err))
	}
	if r.Stopped != "" {
		say(r.at(remark{topic: runStopped, name: "(stopped)", rule: "stopped", verdict: erred, message: Clean("stopped: " + r.Stopped)}, nil))
	}
	if err := r.refusal(); err != nil {
		say(r.trouble(refused, "refused", err))
	}
	for _, l := range r.losing() {
		m := remark{topic: destinations, name: "(" + Clean(l.arn) + ")", rule: "destination_" + l.state.String(), verdict: differs, risk: losesEvents,
			message: l.sentence() + ": " + Clean(l.arn), cause: l.sentence(), hint: l.hint(), identity: l.arn, losing: &l}
		m.details = slice.Map(l.uses, func(u insight.DestinationUse) string { return Clean(u.Key.String()) })
		say(r.at(m, &l.origin))
	}
	for _, u := range r.Insights.Unavailable {
		what, err := Clean(u.What), reconcile.ErrorOf(u.Err)
		m := remark{topic: unavailable, target: u.Target, name: "(" + what + ")", rule: "unavailable", verdict: skipped, risk: noRisk,
			message: "not known: " + what + ": " + oneLine(err), hint: Clean(err.Hint)}
		if u.Target != (desired.Target{}) {
			what += " of " + Clean(u.Target.String())
		}
		m.cause = what + ": " + Clean(err.Reason())
		if r.InsightsRequired {
			m.verdict, m.risk = erred, losesEvents
		}
		say(r.at(m, nil))
	}
}

// Remarks about a target are all that there are, or those that are worth a note: not of
// changes that were only planned, and not of those that were made.
const (
	everything   = true
	worthTelling = false
)

// ofTarget is every change of a target as it was planned or as it ended, what could
// not be read, and what was found.
func (r *Run) ofTarget(t *reconcile.TargetPlan, all bool, put func(remark)) {
	say := func(m remark) {
		m.target = t.Target
		put(m)
	}
	unread := slices.ContainsFunc(t.Findings, func(f reconcile.Finding) bool { return f.Kind == reconcile.FindingUnreadable })
	switch {
	case t.Err != nil && t.Unknown:
		say(r.trouble(targetUnknown, "unreadable", t.Err))
	case t.Err != nil && !unread: // else its configs say why
		say(r.trouble(targetUnread, "unreadable", t.Err))
	case t.Err == nil && t.Stopped != nil:
		say(r.trouble(targetStopped, "stopped", t.Stopped))
	}
	o := r.Outcome.Of(t.Target)
	if o != nil {
		if o.Stopped != nil {
			say(r.trouble(targetEnded, "ended_early", o.Stopped))
		}
		refused, allowed := 0, 0
		for i := range o.Results {
			if o.Results[i].Again {
				refused++
			}
			if o.Results[i].Again && o.Results[i].Err == nil {
				allowed++
			}
			if made := o.Results[i].Status; all || made != reconcile.Applied && made != reconcile.AlreadySo {
				m := r.ofResult(&o.Results[i], all)
				// Who made a record what it became after the survey, nobody was asked.
				if made != reconcile.Stale || slices.ContainsFunc(t.Stale, func(s reconcile.StaleChange) bool { return s.Name == m.config }) {
					m = r.byAuthor(m, t.Target)
				}
				say(m)
			}
		}
		if refused > 0 && !all {
			say(remark{topic: again, message: fmt.Sprintf("%s refused for the roles of the functions, and tried once more at the end: %d allowed by then", count(refused, "change"), allowed)})
		}
	} else {
		for i := 0; all && i < len(t.Changes); i++ {
			say(r.byAuthor(r.ofChange(&t.Changes[i]), t.Target))
		}
		for i := range t.Stale {
			say(r.byAuthor(r.ofResult(&reconcile.ChangeResult{Change: t.Stale[i].Change, Status: reconcile.Stale, After: t.Stale[i].Now}, all), t.Target))
		}
	}
	for i := range t.Findings {
		say(r.ofFinding(&t.Findings[i]))
	}
	for _, b := range r.breaches(t) {
		say(r.ofBreach(b))
	}
	for _, u := range t.Unjudged {
		m := remark{topic: unjudged, config: desired.Name{Function: u.Function, Qualifier: desired.Latest}, name: Clean(u.Function) + " (requirements)", rule: "unjudged", verdict: erred, risk: losesEvents,
			message: "could not be held against the requirements", cause: "the run ended before their turn"}
		if u.Err != nil {
			says := m.message
			m.blame(u.Err)
			m.message, m.cause = says+": "+m.message, m.message
		}
		say(r.at(m, nil))
	}
}

// What becomes of a breach.
const (
	untilApplied = ", until this plan is applied"
	onceApplied  = ", once this plan is applied"
)

func (r *Run) ofBreach(b *reconcile.Breach) remark {
	which := "the requirement " + Clean(b.Requirement.Origin.LayerName())
	if name := b.Requirement.Origin.Rule; name != "" {
		which = fmt.Sprintf("the requirement %q", Clean(name))
	}
	m := r.at(remark{topic: requirements, config: b.Name, name: Clean(b.Name.String()) + " (" + which + ", " + b.Setting.String() + ")", rule: "requirement",
		verdict: differs, risk: losesEvents, message: "breaks " + which + ": " + Clean(b.Message), cause: Clean(b.Message), about: which}, &b.Requirement.Origin)
	m.at.rule = "" // it is in the text
	if b.Setting.IsNumber() {
		m.risk = mayRunTwice
	}
	switch {
	case !b.Planned:
		m.hint, m.when = "apply this plan, which fixes it", untilApplied
	case !b.Now && r.Outcome == nil:
		m.message, m.when = "would "+strings.Replace(m.message, "breaks", "break", 1), onceApplied
	}
	return m
}

// ofChange is a change that nobody has tried to make. It stands where the setting
// with the worst risk is declared.
func (r *Run) ofChange(c *reconcile.Change) remark {
	m := remark{config: c.Name, name: Clean(c.Name.String()), rule: c.Action.String(), state: planVerbs[c.Action].sum, verdict: differs, risk: noRisk}
	var origin, entry desired.Origin
	if c.Origins != nil {
		entry = c.Origins.Entry
	}
	var parts []string
	for _, s := range c.SettingChanges() {
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

// ofResult is a change and how it ended; a note says nothing of what was to change.
func (r *Run) ofResult(result *reconcile.ChangeResult, all bool) remark {
	m := remark{config: result.Name}
	if all {
		m = r.ofChange(&result.Change)
	}
	switch result.Status {
	case reconcile.Applied:
		m.verdict, m.state = passed, outcomeVerbs[result.Action].sum
		return m
	case reconcile.AlreadySo:
		m.verdict, m.state = passed, "in sync already"
		return m
	}
	m.rule, m.state, m.verdict, m.risk = result.Status.String(), "", erred, losesEvents
	switch {
	case errors.Is(result.Err, reconcile.ErrSameCause):
		m.topic = sameCause
	case result.Status == reconcile.Stale:
		m.topic, m.message, m.facts, m.hint = stale, "left alone: the record is no longer what was seen", "now "+recordText(result.After), "plan again"
		if r.Verb == "rollback" {
			m.hint = "look at it, then leave it, or put it back too with --include-stale"
		}
	case result.Status == reconcile.NotAttempted && result.Err != nil:
		m.topic = waiting
	case result.Status == reconcile.NotAttempted:
		m.topic, m.message = notAttempted, "not attempted: the run ended before its turn"
	default:
		m.topic, m.message = failed, strings.ReplaceAll(m.rule, "_", " ")
	}
	var waited string
	if w := result.Stats.Waited; result.Stats.Attempts > 0 && w >= time.Second {
		waited = "waited " + formatDuration(w)
	}
	m.blame(result.Err)
	if m.facts = listed(someOf(result.Stats.Attempts, "attempt"), waited, m.facts); m.facts != "" {
		m.details = append(m.details, m.facts)
	}
	return m
}

// recordText is a record, such as "maximum_retry_attempts 0".
func recordText(s *reconcile.Settings) string {
	if s == nil {
		return "no record"
	}
	var parts []string
	for _, f := range desired.AllSettings() {
		if s[f].IsSet() {
			parts = append(parts, f.String()+" "+Clean(s[f].String()))
		}
	}
	return cmp.Or(listed(parts...), "a record without settings")
}

func (r *Run) ofFinding(f *reconcile.Finding) remark {
	about := findingTopics[f.Kind]
	if about == qualifierMissing && r.Verb == "rollback" {
		about = noWayBack
	}
	t := &topics[about]
	m := remark{topic: about, config: f.Name, name: Clean(f.Name.String()), rule: f.Kind.String(), verdict: t.verdict, risk: t.risk, message: t.finding}
	if f.Kind == reconcile.FindingLatestOnly {
		m.name += " (only $LATEST)" // beside what is said about the config
	}
	if r.Fleet.allows(about) {
		m.verdict, m.risk = skipped, noRisk
	}
	if f.Kind == reconcile.FindingQualifierMissing && f.Record != nil {
		m.facts = "its record is left over: remove: true deletes it"
	}
	m.blame(f.Err)
	if f.Origins == nil {
		return r.at(m, nil)
	}
	if !f.Origins.Entry.IsZero() {
		m.details = append(m.details, "# "+Clean(f.Origins.Entry.String()))
	}
	return r.at(m, &f.Origins.Entry)
}

// trouble is what went wrong with a target or the run as a whole.
func (r *Run) trouble(about topic, rule string, err error) remark {
	m := remark{topic: about, name: "(" + rule + ")", rule: rule, verdict: erred}
	m.blame(err)
	return r.at(m, nil)
}

// blame says what an error says, where there is one.
func (m *remark) blame(err error) {
	call := reconcile.ErrorOf(err)
	if call == nil {
		return
	}
	m.message, m.groupKey, m.hint = oneLine(call), call.Op+": "+call.Cause(), Clean(call.Hint)
	if call.RequestID != "" {
		m.facts = "request " + Clean(call.RequestID)
	}
}

// at puts a remark where its wish was written, else at the fleet file as a whole. Of several
// files none is guessed.
func (r *Run) at(m remark, o *desired.Origin) remark {
	switch {
	case o != nil && !o.IsZero():
		m.file, m.line, m.at = o.File, o.Line, newOrigin(*o)
	case len(r.Fleet.Files) == 1:
		m.file = r.Fleet.Files[0]
	}
	return m
}

// oneLine is an error in one line.
func oneLine(e *callerr.Error) string {
	return Clean(strings.Join(strings.Fields(strings.TrimPrefix(e.Op+": "+e.Reason(), ": ")), " "))
}

// place is "fleet.yaml:14", "fleet.yaml" or "".
func (m *remark) place() string {
	if m.line == 0 {
		return Clean(m.file)
	}
	return Clean(fmt.Sprintf("%s:%d", m.file, m.line))
}

// told is a remark in a note.
func (m *remark) told() string { return cmp.Or(m.cause, m.message) }

// next is its hint in a note, which may have said as much.
func (m *remark) next() string {
	if m.when == untilApplied {
		return ""
	}
	return m.hint
}

// likeness is the same for remarks of one cause.
func (m *remark) likeness() string {
	return cmp.Or(m.groupKey, template(m.told(), m.config.Function)) + m.when
}
