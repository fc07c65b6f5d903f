package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
)

// invoked is a handler in this process, over a simulated account whose functions all
// have drifted, at Lambda's quota and in virtual time.
type invoked struct {
	*handler
	t        *testing.T
	world    *awssim.World
	metrics  bytes.Buffer
	handed   []string // items
	returned []string // ids of messages
	refused  error    // what handing on comes to
}

func inFunction(t *testing.T, functions map[string]int, test func(*invoked)) {
	t.Helper()
	inFunctionWith(t, functions, noHistory, nil, test)
}

// inFunctionWith has a history, and calls of which the account is denied.
func inFunctionWith(t *testing.T, functions map[string]int, history string, deny []string, test func(*invoked)) {
	t.Helper()
	var fleet strings.Builder
	fleet.WriteString("version: 1\nguard: { max_changes: 100% }\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\ntargets:\n")
	regions := map[string]awssim.Region{}
	for region, n := range functions {
		fmt.Fprintf(&fleet, "  - { name: %s, account: \"%s\", regions: [%s] }\n", region, account, region)
		regions[region] = awssim.Region{Functions: []awssim.Function{{Name: "f-%04d", Count: n}}}
	}
	path := write(t, fleet.String())
	synctest.Test(t, func(t *testing.T) {
		world := newWorld(t, &awssim.Scenario{
			Version: 1, Quota: awssim.Quota{Rate: 15, Burst: 15}, Latency: 50 * time.Millisecond,
			Accounts: []awssim.Account{{Account: account, Regions: regions, Deny: deny}},
		})
		o := &serveOptions{apply: true, settle: worker.DefaultSettle}
		o.simulate, o.simulator, o.location = "world", world, history
		o.reading.bind(&cobra.Command{}, readAuto, readAll, readChanged)
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		a := &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
		s, err := a.newServer([]string{path}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		i := &invoked{t: t, world: world}
		i.handler = &handler{
			server: s, emf: metrics.EMF{Out: &i.metrics, Function: "eventinvoke"},
			handOn: func(_ context.Context, item []byte) error {
				i.handed = append(i.handed, string(item))
				return i.refused
			},
			again: func(_ context.Context, messages []events.Message) error {
				for _, m := range messages {
					i.returned = append(i.returned, m.ID)
				}
				return nil
			},
		}
		test(i)
	})
}

// within invokes the function with so much time.
func (i *invoked) within(d time.Duration, event string) (answer, error) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), d)
	defer cancel()
	got, err := i.invoke(ctx, json.RawMessage(event))
	var undone *undoneError
	if errors.As(err, &undone) {
		text := err.Error()
		var counts answer
		if e := json.Unmarshal([]byte(text[strings.Index(text, "; {")+2:]), &counts); e != nil || counts.Configs != undone.answer.Configs {
			i.t.Errorf("the error does not tell the counts: %s", text)
		}
	}
	return got, err
}

func TestEverythingIsAskedForInThreeWays(t *testing.T) {
	inFunction(t, map[string]int{"eu-west-1": 3}, func(i *invoked) {
		for _, event := range []string{`{}`, `{"action":"reconcile"}`, `{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`} {
			if got, err := i.within(5*time.Minute, event); err != nil || !got.Complete || got.Configs != 3 {
				t.Errorf("%s: %+v, %v", event, got, err)
			}
		}
	})
}

