package worker

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func TestTheAllowanceIsASlidingWindow(t *testing.T) {
	a := allowance{period: time.Hour}
	ten := at("2026-11-20 10:00:00")
	wrote := corrects(keyOf("a", "live"), keyOf("b", "live"))
	wrote.Outcome.Targets[0].Results = append(wrote.Outcome.Targets[0].Results,
		reconcile.ChangeResult{Status: reconcile.Failed}, reconcile.ChangeResult{Status: reconcile.NotAttempted}, reconcile.ChangeResult{Status: reconcile.Stale})
	a.spend(&wrote, ten)
	a.spend(&inSync, ten.Add(time.Minute))
	a.spend(&wrote, ten.Add(30*time.Minute))
	for _, tt := range []struct {
		after time.Duration
		spent int
	}{{30 * time.Minute, 6}, {time.Hour - 1, 6}, {time.Hour, 3}, {90*time.Minute - 1, 3}, {90 * time.Minute, 0}} {
		if got := a.within(ten.Add(tt.after)); got != tt.spent {
			t.Errorf("after %s %d are spent, want %d", tt.after, got, tt.spent)
		}
	}
}

func TestWhatMayBeWrittenWhileASweepStandsRefused(t *testing.T) {
	fleet := someFleet(t)
	change := reconcile.Change{Name: desired.Name{Function: "orders", Qualifier: "live"}}
	unread := reconcile.Finding{Name: desired.Name{Function: "orders", Qualifier: "test"}, Kind: reconcile.FindingUnreadable}
	plan := &reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: ireland, Changes: []reconcile.Change{change}, Findings: []reconcile.Finding{unread}}}}
	refused := Result{Plan: plan, Err: &reconcile.GuardError{}}
	var a allowance
	if a.mayWrite() != nil {
		t.Error("before the first sweep something may not be written")
	}
	all := Scope{All: true}
	a.looked(all, fleet, &refused)
	for _, tt := range []struct {
		why string
		key desired.Key
		may bool
	}{
		{"as declared in the sweep", keyOf("bills", desired.Latest), true},
		{"refused", keyOf("orders", "live"), false},
		{"not read", keyOf("orders", "test"), false},
		{"not in the fleet", keyOf("new", desired.Latest), false},
		{"of a target that the fleet has not", desired.Key{Name: desired.Name{Function: "bills", Qualifier: desired.Latest}}, false},
	} {
		if got := a.mayWrite()(tt.key); got != tt.may {
			t.Errorf("%s: may be written %v, want %v", tt.why, got, tt.may)
		}
	}
	incomplete := Result{Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: ireland, Findings: []reconcile.Finding{{Kind: reconcile.FindingNotExamined}}}}}}
	held := Result{Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: ireland, Err: errors.New("held")}}}}
	for _, r := range []*Result{{Err: ErrStalled}, {Plan: plan, Err: ErrStalled}, &incomplete, &held} {
		if a.looked(all, fleet, r); a.mayWrite() == nil {
			t.Errorf("a sweep that ended with %v, and saw not all, lifted the refusal", r.Err)
		}
	}
	elsewhere := Scope{Objects: []Object{{Target: desired.Target{Account: "222222222222", Region: "eu-west-1"}}}}
	if a.looked(elsewhere, fleet, &Result{Plan: &reconcile.Plan{}}); a.mayWrite() == nil {
		t.Error("a pass over another target lifted the refusal")
	}
	if a.looked(all, fleet, &inSync); a.mayWrite() != nil {
		t.Error("a sweep that was let pass did not lift the refusal")
	}
	// The targets that a sweep left to another run are looked at by a pass of their own.
	own := Scope{Objects: []Object{{Target: ireland}}}
	if a.looked(own, fleet, &refused); a.mayWrite() == nil || a.mayWrite()(keyOf("orders", "live")) {
		t.Error("what such a pass was refused may be written")
	}
	if !a.mayWrite()(desired.Key{Target: elsewhere.Objects[0].Target, Name: desired.Name{Function: "bills"}}) {
		t.Error("another target is refused with it")
	}
	if a.looked(own, fleet, &inSync); a.mayWrite() != nil {
		t.Error("a pass over the target that was let pass did not lift the refusal")
	}
}

