package iampolicy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

var ambient = desired.Target{Account: "111111111111", Region: "us-east-1"}

func build(t testing.TB, yaml string, o Options) []Policy {
	t.Helper()
	file, err := desired.Loader{Stdin: strings.NewReader(yaml)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := file.Resolve(ambient, nil, desired.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	return Build(file, fleet, ambient, o)
}

const everything = `version: 1
targets:
  - { name: prod, account: "111111111111", regions: [us-east-1, eu-west-1], role_arn: "arn:aws:iam::111111111111:role/eventinvoke" }
  - { name: china, account: "222222222222", regions: [cn-north-1] }
rules:
  - match: { functions: ["payments-*", "*-worker", "payments-eu-[0-9]"], qualifiers: [live], targets: [prod] }
    set: { maximum_retry_attempts: 0 }
  - match: { tags: { tier: critical }, targets: [china] }
    set: { maximum_retry_attempts: 1 }
functions:
  - { name: checkout, targets: [prod], maximum_retry_attempts: 2 }
  - { name: "payments-admin:7", targets: [prod], maximum_retry_attempts: 2 }
  - { name: legacy, targets: [prod], remove: true }
`

const plain = "version: 1\nfunctions:\n  - { name: a, maximum_retry_attempts: 0 }\n  - { name: \"b:live\", maximum_retry_attempts: 0 }\n"

var served = Options{Mode: Apply, Queue: "arn:aws:sqs:eu-west-1:111111111111:drift", History: Bucket{"runs", "prod"}}

func TestBuildGolden(t *testing.T) {
	for _, row := range []struct {
		name, why, yaml string
		options         Options
	}{
		{"audit", "reads alone: rules as patterns, tags alone as every function, roles for the base credentials", everything, Options{}},
		{"apply", "writes too, and deletes only where something is to be removed", everything, Options{Mode: Apply}},
		{"plain-audit", "exact entries need no discovery, and only the alias needs a look", plain, Options{}},
		{"plain-apply", "what is about the same functions is one statement", plain, Options{Mode: Apply}},
		{"plain-orphans", "telling orphans takes two look-ups on every function", plain, Options{Orphans: true}},
		{"serve", "the base credentials take events and remember runs, whatever roles there are", everything, served},
		{"plain-serve", "without roles the target's credentials do that as well", plain, served},
		{"undeclared-delete", "where undeclared records go, every function may lose one", plain + "undeclared: delete\n", Options{Mode: Apply}},
		{"ignored-tags", "tags are needed to ignore by them, functions need not be listed", plain + "ignore:\n  - tags: { team: x }\n", Options{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var b bytes.Buffer
			for _, d := range build(t, row.yaml, row.options) {
				fmt.Fprintf(&b, "for %q %s\n%s", d.Label, d.Target, d.JSON())
			}
			path := "testdata/" + row.name + ".golden"
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("%s (-want +got), go test -update writes it:\n%s", row.why, diff)
			}
		})
	}
}

func TestPlacesInS3(t *testing.T) {
	for _, row := range []struct {
		why, partition string
		bucket         Bucket
		want           []string
		files          []string
	}{
		{"a prefix", "aws", Bucket{"runs", "a/b"}, []string{"arn:aws:s3:::runs", "arn:aws:s3:::runs/a/b/*"}, nil},
		{"the whole bucket", "aws", Bucket{"runs", ""}, []string{"arn:aws:s3:::runs", "arn:aws:s3:::runs/*"}, nil},
		{"another partition", "aws-cn", Bucket{"runs", "a"}, []string{"arn:aws-cn:s3:::runs", "arn:aws-cn:s3:::runs/a/*"}, nil},
		{"a prefix is no pattern and no variable", "aws", Bucket{"runs", "a*?${x}"}, []string{"arn:aws:s3:::runs", "arn:aws:s3:::runs/a${*}${?}${$}{x}/*"}, nil},
		{"none", "aws", Bucket{}, nil, nil},
		{"fleet files: an object or what is below it, and a prefix", "aws", Bucket{}, []string{"arn:aws:s3:::fleets", "arn:aws:s3:::fleets/a.yaml", "arn:aws:s3:::fleets/a.yaml/*", "arn:aws:s3:::fleets/team/*"},
			[]string{"s3://fleets/a.yaml", "s3://fleets/a.yaml/", "s3://fleets/team/"}},
		{"a whole bucket of fleet files", "aws", Bucket{}, []string{"arn:aws:s3:::fleets", "arn:aws:s3:::fleets/*"}, []string{"s3://fleets/"}},
	} {
		var got []string
		for _, s := range (Options{History: row.bucket, FleetFiles: row.files}).baseStatements(row.partition) {
			got = append(got, s.Resource...)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

// TestEveryTargetRemembersItsRuns: without roles each account is reached with
// credentials of its own, and its runs are remembered with the same ones. A queue
// of another partition cannot be theirs.
func TestEveryTargetRemembersItsRuns(t *testing.T) {
	const two = "version: 1\ntargets:\n  - { name: a, account: \"111111111111\", regions: [us-east-1] }\n  - { name: b, account: \"222222222222\", regions: [cn-north-1] }\n" +
		"functions:\n  - { name: f, maximum_retry_attempts: 0 }\n"
	var got []string
	for _, d := range build(t, two, served) {
		for _, s := range d.Statements {
			if s.Sid == "HistoryObjects" || s.Sid == "Queue" {
				got = append(got, d.Label+" "+s.Resource[0])
			}
		}
	}
	want := []string{"a " + served.Queue, "a arn:aws:s3:::runs/prod/*", "b arn:aws-cn:s3:::runs/prod/*"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestALongPolicyIsSplit: every part fits, and together they allow what the
// whole would.
func TestALongPolicyIsSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s []Statement
		want := map[string]bool{}
		for i := range rapid.IntRange(1, 4).Draw(t, "statements") {
			action := fmt.Sprintf("lambda:Action%d", i)
			var names []string
			for j := range rapid.IntRange(1, 200).Draw(t, "functions") {
				names = append(names, fmt.Sprintf("%s%d", strings.Repeat("x", rapid.IntRange(0, 60).Draw(t, "length")), j))
			}
			resources := resourcesOf(ambient, names)
			s = append(s, Statement{Sid: fmt.Sprintf("S%d", i), Effect: "Allow", Action: []string{action}, Resource: resources})
			for _, r := range resources {
				want[action+" "+r] = true
			}
		}
		parts := split(Policy{Label: "prod", Target: ambient, Statements: s})
		got := map[string]bool{}
		for i, p := range parts {
			var compact bytes.Buffer
			if err := json.Compact(&compact, p.JSON()); err != nil {
				t.Fatal(err)
			}
			if n := len(strings.TrimSpace(compact.String())); n > MaxCharacters {
				t.Fatalf("part %d has %d characters", i, n)
			}
			if p.Part != i+1 || p.Parts != len(parts) || p.Label != "prod" || len(p.Statements) == 0 {
				t.Fatalf("part %d calls itself %d of %d", i, p.Part, p.Parts)
			}
			for _, s := range p.Statements {
				for _, r := range s.Resource {
					if got[s.Action[0]+" "+r] {
						t.Fatalf("%s is allowed twice", r)
					}
					got[s.Action[0]+" "+r] = true
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if whole := length(policy(s)); len(parts) > 2*(whole/MaxCharacters+1) {
			t.Fatalf("%d characters became %d parts", whole, len(parts))
		}
	})
}

func TestCovers(t *testing.T) {
	for _, row := range []struct {
		why, wide, narrow string
		want              bool
	}{
		{"a name under a pattern", "pay-*", "pay-eu", true},
		{"a pattern under a wider one", "pay-*", "pay-eu-*", true},
		{"not the other way round", "pay-eu-*", "pay-*", false},
		{"a star is more than any character", "a?c", "a*c", false},
		{"any character is less than a star", "a*c", "a?c", true},
		{"a character is not any", "abc", "a?c", false},
		{"stars in the middle", "*-mid-*", "x-mid-mid-y", true},
		{"two stars are as good as one", "a**", "a*", true},
		{"an end is an end", "*-worker", "x-worker-2", false},
	} {
		if got := covers(row.wide, row.narrow); got != row.want {
			t.Errorf("%s: covers(%q, %q) is %v", row.why, row.wide, row.narrow, got)
		}
	}
}

// TestNothingIsLostByLeavingOutWhatIsCovered: each pattern that was left out is
// under one that stayed, and none that stayed is under another.
func TestNothingIsLostByLeavingOutWhatIsCovered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOf(rapid.StringMatching(`[ab*?]{1,4}`)).Draw(t, "patterns")
		kept := withoutCovered(patterns)
		for _, p := range patterns {
			if !slices.ContainsFunc(kept, func(k string) bool { return covers(k, p) }) {
				t.Fatalf("%q is lost from %q: %q", p, patterns, kept)
			}
		}
	})
}

// The account of LocalStack has the number that stands for the accounts of an organization where
// these are not known; a policy for it is for that account alone.
func TestAnAccountOfZerosIsOneAccount(t *testing.T) {
	yaml := strings.ReplaceAll(strings.ReplaceAll(everything, "111111111111", "000000000000"), "us-east-1, ", "")
	var all string
	for _, d := range build(t, yaml, Options{Mode: Apply}) {
		all += string(d.JSON())
	}
	if strings.Contains(all, ":*:") || !strings.Contains(all, `"arn:aws:iam::000000000000:role/eventinvoke"`) || !strings.Contains(all, "arn:aws:lambda:eu-west-1:000000000000:function:checkout") {
		t.Errorf("%s", all)
	}
}

// TestNoTargetLacksWhatItsRulesNeed: whatever stands for the same account beside it, an item of
// targets is allowed the functions of its own rules, and the listing or the tags that they choose by.
func TestNoTargetLacksWhatItsRulesNeed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		targets, rules := "version: 1\ntargets:\n", "rules:\n"
		byTag := map[string]bool{}
		for i := range rapid.IntRange(2, 4).Draw(rt, "targets") {
			name := fmt.Sprint("t", i)
			if i == 0 && rapid.Bool().Draw(rt, "an account of zeros") {
				targets += fmt.Sprintf("  - { name: %s, account: \"000000000000\", regions: [eu-west-1] }\n", name)
			} else {
				targets += fmt.Sprintf("  - { name: %s, organization: { role: r%d, regions: [eu-west-1] } }\n", name, i)
			}
			match := fmt.Sprintf(`functions: ["only-%s-*"]`, name)
			if byTag[name] = rapid.Bool().Draw(rt, "by tag"); byTag[name] {
				match += fmt.Sprintf(", tags: { team: %s }", name)
			}
			rules += fmt.Sprintf("  - { match: { %s, targets: [%s] }, set: { maximum_retry_attempts: 0 } }\n", match, name)
		}
		seen := map[string]bool{}
		for _, d := range build(t, targets+rules, Options{Mode: Apply}) {
			if d.Label == "" {
				continue // what assumes the roles of the others
			}
			text := string(d.JSON())
			asks := "lambda:ListFunctions"
			if byTag[d.Label] {
				asks = "tag:GetResources"
			}
			if seen[d.Label] = true; !strings.Contains(text, "only-"+d.Label+"-*") || !strings.Contains(text, asks) {
				rt.Fatalf("%s may not do what its rule needs (%s):\n%s%s\n%s", d.Label, asks, targets, rules, text)
			}
		}
		if len(seen) != len(byTag) {
			rt.Fatalf("policies for %v, of %v", seen, byTag)
		}
	})
}

