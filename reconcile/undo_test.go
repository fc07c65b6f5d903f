package reconcile

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
)

func TestNewRollback(t *testing.T) {
	const latest = desired.Latest
	one, zero := &Settings{desired.MaximumRetryAttempts: desired.Number(1)}, &Settings{desired.MaximumRetryAttempts: desired.Number(0)}
	unset, other := &Settings{}, &Settings{desired.OnFailure: desired.Text(queueB)}
	for _, row := range []struct {
		why          string
		undo         Undo
		now          *Settings
		includeStale bool
		plan         []string
		stale        int
	}{
		{why: "the run changed a number, and it is still as the run left it", undo: Undo{Before: one, Expected: zero}, now: zero, plan: []string{"change f retries=1"}},
		{why: "the write never arrived, or was undone before", undo: Undo{Before: one, Expected: zero}, now: one},
		{why: "the run created the record", undo: Undo{Expected: zero}, now: zero, plan: []string{"delete f"}},
		{why: "and it is gone already", undo: Undo{Expected: zero}},
		{why: "the run deleted the record: put back whole", undo: Undo{Before: one}, plan: []string{"restore f retries=1 on_success=none on_failure=none"}},
		{why: "an empty record is put back as one", undo: Undo{Before: unset}, plan: []string{"restore f on_success=none on_failure=none"}},
		{why: "a number cannot be made absent by Update", undo: Undo{Before: unset, Expected: zero}, now: zero, plan: []string{"restore f on_success=none on_failure=none"}},
		{why: "explicit 2 and absent are different records", undo: Undo{Before: unset, Expected: &Settings{desired.MaximumRetryAttempts: desired.Number(2)}}, now: &Settings{desired.MaximumRetryAttempts: desired.Number(2)},
			plan: []string{"restore f on_success=none on_failure=none"}},
		{why: "a destination can be cleared by Update", undo: Undo{Before: unset, Expected: &Settings{desired.OnFailure: desired.Text(queueA)}}, now: &Settings{desired.OnFailure: desired.Text(queueA)}, plan: []string{"change f on_failure=none"}},
		{why: "the last write may have been done: it was", undo: Undo{Before: unset, Expected: one, Ambiguous: true, Alternative: zero}, now: one, plan: []string{"restore f on_success=none on_failure=none"}},
		{why: "or it was not, and an earlier write of the run was", undo: Undo{Before: unset, Expected: one, Ambiguous: true, Alternative: zero}, now: zero, plan: []string{"restore f on_success=none on_failure=none"}},
		{why: "somebody changed it since: left alone", undo: Undo{Before: one, Expected: zero}, now: other, stale: 1},
		{why: "somebody deleted it since: left alone", undo: Undo{Before: one, Expected: zero}, stale: 1},
		{why: "unless that is asked for", undo: Undo{Before: one, Expected: zero}, now: other, includeStale: true, plan: []string{"change f retries=1 on_failure=none"}},
	} {
		row.undo.Name = name("f", latest)
		function := present("f")
		if row.now != nil {
			function = present("f", rec(latest, *row.now))
		}
		plan := newRollback(map[desired.Target][]Undo{home: {row.undo}}, holds(function), row.includeStale)
		if got := lines(&plan); !cmp.Equal(got, row.plan) {
			t.Errorf("%s:\n got %q\nwant %q", row.why, got, row.plan)
		}
		c := plan.Counts()
		if c.Stale != row.stale {
			t.Errorf("%s: %d stale, want %d", row.why, c.Stale, row.stale)
		}
		if c.InSync+c.Stale+c.Changes() != 1 {
			t.Errorf("%s: the one config is %d times in sync, %d times stale, %d times changed", row.why, c.InSync, c.Stale, c.Changes())
		}
	}
}

// Under an alias that is gone nothing is put back, and what is deleted there is gone for good.
func TestARollbackUnderAnAliasThatIsGone(t *testing.T) {
	one := &Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	function := present("f", rec("left", *one))
	function.Gone = []string{"gone", "left"}
	plan := newRollback(map[desired.Target][]Undo{home: {
		{Name: name("f", "gone"), Before: one}, {Name: name("f", "left"), Expected: one}, {Name: name("f", "there"), Before: one},
	}}, holds(function), false)
	if got, want := lines(&plan), []string{"delete f:left", "restore f:there retries=1 on_success=none on_failure=none", "qualifier_missing f:gone"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if c := plan.Counts(); c.MissingQualifiers != 1 || !plan.Targets[0].Changes[0].Final || plan.Targets[0].Changes[1].Final {
		t.Errorf("%+v, %+v", c, plan.Targets[0].Changes)
	}
}

// Whatever a run did, its rollback restores exactly what was there, and a
// second one does nothing.
func TestARollbackRestoresExactly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fleet, f := anyFleet(rt)
		before := maps.Clone(f.records)
		synctest.Test(t, func(t *testing.T) {
			out := f.apply(t, t.Context(), fleet, nil)
			undos := map[desired.Target][]Undo{}
			for _, r := range out.Targets[0].Results {
				undos[home] = append(undos[home], Undo{Name: r.Name, Before: r.Before, Expected: r.After})
			}
			for round, want := range []int{len(undos[home]), 0} {
				plan := newRollback(undos, f.survey(t, t.Context(), fleet), false)
				if got := plan.Counts().Changes(); got != want {
					rt.Fatalf("rollback %d plans %d changes, want %d: %q", round, got, want, lines(&plan))
				}
				f.applyPlan(t, plan)
			}
		})
		if diff := cmp.Diff(before, f.records, cmp.Comparer(func(a, b Settings) bool { return a == b })); diff != "" {
			rt.Fatalf("after the rollback:\n%s", diff)
		}
	})
}

