package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
)

func document(t *testing.T, yaml string) *desired.Document {
	t.Helper()
	d, err := desired.Loader{Stdin: strings.NewReader("version: 1\n" + yaml)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// tagging is a Finder over tags, that lists a function again on a later page.
type tagging struct {
	pages [][]string
	by    map[string]map[string]string
}

func (f tagging) ListFunctions(_ context.Context, marker string) (Page[Function], error) {
	i := len(marker)
	p := Page[Function]{Items: named(f.pages[i]...)}
	if i+1 < len(f.pages) {
		p.Next = marker + "x"
	}
	return p, nil
}

func (f tagging) Tagged(_ context.Context, tags []desired.Tag) (map[string]map[string]string, error) {
	found := map[string]map[string]string{}
	for fn, of := range f.by {
		if !slices.ContainsFunc(tags, func(t desired.Tag) bool { return !slices.Contains(t.Values, of[t.Key]) }) {
			found[fn] = of
		}
	}
	return found, nil
}

// What each set of tags finds is added to the others', and a function that a
// listing gives twice is one.
func TestDiscoverAddsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := fastLimiter()
		defer limiter.Close()
		finder := tagging{
			pages: [][]string{{"a", "b"}, {"b", "c"}, {"c"}},
			by:    map[string]map[string]string{"a": {"tier": "gold"}, "b": {"team": "pay"}, "c": {"tier": "gold", "team": "pay"}, "d": {"tier": "none"}},
		}
		asked := desired.Discovery{Target: home, ListFunctions: true, Tags: [][]desired.Tag{{{Key: "team", Values: []string{"pay"}}}, {{Key: "tier", Values: []string{"gold"}}}}}
		found, failed := discover(t.Context(), []desired.Discovery{asked}, map[desired.Target]readConn{home: {Finder: finder, Limiter: limiter}})
		want := desired.Inventory{home: {Functions: []string{"a", "b", "c"}, Tags: maps.Clone(finder.by), Details: map[string]desired.FunctionDetails{"a": {}, "b": {}, "c": {}}}}
		delete(want[home].Tags, "d")
		if diff := cmp.Diff(want, found); diff != "" || len(failed) > 0 {
			t.Errorf("found (-want +got): %s, failed: %v", diff, failed)
		}
	})
}

// A listing that shifts between two pages gives a record again: the later answer
// is the truer.
func TestARecordThatIsRepeatedOnALaterPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("f")
		f.pageSize = 1
		f.records[name("f", "a")], f.records[name("f", "b")] = Settings{}, Settings{}
		later := Settings{desired.MaximumRetryAttempts: desired.Number(1)}
		f.fail = func(op string, _ desired.Name, attempt int) error {
			if op == "list" && attempt == 2 { // a record that sorts before the second page came, and pushed a onto it
				f.records[name("f", "0")] = Settings{}
				f.records[name("f", "a")] = later
			}
			return nil
		}
		live := f.survey(t, t.Context(), wants(entry("f", desired.Latest, retries(0))))
		records := live.Targets[0].Functions[0].Records
		if len(records) != 2 || records[0].Qualifier != "a" || *records[0].Settings != later || records[1].Qualifier != "b" {
			t.Errorf("the records are %+v", records)
		}
	})
}