// TestTheAnswerAtTheDeadlineIsTrue invokes the function with each amount of time
// around what a pass takes: success is said when everything was done and only then.
func TestTheAnswerAtTheDeadlineIsTrue(t *testing.T) {
	const functions = 20
	said := map[bool]int{}
	for ms := 0; ms < 5000; ms += 100 {
		inFunction(t, map[string]int{"eu-west-1": functions}, func(i *invoked) {
			got, err := i.within(lambdaMargin+time.Duration(ms)*time.Millisecond, `{}`)
			done := 0
			for n := range functions {
				if r, ok := i.world.Record(account, "eu-west-1", fmt.Sprintf("f-%04d", n), "$LATEST"); ok && *r.MaximumRetryAttempts == 0 {
					done++
				}
			}
			if success := err == nil; success != (done == functions) || success != got.Complete || got.Applied != done || success == (got.Stopped != "") {
				t.Errorf("with %d ms of time: %d of %d are done, and the answer is %+v, %v", ms, done, functions, got, err)
			}
			if len(i.handed) > 0 {
				t.Errorf("a single target was handed on: %q", i.handed)
			}
			said[err == nil]++
		})
	}
	if said[true] == 0 || said[false] == 0 {
		t.Errorf("said %v: no border was crossed, and this test shows nothing", said)
	}
}

func TestWhatDoesNotFitIsHandedOn(t *testing.T) {
	large := map[string]int{"eu-west-1": 1000, "us-east-1": 5}
	inFunction(t, large, func(i *invoked) {
		got, err := i.within(time.Minute, `{}`)
		if err != nil || got.Complete || got.Stopped == "" || got.Configs == 0 || fmt.Sprint(got.HandedOn) != "[111111111111/eu-west-1 111111111111/us-east-1]" {
			t.Fatalf("a pass that does not fit: %+v, %v", got, err)
		}
		// Each item is an invocation of its own, which deals with its target.
		small := slices.IndexFunc(i.handed, func(item string) bool { return strings.Contains(item, "us-east-1") })
		if got, err := i.within(time.Minute, i.handed[small]); err != nil || !got.Complete || got.Applied != 5 {
			t.Errorf("the small one: %+v, %v", got, err)
		}
		before := len(i.handed)
		if got, err := i.within(time.Minute, i.handed[1-small]); err == nil || got.Complete || len(i.handed) != before {
			t.Errorf("the large one never fits, and says: %+v, %v", got, err)
		}
		if got, err := i.within(15*time.Minute, i.handed[1-small]); err != nil || got.Applied != 1000 {
			t.Errorf("with more time: %+v, %v", got, err)
		}
	})
	inFunction(t, large, func(i *invoked) {
		i.refused = errors.New("not allowed")
		if got, err := i.within(time.Minute, `{}`); err == nil || !strings.Contains(err.Error(), "could not be handed on: not allowed") || got.HandedOn != nil {
			t.Errorf("it may not invoke itself: %+v, %v", got, err)
		}
	})
}

