package report

import (
	"fmt"
	"iter"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

type destinationJSON struct {
	ARN     string    `json:"arn"`
	State   string    `json:"state"`
	Configs int       `json:"configs"` // that send there
	Uses    []useJSON `json:"uses"`    // only of those that lose what is sent to them
}

type useJSON struct {
	keyJSON
	Setting string      `json:"setting"`
	Live    bool        `json:"live"`
	Origin  *originJSON `json:"origin"`
}

// unavailableJSON is what could not be learnt.
type unavailableJSON struct {
	What   string               `json:"what"`
	Target string               `json:"target"` // ACCOUNT/REGION; "" where it is of no one target
	Error  *reconcile.CallError `json:"error"`
}

func newUnavailable(u reconcile.Unavailable) unavailableJSON {
	out := unavailableJSON{What: u.What, Error: reconcile.ErrorOf(u.Err)}
	if (u.Target != desired.Target{}) {
		out.Target = u.Target.String()
	}
	return out
}

func (r *Run) destinations() iter.Seq[destinationJSON] {
	labels := map[desired.Target]string{}
	for i := range r.plans() {
		labels[r.Plan.Targets[i].Target] = r.Plan.Targets[i].Label
	}
	return each(r.Insights.Destinations, func(d reconcile.Destination) destinationJSON {
		out := destinationJSON{ARN: d.ARN, State: d.State.String(), Configs: len(d.Uses), Uses: []useJSON{}}
		if d.Loses() {
			for _, u := range d.Uses {
				out.Uses = append(out.Uses, useJSON{
					keyJSON: newKey(newTarget(u.Target, labels[u.Target]), u.Name), Setting: u.Setting.String(), Live: u.Live, Origin: newOriginJSON(u.Origin),
				})
			}
		}
		return out
	})
}

// losing are destinations that lose what is sent to them and that differ by nothing
// but the function they are named after: one for all that are alike.
type losing struct {
	arn    string // with {function} where each function has its own
	state  reconcile.DestinationState
	n      int  // destinations
	live   bool // events go there now
	uses   []reconcile.DestinationUse
	origin desired.Origin // of the first use that is declared
}

func (r *Run) losing() []losing {
	type key struct {
		arn   string
		state reconcile.DestinationState
	}
	var all []reconcile.Destination
	for _, d := range r.Insights.Destinations {
		if d.Loses() {
			all = append(all, d)
		}
	}
	return groupBy(all,
		func(d reconcile.Destination) key {
			if allEqual(d.Uses, func(u reconcile.DestinationUse) string { return u.Function }) {
				return key{template(d.ARN, d.Uses[0].Function), d.State}
			}
			return key{d.ARN, d.State}
		},
		func(k key, of []reconcile.Destination) losing {
			l := losing{arn: k.arn, state: k.state, n: len(of), live: r.Outcome != nil}
			if l.n == 1 {
				l.arn = of[0].ARN
			}
			for _, d := range of {
				l.uses = append(l.uses, d.Uses...)
			}
			for _, u := range l.uses {
				if l.origin.IsZero() {
					l.origin = u.Origin
				}
				l.live = l.live || u.Live
			}
			return l
		})
}

// destinationKinds are what a destination is called, by the service of its ARN.
var destinationKinds = map[string]string{"sqs": "queue", "sns": "topic", "events": "bus", "s3": "bucket", "lambda": "function"}

// kind is what the destination is, such as a queue.
func (l *losing) kind() string {
	if parts := strings.SplitN(l.arn, ":", 4); len(parts) == 4 && destinationKinds[parts[2]] != "" {
		return destinationKinds[parts[2]]
	}
	return "destination"
}

// sentence is "413 functions send failures to a queue that does not exist".
func (l *losing) sentence() string {
	var sides [desired.NumSettings]string
	for _, u := range l.uses {
		sides[u.Setting] = map[desired.Setting]string{desired.OnSuccess: "successes", desired.OnFailure: "failures"}[u.Setting]
	}
	who, send := howMany(namesOf(l.uses, func(u reconcile.DestinationUse) name { return u.Name })), "send"
	switch {
	case !l.live:
		send = "would send"
	case strings.HasPrefix(who, "1 "):
		send = "sends"
	}
	to := "a " + l.kind()
	if l.n > 1 {
		to += " of their own"
	}
	is := "does not exist"
	if l.state == reconcile.DestinationWrongKind {
		is = "is FIFO, which takes nothing from Lambda"
	}
	return fmt.Sprintf("%s %s %s to %s that %s", who, send, strings.ReplaceAll(listed(sides[:]...), ", ", " and "), to, is)
}

func (l *losing) hint() string {
	if l.state == reconcile.DestinationWrongKind {
		return "use a standard " + l.kind()
	}
	create := "create the " + l.kind()
	if l.n > 1 {
		create = "create them"
	}
	return create + ", or name another destination; until then each of these events is lost"
}

// insights writes what was learnt beyond what Lambda tells.
func (p *printer) insights(r *Run) {
	for _, l := range r.losing() {
		p.alert(red, l.sentence())
		if o := newOrigin(l.origin); o.at != "" && p.width(l.arn)+p.width("    # "+o.at) <= p.columns {
			p.line(2, text(l.arn), colored(dim, "  "+p.within(o, p.columns-p.width(l.arn)-4)))
		} else {
			p.line(2, text(l.arn))
			if o.at != "" {
				p.line(2, colored(dim, p.within(o, p.columns-2)))
			}
		}
		p.names(2, namesOf(l.uses, func(u reconcile.DestinationUse) name { return u.Name }))
		p.hint(2, l.hint())
	}
	p.authorship(r)
	color := yellow
	if r.InsightsRequired {
		color = red
	}
	for _, u := range r.Insights.Unavailable {
		what := u.What
		if (u.Target != desired.Target{}) {
			what += " of " + u.Target.String()
		}
		err := reconcile.ErrorOf(u.Err)
		p.titled(color, "Not known", what+": "+err.Reason())
		p.hint(2, err.Hint)
	}
}

// breaches are those of a run: of one that wrote, those that are left.
func (r *Run) breaches() iter.Seq2[*reconcile.TargetPlan, *reconcile.Breach] {
	return func(yield func(*reconcile.TargetPlan, *reconcile.Breach) bool) {
		for i := range r.plans() {
			t := &r.Plan.Targets[i]
			for j := range t.Breaches {
				if b := &t.Breaches[j]; (r.Outcome == nil || b.Planned) && !yield(t, b) {
					return
				}
			}
		}
	}
}

type breachJSON struct {
	keyJSON
	Requirement string      `json:"requirement"`
	Setting     string      `json:"setting"`
	Message     string      `json:"message"`
	Now         bool        `json:"now"`
	Planned     bool        `json:"planned"`
	Origin      *originJSON `json:"origin"`
}

func (r *Run) breachList() iter.Seq[breachJSON] {
	return func(yield func(breachJSON) bool) {
		for t, b := range r.breaches() {
			o := b.Requirement.Origin
			if !yield(breachJSON{
				keyJSON: newKey(newTarget(t.Target, t.Label), b.Name), Requirement: o.Rule, Setting: b.Setting.String(),
				Message: b.Message, Now: b.Now, Planned: b.Planned, Origin: newOriginJSON(o),
			}) {
				return
			}
		}
	}
}

type unjudgedJSON struct {
	targetJSON
	Function string               `json:"function"`
	Error    *reconcile.CallError `json:"error"`
}

func (r *Run) unjudged() iter.Seq[unjudgedJSON] {
	return func(yield func(unjudgedJSON) bool) {
		for i := range r.plans() {
			t := &r.Plan.Targets[i]
			for _, u := range t.Unjudged {
				if !yield(unjudgedJSON{newTarget(t.Target, t.Label), u.Function, reconcile.ErrorOf(u.Err)}) {
					return
				}
			}
		}
	}
}

// required names a requirement as its file does.
func required(q *desired.Requirement) string {
	if name := q.Origin.Rule; name != "" {
		return fmt.Sprintf("the requirement %q", name)
	}
	return "the requirement " + q.Origin.LayerName()
}

// requirements writes who breaks a requirement, and of whom that is not known.
func (p *printer) requirements(r *Run) {
	type group struct {
		origin       desired.Origin
		message      string
		now, planned bool
	}
	type broken struct {
		t *reconcile.TargetPlan
		*reconcile.Breach
	}
	var all []broken
	for t, b := range r.breaches() {
		all = append(all, broken{t, b})
	}
	groupBy(all,
		func(b broken) group {
			return group{b.Requirement.Origin, template(b.Message, b.Function), b.Now || r.Outcome != nil, b.Planned}
		},
		func(g group, of []broken) struct{} {
			names := namesOf(of, func(b broken) name { return b.Name })
			who, verb, tone, until := howMany(names), "break", red, ""
			if strings.HasPrefix(who, "1 ") {
				verb = "breaks"
			}
			switch {
			case !g.planned:
				tone, until = yellow, ", until this plan is applied"
			case !g.now:
				verb = "would break"
			}
			p.alert(tone, fmt.Sprintf("%s %s %s%s: %s", who, verb, required(of[0].Requirement), until, g.message))
			p.line(2, colored(dim, newOrigin(g.origin).comment()))
			if !p.multi {
				p.names(2, names)
				return struct{}{}
			}
			notes := make([]finding, len(of))
			for i, b := range of {
				notes[i].name = p.named(b.t.Target, b.Name)
			}
			p.findings(text(""), notes)
			return struct{}{}
		})
	for i := range r.plans() {
		t := &r.Plan.Targets[i]
		if len(t.Unjudged) == 0 {
			continue
		}
		first := "the run ended before their turn"
		if err := reconcile.ErrorOf(t.Unjudged[0].Err); err != nil {
			first = err.Reason()
		}
		p.alert(red, fmt.Sprintf("%s: %s could not be held against the requirements: %s", where(t.Label, t.Target), count(len(t.Unjudged), "function"), first))
		names := make([]name, len(t.Unjudged))
		for j, u := range t.Unjudged {
			names[j] = name{Function: u.Function, Qualifier: desired.Latest}
		}
		p.names(2, names)
		if err := reconcile.ErrorOf(t.Unjudged[0].Err); err != nil {
			p.hint(2, err.Hint)
		}
	}
}

// ofRequirements are the remarks about the requirements of a target.
func (r *Run) ofRequirements(t *reconcile.TargetPlan) iter.Seq[remark] {
	return func(yield func(remark) bool) {
		for of, b := range r.breaches() {
			if of != t {
				continue
			}
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
			if !yield(r.at(m, &b.Requirement.Origin)) {
				return
			}
		}
		for _, u := range t.Unjudged {
			m := remark{function: u.Function, name: Clean(u.Function) + " (requirements)", rule: "unjudged", verdict: erred, risk: losesEvents,
				message: "could not be held against the requirements"}
			if err := reconcile.ErrorOf(u.Err); err != nil {
				m.message, m.hint = m.message+": "+said(err), Clean(err.Hint)
			}
			if !yield(r.at(m, nil)) {
				return
			}
		}
	}
}

// ofInsights are the remarks about what was learnt, and about what was not.
func (r *Run) ofInsights() iter.Seq[remark] {
	return func(yield func(remark) bool) {
		for _, l := range r.losing() {
			m := remark{name: "(" + Clean(l.arn) + ")", rule: "destination_" + l.state.String(), verdict: differs, risk: losesEvents,
				message: l.sentence() + ": " + Clean(l.arn), hint: l.hint(), identity: l.arn}
			for _, u := range l.uses {
				m.details = append(m.details, Clean(desired.Key{Target: u.Target, Name: u.Name}.String()))
			}
			if !yield(r.at(m, &l.origin)) {
				return
			}
		}
		for i := range r.Insights.Unavailable {
			if !yield(r.ofUnavailable(&r.Insights.Unavailable[i])) {
				return
			}
		}
	}
}

// ofUnavailable is something that could not be learnt. It is no failure unless it was
// asked for.
func (r *Run) ofUnavailable(u *reconcile.Unavailable) remark {
	err := reconcile.ErrorOf(u.Err)
	m := remark{target: u.Target, name: "(" + Clean(u.What) + ")", rule: "unavailable", verdict: skipped, risk: noRisk,
		message: "not known: " + Clean(u.What) + ": " + said(err), hint: Clean(err.Hint)}
	if r.InsightsRequired {
		m.verdict, m.risk = erred, losesEvents
	}
	return r.at(m, nil)
}
