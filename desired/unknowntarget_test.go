package desired

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Who sends to whom is known without the target, where functions are called by its placeholders:
// what would be refused or warned of once it is known is said before.
func TestWhoSendsToWhomIsKnownWithoutTheTarget(t *testing.T) {
	about := func(file string) (lines []string) {
		var fleet Fleet
		d, err := Load(oneFile(file), "fleet.yaml")
		if err == nil {
			fleet, err = d.Resolve(Target{}, nil, Selection{})
		}
		var problems Problems
		errors.As(err, &problems)
		for _, p := range append(problems, fleet.Warnings...) {
			if slices.Contains([]string{codeOwnDestination, codeSameFunction, codeDestinationLoop}, p.Code) {
				lines = append(lines, p.Error())
			}
		}
		return lines
	}
	rapid.Check(t, func(t *rapid.T) {
		arn := rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{
				"arn:${partition}:lambda:${region}:${account}:function:", "arn:aws:lambda:${region}:${account}:function:",
				"arn:aws:lambda:${region}:222222222222:function:",
			}).Draw(t, "where") + rapid.SampledFrom([]string{"a", "b", "c", "${function}", "a:live", "b:$LATEST", "d"}).Draw(t, "name")
		})
		var b strings.Builder
		fmt.Fprintf(&b, "version: 1\n%%s\ndefaults: { on_failure: %q }\nfunctions:\n", arn.Draw(t, "default"))
		for _, f := range []string{"a", "b", "c", "a:live"} {
			fmt.Fprintf(&b, "  - { name: %q, on_success: %q }\n", f, arn.Draw(t, f))
		}
		known := about(fmt.Sprintf(b.String(), `targets: [{ name: t, account: "111111111111", regions: [eu-west-1] }]`))
		if unknown := about(fmt.Sprintf(b.String(), "# the target of the credentials")); !slices.Equal(known, unknown) {
			t.Fatalf("%s\nwith a target:\n%s\nwithout:\n%s", b.String(), strings.Join(known, "\n"), strings.Join(unknown, "\n"))
		}
	})
}
