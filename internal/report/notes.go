package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// note is all that there is to say about a topic or one cause of it, with all the configs that
// it is about. Text, Markdown and HTML show what went wrong and what was found in this one
// form; the head of text counts them by noun and found.
type note struct {
	topic topic
	tone  color
	title string // "Missing functions"; "" for an alert
	text  string
	about string // what it is about where that is no config, such as an ARN
	at    origin // where that was asked for
	hint  string
	each  string // what is said beside each row alike
	rows  []row
	lines bool   // rows are sentences, one a line
	parts []note // its causes
	n     int    // of noun
}

// row is one config of a note, and what is said beside it.
type row struct {
	name, aside string
	origin
	names []string // in the place of one, where they share what is beside them
}

// notes are the remarks of a run that are worth it, those of a topic together.
func (r *Run) notes(stable bool) (all []note) {
	var about [numTopics][]*remark
	collect := func(m remark) { about[m.topic] = append(about[m.topic], &m) }
	r.ofRun(collect)
	for i := range r.plans() {
		r.ofTarget(&r.Plan.Targets[i], worthTelling, collect)
	}
	if r.Stopped != "" { // which has stopped its targets
		about[targetStopped], about[targetEnded] = nil, nil
	}
	for t := aChange + 1; t < numTopics; t++ {
		var notes []note
		switch s := &topics[t]; {
		case s.plan && r.Outcome != nil:
		case s.write != nil:
			notes = s.write(r, stable)
		default:
			notes = r.fold(s, about[t])
		}
		for _, n := range notes {
			n.topic = t
			all = append(all, n)
		}
	}
	return all
}

// between are the notes of some topics.
func between(all []note, first, last topic) []note {
	return slice.Filter(all, func(n note) bool { return first <= n.topic && n.topic <= last })
}

// alerts are what a reviewer must know before the changes, the worst first.
func (r *Run) alerts() []note {
	all := slices.DeleteFunc(r.notes(true), func(n note) bool { return topics[n.topic].quiet })
	slices.SortStableFunc(all, byTone)
	return all
}

// fold tells the remarks of a topic together.
func (r *Run) fold(s *topicSpec, all []*remark) []note {
	apart := s.apart
	if apart == nil {
		apart = func(*remark) string { return "" }
	}
	return groupBy(all, apart, func(_ string, of []*remark) note {
		n := note{tone: toneOf(s, of), n: len(of), title: r.fill(s.title, of), text: r.fill(s.text, of)}
		if of[0].verdict == skipped && s.warn != "" {
			n.text = r.fill(s.warn, of)
		}
		named := strings.HasPrefix(s.text, "{where}") && allEqual(of, func(m *remark) desired.Target { return m.target })
		now := allEqual(of, byWhen)
		if s.at {
			n.at = of[0].at
		}
		if l := of[0].losing; l != nil {
			n.about, n.n = l.arn, l.n
			n.rows = slice.Map(l.uses, func(u insight.DestinationUse) row { return row{name: r.named(u.Target, u.Name)} })
		}
		if !s.causes {
			n.hint, n.rows = shared(of, (*remark).next), append(n.rows, r.rowsOf(s, named, of)...)
			return n
		}
		n.parts = groupBy(of, (*remark).likeness, func(_ string, cause []*remark) note { return r.cause(s, named, now, cause) })
		slices.SortStableFunc(n.parts, func(a, b note) int { return cmp.Or(byTone(a, b), cmp.Compare(b.n, a.n)) })
		if one := n.parts[0]; s.inline && len(n.parts) == 1 {
			n.text, n.hint, n.each, n.rows, n.parts = strings.TrimPrefix(n.text+": "+one.text, ": "), one.hint, one.each, one.rows, nil
			return n
		}
		for p := range slice.Pointers(n.parts) {
			if p.n > 1 {
				p.text = count(p.n, s.noun) + ": " + p.text
			}
		}
		return n
	})
}

// cause is one cause of a note, with those that have it. The note has named their target, or has
// told when it is so.
func (r *Run) cause(s *topicSpec, named, told bool, of []*remark) note {
	n := note{tone: toneOf(s, of), n: len(of), text: shared(of, (*remark).told), hint: shared(of, (*remark).next), rows: r.rowsOf(s, named, of)}
	if !told {
		n.text += of[0].when
	}
	if facts := of[0].facts; len(of) > 1 && facts != "" && allEqual(of, func(m *remark) string { return m.facts }) {
		n.each = facts
		for i := range n.rows {
			n.rows[i].aside = ""
		}
	}
	return n
}

// shared is what all of them say, whatever their functions are called.
func shared(of []*remark, text func(*remark) string) string {
	if allEqual(of, text) {
		return text(of[0])
	}
	return template(text(of[0]), of[0].config.Function)
}

// rowsOf names the configs of some remarks of a note, with their target where the note has
// not named it; remarks about targets are named by those.
func (r *Run) rowsOf(s *topicSpec, named bool, of []*remark) (rows []row) {
	if s.bare {
		return nil
	}
	for _, m := range of {
		n := row{name: r.named(m.target, m.config), aside: m.facts}
		switch {
		case named && m.config == desired.Name{}, m.target == desired.Target{}:
			continue
		case named:
			n.name = m.config.String()
		case m.config == desired.Name{}:
			n.name = r.whereIs(m.target)
		}
		if s.placed {
			n.origin, n.aside = m.at, ""
			if m.facts != "" {
				n.name += " (" + m.facts + ")"
			}
		}
		rows = append(rows, n)
	}
	return rows
}

