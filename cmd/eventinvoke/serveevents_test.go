package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/fights"
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

// everyF is a fleet of one rule over the rig's functions.
const everyF = "version: 1\nguard: { max_changes: 100% }\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n"

// inBubble starts a rig, lets it make its first pass, and runs a test with it.
func inBubble(t *testing.T, functions int, test func(*eventRig)) {
	inBubbleWith(t, everyF, functions, 0, test)
}

// inBubbleWith has a fleet of its own, and records with so many retries.
func inBubbleWith(t *testing.T, yaml string, functions, retries int, test func(*eventRig)) {
	fleet := write(t, yaml)
	synctest.Test(t, func(t *testing.T) {
		scenario := awssim.Fleet(account, region, awssim.Function{
			Name: "f-%05d", Count: functions, Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: &retries}},
		}, awssim.Function{Name: "stranger"})
		scenario.Quota, scenario.Latency = awssim.Quota{Rate: 15, Burst: 15}, 50*time.Millisecond
		world, err := awssim.New(scenario)
		if err != nil {
			t.Fatal(err)
		}
		_, w := startServer(t, fleet, world, true)
		r := &eventRig{w, t, world}
		r.sleep(time.Hour)
		if state := w.State(); state.LastAttempt.IsZero() || world.Counts().ByOperation["ListFunctionEventInvokeConfigs"] != functions {
			t.Fatalf("the first pass: %+v, %v", state, world.Counts().ByOperation)
		}
		world.ResetCounts()
		test(r)
	})
}

