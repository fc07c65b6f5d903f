package desired

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Aliases cost a call for each function: those of functions that are ignored are not asked
// for, nor those of functions for which no rule has a pattern, or that are not selected.
func TestWhoseAliasesAreAskedFor(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
rules:
  - { match: { functions: ["pay-*"], qualifiers: ["live*"] }, set: { maximum_retry_attempts: 0 } }
  - { match: { functions: ["*"], qualifiers: [live] }, set: { maximum_event_age_in_seconds: 60 } }
ignore:
  - { functions: [pay-canary] }
  - { tags: { stack: old } }
`))
	asked, ofSome := d.Discoveries(east, Selection{})[0].Aliases, d.Discoveries(east, Selection{Functions: []string{"pay-out*", "o*"}})[0].Aliases
	for _, row := range []struct {
		function, stack string
		want, selected  bool
	}{{"pay-in", "new", true, false}, {"pay-in", "old", false, false}, {"pay-canary", "new", false, false}, {"other", "new", false, false},
		{"pay-out-1", "new", true, true}, {"pay-out-1", "old", false, false}} {
		tags := map[string]string{"stack": row.stack}
		if got, selected := asked(row.function, tags), ofSome(row.function, tags); got != row.want || selected != row.selected {
			t.Errorf("%s of the stack %s: %v, and %v in a selection", row.function, row.stack, got, selected)
		}
	}
}

// That an item of ignore waits for tags is no reason to pass over an entry of nothing: only a
// rule could give it settings.
func TestAnEntryOfNothingBesideIgnoreByTags(t *testing.T) {
	_, err := Load(oneFile("version: 1\nfunctions: [{ name: a }, { name: b, on_failure: none }]\nignore: [{ tags: { stack: old } }]\n"), "fleet.yaml")
	if err == nil || !strings.Contains(err.Error(), codeManagesNothing) {
		t.Errorf("got %v", err)
	}
}

// A variable has to be known where it is used: defaults are used by rules and entries, not by
// what their file ignores.
func TestVariablesOfDefaultsThatNobodyTakes(t *testing.T) {
	_, err := Load(files("a.yaml", twoStages+plainEntry, "b.yaml",
		"version: 1\ndefaults: { on_failure: \"arn:aws:sqs:us-east-1:${vars.nobody}:q\" }\nignore: [{ functions: [x] }]\n"), ".")
	if err != nil {
		t.Error(err)
	}
}

// A value under exclude has an effect where all of its tags are there, and not its own alone.
func TestAValueOfExcludeWithoutTheOthers(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
rules:
  - match: { functions: ["*"], exclude: { tags: { stage: [dev, old], team: x } } }
    set: { maximum_retry_attempts: 0 }
`))
	inv := TargetInventory{Functions: []string{"a", "b"}, Tags: map[string]map[string]string{
		"a": {"stage": "dev", "team": "x"}, "b": {"stage": "old", "team": "y"},
	}}
	w := mustResolve(t, d, east, Inventory{east: inv}).Warnings
	if len(w) != 1 || !strings.Contains(w[0].Message, `value "old" of the tag "stage" under exclude`) {
		t.Errorf("got %v", w)
	}
}

// What ignore takes out says nothing of what rules choose.
func TestNoRuleChoosesBesideIgnore(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\nrules: [{ match: { functions: [nobody] }, set: { on_failure: none } }]\nignore: [{ functions: [a] }]\n"))
	_, err := d.Resolve(east, Inventory{east: found("a")}, Selection{})
	if err == nil || !strings.Contains(err.Error(), "no rule chooses any of the functions that exist") {
		t.Errorf("got %v", err)
	}
}

// Two functions that send to a third are no circle, whatever that one sends to.
func TestWhatTwoSendToIsNoCircle(t *testing.T) {
	to := func(f string) string { return "arn:aws:lambda:us-east-1:111111111111:function:" + f }
	d := mustLoad(t, oneFile("version: 1\nfunctions:\n  - { name: a, on_failure: \""+to("z")+"\" }\n  - { name: b, on_failure: \""+to("z")+"\" }\n  - { name: z, on_failure: \""+to("end")+"\" }\n"))
	if w := mustResolve(t, d, east, nil).Warnings; len(w) != 0 {
		t.Errorf("got %v", w)
	}
}

