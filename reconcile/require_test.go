package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// Requirements read functions that nobody declares, and write none: not even where what
// is undeclared is to be deleted, and however little the guard allows.
func TestRequirementsWriteNothing(t *testing.T) {
	document, err := desired.Loader{Stdin: strings.NewReader(`version: 1
targets: [{ name: home, account: "111111111111", regions: [eu-west-1] }]
functions: [{ name: f, maximum_retry_attempts: 0 }]
undeclared: delete
guard: { max_changes: 1, max_deletes: 0 }
require: [{ name: safe, match: { functions: ["*"] }, failure_destination: required, maximum_retry_attempts: { max: 1 } }]
`)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	w := &road{t: t, aws: newFake("f", "other", "denied"), write: true, functions: []string{"other", "denied"}}
	w.aws.records[name("other", "live")] = Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	w.aws.fail = func(op string, n desired.Name, _ int) error {
		if n.Function == "denied" {
			return refusal(callerr.Denied, "no")
		}
		return nil
	}
	before := maps.Clone(w.aws.records)
	r, _ := Engine{Opener: w, Memory: w}.Run(t.Context(), Request{Write: true, Wishes: FleetWishes{Document: document}})
	if r.Outcome == nil || r.Outcome.Counts().Created != 1 || r.Outcome.Counts().Deleted != 0 {
		t.Fatalf("%+v, refused: %v", r.Outcome, r.Refused)
	}
	delete(w.aws.records, name("f", desired.Latest))
	if !maps.Equal(before, w.aws.records) {
		t.Errorf("records are %v, want %v", w.aws.records, before)
	}
	var got []string
	for _, b := range r.Plan.Targets[0].Breaches {
		got = append(got, fmt.Sprintf("%s %s %v %v", b.Name, b.Setting, b.Now, b.Planned))
	}
	want := []string{"f maximum_retry_attempts true false", "f on_failure true true", "other:live on_failure true true"}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("breaches %q, want %q", got, want)
	}
	if c := r.Plan.Counts(); c.Judged != 2 || c.Unjudged != 1 || c.Declared != 1 || c.Unreadable != 0 || r.Guard[0].Of != 1 {
		t.Errorf("%+v, guard %+v", c, r.Guard)
	}
}

// Over random records and plans: each record is judged by its effective values as it is
// and as the plan leaves it, a function without any as Lambda treats it, and what is
// not known is neither.
func TestRequireAnyFleet(t *testing.T) {
	d, err := desired.Loader{Stdin: strings.NewReader("version: 1\nrequire: [{ match: { functions: [\"*\"] }, failure_destination: or_dead_letter_queue, maximum_retry_attempts: { max: 1 } }]\n")}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		dlq := desired.Text("arn:aws:sqs:eu-west-1:111111111111:q")
		draw := func(what string) (s Settings) {
			if rapid.Bool().Draw(t, what) {
				s[desired.OnFailure] = dlq
			}
			if n := rapid.IntRange(-1, 2).Draw(t, what); n >= 0 {
				s[desired.MaximumRetryAttempts] = desired.Number(n)
			}
			return s
		}
		state := rapid.SampledFrom([]FunctionState{FunctionPresent, FunctionPresent, FunctionPresent, FunctionUnreadable, FunctionNotExamined, FunctionAbsent}).Draw(t, "state")
		f := ObservedFunction{Function: "f", State: state}
		inventory := desired.Inventory{home: {Functions: []string{"f"}}}
		listed, dead := rapid.Bool().Draw(t, "listed"), rapid.Bool().Draw(t, "dead")
		if listed {
			details := desired.FunctionDetails{}
			if dead {
				details.DeadLetter = "arn:x"
			}
			inventory[home] = desired.TargetInventory{Functions: []string{"f"}, Details: map[string]desired.FunctionDetails{"f": details}}
		}
		now, planned := map[string]Settings{}, map[string]Settings{}
		plan := Plan{Targets: []TargetPlan{{Target: home}}}
		for _, q := range []string{desired.Latest, "live"} {
			has := rapid.Bool().Draw(t, "has")
			if has && state == FunctionPresent {
				s := draw("record")
				now[q], planned[q] = s, s
				f.Records = append(f.Records, ObservedRecord{Qualifier: q, Settings: &s})
			}
			if state == FunctionPresent && rapid.Bool().Draw(t, "changes") {
				c := Change{Name: name("f", q), Action: Create, Want: &desired.Config{desired.MaximumRetryAttempts: desired.Number(1)}}
				if has {
					before := now[q]
					c.Before, c.Action = &before, Delete
				}
				plan.Targets[0].Changes = append(plan.Targets[0].Changes, c)
				if has {
					delete(planned, q)
				} else {
					planned[q] = Settings{desired.MaximumRetryAttempts: desired.Number(1)}
				}
			}
		}
		fleet, err := d.Resolve(home, inventory, desired.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		plan.Require(fleet, inventory, Observed{Targets: []ObservedTarget{{Target: home, Functions: []ObservedFunction{f}}}})

		want, unknown := map[string]bool{}, state == FunctionUnreadable || state == FunctionNotExamined
		expect := func(when string, records map[string]Settings) {
			if len(records) == 0 {
				records = map[string]Settings{desired.Latest: {}}
			}
			for q, s := range records {
				if n := s[desired.MaximumRetryAttempts]; !n.IsSet() || n.Int() > 1 {
					want[when+q+"retries"] = true
				}
				switch nowhere := s[desired.OnFailure] != dlq; {
				case nowhere && !listed:
					unknown = true
				case nowhere && !dead:
					want[when+q+"failure"] = true
				}
			}
		}
		if state == FunctionPresent {
			expect("now", now)
			expect("planned", planned)
		}
		got := map[string]bool{}
		for _, b := range plan.Targets[0].Breaches {
			what := map[desired.Setting]string{desired.MaximumRetryAttempts: "retries", desired.OnFailure: "failure"}[b.Setting]
			if b.Now {
				got["now"+b.Qualifier+what] = true
			}
			if b.Planned {
				got["planned"+b.Qualifier+what] = true
			}
		}
		if !maps.Equal(got, want) || (len(plan.Targets[0].Unjudged) > 0) != unknown {
			t.Errorf("breaches %v, want %v; unknown %+v, want %v", got, want, plan.Targets[0].Unjudged, unknown)
		}
	})
}
