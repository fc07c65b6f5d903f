package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// verbs say what a change does to one config, to many, and how many changes do that.
type verbs [reconcile.Restore + 1]struct {
	one, many span
	sum       string
}

var (
	planVerbs = verbs{
		reconcile.Create:  {colored(green, "+ create"), colored(green, "+ same create"), "to create"},
		reconcile.Update:  {colored(yellow, "~ change"), colored(yellow, "~ same change"), "to change"},
		reconcile.Delete:  {colored(red, "- delete"), colored(red, "- same delete"), "to delete"},
		reconcile.Restore: {colored(yellow, "~ put back"), colored(yellow, "~ same put back"), "to put back"},
	}
	outcomeVerbs = verbs{
		reconcile.Create:  {colored(green, "+ created"), colored(green, "+ same create made"), "created"},
		reconcile.Update:  {colored(yellow, "~ changed"), colored(yellow, "~ same change made"), "changed"},
		reconcile.Delete:  {colored(red, "- deleted"), colored(red, "- same delete made"), "deleted"},
		reconcile.Restore: {colored(yellow, "~ put back"), colored(yellow, "~ same put back"), "put back"},
	}
)

// sum is "1 to create, 413 to change".
func (v *verbs) sum(changes []located) string {
	var n [len(v)]int
	for _, c := range changes {
		n[c.CountsAs()]++
	}
	phrase := func(a reconcile.Action) string { return some(n[a], v[a].sum) }
	return listed(phrase(reconcile.Create), phrase(reconcile.Update), phrase(reconcile.Delete))
}

func (p *printer) block(b block, v *verbs) {
	if len(b.changes) == 1 {
		p.declared(2, rowIndent, b.origin, v[b.action].one, text(" "), colored(bold, b.changes[0].Name.String()))
	} else {
		p.declared(2, rowIndent, b.origin, v[b.action].many, text(" on "), colored(bold, howMany(b.changes, located.key)), text(":"))
		p.names(4, span{}, len(b.changes), func(i int) string { return b.changes[i].Name.String() })
	}
	p.fieldRows(b.rows)
	if b.changes[0].Final {
		p.line(rowIndent, colored(red, finalText))
	}
	p.authors(rowIndent, b.changes)
}

// finalText is said of a delete that nobody can undo.
const finalText = "cannot be put back: the alias or version is gone"

// fieldKey is one field of a change with everything that two changes must share
// to be called the same.
type fieldKey struct {
	field         desired.Setting
	before, after desired.Value
	file          string
	layer         desired.Layer
}

// blockKey is a change without the key it is made to.
type blockKey struct {
	action reconcile.Action
	final  bool
	file   string // of the entry, where there are no fields to tell
	fields [desired.NumSettings]fieldKey
}

// block is one change and all the keys that it is made to.
type block struct {
	action  reconcile.Action
	changes []located // in the order of the plan
	rows    []fieldRow
	origin  // of the whole change, where its fields have none of their own
}

// settings names what is changed, for a line that shows no values.
func (b *block) settings() string {
	if b.action == reconcile.Delete {
		return ""
	}
	return strings.Join(slice.Map(b.rows, func(r fieldRow) string { return r.field }), ", ")
}

// blocks groups changes of one target by what they do: by action, by every field's
// value before and after, and by the file and layer that ask for it.
//
// What is lost comes first, and what concerns most functions before the rest.
func blocks(changes []located) []block {
	groups := groupBy(changes, keyOf, func(_ blockKey, members []located) block { return newBlock(members) })
	slices.SortStableFunc(groups, func(a, b block) int {
		return cmp.Or(cmp.Compare(urgency[a.action], urgency[b.action]), cmp.Compare(len(b.changes), len(a.changes)))
	})
	return groups
}

var urgency = [...]int{reconcile.Delete: 0, reconcile.Update: 1, reconcile.Restore: 1, reconcile.Create: 2}

