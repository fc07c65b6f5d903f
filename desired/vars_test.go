package desired

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const twoStages = `version: 1
targets:
  - { name: prod, account: "111111111111", regions: [us-east-1], vars: { stage: prod, dlq: "222222222222" } }
  - { name: dev, account: "111111111111", regions: [eu-west-1], vars: { stage: dev, dlq: "333333333333" } }
`

func TestVariablesAreFilledIn(t *testing.T) {
	inv := Inventory{
		east: {Functions: []string{"dev-a", "prod-a", "prod-b"}, Tags: map[string]map[string]string{"prod-b": {"env": "prod"}}},
		west: {Functions: []string{"dev-a", "dev-b", "prod-a"}, Tags: map[string]map[string]string{"dev-b": {"env": "dev"}, "dev-a": {"env": "prod"}}},
	}
	const queue = "defaults: { on_failure: \"arn:aws:sqs:${region}:${vars.dlq}:${function}-dlq\" }\n"
	for _, row := range []struct {
		why, yaml string
		want      []string
	}{
		{
			"in patterns, and what they leave out", `rules: [{ match: { functions: ["${vars.stage}-*"], exclude: ["${vars.stage}-b"] }, set: { maximum_retry_attempts: 0 } }]`,
			[]string{"eu-west-1 dev-a retries=0@rules[0]", "us-east-1 prod-a retries=0@rules[0]"},
		},
		{
			"also behind patterns without any", `rules: [{ match: { functions: ["none-*", "${vars.stage}-*"], exclude: ["none-a", "${vars.stage}-b"] }, set: { maximum_retry_attempts: 0 } }]`,
			[]string{"eu-west-1 dev-a retries=0@rules[0]", "us-east-1 prod-a retries=0@rules[0]"},
		},
		{
			"in tag values", `rules: [{ match: { tags: { env: "${vars.stage}" } }, set: { maximum_retry_attempts: 0 } }]`,
			[]string{"eu-west-1 dev-b retries=0@rules[0]", "us-east-1 prod-b retries=0@rules[0]"},
		},
		{
			"in names and qualifiers", `functions: [{ name: "${vars.stage}-x", qualifier: "${vars.stage}", maximum_retry_attempts: 0 }]`,
			[]string{"eu-west-1 dev-x:dev retries=0@functions[0]", "us-east-1 prod-x:prod retries=0@functions[0]"},
		},
		{
			"in destinations, beside the function's name, which its qualifiers share", queue + `functions: [{ name: x, maximum_retry_attempts: 0 }, { name: "x:live", targets: [prod], maximum_retry_attempts: 0 }]`,
			[]string{
				"eu-west-1 x retries=0@functions[0] failure=arn:aws:sqs:eu-west-1:333333333333:x-dlq@defaults",
				"us-east-1 x retries=0@functions[0] failure=arn:aws:sqs:us-east-1:222222222222:x-dlq@defaults",
				"us-east-1 x:live retries=0@functions[1] failure=arn:aws:sqs:us-east-1:222222222222:x-dlq@defaults",
			},
		},
		{
			"each function of a rule has its own", queue + `rules: [{ match: { functions: ["${vars.stage}-*"] } }]`,
			[]string{
				"eu-west-1 dev-a failure=arn:aws:sqs:eu-west-1:333333333333:dev-a-dlq@defaults",
				"eu-west-1 dev-b failure=arn:aws:sqs:eu-west-1:333333333333:dev-b-dlq@defaults",
				"us-east-1 prod-a failure=arn:aws:sqs:us-east-1:222222222222:prod-a-dlq@defaults",
				"us-east-1 prod-b failure=arn:aws:sqs:us-east-1:222222222222:prod-b-dlq@defaults",
			},
		},
		{
			"in ignore", `rules: [{ match: { functions: ["*"] }, set: { maximum_retry_attempts: 0 } }]
ignore: [{ functions: ["${vars.stage}-a", "dev-*"], targets: [prod] }]`,
			[]string{
				"eu-west-1 dev-a retries=0@rules[0]", "eu-west-1 dev-b retries=0@rules[0]", "eu-west-1 prod-a retries=0@rules[0]",
				"us-east-1 prod-b retries=0@rules[0]", "us-east-1 dev-a ignored by ignore[0]", "us-east-1 prod-a ignored by ignore[0]",
			},
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			f := mustResolve(t, mustLoad(t, oneFile(twoStages+row.yaml)), Target{}, inv)
			if diff := cmp.Diff(row.want, lines(f)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Defaults for the whole fleet stand once, and below those of each file.
func TestDefaultsOfTheFleet(t *testing.T) {
	common := "version: 1\ndefaults: { scope: fleet, maximum_retry_attempts: 0, on_failure: none }\n"
	d := mustLoad(t, files("a.yaml", common,
		"b.yaml", "version: 1\ndefaults: { maximum_retry_attempts: 1 }\nfunctions: [{ name: x, on_success: none }]\nrules: [{ match: { functions: [y] } }]\n",
		"c.yaml", "version: 1\nrules: [{ match: { functions: [z] } }]\n"))
	want := []string{
		"us-east-1 x retries=1@defaults success=none@functions[0] failure=none@defaults",
		"us-east-1 y retries=1@defaults failure=none@defaults",
		"us-east-1 z retries=0@defaults failure=none@defaults",
	}
	f := mustResolve(t, d, east, Inventory{east: found("y", "z")})
	if diff := cmp.Diff(want, lines(f)); diff != "" || len(f.Warnings) > 0 {
		t.Error(diff, f.Warnings)
	}
	if o := f.Targets[0].Entries[0].Origins.Settings[OnFailure]; o.File != "a.yaml" {
		t.Errorf("the origin is %s", o)
	}
	_, err := Load(files("a.yaml", common, "b.yaml", common+plainEntry), ".")
	if err == nil || !strings.Contains(err.Error(), "b.yaml:2:11: EI017 second defaults for the whole fleet, the first are at a.yaml:2:11") {
		t.Errorf("two of them: %v", err)
	}
	d = mustLoad(t, files("a.yaml", common, "b.yaml", "version: 1\nfunctions: [{ name: x, maximum_retry_attempts: 1, on_failure: none }]\n"))
	if got := mustResolve(t, d, east, nil).Warnings.Error(); !strings.Contains(got, "they are for all entries and rules, and none of these leaves a setting to them") {
		t.Errorf("unused: %q", got)
	}
}

// The last day of an exception is one on which it holds.
func TestExceptionsEnd(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\nrules: [{ match: { functions: [\"*\"] }, set: { on_failure: none } }]\nignore:\n  - { functions: [a], reason: moving house, until: 2027-03-31 }\n  - { functions: [b], reason: ours }\n"))
	for now, want := range map[string]string{
		"2027-03-31T23:59:59Z":      "",
		"2027-03-31T23:59:59-05:00": "fleet.yaml:4:52: EI072 the item ignore[0] was to hold until 2027-03-31, which is over (moving house)",
		"2027-04-01T00:00:00Z":      "EI072",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Expired(at); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", now, err)
		}
	}
	f := mustResolve(t, d, east, Inventory{east: found("a", "b", "c")})
	if i := f.Targets[0].Ignored; len(i) != 2 || i[0].Reason != "moving house" || i[0].Until != "2027-03-31" || i[1].Reason != "ours" || i[1].Until != "" {
		t.Errorf("%+v", i)
	}
}

// What a variable or a name makes wrong is told at the line that has it.
func TestFilledInTextIsChecked(t *testing.T) {
	for _, row := range []struct{ why, yaml, want string }{
		{"a name", `functions: [{ name: "a/${vars.stage}", maximum_retry_attempts: 0 }]`, "EI030 in the target prod: \"a/prod\" is not"},
		{"a pattern", `rules: [{ match: { functions: ["[${vars.stage}"] }, set: { maximum_retry_attempts: 0 } }]`, "EI060 in the target prod: the pattern"},
		{"a destination", `defaults: { on_failure: "arn:aws:sqs:us-east-1:${vars.stage}:q" }` + "\n" + `functions: [{ name: a, maximum_retry_attempts: 0 }]`, "EI040 in the target prod: on_failure"},
		{"what no variable can mend", `functions: [{ name: a, on_failure: "arn:aws:sqs:us-east-1:${vars.dlq}:q.fifo" }]`, "EI045 on_failure"},
		{"a name that is too long for a queue", `functions: [{ name: ` + strings.Repeat("f", 60) + `, on_failure: "arn:aws:sqs:us-east-1:${vars.dlq}:${function}-${function}" }]`, "EI040 for ffff"},
		{"a name that no bucket can have", `functions: [{ name: Orders, on_failure: "arn:aws:s3:::${function}-failed" }]`, "EI040 for Orders: on_failure"},
		{"a function that is its own destination", `functions: [{ name: a, on_failure: "arn:aws:lambda:us-east-1:111111111111:function:${function}", targets: [prod] }]`, "EI049 on_failure of a is"},
		{"no placeholder of destinations in a name", `functions: [{ name: "a-${region}", maximum_retry_attempts: 0 }]`, "EI042 ${region} is not a variable; use it in destinations"},
		{"a word that may be a variable", `functions: [{ name: "a-${stage}", maximum_retry_attempts: 0 }]`, "EI042 ${stage} is not a variable; write ${vars.stage}"},
		{"a word in a destination that may be one", `functions: [{ name: a, on_failure: "arn:aws:sqs:us-east-1:${queues}:q" }]`, "EI042 ${queues} is not a placeholder; write ${vars.queues}"},
		{"a variable that nobody has", `functions: [{ name: "${vars.team}", maximum_retry_attempts: 0 }]`, "EI037 no target has a variable \"team\"; add it to the vars of the targets, which have dlq, only, stage"},
		{"a variable that one target lacks", `functions: [{ name: "${vars.only}", maximum_retry_attempts: 0 }]`, "EI037 the variable \"only\" has no value in dev; add it"},
	} {
		t.Run(row.why, func(t *testing.T) {
			_, err := Load(oneFile(strings.Replace(twoStages, "stage: prod", "stage: prod, only: x", 1)+row.yaml), "fleet.yaml")
			if err == nil || !strings.Contains(err.Error(), ": "+row.want) {
				t.Errorf("got %v\nwant %s", err, row.want)
			}
		})
	}
}

func TestUnusedVariables(t *testing.T) {
	d := mustLoad(t, oneFile(twoStages+`
functions: [{ name: "${vars.stage}-a", targets: [prod], maximum_retry_attempts: 0, on_failure: "arn:aws:sqs:us-east-1:${vars.dlq}:q" }, { name: b, maximum_retry_attempts: 0 }]
rules: [{ match: { tags: { stage: "${vars.stage}" }, targets: [dev] }, set: { maximum_retry_attempts: 0 } }]
`))
	f := mustResolve(t, d, Target{}, nil)
	var got []string
	for _, w := range f.Warnings {
		got = append(got, w.Pos.String()+" "+w.Message)
	}
	want := []string{`fleet.yaml:4:85 without effect: the variable "dlq" of the target dev: nothing that is for this target uses it`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An origin has the template beside the line, and equal templates make equal origins.
func TestOriginsShowTheTemplate(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\ndefaults: { on_failure: \"arn:${partition}:sqs:${region}:${account}:${function}-dlq\", on_success: none }\nrules: [{ match: { functions: [\"*\"] } }]"))
	f := mustResolve(t, d, east, Inventory{east: found("a", "b")})
	a, b := f.Targets[0].Entries[0], f.Targets[0].Entries[1]
	if a.Origins != b.Origins || *a.Want == *b.Want {
		t.Errorf("two functions share what is said, and not what comes of it: %v %v", a, b)
	}
	if got := a.Origins.Settings[OnFailure].Template; got != "arn:${partition}:sqs:${region}:${account}:${function}-dlq" {
		t.Errorf("template %q", got)
	}
	if got := a.Origins.Settings[OnSuccess].Template; got != "" {
		t.Errorf("a value that stands as it is has the template %q", got)
	}
}

// What a variable is missing for, or has made wrong, says nothing: no made-up function is chosen by it, no
// rule of another file disagrees with it, and nobody lacks what it might have given. So a file is told the same
// beside another as alone.
func TestWhatCannotBeFilledInSaysNothing(t *testing.T) {
	sections := []struct {
		key   string
		items []string
	}{
		{"rules", []string{
			`{ match: { functions: ["${vars.stage}-d"] }, set: { maximum_retry_attempts: 0 } }`,
			`{ match: { functions: ["${vars.stage}-*", "c*"] }, set: { maximum_retry_attempts: 0 } }`,
			`{ match: { functions: ["*"], exclude: ["${vars.stage}-b"] }, set: { maximum_retry_attempts: 0 } }`,
			`{ match: { functions: ["*"], exclude: { functions: ["b*", "${vars.stage}"], tags: { k: ["${vars.tag}", w] } } }, set: { maximum_retry_attempts: 0 } }`,
			`{ match: { tags: { k: "${vars.tag}" } }, set: { maximum_retry_attempts: 0 } }`,
			`{ match: { functions: ["*"], qualifiers: ["${vars.stage}", live] }, set: { maximum_retry_attempts: 0 } }`,
			`{ match: { functions: ["*"], qualifiers: ["${vars.stage}*"] }, set: { maximum_retry_attempts: 0 } }`,
			`{ match: { functions: ["*"] }, set: { on_failure: "arn:aws:sqs:us-east-1:${vars.account}:${function}" } }`,
		}},
		{"ignore", []string{`{ functions: [z] }`, `{ functions: ["z-${vars.stage}-*", "${vars.stage}-z"] }`, `{ functions: ["b"], tags: { k: "${vars.tag}" } }`}},
		{"require", []string{`{ match: { functions: [z] }, failure_destination: required }`, `{ match: { functions: ["${vars.stage}*"], exclude: ["${vars.stage}"] }, failure_destination: required }`, `{ match: { functions: ["*"] }, destinations: ["arn:aws:sqs:us-east-1:${vars.account}:q"] }`}},
		{"functions", []string{
			`{ name: a, maximum_event_age_in_seconds: 60 }`,
			`{ name: "${vars.stage}-a", maximum_event_age_in_seconds: 60 }`, `{ name: "d:${vars.stage}", maximum_event_age_in_seconds: 60 }`,
			`{ name: b, maximum_event_age_in_seconds: 60 }`, `{ name: "b:live", maximum_event_age_in_seconds: 60 }`,
			`{ name: c, on_failure: "arn:aws:sqs:us-east-1:${vars.account}:q" }`,
			`{ name: prod-d, targets: [dev] }`, // the first rule may give it something
		}},
	}
	rapid.Check(t, func(t *rapid.T) {
		stage := rapid.SampledFrom([]string{"", "", ", vars: { stage: \"[:\" }"}).Draw(t, "stage")
		e := "version: 1\ntargets:\n  - { name: prod, account: \"111111111111\", regions: [us-east-1], vars: { stage: prod, tag: t, account: \"333333333333\" } }\n" +
			"  - { name: dev, account: \"222222222222\", regions: [us-east-1]" + stage + " }\n" +
			rapid.SampledFrom([]string{"", "defaults: { on_failure: \"arn:aws:sqs:us-east-1:${vars.account}:q\" }\n"}).Draw(t, "defaults")
		for _, section := range sections { // the first item is always there: something is missing, and somebody is declared
			items := append(section.items[:1:1], rapid.SliceOfNDistinct(rapid.SampledFrom(section.items[1:]), 0, 3, rapid.ID).Draw(t, section.key)...)
			e += section.key + ": [" + strings.Join(items, ", ") + "]\n"
		}
		f := "version: 1\ndefaults: { on_failure: none }\nrules: [{ match: { functions: [\"" + rapid.SampledFrom([]string{"*", "b", "x-*"}).Draw(t, "f") +
			"\"], targets: [dev] }, set: { maximum_retry_attempts: 1, on_failure: none } }]\n"
		_, alone := Load(files("e.yaml", e), "e.yaml")
		_, both := Load(files("e.yaml", e, "f.yaml", f), "e.yaml", "f.yaml")
		if (alone == nil) != (both == nil) || alone != nil && alone.Error() != both.Error() {
			t.Fatalf("%s\nalone\n%v\nand beside\n%s\n%v", e, alone, f, both)
		}
		var ps Problems
		for errors.As(alone, &ps); len(ps) > 0; ps = ps[1:] {
			if code := ps[0].Code; code != codeUnknownVariable && (stage == "" || code == codeManagesNothing || code == codeRuleConflict) {
				t.Fatalf("%s\nis told %v", e, ps[0])
			}
		}
	})
}
