package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// none is how the fleet file says that there is no destination.
const none = "none"

// cell is one setting of a record as the file may declare it.
type cell struct {
	value   string   // as it is written; "" leaves the field alone
	effect  string   // what the field amounts to in AWS: written where a default would else speak
	refused bool     // AWS holds a value that no fleet file can declare
	remarks []string // what is odd about the value
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
// not take as a key at all is in lost, a comment each.
func collect(targets []Target) (items []item, lost []string) {
	probe := newProbe()
	for i := range targets {
		for j := range targets[i].Functions {
			f := &targets[i].Functions[j]
			if targets[i].Err != nil || f.State != reconcile.Present {
				continue
			}
			for k := range f.Records {
				it := item{target: i, Name: desired.Name{Function: f.Function, Qualifier: f.Records[k].Qualifier}}
				if why := probe.key(&targets[i], it.Name); why != "" {
					lost = append(lost, fmt.Sprintf("%s cannot be declared: %s", desired.Key{Target: targets[i].Target, Name: it.Name}, why))
					continue
				}
				it.read(&targets[i], *f.Records[k].Settings, probe)
				if it.refusals() == int(desired.NumSettings) {
					lost = append(lost, fmt.Sprintf("%s cannot be declared: %s", desired.Key{Target: targets[i].Target, Name: it.Name}, strings.Join(it.notes, "; ")))
					continue
				}
				it.remark(f)
				items = append(items, it)
			}
		}
	}
	return items, lost
}

// read fills the cells from what AWS holds.
func (it *item) read(target *Target, s reconcile.Settings, probe *probe) {
	held := false
	for i, field := range desired.Settings() {
		c := &it.cells[i]
		v := s[field]
		c.effect = field.Default().String()
		if !v.IsSet() {
			continue
		}
		if refusal := probe.setting(target, it.Name, field, v); refusal != "" {
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

// remark adds what is odd about the record as a whole.
func (it *item) remark(f *reconcile.ObservedFunction) {
	switch {
	case slices.Contains(f.Orphans, it.Qualifier):
		it.notes = append(it.notes, "an orphan: "+it.Qualifier+" is neither an alias nor a version any more; remove: true in place of its settings would delete it")
	case it.Qualifier != desired.Latest && f.QualifierErr != nil:
		it.notes = append(it.notes, "whether "+it.Qualifier+" still exists is not known: "+f.QualifierErr.Error())
	}
}

// settingText is a value as the fleet file has it.
func settingText(f desired.Setting, value string) string {
	if f.IsNumber() || value == none {
		return value
	}
	return scalar(value)
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

// probe asks the loader itself what it would say about a line of the file to be
// written, so that the two can never disagree. Fleets have few distinct
// destinations, and each is asked about once per target.
type probe struct {
	known map[question]string // why the loader does not take it; "" when it does
}

type question struct {
	desired.Key // Name is set only where the answer may depend on it
	field       desired.Setting
	value       desired.Value
}

func newProbe() *probe { return &probe{known: map[question]string{}} }

// anyFunction stands for functions that have nothing to do with the answer.
var anyFunction = desired.Name{Function: "any", Qualifier: desired.Latest}

// key says why a name cannot be declared at a target; "" when it can.
func (p *probe) key(target *Target, n desired.Name) string {
	return p.ask(question{desired.Key{Target: target.Target, Name: n}, desired.MaximumRetryAttempts, desired.MaximumRetryAttempts.Default()})
}

// setting says why a value cannot be declared for a setting at a target; "" when it can.
func (p *probe) setting(target *Target, n desired.Name, f desired.Setting, v desired.Value) string {
	// Only a function can be the wrong destination for one function and right for another.
	if !strings.Contains(v.Text(), ":lambda:") {
		n = anyFunction
	}
	return p.ask(question{desired.Key{Target: target.Target, Name: n}, f, v})
}

func (p *probe) ask(q question) string {
	refusal, known := p.known[q]
	if !known {
		refusal = judge(q)
		p.known[q] = refusal
	}
	return refusal
}

// judge loads a file of one entry.
func judge(q question) string {
	text := fmt.Sprintf("version: 1\ntargets:\n  - name: here\n    account: %q\n    regions: [%q]\nfunctions:\n  - name: %q\n    qualifier: %q\n    %s: %s\n",
		q.Account, q.Region, q.Function, q.Qualifier, q.field, settingText(q.field, q.value.String()))
	document, err := desired.Loader{Stdin: strings.NewReader(text)}.LoadFiles("-")
	if err != nil {
		return inOneLine(err)
	}
	fleet, err := document.Resolve(desired.Target{}, nil, desired.Selection{})
	if err != nil {
		return inOneLine(err)
	}
	if d := fleet.Targets[0].Entries[0].Want[q.field]; d != q.value {
		return "the fleet file would read it as " + d.String()
	}
	return ""
}

// inOneLine is what the loader refused, in the words that explain has for it: its
// message repeats the value, and its place is one in the probe's own file.
func inOneLine(err error) string {
	var problems desired.Problems
	if !errors.As(err, &problems) {
		return err.Error()
	}
	var all []string
	for _, p := range problems {
		explained, _ := desired.Explain(p.Code)
		all = append(all, fmt.Sprintf("%s (%s)", explained.Title, p.Code))
	}
	return strings.Join(all, "; ")
}