func keyOf(c located) blockKey {
	k := blockKey{action: c.Action, final: c.Final}
	if c.Origins != nil {
		k.file = c.Origins.Entry.File
	}
	for i, f := range c.SettingChanges() {
		k.fields[i] = fieldKey{
			field: f.Setting, before: shape(f.Before, c.Function, nil), after: shape(f.After, c.Function, nil),
			file: f.Origin.File, layer: f.Origin.Layer,
		}
		if t := f.Origin.Template; strings.Contains(t, functionPlaceholder) {
			k.fields[i].after = desired.Text(t) // in one target it means one thing
		}
	}
	return k
}

// shape puts the placeholder into the resource of an ARN; its other parts never hold the name
// of a function, though a function may be called "sqs". Of several targets it leaves out also
// account and region.
func shape(v desired.Value, function string, of *desired.Target) desired.Value {
	if !strings.Contains(v.Text(), function) && (of == nil || !strings.Contains(v.Text(), of.Account) && !strings.Contains(v.Text(), of.Region)) {
		return v // nothing of it follows from the config, and most values are that
	}
	a, err := arn.Parse(v.Text())
	if err != nil || of == nil && !strings.Contains(a.Resource, function) {
		return v
	}
	a.Resource = template(a.Resource, function)
	if of != nil && a.AccountID == of.Account {
		a.AccountID = "{account}"
	}
	if of != nil && a.Region == of.Region {
		a.Region = "{region}"
	}
	return desired.Text(a.String())
}

func newBlock(members []located) block {
	b := block{action: members[0].Action, changes: members}
	// Of the values that a template makes, that of the longest name shows best where the
	// name stands: a function may be called "dlq".
	sample := slices.MaxFunc(members, func(a, c located) int { return cmp.Compare(len(a.Function), len(c.Function)) })
	settings := slice.Map(members, func(c located) []reconcile.SettingChange { return c.SettingChanges() })
	exact := allEqual(settings, values)
	for i, f := range sample.SettingChanges() {
		before, after := f.Before, f.After
		if !exact {
			before, after = shape(before, sample.Function, nil), shape(after, sample.Function, nil)
		}
		row := fieldRow{field: f.Setting.String(), before: f.Setting.Format(before), after: f.Setting.Format(after)}
		if b.action != reconcile.Delete {
			row.origin = sharedOrigin(settings, func(s []reconcile.SettingChange) desired.Origin { return s[i].Origin })
		}
		b.rows = append(b.rows, row)
	}
	switch {
	case members[0].Want == nil:
		b.origin = origin{at: "undeclared: delete"}
	case b.action == reconcile.Delete && members[0].Origins != nil:
		b.origin = sharedOrigin(members, func(c located) desired.Origin { return c.Origins.Entry })
	}
	return b
}

// values is the fields of a change without where they were written.
func values(fields []reconcile.SettingChange) [desired.NumSettings]reconcile.SettingChange {
	var v [desired.NumSettings]reconcile.SettingChange
	for i, f := range fields {
		f.Origin = desired.Origin{}
		v[i] = f
	}
	return v
}

// sharedOrigin is the place that all changes of a block name, or the range of
// lines where each has its own.
func sharedOrigin[R any](members []R, of func(R) desired.Origin) origin {
	first := of(members[0])
	low, high := first.Line, first.Line
	same := true
	for _, c := range members[1:] {
		o := of(c)
		low, high = min(low, o.Line), max(high, o.Line)
		same = same && o == first
	}
	if same {
		return newOrigin(first)
	}
	layer, _, _ := strings.Cut(first.LayerName(), "[")
	return origin{at: fmt.Sprintf("%s:%d-%d %s", first.File, low, high, layer)}
}

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

// newOrigin names the template as well, where one stands in the file.
func newOrigin(o desired.Origin) origin {
	at := o.String()
	if o.Template != "" {
		at += " from " + o.Template
	}
	return origin{at: at, rule: o.Rule}
}

// comment is an origin as it is written, without the folder of all fleet files where that is long.
func (p *printer) comment(o origin) string { return "# " + strings.TrimPrefix(o.at, p.folder) }

