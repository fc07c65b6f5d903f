package export

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// factor moves the value that more than half of all entries hold for a field
// into the defaults, and out of the entries. An entry that holds nothing for
// such a field then says what that amounts to, because defaults would speak for
// it. A field that AWS holds undeclarable values for gets no default: entries
// must be able to leave it alone.
func factor(entries []entry) (common [desired.NumSettings]cell) {
	for i := range common {
		value, ok := majority(entries, i)
		if !ok {
			continue
		}
		common[i].value = value
		for j := range entries {
			c := &entries[j].cells[i]
			if c.effect != value {
				c.value = c.effect
				continue
			}
			common[i].remarks = once(append(common[i].remarks, c.remarks...))
			c.value, c.remarks = "", nil
		}
	}
	return common
}

func majority(entries []entry, field int) (string, bool) {
	holders := map[string]int{}
	for i := range entries {
		c := &entries[i].cells[field]
		if c.refused {
			return "", false
		}
		if c.value != "" {
			holders[c.value]++
		}
	}
	for value, n := range holders { // at most one value can pass
		if n > 1 && 2*n > len(entries) {
			return value, true
		}
	}
	return "", false
}

// bunch is entries that say the same.
type bunch struct {
	entries []entry
	lines   [desired.NumSettings]string // the settings; "" where the entry is silent
	notes   []string
}

// group puts entries that say the same together, those that only follow the
// defaults first; what stands alone comes last, by name.
func group(entries []entry) []bunch {
	type sameness struct {
		lines [desired.NumSettings]string
		notes string
	}
	bunches := map[sameness]*bunch{}
	for _, e := range entries {
		b := bunch{notes: e.notes}
		for i := range e.cells {
			b.lines[i] = e.cells[i].value
			b.notes = append(b.notes, e.cells[i].remarks...)
		}
		key := sameness{b.lines, strings.Join(b.notes, "\n")}
		if bunches[key] == nil {
			bunches[key] = &b
		}
		bunches[key].entries = append(bunches[key].entries, e)
	}
	all := slices.Collect(maps.Values(bunches))
	for _, b := range all {
		slices.SortFunc(b.entries, func(x, y entry) int { return x.compare(&y) })
	}
	slices.SortFunc(all, func(a, b *bunch) int {
		if alone := cmp.Compare(min(2, len(b.entries)), min(2, len(a.entries))); alone != 0 {
			return alone
		}
		if len(a.entries) == 1 {
			return a.entries[0].compare(&b.entries[0])
		}
		return cmp.Or(slices.Compare(a.lines[:], b.lines[:]), slices.Compare(a.notes, b.notes))
	})
	sorted := make([]bunch, len(all))
	for i, b := range all {
		sorted[i] = *b
	}
	return sorted
}

// describe is the settings of a bunch in a few words.
func (b *bunch) describe() string {
	var parts []string
	for i, field := range desired.Settings() {
		if v := b.lines[i]; v != "" {
			parts = append(parts, field.String()+" "+v[strings.LastIndexAny(v, ":/")+1:])
		}
	}
	if parts == nil {
		return "as defaults says"
	}
	return strings.Join(parts, ", ")
}
