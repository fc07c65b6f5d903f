package main

import (
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// choice chooses functions of a target by the patterns of --function.
type choice struct{ rule *desired.Document }

// everyFunction is a fleet file of one rule, so that --function means to export
// what a pattern means to a rule.
func (o *fleetOptions) everyFunction() (choice, error) {
	patterns := `"*"`
	if len(o.functions) > 0 {
		quoted := make([]string, len(o.functions))
		for i, f := range o.functions {
			quoted[i] = fmt.Sprintf("%q", f)
		}
		patterns = strings.Join(quoted, ", ")
	}
	text := fmt.Sprintf("version: 1\nrules:\n  - match: { functions: [%s] }\n    set: { maximum_retry_attempts: 2 }\n", patterns)
	document, err := desired.Loader{Stdin: strings.NewReader(text)}.LoadFiles("-")
	if err != nil {
		return choice{}, fmt.Errorf("--function: %w", err)
	}
	return choice{document}, nil
}

// in lists an entry for each function that was found and is chosen.
func (c choice) in(t desired.Target, found desired.Inventory) ([]desired.Entry, error) {
	if len(found[t].Functions) == 0 {
		return nil, nil
	}
	// An ignore-all selection would be an error here: no function is a result
	// that one target of many may well have.
	fleet, err := c.rule.Resolve(t, desired.Inventory{t: found[t]}, desired.Selection{})
	if err != nil {
		return nil, nil
	}
	return fleet.Targets[0].Entries, nil
}