// A refusal that is about several targets stands until each of them was seen again.
func TestARefusalStandsUntilEachTargetIsSeenAgain(t *testing.T) {
	targets := []desired.Target{ireland, {Account: "222222222222", Region: "eu-west-1"}, {Account: "333333333333", Region: "eu-west-1"}}
	change := func(f string) reconcile.Change { return reconcile.Change{Name: desired.Name{Function: f}} }
	refused := Result{Plan: &reconcile.Plan{}, Err: &reconcile.GuardError{}}
	for _, target := range targets {
		refused.Plan.Targets = append(refused.Plan.Targets, reconcile.TargetPlan{Target: target, Changes: []reconcile.Change{change("a"), change("b")}})
	}
	for seen := range 1 << len(targets) {
		pass, parts := Result{Plan: &reconcile.Plan{}}, Scope{}
		for i, target := range targets {
			p := reconcile.TargetPlan{Target: target}
			if seen&(1<<i) == 0 {
				p.Err = errors.New("held")
			} else {
				parts.Objects = append(parts.Objects, Object{Target: target})
			}
			pass.Plan.Targets = append(pass.Plan.Targets, p)
		}
		for _, scope := range []Scope{{All: true}, parts} {
			var a allowance
			a.looked(Scope{All: true}, desired.Fleet{}, &refused)
			if a.looked(scope, desired.Fleet{}, &pass); (a.mayWrite() == nil) != (seen == 1<<len(targets)-1) {
				t.Errorf("over %v, of %03b of the targets: lifted: %v", scope.Objects, seen, a.mayWrite() == nil)
			}
		}
	}
}

// 200 of 200 configs differ and the guard lets 60 pass. No order of events makes the
// worker write what the guard refused the sweep.
func TestEventsDoNotWriteWhatTheGuardRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLambdas(200)
		for n := range a.records {
			a.change(n, false)
		}
		a.change(a.fleet.Targets[0].Entries[0].Name, false)
		a.records[a.fleet.Targets[0].Entries[199].Name] = asIs
		w := a.start(t, Options{Timetable: mustEvery(t, time.Hour)})
		time.Sleep(time.Minute)
		if s := w.State(); !s.Refused {
			t.Fatalf("the sweep was not refused: %+v", s)
		}
		for from := 0; from < 200; from += 50 {
			w.Wake(a.event(from, from+50))
			time.Sleep(20 * time.Second)
		}
		synctest.Wait()
		if len(a.written) != 0 {
			t.Errorf("events wrote %d of the configs that the guard refused", len(a.written))
		}
		a.change(a.fleet.Targets[0].Entries[199].Name, false)
		w.Wake(a.event(199, 200))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(a.written) != 1 {
			t.Errorf("%d were written, want the one that was as declared and has drifted since", len(a.written))
		}
	})
}

// The guard lets 60 of 200 pass, and that is what events may write within a period,
// in however many passes.
func TestTargetedPassesShareOneAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLambdas(200)
		w := a.start(t, Options{Timetable: mustEvery(t, 24*time.Hour)})
		time.Sleep(time.Minute)
		for from := 0; from < 200; from += 20 {
			for _, e := range a.fleet.Targets[0].Entries[from : from+20] {
				a.change(e.Name, false)
			}
			w.Wake(a.event(from, from+20))
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if len(a.written) != 60 {
			t.Errorf("events wrote %d configs within a period, want 60", len(a.written))
		}
	})
}

// The limits of the guard are a shard's part already when they are lessened.
func TestTheAllowanceOfAShard(t *testing.T) {
	fleet := someFleet(t) // 6 configs
	fleet.Limits = desired.Limits{MaxChanges: desired.Limit{Number: 10}, MaxDeletes: desired.Limit{Number: 5}}
	scope := Scope{Objects: []Object{fn("orders")}, Spent: 2}
	narrowed, base := scope.Within(fleet, reconcile.GuardBase{Shard: 1, Shards: 2})
	lines := reconcile.Guard{Limits: narrowed.Limits, Base: base}.Lines(&reconcile.Plan{})
	if lines[0].Limit != 3 || lines[1].Limit != 2 || lines[0].Of != 6 {
		t.Errorf("the limits are %v, want 3 of 5 changes that are left, and 2 deletes, of 6", lines)
	}
	scope.Spent = 7
	{
		narrowed, base = scope.Within(fleet, reconcile.GuardBase{Shard: 1, Shards: 2})
		if lines := (reconcile.Guard{Limits: narrowed.Limits, Base: base}).Lines(&reconcile.Plan{}); lines[0].Limit != 0 {
			t.Errorf("what is overspent leaves %d, want 0", lines[0].Limit)
		}
	}
}
