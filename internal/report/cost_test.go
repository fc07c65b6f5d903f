package report

import (
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func TestCostOfApplying(t *testing.T) {
	for _, row := range []struct {
		writes [2]int // in prod and staging
		rates  [2]float64
		want   string
		why    string
	}{
		{[2]int{12, 0}, [2]float64{13.5, 13.5}, "Cost: 12 writes, at least 1s at 13.5/s.", "one target is at its own rate"},
		{[2]int{412, 0}, [2]float64{6.8, 13.5}, "Cost: 412 writes, at least 1m01s at 6.8/s.", "the rate of the target that is written to"},
		{[2]int{100, 90}, [2]float64{13.5, 1}, "Cost: 190 writes, at least 1m30s; the slowest is 222222222222/eu-west-1, 90 writes at 1/s.", "targets go side by side"},
		{[2]int{3, 4}, [2]float64{0, 13.5}, "Cost: 7 writes.", "no estimate where a rate is not known"},
		{[2]int{0, 0}, [2]float64{13.5, 13.5}, "", "no changes cost nothing"},
	} {
		r := &Run{Started: started, Finished: started, Plan: &reconcile.Plan{}}
		for i, target := range []desired.Target{prod, staging} {
			plan := reconcile.TargetPlan{Target: target, Declared: row.writes[i]}
			for _, function := range series("f", row.writes[i]) {
				plan.Changes = append(plan.Changes, reconcile.Change{
					Name: desired.Name{Function: function, Qualifier: desired.Latest}, Action: reconcile.Create,
					Want: &desired.Config{desired.MaximumRetryAttempts: desired.Number(0)},
				})
			}
			r.Plan.Targets = append(r.Plan.Targets, plan)
			api := TargetAPI{Target: target}
			api.Limiter.Rate = row.rates[i]
			r.API = append(r.API, api)
		}
		got := ""
		for line := range strings.Lines(string(textBytes(t, r, TextOptions{}))) {
			if strings.HasPrefix(line, "Cost: ") {
				got = strings.TrimSuffix(line, "\n")
			}
		}
		if got != row.want {
			t.Errorf("got %q, want %q: %s", got, row.want, row.why)
		}
	}
}

// What patterns for aliases cost is told beside all calls.
func TestCallsForAliases(t *testing.T) {
	if got := (operationTotals{Calls: 6, Aliases: 2}).spell("paced at 10/s"); got != "6 calls (2 for aliases), paced at 10/s." {
		t.Errorf("%q", got)
	}
	if got := (operationTotals{Calls: 6}).spell(""); got != "6 calls." {
		t.Errorf("%q", got)
	}
}
