package desired

import (
	"strings"
	"testing"
)

// What an item of require says of a record is what it says of its effective values.
func TestViolations(t *testing.T) {
	const dlq, other = "arn:aws:sqs:us-east-1:111111111111:orders-dlq", "arn:aws:sns:us-east-1:111111111111:t"
	for _, row := range []struct {
		why, item  string
		effect     [NumSettings]Value
		deadLetter string
		want       string // parts of the messages
	}{
		{"nothing goes anywhere", "failure_destination: required", [NumSettings]Value{}, "", "no on_failure"},
		{"the function's own dead-letter queue does not count", "failure_destination: required", [NumSettings]Value{}, dlq, "no on_failure"},
		{"or it does", "failure_destination: or_dead_letter_queue", [NumSettings]Value{}, dlq, ""},
		{"neither", "failure_destination: or_dead_letter_queue", [NumSettings]Value{}, "", "no dead-letter queue"},
		{"there is one", "failure_destination: required", [NumSettings]Value{OnFailure: Text(dlq)}, "", ""},
		{"an allowed one", `destinations: ["arn:aws:sqs:*:*:*-dlq"]`, [NumSettings]Value{OnFailure: Text(dlq)}, "", ""},
		{"one of the target's own, filled in", `destinations: ["arn:${partition}:sqs:${region}:${account}:*"]`, [NumSettings]Value{OnFailure: Text(dlq)}, "", ""},
		{"one that is not allowed", `destinations: ["arn:aws:sqs:*:*:*-dlq"]`, [NumSettings]Value{OnFailure: Text(other), OnSuccess: Text(other)}, "", "on_success is arn;on_failure is arn"},
		{"none is none that is not allowed", `destinations: ["arn:aws:sqs:*:*:*-dlq"]`, [NumSettings]Value{}, "", ""},
		{"Lambda's own two retries", "maximum_retry_attempts: { max: 1 }", [NumSettings]Value{}, "", "is 2, and at most 1"},
		{"Lambda's own six hours", "maximum_event_age_in_seconds: { min: 60, max: 3600 }", [NumSettings]Value{}, "", "is 21600, and at most 3600"},
		{"too short", "maximum_event_age_in_seconds: { min: 600 }", [NumSettings]Value{MaximumEventAgeInSeconds: Number(60)}, "", "is 60, and at least 600"},
		{"within", "maximum_event_age_in_seconds: { min: 60, max: 3600 }", [NumSettings]Value{MaximumEventAgeInSeconds: Number(3600)}, "", ""},
		{"all that is wrong", "failure_destination: required\n    maximum_retry_attempts: { max: 0 }", [NumSettings]Value{}, "", "at most 0;no on_failure"},
	} {
		d := mustLoad(t, oneFile("version: 1\nrequire:\n  - match: { functions: [\"*\"] }\n    "+row.item+"\n"))
		f, err := d.Resolve(east, Inventory{east: {Functions: []string{"orders"}}}, Selection{})
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		for _, s := range AllSettings() {
			row.effect[s] = row.effect[s].Or(s.Default())
		}
		var got []string
		for _, v := range f.Targets[0].Judged[0].By[0].Violations(row.effect, row.deadLetter) {
			got = append(got, v.Message)
		}
		parts := strings.Split(row.want, ";")
		if row.want == "" {
			parts = nil
		}
		if len(got) != len(parts) {
			t.Errorf("%s: %q, want %q", row.why, got, parts)
			continue
		}
		for i, part := range parts {
			if !strings.Contains(got[i], part) {
				t.Errorf("%s: %q does not say %q", row.why, got[i], part)
			}
		}
	}
}

// Judged are the functions that exist and are chosen, declared or not, but those that
// are ignored; and an item of require makes no config of any.
func TestJudged(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
targets: [{ name: prod, account: "111111111111", regions: [us-east-1], vars: { stage: prod } }]
functions: [{ name: prod-declared, maximum_retry_attempts: 0 }, { name: prod-not-there, maximum_retry_attempts: 0 }]
ignore: [{ functions: [prod-canary] }]
require:
  - { name: all, match: { functions: ["${vars.stage}-*"] }, failure_destination: required }
  - { match: { tags: { tier: gold } }, maximum_retry_attempts: { max: 1 } }
  - { match: { functions: [nobody] }, maximum_retry_attempts: { max: 1 } }
  - { match: { functions: [prod-canary] }, maximum_retry_attempts: { max: 1 } } # which is ignored
`))
	need := d.Discoveries(Target{}, Selection{})
	if len(need) != 1 || !need[0].ListFunctions || len(need[0].Tags) != 1 {
		t.Errorf("to be discovered: %+v", need)
	}
	f, err := d.Resolve(Target{}, Inventory{east: {
		Functions: []string{"dev-a", "dev-gold", "prod-a", "prod-canary", "prod-declared"}, Tags: map[string]map[string]string{"dev-gold": {"tier": "gold"}},
	}}, Selection{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range f.Targets[0].Judged {
		for _, q := range j.By {
			got = append(got, j.Function+" "+q.Origin.LayerName()+" "+q.Origin.Rule)
		}
	}
	if want := "dev-gold require[1] ,prod-a require[0] all,prod-declared require[0] all"; strings.Join(got, ",") != want {
		t.Errorf("judged %q", got)
	}
	if f.Configs() != 2 {
		t.Errorf("%d configs", f.Configs())
	}
	if w := f.Warnings; len(w) != 2 || w[0].Code != codeIdleRule || w[0].Pos.Line != 8 || w[1].Code != codeIdleRule || w[1].Pos.Line != 9 {
		t.Errorf("warnings %v", w)
	}
	if narrow, err := (Selection{Functions: []string{"prod-a"}}).Narrow(f); err != nil || len(narrow.Targets[0].Judged) != 1 {
		t.Errorf("narrowed to %+v, %v", narrow.Targets, err)
	}
}

func TestWrongRequirements(t *testing.T) {
	for item, code := range map[string]string{
		"{ match: { functions: [a] } }":                                                  codeManagesNothing,
		"{ failure_destination: required }":                                              codeMissingKey,
		"{ match: { functions: [a] }, failure_destination: never }":                      codeUnknownValue,
		"{ match: { functions: [a] }, maximum_retry_attempts: { max: 3 } }":              codeOutOfRange,
		"{ match: { functions: [a] }, maximum_retry_attempts: { min: 2, max: 1 } }":      codeOutOfRange,
		"{ match: { functions: [a] }, maximum_retry_attempts: 1 }":                       codeWrongType,
		"{ match: { functions: [a] }, destinations: [\"arn:aws:sqs:*:*:${function}\"] }": codeUnknownPlaceholder,
		"{ match: { functions: [a] }, destinations: [\"arn:aws:sqs:*:*:${vars.x}\"] }":   codeUnknownVariable,
		"{ match: { functions: [a], targets: [prod] }, failure_destination: required }":  codeUnknownLabel,
		"{ match: { exclude: [a] }, failure_destination: required }":                     codeEmptyMatch,
	} {
		_, err := Load(oneFile("version: 1\nrequire:\n  - "+item+"\n"), "fleet.yaml")
		if err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v, want %s", item, err, code)
		}
	}
}
