package export

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// cell is one setting of a record as the file may declare it.
type cell struct {
	content
	remarks []string // what is odd about the value
}

// content is what entries have to agree in to be one.
type content struct {
	value   string // as it is written; "" leaves the field alone
	effect  string // what the field amounts to in AWS: written where a default would else speak
	refused bool   // AWS holds a value that no fleet file can declare
}

// item is one record at one target.
type item struct {
	target int
	desired.Name
	cells [desired.NumSettings]cell
	notes []string // what a reader should know about it
}

func (it *item) refusals() int {
	n := 0
	for _, c := range it.cells {
		if c.refused {
			n++
		}
	}
	return n
}

// collect makes an item of every record that was read. What the loader would
// not take as a key at all is in lost, a comment each; so are orphans, which are not as
// declared whatever is declared of them.
func collect(targets []ObservedTarget) (items []item, lost, orphans []string) {
	probe := fleetfile.NewProbe()
	for i := range targets {
		for f := range slice.Pointers(targets[i].Functions) {
			if targets[i].Err != nil || f.State != reconcile.FunctionPresent {
				continue
			}
			for k := range f.Records {
				it := item{target: i, Name: desired.Name{Function: f.Function, Qualifier: f.Records[k].Qualifier}}
				key := desired.Key{Target: targets[i].Target, Name: it.Name}
				if slices.Contains(f.Gone, it.Qualifier) {
					orphans = append(orphans, fmt.Sprintf("%s is not declared, because it is an orphan: %s is neither an alias nor a version any more; an entry with remove: true would delete its record", key, it.Qualifier))
					continue
				}
				if why := probe.Key(key); why != "" {
					lost = append(lost, fmt.Sprintf("%s cannot be declared: %s", key, why))
					continue
				}
				it.read(&targets[i], *f.Records[k].Settings, probe)
				if it.refusals() == int(desired.NumSettings) {
					lost = append(lost, fmt.Sprintf("%s cannot be declared: %s", key, strings.Join(it.notes, "; ")))
					continue
				}
				if !f.Knows(it.Qualifier) && f.QualifierErr != nil {
					it.notes = append(it.notes, "whether "+it.Qualifier+" still exists is not known: "+f.QualifierErr.Error())
				}
				items = append(items, it)
			}
		}
	}
	return items, lost, orphans
}

// read fills the cells from what AWS holds.
func (it *item) read(target *ObservedTarget, s reconcile.Settings, probe *fleetfile.Probe) {
	held := false
	for i, field := range desired.AllSettings() {
		c := &it.cells[i]
		v := s[field]
		c.effect = field.Default().String()
		if !v.IsSet() {
			continue
		}
		if refusal := probe.Setting(desired.Key{Target: target.Target, Name: it.Name}, field, v); refusal != "" {
			c.refused, c.effect = true, ""
			it.notes = append(it.notes, fmt.Sprintf("%s %s cannot be declared and is left alone: %s", field, v.String(), refusal))
			continue
		}
		if !field.IsNumber() {
			c.remarks = remarksOn(target, it.Name, field, v.String())
		}
		c.value, c.effect, held = v.String(), v.String(), true
	}
	if !held {
		it.declareDefault()
	}
}

// declareDefault gives a record without any value something to manage, since an
// entry must manage something: a number that it amounts to anyway.
func (it *item) declareDefault() {
	if it.refusals() == 0 {
		it.notes = append(it.notes, "AWS holds an empty record here, which acts like none")
	}
	for c := range slice.Pointers(it.cells[:]) {
		if !c.refused {
			c.value = c.effect
			return
		}
	}
}

// remarksOn says what is odd about a destination, though it can be declared.
func remarksOn(target *ObservedTarget, n desired.Name, field desired.Setting, destination string) []string {
	to, err := arn.Parse(destination)
	if err != nil {
		return nil
	}
	var remarks []string
	if to.Region != "" && to.Region != target.Region {
		remarks = append(remarks, fmt.Sprintf("%s goes to another region, %s", field, to.Region))
	}
	if to.AccountID != "" && to.AccountID != target.Account {
		remarks = append(remarks, fmt.Sprintf("%s goes to another account, %s", field, to.AccountID))
	}
	if name, _, _ := strings.Cut(strings.TrimPrefix(to.Resource, "function:"), ":"); to.Service == "lambda" && name == n.Function && to.AccountID == target.Account {
		remarks = append(remarks, fmt.Sprintf("%s goes to the same function again", field))
	}
	return remarks
}

