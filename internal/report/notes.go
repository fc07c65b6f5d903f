package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// note is one thing to know beside the changes, with all the configs that it is about. Text,
// Markdown and HTML show what went wrong and what was found in this one form; the
// head of text counts them by noun and found.
type note struct {
	tone  color
	title string // "Missing functions"; "" for an alert
	text  string
	about string // what it is about where that is no config, such as an ARN
	at    origin // where that was asked for
	hint  string
	each  string // what is said beside each row alike
	rows  []row
	lines bool   // rows are sentences, one a line
	quiet bool   // nobody has to do anything
	parts []note // its causes

	n           int    // of noun
	noun, found string // "config" and " not read"; "" is not counted in the head
}

// row is one config of a note, and what is said beside it.
type row struct {
	name, aside string
	origin
	names []string // in the place of one, where they share what is beside them
}

// rowsOf names configs, and says nothing beside them.
func rowsOf[R any](all []R, name func(R) desired.Name) []row {
	rows := make([]row, len(all))
	for i := range all {
		rows[i].name = name(all[i]).String()
	}
	return rows
}

// notes writes what there is room for, and counts the rest.
func (p *printer) notes(all []note) {
	if len(all) > p.detail.notes {
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(a, b note) int { return rank(a.tone) - rank(b.tone) })
	}
	shown := all[:min(len(all), p.detail.notes)]
	p.detail.notes -= len(shown)
	for i := range shown {
		p.gap()
		p.note(0, &shown[i])
	}
	p.hidden += len(all) - len(shown)
}

func (p *printer) note(indent int, n *note) {
	lead, tone := "! ", n.tone
	if n.title != "" {
		lead, tone = n.title+": ", plain
	}
	if len(n.rows) == 1 && indent > 0 { // one config of a cause
		p.line(indent, colored(n.tone, lead), colored(bold, n.rows[0].name), colored(dim, p.beside(n.rows[0])))
		p.wrapped(indent+2, span{}, tone, n.text)
		p.hint(indent+2, n.hint)
		return
	}
	if n.text == "" {
		p.line(indent, colored(n.tone, n.title+":"))
	} else {
		p.wrapped(indent, colored(n.tone, lead), tone, n.text)
	}
	indent += 2
	switch at := n.at.comment(); {
	case n.at.at == "":
		if n.about != "" {
			p.line(indent, text(n.about))
		}
	case n.about == "":
		p.line(indent, colored(dim, p.within(n.at, p.columns-indent)))
	case indent+p.width(n.about)+2+p.width(at) <= p.columns:
		p.line(indent, text(n.about), colored(dim, "  "+p.within(n.at, p.columns-indent-p.width(n.about)-2)))
	default:
		p.line(indent, text(n.about))
		p.line(indent, colored(dim, p.within(n.at, p.columns-indent)))
	}
	p.hint(indent, n.hint)
	if n.each != "" && !p.stable {
		p.line(indent, colored(dim, "each: "+n.each))
	}
	for i, part := range n.parts {
		if !p.full && i == p.detail.causes {
			rest := 0
			for _, part := range n.parts[i:] {
				rest += len(part.rows)
			}
			p.more(indent, len(n.parts)-i, " causes, on "+count(rest, "config"))
			break
		}
		p.note(indent, &part)
	}
	mark := span{}
	if n.title != "" && n.tone != plain {
		mark = colored(n.tone, "! ")
	}
	p.rows(indent, mark, n)
}

// rows lists the configs of a note with what is said beside each in a column. Of which nothing
// is said stand side by side, as many as a line has room for, or one a line where the
// reader wants all.
func (p *printer) rows(indent int, mark span, n *note) {
	if len(n.rows) == 0 {
		return
	}
	if mark.text == "" && !n.lines && !slices.ContainsFunc(n.rows, func(r row) bool { return r.at+p.beside(r) != "" }) {
		p.names(indent, len(n.rows), func(i int) string { return n.rows[i].name })
		return
	}
	shown := n.rows
	if !p.full && len(shown) > p.detail.rows {
		shown = shown[:p.detail.rows]
	}
	shown = slices.Clone(shown)
	for i, r := range shown {
		if r.names != nil {
			shown[i].name = p.few(len(r.names), func(j int) string { return r.names[j] }, max(20, p.columns-p.width("  "+r.comment())-indent))
		}
	}
	column := 0
	for _, r := range shown {
		if r.at+p.beside(r) != "" {
			column = max(column, p.width(r.name))
		}
	}
	for _, r := range shown {
		switch {
		case n.lines:
			p.wrapped(indent, mark, plain, r.name)
		case r.at != "":
			p.line(indent, mark, text(p.pad(r.name, column)), text("  "), colored(dim, p.within(r.origin, p.columns-indent-p.width(mark.text)-column-2)))
		case p.beside(r) != "":
			p.line(indent, mark, text(p.pad(r.name, column)), colored(dim, p.beside(r)))
		default:
			p.line(indent, mark, text(r.name))
		}
	}
	p.more(indent+p.width(mark.text), len(n.rows)-len(shown), "")
}

