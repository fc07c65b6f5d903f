package desired

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadTargets(t *testing.T) {
	const targets = "version: 1\ntargets:\n  - { name: prod, account: \"111111111111\", regions: [us-east-1] }\n"
	prod := []TargetSpec{{Target: Target{"111111111111", "us-east-1"}, Label: "prod"}}
	for _, row := range []struct {
		why, yaml string
		want      []TargetSpec
		code      string
	}{
		{why: "a file of nothing but targets", yaml: targets, want: prod},
		{why: "entries and rules play no part", yaml: targets + "rules:\n  - { match: { functions: [\"*\"] }, set: { maximum_retry_attempts: 0 } }\n", want: prod},
		{why: "no targets is no error: the caller knows others", yaml: "version: 1\n"},
		{why: "a damaged target is one", yaml: strings.Replace(targets, "us-east-1", "us_east", 1), code: codeBadRegion},
		{why: "two of one name are one", yaml: targets + "  - { name: prod, account: \"111111111111\", regions: [eu-west-1] }\n", code: codeDuplicateTarget},
	} {
		var got []TargetSpec
		doc, err := Loader{Stdin: strings.NewReader(row.yaml), TargetsOnly: true}.LoadFiles("-")
		if err == nil && doc.DeclaresTargets() {
			got, _ = doc.Targets(Target{})
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s: %s", row.why, diff)
		}
		problems, _ := err.(Problems)
		if (err != nil) != (row.code != "") || (row.code != "" && problems[0].Code != row.code) {
			t.Errorf("%s: got the error %v, want %q", row.why, err, row.code)
		}
	}
}
