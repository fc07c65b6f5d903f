package export

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

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

// key says why a name cannot be declared at a site; "" when it can.
func (p *probe) key(site *Site, n desired.Name) string {
	return p.ask(question{desired.Key{Target: site.Target, Name: n}, desired.MaximumRetryAttempts, desired.MaximumRetryAttempts.Default()})
}

// setting says why a value cannot be declared for a field at a site; "" when it can.
func (p *probe) setting(site *Site, n desired.Name, f desired.Setting, v desired.Value) string {
	// Only a function can be the wrong destination for one function and right for another.
	if !strings.Contains(v.Text(), ":lambda:") {
		n = anyFunction
	}
	return p.ask(question{desired.Key{Target: site.Target, Name: n}, f, v})
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
