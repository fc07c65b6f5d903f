package reconcile

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

// million is a fleet of a million keys in forty targets, and what AWS holds of
// it. Every differ-th key differs.
func million(differ int) (desired.Fleet, Observed) {
	const targets, perTarget = 40, 25_000
	want := &desired.Config{desired.MaximumRetryAttempts: desired.Number(0), desired.OnFailure: desired.Text("arn:aws:sqs:eu-west-1:111111111111:dlq")}
	origins := &desired.Origins{}
	same := &Settings{desired.MaximumRetryAttempts: desired.Number(0), desired.OnFailure: desired.Text("arn:aws:sqs:eu-west-1:111111111111:dlq")}
	other := &Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	fleet := desired.Fleet{Limits: desired.DefaultLimits(), Targets: make([]desired.TargetSpec, targets)}
	live := Observed{Targets: make([]ObservedTarget, targets)}
	for i := range targets {
		target := desired.Target{Account: fmt.Sprintf("%012d", i+1), Region: "eu-west-1"}
		entries, functions := make([]desired.Entry, perTarget), make([]ObservedFunction, perTarget)
		for j := range perTarget {
			name := fmt.Sprintf("team-%03d-service-%05d", i, j)
			entries[j] = desired.Entry{Name: desired.Name{Function: name, Qualifier: desired.Latest}, Want: want, Origins: origins}
			record := ObservedRecord{Qualifier: desired.Latest, Settings: same, Modified: 1}
			if j%differ == 0 {
				record.Settings = other
			}
			functions[j] = ObservedFunction{Function: name, State: FunctionPresent, AliasesListed: true, Records: []ObservedRecord{record}}
		}
		fleet.Targets[i] = desired.TargetSpec{Target: target, Entries: entries}
		live.Targets[i] = ObservedTarget{Target: target, Functions: functions}
	}
	return fleet, live
}

// liveHeap is what is still in use after a garbage collection, in bytes.
func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkPlanMillion compares a million keys. live-MB is what the fleet, what
// AWS holds, and the plan take together; the promise is 2 s and 500 MB.
func BenchmarkPlanMillion(b *testing.B) {
	for _, row := range []struct {
		name   string
		differ int
	}{{"one in ten differs", 10}, {"all differ", 1}} {
		b.Run(row.name, func(b *testing.B) {
			before := liveHeap()
			fleet, live := million(row.differ)
			var plan Plan
			b.ReportAllocs()
			for b.Loop() {
				plan = NewPlan(fleet, live)
			}
			if c := plan.Counts(); c.Declared != 1_000_000 || c.Updates != 1_000_000/row.differ {
				b.Fatalf("the plan is %+v", c)
			}
			b.ReportMetric(float64(liveHeap()-before)/1e6, "live-MB")
			runtime.KeepAlive(fleet)
			runtime.KeepAlive(live)
			runtime.KeepAlive(plan)
		})
	}
}
