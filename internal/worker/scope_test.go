package worker

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

const fleetFile = `
version: 1
targets:
  - { name: a, account: "111111111111", regions: [eu-west-1, us-east-1] }
undeclared: delete
functions:
  - { name: "orders:live", maximum_retry_attempts: 0 }
  - { name: "orders:test", maximum_retry_attempts: 1 }
  - { name: bills, maximum_retry_attempts: 0 }
`

func someFleet(t *testing.T) desired.Fleet {
	t.Helper()
	doc, err := desired.Load(fstest.MapFS{"fleet.yaml": &fstest.MapFile{Data: []byte(fleetFile)}}, "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := doc.Resolve(desired.Target{}, nil, desired.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	return fleet
}

// names lists what is kept and what is ignored, as a person would write it.
func names(f desired.Fleet) (kept, ignored []string) {
	for _, t := range f.Targets {
		for _, e := range t.Entries {
			kept = append(kept, t.Region+" "+e.Name.String())
		}
		for _, g := range t.Ignored {
			ignored = append(ignored, t.Region+" "+g.Name.String())
		}
	}
	return kept, ignored
}

func TestNarrow(t *testing.T) {
	virginia := desired.Target{Account: "111111111111", Region: "us-east-1"}
	live := []insight.Fight{{Key: keyOf("orders", "live")}}
	for _, tt := range []struct {
		why           string
		scope         Scope
		kept, ignored []string
	}{
		{why: "everything", scope: Scope{All: true}, kept: []string{
			"eu-west-1 bills", "eu-west-1 orders:live", "eu-west-1 orders:test", "us-east-1 bills", "us-east-1 orders:live", "us-east-1 orders:test"}},
		{why: "a function with all its qualifiers", scope: Scope{Objects: []Object{fn("orders")}},
			kept: []string{"eu-west-1 orders:live", "eu-west-1 orders:test"}},
		{why: "a target", scope: Scope{Objects: []Object{{Target: virginia}}},
			kept: []string{"us-east-1 bills", "us-east-1 orders:live", "us-east-1 orders:test"}},
		{why: "a function that is not declared", scope: Scope{Objects: []Object{fn("other")}}},
		{why: "a fought-over config is ignored, not dropped", scope: Scope{Objects: []Object{fn("orders")}, Leave: live},
			kept: []string{"eu-west-1 orders:test"}, ignored: []string{"eu-west-1 orders:live"}},
	} {
		fleet := someFleet(t)
		kept, ignored := names(tt.scope.Narrow(fleet))
		if diff := cmp.Diff(tt.kept, kept); diff != "" {
			t.Errorf("%s, kept (-want +got):\n%s", tt.why, diff)
		}
		if diff := cmp.Diff(tt.ignored, ignored); diff != "" {
			t.Errorf("%s, ignored (-want +got):\n%s", tt.why, diff)
		}
		if fleet.Configs() != 6 {
			t.Errorf("%s: the fleet itself was changed", tt.why)
		}
	}
}

// A fought-over record, and the records beside it, must not look undeclared: the
// fleet asks for the deletion of such.
func TestNarrowNeverMakesARecordUndeclared(t *testing.T) {
	scope := Scope{Objects: []Object{fn("orders")}, Leave: []insight.Fight{{Key: keyOf("orders", "live")}}}
	fleet := scope.Narrow(someFleet(t))
	held := reconcile.Settings{}
	live := reconcile.Observed{Targets: []reconcile.ObservedTarget{{Target: ireland, Functions: []reconcile.ObservedFunction{{
		Function: "orders", State: reconcile.FunctionPresent, AliasesListed: true,
		Records: []reconcile.ObservedRecord{{Qualifier: "live", Settings: &held}, {Qualifier: "other", Settings: &held}, {Qualifier: "test", Settings: &held}},
	}}}}}
	plan := reconcile.NewPlan(fleet, live)
	var got []string
	for _, c := range plan.Targets[0].Changes {
		got = append(got, c.Action.String()+" "+c.Name.String())
	}
	if diff := cmp.Diff([]string{"delete orders:other", "change orders:test"}, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestScopeOfTouches(t *testing.T) {
	virginia := desired.Target{Account: "111111111111", Region: "us-east-1"}
	got := ScopeOf([]Trigger{
		{Object: fn("orders"), Qualifier: "live"}, {Object: Object{virginia, "orders"}}, {Object: fn("bills")},
		{Object: fn("orders"), Qualifier: "test"}, {Object: Object{Target: virginia}},
	})
	if diff := cmp.Diff(Scope{Objects: []Object{fn("bills"), fn("orders"), {Target: virginia}}}, got, cmpopts.IgnoreUnexported(Scope{})); diff != "" {
		t.Errorf("scope (-want +got):\n%s", diff)
	}
	if fleet := ScopeOf(nil).Narrow(someFleet(t)); len(fleet.Targets) != 0 {
		t.Errorf("no triggers cover %d targets", len(fleet.Targets))
	}
}

// Whatever triggers name is in the scope, and nothing else; what is within something wider is named
// no more.
func TestAScopeIsWhatItsTriggersName(t *testing.T) {
	var objects []Object
	for _, account := range []string{"111111111111", "222222222222", "333333333333"} {
		for _, function := range []string{"", "bills", "orders"} {
			objects = append(objects, Object{desired.Target{Account: account, Region: "eu-west-1"}, function})
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		named := rapid.SliceOf(rapid.SampledFrom(objects)).Draw(t, "named")
		var triggers []Trigger
		for _, o := range named {
			triggers = append(triggers, Trigger{Object: o})
		}
		s := ScopeOf(triggers)
		for _, o := range objects {
			whole := slices.Contains(named, Object{Target: o.Target})
			if s.Whole(o.Target) != whole || s.covers(o.Target, o.Function) != (whole || slices.Contains(named, o)) || s.names(o) != (slices.Contains(named, o) && (!whole || o.Function == "")) {
				t.Errorf("%v of %v: whole %v, covered %v, named %v", o, named, s.Whole(o.Target), s.covers(o.Target, o.Function), s.names(o))
			}
		}
	})
}
