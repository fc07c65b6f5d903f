package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/worker"
)

// eventRig is a worker over the verb's own pass and a simulated account of
// functions f-00000 and on, all in sync, at Lambda's quota. It runs in virtual
// time, so without the sources that need sockets and files.
type eventRig struct {
	*worker.Worker
	t     *testing.T
	world *awssim.World
}

// inBubble starts a rig, lets it make its first pass, and runs a test with it.
func inBubble(t *testing.T, functions int, test func(*eventRig)) {
	fleet := write(t, "version: 1\nguard: { max_changes: 100% }\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	synctest.Test(t, func(t *testing.T) {
		scenario := awssim.Fleet(account, region, awssim.Function{
			Name: "f-%05d", Count: functions, Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: new(int)}},
		}, awssim.Function{Name: "stranger"})
		scenario.Quota, scenario.Latency = awssim.Quota{Rate: 15, Burst: 15}, 50*time.Millisecond
		world, err := awssim.New(scenario)
		if err != nil {
			t.Fatal(err)
		}
		a := &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
		o := &serveOptions{every: 24 * time.Hour, settle: worker.DefaultSettle, apply: true}
		o.simulate, o.world = "world", world
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		s, err := a.newServer([]string{fleet}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		timetable, err := o.timetable()
		if err != nil {
			t.Fatal(err)
		}
		w := worker.New(worker.Options{Timetable: timetable, Pass: s.pass, Settle: o.settle, Recorder: s.metrics})
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { w.Run(ctx); close(over) }()
		defer func() { cancel(); <-over }()

		r := &eventRig{w, t, world}
		r.sleep(time.Hour)
		if state := w.State(); state.LastSuccess.IsZero() || world.Counts().ByOperation["ListFunctionEventInvokeConfigs"] != functions {
			t.Fatalf("the first pass: %+v, %v", state, world.Counts().ByOperation)
		}
		world.ResetCounts()
		test(r)
	})
}

func (r *eventRig) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// change is somebody's write, and the event that tells of it, delivered twice.
func (r *eventRig) change(function, principal string, done func(error)) {
	r.t.Helper()
	if err := r.world.SetRecord(account, region, function, "$LATEST", awssim.Record{MaximumRetryAttempts: new(2)}); err != nil {
		r.t.Fatal(err)
	}
	hints, err := events.Decode([]byte(changedBy(function, principal)))
	if err != nil {
		r.t.Fatal(err)
	}
	r.Wake(worker.Classify(append(hints, hints...)).Wake(done))
}

// retries is what AWS holds for a function.
func (r *eventRig) retries(function string) int {
	record, _ := r.world.Record(account, region, function, "$LATEST")
	return *record.MaximumRetryAttempts
}

const (
	someone   = "arn:aws:iam::111111111111:user/someone"
	terraform = "arn:aws:iam::111111111111:role/terraform"
)

// TestFromAnEventToTheCorrectedRecord is the road of an event through the verb's
// own pass in a fleet of 10,000 functions: one List and one write for each
// function that was touched, none for others, and less than a second beyond the
// settle time.
func TestFromAnEventToTheCorrectedRecord(t *testing.T) {
	const touched = 3
	inBubble(t, 10_000, func(r *eventRig) {
		asked, answers := time.Now(), make(chan error, touched+1)
		for i := range touched {
			r.change(fmt.Sprintf("f-%05d", i*4711), someone, func(err error) { answers <- err })
		}
		r.change("stranger", someone, func(err error) { answers <- err })
		for range touched + 1 {
			if err := <-answers; err != nil {
				r.t.Error(err)
			}
		}
		took := time.Since(asked) - worker.DefaultSettle
		r.t.Logf("corrected %s after the settle time", took)
		if took >= time.Second {
			r.t.Errorf("corrected %s after the settle time, want less than a second", took)
		}
		for i := range touched {
			if got := r.retries(fmt.Sprintf("f-%05d", i*4711)); got != 0 {
				r.t.Errorf("a touched function has %d retries", got)
			}
		}
		want := map[string]int{"ListFunctionEventInvokeConfigs": touched, "UpdateFunctionEventInvokeConfig": touched}
		if diff := cmp.Diff(want, callsOf(r.world)); diff != "" {
			r.t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// TestFoughtOverConfigsAreLeftAlone: a key that is changed back again and again is
// neither read for an event nor written by a pass that somebody asks for. The
// timetable tries again.
func TestFoughtOverConfigsAreLeftAlone(t *testing.T) {
	const fought = "f-00007"
	inBubble(t, 10, func(r *eventRig) {
		for range worker.DefaultFight.Times {
			r.change(fought, terraform, nil)
			r.sleep(time.Minute)
			if r.retries(fought) != 0 {
				r.t.Fatal("a change was not corrected")
			}
		}
		r.world.ResetCounts()
		r.change(fought, terraform, nil)
		r.sleep(time.Minute)
		key := desired.Key{Target: desired.Target{Account: account, Region: region}, Name: desired.Name{Function: fought, Qualifier: desired.Latest}}
		if got := r.State().Fought; len(got) != 1 || got[0].Key != key || got[0].Principal != terraform {
			r.t.Errorf("fought over: %+v", got)
		}
		if calls := callsOf(r.world); r.retries(fought) != 2 || len(calls) != 0 {
			r.t.Errorf("the fought-over config was not left alone: %d retries, calls %v", r.retries(fought), calls)
		}
		r.Wake(worker.Wake{Cause: worker.Request})
		r.sleep(time.Hour)
		if r.retries(fought) != 2 || r.world.Counts().Writes != 0 {
			r.t.Error("a pass that was asked for corrected a fought-over config")
		}
		r.sleep(30 * time.Hour)
		if r.retries(fought) != 0 || len(r.State().Fought) != 0 {
			r.t.Errorf("the scheduled pass did not try again: %d retries, fought over %v", r.retries(fought), r.State().Fought)
		}
	})
}

// changedBy is the event of a write by a principal.
func changedBy(function, principal string) string {
	return strings.Replace(cloudTrail(account, function), `"requestParameters"`, fmt.Sprintf(`"userIdentity":{"arn":%q},"requestParameters"`, principal), 1)
}

// callsOf are the calls that count against Lambda's quota.
func callsOf(world *awssim.World) map[string]int {
	calls := map[string]int{}
	for operation, n := range world.Counts().ByOperation {
		if n > 0 && operation != "AssumeRole" && operation != "GetCallerIdentity" {
			calls[operation] = n
		}
	}
	return calls
}
