package report

import "strings"

// fieldRow is one field of a change, spelt.
type fieldRow struct {
	field, before, after, origin string
}

const (
	rowIndent = 6
	arrow     = " → "
	// A longer value is set on two lines rather than pushing the arrows of its
	// neighbours to the right. Numbers and "(unset, so 21600)" are shorter, ARNs longer.
	longValue = 24
)

// fieldRows writes the fields of a block in columns:
//
//	maximum_retry_attempts: (unset, so 2) → 0    # fleet.yaml:14 rules[0]
//	on_failure:             (unset)       → arn:aws:sqs:eu-west-1:111111111111:dlq
//	                                             # fleet.yaml:3 defaults
//
// A row that is too wide breaks at its arrow, and an origin that does not fit
// beside its value goes below it.
func (p *page) fieldRows(rows []fieldRow) {
	label, before := 0, 0
	for _, r := range rows {
		label = max(label, width(r.field)+1)
		if w := width(r.before); w <= longValue {
			before = max(before, w)
		}
	}
	start := rowIndent + label + 1
	ends := make([]int, len(rows)) // the column behind each row's last value
	column := 0
	for i, r := range rows {
		ends[i] = start + max(before, width(r.before)) + width(arrow) + width(r.after)
		if broken(r, ends[i]) {
			ends[i] = start + 2 + width(r.after)
		}
		if r.origin != "" && ends[i]+2+width("# "+r.origin) <= columns {
			column = max(column, ends[i]+2)
		}
	}
	for i, r := range rows {
		p.fieldRow(r, label, before, ends[i], p.originColumn(r, column))
	}
}

func broken(r fieldRow, end int) bool { return end > columns && width(r.before) > longValue }

// originColumn is where a row's origin starts: at the column of its block, or as
// far left of that as it needs to end within the page.
func (p *page) originColumn(r fieldRow, column int) int {
	last := max(rowIndent, columns-width("# "+r.origin))
	if column == 0 {
		return last
	}
	return min(column, last)
}

func (p *page) fieldRow(r fieldRow, label, before, end, column int) {
	spans := []span{say(pad(r.field+":", label+1))}
	start := rowIndent + label + 1
	if broken(r, start+max(before, width(r.before))+width(arrow)+width(r.after)) {
		p.line(rowIndent, append(spans, in(dim, r.before))...)
		spans = []span{say(strings.Repeat(" ", label+1)), say("→ "), say(r.after)}
	} else {
		spans = append(spans, in(dim, pad(r.before, before)), say(arrow), say(r.after))
	}
	switch {
	case r.origin == "":
		p.line(rowIndent, spans...)
	case end+2 <= column:
		p.line(rowIndent, append(spans, say(strings.Repeat(" ", column-end)), in(dim, "# "+r.origin))...)
	default:
		p.line(rowIndent, spans...)
		p.line(column, in(dim, "# "+r.origin))
	}
}

// pad fills s with spaces to a width.
func pad(s string, to int) string {
	return s + strings.Repeat(" ", max(0, to-width(s)))
}
