package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// account is one target of AWS as a map. Each call takes 50 ms.
type account struct {
	reconcile.Reader // the listings of aliases and versions are not called here
	mu               sync.Mutex
	records          map[string]reconcile.Settings
	calls            []string
	corrected        time.Time
}

func (a *account) call(op, function string) func() {
	time.Sleep(50 * time.Millisecond)
	a.mu.Lock()
	a.calls = append(a.calls, op+" "+function)
	return a.mu.Unlock
}

func (a *account) ListConfigs(_ context.Context, function, _ string) (reconcile.Page[reconcile.Record], error) {
	defer a.call("list", function)()
	return reconcile.Page[reconcile.Record]{Items: []reconcile.Record{{Qualifier: desired.Latest, Settings: a.records[function]}}}, nil
}

func (a *account) Put(context.Context, desired.Name, desired.Config) (reconcile.Record, error) {
	panic("every function has a record")
}

func (a *account) Update(_ context.Context, n desired.Name, c desired.Config) (reconcile.Record, error) {
	defer a.call("update", n.Function)()
	a.corrected = time.Now()
	a.records[n.Function] = reconcile.Settings{desired.MaximumRetryAttempts: c[desired.MaximumRetryAttempts]}
	return reconcile.Record{Qualifier: n.Qualifier, Settings: a.records[n.Function]}, nil
}

func (a *account) Delete(context.Context, desired.Name) error { panic("nothing is to be deleted") }

// since are the calls after a number of them, sorted.
func (a *account) since(n int) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(slices.Values(a.calls[n:]))
}

// TestFromAnEventToTheCorrectedRecord walks the whole road in a fleet of 10,000
// functions at Lambda's quota: a read and a write for each function that an
// event told of, none for any other, within a second of the settle time.
func TestFromAnEventToTheCorrectedRecord(t *testing.T) {
	want := desired.Config{desired.MaximumRetryAttempts: desired.Number(0)}
	aws := &account{records: map[string]reconcile.Settings{}}
	fleet := desired.Fleet{Guard: desired.DefaultGuard(), Targets: []desired.TargetSpec{{Target: ireland}}}
	for i := range 10_000 {
		name := desired.Name{Function: fmt.Sprintf("f%05d", i), Qualifier: desired.Latest}
		fleet.Targets[0].Entries = append(fleet.Targets[0].Entries, desired.Entry{Name: name, Want: &want, Origins: &desired.Origins{}})
		aws.records[name.Function] = reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(0)}
	}
	synctest.Test(t, func(t *testing.T) {
		limiter := ratelimit.New(ratelimit.Settings{Quota: 15})
		defer limiter.Close()
		w := New(Options{Timetable: mustEvery(t, 24*time.Hour), Pass: func(ctx context.Context, scope Scope) Result {
			part := scope.Narrow(fleet)
			plan := reconcile.NewPlan(part, reconcile.Survey(ctx, part, map[desired.Target]reconcile.ReadTarget{ireland: {Reader: aws, Limiter: limiter}}, nil))
			approved, err := reconcile.Guard{Guard: part.Guard}.Approve(plan)
			if err != nil {
				return Result{Plan: &plan, Err: err}
			}
			outcome := reconcile.Apply(ctx, approved, map[desired.Target]reconcile.WriteTarget{ireland: {Writer: aws, Limiter: limiter}}, reconcile.NoJournal{}, nil)
			return Result{Plan: &plan, Outcome: &outcome}
		}})
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { w.Run(ctx); close(over) }()
		defer func() { cancel(); <-over }()

		time.Sleep(time.Hour)
		synctest.Wait()
		swept := len(aws.calls)
		if swept != 10_000 || w.State().LastSuccess.IsZero() {
			t.Fatalf("the first pass made %d calls and succeeded at %s, want one for each function", swept, w.State().LastSuccess)
		}

		asked, answer := time.Now(), &answer{}
		var hints []events.Hint
		for _, function := range []string{"f00007", "f09999", "f04711", "stranger"} {
			aws.mu.Lock()
			aws.records[function] = reconcile.Settings{}
			aws.mu.Unlock()
			for range 3 { // delivery may double
				hints = append(hints, events.Hint{Kind: events.Key, Target: ireland, Function: function, Qualifier: desired.Latest, EventName: "PutFunctionEventInvokeConfig"})
			}
		}
		w.Wake(Classify(hints).Wake(answer.done))
		time.Sleep(time.Minute)
		synctest.Wait()
		answer.want(t, 1, nil)
		if diff := cmp.Diff([]string{"list f00007", "list f04711", "list f09999", "update f00007", "update f04711", "update f09999"}, aws.since(swept)); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		took := aws.corrected.Sub(asked) - DefaultSettle
		t.Logf("the last record was corrected %s after the settle time", took)
		if took >= time.Second {
			t.Errorf("the last record was corrected %s after the settle time, want less than a second", took)
		}
	})
}
