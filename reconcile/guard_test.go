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
	some := desired.DefaultLimits()
	some.MaxDeletes = desired.Limit{Number: 2}
	for _, row := range []struct {
		why   string
		guard desired.Limits
		plan  Plan
		rules []string // exceeded
	}{
		{why: "30 % of 100 keys may change", guard: desired.DefaultLimits(), plan: planned(100, 30, 0)},
		{why: "and not one more", guard: desired.DefaultLimits(), plan: planned(100, 31, 0), rules: []string{"max_changes"}},
		{why: "a small fleet may always change 10 keys", guard: desired.DefaultLimits(), plan: planned(10, 10, 0)},
		{why: "no delete unless the file allows it", guard: desired.DefaultLimits(), plan: planned(100, 0, 1), rules: []string{"max_deletes"}},
		{why: "an allowed number of deletes", guard: some, plan: planned(100, 0, 2)},
		{why: "deletes count as changes too, and both rules are named", guard: some, plan: planned(20, 0, 11), rules: []string{"max_changes", "max_deletes"}},
	} {
		_, err := Guard{Limits: row.guard}.approve(row.plan)
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

func TestTextOfAGuardLine(t *testing.T) {
	for want, l := range map[string]GuardLine{
		"max_changes 412 of 500 configs, limit 150 (30 %)": {"max_changes", 412, 150, 500},
		"max_changes 1 of 1 config, limit 1":               {"max_changes", 1, 1, 1},
		"max_deletes 3 of 40 configs, limit 0":             {"max_deletes", 3, 0, 40},
		"max_changes 3 of 1000 configs, limit 5 (0.5 %)":   {"max_changes", 3, 5, 1000},
		"max_changes 3 of 100 configs, limit 1 (1 %)":      {"max_changes", 3, 1, 100},
		"max_changes 3 of 100 configs, limit 99":           {"max_changes", 3, 99, 100},
	} {
		if l.String() != want {
			t.Errorf("got %q, want %q", l, want)
		}
	}
}

func TestAPlanThatIsNotWholeIsNeverApproved(t *testing.T) {
	p := Plan{Targets: []TargetPlan{{Target: home, Declared: 1, Findings: []Finding{{Kind: FindingNotExamined}}}}}
	if _, err := (Guard{Limits: desired.DefaultLimits()}).approve(p); !errors.Is(err, ErrIncomplete) {
		t.Errorf("got %v", err)
	}
}

// The limits are those that a person would count, whatever part of the fleet a run
// or a shard works on.
func TestGuardCountsLikeAPerson(t *testing.T) {
	share := func(percent float64, floor int) desired.Limit {
		return desired.Limit{Share: true, Percent: percent, Floor: floor}
	}
	for _, row := range []struct {
		why   string
		limit desired.Limit
		base  GuardBase
		n     int
		want  int
	}{
		{"a share of the whole", share(30, 10), GuardBase{}, 100, 30},
		{"rounded down", share(30, 0), GuardBase{}, 99, 29},
		{"a small fleet has the floor", share(5, 10), GuardBase{}, 40, 10},
		{"a quarter of it has a quarter of the floor, rounded up: 5 % do not become 40 of 40", share(5, 10), GuardBase{Fleet: 40}, 10, 3},
		{"half of it has half of the floor, exactly", share(5, 10), GuardBase{Fleet: 40}, 20, 5},
		{"one function of forty may be changed", share(5, 10), GuardBase{Fleet: 40}, 1, 1},
		{"a pass over events has the share of the fleet", share(30, 10), GuardBase{Fleet: 1000, Whole: true}, 50, 300},
		{"which is never less than what it is a part of", share(30, 10), GuardBase{Fleet: 10, Whole: true}, 100, 30},
		{"a number is for the run", desired.Limit{Number: 100}, GuardBase{}, 5000, 100},
		{"also for one that was narrowed", desired.Limit{Number: 100}, GuardBase{Fleet: 5000}, 200, 100},
		{"the first of three shards", desired.Limit{Number: 100}, GuardBase{Shard: 0, Shards: 3}, 200, 34},
		{"the last of three shards", desired.Limit{Number: 100}, GuardBase{Shard: 2, Shards: 3}, 200, 33},
		{"a shard has its part of the floor", share(5, 10), GuardBase{Shard: 3, Shards: 4}, 10, 2},
		{"and its own share", share(30, 10), GuardBase{Shard: 3, Shards: 4}, 100, 30},
	} {
		if got := (Guard{Base: row.base}).allowed(row.limit, row.n); got != row.want {
			t.Errorf("%s: %d, want %d", row.why, got, row.want)
		}
	}
	for number := range 50 {
		for shards := 1; shards < 12; shards++ {
			sum := 0
			for i := range shards {
				sum += GuardBase{Shard: i, Shards: shards}.share(number)
			}
			if sum != number {
				t.Errorf("the parts of %d over %d shards add up to %d", number, shards, sum)
			}
		}
	}
}

// A config that cannot exist is not counted: a rule that names four aliases does not
// switch the guard off for a fleet that has one of them.
func TestTheGuardCountsConfigsThatCanExist(t *testing.T) {
	p := TargetPlan{Target: home, Declared: 160, Skipped: 110, Findings: []Finding{
		{Kind: FindingFunctionMissing}, {Kind: FindingQualifierMissing}, {Kind: FindingUnreadable, Err: errAsked}}}
	for i := range 40 {
		p.Changes = append(p.Changes, Change{Name: name(fmt.Sprint(i), desired.Latest), Action: Create})
	}
	g := Guard{Limits: desired.DefaultLimits()}
	plan := Plan{Targets: []TargetPlan{p}}
	if l := g.Lines(&plan)[0]; l.Of != 48 || l.Limit != 14 || !l.Exceeded() {
		t.Errorf("the guard says %s", l)
	}
	if _, err := g.approve(plan); err == nil {
		t.Error("40 of 48 were let through")
	}
	g.Off = "the first run of this account"
	if _, err := g.approve(plan); err != nil {
		t.Errorf("with the guard off: %v", err)
	}
}
