package web

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/page"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/worker"
)

// element is one whose text follows the stream.
func (s *status) element(name string) page.Markup {
	return page.Markup(fmt.Sprintf(`<span data-live="%s">%s</span>`, name, html.EscapeString(s.live[name])))
}

// meter is a bar that follows the stream, and is hidden while there is nothing to show.
func (s *status) meter(name string) page.Markup {
	width, hidden := s.live[name], ""
	if width == "" {
		width, hidden = "0", " hidden"
	}
	return page.Markup(fmt.Sprintf(`<svg class="meter"%s viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="10"/><rect class="part" data-bar="%s" width="%s" height="10"/></svg>`, hidden, name, width))
}

func (s *status) tiles(d *page.Writer) {
	d.Put("<div class=\"tiles\">\n")
	inSync, declared, drift, unread, missing, lacking, closed, unknown := 0, 0, 0, 0, 0, 0, 0, 0
	for t := range slice.Pointers(s.targets) {
		inSync, declared, drift = inSync+t.inSync(), declared+t.counts.Declared-t.counts.Skipped, drift+t.drift()
		unread, closed = unread+t.counts.Unreadable+t.counts.NotExamined, closed+t.counts.UnreadableTargets
		missing, lacking = missing+t.counts.MissingFunctions+t.counts.MissingQualifiers, lacking+t.lacking
		if t.unknown() {
			unknown++
		}
	}
	var aside []string
	some := func(n int, what string) {
		if n > 0 {
			aside = append(aside, what)
		}
	}
	some(missing, page.Number(missing)+" missing in AWS")
	some(unread, page.Number(unread)+" not read")
	some(closed, page.Count(closed, "target")+" not read")
	well := inSync+missing-lacking >= declared && unknown == 0
	if unknown > 0 {
		declared = -1
	}
	d.Share("In sync", inSync, declared, "config", well, aside...)
	d.Figure("Drift")
	number, what := page.Number(drift), "configs differ"
	switch {
	case unknown > 0 && unknown == len(s.targets):
		number, what = "–", "not known"
	case drift == 1:
		what = "config differs"
	}
	d.Put("<p class=\"big\">%s</p><p class=\"muted\">%s</p></div>\n", number, what)
	d.Figure("Now")
	d.Put("<p class=\"lead\">%s</p>%s</div>\n", s.element("now"), s.meter("bar"))
	d.Figure("Sweeps")
	d.Put("<ul class=\"lines\"><li>success %s</li><li>attempt %s</li><li>next %s</li></ul></div>\n", s.element("last"), s.element("attempt"), s.element("next"))
	if len(s.lags) > 0 {
		d.Figure("Behind")
		d.Put("<ul class=\"lines\">")
		for i, l := range s.lags {
			d.Put("<li>%s: %s</li>", l.name, s.element(fmt.Sprint("lag", i)))
		}
		d.Put("</ul></div>\n")
	}
	d.Put("</div>\n")
}

func (s *status) targetTable(d *page.Writer) {
	if len(s.targets) == 0 {
		return
	}
	d.Put("<section aria-labelledby=\"targets\">\n<h2 id=\"targets\">%s</h2>\n", page.Count(len(s.targets), "target"))
	scroll := page.Markup(`class="scroll"`)
	if len(s.targets) >= filterFrom {
		scroll = `class="scroll long" role="region" aria-labelledby="targets" tabindex="0"`
		d.Put("<form id=\"filter\" role=\"search\" hidden><div><label for=\"f-text\">Target or state, or part of it</label><input id=\"f-text\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></div><div><output id=\"shown\" aria-live=\"polite\"></output></div></form>\n")
	}
	d.Put(`<div %s><table class="cards" id="target-table"><thead><tr><th>Target</th><th>At the last sweep</th><th class="num">In sync</th><th class="num">Drift</th><th class="num">Not read</th><th>Last read</th><th>Allowed pace</th><th class="num">Throttled</th></tr></thead><tbody>`+"\n", scroll)
	named := map[string]int{}
	for i := range s.targets {
		named[s.targets[i].label]++
	}
	for i := range s.targets {
		t := &s.targets[i]
		text, tone := t.state()
		at := fmt.Sprint("t", i)
		switch {
		case t.label == "":
			d.Put("<tr><td><b>%s</b>", t.Target.String())
		case named[t.label] > 1: // the accounts of an organization have one name
			d.Put("<tr><td><b class=\"nb\">%s</b><br><span class=\"muted\">%s</span>", t.Target.String(), t.label)
		default:
			d.Put("<tr><td><b>%s</b><br><span class=\"muted mono nb\">%s</span>", t.label, t.Target.String())
		}
		if s.reported(t.run) {
			d.Put("</td><td><a class=\"badge %s\" href=\"runs/%s#target=%s\">%s</a>", tone, t.run, t.Target.String(), text)
		} else {
			d.Put("</td><td><span class=\"badge %s\">%s</span>", tone, text)
		}
		if t.err != nil {
			below(d, "muted", "", t.why())
		}
		if t.drift() > 0 {
			below(d, "muted", "", t.open)
			below(d, "muted", "changed: ", worker.Few(t.authors))
		}
		below(d, "muted", "missing in AWS: ", t.missing)
		numbers := []string{"–", "–", "–"}
		if !t.unknown() {
			numbers = []string{page.Number(t.inSync()), page.Number(t.drift()), page.Number(t.counts.Unreadable + t.counts.NotExamined)}
		}
		d.Put("</td><td class=\"num\" data-label=\"in sync\">%s</td><td class=\"num\" data-label=\"drift\">%s</td><td class=\"num\" data-label=\"not read\">%s</td><td class=\"nb\" data-label=\"last read\">%s</td><td class=\"nb\" data-label=\"allowed pace\">%s</td><td class=\"num\" data-label=\"throttled\">%s</td></tr>\n",
			numbers[0], numbers[1], numbers[2], s.element(at+"age"), s.element(at+"rate"), s.element(at+"throttled"))
	}
	d.Put("</tbody></table></div>\n</section>\n")
}

