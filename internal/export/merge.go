package export

import (
	"cmp"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
)

// entry is one item of functions: a config at all targets, or at some that it names.
type entry struct {
	desired.Name
	arn     string   // in place of the plain name, where labels cannot name the target
	targets []string // labels; nil for all targets, or where arn says it
	cells   [desired.NumSettings]cell
	notes   []string
}

// merge makes one entry of what is alike at several targets. A target without the
// record, or one that was not read, is never covered.
func merge(targets []Target, items []item) (entries []entry) {
	sorted := make([]*item, len(items))
	for i := range items {
		sorted[i] = &items[i]
	}
	slices.SortStableFunc(sorted, func(a, b *item) int { return cmp.Or(a.Name.Compare(b.Name), cmp.Compare(a.target, b.target)) })
	type config struct {
		desired.Name
		contents [desired.NumSettings]content
	}
	for _, alike := range fleetfile.GroupBy(sorted, func(it *item) config {
		c := config{Name: it.Name}
		for i := range it.cells {
			c.contents[i] = it.cells[i].content
		}
		return c
	}) {
		entries = append(entries, locate(targets, alike)...)
	}
	return entries
}

// locate says where a config lives that is alike at some targets, with what is odd about
// it there.
func locate(targets []Target, alike []*item) (all []entry) {
	at := map[desired.Target]string{}
	for _, it := range alike {
		at[targets[it.target].Target] = it.Function
	}
	for _, e := range fleetfile.Located(fleetfile.Entry{}, specs(targets), at) {
		here := join(slices.DeleteFunc(slices.Clone(alike), func(it *item) bool {
			t := &targets[it.target]
			return e.ARN != "" && e.ARN != fleetfile.FunctionARN(t.Target, it.Function) || e.Targets != nil && !slices.Contains(e.Targets, t.Label)
		}))
		here.arn, here.targets = e.ARN, e.Targets
		all = append(all, here)
	}
	return all
}

// join makes one entry of items that agree, with what is odd about any of them.
func join(alike []*item) entry {
	e := entry{Name: alike[0].Name, cells: alike[0].cells}
	for i := range e.cells {
		e.cells[i].remarks = nil
	}
	for _, it := range alike {
		e.notes = append(e.notes, it.notes...)
		for i := range it.cells {
			e.cells[i].remarks = append(e.cells[i].remarks, it.cells[i].remarks...)
		}
	}
	e.notes = once(e.notes)
	for i := range e.cells {
		e.cells[i].remarks = once(e.cells[i].remarks)
	}
	return e
}

// once sorts texts and leaves out repetitions.
func once(texts []string) []string {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	return slices.Compact(texts)
}

// compare orders entries as the file lists them.
func (e *entry) compare(f *entry) int {
	return cmp.Or(e.Name.Compare(f.Name), strings.Compare(e.arn, f.arn), slices.Compare(e.targets, f.targets))
}

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
	at := map[sameness]int{}
	var all []bunch
	for _, e := range entries {
		b := bunch{notes: e.notes}
		for i := range e.cells {
			b.lines[i] = e.cells[i].value
			b.notes = append(b.notes, e.cells[i].remarks...)
		}
		key := sameness{b.lines, strings.Join(b.notes, "\n")}
		i, known := at[key]
		if !known {
			i = len(all)
			at[key], all = i, append(all, b)
		}
		all[i].entries = append(all[i].entries, e)
	}
	for _, b := range all {
		slices.SortFunc(b.entries, func(x, y entry) int { return x.compare(&y) })
	}
	slices.SortFunc(all, func(a, b bunch) int {
		if alone := cmp.Compare(min(2, len(b.entries)), min(2, len(a.entries))); alone != 0 {
			return alone
		}
		if len(a.entries) == 1 {
			return a.entries[0].compare(&b.entries[0])
		}
		return cmp.Or(slices.Compare(a.lines[:], b.lines[:]), slices.Compare(a.notes, b.notes))
	})
	return all
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
