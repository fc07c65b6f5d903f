package reconcile

import (
	"errors"
	"fmt"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

func TestGuard(t *testing.T) {
	// planned has creates and deletes out of a number of declared keys.
	planned := func(declared, creates, deletes int) Plan {
		p := TargetPlan{Target: home, Declared: declared}
		for i := range creates + deletes {
			c := Change{Name: name(fmt.Sprint(i), desired.Latest), Action: Create}
			if i >= creates {
				c.Action = Delete
			}
			p.Changes = append(p.Changes, c)
		}
		return Plan{Targets: []TargetPlan{p}}
	}
	some := desired.DefaultGuard()
	some.MaxDeletes = desired.Limit{Number: 2}
	for _, row := range []struct {
		why   string
		guard desired.Guard
		plan  Plan
		rules []string // exceeded
	}{
		{why: "30 % of 100 keys may change", guard: desired.DefaultGuard(), plan: planned(100, 30, 0)},
		{why: "and not one more", guard: desired.DefaultGuard(), plan: planned(100, 31, 0), rules: []string{"max_changes"}},
		{why: "a small fleet may always change 10 keys", guard: desired.DefaultGuard(), plan: planned(10, 10, 0)},
		{why: "no delete unless the file allows it", guard: desired.DefaultGuard(), plan: planned(100, 0, 1), rules: []string{"max_deletes"}},
		{why: "an allowed number of deletes", guard: some, plan: planned(100, 0, 2)},
		{why: "deletes count as changes too, and both rules are named", guard: some, plan: planned(20, 0, 11), rules: []string{"max_changes", "max_deletes"}},
	} {
		_, err := Guard{Guard: row.guard}.Approve(row.plan)
		var refused *GuardError
		var rules []string
		if errors.As(err, &refused) {
			for _, l := range refused.Lines {
				rules = append(rules, l.Rule)
			}
		}
		if fmt.Sprint(rules) != fmt.Sprint(row.rules) {
			t.Errorf("%s: exceeded %v, want %v (%v)", row.why, rules, row.rules, err)
		}
	}
}

func TestAPlanThatIsNotWholeIsNeverApproved(t *testing.T) {
	p := Plan{Targets: []TargetPlan{{Target: home, Declared: 1, Findings: []Finding{{Kind: FindingNotExamined}}}}}
	if _, err := (Guard{Guard: desired.DefaultGuard()}).Approve(p); !errors.Is(err, ErrIncomplete) {
		t.Errorf("got %v", err)
	}
}