// place is a destination as one function of one target has it.
type place struct {
	target   int
	function string
	arn      string
}

// spellDestinations chooses how the destinations of all items are written. Each can be written
// with or without a placeholder for its partition, region and account, where these are
// the target's own, and for the function's name. The one to choose is the one that most
// functions share: it makes their entries equal. Among equals it is the one with the fewest placeholders,
// so that a destination of one target stays the ARN that one can search for.
func spellDestinations(targets []ObservedTarget, items []item) {
	shared, chosen := map[string]int{}, map[place]string{} // at how many places a text is right, and the one for each
	spellings := func(p place) []string { return fleetfile.Spellings(p.arn, targets[p.target].Target, p.function) }
	each := func(visit func(*cell, place)) {
		for i := range items {
			for j, field := range desired.AllSettings() {
				if c := &items[i].cells[j]; !field.IsNumber() && c.value != "" && c.value != fleetfile.None {
					visit(c, place{items[i].target, items[i].Function, c.value})
				}
			}
		}
	}
	each(func(_ *cell, p place) {
		if _, seen := chosen[p]; !seen {
			chosen[p] = ""
			for _, text := range spellings(p) {
				shared[text]++
			}
		}
	})
	each(func(c *cell, p place) {
		if chosen[p] == "" {
			chosen[p] = slices.MinFunc(spellings(p), func(a, b string) int {
				return cmp.Or(cmp.Compare(shared[b], shared[a]), cmp.Compare(strings.Count(a, "$"), strings.Count(b, "$")))
			})
		}
		c.value, c.effect = chosen[p], chosen[p]
	})
}

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
func merge(targets []ObservedTarget, items []item) (entries []entry) {
	sorted := make([]*item, len(items))
	for i := range items {
		sorted[i] = &items[i]
	}
	slices.SortStableFunc(sorted, func(a, b *item) int { return cmp.Or(a.Name.Compare(b.Name), cmp.Compare(a.target, b.target)) })
	type config struct {
		desired.Name
		contents [desired.NumSettings]content
	}
	for _, group := range slice.Group(sorted, func(it *item) config {
		c := config{Name: it.Name}
		for i := range it.cells {
			c.contents[i] = it.cells[i].content
		}
		return c
	}) {
		entries = append(entries, locate(targets, group)...)
	}
	return entries
}

// locate says where a config lives that is alike at some targets, with what is odd about
// it there.
func locate(targets []ObservedTarget, group []*item) (all []entry) {
	at := map[desired.Target]string{}
	for _, it := range group {
		at[targets[it.target].Target] = it.Function
	}
	for _, e := range fleetfile.Located(fleetfile.Entry{}, specs(targets), at) {
		here := join(slice.Filter(group, func(it *item) bool {
			t := &targets[it.target]
			return (e.ARN == "" || e.ARN == fleetfile.FunctionARN(t.Target, it.Function)) && (e.Targets == nil || slices.Contains(e.Targets, t.Label))
		}))
		here.arn, here.targets = e.ARN, e.Targets
		all = append(all, here)
	}
	return all
}

// join makes one entry of items that agree, with what is odd about any of them.
func join(group []*item) entry {
	e := entry{Name: group[0].Name, cells: group[0].cells}
	for i := range e.cells {
		e.cells[i].remarks = nil
	}
	for _, it := range group {
		e.notes = append(e.notes, it.notes...)
		for i := range it.cells {
			e.cells[i].remarks = append(e.cells[i].remarks, it.cells[i].remarks...)
		}
	}
	e.notes = slice.Unique(e.notes)
	for i := range e.cells {
		e.cells[i].remarks = slice.Unique(e.cells[i].remarks)
	}
	return e
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
			common[i].remarks = slice.Unique(append(common[i].remarks, c.remarks...))
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
	for i, field := range desired.AllSettings() {
		if v := b.lines[i]; v != "" {
			parts = append(parts, field.String()+" "+v[strings.LastIndexAny(v, ":/")+1:])
		}
	}
	if parts == nil {
		return "as defaults says"
	}
	return strings.Join(parts, ", ")
}