// within is the comment with the rule's name, where that takes no more than so
// many columns, else without.
func (p *printer) within(o origin, room int) string {
	if named := p.comment(o) + fmt.Sprintf(" %q", o.rule); o.rule != "" && p.width(named) <= room {
		return named
	}
	return p.comment(o)
}

// declared is a line with an origin beside it where it fits, else below it.
func (p *printer) declared(indent, below int, o origin, spans ...span) {
	used := indent
	for _, s := range spans {
		used += p.width(s.text)
	}
	switch {
	case o.at == "":
		p.line(indent, spans...)
	case len(spans) > 0 && used+2+p.width(p.comment(o)) <= p.columns:
		p.line(indent, append(spans, colored(dim, "  "+p.within(o, p.columns-used-2)))...)
	default:
		if len(spans) > 0 {
			p.line(indent, spans...)
		}
		p.flow(below, below+2, colored(dim, p.within(o, p.columns-below)))
	}
}

const (
	rowIndent = 6
	arrow     = " → "
	// Longer values do not push the arrows of their neighbours to the right.
	// Numbers and "(unset, so 21600)" are shorter than this, ARNs are longer.
	longValue = 24
)

// fieldRows writes the fields of a block in columns:
//
//	maximum_retry_attempts: (unset, so 2) → 0    # fleet.yaml:14 rules[0]
//	on_failure:             (unset)       → arn:aws:sqs:eu-west-1:111111111111:dlq
//	                                             # fleet.yaml:3 defaults
//
// A row that is too wide breaks at its arrow, and an origin that does not fit
// beside its value goes below it. The name of a rule is told where there is room.
func (p *printer) fieldRows(rows []fieldRow) {
	label, before := 0, 0
	for _, r := range rows {
		label = max(label, p.width(r.field)+2)
		if w := p.width(r.before); w <= longValue {
			before = max(before, w)
		}
	}
	place := func(r fieldRow) (broken, end int) { // column of the arrow where that is on a line of its own, else 0
		if end = rowIndent + label + max(before, p.width(r.before)) + p.width(arrow+r.after); end <= p.columns {
			return 0, end
		}
		value := p.width("→ " + r.after)
		if broken = rowIndent + label; broken+value > p.columns {
			broken = rowIndent + 2
		}
		return broken, broken + value
	}
	column := 0 // where origins start
	for _, r := range rows {
		if _, end := place(r); end+2+p.width(p.comment(r.origin)) <= p.columns {
			column = max(column, end+2)
		}
	}
	for _, r := range rows {
		broken, end := place(r)
		indent, spans := rowIndent, []span{text(p.pad(r.field+":", label)), colored(dim, p.pad(r.before, before)), text(arrow), text(r.after)}
		if broken > 0 {
			switch { // the value counts for more than its column
			case indent+p.width(spans[0].text+r.before) <= p.columns:
				p.line(indent, spans[0], colored(dim, r.before))
			case indent+p.width(r.field+": "+r.before) <= p.columns:
				p.line(indent, text(r.field+": "), colored(dim, r.before))
			default:
				p.line(indent, text(r.field+":"))
				p.line(indent+2, colored(dim, r.before))
			}
			indent, spans = broken, []span{text("→ "), text(r.after)}
		}
		if r.at == "" {
			p.line(indent, spans...)
			continue
		}
		// In the column of the block, or further left where it would not end within the page; a
		// block without such a column has its origins at the right edge.
		start := max(rowIndent, p.columns-p.width(p.comment(r.origin)))
		if column > 0 {
			start = min(column, start)
		}
		if end+2 <= start {
			p.line(indent, append(spans, text(strings.Repeat(" ", start-end)), colored(dim, p.within(r.origin, p.columns-start)))...)
			continue
		}
		p.line(indent, spans...)
		note := p.within(r.origin, p.columns-rowIndent)
		start = max(rowIndent, min(start, p.columns-p.width(note)))
		p.flow(start, start+2, colored(dim, note))
	}
}

// pad fills s with spaces to a width.
func (p *printer) pad(s string, to int) string {
	return s + strings.Repeat(" ", max(0, to-p.width(s)))
}