// A qualifier of a rule that no function has is told of once; one that some function has is not,
// nor what only an exact entry names.
func TestQualifiersThatNoFunctionHas(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
rules:
  - { match: { functions: ["*"], qualifiers: [lvie, live, blue] }, set: { maximum_retry_attempts: 0 } }
functions: [{ name: a, qualifier: exact, maximum_retry_attempts: 0 }, { name: b, qualifier: gone, remove: true }]
`))
	f := mustResolve(t, d, east, Inventory{east: {Functions: []string{"a", "b"}}})
	has := map[string][]string{"a": {"green", "live"}, "b": {"blue", "other"}}
	got := f.UnusedQualifiers(func(k Key) ([]string, bool) {
		return has[k.Function], !slices.Contains(has[k.Function], k.Qualifier)
	})
	want := `fleet.yaml:3:1: EI066 without effect: the qualifier "lvie" of rules[0]: none of the functions has it that the rule chooses (2); did you mean live? Aliases are case-sensitive`
	if got.Error() != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	// Of b nobody knows: it may have the qualifier.
	if got := f.UnusedQualifiers(func(k Key) ([]string, bool) { return nil, k.Function == "a" && k.Qualifier != "live" }); len(got) != 0 {
		t.Errorf("got %s", got)
	}
}

// Exactly the limit is taken, and one more is not.
func TestLimitsAreLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	entry := func(what string) string { return "version: 1\nfunctions: [" + what + "]\n" }
	for what, file := range map[string]func(n int) string{
		"function 64": func(n int) string { return entry("{ name: " + long(n) + ", maximum_retry_attempts: 0 }") },
		"alias 128":   func(n int) string { return entry("{ name: f, qualifier: " + long(n) + ", maximum_retry_attempts: 0 }") },
		"pattern 512": func(n int) string {
			return "version: 1\nrules: [{ match: { functions: [\"" + long(n-1) + "*\"] }, set: { maximum_retry_attempts: 0 } }]\n"
		},
		"retries 2": func(n int) string { return entry(fmt.Sprintf("{ name: f, maximum_retry_attempts: %d }", n)) },
		"age 21600": func(n int) string { return entry(fmt.Sprintf("{ name: f, maximum_event_age_in_seconds: %d }", n)) },
	} {
		name, number, _ := strings.Cut(what, " ")
		limit, _ := strconv.Atoi(number)
		for n, right := range map[int]bool{limit: true, limit + 1: false} {
			if _, err := Load(oneFile(file(n)), "fleet.yaml"); (err == nil) != right {
				t.Errorf("%s of %d: %v", name, n, err)
			}
		}
	}
}

// A rule all of whose functions are ignored chooses functions, and a pattern for aliases that
// nobody listed may match some.
func TestWhatIsNotWithoutEffect(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
rules:
  - { match: { functions: [gone] }, set: { maximum_event_age_in_seconds: 60 } }
  - { match: { functions: [a], qualifiers: ["live*"] }, set: { maximum_retry_attempts: 0 } }
ignore: [{ functions: [gone] }]
`))
	w := mustResolve(t, d, east, Inventory{east: found("a", "gone")}).Warnings
	if len(w) != 1 || w[0].Code != codeNoEffect || w[0].Pos.Line != 3 || strings.Contains(w[0].Message, "chooses no function") {
		t.Errorf("got %v", w)
	}
}

