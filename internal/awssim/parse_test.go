package awssim

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const fullScenario = `version: 1
seed: 7
quota:
  rate: 30
  burst: 45
  shape: bucket
  charge_rejected: true
  get_function_rate: 50
  retry_after: 3s
  throttling_exception: 0.5
latency: 40ms
faults: { throttle: 0.01, conflict: 0.05, server_error: 0.03, reset: 0.02, lost: 0.001, truncate: 0.002, short_page: 0.1, merge: replace, endless_pages: true }
trail: { delay: 5m, lose: 0.01, lose_deletes: true }
missing_buckets: [gone]
destinations: ["arn:aws:sqs:us-east-1:111111111111:async-dlq"]
call_log: -1
accounts:
  - account: "111111111111"
    unit: ou-ab12-cdef3456
    deny: ["tag:GetResources"]
    roles:
      - name: fleet
        external_id: fleet-7
        refuse: true
        deny: ["lambda:Put*"]
        expires_after: 5m
    senders:
      - { role: shared, to: ["arn:aws:sqs:*"], after: 30s }
    regions:
      us-east-1:
        deny: ["lambda:ListFunctions"]
        functions:
          - name: "orders-%03d"
            count: 200
            versions: ["1", "2"]
            aliases: [live]
            tags: { team: orders }
            role: shared
            dead_letter_queue: "arn:aws:sqs:us-east-1:111111111111:old"
            busy_for: 12s
            refuse: "does not have permissions to call SendMessage on it"
            deny: ["lambda:Delete*"]
            throttled: ["lambda:Get*"]
            records:
              $LATEST: { maximum_retry_attempts: 0, on_failure: "arn:aws:sqs:us-east-1:111111111111:dlq" }
              live: { maximum_event_age_in_seconds: 60, on_success: "arn:aws:sns:us-east-1:111111111111:t", last_modified: 2026-01-31T12:00:00Z }
              "1": { maximum_retry_attempts: 1, age: 2h, by: role/deploy/ci, agent: "Terraform/1.9" }
`

func TestParseEveryKey(t *testing.T) {
	got, err := ParseScenario("full.yaml", strings.NewReader(fullScenario))
	if err != nil {
		t.Fatal(err)
	}
	want := &Scenario{
		Version: 1, Seed: 7, Latency: 40 * time.Millisecond,
		Quota:          Quota{Rate: 30, Burst: 45, Shape: "bucket", ChargeRejected: true, GetFunctionRate: 50, RetryAfter: 3 * time.Second, ThrottlingException: 0.5},
		Faults:         Faults{Throttle: 0.01, Conflict: 0.05, ServerError: 0.03, Reset: 0.02, Lost: 0.001, Truncate: 0.002, ShortPage: 0.1, Merge: "replace", EndlessPages: true},
		Trail:          Trail{Delay: 5 * time.Minute, Lose: 0.01, LoseDeletes: true},
		MissingBuckets: []string{"gone"}, Destinations: []string{"arn:aws:sqs:us-east-1:111111111111:async-dlq"}, CallLog: -1,
		Accounts: []Account{{
			Account: "111111111111", Unit: "ou-ab12-cdef3456", Deny: []string{"tag:GetResources"},
			Roles:   []Role{{Name: "fleet", ExternalID: "fleet-7", Refuse: true, Deny: []string{"lambda:Put*"}, ExpiresAfter: 5 * time.Minute}},
			Senders: []Sender{{Role: "shared", To: []string{"arn:aws:sqs:*"}, After: 30 * time.Second}},
			Regions: map[string]Region{"us-east-1": {Deny: []string{"lambda:ListFunctions"}, Functions: []Function{{
				Name: "orders-%03d", Count: 200, Versions: []string{"1", "2"}, Aliases: []string{"live"},
				Tags: map[string]string{"team": "orders"}, Role: "shared", DeadLetterQueue: "arn:aws:sqs:us-east-1:111111111111:old", BusyFor: 12 * time.Second, Refuse: "does not have permissions to call SendMessage on it",
				Deny: []string{"lambda:Delete*"}, Throttled: []string{"lambda:Get*"},
				Records: map[string]Record{
					"$LATEST": {MaximumRetryAttempts: new(0), OnFailure: "arn:aws:sqs:us-east-1:111111111111:dlq"},
					"live":    {MaximumEventAgeInSeconds: new(60), OnSuccess: "arn:aws:sns:us-east-1:111111111111:t", LastModified: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)},
					"1":       {MaximumRetryAttempts: new(1), Age: 2 * time.Hour, By: "role/deploy/ci", Agent: "Terraform/1.9"},
				},
			}}}},
		}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	for _, key := range slices.Sorted(maps.Keys(everyKey(reflect.TypeFor[Scenario]()))) {
		if !strings.Contains(fullScenario, key+":") {
			t.Errorf("the key %s is not in this test", key)
		}
	}
}

// everyKey collects the YAML keys of a type and of all in it.
func everyKey(t reflect.Type) map[string]bool {
	all := map[string]bool{}
	switch t.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer:
		return everyKey(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return all
		}
		for i, key := range keys(t) {
			field := t.Field(i).Type
			all[key] = true
			maps.Copy(all, everyKey(field))
		}
	}
	return all
}

