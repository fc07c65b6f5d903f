package report

import (
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// fieldRow is one field of a change, spelt.
type fieldRow struct {
	field, before, after string
	origin
}

// origin is where something was declared, as text shows it.
type origin struct {
	at   string // "fleet.yaml:14 rules[0]"; "" for nowhere
	rule string // the rule's name; "" where there is none
}

func newOrigin(o desired.Origin) origin { return origin{at: o.String(), rule: o.Rule()} }

// note is the origin as it is written.
func (o origin) note() string { return "# " + o.at }

// within is the note with the rule's name, where that takes no more than so
// many columns, else without.
func (o origin) within(room int) string {
	if named := o.note() + fmt.Sprintf(" %q", o.rule); o.rule != "" && width(named) <= room {
		return named
	}
	return o.note()
}

const (
	rowIndent = 6
	arrow     = " → "
	// Longer values do not push the arrows of their neighbours to the right.
	// Numbers and "(unset, so 21600)" are shorter than this, ARNs are longer.
	longValue = 24
)

// rowLayout is where the columns of a block's rows are.
type rowLayout struct {
	label, before int // widths
	origin        int // where origins start, as far as values leave room
}

// fieldRows writes the fields of a block in columns:
//
//	maximum_retry_attempts: (unset, so 2) → 0    # fleet.yaml:14 rules[0]
//	on_failure:             (unset)       → arn:aws:sqs:eu-west-1:111111111111:dlq
//	                                             # fleet.yaml:3 defaults
//
// A row that is too wide breaks at its arrow, and an origin that does not fit
// beside its value goes below it. The name of a rule is told where there is room.
func (p *page) fieldRows(rows []fieldRow) {
	var l rowLayout
	for _, r := range rows {
		l.label = max(l.label, width(r.field)+1)
		if w := width(r.before); w <= longValue {
			l.before = max(l.before, w)
		}
	}
	for _, r := range rows {
		if end := l.end(r) + 2; end+width(r.note()) <= columns {
			l.origin = max(l.origin, end)
		}
	}
	for _, r := range rows {
		p.fieldRow(r, l)
	}
}

// oneLine is the column behind a row that does not break.
func (l rowLayout) oneLine(r fieldRow) int {
	return rowIndent + l.label + 1 + max(l.before, width(r.before)) + width(arrow) + width(r.after)
}

// breaks reports whether a row is set on two lines.
func (l rowLayout) breaks(r fieldRow) bool {
	return l.oneLine(r) > columns && width(r.before) > longValue
}

// end is the column behind the last value of a row.
func (l rowLayout) end(r fieldRow) int {
	if l.breaks(r) {
		return rowIndent + l.label + 1 + len("> ") + width(r.after)
	}
	return l.oneLine(r)
}

// start is where a row's origin starts: in the column of the block, or further
// left where it would not end within the page. A block without such a column
// has its origins at the right edge.
func (l rowLayout) start(r fieldRow) int {
	last := max(rowIndent, columns-width(r.note()))
	if l.origin == 0 {
		return last
	}
	return min(l.origin, last)
}

func (p *page) fieldRow(r fieldRow, l rowLayout) {
	spans := []span{say(pad(r.field+":", l.label+1))}
	if l.breaks(r) {
		p.line(rowIndent, append(spans, in(dim, r.before))...)
		spans = []span{say(strings.Repeat(" ", l.label+1)), say("→ "), say(r.after)}
	} else {
		spans = append(spans, in(dim, pad(r.before, l.before)), say(arrow), say(r.after))
	}
	if r.at == "" {
		p.line(rowIndent, spans...)
		return
	}
	end, start := l.end(r), l.start(r)
	if end+2 <= start {
		p.line(rowIndent, append(spans, say(strings.Repeat(" ", start-end)), in(dim, r.within(columns-start)))...)
		return
	}
	p.line(rowIndent, spans...)
	note := r.within(columns - rowIndent)
	p.line(max(rowIndent, min(start, columns-width(note))), in(dim, note))
}

// pad fills s with spaces to a width.
func pad(s string, to int) string {
	return s + strings.Repeat(" ", max(0, to-width(s)))
}
