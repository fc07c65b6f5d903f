package faulttest

import (
	"fmt"
	"strings"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
)

// declaration is a fleet file, and what the suite has to know of it without
// asking the program.
type declaration struct {
	text    string
	doc     *desired.Document
	ignored map[string]bool // functions, in every target
}

const declaredTargets = `version: 1
targets:
  - { name: east, account: "111111111111", regions: [us-east-1] }
  - { name: west, account: "111111111111", regions: [eu-west-1] }
  - { name: other, account: "222222222222", regions: [us-east-1], role_arn: "arn:aws:iam::222222222222:role/eventinvoke", external_id: fleet-7 }
`

// drawDeclaration writes a fleet file: exact entries, perhaps a rule, and
// perhaps a function that everything is to keep its hands off.
func drawDeclaration(t *rapid.T) *declaration {
	d := &declaration{ignored: map[string]bool{}}
	var b strings.Builder
	b.WriteString(declaredTargets)
	named := functions
	if rapid.IntRange(0, 2).Draw(t, "rule") == 0 {
		hands := rapid.SampledFrom(functions).Draw(t, "ignored")
		d.ignored[hands] = true
		named = nil
		for _, f := range functions {
			if f != hands {
				named = append(named, f)
			}
		}
		fmt.Fprintf(&b, "rules:\n  - match: { functions: [\"f*\"], qualifiers: [%s] }\n    set: { %s }\n",
			rapid.SampledFrom([]string{"live", "$LATEST", "live, \"1\""}).Draw(t, "qualifiers"), drawSettings(t))
		fmt.Fprintf(&b, "ignore:\n  - functions: [%s]\n", hands)
	}
	b.WriteString("functions:\n")
	keys := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) desired.Name {
		return desired.Name{
			Function:  rapid.SampledFrom(named).Draw(t, "function"),
			Qualifier: rapid.SampledFrom(qualifiers).Draw(t, "qualifier"),
		}
	}), 1, 8, rapid.ID).Draw(t, "entries")
	for _, k := range keys {
		where := rapid.SampledFrom([]string{"", "", ", targets: [east]", ", targets: [west, other]"}).Draw(t, "targets")
		what := "remove: true"
		if rapid.IntRange(0, 4).Draw(t, "remove") > 0 {
			what = drawSettings(t)
		}
		fmt.Fprintf(&b, "  - { name: %s, qualifier: %q%s, %s }\n", k.Function, k.Qualifier, where, what)
	}
	fmt.Fprintf(&b, "guard: { max_changes: 1000, max_deletes: 1000, max_errors: %s }\n", rapid.SampledFrom([]string{"0", "10%", "1000"}).Draw(t, "max_errors"))
	fmt.Fprintf(&b, "undeclared: %s\nmissing_functions: warn\n", rapid.SampledFrom([]string{"report", "delete"}).Draw(t, "undeclared"))
	d.text = b.String()
	var err error
	d.doc, err = desired.Load(fstest.MapFS{"fleet.yaml": {Data: []byte(d.text)}}, "fleet.yaml")
	if err != nil {
		t.Fatalf("%s\n%v", d.text, err)
	}
	return d
}

func drawSettings(t *rapid.T) string {
	return strings.Join(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"maximum_retry_attempts: 0", "maximum_retry_attempts: 1", "maximum_retry_attempts: 2",
		"maximum_event_age_in_seconds: 60", "maximum_event_age_in_seconds: 21600",
		"on_success: none", `on_success: "arn:${partition}:sns:${region}:${account}:done"`,
		"on_failure: none", `on_failure: "arn:${partition}:sqs:${region}:${account}:dlq"`,
	}), 1, 4, func(s string) string { return s[:strings.IndexByte(s, ':')] }).Draw(t, "settings"), ", ")
}