func TestParseDefaults(t *testing.T) {
	for _, row := range []struct {
		why, quota string
		want       Quota
	}{
		{"no quota is AWS's own", "", Quota{Rate: 15, Burst: 15}},
		{"rate 0 is none", "quota: { rate: 0 }", Quota{}},
		{"a rate alone keeps nothing of the default", "quota: { rate: 5 }", Quota{Rate: 5}},
	} {
		s, err := ParseScenario("s.yaml", strings.NewReader("version: 1\naccounts: [{ account: \"111111111111\" }]\n"+row.quota))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(row.want, s.Quota); d != "" {
			t.Errorf("%s (-want +got)\n%s", row.why, d)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	head := "version: 1\naccounts:\n  - account: \"111111111111\"\n"
	functions := head + "    regions:\n      us-east-1:\n        functions:\n"
	for _, row := range []struct{ why, text, want string }{
		{"nothing", "", "s.yaml:1: the scenario is empty; start with version: 1 and accounts"},
		{"comments only", "# nothing\n", "s.yaml:1: the scenario is empty; start with version: 1 and accounts"},
		{"a list", "- 1\n", "s.yaml:1: a scenario is a mapping of keys; start with version: 1 and accounts"},
		{"no version", "accounts: []\n", "s.yaml:1: version: 1 is missing; add it as the first line"},
		{"another version", "version: 2\n" + strings.TrimPrefix(head, "version: 1\n"), "s.yaml:1: version: version 2 is not known; write version: 1"},
		{"no account", "version: 1\naccounts: []\n", `s.yaml:2: accounts: no account; list at least one, as "- account: \"111111111111\""`},
		{"a misspelt key, deep down", functions + "          - name: f\n            buzy_for: 3s\n",
			`s.yaml:8: key "buzy_for" is not known here; known are name, count, versions, aliases, tags, role, dead_letter_queue, busy_for, refuse, deny, throttled, records`},
		{"a key twice", head + "seed: 1\nseed: 2\n", "s.yaml: line 5: mapping key \"seed\" already defined at line 4"},
		{"an empty value", head + "seed:\n", "s.yaml:4: seed has no value; give it one or delete the key"},
		{"two documents", head + "---\nversion: 1\n", "s.yaml: more than one YAML document; a scenario is one document, so delete the ---"},
		{"a text for a number", head + "seed: many\n", "s.yaml:4: str many does not fit here; write a whole number of 0 or more"},
		{"a number for a duration", head + "latency: 40\n", "s.yaml:4: int 40 does not fit here; write a duration such as 40ms or 3s"},
		{"a chance beyond 1", head + "faults:\n  conflict: 5\n", "s.yaml:5: faults.conflict: 5 is not a chance; use a number from 0 to 1"},
		{"two problems are told at once", head + "faults: { reset: -1 }\nlatency: -1s\n",
			"s.yaml:5: latency: a latency cannot be negative; write a duration such as 40ms\ns.yaml:4: faults.reset: -1 is not a chance; use a number from 0 to 1"},
		{"a burst alone", head + "quota: { burst: 3 }\n", "s.yaml:4: quota.burst: a burst without a rate limits nothing; set rate too"},
		{"a shape nobody knows", head + "quota: { rate: 3, shape: cone }\n", `s.yaml:4: quota.shape: shape "cone" is not known; use bucket or window`},
		{"an account without quotes", "version: 1\naccounts:\n  - account: 012345678901\n    deny: [\"*\"]\n  - account: 42\n", `s.yaml:5: accounts[1].account: account "42" is not 12 digits; write them in quotes, as "111111111111"`},
		{"an account twice", head + "  - account: \"111111111111\"\n", "s.yaml:4: accounts[1].account: account 111111111111 is listed twice; merge its regions"},
		{"not an action", head + "    deny: [ListFunctions]\n", `s.yaml:4: accounts[0].deny[0]: "ListFunctions" is not an IAM action; write one such as lambda:ListFunctions or lambda:*`},
		{"not a region", head + "    regions: { east: {} }\n", `s.yaml:4: accounts[0].regions.east: "east" is not a region; write one such as us-east-1`},
		{"a count without a pattern", functions + "          - { name: f, count: 3 }\n", `s.yaml:7: accounts[0].regions.us-east-1.functions[0].name: name "f" needs exactly one number pattern for its count, as in "orders-%03d"`},
		{"a pattern without a count", functions + "          - { name: f-%d }\n", `s.yaml:7: accounts[0].regions.us-east-1.functions[0].name: name "f-%d" has a number pattern but no count; add count, or delete the pattern`},
		{"a name twice, once from a series", functions + "          - { name: f-%d, count: 3 }\n          - { name: f-2 }\n",
			"s.yaml:8: accounts[0].regions.us-east-1.functions[1].name: function f-2 is there already, from accounts[0].regions.us-east-1.functions[0]; rename one"},
		{"retries out of range", functions + "          - name: f\n            records:\n              live: { maximum_retry_attempts: 3 }\n",
			"s.yaml:9: accounts[0].regions.us-east-1.functions[0].records.live.maximum_retry_attempts: 3 is out of range; use 0 to 2"},
		{"a number as an alias", functions + "          - { name: f, aliases: [\"1\"] }\n", `s.yaml:7: accounts[0].regions.us-east-1.functions[0].aliases[0]: "1" is not an alias; use letters, digits, - and _, not digits alone`},
	} {
		_, err := ParseScenario("s.yaml", strings.NewReader(row.text))
		if err == nil {
			t.Errorf("%s: accepted", row.why)
			continue
		}
		if !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s:\n got %v\nwant %s", row.why, err, row.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	s := Fleet("1", "us-east-1")
	s.Faults.Lost = 2
	_, err := New(s)
	want := "scenario: faults.lost: 2 is not a chance; use a number from 0 to 1\nscenario: accounts[0].account: account \"1\" is not 12 digits; write them in quotes, as \"111111111111\""
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if _, err := New(nil); err == nil {
		t.Error("no scenario is taken for one")
	}
}

func FuzzParseScenario(f *testing.F) {
	f.Add(fullScenario)
	f.Add("version: 1\naccounts: &a\n  - account: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScenario("s.yaml", strings.NewReader(text))
		if err != nil {
			return
		}
		if found := check(s); len(found) > 0 {
			t.Errorf("accepted with %v", found)
		}
	})
}