// toneOf is that of the worst remark: what is left alone, or mended by the plan, is no failure.
func toneOf(s *topicSpec, of []*remark) color {
	if s.tone == plain && slices.ContainsFunc(of, func(m *remark) bool { return m.verdict > skipped && m.when != untilApplied }) {
		return red
	}
	return cmp.Or(s.tone, yellow)
}

// fill fills the slots of a text.
func (r *Run) fill(pattern string, of []*remark) string {
	targets, declared, tried := distinct(of, byTarget), 0, 0
	for _, m := range targets {
		if t := r.planOf(m.target); t != nil {
			declared += t.Declared
		}
		if o := r.Outcome.Of(m.target); o != nil {
			tried += len(o.Results)
		}
	}
	at, when, n := r.whereIs(of[0].target), of[0].when, len(of)
	if len(targets) > 1 {
		at = count(len(targets), "target")
	}
	if !allEqual(of, byWhen) {
		when = ""
	}
	excuse := "no error, as"
	if r.Fleet.NoPolicies {
		excuse = "an error unless"
	}
	return strings.NewReplacer("{no error, as}", excuse, "{said}", of[0].told(), "{where}", at, "{breaks}", breaks(of), "{when}", when, "{n}", fmt.Sprint(n),
		"{of configs}", count(declared, "config"), "{of changes}", count(tried, "change"), "{configs}", count(n, "declared config"), "{changes}", count(n, "change"),
		"{records}", count(n, "record"), "{functions}", count(n, "function"), "{declared functions}", count(n, "declared function"), "{warnings}", count(n, "warning")).Replace(pattern)
}

// breaks is "13 functions break the requirement "no event is lost"".
func breaks(of []*remark) string {
	if of[0].about == "" {
		return ""
	}
	key := func(m *remark) desired.Key { return desired.Key{Target: m.target, Name: m.config} }
	configs, verb := distinct(of, key), " break "
	if len(configs) == 1 {
		verb = " breaks "
	}
	return howMany(configs, key) + verb + of[0].about
}

// distinct are the first of those that are alike.
func distinct[K comparable](all []*remark, key func(*remark) K) []*remark {
	return groupBy(all, key, func(_ K, of []*remark) *remark { return of[0] })
}

func byTone(a, b note) int { return rank(a.tone) - rank(b.tone) }

func rank(tone color) int { return slices.Index([]color{red, yellow, plain}, tone) }

// found sums up notes, the worst first: "3 configs with no function, 2 warnings".
func found(all []note) string {
	type kind struct{ noun, found string }
	sums := groupBy(all, func(n note) kind { return kind{topics[n.topic].noun, topics[n.topic].found} }, func(_ kind, of []note) note {
		sum := of[0]
		for _, n := range of[1:] {
			sum.n += n.n
		}
		return sum
	})
	slices.SortStableFunc(sums, byTone)
	var parts []string
	for _, n := range sums {
		if s := &topics[n.topic]; s.noun != "" {
			parts = append(parts, count(n.n, s.noun)+s.found)
		}
	}
	return listed(parts...)
}

// membership is which accounts organizations have won and lost.
func (r *Run) membership(bool) []note {
	var all []note
	for _, c := range r.Accounts {
		n := note{title: "Accounts of " + c.Label, text: fmt.Sprintf("%d joined, %d left since %s.", len(c.Joined), len(c.Left), cmp.Or(after("run ", c.Since), "the sweep before")), lines: true}
		for _, of := range []string{"joined " + strings.Join(c.Joined, ", "), "left " + strings.Join(c.Left, ", ")} {
			if !strings.HasSuffix(of, " ") {
				n.rows = append(n.rows, row{name: of})
			}
		}
		all = append(all, n)
	}
	return all
}

// ignoredBy are the rules that take configs out: what ends soonest comes first, what has no end
// last.
func (r *Run) ignoredBy(bool) []note {
	var all []desired.Ignored
	for _, t := range r.plans() {
		all = append(all, t.Ignored...)
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b desired.Ignored) int {
		return strings.Compare(cmp.Or(a.Until, "~"), cmp.Or(b.Until, "~"))
	})
	n := note{title: "Ignored", text: count(len(all), "config") + ", left alone."}
	n.rows = groupBy(all, func(g desired.Ignored) desired.Origin { return g.By }, func(by desired.Origin, of []desired.Ignored) row {
		rule := row{origin: newOrigin(by)}
		rule.at += after(" until ", of[0].Until) + after(": ", of[0].Reason)
		rule.names = slice.Map(of, func(g desired.Ignored) string { return g.Name.String() })
		return rule
	})
	return []note{n}
}

// passedOver is how many configs rules chose of what functions do not have.
func (r *Run) passedOver(bool) []note {
	n := 0
	for _, t := range r.plans() {
		n += t.Skipped
	}
	if n > 0 {
		return []note{{title: "Skipped", text: count(n, "config") + " that a rule chose, on functions without that alias or version."}}
	}
	return nil
}