// A Create does not send the destinations that are to be empty: an empty record has
// none, and AWS may refuse to clear what is not there.
func TestWhatAWriteSends(t *testing.T) {
	none := desired.Config{desired.MaximumRetryAttempts: desired.Number(1), desired.OnSuccess: desired.NoDestination, desired.OnFailure: desired.Text(queueA)}
	held := Settings{desired.MaximumRetryAttempts: desired.Number(1), desired.OnSuccess: desired.Text(queueB)}
	for _, row := range []struct {
		why    string
		change Change
		want   desired.Config
	}{
		{"a Create without what is to be empty", Change{Action: Create, Want: &none},
			desired.Config{desired.MaximumRetryAttempts: desired.Number(1), desired.OnFailure: desired.Text(queueA)}},
		{"an Update with what differs, the destination to be cleared included", Change{Action: Update, Want: &none, Before: &held},
			desired.Config{desired.OnSuccess: desired.NoDestination, desired.OnFailure: desired.Text(queueA)}},
		{"a Restore with all of it", Change{Action: Restore, Want: &none}, none},
		{"a Delete with nothing", Change{Action: Delete, Before: &held}, desired.Config{}},
	} {
		if got := row.change.Request(); got != row.want {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
	}
}

// An alias is missing, orphaned or present, and one that is not there is never as
// declared.
func TestOneTruthAboutAliases(t *testing.T) {
	for _, row := range []struct {
		why      string
		optional bool
		want     int // retries; 2 is what Lambda does anyway
		record   bool
		alias    bool
		plan     []string
		skipped  int
	}{
		{"present, without a record, the default asked for", false, 2, false, true, nil, 0},
		{"present, without a record", false, 0, false, true, []string{"create f:live retries=0"}, 0},
		{"present, with a record", false, 0, true, true, []string{"change f:live retries=0"}, 0},
		{"missing, the default asked for", false, 2, false, false, []string{"qualifier_missing f:live"}, 0},
		{"missing", false, 0, false, false, []string{"qualifier_missing f:live"}, 0},
		{"orphaned: Lambda would refuse the change", false, 0, true, false, []string{"qualifier_missing f:live"}, 0},
		{"a rule's, missing", true, 2, false, false, nil, 1},
		{"a rule's, orphaned", true, 0, true, false, []string{"orphan f:live"}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("f")
			if row.alias {
				f.aliases["f"] = []string{"live"}
			}
			if row.record {
				f.records[name("f", "live")] = Settings{desired.MaximumRetryAttempts: desired.Number(1)}
			}
			e := entry("f", "live", retries(row.want))
			e.Optional = row.optional
			fleet := wants(e)
			plan := NewPlan(fleet, f.survey(t, t.Context(), fleet))
			got := lines(&plan)
			if diff := cmp.Diff(row.plan, got); diff != "" || plan.Targets[0].Skipped != row.skipped {
				t.Errorf("%s: skipped %d, plan (-want +got): %s", row.why, plan.Targets[0].Skipped, diff)
			}
		})
	}
}

// A function of which no alias exists that a rule asked for was not chosen: its
// other records are nobody's to delete.
func TestASkippedFunctionLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("f")
		f.records[name("f", desired.Latest)] = Settings{desired.MaximumRetryAttempts: desired.Number(1)}
		e := entry("f", "live", retries(0))
		e.Optional = true
		fleet := wants(e)
		fleet.Undeclared = desired.UndeclaredDelete
		plan := NewPlan(fleet, f.survey(t, t.Context(), fleet))
		if c := plan.Counts(); c.Changes() != 0 || c.Undeclared != 1 || c.Skipped != 1 {
			t.Errorf("the plan is %q", lines(&plan))
		}
	})
}

