package desired

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// matchers are those of the discoveries, by target, where there are some.
func matchers(d *Document, ambient Target) map[Target][]Matcher {
	all := map[Target][]Matcher{}
	for _, n := range d.Discoveries(ambient, Selection{}) {
		if n.Matchers != nil {
			all[n.Target] = n.Matchers
		}
	}
	return all
}

func TestChoices(t *testing.T) {
	for _, row := range []struct {
		why, match string
		want       Matcher
	}{
		{"a pattern", `functions: ["payments-*"]`, Matcher{[]string{"payments-*"}, []string{Latest}, false}},
		{"a name", `functions: [checkout]`, Matcher{[]string{"checkout"}, []string{Latest}, false}},
		{"braces are written out, and a class is any character", `functions: ["{b,a}-[0-9]?x"]`, Matcher{[]string{"a-??x", "b-??x"}, []string{Latest}, false}},
		{"text between stars is kept", `functions: ["*-mid-*"]`, Matcher{[]string{"*-mid-*"}, []string{Latest}, false}},
		{"exclude takes nothing away: what is left cannot be said", `functions: ["a*"], exclude: ["ab*"]`, Matcher{[]string{"a*"}, []string{Latest}, false}},
		{"tags alone may choose any function", `tags: { team: x }, qualifiers: [live, "7"]`, Matcher{[]string{"*"}, []string{"live", "7"}, false}},
	} {
		d := mustLoad(t, oneFile(fmt.Sprintf("version: 1\nrules:\n  - match: { %s }\n    set: { maximum_retry_attempts: 0 }\n", row.match)))
		if diff := cmp.Diff(map[Target][]Matcher{east: {row.want}}, matchers(d, east)); diff != "" {
			t.Errorf("%s: %s", row.why, diff)
		}
	}
}

func TestChoicesKeepToTheirTargets(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\ntargets:\n  - { name: one, account: \"111111111111\", regions: [us-east-1] }\n  - { name: two, account: \"222222222222\", regions: [us-east-1] }\n"+
		"rules:\n  - { match: { functions: [a], targets: [two] }, set: { maximum_retry_attempts: 0 } }\n"))
	want := map[Target][]Matcher{{"222222222222", "us-east-1"}: {{[]string{"a"}, []string{Latest}, false}}}
	if diff := cmp.Diff(want, matchers(d, Target{})); diff != "" {
		t.Error(diff)
	}
}
