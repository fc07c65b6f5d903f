package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

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
	file   string // of the entry, where there are no fields to tell
	fields [desired.NumSettings]fieldKey
}

// block is one change and all the keys that it is made to.
type block struct {
	action  reconcile.Action
	changes []*reconcile.Change // in the order of the plan
	rows    []fieldRow
	origin  // of the whole change, where its fields have none of their own
}

// blocks groups changes of one target by what they do: by action, by every field's
// value before and after, and by the file and layer that ask for it.
//
// What is lost comes first, and what concerns most functions before the rest.
func blocks(changes []*reconcile.Change) []block {
	groups := gather(changes, keyOf, func(_ blockKey, members []*reconcile.Change) block { return newBlock(members) })
	slices.SortStableFunc(groups, func(a, b block) int {
		return cmp.Or(cmp.Compare(urgency(a.action), urgency(b.action)), cmp.Compare(len(b.changes), len(a.changes)))
	})
	return groups
}

func urgency(a reconcile.Action) int {
	switch a {
	case reconcile.Delete:
		return 0
	case reconcile.Update, reconcile.Restore:
		return 1
	}
	return 2
}

func keyOf(c *reconcile.Change) blockKey {
	k := blockKey{action: c.Action}
	if c.Origins != nil {
		k.file = c.Origins.Entry.File()
	}
	for i, f := range c.Settings() {
		k.fields[i] = fieldKey{
			field: f.Setting, before: shape(f.Before, c.Function), after: shape(f.After, c.Function),
			file: f.Origin.File(), layer: f.Origin.Layer(),
		}
	}
	return k
}

// shape generalises the resource of an ARN; its other parts never hold the name
// of a function, though a function may be called "sqs".
func shape(v desired.Value, function string) desired.Value {
	parts := strings.SplitN(v.Text(), ":", 6)
	if len(parts) < 6 || !strings.Contains(parts[5], function) {
		return v
	}
	parts[5] = generalise(parts[5], function)
	return desired.Text(strings.Join(parts, ":"))
}

func newBlock(members []*reconcile.Change) block {
	b := block{action: members[0].Action, changes: members}
	first := members[0].Settings()
	exact := alike(members, func(c *reconcile.Change) [desired.NumSettings]reconcile.SettingChange { return values(c.Settings()) })
	for i, f := range first {
		before, after := f.Before, f.After
		if !exact {
			before, after = shape(before, members[0].Function), shape(after, members[0].Function)
		}
		row := fieldRow{field: f.Setting.String(), before: f.Setting.Format(before), after: f.Setting.Format(after)}
		if b.action != reconcile.Delete {
			row.origin = sharedOrigin(members, func(c *reconcile.Change) desired.Origin { return c.Settings()[i].Origin })
		}
		b.rows = append(b.rows, row)
	}
	switch {
	case members[0].Want == nil:
		b.origin = origin{at: "undeclared: delete"}
	case b.action == reconcile.Delete && members[0].Origins != nil:
		b.origin = sharedOrigin(members, func(c *reconcile.Change) desired.Origin { return c.Origins.Entry })
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
func sharedOrigin(members []*reconcile.Change, of func(*reconcile.Change) desired.Origin) origin {
	first := of(members[0])
	low, high := first.Line(), first.Line()
	same := true
	for _, c := range members[1:] {
		o := of(c)
		low, high = min(low, o.Line()), max(high, o.Line())
		same = same && o == first
	}
	if same {
		return newOrigin(first)
	}
	layer, _, _ := strings.Cut(first.LayerName(), "[")
	return origin{at: fmt.Sprintf("%s:%d-%d %s", first.File(), low, high, layer)}
}
