package reconcile

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

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
		w := PlanWishes{FleetWishes: FleetWishes{Document: d}, Saved: saved}
		fleet, base, err := w.Resolve(t.Context(), desired.Target{}, found)
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		if err != nil {
			continue
		}
		plan := w.Plan(fleet, Observed{Targets: []ObservedTarget{{Target: home, Functions: []ObservedFunction{{Function: row.change.Function, State: Present}}}}})
		guard := Guard{Guard: desired.DefaultGuard(), Base: base}
		if l := guard.Lines(&plan)[0]; l.Of != 4 {
			t.Errorf("%s: the guard counts %d configs, want the 4 of the fleet", row.why, l.Of)
		}
	}
	elsewhere := Plan{Targets: []TargetPlan{{Target: desired.Target{Account: "999999999999", Region: "eu-west-1"}}}}
	if _, _, err := (PlanWishes{FleetWishes: FleetWishes{Document: d}, Saved: elsewhere}).Resolve(t.Context(), desired.Target{}, found); err == nil {
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
	w := &UndoWishes{FleetWishes: FleetWishes{Document: d}, Configs: 100, Read: func(context.Context) (map[desired.Target][]Undo, error) { return undos, nil }}
	fleet, base, err := w.Resolve(t.Context(), desired.Target{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	live := Observed{Targets: []ObservedTarget{{Target: home}}}
	for _, u := range undos[home] {
		live.Targets[0].Functions = append(live.Targets[0].Functions, ObservedFunction{Function: u.Function, State: Present,
			Records: []ObservedRecord{{Qualifier: desired.Latest, Settings: &Settings{}}}})
	}
	plan := w.Plan(fleet, live)
	if c := plan.Counts(); c.Deletes != 30 {
		t.Fatalf("the rollback is %q", lines(&plan))
	}
	if _, err := (Guard{Guard: fleet.Guard, Base: base}).approve(plan); err != nil {
		t.Errorf("a run of 30 of 100 was let through, and its rollback was not: %v", err)
	}
}

func (f tagging) TagsOf(context.Context, []string) (map[string]map[string]string, error) {
	return nil, nil
}
