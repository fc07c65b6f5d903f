package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

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
	a, _ := arn.Parse(l.arn) // what is none has no service
	return cmp.Or(destinationKinds[a.Service], "destination")
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

// breaches are those of a target: of a run that wrote, those that are left.
func (r *Run) breaches(t *reconcile.TargetPlan) (all []*reconcile.Breach) {
	for j := range t.Breaches {
		if b := &t.Breaches[j]; r.Outcome == nil || b.Planned {
			all = append(all, b)
		}
	}
	return all
}
