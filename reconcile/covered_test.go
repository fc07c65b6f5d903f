package reconcile

import (
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

func TestCovered(t *testing.T) {
	target := desired.Target{Account: "111111111111", Region: "eu-west-1"}
	holds := func(to desired.Value) *Settings {
		var s Settings
		s[desired.OnFailure] = to
		return &s
	}
	queue := holds(desired.Text("arn:aws:sqs:eu-west-1:111111111111:dlq"))
	function := func(name string, state FunctionState, records ...ObservedRecord) ObservedFunction {
		return ObservedFunction{Function: name, State: state, Records: records}
	}
	live := func(s *Settings) ObservedRecord { return ObservedRecord{Qualifier: "live", Settings: s} }
	latest := func(s *Settings) ObservedRecord { return ObservedRecord{Qualifier: desired.Latest, Settings: s} }
	r := RunResult{
		Fleet: desired.Fleet{Targets: []desired.TargetSpec{{Target: target, Entries: []desired.Entry{
			{Name: desired.Name{Function: "a", Qualifier: desired.Latest}},
			{Name: desired.Name{Function: "b", Qualifier: desired.Latest}}, {Name: desired.Name{Function: "b", Qualifier: "live"}},
			{Name: desired.Name{Function: "c", Qualifier: desired.Latest}},
			{Name: desired.Name{Function: "d", Qualifier: desired.Latest}},
			{Name: desired.Name{Function: "e", Qualifier: desired.Latest}},
			{Name: desired.Name{Function: "f", Qualifier: desired.Latest}},
		}}}},
		Observed: Observed{Targets: []ObservedTarget{{Target: target, Functions: []ObservedFunction{
			function("a", FunctionPresent, latest(queue)),
			function("b", FunctionPresent, latest(queue), live(holds(desired.NoDestination))), // one of its configs loses events
			function("c", FunctionPresent),                                                    // no record
			function("d", FunctionUnreadable),                                                 // nobody knows
			function("e", FunctionAbsent),
			function("f", FunctionPresent, latest(queue)),
		}}}},
	}
	if functions, covered := r.Covered(); functions != 4 || covered != 2 {
		t.Errorf("%d of %d functions are covered, want 2 of 4", covered, functions)
	}
	r.Observed.Targets[0].Err = errAsked
	if functions, covered := r.Covered(); functions != 0 || covered != 0 {
		t.Errorf("of a target that could not be read %d of %d functions are covered", covered, functions)
	}
	r.Observed.Targets[0].Err = nil
	if functions, covered := r.Covered(desired.Target{}); functions != 0 || covered != 0 {
		t.Errorf("of a target that is not there %d of %d functions are covered", covered, functions)
	}
	result := func(name string, status Status, after *Settings) ChangeResult {
		return ChangeResult{Change: Change{Name: desired.Name{Function: name, Qualifier: desired.Latest}}, Status: status, After: after}
	}
	r.Outcome = &Outcome{Targets: []TargetOutcome{{Target: target, Results: []ChangeResult{
		result("a", Failed, nil), result("c", Applied, queue), result("f", Applied, nil),
	}}}}
	if functions, covered := r.Covered(); functions != 4 || covered != 2 {
		t.Errorf("after the run %d of %d functions are covered, want a and c, as f lost its record", covered, functions)
	}
	r.Outcome.Targets[0].Results = r.Outcome.Targets[0].Results[:2]
	if _, covered := r.Covered(); covered != 3 {
		t.Errorf("after the run %d functions are covered, want a, c and f", covered)
	}
}