// A saved plan is a stranger's file: each of its changes must be what the fleet
// files ask for, and its own numbers count for nothing.
func TestASavedPlanMustBeWhatTheFilesAskFor(t *testing.T) {
	d := document(t, `targets: [{ name: home, account: "111111111111", regions: [eu-west-1] }]
undeclared: delete
rules: [{ match: { functions: ["r-*"] }, set: { maximum_retry_attempts: 0 } }]
functions:
  - { name: a, maximum_retry_attempts: 1 }
  - { name: gone, remove: true }
`)
	found := desired.Inventory{home: {Functions: []string{"a", "gone", "r-1", "r-2", "x"}}}
	zero, one := retries(0), retries(1)
	foreign := desired.Config{desired.MaximumRetryAttempts: desired.Number(1), desired.OnFailure: desired.Text("arn:aws:sqs:eu-west-1:999999999999:theirs")}
	before := &Settings{}
	for _, row := range []struct {
		why    string
		change Change
		ok     bool
	}{
		{"an exact entry", Change{Name: name("a", desired.Latest), Action: Create, Want: &one}, true},
		{"what a rule chooses", Change{Name: name("r-1", desired.Latest), Action: Update, Want: &zero, Before: before}, true},
		{"a removal", Change{Name: name("gone", desired.Latest), Action: Delete, Before: before}, true},
		{"a record of a declared function that nobody declared", Change{Name: name("a", "old"), Action: Delete, Before: before}, true},
		{"another value", Change{Name: name("a", desired.Latest), Action: Create, Want: &zero}, false},
		{"a setting more, and a foreign queue", Change{Name: name("a", desired.Latest), Action: Create, Want: &foreign}, false},
		{"a function that nobody declared", Change{Name: name("x", desired.Latest), Action: Create, Want: &one}, false},
		{"nor its records", Change{Name: name("x", desired.Latest), Action: Delete, Before: before}, false},
		{"a removal that nobody asked for", Change{Name: name("a", desired.Latest), Action: Delete, Before: before}, false},
		{"a creation of what is to be removed", Change{Name: name("gone", desired.Latest), Action: Create, Want: &one}, false},
		{"a whole record put back", Change{Name: name("a", desired.Latest), Action: Restore, Want: &one}, false},
	} {
		saved := Plan{Targets: []TargetPlan{{Target: home, Declared: 1_000_000, Changes: []Change{row.change}}}}
		w := planWishes{FleetWishes: FleetWishes{Document: d}, saved: saved}
		fleet, base, err := w.Resolve(t.Context(), desired.Target{}, found)
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		if err != nil {
			continue
		}
		if e := fleet.Targets[0].Entries[0]; e.Want == nil || e.Origins == nil {
			t.Errorf("%s: whoever reads the fleet finds %+v", row.why, e)
		}
		plan := w.Plan(fleet, Observed{Targets: []ObservedTarget{{Target: home, Functions: []ObservedFunction{{Function: row.change.Function, State: FunctionPresent}}}}})
		guard := Guard{Limits: desired.DefaultLimits(), Base: base}
		if l := guard.Lines(&plan)[0]; l.Of != 4 {
			t.Errorf("%s: the guard counts %d configs, want the 4 of the fleet", row.why, l.Of)
		}
	}
	elsewhere := Plan{Targets: []TargetPlan{{Target: desired.Target{Account: "999999999999", Region: "eu-west-1"}}}}
	if _, _, err := (planWishes{FleetWishes: FleetWishes{Document: d}, saved: elsewhere}).Resolve(t.Context(), desired.Target{}, found); err == nil {
		t.Error("a target that the files do not declare was taken")
	}
}

