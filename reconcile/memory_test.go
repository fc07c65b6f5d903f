package reconcile

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// manyAlike is a target in which every function has a record of its own, as AWS
// decodes it: nothing is shared between two answers.
type manyAlike struct{ Reader }

func (manyAlike) ListConfigs(_ context.Context, function, _ string) (Page[Record], error) {
	time.Sleep(60 * time.Millisecond)
	arn := fmt.Sprintf("arn:aws:sqs:eu-west-1:111111111111:dlq-%d", len(function)%3)
	return Page[Record]{Items: []Record{
		{Qualifier: desired.Latest, Settings: Settings{desired.MaximumRetryAttempts: desired.Number(0), desired.OnFailure: desired.Text(arn)}, LastModified: time.Now()},
		{Qualifier: "live", Settings: Settings{desired.MaximumRetryAttempts: desired.Number(1), desired.OnFailure: desired.Text(arn)}, LastModified: time.Now()},
	}}, nil
}

// A survey of 100,000 functions, two virtual hours long, and the plan that comes
// of it: what is live at any time is far from 200 MB, which is what the whole
// process may take.
func TestMemoryOfASurvey(t *testing.T) {
	const functions, most = 100_000, 100 << 20
	synctest.Test(t, func(t *testing.T) {
		before := liveHeap()
		target := desired.TargetSpec{Target: home}
		want := &desired.Config{desired.MaximumRetryAttempts: desired.Number(0)}
		for i := range functions {
			target.Entries = append(target.Entries, desired.Entry{
				Name: desired.Name{Function: fmt.Sprintf("service-%05d", i), Qualifier: desired.Latest}, Want: want, Origins: &desired.Origins{},
			})
		}
		fleet := desired.Fleet{Limits: desired.DefaultLimits(), Targets: []desired.TargetSpec{target}}
		limiter := ratelimit.New(ratelimit.Options{Quota: 15})
		defer limiter.Close()
		var peak uint64
		live := survey(t.Context(), fleet, map[desired.Target]readConn{home: {Reader: manyAlike{}, Limiter: limiter}}, func(e Step) {
			if e.Done%(functions/5) == 0 {
				peak = max(peak, liveHeap())
			}
		}, false)
		plan := NewPlan(fleet, live)
		peak = max(peak, liveHeap())
		runtime.KeepAlive(fleet)
		runtime.KeepAlive(live)
		runtime.KeepAlive(plan)
		if c := plan.Counts(); c.InSync != functions || c.Undeclared != functions {
			t.Fatalf("the plan is %+v", c)
		}
		t.Logf("%d MiB, %d bytes for each function", (peak-before)>>20, (peak-before)/functions)
		if peak-before > most {
			t.Errorf("%d MiB were live, want at most %d", (peak-before)>>20, most>>20)
		}
	})
}