// beside is what a call took, which is another time every time.
func (p *printer) beside(r row) string {
	if p.stable || r.aside == "" {
		return ""
	}
	return "  " + r.aside
}

// found sums up notes, the worst first: "3 configs of missing functions, 2 warnings".
func found(all []note) string {
	type kind struct{ noun, found string }
	sums := groupBy(all, func(n note) kind { return kind{n.noun, n.found} }, func(k kind, of []note) note {
		sum := note{tone: of[0].tone, noun: k.noun, found: k.found}
		for _, n := range of {
			sum.n += n.n
		}
		return sum
	})
	slices.SortStableFunc(sums, func(a, b note) int { return rank(a.tone) - rank(b.tone) })
	var parts []string
	for _, s := range sums {
		if s.noun != "" {
			parts = append(parts, count(s.n, s.noun)+s.found)
		}
	}
	return listed(parts...)
}

func rank(tone color) int { return slices.Index([]color{red, yellow, plain}, tone) }

// trouble is what cut the run short and what it could not see.
func (r *Run) trouble() []note {
	var all []note
	alert := func(text string) { all = append(all, note{tone: red, text: text}) }
	if r.Stopped != "" {
		alert("stopped: " + r.Stopped)
	} else {
		for _, t := range r.plans() {
			if t.Stopped != nil && t.Err == nil { // with Err, its configs are unreadable and say why
				alert(where(t.Label, t.Target) + " was not read to the end: " + reconcile.ErrorOf(t.Stopped).Reason())
			}
		}
		for _, t := range r.outcomes() {
			if t.Stopped != nil {
				alert(where(t.Label, t.Target) + " ended early: " + reconcile.ErrorOf(t.Stopped).Reason())
			}
		}
	}
	var unknown, closed, unread, waiting failures
	for i := range r.plans() {
		t := &r.Plan.Targets[i]
		whole, n := desired.Key{Target: t.Target, Name: desired.Name{Function: where(t.Label, t.Target), Qualifier: desired.Latest}}, len(unread.rows)
		for j := range t.Findings {
			f, into := &t.Findings[j], &waiting
			switch f.Kind {
			case reconcile.FindingUnreadable:
				into = &unread
			case reconcile.FindingNotExamined:
			default:
				continue
			}
			into.in(t.Label, t.Target, t.Declared)
			into.rows = append(into.rows, newFailure(desired.Key{Target: t.Target, Name: f.Name}, f.Err, nil))
		}
		switch {
		case t.Unknown:
			unknown.in(t.Label, t.Target, 0)
			unknown.rows = append(unknown.rows, newFailure(whole, t.Err, nil))
		case t.Err != nil && len(unread.rows) == n:
			closed.in(t.Label, t.Target, 0)
			closed.rows = append(closed.rows, newFailure(whole, t.Err, nil))
		}
	}
	if len(unknown.rows) > 0 {
		all = append(all, unknown.note(red, ": could not be read, and it is unknown how many configs the rules choose there", "target", " not read"))
	}
	if len(closed.rows) > 0 {
		all = append(all, closed.note(red, ": could not be read", "target", " not read"))
	}
	if n := len(unread.rows); n > 0 {
		all = append(all, unread.note(red, fmt.Sprintf(": %d of %s could not be read", n, count(unread.of, "config")), "config", " not read"))
	}
	if n := len(waiting.rows); n > 0 {
		all = append(all, note{tone: red, n: n, noun: "config", found: " not examined", text: fmt.Sprintf("%s: %d of %s not examined, the run ended before their turn", waiting.where(), n, count(waiting.of, "config"))})
	}
	return all
}

// findings is what was found beside changes, in the order of their sections.
func (r *Run) findings(stable bool) []note {
	if r.Outcome != nil { // the plan has told the rest
		return slices.Concat(r.missing(), r.requirements(), r.losses(), r.authorship(stable), r.unavailable())
	}
	return slices.Concat(r.missing(), r.leftAlone(), r.requirements(), r.losses(), r.authorship(stable), r.unavailable(), r.warnings())
}