// A rollback may undo all that its run was let through with.
func TestTheGuardLetsARunBeUndone(t *testing.T) {
	d := document(t, `targets: [{ name: home, account: "111111111111", regions: [eu-west-1] }]
functions: [{ name: a, maximum_retry_attempts: 1 }]
`)
	undos := map[desired.Target][]Undo{}
	for i := range 30 {
		undos[home] = append(undos[home], Undo{Name: name(string(rune('a'+i/26))+string(rune('a'+i%26)), desired.Latest), Expected: &Settings{}})
	}
	w := &undoWishes{FleetWishes: FleetWishes{Document: d}, Rollback: Rollback{Configs: 100, Read: func(context.Context) (map[desired.Target][]Undo, error) { return undos, nil }}}
	fleet, base, err := w.Resolve(t.Context(), desired.Target{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	live := Observed{Targets: []ObservedTarget{{Target: home}}}
	for _, u := range undos[home] {
		live.Targets[0].Functions = append(live.Targets[0].Functions, ObservedFunction{Function: u.Function, State: FunctionPresent,
			Records: []ObservedRecord{{Qualifier: desired.Latest, Settings: &Settings{}}}})
	}
	plan := w.Plan(fleet, live)
	if c := plan.Counts(); c.Deletes != 30 {
		t.Fatalf("the rollback is %q", lines(&plan))
	}
	if _, err := (Guard{Limits: fleet.Limits, Base: base}).approve(plan); err != nil {
		t.Errorf("a run of 30 of 100 was let through, and its rollback was not: %v", err)
	}
}

// several are fleet files with two targets, and an organization that has one account.
const several = `missing_qualifiers: warn
targets:
  - { name: home, account: "111111111111", regions: [eu-west-1] }
  - { name: away, account: "222222222222", regions: [eu-west-1] }
  - { name: all, organization: { role: r, regions: [eu-west-1] } }
functions:
  - { name: a, maximum_retry_attempts: 1 }
  - { name: b, maximum_retry_attempts: 1 }
`

func targetOf(account string) desired.Target {
	return desired.Target{Account: account, Region: "eu-west-1"}
}

// holding is a survey in which each function of some targets has a record.
func holding(s *Settings, functions []string, targets ...desired.Target) (seen Observed) {
	for _, target := range targets {
		o := ObservedTarget{Target: target}
		for _, f := range functions {
			of := ObservedFunction{Function: f, State: FunctionPresent}
			if s != nil {
				of.Records = []ObservedRecord{{Qualifier: desired.Latest, Settings: s}}
			}
			o.Functions = append(o.Functions, of)
		}
		seen.Targets = append(seen.Targets, o)
	}
	return seen
}

// targetsOf are the targets of a fleet, each with its functions.
func targetsOf(f desired.Fleet) (all []string) {
	for _, target := range f.Targets {
		of := target.Account
		for _, e := range target.Entries {
			of += " " + e.Function
		}
		all = append(all, of)
	}
	return all
}

// A saved plan over several targets is made where this process works, and a target that
// has left its organization is a row of its own and keeps no other waiting.
func TestASavedPlanOverSeveralTargets(t *testing.T) {
	one := retries(1)
	home, away, member, left := targetOf("111111111111"), targetOf("222222222222"), targetOf("333333333333"), targetOf("444444444444")
	d := document(t, several).WithMembers(map[string][]desired.Member{"all": {{Account: member.Account}}})
	create := func(functions ...string) (all []Change) {
		for _, f := range functions {
			all = append(all, Change{Name: name(f, desired.Latest), Action: Create, Want: &one})
		}
		return all
	}
	saved := Plan{Targets: []TargetPlan{
		{Target: home, Label: "home", Changes: create("a")}, {Target: away, Label: "away", Changes: create("a", "b")},
		{Target: member, Label: "all"}, {Target: left, Label: "all", Changes: create("b")}, {Target: targetOf("555555555555"), Label: "all"},
	}}
	for _, row := range []struct {
		why       string
		owns      func(desired.Target) bool
		read      []string // by target
		plan      []string // what is planned of each target
		of, wrong int      // configs of the fleet; targets that cannot be written
	}{
		{"all of them", nil, []string{"111111111111 a", "222222222222 a b", "333333333333"},
			[]string{"home 1 of 1", "away 2 of 2", "all 0 of 0", "all 0 of 1"}, 6, 1},
		{"one shard", func(t desired.Target) bool { return t == away }, []string{"222222222222 a b"}, []string{"away 2 of 2"}, 2, 0},
		{"all but one that left", func(t desired.Target) bool { return t != left }, []string{"111111111111 a", "222222222222 a b", "333333333333"},
			[]string{"home 1 of 1", "away 2 of 2", "all 0 of 0"}, 6, 0},
	} {
		w := planWishes{FleetWishes: FleetWishes{Document: d, InShard: row.owns}, saved: saved}
		fleet, base, err := w.Resolve(t.Context(), desired.Target{}, nil)
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if diff := cmp.Diff(row.read, targetsOf(fleet)); diff != "" || base.Fleet != row.of || !base.Whole {
			t.Errorf("%s: the guard is of %+v; what is read (-want +got): %s", row.why, base, diff)
		}
		for _, target := range fleet.Targets {
			for _, e := range target.Entries {
				if e.Origins == nil || e.Origins.Entry.IsZero() || *e.Want != one {
					t.Errorf("%s: %s is wanted as %v, and comes from %+v", row.why, e.Name, e.Want, e.Origins)
				}
			}
		}
		before := holding(nil, []string{"a", "b"}, home, away, member)
		plan := w.Plan(fleet, before)
		var got []string
		wrong := 0
		for i := range plan.Targets {
			p := &plan.Targets[i]
			got = append(got, fmt.Sprintf("%s %d of %d", p.Label, len(p.Changes), p.Declared))
			if p.Err != nil {
				wrong++
				if p.Target != left || !strings.Contains(p.Err.Error(), "444444444444/eu-west-1 is no target of all any more") {
					t.Errorf("%s: %s: %v", row.why, p.Target, p.Err)
				}
			}
		}
		if diff := cmp.Diff(row.plan, got); diff != "" || wrong != row.wrong || !plan.Exact || len(before.Targets) != 3 {
			t.Errorf("%s: %d cannot be written, plan (-want +got): %s", row.why, wrong, diff)
		}
	}
	if len(saved.Targets) != 5 || saved.Targets[1].Declared != 0 {
		t.Errorf("the saved plan was changed: %+v", saved)
	}
}

// The targets to open are those that are declared, owned and selected; where none is
// declared, the one of the credentials is.
func TestWhichTargetsAreOpened(t *testing.T) {
	d := document(t, several).WithMembers(map[string][]desired.Member{"all": {{Account: "333333333333"}}})
	only := func(account string) func(desired.Target) bool {
		return func(t desired.Target) bool { return t.Account == account }
	}
	for _, row := range []struct {
		why  string
		w    FleetWishes
		want string
	}{
		{"all", FleetWishes{}, "111111111111 222222222222 333333333333"},
		{"those of one shard", FleetWishes{InShard: only("222222222222")}, "222222222222"},
		{"by label", FleetWishes{Selection: desired.Selection{Targets: []string{"all", "home"}}}, "111111111111 333333333333"},
		{"by account and region", FleetWishes{Selection: desired.Selection{Targets: []string{"222222222222/eu-west-1"}}}, "222222222222"},
		{"another shard's", FleetWishes{InShard: only("111111111111"), Selection: desired.Selection{Targets: []string{"away"}}}, ""},
	} {
		row.w.Document = d
		specs, declared := row.w.Targets()
		var got []string
		for _, s := range specs {
			got = append(got, s.Account)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != row.want || !declared {
			t.Errorf("%s: %q, declared: %v", row.why, got, declared)
		}
	}
	if specs, declared := (FleetWishes{Document: document(t, "functions: [{ name: a, maximum_retry_attempts: 0 }]\n")}).Targets(); specs != nil || declared {
		t.Errorf("without a target: %v, declared: %v", specs, declared)
	}
}

// A part of a fleet is compared alone, and the guard knows the whole; what was to hold until a
// day that is over stops the run.
func TestTheFleetOfAPart(t *testing.T) {
	d := document(t, several).WithMembers(map[string][]desired.Member{"all": {{Account: "333333333333"}}})
	for _, row := range []struct {
		why  string
		w    FleetWishes
		read []string
		base GuardBase
	}{
		{"the whole", FleetWishes{}, []string{"111111111111 a b", "222222222222 a b", "333333333333 a b"}, GuardBase{}},
		{"a target", FleetWishes{Selection: desired.Selection{Targets: []string{"home"}}}, []string{"111111111111 a b"}, GuardBase{Fleet: 6, Part: true}},
		{"a function", FleetWishes{Selection: desired.Selection{Functions: []string{"b"}}}, []string{"111111111111 b", "222222222222 b", "333333333333 b"}, GuardBase{Fleet: 6, Part: true}},
		{"a function in a shard", FleetWishes{Selection: desired.Selection{Functions: []string{"b"}}, Shard: 1, Shards: 3,
			InShard: func(t desired.Target) bool { return t.Account == "222222222222" }}, []string{"222222222222 b"}, GuardBase{Fleet: 2, Part: true, Shard: 1, Shards: 3}},
	} {
		row.w.Document = d
		fleet, base, err := row.w.Resolve(t.Context(), desired.Target{}, nil)
		if diff := cmp.Diff(row.read, targetsOf(fleet)); diff != "" || base != row.base || err != nil {
			t.Errorf("%s: %v, the guard is of %+v; read (-want +got): %s", row.why, err, base, diff)
		}
	}
	over := document(t, several+"ignore: [{ functions: [\"old-*\"], until: 2020-01-31 }]\n")
	if _, _, err := (FleetWishes{Document: over}).Resolve(t.Context(), desired.Target{}, nil); err == nil || !strings.Contains(err.Error(), "until 2020-01-31, which is over") {
		t.Errorf("an item whose day is over: %v", err)
	}
	if _, _, err := (planWishes{FleetWishes: FleetWishes{Document: over}}).Resolve(t.Context(), desired.Target{}, nil); err == nil || !strings.Contains(err.Error(), "until 2020-01-31, which is over") {
		t.Errorf("the same beside a saved plan: %v", err)
	}
}

// A saved change of a function that is gone is stale, and one that is made rests on what was
// read now.
func TestASavedChangeRestsOnWhatIsReadNow(t *testing.T) {
	one := retries(1)
	saved := Plan{Targets: []TargetPlan{{Target: home, Changes: []Change{
		{Name: name("a", desired.Latest), Action: Create, Want: &one, Seen: 1}, {Name: name("gone", desired.Latest), Action: Create, Want: &one, Seen: 1},
	}}}}
	p := recheck(saved, Observed{Targets: []ObservedTarget{{Target: home, Functions: []ObservedFunction{
		{Function: "a", State: FunctionPresent, Seen: 7}, {Function: "gone", State: FunctionAbsent, Seen: 8},
	}}}}).Targets[0]
	if len(p.Changes) != 1 || p.Changes[0].Function != "a" || p.Changes[0].Seen != 7 || len(p.Stale) != 1 || p.Stale[0].Function != "gone" || p.Stale[0].Now != nil {
		t.Errorf("changes %+v, stale %+v", p.Changes, p.Stale)
	}
}

// Of a fleet that consists of some configs nothing else is judged or left out, and the fleet
// itself stays as it was.
func TestAFleetOfSomeConfigs(t *testing.T) {
	fleet := wants(entry("a", desired.Latest, retries(0)), entry("b", desired.Latest, retries(0)))
	fleet.Targets[0].Judged, fleet.Targets[0].Ignored = []desired.Judged{{Function: "a"}}, []desired.Ignored{{Name: name("c", desired.Latest)}}
	fleet.Targets = append(fleet.Targets, desired.TargetSpec{Target: targetOf("222222222222")})
	part := narrowTo(fleet, map[desired.Target][]string{home: {"b"}}, func(f *string) desired.Entry { return entry(*f, desired.Latest, retries(0)) })
	if got := targetsOf(part); !slices.Equal(got, []string{home.Account + " b"}) || part.Targets[0].Judged != nil || part.Targets[0].Ignored != nil {
		t.Errorf("the part is %+v", part.Targets)
	}
	if len(fleet.Targets) != 2 || len(fleet.Targets[0].Entries) != 2 || len(fleet.Targets[0].Judged) != 1 {
		t.Errorf("the whole is %+v", fleet.Targets)
	}
}

// A run over several targets is undone where this process works, and what it created there
// is the limit of what is deleted.
func TestARunOverSeveralTargetsIsUndone(t *testing.T) {
	home, away, gone := targetOf("111111111111"), targetOf("222222222222"), targetOf("555555555555")
	d := document(t, several).WithMembers(nil)
	was, is := &Settings{desired.MaximumRetryAttempts: desired.Number(0)}, &Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	undos := map[desired.Target][]Undo{
		home: {{Name: name("a", desired.Latest), Expected: is}, {Name: name("b", desired.Latest), Before: was, Expected: is}},
		away: {{Name: name("x", desired.Latest), Expected: is}, {Name: name("y", desired.Latest), Expected: is}},
	}
	wishes := func(owns func(desired.Target) bool) *undoWishes {
		return &undoWishes{FleetWishes: FleetWishes{Document: d, InShard: owns, Shard: 1, Shards: 2},
			Rollback: Rollback{Configs: 7, Read: func(context.Context) (map[desired.Target][]Undo, error) { return undos, nil }}}
	}
	for _, row := range []struct {
		why     string
		owns    func(desired.Target) bool
		read    []string
		created int
		plan    []string
	}{
		{"all of them", nil, []string{"111111111111 a b", "222222222222 x y"}, 3, []string{"home: delete a, change b", "away: delete x, delete y"}},
		{"one shard", func(t desired.Target) bool { return t == home }, []string{"111111111111 a b"}, 1, []string{"home: delete a, change b"}},
	} {
		w := wishes(row.owns)
		fleet, base, err := w.Resolve(t.Context(), desired.Target{}, nil)
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if diff := cmp.Diff(row.read, targetsOf(fleet)); diff != "" {
			t.Errorf("%s: read (-want +got): %s", row.why, diff)
		}
		if fleet.MissingQualifiers != desired.MissingError {
			t.Errorf("%s: what cannot be put back is a matter of %v", row.why, fleet.MissingQualifiers)
		}
		if limit := fleet.Limits.MaxDeletes; limit != (desired.Limit{Number: row.created}) || base != (GuardBase{Fleet: 7, Whole: true, Part: true, Shard: 1}) {
			t.Errorf("%s: up to %+v may be deleted, of %+v", row.why, limit, base)
		}
		for _, target := range fleet.Targets {
			for i, e := range target.Entries {
				if u := undos[target.Target][i]; !e.Remove || e.Optional != (u.Before != nil) {
					t.Errorf("%s: %+v", row.why, e)
				}
			}
		}
		seen := holding(is, []string{"a", "b", "x", "y"}, home, away)
		if row.owns != nil {
			seen.Targets = seen.Targets[:1]
		}
		plan := w.Plan(fleet, seen)
		var got []string
		for _, p := range plan.Targets {
			var of []string
			for _, c := range p.Changes {
				of = append(of, c.Action.String()+" "+c.Function)
			}
			got = append(got, p.Label+": "+strings.Join(of, ", "))
			if p.Declared != 2 || !plan.Exact {
				t.Errorf("%s: %d configs of %s, exact: %v", row.why, p.Declared, p.Label, plan.Exact)
			}
		}
		if diff := cmp.Diff(row.plan, got); diff != "" {
			t.Errorf("%s: plan (-want +got): %s", row.why, diff)
		}
	}
	undos[gone] = undos[away]
	if _, _, err := wishes(nil).Resolve(t.Context(), desired.Target{}, nil); err == nil || !strings.Contains(err.Error(), gone.String()) {
		t.Errorf("a run that wrote where the files have no target: %v", err)
	}
	if _, _, err := wishes(func(t desired.Target) bool { return t != gone }).Resolve(t.Context(), desired.Target{}, nil); err != nil {
		t.Errorf("another shard's target: %v", err)
	}
	broken := wishes(nil)
	broken.Read = func(context.Context) (map[desired.Target][]Undo, error) { return undos, errAsked }
	if _, base, err := broken.Resolve(t.Context(), desired.Target{}, nil); !errors.Is(err, errAsked) || base.Fleet != 7 {
		t.Errorf("a journal that cannot be read: %v", err)
	}
}

func (f tagging) TagsOf(context.Context, []string) (map[string]map[string]string, error) {
	return nil, nil
}

// Whichever of its targets a saved plan has, in whatever order, and whichever of them are this
// process's: what is theirs is read and planned, and nothing of the others.
func TestASavedPlanOverAnyTargets(t *testing.T) {
	one := retries(1)
	declared := []desired.Target{targetOf("111111111111"), targetOf("222222222222"), targetOf("333333333333")}
	left := []desired.Target{targetOf("000000000001"), targetOf("299999999999"), targetOf("444444444444")}
	d := document(t, several).WithMembers(map[string][]desired.Member{"all": {{Account: "333333333333"}}})
	rapid.Check(t, func(t *rapid.T) {
		saved, owned, read := Plan{}, map[desired.Target]bool{}, []string(nil)
		want := map[desired.Target]string{}
		targets := rapid.Permutation(slices.Concat(declared, left)).Draw(t, "targets")
		for _, target := range targets {
			owned[target] = rapid.IntRange(0, 3).Draw(t, "owned") > 0
		}
		for _, target := range targets[:rapid.IntRange(0, len(targets)).Draw(t, "of them")] {
			saved.Targets = append(saved.Targets, TargetPlan{Target: target, Label: "all", Changes: []Change{{Name: name("a", desired.Latest), Action: Create, Want: &one}}})
			switch {
			case !owned[target]:
			case slices.Contains(left, target):
				want[target] = fmt.Sprintf("left %s is no target of all any more, because its account or region has left, and the plan's changes there are not made", target)
			default:
				want[target] = "a"
				read = append(read, target.Account+" a")
			}
		}
		slices.Sort(read)
		w := planWishes{FleetWishes: FleetWishes{Document: d, InShard: func(t desired.Target) bool { return owned[t] }}, saved: saved}
		fleet, _, err := w.Resolve(context.Background(), desired.Target{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read, targetsOf(fleet)); diff != "" {
			t.Errorf("what is read (-want +got): %s", diff)
		}
		var survey Observed
		for i := range fleet.Targets {
			survey.Targets = append(survey.Targets, holding(nil, []string{"a"}, fleet.Targets[i].Target).Targets...)
		}
		got := map[desired.Target]string{}
		plan := w.Plan(fleet, survey)
		for i := range plan.Targets {
			p := &plan.Targets[i]
			for _, c := range p.Changes {
				got[p.Target] += c.Function
			}
			if p.Err != nil {
				got[p.Target] += "left " + p.Err.Error()
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the plan (-want +got): %s", diff)
		}
	})
}
