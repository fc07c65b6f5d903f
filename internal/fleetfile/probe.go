package fleetfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Probe asks the loader itself what it would say about a line of a file to be
// written, so that the two can never disagree. Fleets have few distinct
// destinations, and each is asked about once per target.
type Probe struct {
	known map[question]string // why the loader does not take it; "" when it does
}

type question struct {
	desired.Key // Name is set only where the answer may depend on it
	field       desired.Setting
	value       desired.Value
}

// NewProbe knows nothing yet.
func NewProbe() *Probe { return &Probe{known: map[question]string{}} }

// anyFunction stands for functions that have nothing to do with the answer.
var anyFunction = desired.Name{Function: "any", Qualifier: desired.Latest}

// Key says why a config cannot be declared; "" when it can.
func (p *Probe) Key(key desired.Key) string {
	return p.ask(question{key, desired.MaximumRetryAttempts, desired.MaximumRetryAttempts.Default()})
}

// Setting says why a value cannot be declared for a setting of a config; "" when it can.
func (p *Probe) Setting(key desired.Key, f desired.Setting, v desired.Value) string {
	// Only a function can be the wrong destination for one function and right for another.
	if !strings.Contains(v.Text(), ":lambda:") {
		key.Name = anyFunction
	}
	return p.ask(question{key, f, v})
}

func (p *Probe) ask(q question) string {
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
		q.Account, q.Region, q.Function, q.Qualifier, q.field, Style{}.Value(q.field, q.value.String()))
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
	problems, ok := errors.AsType[desired.Problems](err)
	if !ok {
		return err.Error()
	}
	var all []string
	for _, p := range problems {
		explained, _ := desired.Explain(p.Code)
		all = append(all, fmt.Sprintf("%s (%s)", explained.Title, p.Code))
	}
	return strings.Join(all, "; ")
}
