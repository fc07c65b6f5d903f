package desired

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const organizationFleet = `version: 1
targets:
  - name: prod
    organization: {role: jobs/eventinvoke, units: [ou-ab12-cdef3456], accounts: {exclude: ["999999999999"]}, regions: [eu-west-1, us-east-1]}
    quota: 30
  - name: rest
    organization: {role: eventinvoke, regions: enabled}
    external_id: fleet-7
  - name: tools
    account: "555555555555"
    regions: [eu-west-1]
defaults: {maximum_retry_attempts: 1}
functions:
  - name: checkout
  - name: arn:aws:lambda:eu-west-1:111111111111:function:only-here
`

func loadText(t testing.TB, text string) *Document {
	t.Helper()
	doc, err := Loader{Stdin: strings.NewReader(text)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOrganizationBecomesTargets(t *testing.T) {
	doc := loadText(t, organizationFleet)
	doc = doc.WithMembers(map[string][]Member{
		"prod": {{Account: "111111111111"}, {Account: "999999999999"}},
		"rest": {{Account: "111111111111", Regions: []string{"eu-west-1", "eu-west-2"}}, {Account: "555555555555", Regions: []string{"eu-west-1"}}},
	})
	targets, err := doc.Targets(Target{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range targets {
		got = append(got, strings.TrimSpace(s.Label+" "+s.Target.String()+" "+s.RoleARN+" "+s.ExternalID))
	}
	want := []string{
		"prod 111111111111/eu-west-1 arn:aws:iam::111111111111:role/jobs/eventinvoke", // the first organization has it
		"rest 111111111111/eu-west-2 arn:aws:iam::111111111111:role/eventinvoke fleet-7",
		"prod 111111111111/us-east-1 arn:aws:iam::111111111111:role/jobs/eventinvoke",
		"tools 555555555555/eu-west-1", // an item of its own wins
	}
	if !slices.Equal(got, want) {
		t.Errorf("targets:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	fleet, err := doc.Resolve(Target{}, nil, Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if n := fleet.Configs(); n != 5 { // checkout in four targets, and the one with an ARN
		t.Errorf("%d configs, want 5", n)
	}
}

// Until a run has asked, the files alone are checked: for an account that stands for all.
func TestOrganizationIsCheckedOffline(t *testing.T) {
	doc := loadText(t, organizationFleet)
	if _, err := doc.Resolve(Target{}, nil, Selection{}); err != nil {
		t.Error(err)
	}
	fleet, err := loadText(t, strings.Replace(organizationFleet, "maximum_retry_attempts: 1", `on_failure: "arn:aws:sqs:ap-south-1:${account}:q"`, 1)).Resolve(Target{}, nil, Selection{})
	if err != nil || !slices.ContainsFunc(fleet.Warnings, func(p Problem) bool { return p.Code == codeOtherRegion }) {
		t.Errorf("a queue of another region: %v, %v", fleet.Warnings, err)
	}
}

func TestExcludedAccountThatIsNoMember(t *testing.T) {
	doc := loadText(t, organizationFleet).WithMembers(map[string][]Member{"prod": {{Account: "111111111111"}}, "rest": {}})
	fleet, err := doc.Resolve(Target{}, nil, Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(fleet.Warnings, func(p Problem) bool { return p.Code == codeNoEffect && strings.Contains(p.Message, "999999999999") }) {
		t.Errorf("warnings: %v", fleet.Warnings)
	}
}

// An entry about an account that has left is without effect, and no error: the account
// goes without anybody asking whether a fleet file names it. What no account could be is
// an error before anything was asked.
func TestAnEntryOfAnAccountThatLeft(t *testing.T) {
	doc := loadText(t, organizationFleet).WithMembers(map[string][]Member{"prod": {{Account: "222222222222"}}, "rest": {}})
	fleet, err := doc.Resolve(Target{}, nil, Selection{})
	if err != nil || fleet.Configs() != 3 || !slices.ContainsFunc(fleet.Warnings, func(p Problem) bool {
		return p.Code == codeNoEffect && strings.Contains(p.Message, "function:only-here: AWS Organizations lists no such account or region for prod")
	}) {
		t.Errorf("%d configs, %v, %v", fleet.Configs(), fleet.Warnings, err)
	}
	only := strings.Replace(organizationFleet, "regions: enabled", "regions: [eu-west-2]", 1)
	for region, right := range map[string]bool{"eu-west-2": true, "eu-west-1": true, "ap-south-1": false} {
		_, err := Loader{Stdin: strings.NewReader(strings.Replace(only, "lambda:eu-west-1:", "lambda:"+region+":", 1))}.LoadFiles("-")
		if (err == nil) != right || err != nil && !strings.Contains(err.Error(), "EI033") {
			t.Errorf("an entry in %s: %v", region, err)
		}
	}
}

// What an organization had is its own again, and what the files leave out stays out.
func TestFormerTargets(t *testing.T) {
	refused := errors.New("which regions 222222222222 has is not known")
	doc := loadText(t, organizationFleet).WithMembers(map[string][]Member{
		"prod": {{Account: "111111111111"}}, "rest": {{Account: "222222222222", Regions: []string{"us-east-1"}, Err: refused}},
	})
	for _, c := range []struct {
		why  string
		was  TargetSpec
		want string
	}{
		{"it left", TargetSpec{Target: Target{"333333333333", "eu-west-1"}, Label: "prod"}, "prod arn:aws:iam::333333333333:role/jobs/eventinvoke"},
		{"any region is one of those that are enabled", TargetSpec{Target: Target{"333333333333", "ap-south-1"}, Label: "rest"}, "rest arn:aws:iam::333333333333:role/eventinvoke"},
		{"nobody knows whose it was", TargetSpec{Target: Target{"333333333333", "us-east-1"}}, "prod arn:aws:iam::333333333333:role/jobs/eventinvoke"},
		{"it is there", TargetSpec{Target: Target{"111111111111", "eu-west-1"}, Label: "rest"}, "prod arn:aws:iam::111111111111:role/jobs/eventinvoke"},
		{"it is excluded", TargetSpec{Target: Target{"999999999999", "eu-west-1"}, Label: "prod"}, ""},
		{"the region is not listed", TargetSpec{Target: Target{"333333333333", "ap-south-1"}, Label: "prod"}, ""},
		{"it was of no organization", TargetSpec{Target: Target{"333333333333", "eu-west-1"}, Label: "tools"}, ""},
	} {
		there := TargetSpec{Target: Target{"111111111111", "us-east-1"}, Label: "prod"}
		targets, _ := doc.WithFormerTargets([]TargetSpec{there, c.was, c.was}).Targets(Target{})
		got, n := "", 0
		for _, s := range targets {
			if (s.Err != nil) != (s.Account == "222222222222") {
				t.Errorf("%s: %s has the error %v", c.why, s.Target, s.Err)
			}
			if s.Target == c.was.Target {
				got = s.Label + " " + s.RoleARN
				n++
			}
		}
		if got != c.want || n > 1 {
			t.Errorf("%s: got %q, %d times, want %q", c.why, got, n, c.want)
		}
	}
	if n := len(doc.Accounts()["prod"]); n != 1 {
		t.Errorf("the document itself has %d accounts of prod", n)
	}
}

// Whatever the members: no target twice, none that was left out, and every other member
// in every region that is its.
func TestEveryMemberIsATargetOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) (all []Member) {
			for i := range rapid.IntRange(0, 6).Draw(t, label) {
				all = append(all, Member{
					Account: strings.Repeat(string(rune('1'+i)), 12),
					Regions: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"eu-west-1", "us-east-1", "ap-south-1"}), rapid.ID[string]).Draw(t, "regions"),
				})
			}
			return all
		}
		members := map[string][]Member{"prod": draw("prod"), "rest": draw("rest")}
		doc, err := Loader{Stdin: strings.NewReader(strings.Replace(organizationFleet, `"999999999999"`, `"222222222222"`, 1))}.LoadFiles("-")
		if err != nil {
			t.Fatal(err)
		}
		targets, _ := doc.WithMembers(members).Targets(Target{})
		seen := map[Target]string{}
		for _, s := range targets {
			if seen[s.Target] != "" {
				t.Fatalf("%s is a target of %s and of %s", s.Target, seen[s.Target], s.Label)
			}
			seen[s.Target] = s.Label
		}
		want := map[Target]string{{"555555555555", "eu-west-1"}: "tools"}
		for _, label := range []string{"prod", "rest"} {
			for _, m := range members[label] {
				regions := m.Regions
				if label == "prod" {
					if m.Account == "222222222222" {
						continue
					}
					regions = []string{"eu-west-1", "us-east-1"}
				}
				for _, r := range regions {
					if at := (Target{m.Account, r}); want[at] == "" {
						want[at] = label
					}
				}
			}
		}
		for at, label := range want {
			if seen[at] != label {
				t.Fatalf("%s is a target of %q, want %q", at, seen[at], label)
			}
		}
		if len(seen) != len(want) {
			t.Fatalf("%d targets, want %d", len(seen), len(want))
		}
	})
}