// TestALargeTargetIsCarriedOn: what one invocation read the next one need not, whether or
// not CloudTrail may be asked what was done meanwhile; and the guard sees all of it.
func TestALargeTargetIsCarriedOn(t *testing.T) {
	const functions, drifted = 1400, 7
	for _, deny := range [][]string{nil, {"cloudtrail:LookupEvents"}} {
		inFunctionWith(t, map[string]int{"eu-west-1": functions}, t.TempDir(), deny, func(i *invoked) {
			for n := drifted; n < functions; n++ {
				if err := i.world.SetRecord(account, "eu-west-1", fmt.Sprintf("f-%04d", n), "$LATEST", awssim.Record{MaximumRetryAttempts: new(0)}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(24 * time.Hour) // after what CloudTrail tells of
			old := `{"account":"` + account + `","region":"eu-west-1","rest_of":"19991231T210000Z-00000000"}`
			if got, err := i.within(20*time.Second, old); err == nil || len(i.handed) > 0 || !strings.Contains(err.Error(), "it needs a worker") {
				t.Errorf("a run that is carried on for too long: %+v, %v", got, err)
			}
			item, invocations := `{}`, 0
			for ; item != ""; invocations++ {
				i.handed = nil
				got, err := i.within(time.Minute, item)
				if err != nil || len(i.handed) > 1 || got.Complete != (len(i.handed) == 0) || got.Configs != functions || got.Applied > 0 && !got.Complete {
					t.Fatalf("invocation %d of %s: %+v, %v, handed on %q", invocations, item, got, err, i.handed)
				}
				if item = strings.Join(i.handed, ""); item == "" && got.Applied != drifted {
					t.Errorf("the last one corrected %d, want %d", got.Applied, drifted)
				}
			}
			if lists := i.world.Counts().ByOperation["ListFunctionEventInvokeConfigs"]; invocations < 3 || lists > functions*11/10 {
				t.Errorf("%d invocations read %d times", invocations, lists)
			}
		})
	}
}

// TestWhatABatchHasNoTimeForComesAgain: what was dealt with does not, so that a batch
// which is too large gets smaller each time.
func TestWhatABatchHasNoTimeForComesAgain(t *testing.T) {
	inFunction(t, map[string]int{"eu-west-1": 100, "us-east-1": 1}, func(i *invoked) {
		var left []string
		for n := range 100 {
			left = append(left, cloudTrail(account, fmt.Sprintf("f-%04d", n)))
		}
		for round := 0; len(left) > 0; round++ {
			if round == 10 {
				t.Fatalf("%d messages are left after ten rounds", len(left))
			}
			i.returned = nil
			got, err := i.within(lambdaMargin+8*time.Second, sqsBatch(left...))
			if err != nil || len(got.BatchItemFailures) != len(i.returned) || (len(i.returned) == 0) != got.Complete {
				t.Fatalf("round %d: %+v, %v, %d given back", round, got, err, len(i.returned))
			}
			var next []string
			for _, id := range i.returned {
				var n int
				fmt.Sscanf(id, "m%d", &n)
				next = append(next, left[n])
			}
			t.Logf("round %d: %d of %d come again", round, len(next), len(left))
			left = next
		}
		for n := range 100 {
			if r, ok := i.world.Record(account, "eu-west-1", fmt.Sprintf("f-%04d", n), "$LATEST"); !ok || *r.MaximumRetryAttempts != 0 {
				t.Errorf("f-%04d is not as declared", n)
			}
		}
	})
}

// TestABatchGetsTheGuardOfTheFleet: the guard's share is of all 200 functions, and not
// of the batch, of which all have drifted.
func TestABatchGetsTheGuardOfTheFleet(t *testing.T) {
	inFunction(t, map[string]int{"eu-west-1": 200}, func(i *invoked) {
		replace(t, i.args[0], strings.Replace(file(t, i.args[0]), "100%", "30%", 1))
		if _, err := i.reload(t.Context(), worker.Scope{All: true}); err != nil {
			t.Fatal(err)
		}
		for drifted, applied := range map[int]int{30: 30, 61: 0} {
			var messages []string
			for n := range drifted {
				messages = append(messages, cloudTrail(account, fmt.Sprintf("f-%04d", n+100)))
			}
			if got, err := i.within(5*time.Minute, sqsBatch(messages...)); err != nil || got.Applied != applied || got.Complete != (applied > 0) {
				t.Errorf("%d of 200 have drifted: %+v, %v", drifted, got, err)
			}
			for n := range drifted { // once more
				if err := i.world.SetRecord(account, "eu-west-1", fmt.Sprintf("f-%04d", n+100), "$LATEST", awssim.Record{MaximumRetryAttempts: new(1)}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestALeaseHoldsUpOneTarget: what another run holds is left to it, and its messages come
// again soon; the other target is corrected.
func TestALeaseHoldsUpOneTarget(t *testing.T) {
	place := t.TempDir()
	inFunctionWith(t, map[string]int{"eu-west-1": 3, "us-east-1": 3}, place, nil, func(i *invoked) {
		lease := filepath.Join(place, "leases", account, "us-east-1.json")
		if err := os.MkdirAll(filepath.Dir(lease), 0o700); err != nil {
			t.Fatal(err)
		}
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		replace(t, lease, `{"format_version": 1, "subject": "it", "owner": {"run_id": "other"}, "nonce": "n", "beat": 1, "since": "`+until+`", "expires": "`+until+`"}`)
		theirs := strings.ReplaceAll(cloudTrail(account, "f-0001"), "eu-west-1", "us-east-1")
		if got, err := i.within(5*time.Minute, sqsBatch(cloudTrail(account, "f-0001"), theirs)); err != nil || got.Applied != 1 || fmt.Sprint(i.returned) != "[m1]" {
			t.Errorf("a batch: %+v, %v, %v come again", got, err, i.returned)
		}
		if got, err := i.within(5*time.Minute, `{}`); err == nil || got.Applied != 2 || !strings.Contains(err.Error(), "is held by run other") {
			t.Errorf("everything: %+v, %v", got, err)
		}
	})
}

func TestAnItemOfAnotherAccountIsAnError(t *testing.T) {
	inFunction(t, map[string]int{"eu-west-1": 1}, func(i *invoked) {
		if _, err := i.within(time.Minute, `{"account":"999999999999","region":"eu-west-1"}`); err == nil || !strings.Contains(err.Error(), "no target of this fleet") {
			t.Errorf("an item: %v", err)
		}
		if got, err := i.within(time.Minute, cloudTrail("999999999999", "f-0000")); err != nil || !got.Complete {
			t.Errorf("somebody else's event is nothing to do: %+v, %v", got, err)
		}
	})
}

// TestTheFunctionTellsCloudWatch: a sweep tells what its targets hold, an event's pass
// what it found, and neither names a function of the fleet.
func TestTheFunctionTellsCloudWatch(t *testing.T) {
	inFunction(t, map[string]int{"eu-west-1": 3}, func(i *invoked) {
		for _, event := range []string{`{}`, cloudTrail(account, "f-0001")} {
			if _, err := i.within(5*time.Minute, event); err != nil {
				t.Fatal(err)
			}
		}
		lines := strings.Split(strings.TrimSpace(i.metrics.String()), "\n")
		if len(lines) != 4 {
			t.Fatalf("%d lines, want one for each pass and one for its target:\n%s", len(lines), i.metrics.String())
		}
		for n, want := range [][]string{
			{`"eventinvoke_passes_complete":1`, `"eventinvoke_guard_refused":0`},
			{`"eventinvoke_target_up":1`, `"eventinvoke_configs_in_sync":3`, `"eventinvoke_corrections_applied":3`},
			{`"eventinvoke_event_lag_seconds":[`},
			{`"eventinvoke_drift_found_change":0`},
		} {
			for _, part := range want {
				if !strings.Contains(lines[n], part) {
					t.Errorf("line %d has no %s: %s", n, part, lines[n])
				}
			}
		}
		if strings.Contains(lines[3], "configs_") || strings.Contains(i.metrics.String(), "f-000") {
			t.Errorf("a part tells of the whole, or a function is named:\n%s", i.metrics.String())
		}
	})
}

// What an earlier invocation discovered is hours old by then: the next one opens and lists anew.
func TestAnInvocationTakesNothingFromTheOneBefore(t *testing.T) {
	inFunction(t, map[string]int{"eu-west-1": 20}, func(i *invoked) {
		if _, err := i.within(5*time.Minute, `{}`); err != nil {
			t.Fatal(err)
		}
		i.world.ResetCounts()
		var messages []string
		for n := range 11 {
			messages = append(messages, cloudTrail(account, fmt.Sprintf("f-%04d", n)))
		}
		if _, err := i.within(5*time.Minute, sqsBatch(messages...)); err != nil {
			t.Fatal(err)
		}
		if n := i.world.Counts().ByOperation["ListFunctions"]; n != 1 {
			t.Errorf("%d ListFunctions, want 1: the guard's share is of what exists now", n)
		}
	})
}