// startServer runs the worker that the verb makes, with a sweep a day, until the test ends.
func startServer(t *testing.T, fleet string, world simulator, apply bool) (*server, *worker.Worker) {
	t.Helper()
	a := &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
	o := &serveOptions{every: 24 * time.Hour, settle: worker.DefaultSettle, apply: apply, listen: defaultListen}
	o.simulate, o.simulator = "world", world
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	s, err := a.newServer([]string{fleet}, o)
	if err != nil {
		t.Fatal(err)
	}
	timetable, err := o.timetable()
	if err != nil {
		t.Fatal(err)
	}
	w := s.worker(timetable)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { w.Run(ctx); close(over) }()
	t.Cleanup(func() {
		cancel()
		<-over
		s.close()
	})
	return s, w
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

// TestEventsInALargeFleet sends events to one fleet, first while nothing goes on and then
// during a sweep: to read it once is what costs.
func TestEventsInALargeFleet(t *testing.T) {
	inBubble(t, 5_000, func(r *eventRig) {
		fromAnEventToTheCorrectedRecord(r)
		anEventDoesNotWaitForASweep(r)
	})
}

// fromAnEventToTheCorrectedRecord is the road of an event through the verb's own pass: one
// List and one write for each function that was touched, none for others, and less than a
// second beyond the settle time.
func fromAnEventToTheCorrectedRecord(r *eventRig) {
	const touched = 3
	asked, answers := time.Now(), make(chan error, touched+1)
	for i := range touched {
		r.change(fmt.Sprintf("f-%05d", i*2411), someone, func(err error) { answers <- err })
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
		if got := r.retries(fmt.Sprintf("f-%05d", i*2411)); got != 0 {
			r.t.Errorf("a touched function has %d retries", got)
		}
	}
	want := map[string]int{"ListFunctionEventInvokeConfigs": touched, "UpdateFunctionEventInvokeConfig": touched}
	if diff := cmp.Diff(want, callsOf(r.world)); diff != "" {
		r.t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// An event is looked at while a sweep is under way, however long that takes: a large
// fleet is always being swept. No function is worked on twice at a time.
func anEventDoesNotWaitForASweep(r *eventRig) {
	r.Wake(worker.Wake{Cause: worker.Request})
	r.sleep(time.Minute)
	if r.State().Sweeping.IsZero() {
		r.t.Fatal("no sweep is under way, and this test shows nothing")
	}
	var worst time.Duration
	for i := range 20 {
		function, asked, answer := fmt.Sprintf("f-%05d", 17+i*249), time.Now(), make(chan error, 1)
		r.change(function, someone, func(err error) { answer <- err })
		if err := <-answer; err != nil {
			r.t.Error(err)
		}
		worst = max(worst, time.Since(asked)-worker.DefaultSettle)
		if r.retries(function) != 0 {
			r.t.Errorf("%s was not corrected", function)
		}
	}
	r.t.Logf("at worst %s after the settle time", worst)
	if worst > 500*time.Millisecond {
		r.t.Errorf("an event was corrected %s after the settle time", worst)
	}
	if r.State().Sweeping.IsZero() {
		r.t.Error("the sweep ended meanwhile")
	}
}

// TestFoughtOverConfigsAreLeftAlone: a key that is changed back again and again is
// neither read for an event nor written by a pass that somebody asks for. The
// timetable tries again.
func TestFoughtOverConfigsAreLeftAlone(t *testing.T) {
	const fought = "f-00007"
	inBubble(t, 10, func(r *eventRig) {
		for range fights.Hot.Times {
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
		if got := r.State().Fought; len(got) != 1 || got[0].Key != key || got[0].Author.Principal != terraform {
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
		if r.retries(fought) != 0 {
			r.t.Errorf("the scheduled pass did not try again: %d retries", r.retries(fought))
		}
	})
}

// Events are decided as a sweep would decide, by the tags of now: a function that was
// tagged hands-off since the last sweep is left alone, and one that is new with such
// a tag as well.
func TestEventsAreDecidedByTheTagsOfNow(t *testing.T) {
	const fleet = everyF + "ignore: [{ tags: { hands: \"off\" } }]\n"
	inBubbleWith(t, fleet, 10, 0, func(r *eventRig) {
		if err := r.world.SetTags(account, region, "f-00003", map[string]string{"hands": "off"}); err != nil {
			r.t.Fatal(err)
		}
		if err := r.world.AddFunction(account, region, awssim.Function{Name: "f-new", Tags: map[string]string{"hands": "off"}}); err != nil {
			r.t.Fatal(err)
		}
		for _, function := range []string{"f-00003", "f-new", "f-00004"} {
			r.change(function, someone, nil)
		}
		r.sleep(time.Minute)
		for function, want := range map[string]int{"f-00003": 2, "f-new": 2, "f-00004": 0} {
			if got := r.retries(function); got != want {
				r.t.Errorf("%s has %d retries, want %d", function, got, want)
			}
		}
		if calls := callsOf(r.world); calls["ListFunctions"] != 0 || calls["GetResources"] != 1 {
			r.t.Errorf("calls: %v", calls)
		}
		if err := r.world.SetTags(account, region, "f-00003", map[string]string{"team": "pay"}); err != nil {
			r.t.Fatal(err)
		}
		r.change("f-00003", someone, nil)
		r.sleep(time.Minute)
		if got := r.retries("f-00003"); got != 0 {
			r.t.Errorf("once its tag is gone it has %d retries", got)
		}
	})
}

// guarded lets one run write 30 % of the rig's functions.
const guarded = "version: 1\nguard: { max_changes: 30% }\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n"

// storm is 200 changes, fifty a minute.
func (r *eventRig) storm() {
	for batch := range 4 {
		for i := range 50 {
			r.change(fmt.Sprintf("f-%05d", batch*50+i), someone, nil)
		}
		r.sleep(time.Minute)
	}
}

// What the guard refuses a sweep is not written by events, however many come.
func TestEventsDoNotWriteWhatTheGuardRefused(t *testing.T) {
	inBubbleWith(t, guarded, 200, 1, func(r *eventRig) {
		if n := r.world.Counts().Writes; n != 0 || !r.State().Refused {
			r.t.Fatalf("the first sweep wrote %d and is refused: %v", n, r.State().Refused)
		}
		r.storm()
		if n := r.world.Counts().Writes; n != 0 {
			r.t.Errorf("%d configs were written that the guard had refused", n)
		}
	})
}

// All events of one period together get what the guard lets one run write.
func TestEventsShareOneAllowance(t *testing.T) {
	inBubbleWith(t, guarded, 200, 0, func(r *eventRig) {
		r.storm()
		if n := r.world.Counts().Writes; n == 0 || n > 60 {
			r.t.Errorf("%d configs were written, the guard lets one run write 60", n)
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

// On one queue that several processes share, a message about another's part is not
// this one's to delete.
func TestWhatIsForeign(t *testing.T) {
	fleet := write(t, `version: 1
targets: [{ name: prod, account: "111111111111", regions: [eu-west-1, us-east-1] }]
functions: [{ name: orders, maximum_retry_attempts: 0 }]
`)
	europe, america := desired.Target{Account: account, Region: "eu-west-1"}, desired.Target{Account: account, Region: "us-east-1"}
	for _, row := range []struct {
		why     string
		options func(*serveOptions)
		object  worker.Object
		want    bool
	}{
		{"all of the fleet is this process's", func(*serveOptions) {}, worker.Object{Target: europe, Function: "orders"}, false},
		{"the other shard's target", func(o *serveOptions) { o.flag = "0/2" }, worker.Object{Target: america, Function: "orders"}, true},
		{"its own", func(o *serveOptions) { o.flag = "0/2" }, worker.Object{Target: europe, Function: "orders"}, false},
		{"a target of nobody: nothing to do, and not another's", func(o *serveOptions) { o.flag = "0/2" }, worker.Object{Target: desired.Target{Account: "999999999999", Region: "eu-west-1"}}, false},
		{"left out by --target", func(o *serveOptions) { o.targets = []string{europe.String()} }, worker.Object{Target: america}, true},
		{"left out by --function", func(o *serveOptions) { o.functions = []string{"pay*", "orders-*"} }, worker.Object{Target: europe, Function: "orders"}, true},
		{"chosen by one of its patterns", func(o *serveOptions) { o.functions = []string{"pay*", "ord*"} }, worker.Object{Target: europe, Function: "orders"}, false},
	} {
		o := &serveOptions{every: time.Hour, settle: worker.DefaultSettle}
		row.options(o)
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		a := &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
		s, err := a.newServer([]string{fleet}, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.foreign(row.object); got != row.want {
			t.Errorf("%s: %v", row.why, got)
		}
		s.close()
	}
}

// TestAChangedPaceTakesEffect: a share that a fleet file gives a target is that of
// the next sweep, without a restart, and what the limiter has learnt stays.
func TestAChangedPaceTakesEffect(t *testing.T) {
	yaml := func(share string) []byte {
		return []byte("version: 1\ntargets: [{ name: t, account: \"" + account + "\", regions: [" + region + "], rate_share: " + share + " }]\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	}
	fleet := write(t, string(yaml("0.4")))
	synctest.Test(t, func(t *testing.T) {
		world, err := awssim.New(awssim.Fleet(account, region, awssim.Function{Name: "f-%02d", Count: 20}))
		if err != nil {
			t.Fatal(err)
		}
		s, _ := startServer(t, fleet, world, false)
		ceiling := func() float64 {
			return s.clients.snapshots()[desired.Target{Account: account, Region: region}].Ceiling
		}

		time.Sleep(time.Hour)
		synctest.Wait()
		if got := ceiling(); math.Abs(got-6) > 1e-9 {
			t.Fatalf("the first pass had at most %v requests a second, want 15 * 0.4", got)
		}
		if err := os.WriteFile(fleet, yaml("0.8"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour) // two periods: the time of a sweep varies by a tenth
		synctest.Wait()
		if got := ceiling(); math.Abs(got-12) > 1e-9 {
			t.Errorf("after the file changed at most %v requests a second, want 15 * 0.8", got)
		}
	})
}