// everyAccount is also the account of LocalStack and of other stand-ins for AWS: an account of
// that number is an account like any other.
func TestTheAccountOfPretendCloudsIsAnAccount(t *testing.T) {
	const entry = "functions:\n  - { name: 'arn:aws:lambda:eu-west-1:111111111111:function:x', maximum_retry_attempts: 1 }\n"
	zero := Target{everyAccount, "eu-west-1"}
	_, err := Load(oneFile("version: 1\ntargets:\n  - { name: local, account: \""+zero.Account+"\", regions: [eu-west-1] }\n"+entry), "fleet.yaml")
	if err == nil || !strings.Contains(err.Error(), codeNotATarget) || !strings.Contains(err.Error(), "("+zero.String()+")") {
		t.Errorf("declared: %v", err)
	}
	d := mustLoad(t, oneFile("version: 1\n"+entry))
	if _, err = d.Resolve(zero, nil, Selection{}); err == nil || !strings.Contains(err.Error(), codeNotATarget) {
		t.Errorf("of the credentials: %v", err)
	}
	f := mustResolve(t, mustLoad(t, oneFile("version: 1\n"+strings.Replace(entry, "111111111111", zero.Account, 1))), zero, nil)
	if f.Configs() != 1 {
		t.Errorf("its own entry: %+v", f.Targets)
	}
}
