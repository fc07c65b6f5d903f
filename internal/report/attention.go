package report

import (
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// someRows is how many keys of a list are shown unless the reader asks for all.
const someRows = 5

// attention says what the run could not see, and what cut it short.
func (p *page) attention(r *Run) {
	p.stops(r)
	for i := range r.Plan.Targets {
		p.unreadable(&r.Plan.Targets[i])
	}
}

func (p *page) stops(r *Run) {
	if r.Stopped != "" {
		p.gap()
		p.wrapped(0, in(red, "! stopped: "), red, r.Stopped)
	}
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		// A target that counts as unreadable for this very reason says so below.
		if t.Stopped != nil && t.Err == nil && r.Stopped == "" {
			p.gap()
			p.wrapped(0, in(red, "! "), red, fmt.Sprintf("%s was not read to the end: %s", where(t.Label, t.Target), causeOf(t.Stopped).line()))
		}
	}
	if r.Outcome == nil {
		return
	}
	for i := range r.Outcome.Targets {
		t := &r.Outcome.Targets[i]
		if t.Stopped != nil && r.Stopped == "" {
			p.gap()
			p.wrapped(0, in(red, "! "), red, fmt.Sprintf("%s ended early: %s", where(t.Label, t.Target), causeOf(t.Stopped).line()))
		}
	}
}

// unreadable writes the keys of a target whose state is not known.
func (p *page) unreadable(t *reconcile.TargetPlan) {
	var unread []row
	skipped := 0
	for i := range t.Findings {
		f := &t.Findings[i]
		switch f.Kind {
		case reconcile.FindingUnreadable:
			unread = append(unread, row{target: t.Target, name: f.Name, cause: causeOf(f.Err)})
		case reconcile.FindingNotExamined:
			skipped++
		}
	}
	if len(unread) > 0 {
		p.gap()
		p.line(0, in(red, fmt.Sprintf("! %s: %s of %d could not be read", where(t.Label, t.Target), count(len(unread), "key"), t.Declared)))
		for _, tr := range troubles(unread) {
			p.trouble(tr)
		}
	}
	if skipped > 0 {
		p.gap()
		p.line(0, in(red, fmt.Sprintf("! %s: %s of %d not examined, the run ended before their turn", where(t.Label, t.Target), count(skipped, "key"), t.Declared)))
	}
}

// trouble writes one cause, what to do about it, and the keys that met it.
func (p *page) trouble(tr trouble) {
	on := ""
	if tr.cause.op != "" {
		on = tr.cause.op + ": "
	}
	if len(tr.rows) == 1 {
		p.troubled(2, in(red, "! "), tr.rows[0], bold)
		p.wrapped(4, say(""), red, on+tr.cause.line())
		p.hint(4, tr.cause.Hint)
		return
	}
	p.wrapped(2, in(red, "! "), red, fmt.Sprintf("%s: %s%s", count(len(tr.rows), "key"), on, tr.cause.line()))
	p.hint(4, tr.cause.Hint)
	shown := tr.rows
	if !p.full && len(shown) > someRows {
		shown = shown[:someRows]
	}
	for _, r := range shown {
		p.troubled(4, say(""), r, plain)
	}
	p.more(4, len(tr.rows)-len(shown))
}

// troubled is one key with what AWS support and the reader of the pace ask for.
func (p *page) troubled(indent int, lead span, r row, ink ink) {
	var facts []string
	if r.result != nil {
		facts = append(facts, count(r.result.Effort.Attempts, "attempt"), waited(r.result.Effort.Waited))
	}
	if r.cause.RequestID != "" {
		facts = append(facts, "request "+r.cause.RequestID)
	}
	text := listed(facts...)
	if text != "" {
		text = "  " + text
	}
	p.line(indent, lead, in(ink, p.named(r.target, r.name)), in(dim, text))
}

// more counts what is not shown.
func (p *page) more(indent, hidden int) {
	if hidden > 0 {
		p.line(indent, in(dim, fmt.Sprintf("… and %d more: --full lists them", hidden)))
	}
}

// titled starts a part of the page.
func (p *page) titled(ink ink, title, rest string) {
	p.gap()
	p.wrapped(0, in(ink, title+": "), plain, strings.TrimSpace(rest))
}
