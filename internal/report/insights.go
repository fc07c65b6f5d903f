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
