package export

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
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
func collect(targets []Target) (items []item, lost, orphans []string) {
	probe := fleetfile.NewProbe()
	for i := range targets {
		for j := range targets[i].Functions {
			f := &targets[i].Functions[j]
			if targets[i].Err != nil || f.State != reconcile.Present {
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
func (it *item) read(target *Target, s reconcile.Settings, probe *fleetfile.Probe) {
	held := false
	for i, field := range desired.Settings() {
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
	for i := range it.cells {
		if c := &it.cells[i]; !c.refused {
			c.value = c.effect
			return
		}
	}
}

// remarksOn says what is odd about a destination, though it can be declared.
func remarksOn(target *Target, n desired.Name, field desired.Setting, destination string) []string {
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
func spellDestinations(targets []Target, items []item) {
	shared, chosen := map[string]int{}, map[place]string{} // at how many places a text is right, and the one for each
	spellings := func(p place) []string { return fleetfile.Spellings(p.arn, targets[p.target].Target, p.function) }
	each := func(visit func(*cell, place)) {
		for i := range items {
			for j, field := range desired.Settings() {
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