// Patterns for aliases are those for function names, and messages call them what they are.
func TestAWrongPatternForAliases(t *testing.T) {
	_, err := Load(oneFile("version: 1\nrules: [{ match: { functions: [a], qualifiers: [\"live[\"] }, set: { maximum_retry_attempts: 0 } }]\n"), "fleet.yaml")
	want := `fleet.yaml:2:49: EI031 the pattern "live[" has [ without ]; use an alias, a version number, $LATEST, or a pattern for aliases such as "live*"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	_, err = Load(oneFile("version: 1\nrules: [{ match: { functions: [a], qualifiers: [\"[,]\"] }, set: { maximum_retry_attempts: 0 } }]\n"), "fleet.yaml")
	if err == nil || !strings.Contains(err.Error(), `has ",", which no alias has`) {
		t.Errorf("got %v", err)
	}
}

// Wherever a variable may stand, one without its vars. is told what to write.
func TestAVariableWithoutVars(t *testing.T) {
	for where, file := range map[string]string{
		"name":       "functions: [{ name: \"a-${stage}\", maximum_retry_attempts: 0 }]",
		"qualifier":  "functions: [{ name: a, qualifier: \"${stage}\", maximum_retry_attempts: 0 }]",
		"pattern":    "rules: [{ match: { functions: [\"${stage}-*\"] }, set: { maximum_retry_attempts: 0 } }]",
		"exclude":    "rules: [{ match: { functions: [\"*\"], exclude: [\"${stage}-*\"] }, set: { maximum_retry_attempts: 0 } }]",
		"tag":        "rules: [{ match: { tags: { stage: \"${stage}\" } }, set: { maximum_retry_attempts: 0 } }]",
		"qualifiers": "rules: [{ match: { functions: [\"*\"], qualifiers: [\"${stage}\"] }, set: { maximum_retry_attempts: 0 } }]",
	} {
		_, err := Load(oneFile("version: 1\n"+file+"\n"), "fleet.yaml")
		if err == nil || !strings.Contains(err.Error(), codeUnknownPlaceholder+" ${stage} is not a variable; write ${vars.stage}, and stage under the vars of the targets") {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// Where an entry could have been is listed for five targets, and for more it is not: a message is
// for one screen.
func TestWhereAnEntryCouldHaveBeen(t *testing.T) {
	regions := []string{"eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1", "eu-south-1", "eu-central-1"}
	for n, listed := range map[int]bool{1: true, 5: true, 6: false} {
		_, err := Load(oneFile("version: 1\ntargets: [{ name: a, account: \"111111111111\", regions: ["+strings.Join(regions[:n], ", ")+"] }]\n"+
			"functions: [{ name: \"arn:aws:lambda:eu-west-1:222222222222:function:f\", maximum_retry_attempts: 0 }]\n"), "fleet.yaml")
		if err == nil || strings.Contains(err.Error(), "in a declared target (") != listed || listed && strings.Count(err.Error(), "111111111111/") != n {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// A variable may stand in the name, in the qualifier or in both, and in neither.
func TestVariablesInNamesAndQualifiers(t *testing.T) {
	for entry, want := range map[string]string{
		"name: \"a-${vars.stage}\"":                                                 "a-prod",
		"name: a, qualifier: \"${vars.stage}\"":                                     "a:prod",
		"name: \"a-${vars.stage}\", qualifier: \"${vars.stage}\"":                   "a-prod:prod",
		"name: \"a-${vars.stage}:live\"":                                            "a-prod:live",
		"name: a, on_success: \"arn:aws:sqs:us-east-1:111111111111:${vars.stage}\"": "a",
	} {
		d := mustLoad(t, oneFile("version: 1\ntargets: [{ name: p, account: \"111111111111\", regions: [us-east-1], vars: { stage: prod } }]\nfunctions: [{ "+entry+", maximum_retry_attempts: 0 }]\n"))
		e := mustResolve(t, d, Target{}, nil).Targets[0].Entries
		if len(e) != 1 || e[0].Name.String() != want {
			t.Errorf("%s: got %v, want %s", entry, e, want)
		}
	}
}

// A pattern for aliases has an effect where one of the functions that its rule chooses has such an
// alias, in whichever target, or where nobody knows whether it has.
func TestPatternsForAliasesWithEffect(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
targets:
  - { name: one, account: "111111111111", regions: [us-east-1] }
  - { name: two, account: "222222222222", regions: [us-east-1] }
rules:
  - { match: { functions: [a, b], qualifiers: ["live*"] }, set: { maximum_retry_attempts: 0 } }
functions: [{ name: c, maximum_retry_attempts: 0 }]
`))
	two := Target{"222222222222", "us-east-1"}
	for _, row := range []struct {
		why      string
		one, two map[string][]string
		without  bool
	}{
		{"of the first function", map[string][]string{"a": {"live-1"}, "b": {"x"}}, map[string][]string{"a": {}, "b": {}}, false},
		{"of the last function of the last target", map[string][]string{"a": {}, "b": {"x"}}, map[string][]string{"a": {"y"}, "b": {"w", "live"}}, false},
		{"aliases that were not listed", map[string][]string{"a": {}, "b": {}}, map[string][]string{"a": {}}, false},
		{"of no function", map[string][]string{"a": {"alive"}, "b": {}}, map[string][]string{"a": {"LIVE"}, "b": {"x"}, "c": {"live"}}, true},
	} {
		inv := Inventory{east: {Functions: []string{"a", "b"}, Aliases: row.one}, two: {Functions: []string{"a", "b", "c"}, Aliases: row.two}}
		w := mustResolve(t, d, Target{}, inv).Warnings
		if got := strings.Contains(w.Error(), `the qualifier "live*" of rules[0]`); got != row.without {
			t.Errorf("%s: %v", row.why, w)
		}
	}
}

