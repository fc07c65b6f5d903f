package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// everyFunction is a fleet file of one rule, which chooses all functions of the
// targets that --function lets through. With it an export discovers and narrows
// by the same code, and the same patterns, as every other verb.
func (o *fleetOptions) everyFunction(targets []desired.TargetSpec) (*desired.Document, error) {
	var b strings.Builder
	b.WriteString("version: 1\n")
	for i, t := range targets {
		if i == 0 {
			b.WriteString("targets:\n")
		}
		// Labels only have to differ here: the regions of one are several items.
		fmt.Fprintf(&b, "  - { name: %q, account: %q, regions: [%q] }\n", standIn(i), t.Account, t.Region)
	}
	patterns := []string{`"*"`}
	if len(o.functions) > 0 {
		patterns = nil
		for _, f := range o.functions {
			patterns = append(patterns, fmt.Sprintf("%q", f))
		}
	}
	fmt.Fprintf(&b, "rules:\n  - match: { functions: [%s] }\n    set: { maximum_retry_attempts: 2 }\n", strings.Join(patterns, ", "))
	document, err := desired.Loader{Stdin: strings.NewReader(b.String())}.LoadFiles("-")
	var problems desired.Problems
	if errors.As(err, &problems) {
		return nil, fmt.Errorf("--function: %s; %s", problems[0].Message, problems[0].Hint)
	}
	return document, err
}

func standIn(i int) string { return fmt.Sprintf("target-%d", i) }

// chosen is the fleet of every function that was found and let through: the
// targets as they were declared, each with an entry for each function.
func (o *fleetOptions) chosen(document *desired.Document, targets []desired.TargetSpec, ambient desired.Target, found desired.Inventory) (desired.Fleet, error) {
	fleet, err := document.Resolve(ambient, found, desired.Selection{})
	var problems desired.Problems
	if errors.As(err, &problems) {
		// The file is whole, so all that can be wrong is that it comes to nothing.
		return fleet, errors.New("there is nothing to export: no function was found that --function lets through")
	}
	if err != nil {
		return fleet, err
	}
	fleet.Targets = slices.DeleteFunc(fleet.Targets, func(t desired.TargetSpec) bool {
		return !slices.ContainsFunc(targets, func(d desired.TargetSpec) bool { return d.Target == t.Target && o.selects(d) })
	})
	for i := range fleet.Targets {
		entries := fleet.Targets[i].Entries
		at := slices.IndexFunc(targets, func(d desired.TargetSpec) bool { return d.Target == fleet.Targets[i].Target })
		fleet.Targets[i] = targets[at]
		fleet.Targets[i].Entries = entries
	}
	return fleet, nil
}