func (f *fakeAWS) applyPlan(t *testing.T, plan Plan) {
	t.Helper()
	everything := desired.Limits{MaxChanges: desired.Limit{Number: 1 << 30}, MaxDeletes: desired.Limit{Number: 1 << 30}}
	approved, err := Guard{Limits: everything}.approve(plan)
	if err != nil {
		t.Fatal(err)
	}
	limiter := fastLimiter()
	defer limiter.Close()
	out := apply(t.Context(), approved, map[desired.Target]writeConn{home: {Writer: f, Limiter: limiter}}, noJournal{}, nil)
	if err := out.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestRecheckRefusesAloneWhatMoved(t *testing.T) {
	const latest = desired.Latest
	fleet := wants(entry("a", latest, retries(0)), entry("b", latest, retries(0)), entry("c", latest, retries(0)), entry("d", latest, retries(0)))
	one := Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	plan := NewPlan(fleet, holds(present("a", rec(latest, one)), present("b", rec(latest, one)), present("c"), present("d")))
	again := recheck(plan, holds(
		present("a", rec(latest, one)),
		present("b", rec(latest, Settings{desired.OnFailure: desired.Text(queueA)})), // somebody changed it
		present("c", rec(latest, Settings{})),                                        // somebody created it
		ObservedFunction{Function: "d", State: FunctionUnreadable, Err: errAsked},
	))
	if want := []string{"change a retries=0", "unreadable d: access denied"}; !cmp.Equal(lines(&again), want) {
		t.Errorf("got %q, want %q", lines(&again), want)
	}
	if got := again.Counts().Stale; got != 2 {
		t.Errorf("%d stale, want 2", got)
	}
	if got := plan.Counts(); got.Stale != 0 || got.Changes() != 4 {
		t.Errorf("the approved plan was changed: %+v", got)
	}
}

func TestStaleChangesHaveTheirRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a", "b")
		want := retries(0)
		plan := Plan{Targets: []TargetPlan{{Target: home, Declared: 2,
			Changes: []Change{{Name: name("b", desired.Latest), Action: Create, Want: &want}},
			Stale:   []StaleChange{{Change: Change{Name: name("a", desired.Latest), Action: Create, Want: &want}}},
		}}}
		approved, err := Guard{Limits: desired.DefaultLimits()}.approve(plan)
		if err != nil {
			t.Fatal(err)
		}
		limiter := fastLimiter()
		defer limiter.Close()
		out := apply(t.Context(), approved, map[desired.Target]writeConn{home: {Writer: f, Limiter: limiter}}, noJournal{}, nil)
		if got := out.Counts(); got != (OutcomeCounts{Created: 1, Stale: 1}) {
			t.Errorf("totals are %+v", got)
		}
		if got := out.Targets[0].Results[0]; got.Name.Function != "a" || got.Status != Stale {
			t.Errorf("the first row is %v %v, want a, stale", got.Name, got.Status)
		}
	})
}

// What was not read is neither undone nor stale, and what is gone needs no undoing.
func TestWhatWasNotReadIsNotUndone(t *testing.T) {
	is := &Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	for _, row := range []struct {
		why    string
		target ObservedTarget
		want   string
		err    error
	}{
		{"unreadable", ObservedTarget{Functions: []ObservedFunction{{Function: "f", State: FunctionUnreadable, Err: errAsked}}}, "unreadable", errAsked},
		{"not examined", ObservedTarget{Functions: []ObservedFunction{{Function: "f"}}}, "not_examined", nil},
		{"not surveyed", ObservedTarget{}, "not_examined", nil},
		{"without its target", ObservedTarget{Err: errAsked}, "unreadable", errAsked},
		{"gone", ObservedTarget{Functions: []ObservedFunction{{Function: "f", State: FunctionAbsent}}}, "function_missing", nil},
	} {
		row.target.Target = home
		for _, includeStale := range []bool{false, true} {
			plan := newRollback(map[desired.Target][]Undo{home: {{Name: name("f", desired.Latest), Before: &Settings{}, Expected: is}}},
				Observed{Targets: []ObservedTarget{row.target}}, includeStale)
			p := &plan.Targets[0]
			if len(p.Findings) != 1 || p.Findings[0].Kind.String() != row.want || p.Findings[0].Err != row.err || p.InSync+len(p.Changes)+len(p.Stale) > 0 {
				t.Errorf("%s: %q, %+v", row.why, lines(&plan), p)
			}
		}
	}
}

// What a rollback puts back or removes was declared by no rule, so that none is said to be without
// effect where its alias is gone: --strict would refuse the rollback for it.
func TestARollbackWarnsOfNoRule(t *testing.T) {
	d := document(t, `targets: [{ name: home, account: "111111111111", regions: [eu-west-1] }]
functions: [{ name: a, maximum_retry_attempts: 1 }]
`)
	for why, undo := range map[string]Undo{
		"the run changed or deleted it": {Name: name("f", "gone"), Before: &Settings{}},
		"the run created it":            {Name: name("f", "gone")},
	} {
		undos := map[desired.Target][]Undo{home: {undo}}
		w := &undoWishes{FleetWishes: FleetWishes{Document: d}, Rollback: Rollback{Read: func(context.Context) (map[desired.Target][]Undo, error) { return undos, nil }}}
		fleet, _, err := w.Resolve(t.Context(), desired.Target{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		f := present("f")
		f.Gone = []string{"gone"}
		if warnings := qualifierWarnings(fleet, holds(f)); len(warnings) > 0 {
			t.Error(why, warnings)
		}
	}
}
