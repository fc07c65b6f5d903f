package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// losing are destinations that lose what is sent to them and that differ by nothing
// but the function they are named after: one for all that are alike.
type losing struct {
	arn    string // with {function} where each function has its own
	state  insight.DestinationState
	n      int  // destinations
	live   bool // events go there now
	uses   []insight.DestinationUse
	origin desired.Origin // of the first use that is declared
}

func (r *Run) losing() []losing {
	type key struct {
		arn   string
		state insight.DestinationState
	}
	return groupBy(slice.Filter(r.Insights.Destinations, func(d insight.Destination) bool { return d.Loses() }),
		func(d insight.Destination) key {
			if allEqual(d.Uses, func(u insight.DestinationUse) string { return u.Function }) {
				return key{template(d.ARN, d.Uses[0].Function), d.State}
			}
			return key{d.ARN, d.State}
		},
		func(k key, of []insight.Destination) losing {
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

// sides are what goes to a destination. It does not compile while a setting has no row.
var sides [desired.NumSettings]string = [...]string{desired.OnSuccess: "successes", desired.OnFailure: "failures"}

// sentence is "413 functions send failures to a queue that does not exist".
func (l *losing) sentence() string {
	var used [desired.NumSettings]string
	for _, u := range l.uses {
		used[u.Setting] = sides[u.Setting]
	}
	who, send := howMany(l.uses, func(u insight.DestinationUse) desired.Key { return u.Key }), "send"
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
	if l.state == insight.DestinationWrongKind {
		is = "is FIFO, which takes nothing from Lambda"
	}
	return fmt.Sprintf("%s %s %s to %s that %s", who, send, strings.ReplaceAll(listed(used[:]...), ", ", " and "), to, is)
}

func (l *losing) hint() string {
	if l.state == insight.DestinationWrongKind {
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
	for b := range slice.Pointers(t.Breaches) {
		if r.Outcome == nil || b.Planned {
			all = append(all, b)
		}
	}
	return all
}

// deed is what one author did to some configs.
type deed struct {
	verb, author string
	client       string // of what is deployed: it writes again what it changed
	configs      []desired.Key
	first, last  time.Time
}

// deeds puts together what one author did, most first.
func deeds(all []insight.Authorship) []deed {
	type key struct{ verb, author string }
	found := groupBy(all,
		func(a insight.Authorship) key {
			if a.Deleted() {
				return key{"deleted", a.Author.String()}
			}
			return key{"changed", a.Author.String()}
		},
		func(k key, of []insight.Authorship) deed {
			byTime := func(a, b insight.Authorship) int { return a.At.Compare(b.At) }
			d := deed{verb: k.verb, author: k.author, first: slices.MinFunc(of, byTime).At, last: slices.MaxFunc(of, byTime).At}
			if of[0].Author.Redeploys() {
				d.client = of[0].Author.Client
			}
			d.configs = slice.Map(of, func(a insight.Authorship) desired.Key { return a.Key })
			return d
		})
	slices.SortStableFunc(found, func(a, b deed) int {
		return cmp.Or(cmp.Compare(len(b.configs), len(a.configs)), strings.Compare(a.author, b.author), strings.Compare(a.verb, b.verb))
	})
	return found
}

// when is "2h ago", "on 2026-11-24" or "from 2026-11-20 to 2026-11-24". On a page that
// is to stay the same while nothing changes it is never the first, nor of a past run.
func (d *deed) when(now time.Time, stable bool) string {
	first, last := d.first.UTC().Format(time.DateOnly), d.last.UTC().Format(time.DateOnly)
	switch ago := now.Sub(d.last); {
	case !stable && !now.IsZero() && ago < 24*time.Hour && d.last.Sub(d.first) < time.Hour:
		return formatAgo(ago)
	case first == last:
		return "on " + last
	}
	return "from " + first + " to " + last
}

// formatAgo is "2h ago": one unit is enough to remember by.
func formatAgo(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh ago", int(d.Hours()))
}

// authors says below a kind of change since when audits have found it so, and who made the
// configs what they are.
func (p *printer) authors(indent int, changes []located) {
	if p.detail.authors == 0 {
		return
	}
	var since []time.Time
	var known []insight.Authorship
	for _, c := range changes {
		key := c.key()
		if at := p.run.Insights.DriftingSince(key); !at.IsZero() {
			since = append(since, at)
		}
		if a := p.run.Insights.AuthorOf(key); a != nil {
			known = append(known, *a)
		}
	}
	part := func(n int) string {
		if n < len(changes) {
			return fmt.Sprintf("%d of %d ", n, len(changes))
		}
		return ""
	}
	if len(since) > 0 {
		first, last := slices.MinFunc(since, time.Time.Compare).UTC().Format(time.DateTime), slices.MaxFunc(since, time.Time.Compare).UTC().Format(time.DateTime)
		says := "drifting since the audit of " + first + " UTC"
		if first != last {
			says = "drifting since audits from " + first + " to " + last + " UTC"
		}
		p.wrapped(indent, span{}, dim, part(len(since))+says)
	}
	for i, d := range deeds(known) {
		if i == p.detail.authors && !p.full {
			p.line(indent, colored(dim, fmt.Sprintf("… and by %d more", len(deeds(known))-i)))
			return
		}
		p.wrapped(indent, span{}, dim, part(len(d.configs))+d.verb+" "+d.when(p.run.Surveyed, p.stable)+" by "+d.author)
	}
}

// whoMadeIt is who made what differs what it is, most first; of how much nobody looked for that;
// how many others AWS has nothing set of; and of how many CloudTrail does not tell. It adds up to
// the changes.
func (r *Run) whoMadeIt() (by []deed, unsearched, unset, untold int) {
	var known []insight.Authorship
	for i := range r.plans() {
		t := &r.Plan.Targets[i]
		for j := range t.Changes {
			key := desired.Key{Target: t.Target, Name: t.Changes[j].Name}
			switch a := r.Insights.AuthorOf(key); {
			case a != nil:
				known = append(known, *a)
			case !r.Insights.Searched(key):
				unsearched++
			case t.Changes[j].Before == nil:
				unset++
			default:
				untold++
			}
		}
	}
	return deeds(known), unsearched, unset, untold
}

// told is all of that in words, with so many authors.
func (r *Run) told(most int, stable bool) (parts []string) {
	by, unsearched, unset, untold := r.whoMadeIt()
	if len(by) == 0 {
		return nil
	}
	rest := 0
	for i, d := range by {
		if n := len(d.configs); i < most || len(by) == most+1 {
			parts = append(parts, fmt.Sprintf("%d %s by %s %s", n, d.verb, d.author, d.when(r.Surveyed, stable)))
		} else {
			rest += n
		}
	}
	unknown := "unknown to CloudTrail"
	if r.Surveyed.IsZero() { // a past run: its record does not say how far anybody looked
		unknown = "of no recorded author"
	}
	parts = append(parts, some(rest, "in other ways"), some(unset, "with nothing set in AWS"), some(untold, unknown), some(unsearched, "not looked up"))
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

// tellAuthors is a note of it; the head of text has it, and one author stands beside the change.
func (r *Run) tellAuthors(stable bool) []note {
	if len(r.Insights.Authors) < 2 {
		return nil
	}
	n := note{title: "Who made it so, as far as CloudTrail tells", lines: true}
	n.rows = slice.Map(r.told(all, stable), func(part string) row { return row{name: part} })
	return []note{n}
}

// writtenAgain is what deployments will write again.
func (r *Run) writtenAgain(bool) (all []note) {
	for _, d := range deeds(r.Insights.Authors) {
		n := note{tone: yellow, title: "Written again", n: len(d.configs), text: fmt.Sprintf("%s by %s", count(len(d.configs), "config"), d.author)}
		switch {
		case d.client == "":
			continue
		case d.verb == "deleted":
			n.title = "Deleted by its tool"
			n.text += ", no longer declared there. If this was the hand-over, apply puts the records back, and they stay."
		default:
			n.text += ". Its next deployment writes the same again: change it there too, or leave it out of the fleet file."
		}
		n.rows = slice.Map(d.configs, func(key desired.Key) row { return row{name: r.named(key.Target, key.Name)} })
		all = append(all, n)
	}
	return all
}

// foughtOver is what somebody keeps changing back.
func (r *Run) foughtOver(bool) []note {
	fights := r.Insights.Fights
	if len(fights) == 0 {
		return nil
	}
	n := note{tone: red, title: "Fought over", lines: true, n: len(fights),
		text: count(len(fights), "config") + " that somebody keeps changing back. Settle with them who is right before it is corrected once more."}
	n.rows = slice.Map(fights, func(f insight.Fight) row { return row{name: r.named(f.Target, f.Name) + " " + fightText(&f)} })
	return []note{n}
}

// fightText is "corrected 3 times since 2026-11-20, changed back by role deploy (Terraform)".
func fightText(f *insight.Fight) string {
	by := f.Author.String()
	if by == "" {
		by = "somebody"
	}
	return fmt.Sprintf("corrected %s since %s, changed back by %s", times(int64(f.Times)), f.Since.UTC().Format(time.DateOnly), by)
}

// byAuthor adds to a remark about a config who made it so. Such pages are compared from
// run to run, so that it is a date.
func (r *Run) byAuthor(m remark, t desired.Target) remark {
	key := desired.Key{Target: t, Name: m.config}
	if a := r.Insights.AuthorOf(key); a != nil {
		m.author = Clean(a.Author.String())
		d := deeds([]insight.Authorship{*a})[0]
		told := Clean(d.verb + " " + d.when(r.Surveyed, true) + " by " + d.author)
		m.details = append(m.details, told)
		if m.topic == stale {
			m.facts += ", " + told
		}
		if a.Redeploys() {
			m.details = append(m.details, Clean("the next deployment with "+d.client+" writes the same again"))
		}
	}
	for f := range slice.Pointers(r.Insights.Fights) {
		if f.Key == key {
			m.details = append(m.details, Clean(fightText(f)))
		}
	}
	return m
}
