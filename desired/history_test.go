package desired

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplainKey(t *testing.T) {
	fsys := files(
		"house.yaml", `version: 1
defaults: { maximum_retry_attempts: 2, on_failure: "arn:aws:sqs:${region}:${account}:dlq" }
rules:
  - name: everything
    match: { functions: ["*"] }
    set: { maximum_event_age_in_seconds: 600 }
  - match: { functions: ["pay*"] }
    set: { maximum_event_age_in_seconds: 60 }
ignore:
  - functions: ["*-canary"]
functions: [{ name: pay-own, on_success: none }]
`,
		"team.yaml", `version: 1
functions:
  - { name: payments, maximum_retry_attempts: 0, on_success: none }
  - { name: gone, remove: true }
`)
	d := mustLoad(t, fsys)
	inv := Inventory{east: found("payments", "gone", "x-canary")}
	say := func(k Key) []string {
		sources, err := d.Sources(east, inv, k)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, h := range sources {
			for _, s := range h.Sources {
				line := fmt.Sprintf("%s %s = %s", h.Setting, s.Origin, s.Value)
				if s.Origin.Rule != "" {
					line += " (" + s.Origin.Rule + ")"
				}
				if s.Applied {
					line += " won"
				}
				out = append(out, line)
			}
		}
		return out
	}
	key := func(function string) Key { return Key{east, Name{function, Latest}} }
	if diff := cmp.Diff([]string{
		"maximum_retry_attempts house.yaml:2 defaults = 2",
		"maximum_retry_attempts team.yaml:3 functions[0] = 0 won",
		"maximum_event_age_in_seconds house.yaml:6 rules[0] = 600 (everything)",
		"maximum_event_age_in_seconds house.yaml:8 rules[1] = 60 won",
		"on_success team.yaml:3 functions[0] = none won",
		"on_failure house.yaml:2 defaults = arn:aws:sqs:us-east-1:111111111111:dlq won",
	}, say(key("payments"))); diff != "" {
		t.Error(diff)
	}
	// A file's defaults are those of its rules and of its entries: they speak once.
	if diff := cmp.Diff([]string{
		"maximum_retry_attempts house.yaml:2 defaults = 2 won",
		"maximum_event_age_in_seconds house.yaml:6 rules[0] = 600 (everything)",
		"maximum_event_age_in_seconds house.yaml:8 rules[1] = 60 won",
		"on_success house.yaml:11 functions[0] = none won",
		"on_failure house.yaml:2 defaults = arn:aws:sqs:us-east-1:111111111111:dlq won",
	}, say(key("pay-own"))); diff != "" {
		t.Error(diff)
	}
	for _, line := range say(key("gone")) {
		if strings.HasSuffix(line, "won") {
			t.Errorf("a key that is to be removed takes no value: %s", line)
		}
	}
	for function, want := range map[string]string{
		"x-canary": "explain 111111111111/us-east-1/x-canary: it is ignored by house.yaml:10 ignore[0]",
		"nobody":   "explain 111111111111/us-east-1/nobody: no entry and no rule declares it",
	} {
		if _, err := d.Sources(east, inv, key(function)); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := d.Sources(east, inv, Key{west, Name{"payments", Latest}}); err == nil {
		t.Error("a target that is not there was explained")
	}
}
