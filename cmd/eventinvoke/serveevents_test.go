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

// TestFromAnEventToTheCorrectedRecord is the road of an event through the verb's
// own pass, at Lambda's quota, in a fleet of 10,000 functions that a rule
// chooses: one List and one write for each function that was touched, none for
// others, and less than a second beyond the settle time. A key that is changed
// back again and again is left alone, until the timetable tries again.
func TestFromAnEventToTheCorrectedRecord(t *testing.T) {
	const (
		functions = 10_000
		latency   = 50 * time.Millisecond
		touched   = 3
	)
	fleet := write(t, "version: 1\nguard: { max_changes: 100% }\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	synctest.Test(t, func(t *testing.T) {
		scenario := awssim.Fleet(account, region, awssim.Function{
			Name: "f-%05d", Count: functions, Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: new(int)}},
		}, awssim.Function{Name: "stranger"})
		scenario.Quota, scenario.Latency = awssim.Quota{Rate: 15, Burst: 15}, latency
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
		w := worker.New(worker.Options{Timetable: timetable, Pass: s.pass, Settle: o.settle, Recorder: s.calls.metrics})
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { w.Run(ctx); close(over) }()
		defer func() { cancel(); <-over }()

		time.Sleep(time.Hour)
		synctest.Wait()
		if state := w.State(); state.LastSuccess.IsZero() || world.Counts().ByOperation["ListFunctionEventInvokeConfigs"] != functions {
			t.Fatalf("the first pass: %+v, %v", state, world.Counts().ByOperation)
		}

		// change is somebody's write, and the event that tells of it, twice.
		change := func(function, principal string, done func(error)) {
			t.Helper()
			if err := world.SetRecord(account, region, function, "$LATEST", awssim.Record{MaximumRetryAttempts: new(2)}); err != nil {
				t.Fatal(err)
			}
			hints, err := events.Decode([]byte(changedBy(function, principal)))
			if err != nil {
				t.Fatal(err)
			}
			w.Wake(worker.NewTriage(append(hints, hints...)).Wake(done))
		}
		world.ResetCounts()
		asked, answers := time.Now(), make(chan error, touched+1)
		for i := range touched {
			change(fmt.Sprintf("f-%05d", i*4711), "arn:aws:iam::111111111111:user/someone", func(err error) { answers <- err })
		}
		change("stranger", "arn:aws:iam::111111111111:user/someone", func(err error) { answers <- err })
		for range touched + 1 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		took := time.Since(asked) - o.settle
		t.Logf("corrected %s after the settle time", took)
		if took >= time.Second {
			t.Errorf("corrected %s after the settle time, want less than a second", took)
		}
		want := map[string]int{"ListFunctionEventInvokeConfigs": touched, "UpdateFunctionEventInvokeConfig": touched}
		if diff := cmp.Diff(want, callsOf(world)); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}

		// Terraform wants something else, and says so every minute.
		const contested = "f-00007"
		retries := func() int {
			r, _ := world.Record(account, region, contested, "$LATEST")
			return *r.MaximumRetryAttempts
		}
		for range worker.DefaultContest.Times {
			change(contested, "arn:aws:iam::111111111111:role/terraform", nil)
			time.Sleep(time.Minute)
			synctest.Wait()
			if retries() != 0 {
				t.Fatal("a change was not corrected")
			}
		}
		world.ResetCounts()
		change(contested, "arn:aws:iam::111111111111:role/terraform", nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		key := desired.Key{Target: desired.Target{Account: account, Region: region}, Name: desired.Name{Function: contested, Qualifier: desired.Latest}}
		if got := w.State().Contested; len(got) != 1 || got[0].Key != key || got[0].Principal != "arn:aws:iam::111111111111:role/terraform" {
			t.Errorf("contested: %+v", got)
		}
		if calls := callsOf(world); retries() != 2 || len(calls) != 0 {
			t.Errorf("the contested key was not left alone: %d retries, calls %v", retries(), calls)
		}

		// Neither may a sweep that somebody asks for touch it; the timetable may.
		w.Wake(worker.Wake{Cause: worker.Request})
		time.Sleep(time.Hour)
		synctest.Wait()
		if retries() != 2 {
			t.Error("a pass over everything that was asked for corrected a contested key")
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if retries() != 0 || len(w.State().Contested) != 0 {
			t.Errorf("the scheduled pass did not try again: %d retries, contested %v", retries(), w.State().Contested)
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
