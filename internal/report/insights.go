package report

import (
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

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
	who, send := howMany(l.uses, func(u reconcile.DestinationUse) string { return u.Function }), "send"
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

// losses are the destinations that lose what is sent to them.
func (r *Run) losses() []note {
	var all []note
	for _, l := range r.losing() {
		all = append(all, note{tone: red, text: l.sentence(), about: l.arn, at: newOrigin(l.origin), hint: l.hint(),
			rows: rowsOf(l.uses, func(u reconcile.DestinationUse) desired.Name { return u.Name }), n: l.n, noun: "destination", found: " taking nothing"})
	}
	return all
}

// unavailable is what could not be learnt. It is no failure unless it was asked for.
func (r *Run) unavailable() []note {
	tone := yellow
	if r.InsightsRequired {
		tone = red
	}
	var all []note
	for _, u := range r.Insights.Unavailable {
		what, err := u.What, reconcile.ErrorOf(u.Err)
		if (u.Target != desired.Target{}) {
			what += " of " + u.Target.String()
		}
		all = append(all, note{tone: tone, title: "Not known", text: what + ": " + err.Reason(), hint: err.Hint, n: 1, noun: "thing", found: " not known"})
	}
	return all
}

// breaches are those of a target: of a run that wrote, those that are left.
func (r *Run) breaches(t *reconcile.TargetPlan) (all []*reconcile.Breach) {
	for j := range t.Breaches {
		if b := &t.Breaches[j]; r.Outcome == nil || b.Planned {
			all = append(all, b)
		}
	}
	return all
}

// required names a requirement as its file does.
func required(q *desired.Requirement) string {
	if name := q.Origin.Rule; name != "" {
		return fmt.Sprintf("the requirement %q", name)
	}
	return "the requirement " + q.Origin.LayerName()
}

// requirements are who breaks a requirement, and of whom that is not known.
func (r *Run) requirements() []note {
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
	for i := range r.plans() {
		t := &r.Plan.Targets[i]
		for _, b := range r.breaches(t) {
			all = append(all, broken{t, b})
		}
	}
	notes := groupBy(all,
		func(b broken) group {
			return group{b.Requirement.Origin, template(b.Message, b.Function), b.Now || r.Outcome != nil, b.Planned}
		},
		func(g group, of []broken) note {
			who, verb, until := howMany(of, func(b broken) string { return b.Function }), "break", ""
			n := note{tone: red, at: origin{at: g.origin.String()}, n: len(of), noun: "config", found: " breaking a requirement"} // the text has its name
			if strings.HasPrefix(who, "1 ") {
				verb = "breaks"
			}
			switch {
			case !g.planned:
				n.tone, until = yellow, ", until this plan is applied"
			case !g.now:
				verb = "would break"
			}
			n.text = fmt.Sprintf("%s %s %s%s: %s", who, verb, required(of[0].Requirement), until, g.message)
			for _, b := range of {
				n.rows = append(n.rows, row{name: r.named(b.t.Target, b.Name)})
			}
			return n
		})
	for _, t := range r.plans() {
		if len(t.Unjudged) == 0 {
			continue
		}
		n := note{tone: red, n: len(t.Unjudged), noun: "function", found: " not held against the requirements"}
		first := "the run ended before their turn"
		if err := reconcile.ErrorOf(t.Unjudged[0].Err); err != nil {
			first, n.hint = err.Reason(), err.Hint
		}
		n.text = fmt.Sprintf("%s: %s could not be held against the requirements: %s", where(t.Label, t.Target), count(n.n, "function"), first)
		n.rows = rowsOf(t.Unjudged, func(u reconcile.Unjudged) desired.Name {
			return desired.Name{Function: u.Function, Qualifier: desired.Latest}
		})
		notes = append(notes, n)
	}
	return notes
}