// located are the findings of one kind over all targets, each where it was declared.
func (r *Run) located(kind reconcile.FindingKind) []row {
	var rows []row
	for i := range r.plans() {
		t := &r.Plan.Targets[i]
		for j := range t.Findings {
			f := &t.Findings[j]
			if f.Kind != kind {
				continue
			}
			n := row{name: r.named(t.Target, f.Name)}
			if kind == reconcile.FindingQualifierMissing && f.Record != nil {
				n.name += " (its record is left over: remove: true deletes it)"
			}
			if f.Origins != nil {
				n.origin = newOrigin(f.Origins.Entry)
			}
			rows = append(rows, n)
		}
	}
	return rows
}

// missing is what is declared and does not exist, and whether that is an error.
func (r *Run) missing() []note {
	var all []note
	for _, m := range []struct {
		kind              reconcile.FindingKind
		title, key, found string
		policy            desired.MissingPolicy
		more              string
	}{
		{reconcile.FindingFunctionMissing, "Missing functions", "missing_functions", " of missing functions", r.Fleet.MissingFunctions, ""},
		{reconcile.FindingQualifierMissing, "Missing aliases or versions", "missing_qualifiers", " of missing aliases or versions", r.Fleet.MissingQualifiers, " Rules skip functions without it."},
	} {
		rows := r.located(m.kind)
		if len(rows) == 0 {
			continue
		}
		n := note{tone: red, title: m.title, rows: rows, n: len(rows), noun: "config", found: m.found}
		n.text = count(len(rows), "declared config") + ". The exit code is 3, unless the fleet file says " + m.key + ": warn." + m.more
		if m.policy == desired.MissingWarn {
			n.tone, n.text = yellow, count(len(rows), "declared config")+"; no error, as the fleet file says "+m.key+": warn."
		}
		all = append(all, n)
	}
	return all
}

// leftAlone is what the run saw or was told of, and does not touch.
func (r *Run) leftAlone() []note {
	var all []note
	for _, l := range []struct {
		kind                     reconcile.FindingKind
		title, one, found, about string
	}{
		{reconcile.FindingUndeclared, "Undeclared", "record", " undeclared", "on declared functions, under qualifiers that nobody declared; left alone."},
		{reconcile.FindingOrphan, "Orphans", "record", " orphaned", "on declared functions, under aliases or versions that are gone; left alone. remove: true deletes one, undeclared: delete all of them."},
		{reconcile.FindingLatestOnly, "Only $LATEST", "declared function", " with only $LATEST declared", "with aliases, which do not take over the settings of $LATEST. Calls through an alias follow the alias's own record: declare it too."},
	} {
		if rows := r.located(l.kind); len(rows) > 0 {
			noun := strings.TrimPrefix(l.one, "declared ")
			all = append(all, note{tone: yellow, title: l.title, text: count(len(rows), l.one) + " " + l.about, rows: rows, n: len(rows), noun: noun, found: l.found})
		}
	}
	if rules, n := r.ignoredBy(); n > 0 {
		all = append(all, note{tone: plain, quiet: true, title: "Ignored", text: count(n, "config") + ", left alone.", rows: rules})
	}
	if c := r.Plan.Counts(); c.Skipped > 0 {
		all = append(all, note{tone: plain, quiet: true, title: "Skipped", text: count(c.Skipped, "config") + " that a rule chose, on functions without that alias or version."})
	}
	return all
}

// ignoredBy are the rules that take configs out: what ends soonest comes first, what has no end
// last.
func (r *Run) ignoredBy() ([]row, int) {
	var all []desired.Ignored
	for _, t := range r.plans() {
		all = append(all, t.Ignored...)
	}
	until := func(g desired.Ignored) string {
		if g.Why == nil || g.Why.Until == "" {
			return "~"
		}
		return g.Why.Until
	}
	slices.SortStableFunc(all, func(a, b desired.Ignored) int { return strings.Compare(until(a), until(b)) })
	rules := groupBy(all, func(g desired.Ignored) desired.Origin { return g.By }, func(by desired.Origin, of []desired.Ignored) row {
		o := newOrigin(by)
		if why := of[0].Why; why != nil && why.Until != "" {
			o.at += " until " + why.Until
		}
		if why := of[0].Why; why != nil && why.Reason != "" {
			o.at += ": " + why.Reason
		}
		ignored := row{origin: o}
		for _, g := range of {
			ignored.names = append(ignored.names, g.Name.String())
		}
		return ignored
	})
	return rules, len(all)
}

func (r *Run) warnings() []note {
	if len(r.Warnings) == 0 {
		return nil
	}
	n := note{tone: yellow, title: count(len(r.Warnings), "warning"), n: len(r.Warnings), noun: "warning"}
	for _, w := range r.Warnings {
		n.parts = append(n.parts, note{tone: yellow, text: w.Error()})
	}
	return []note{n}
}