// reported reports whether there is a report of a run.
func (s *status) reported(run string) bool {
	return slices.ContainsFunc(s.passes, func(p passLine) bool { return p.run == run && p.report != nil })
}

func (s *status) movesOf(d *page.Writer) {
	if len(s.moves) == 0 {
		return
	}
	d.Put("<section aria-labelledby=\"moves\">\n<h2 id=\"moves\">Accounts that came and went</h2>\n<ul>\n")
	for _, m := range s.moves {
		d.Put("<li>%s UTC, %s</li>\n", m.at.UTC().Format(time.DateTime), m.text)
	}
	d.Put("</ul></section>\n")
}

func (s *status) fights(d *page.Writer) {
	if len(s.Fought) == 0 {
		return
	}
	d.Put("<section class=\"notice\" aria-labelledby=\"fights\">\n<h2 id=\"fights\">Fights</h2>\n<p>Somebody keeps changing these back. What was corrected three times within half an hour is left alone but for scheduled sweeps.</p>\n<table class=\"cards\"><thead><tr><th>Config</th><th>Written by</th><th class=\"num\">Corrected</th></tr></thead><tbody>\n")
	for _, f := range s.Fought {
		by := cmp.Or(f.Author.String(), "unknown")
		d.Put("<tr><td class=\"mono\">%s</td><td class=\"mono\" data-label=\"written by\">%s</td><td class=\"num\" data-label=\"corrected\">%d times since %s</td></tr>\n", f.Key.String(), by, f.Times, f.Since.UTC().Format(time.DateTime))
	}
	d.Put("</tbody></table>\n</section>\n")
}

func (s *status) passTable(d *page.Writer) {
	if len(s.passes) == 0 {
		return
	}
	d.Put("<section aria-labelledby=\"passes\">\n<h2 id=\"passes\">The last passes</h2>\n<p class=\"muted\">A sweep looks at everything, a targeted pass at the functions that events told of.</p>\n<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Began (UTC)</th><th>Kind</th><th>Because of</th><th class=\"num\">Took</th><th class=\"num\">Differed</th><th class=\"num\">Written</th><th>Report</th></tr></thead><tbody>\n")
	for i := range s.passes {
		p := &s.passes[i]
		d.Put("<tr><td class=\"nb\">%s</td><td class=\"nb\">%s</td><td class=\"nb\" data-label=\"because of\">%s</td><td class=\"num\" data-label=\"took\">%s</td><td class=\"num\" data-label=\"differed\">%d</td><td class=\"num\" data-label=\"written\">%d</td><td>",
			p.started.UTC().Format(time.DateTime), p.kind, p.causes, took(p.finished.Sub(p.started)), p.drifted, p.written)
		if p.report != nil {
			d.Put("<a href=\"runs/%s\">%s</a>", p.run, p.run)
		} else {
			d.Put("<span class=\"muted mono\">%s</span>", p.run)
		}
		if i == 0 || !slices.Equal(p.authors, s.passes[i-1].authors) { // else it stands above
			below(d, "muted", "changed: ", worker.Few(p.authors))
		}
		failed := p.err
		if i > 0 && failed != "" && failed == s.passes[i-1].err {
			failed = "the same error"
		}
		below(d, "bad", "", failed)
		d.Put("</td></tr>\n")
	}
	d.Put("</tbody></table></div>\n</section>\n")
}

// below is a line under something, if there is any text.
func below(d *page.Writer, tone, lead, text string) {
	if text != "" {
		d.Put("<br><span class=\"%s\">%s%s</span>", tone, lead, shortened(text))
	}
}
