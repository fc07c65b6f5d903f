package reconcile

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

// largePlan is the inputs of a plan in which every key of a large target
// changes. As in real fleets a few teams' wishes and a handful of settings are
// shared by all of its functions.
func largePlan(keys int) (desired.Fleet, Observed) {
	wishes := make([]*desired.Config, 40)
	origins := make([]*desired.Origins, 400)
	for i := range wishes {
		wishes[i] = &desired.Config{
			desired.MaximumRetryAttempts: desired.Number(i % 3),
			desired.OnFailure:            desired.Text(fmt.Sprintf("arn:aws:sqs:us-east-1:111111111111:team-%d-dlq", i)),
		}
	}
	for i := range origins {
		origins[i] = new(desired.Origins)
	}
	stored := make([]*Settings, 6)
	for i := range stored {
		stored[i] = &Settings{desired.MaximumEventAgeInSeconds: desired.Number(60 + i)}
	}
	here := desired.Target{Account: "111111111111", Region: "us-east-1"}
	want := desired.TargetSpec{Target: here, Entries: make([]desired.Entry, keys)}
	have := ObservedTarget{Target: here, Functions: make([]ObservedFunction, keys)}
	for i := range keys {
		function := fmt.Sprintf("service-%06d-handler", i)
		want.Entries[i] = desired.Entry{
			Name: desired.Name{Function: function, Qualifier: "live"},
			Want: wishes[i%len(wishes)], Origins: origins[i%len(origins)],
		}
		have.Functions[i] = ObservedFunction{Function: function, State: FunctionPresent, AliasesListed: true, Records: []ObservedRecord{{Qualifier: "live", Settings: stored[i%len(stored)], Modified: 1}}}
	}
	return desired.Fleet{Targets: []desired.TargetSpec{want}}, Observed{Targets: []ObservedTarget{have}}
}

// planMemory plans a large target, and returns what the plan holds on the heap,
// and what fleet, survey and plan hold together, in bytes for each key.
func planMemory(t testing.TB, keys int) (plan, all float64) {
	before := heap()
	fleet, live := largePlan(keys)
	inputs := heap()
	p := NewPlan(fleet, live)
	after := heap()
	if n := len(p.Targets[0].Changes); n != keys {
		t.Fatalf("%d changes, want %d", n, keys)
	}
	runtime.KeepAlive(fleet)
	runtime.KeepAlive(live)
	runtime.KeepAlive(p)
	return (after - inputs) / float64(keys), (after - before) / float64(keys)
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func TestPlanOfALargeFleetIsSmall(t *testing.T) {
	plan, _ := planMemory(t, 20_000)
	if plan > 120 {
		t.Errorf("%.0f bytes for each change, want at most 120: 12 MB for 100,000", plan)
	}
}

// BenchmarkNewPlan is the time to plan 100,000 changes, and the memory that they
// take: the plan alone, and with the fleet and the survey that it was made of.
func BenchmarkNewPlan(b *testing.B) {
	const keys = 100_000
	plan, all := planMemory(b, keys)
	fleet, live := largePlan(keys)
	for b.Loop() {
		NewPlan(fleet, live)
	}
	b.ReportMetric(plan*keys/1e6, "MB/100k-changes")
	b.ReportMetric(all*keys/1e6, "MB/100k-all")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*keys), "ns/change")
}
