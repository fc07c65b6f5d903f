// Package export writes live records as the fleet file that a person would have
// written for them.
//
// In come targets with the functions that a survey saw there; out comes one
// fleet file: common values as defaults, rules where names or tags have something in common and
// every function of such a name or tag is alike, entries with equal settings together,
// what is alike in all targets written once, with placeholders where targets
// differ only by account or region. A plan of that file against the same records
// is empty: what it declares is what AWS holds, in effect.
//
// What a fleet file cannot say is a comment in it, and counted. An orphan is a comment too:
// AWS takes no settings for it. A record, or a
// function, that was not read is never taken for absent: nothing is declared for
// it. The package reads no network and decides nothing about any record.
package export

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// ObservedTarget is one target and what AWS holds there. Entries of the embedded
// TargetSpec play no part.
type ObservedTarget struct {
	desired.TargetSpec
	Functions []reconcile.ObservedFunction
	Exists    []string // every function there is, also those that were not looked at
	// Tags of the functions that have any; nil: they are not known, and no rule rests on them.
	Tags map[string]map[string]string
	Err  error // the target could not be read: nothing is declared for it
}

// Result says how much of the targets the file holds.
type Result struct {
	Records       int // declared
	Unreadable    int // functions, and targets as a whole, that were not read
	Inexpressible int // settings and records that no fleet file can declare: comments in the file
}

// Whole reports whether the file declares everything that there is.
func (r Result) Whole() bool { return r.Unreadable == 0 && r.Inexpressible == 0 }

// Write writes the fleet file of some targets, with comment lines at its top. The same targets
// give the same bytes, in whatever order they come.
func Write(w io.Writer, targets []ObservedTarget, header []string) (Result, error) {
	targets = slices.Clone(targets)
	slices.SortFunc(targets, func(a, b ObservedTarget) int { return a.Target.Compare(b.Target) })
	if err := check(targets); err != nil {
		return Result{}, err
	}
	items, lost, orphans := collect(targets)
	spellDestinations(targets, items)
	items, aside := setAside(targets, items)
	lost = append(lost, aside...)
	entries := merge(targets, items)
	common := factor(entries)

	f := file{fleetfile.NewWriter(w)}
	for _, line := range header {
		f.Comment("", line)
	}
	f.Linef("version: 1")
	unread := f.unread(targets)
	f.Targets(specs(targets), nil)
	f.defaults(common)
	rules, rest := propose(targets, group(entries))
	f.rules(rules)
	f.functions(rest)
	for _, note := range slices.Concat(lost, orphans) {
		f.Comment("", note)
	}
	result := Result{Records: len(items), Unreadable: unread, Inexpressible: len(lost)}
	for i := range items {
		result.Inexpressible += items[i].refusals()
	}
	return result, f.Flush()
}

// check refuses targets that one file cannot tell apart.
func check(targets []ObservedTarget) error {
	for i := range targets {
		if i > 0 && targets[i].Target == targets[i-1].Target {
			return fmt.Errorf("target %s is there twice: give it once", targets[i].Target)
		}
		if len(targets) > 1 && targets[i].Label == "" {
			return fmt.Errorf("target %s has no label: several targets need one each", targets[i].Target)
		}
	}
	if len(targets) == 0 {
		return errors.New("there is no target to write a fleet file for")
	}
	return nil
}

// file is the text being written.
type file struct{ *fleetfile.Writer }

// unread names what is not in the file because it was not read, and counts it.
func (f file) unread(targets []ObservedTarget) int {
	n := 0
	say := func(what string, why error) {
		if n == 0 {
			f.Linef("")
			f.Comment("", "NOT IN THIS FILE, because it could not be read:")
		}
		n++
		f.Linef("#   %s", fleetfile.OneLine(fmt.Sprintf("%s: %v", what, why)))
	}
	for i := range targets {
		if targets[i].Err != nil {
			say("all of "+targets[i].Target.String(), targets[i].Err)
			continue
		}
		for j := range targets[i].Functions {
			switch g := &targets[i].Functions[j]; g.State {
			case reconcile.FunctionUnreadable:
				say(targets[i].Target.String()+"/"+g.Function, g.Err)
			case reconcile.FunctionNotExamined:
				say(targets[i].Target.String()+"/"+g.Function, reconcile.ErrNotReached)
			}
		}
	}
	return n
}

// specs are the targets as the targets section has them.
func specs(targets []ObservedTarget) []desired.TargetSpec {
	all := make([]desired.TargetSpec, len(targets))
	for i := range targets {
		all[i] = targets[i].TargetSpec
	}
	return all
}

func (f file) defaults(common [desired.NumSettings]cell) {
	if slices.ContainsFunc(common[:], func(c cell) bool { return c.value != "" }) {
		f.Linef("\ndefaults:")
	}
	for i, field := range desired.AllSettings() {
		if common[i].value == "" {
			continue
		}
		for _, remark := range common[i].remarks {
			f.Comment("  ", remark)
		}
		f.Linef("  %s: %s", field, fleetfile.Style{}.Value(field, common[i].value))
	}
}

func (f file) functions(bunches []bunch) {
	if len(bunches) == 0 {
		return
	}
	f.Linef("\nfunctions:")
	for i := range bunches {
		b := &bunches[i]
		switch {
		case len(b.entries) > 1:
			if i > 0 {
				f.Linef("")
			}
			f.Comment("  ", fmt.Sprintf("%d entries: %s", len(b.entries), b.describe()))
		case i > 0 && len(bunches[i-1].entries) > 1:
			f.Linef("")
			f.Comment("  ", "Settings of their own")
		}
		for _, note := range b.notes {
			f.Comment("  ", note)
		}
		for j := range b.entries {
			f.entry(&b.entries[j], b.lines)
		}
	}
}

func (f file) entry(e *entry, lines [desired.NumSettings]string) {
	f.Entry(&fleetfile.Entry{Name: e.Name, ARN: e.arn, Targets: e.targets, Settings: lines})
}
