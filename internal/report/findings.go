package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// finding is one config and where it was written.
type finding struct {
	name string
	origin
}

// found lists the findings of one kind over all targets.
func (p *printer) found(r *Run, kind reconcile.FindingKind) []finding {
	var notes []finding
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		for j := range t.Findings {
			f := &t.Findings[j]
			if f.Kind != kind {
				continue
			}
			n := finding{name: p.named(t.Target, f.Name)}
			if kind == reconcile.FindingQualifierMissing && f.Record != nil {
				n.name += " (its record is left over: remove: true deletes it)"
			}
			if f.Origins != nil {
				n.origin = newOrigin(f.Origins.Entry)
			}
			notes = append(notes, n)
		}
	}
	return notes
}

// findings lists configs with their origins in a column.
func (p *printer) findings(mark span, notes []finding) {
	shown := notes
	if !p.full && len(shown) > someRows {
		shown = shown[:someRows]
	}
	column := 0
	for _, n := range shown {
		column = max(column, p.width(n.name))
	}
	for _, n := range shown {
		if n.at == "" {
			p.line(2, mark, text(n.name))
			continue
		}
		start := 2 + p.width(mark.text) + column + 2
		p.line(2, mark, text(p.pad(n.name, column)), text("  "), colored(dim, p.within(n.origin, p.columns-start)))
	}
	p.more(2+p.width(mark.text), len(notes)-len(shown), "")
}

// missing lists what is declared and does not exist, and whether that is an error.
func (p *printer) missing(r *Run) {
	p.absent(r, reconcile.FindingFunctionMissing, "Missing functions", "missing_functions", r.Fleet.MissingFunctions, "")
	p.absent(r, reconcile.FindingQualifierMissing, "Missing aliases or versions", "missing_qualifiers", r.Fleet.MissingQualifiers, " Rules skip functions without it.")
}

func (p *printer) absent(r *Run, kind reconcile.FindingKind, title, key string, policy desired.MissingPolicy, more string) {
	missing := p.found(r, kind)
	if len(missing) == 0 {
		return
	}
	tone, what := red, ". The exit code is 3, unless the fleet file says "+key+": warn."+more
	if policy == desired.MissingWarn {
		tone, what = yellow, "; no error, as the fleet file says "+key+": warn."
	}
	p.titled(tone, title, count(len(missing), "declared config")+what)
	p.findings(colored(tone, "! "), missing)
}

// leftAlone lists what the run saw or was told of, and does not touch.
func (p *printer) leftAlone(r *Run) {
	if undeclared := p.found(r, reconcile.FindingUndeclared); len(undeclared) > 0 {
		p.titled(yellow, "Undeclared", fmt.Sprintf("%s on declared functions, under qualifiers that nobody declared; left alone.", count(len(undeclared), "record")))
		p.findings(colored(yellow, "! "), undeclared)
	}
	if orphans := p.found(r, reconcile.FindingOrphan); len(orphans) > 0 {
		p.titled(yellow, "Orphans", fmt.Sprintf("%s on declared functions, under aliases or versions that are gone; left alone. remove: true deletes one, undeclared: delete all of them.", count(len(orphans), "record")))
		p.findings(colored(yellow, "! "), orphans)
	}
	if lacking := p.found(r, reconcile.FindingLatestOnly); len(lacking) > 0 {
		p.titled(yellow, "Only $LATEST", fmt.Sprintf("%s with aliases, which do not take over the settings of $LATEST. Calls through an alias follow the alias's own record: declare it too.", count(len(lacking), "declared function")))
		p.findings(colored(yellow, "! "), lacking)
	}
	p.ignored(r)
	if c := r.Plan.Counts(); c.Skipped > 0 {
		p.titled(plain, "Skipped", fmt.Sprintf("%s that a rule chose, on functions without that alias or version.", count(c.Skipped, "config")))
	}
}

// ignored counts the ignored keys by the rule that takes them out.
func (p *printer) ignored(r *Run) {
	var all []desired.Ignored
	for i := range r.Plan.Targets {
		all = append(all, r.Plan.Targets[i].Ignored...)
	}
	if len(all) == 0 {
		return
	}
	p.titled(plain, "Ignored", count(len(all), "config")+", left alone.")
	// What ends soonest comes first, what has no end last.
	slices.SortStableFunc(all, func(a, b desired.Ignored) int { return strings.Compare(until(a), until(b)) })
	rules := groupBy(all,
		func(g desired.Ignored) desired.Origin { return g.By },
		func(by desired.Origin, keys []desired.Ignored) finding {
			names := namesOf(keys, func(g desired.Ignored) name { return g.Name })
			o := newOrigin(by)
			if why := keys[0].Why; why != nil {
				o.at += exception(why)
			}
			return finding{name: p.few(names, max(20, p.columns-p.width("  "+o.comment())-2)), origin: o}
		})
	p.findings(text(""), rules)
}

// until sorts by the end of an exception.
func until(g desired.Ignored) string {
	if g.Why == nil || g.Why.Until == "" {
		return "~"
	}
	return g.Why.Until
}

// exception is " until 2027-03-31: the canary tool owns these", or what of it is said.
func exception(why *desired.Exception) string {
	text := ""
	if why.Until != "" {
		text = " until " + why.Until
	}
	if why.Reason != "" {
		text += ": " + why.Reason
	}
	return text
}

func (p *printer) warnings(warnings desired.Problems) {
	if len(warnings) == 0 {
		return
	}
	p.gap()
	p.line(0, colored(yellow, count(len(warnings), "warning")+":"))
	shown := warnings
	if !p.full && len(shown) > 2*someRows {
		shown = shown[:2*someRows]
	}
	for _, w := range shown {
		p.wrapped(2, colored(yellow, "! "), plain, w.Error())
	}
	p.more(4, len(warnings)-len(shown), "")
}

func (p *printer) guard(lines []reconcile.GuardLine, off string) {
	if off != "" {
		p.gap()
		p.wrapped(0, colored(yellow, "Guard: off: "), plain, off)
	}
	if len(lines) == 0 {
		return
	}
	p.gap()
	for _, l := range lines {
		rest := span{}
		if l.Exceeded() {
			rest = colored(red, "  ! exceeded")
		}
		p.line(0, textf("Guard: %s %d, limit %d of %s", l.Rule, l.Current, l.Limit, count(l.Of, "config")), rest)
	}
}

func (p *printer) refused(err error) {
	if err != nil {
		p.alert(red, reconcile.ErrorOf(err).Reason())
	}
}

// titled starts a part of the page.
func (p *printer) titled(color color, title, rest string) {
	p.gap()
	p.wrapped(0, colored(color, title+": "), plain, rest)
}