// A rule that only a declared function which does not exist has to do with is not without effect,
// and neither is its pattern: that the function is missing is for the run to say.
func TestThePatternOfAMissingFunction(t *testing.T) {
	d := mustLoad(t, oneFile(`version: 1
rules:
  - { match: { functions: [gone] }, set: { maximum_event_age_in_seconds: 60 } }
functions: [{ name: gone, maximum_retry_attempts: 0 }]
`))
	if w := mustResolve(t, d, east, Inventory{east: found("a")}).Warnings; len(w) != 0 {
		t.Errorf("got %v", w)
	}
}

// Lambda takes 350 characters of a destination; up to there its form is what is wrong.
func TestALongDestination(t *testing.T) {
	for n, code := range map[int]string{350: codeBadARN, 351: codeDestinationTooLong} {
		arn := "arn:aws:sns:us-east-1:111111111111:"
		_, err := Load(oneFile("version: 1\nfunctions: [{ name: f, on_failure: \""+arn+strings.Repeat("t", n-len(arn))+"\" }]\n"), "fleet.yaml")
		if err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// Credentials that name an account or a region alone name no target.
func TestHalfATargetIsNone(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\nfunctions: [{ name: a, maximum_retry_attempts: 0 }]\n"))
	for _, ambient := range []Target{{}, {Account: east.Account}, {Region: east.Region}} {
		if all, err := d.Targets(ambient); err == nil {
			t.Errorf("%+v: %+v", ambient, all)
		}
	}
	if all, err := d.Targets(east); err != nil || len(all) != 1 || all[0].Target != east {
		t.Errorf("%+v, %v", all, err)
	}
}

// What stands before the slash of a key is kept, whatever the name behind it says as well.
func TestALabelBeforeAnARN(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-1:111111111111:function:orders"
	for typed, where := range map[string]string{arn: east.String(), "prod/" + arn: "prod", west.String() + "/" + arn: west.String()} {
		if q, err := ParseKey(typed); err != nil || q.Where != where || q.Region != east.Region {
			t.Errorf("%s: where %q, %+v, %v", typed, q.Where, q, err)
		}
	}
}

// remoteFiles has every name with a scheme, and fails the test for any other.
type remoteFiles struct{ t *testing.T }

func (r remoteFiles) Open(name string) (fs.File, error) {
	if !strings.HasPrefix(name, "s3://") {
		r.t.Errorf("%s was taken for a remote file", name)
	}
	return oneFile("version: 1\nrules: [{ match: { functions: [b] }, set: { maximum_retry_attempts: 0 } }]\n").Open("fleet.yaml")
}

// A name with a scheme is a remote file where there is a Remote, and any other is none.
func TestRemoteFilesBesideThoseOfTheSystem(t *testing.T) {
	here := filepath.Join(t.TempDir(), "here.yaml")
	if err := os.WriteFile(here, []byte("version: 1\nfunctions: [{ name: a, maximum_retry_attempts: 0 }]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const there = "s3://bucket/there.yaml"
	if d, err := (Loader{Remote: remoteFiles{t}}).LoadFiles(here, there); err != nil || len(d.Files()) != 2 {
		t.Errorf("both: %v", err)
	}
	if _, err := LoadFiles(there); err == nil {
		t.Error("a remote file is read where nothing is remote")
	}
}
