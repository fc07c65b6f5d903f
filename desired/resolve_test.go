package desired

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// lines writes a fleet as one line a key: what a table can hold and a person
// can read.
func lines(f Fleet) []string {
	var out []string
	for _, t := range f.Targets {
		for _, e := range t.Entries {
			line := t.Region + " " + e.Name.String()
			if e.Remove {
				line += " remove"
			}
			if e.Optional {
				line += " optional"
			}
			for i, v := range e.Want {
				if v.IsSet() {
					line += fmt.Sprintf(" %s=%v@%s", short[i], v, e.Origins.Settings[i].LayerName())
				}
			}
			out = append(out, line)
		}
		for _, i := range t.Ignored {
			out = append(out, t.Region+" "+i.Name.String()+" ignored by "+i.By.LayerName())
		}
	}
	return out
}

var short = [NumSettings]string{"retries", "age", "success", "failure"}

func found(names ...string) TargetInventory {
	slices.Sort(names)
	return TargetInventory{Functions: names}
}

func TestLayers(t *testing.T) {
	for _, row := range []struct {
		why, yaml string
		inv       Inventory
		want      []string
	}{
		{
			why: "defaults under rules under functions, field by field",
			yaml: `
defaults: { maximum_retry_attempts: 2, maximum_event_age_in_seconds: 100, on_failure: none }
rules:
  - match: { functions: ["*"] }
    set: { maximum_event_age_in_seconds: 200, maximum_retry_attempts: 1 }
functions:
  - { name: a, maximum_retry_attempts: 0 }`,
			inv: Inventory{east: found("a", "b")},
			want: []string{
				"us-east-1 a retries=0@functions[0] age=200@rules[0] failure=none@defaults",
				"us-east-1 b retries=1@rules[0] age=200@rules[0] failure=none@defaults",
			},
		},
		{
			why: "within a file the later rule wins",
			yaml: `
rules:
  - match: { functions: ["*"] }
    set: { maximum_retry_attempts: 1, on_failure: none }
  - match: { functions: ["a*"] }
    set: { maximum_retry_attempts: 0 }`,
			inv: Inventory{east: found("ab", "b")},
			want: []string{
				"us-east-1 ab retries=0@rules[1] failure=none@rules[0]",
				"us-east-1 b retries=1@rules[0] failure=none@rules[0]",
			},
		},
		{
			why: "a rule's alias makes an optional key, an exact entry never is one",
			yaml: `
rules:
  - match: { functions: ["*"], qualifiers: [live, $LATEST] }
    set: { maximum_retry_attempts: 1 }
functions:
  - { name: a, qualifier: live, on_failure: none }`,
			inv: Inventory{east: found("a", "b")},
			want: []string{
				"us-east-1 a retries=1@rules[0]",
				"us-east-1 a:live retries=1@rules[0] failure=none@functions[0]",
				"us-east-1 b retries=1@rules[0]",
				"us-east-1 b:live optional retries=1@rules[0]",
			},
		},
		{
			why: "a rule adds no key to a declared function that does not exist, but sets its fields",
			yaml: `
rules:
  - match: { functions: ["*"], qualifiers: [live, $LATEST] }
    set: { maximum_retry_attempts: 1 }
functions:
  - { name: gone, on_failure: none }`,
			inv:  Inventory{east: found("a")},
			want: []string{"us-east-1 a retries=1@rules[0]", "us-east-1 a:live optional retries=1@rules[0]", "us-east-1 gone retries=1@rules[0] failure=none@functions[0]"},
		},
		{
			why: "exclude and tags narrow, and * is any value of a tag that is there",
			yaml: `
rules:
  - match: { functions: ["p-*"], exclude: ["p-sandbox*"], tags: { tier: critical, team: "*" } }
    set: { maximum_retry_attempts: 0 }
  - match: { tags: { team: x } }
    set: { on_failure: none }`,
			inv: Inventory{east: {
				Functions: []string{"other", "p-1", "p-2", "p-3", "p-sandbox"},
				Tags: map[string]map[string]string{
					"other": {"team": "x"},
					"p-1":   {"tier": "critical", "team": "x"}, "p-2": {"tier": "critical"}, "p-3": {"tier": "low", "team": "y"},
					"p-sandbox": {"tier": "critical", "team": "z"},
				},
			}},
			want: []string{"us-east-1 other failure=none@rules[1]", "us-east-1 p-1 retries=0@rules[0] failure=none@rules[1]"},
		},
		{
			why: "a list of values is any of them, and exclude takes what has one of its patterns or all of its tags",
			yaml: `
rules:
  - match:
      tags: { tier: [gold, "s*"], team: "*" }
      exclude: { functions: ["*-sandbox"], tags: { lifecycle: "*", stage: [old, gone] } }
    set: { maximum_retry_attempts: 0 }`,
			inv: Inventory{east: {
				Functions: []string{"gold", "half", "lead", "old", "silver", "x-sandbox"},
				Tags: map[string]map[string]string{
					"gold": {"tier": "gold", "team": "x"}, "silver": {"tier": "silver", "team": "x"}, "lead": {"tier": "lead", "team": "x"},
					"x-sandbox": {"tier": "gold", "team": "x"},
					"old":       {"tier": "gold", "team": "x", "lifecycle": "1", "stage": "gone"},
					"half":      {"tier": "gold", "team": "x", "lifecycle": "1", "stage": "new"},
				},
			}},
			want: []string{"us-east-1 gold retries=0@rules[0]", "us-east-1 half retries=0@rules[0]", "us-east-1 silver retries=0@rules[0]"},
		},
		{
			why: "what exclude asks of tags is not known of a target that nobody looked at: such a rule says nothing there",
			yaml: `
rules:
  - match: { functions: [a], exclude: { tags: { old: "*" } } }
    set: { maximum_retry_attempts: 0 }
functions:
  - { name: a, on_failure: none }`,
			want: []string{"us-east-1 a failure=none@functions[0]"},
		},
		{
			why: "remove beats every rule, and no value comes with it",
			yaml: `
defaults: { on_failure: none }
rules:
  - match: { functions: ["*"] }
    set: { maximum_retry_attempts: 1 }
functions:
  - { name: a, remove: true }`,
			inv:  Inventory{east: found("a")},
			want: []string{"us-east-1 a remove"},
		},
		{
			why: "ignore takes out what rules choose",
			yaml: `
rules:
  - match: { functions: ["*"], qualifiers: [$LATEST, live] }
    set: { maximum_retry_attempts: 1 }
ignore:
  - functions: ["*-canary"]
  - tags: { "aws:cloudformation:stack-name": "*" }`,
			inv: Inventory{east: {Functions: []string{"a", "b-canary", "c"}, Tags: map[string]map[string]string{"c": {"aws:cloudformation:stack-name": "s"}}}},
			want: []string{
				"us-east-1 a retries=1@rules[0]", "us-east-1 a:live optional retries=1@rules[0]",
				"us-east-1 b-canary ignored by ignore[0]", "us-east-1 b-canary:live ignored by ignore[0]",
				"us-east-1 c ignored by ignore[1]", "us-east-1 c:live ignored by ignore[1]",
			},
		},
		{
			why: "placeholders are the target's, in every layer",
			yaml: `
defaults: { on_failure: "arn:${partition}:sqs:${region}:${account}:dlq" }
functions:
  - { name: a, on_success: "arn:aws:lambda:${region}:${account}:function:done" }`,
			want: []string{"us-east-1 a success=arn:aws:lambda:us-east-1:111111111111:function:done@functions[0] failure=arn:aws:sqs:us-east-1:111111111111:dlq@defaults"},
		},
		{
			why: "entries of all targets, of one label, and of an ARN",
			yaml: `
targets:
  - { name: prod, account: "111111111111", regions: [us-east-1] }
  - { name: eu, account: "111111111111", regions: [eu-west-1] }
defaults: { on_failure: none }
functions:
  - name: all
  - { name: some, targets: [eu] }
  - name: arn:aws:lambda:us-east-1:111111111111:function:one
  - name: 111111111111:function:account`,
			want: []string{
				"eu-west-1 account failure=none@defaults", "eu-west-1 all failure=none@defaults", "eu-west-1 some failure=none@defaults",
				"us-east-1 account failure=none@defaults", "us-east-1 all failure=none@defaults", "us-east-1 one failure=none@defaults",
			},
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			f := mustResolve(t, mustLoad(t, oneFile("version: 1"+row.yaml+"\n")), east, row.inv)
			if diff := cmp.Diff(row.want, lines(f)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDefaultsStayInTheirFile(t *testing.T) {
	fsys := files(
		"a.yaml", "version: 1\ndefaults: { maximum_retry_attempts: 0 }\nfunctions:\n  - { name: a, on_failure: none }\n",
		"b.yaml", "version: 1\nrules:\n  - match: { functions: [\"*\"] }\n    set: { maximum_event_age_in_seconds: 60 }\nfunctions:\n  - { name: b, on_failure: none }\n",
	)
	f := mustResolve(t, mustLoad(t, fsys), east, Inventory{east: found("a", "b", "c")})
	want := []string{
		"us-east-1 a retries=0@defaults age=60@rules[0] failure=none@functions[0]",
		"us-east-1 b age=60@rules[0] failure=none@functions[0]",
		"us-east-1 c age=60@rules[0]",
	}
	if diff := cmp.Diff(want, lines(f)); diff != "" {
		t.Error(diff)
	}
}

func TestFilesThatDisagree(t *testing.T) {
	rule := func(set string) string {
		return "version: 1\nrules:\n  - match: { functions: [\"*\"] }\n    set: { " + set + " }\n"
	}
	for _, row := range []struct {
		why, a, b string
		conflict  bool
	}{
		{"two rules, one field, two values", rule("maximum_retry_attempts: 0"), rule("maximum_retry_attempts: 1"), true},
		{"the same value is no conflict", rule("maximum_retry_attempts: 1"), rule("maximum_retry_attempts: 1"), false},
		{"different fields are none", rule("maximum_retry_attempts: 1"), rule("on_failure: none"), false},
		{"values are compared with placeholders filled in", rule(`on_failure: "arn:aws:sqs:us-east-1:111111111111:q"`), rule(`on_failure: "arn:${partition}:sqs:${region}:111111111111:q"`), false},
		{"defaults of two files meet in one key", rule("on_failure: none") + "defaults: { maximum_retry_attempts: 0 }\n", rule("on_failure: none") + "defaults: { maximum_retry_attempts: 1 }\n", true},
		{"a rule overrules both defaults", rule("maximum_retry_attempts: 2") + "defaults: { maximum_retry_attempts: 0 }\n", rule("on_failure: none") + "defaults: { maximum_retry_attempts: 1 }\n", false},
		{"only the last rule of a file counts", rule("maximum_retry_attempts: 0") + "  - match: { functions: [\"*\"] }\n    set: { maximum_retry_attempts: 1 }\n", rule("maximum_retry_attempts: 1"), false},
	} {
		t.Run(row.why, func(t *testing.T) {
			d := mustLoad(t, files("a.yaml", row.a, "b.yaml", row.b))
			_, err := d.Resolve(east, Inventory{east: found("f", "g")}, Selection{})
			if (err != nil) != row.conflict {
				t.Fatalf("conflict %v, want %v: %v", err != nil, row.conflict, err)
			}
			if err != nil && (strings.Count(err.Error(), codeRuleConflict) != 1 || !strings.Contains(err.Error(), "a.yaml:")) {
				t.Errorf("the conflict is to be told once, with both places: %v", err)
			}
		})
	}
}

func TestNothingLeftIsAnError(t *testing.T) {
	rules := "version: 1\nrules:\n  - match: { functions: [\"x-*\"] }\n    set: { maximum_retry_attempts: 0 }\n"
	for _, row := range []struct {
		why, yaml string
		inv       Inventory
		fails     bool
	}{
		{"a rule that stopped matching", rules, Inventory{east: found("a")}, true},
		{"an empty account", rules, Inventory{east: {}}, true},
		{"everything is ignored", rules + "ignore: [ { functions: [\"*\"] } ]\n", Inventory{east: found("x-1")}, true},
		{"not discovered yet: validate has no inventory", rules, nil, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			_, err := mustLoad(t, oneFile(row.yaml)).Resolve(east, row.inv, Selection{})
			if (err != nil) != row.fails || (err != nil && !strings.Contains(err.Error(), codeNoEntries)) {
				t.Error(err)
			}
		})
	}
}

// Offline nothing is known of the account: placeholders stay, and ARNs are
// taken at their word.
func TestOffline(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
defaults: { on_failure: "arn:${partition}:sqs:${region}:${account}:dlq" }
rules:
  - match: { tags: { a: b } }
    set: { maximum_retry_attempts: 0 }
functions:
  - name: plain
  - name: arn:aws-cn:lambda:cn-north-1:222222222222:function:there
`))
	f := mustResolve(t, d, Target{}, nil)
	want := []string{" plain failure=arn:${partition}:sqs:${region}:${account}:dlq@defaults", "cn-north-1 there failure=arn:aws-cn:sqs:cn-north-1:222222222222:dlq@defaults"}
	if diff := cmp.Diff(want, lines(f)); diff != "" {
		t.Error(diff)
	}
	if _, err := d.Resolve(east, nil, Selection{}); err == nil || !strings.Contains(err.Error(), codeNotATarget) {
		t.Errorf("with known credentials the other account is an error: %v", err)
	}
	if _, err := d.Targets(Target{}); err == nil {
		t.Error("no targets at all were accepted")
	}
}

// However many entries name a target, in whatever order, it is one.
func TestEntriesBringEachTargetOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, want := "version: 1\nfunctions:\n", map[string]int{}
		for i, region := range rapid.SliceOfN(rapid.SampledFrom([]string{"", "eu-west-1", "us-east-1", "us-west-2"}), 1, 8).Draw(t, "regions") {
			name, at := fmt.Sprintf("f%d", i), "/"
			if region != "" {
				name, at = "arn:aws:lambda:"+region+":111111111111:function:"+name, "111111111111/"+region
			}
			text += "  - { name: \"" + name + "\", maximum_retry_attempts: 0 }\n"
			want[at]++
		}
		d, err := Load(oneFile(text), "fleet.yaml")
		if err != nil {
			t.Fatal(err)
		}
		fleet, err := d.Resolve(Target{}, nil, Selection{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, target := range fleet.Targets {
			at := target.Account + "/" + target.Region
			if _, again := got[at]; again {
				t.Errorf("%s is a target twice", at)
			}
			got[at] = len(target.Entries)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", diff, text)
		}
	})
}

func TestSharedValues(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\nrules:\n  - match: { functions: [\"*\"] }\n    set: { maximum_retry_attempts: 0 }\nfunctions:\n  - { name: c, maximum_retry_attempts: 0 }\n"))
	e := mustResolve(t, d, east, Inventory{east: found("a", "b", "c")}).Targets[0].Entries
	if e[0].Want != e[1].Want || *e[0].Want != *e[2].Want || e[0].Origins != e[1].Origins || e[0].Origins == e[2].Origins {
		t.Error("functions that the same rules choose must share what they want")
	}
}

func TestLongLoops(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nfunctions:\n")
	const n = 5_000
	for i := range n {
		fmt.Fprintf(&b, "  - { name: f%05d, on_failure: \"arn:aws:lambda:us-east-1:111111111111:function:f%05d\" }\n", i, (i+1)%n)
	}
	f := mustResolve(t, mustLoad(t, oneFile(b.String())), east, nil)
	if len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0].Message, "f00000 → f00001 → f00002 → f00003 → f00004 → f00005 → 4994 more → f00000") {
		t.Errorf("%v", f.Warnings)
	}
}
