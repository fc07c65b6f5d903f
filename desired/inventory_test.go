package desired

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNeeds(t *testing.T) {
	head := "version: 1\ntargets:\n  - { name: us, account: \"111111111111\", regions: [us-east-1] }\n  - { name: eu, account: \"111111111111\", regions: [eu-west-1] }\n"
	type need struct {
		List    bool
		Tags    [][]Tag
		Because []string
	}
	for _, row := range []struct {
		why, yaml string
		us, eu    need
	}{
		{"exact entries need no discovery", plainEntry, need{}, need{}},
		{"a rule needs the names, in its targets only",
			"rules:\n  - match: { functions: [\"*\"], targets: [us] }\n    set: { on_failure: none }\n" + plainEntry,
			need{List: true, Because: []string{"fleet.yaml:6 rules[0]"}}, need{}},
		{"every set of tags is asked for once",
			"rules:\n  - match: { tags: { b: \"2\", a: \"1\" } }\n    set: { on_failure: none }\n  - match: { functions: [x], tags: { a: \"1\", b: \"2\" }, targets: [eu] }\n    set: { on_failure: none }\n",
			need{List: true, Tags: [][]Tag{{{"a", []string{"1"}}, {"b", []string{"2"}}}}, Because: []string{"fleet.yaml:6 rules[0]"}},
			need{List: true, Tags: [][]Tag{{{"a", []string{"1"}}, {"b", []string{"2"}}}}, Because: []string{"fleet.yaml:6 rules[0]", "fleet.yaml:8 rules[1]"}}},
		{"ignore by tag needs the tags of declared functions, not the names of all",
			plainEntry + "ignore:\n  - { tags: { stack: \"*\" } }\n  - { functions: [\"x-*\"] }\n",
			need{Tags: [][]Tag{{{Key: "stack"}}}, Because: []string{"fleet.yaml:9 ignore[0]"}},
			need{Tags: [][]Tag{{{Key: "stack"}}}, Because: []string{"fleet.yaml:9 ignore[0]"}}},
		{"one of several values is one search, a pattern searches for the key, and what exclude asks for is another",
			"rules:\n  - match: { tags: { tier: [gold, silver], owner: \"team-*\" }, exclude: { tags: { lifecycle: [old, gone] } }, targets: [eu] }\n    set: { on_failure: none }\n",
			need{}, need{List: true, Tags: [][]Tag{{{"lifecycle", []string{"old", "gone"}}}, {{Key: "owner"}, {"tier", []string{"gold", "silver"}}}}, Because: []string{"fleet.yaml:6 rules[0]"}}},
	} {
		t.Run(row.why, func(t *testing.T) {
			needs := mustLoad(t, oneFile(head+row.yaml)).Discoveries(Target{}, Selection{})
			if len(needs) != 2 || needs[0].Target != west || needs[1].Target != east {
				t.Fatalf("%+v", needs)
			}
			for i, want := range []need{row.eu, row.us} {
				got := need{List: needs[i].ListFunctions, Tags: needs[i].Tags}
				for _, o := range needs[i].Reason {
					got.Because = append(got.Because, o.String())
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s", needs[i].Target, diff)
				}
				if needs[i].IsZero() != (len(want.Because) == 0) {
					t.Errorf("%s: IsZero is %v", needs[i].Target, needs[i].IsZero())
				}
			}
		})
	}
}

func TestTargetsCarryTheirOptions(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
targets:
  - name: prod
    account: "111111111111"
    role_arn: arn:aws:iam::111111111111:role/path/eventinvoke
    external_id: fleet-7
    regions: [us-east-1, eu-west-1]
    quota: 30
    rate_share: 0.5
functions:
  - { name: a, on_failure: none }
`))
	if !d.DeclaresTargets() {
		t.Error("the file declares targets")
	}
	got, err := d.Targets(Target{Account: "999999999999", Region: "ap-southeast-1"})
	if err != nil {
		t.Fatal(err)
	}
	base := TargetSpec{Label: "prod", RoleARN: "arn:aws:iam::111111111111:role/path/eventinvoke", ExternalID: "fleet-7", Quota: 30, RateShare: 0.5}
	first, second := base, base
	first.Target, second.Target = west, east
	if diff := cmp.Diff([]TargetSpec{first, second}, got); diff != "" {
		t.Error(diff)
	}
	got, err = mustLoad(t, oneFile("version: 1\n"+plainEntry)).Targets(east)
	if diff := cmp.Diff([]TargetSpec{{Target: east}}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