// TestEachItemIsAllowedItsCalls: whatever stands beside it, in whatever order, and whichever targets
// nothing is said about, an item is allowed the calls that it needs in its target, and no more.
func TestEachItemIsAllowedItsCalls(t *testing.T) {
	calls := []string{"lambda:ListFunctionEventInvokeConfigs", "lambda:UpdateFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig", "lambda:ListAliases", "lambda:ListVersionsByFunction"}
	kinds := []struct {
		section, item string
		calls         []string
	}{
		{"functions", `{ name: "%s", targets: [%s], maximum_retry_attempts: 0 }`, calls[:2]},
		{"functions", `{ name: "%s:live", targets: [%s], maximum_retry_attempts: 0 }`, []string{calls[0], calls[1], calls[3]}},
		{"functions", `{ name: "%s:7", targets: [%s], maximum_retry_attempts: 0 }`, []string{calls[0], calls[1], calls[4]}},
		{"functions", `{ name: "%s", targets: [%s], remove: true }`, []string{calls[0], calls[2]}},
		{"rules", `{ match: { functions: ["%s"], targets: [%s] }, set: { maximum_retry_attempts: 0 } }`, calls[:2]},
		{"rules", `{ match: { functions: ["%s"], qualifiers: ["live"], targets: [%s] }, set: { maximum_retry_attempts: 0 } }`, []string{calls[0], calls[1], calls[3]}},
		{"require", `{ match: { functions: ["%s"], targets: [%s] }, failure_destination: required }`, calls[:1]},
	}
	rapid.Check(t, func(rt *rapid.T) {
		yaml := "version: 1\ntargets:\n"
		for i := range 4 {
			yaml += fmt.Sprintf("  - { name: t%d, account: \"%012d\", regions: [eu-west-1] }\n", i, i+1)
		}
		sections, want := map[string]string{}, map[string]bool{}
		for i, kind := range rapid.SliceOfN(rapid.IntRange(0, len(kinds)-1), 0, 16).Draw(rt, "items") {
			label, name := fmt.Sprint("t", rapid.IntRange(1, 2).Draw(rt, "target")), fmt.Sprintf("%c%d", rapid.RuneFrom([]rune("abc")).Draw(rt, "name"), i)
			sections[kinds[kind].section] += "  - " + fmt.Sprintf(kinds[kind].item, name, label) + "\n"
			for _, call := range kinds[kind].calls {
				want[label+" "+call+" "+name] = true
			}
		}
		if sections["functions"] == "" {
			sections["functions"] = "  - { name: z, targets: [t3], maximum_retry_attempts: 0 }\n"
			want["t3 "+calls[0]+" z"], want["t3 "+calls[1]+" z"] = true, true
		}
		for _, section := range rapid.Permutation([]string{"functions", "rules", "require"}).Draw(rt, "sections") {
			if sections[section] != "" {
				yaml += section + ":\n" + sections[section]
			}
		}
		got := map[string]bool{}
		for _, d := range build(t, yaml, Options{Mode: Apply}) {
			for _, s := range d.Statements {
				for _, call := range s.Action {
					for _, r := range s.Resource {
						if _, name, of := strings.Cut(r, ":function:"); of && slices.Contains(calls, call) {
							got[d.Label+" "+call+" "+strings.TrimSuffix(name, ":*")] = true
						}
					}
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-want +got): %s\n%s", diff, yaml)
		}
	})
}
