package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func TestEveryActionIsReadBack(t *testing.T) {
	for _, a := range []Action{Create, Update, Delete, Restore} {
		var back Action
		if err := back.UnmarshalText([]byte(a.String())); err != nil || back != a {
			t.Errorf("%s is read back as %s, %v", a, back, err)
		}
	}
	var back Action
	if err := back.UnmarshalText([]byte("tomorrow")); err == nil {
		t.Errorf("an unknown action is read as %s", back)
	}
}

// A person is shown every setting that a write touches, and no other; where it was
// declared, or else the entry.
func TestWhatAChangeShows(t *testing.T) {
	line, whole := desired.Origin{File: "f", Line: 2, Layer: desired.LayerDefaults}, desired.Origin{File: "f", Line: 1, Layer: desired.LayerFunction}
	origins := &desired.Origins{Entry: whole, Settings: [desired.NumSettings]desired.Origin{desired.MaximumRetryAttempts: line}}
	before := Settings{desired.MaximumRetryAttempts: desired.Number(1), desired.OnSuccess: desired.Text(queueA)}
	want := &desired.Config{desired.MaximumRetryAttempts: desired.Number(0), desired.OnFailure: desired.Text(queueB)}
	for _, row := range []struct {
		change Change
		rows   []string
	}{
		{Change{Action: Create, Want: want, Origins: origins}, []string{"maximum_retry_attempts unset to 0 at 2", "on_failure unset to " + queueB + " at 1"}},
		{Change{Action: Update, Want: want, Before: &before, Origins: origins}, []string{"maximum_retry_attempts 1 to 0 at 2", "on_failure unset to " + queueB + " at 1"}},
		{Change{Action: Delete, Before: &before}, []string{"maximum_retry_attempts 1 to unset at 0", "on_success " + queueA + " to unset at 0"}},
		{Change{Action: Restore, Want: &desired.Config{desired.MaximumRetryAttempts: desired.Number(1)}, Before: &before}, []string{"on_success " + queueA + " to unset at 0"}},
	} {
		var rows []string
		for _, s := range row.change.SettingChanges() {
			rows = append(rows, fmt.Sprintf("%s %s to %s at %d", s.Setting, s.Before, s.After, s.Origin.Line))
		}
		if diff := cmp.Diff(row.rows, rows); diff != "" {
			t.Errorf("%s: %s", row.change.Action, diff)
		}
	}
}

// Every status is counted once, under its own name; what AWS stored is what is applied.
func TestOutcomesAreCounted(t *testing.T) {
	for _, row := range []struct {
		result ChangeResult
		want   OutcomeCounts
		wrote  bool
	}{
		{ChangeResult{Change: Change{Action: Create}, Status: Applied}, OutcomeCounts{Created: 1}, true},
		{ChangeResult{Change: Change{Action: Update}, Status: Applied}, OutcomeCounts{Updated: 1}, true},
		{ChangeResult{Change: Change{Action: Restore, Before: &Settings{}}, Status: Applied}, OutcomeCounts{Updated: 1}, true},
		{ChangeResult{Change: Change{Action: Restore}, Status: Applied}, OutcomeCounts{Created: 1}, true},
		{ChangeResult{Change: Change{Action: Delete}, Status: Applied}, OutcomeCounts{Deleted: 1}, true},
		{ChangeResult{Change: Change{Action: Create}, Status: Mismatched}, OutcomeCounts{Failed: 1}, true},
		{ChangeResult{Change: Change{Action: Create}, Status: Failed}, OutcomeCounts{Failed: 1}, false},
		{ChangeResult{Change: Change{Action: Create}, Status: Stale}, OutcomeCounts{Stale: 1}, false},
		{ChangeResult{Change: Change{Action: Create}, Status: AlreadySo}, OutcomeCounts{AlreadySo: 1}, false},
		{ChangeResult{Change: Change{Action: Create}}, OutcomeCounts{NotAttempted: 1}, false},
	} {
		o := Outcome{Targets: []TargetOutcome{{}, {Results: []ChangeResult{row.result}}}}
		if got := o.Counts(); got != row.want || o.Wrote() != row.wrote {
			t.Errorf("%s %s: %+v, wrote: %v", row.result.Action, row.result.Status, got, o.Wrote())
		}
	}
	if n := (OutcomeCounts{Created: 1, Updated: 20, Deleted: 300, Failed: 4000}).Applied(); n != 321 {
		t.Errorf("%d were applied, want 321", n)
	}
}

func TestPlanIsCounted(t *testing.T) {
	c := PlanCounts{MissingFunctions: 1, MissingQualifiers: 20}
	for _, row := range []struct {
		functions, qualifiers desired.MissingPolicy
		lacking               int
	}{{desired.MissingError, desired.MissingError, 21}, {desired.MissingError, desired.MissingWarn, 1}, {desired.MissingWarn, desired.MissingError, 20}, {desired.MissingWarn, desired.MissingWarn, 0}} {
		if n := c.Lacking(row.functions, row.qualifiers); n != row.lacking {
			t.Errorf("%+v: %d", row, n)
		}
	}
}

// finderCalls is a Finder that remembers what it was asked for.
type finderCalls struct {
	calls []string
	err   error
}

func (f *finderCalls) ListFunctions(context.Context, string) (Page[Function], error) {
	f.calls = append(f.calls, "list")
	return Page[Function]{Items: named("f", "g")}, f.err
}

func (f *finderCalls) Tagged(context.Context, []desired.Tag) (map[string]map[string]string, error) {
	f.calls = append(f.calls, "tagged")
	return map[string]map[string]string{"f": {"k": "v"}}, f.err
}

func (f *finderCalls) TagsOf(_ context.Context, functions []string) (map[string]map[string]string, error) {
	f.calls = append(f.calls, "tags of "+strings.Join(functions, ","))
	return map[string]map[string]string{"f": {"k": "v"}}, f.err
}

// Discovery makes the fewest calls that answer what is asked, and half an answer is none.
func TestDiscoveryAsksForNoMore(t *testing.T) {
	tags := [][]desired.Tag{{{Key: "k"}}, {{Key: "l"}}}
	for _, row := range []struct {
		need  desired.Discovery
		calls []string
	}{
		{desired.Discovery{}, nil},
		{desired.Discovery{ListFunctions: true}, []string{"list"}},
		{desired.Discovery{Tags: tags}, []string{"tagged", "tagged"}},
		{desired.Discovery{Tags: tags, Functions: []string{"f", "g"}}, []string{"tags of f,g"}},
		{desired.Discovery{ListFunctions: true, Functions: []string{"f"}}, []string{"list"}},
		{desired.Discovery{ListFunctions: true, AllTags: true}, []string{"list", "tagged"}},
	} {
		row.need.Target = home
		for _, err := range []error{nil, ratelimit.WithResult(errAsked, ratelimit.Permanent, 0)} {
			limiter := fastLimiter()
			finder := &finderCalls{err: err}
			// A target of which nothing is asked stands before the one in question.
			found, failed := discover(t.Context(), []desired.Discovery{{Target: desired.Target{Account: "000000000001"}}, row.need}, map[desired.Target]readConn{home: {Finder: finder, Limiter: limiter}})
			limiter.Close()
			if want := row.calls[:min(len(row.calls), len(finder.calls))]; !slices.Equal(finder.calls, want) || err == nil && len(finder.calls) != len(row.calls) {
				t.Errorf("%+v: the calls are %q, want %q", row.need, finder.calls, row.calls)
			}
			if _, ok := found[home]; ok != (err == nil && row.calls != nil) || (failed[home] != nil) != (err != nil && row.calls != nil) {
				t.Errorf("%+v, AWS says %v: found %v, failed %v", row.need, err, found, failed)
			}
		}
	}
}

// All tags are no must: where they may not be read it is told, and the rest goes on.
func TestAllTagsAreNoMust(t *testing.T) {
	for _, err := range []error{nil, ratelimit.WithResult(errAsked, ratelimit.Permanent, 0)} {
		limiter := fastLimiter()
		need := desired.Discovery{Target: home, AllTags: true}
		found, failed := discover(t.Context(), []desired.Discovery{need}, map[desired.Target]readConn{home: {Finder: &finderCalls{err: err}, Limiter: limiter}})
		limiter.Close()
		if of, ok := found[home]; !ok || failed[home] != nil || !errors.Is(of.TagsErr, err) || (len(of.Tags) > 0) != (err == nil) {
			t.Errorf("AWS says %v: found %+v, failed %v", err, found, failed)
		}
	}
}

// silentTags is a finder whose tags are never told.
type silentTags struct{ finderCalls }

func (f *silentTags) Tagged(ctx context.Context, _ []desired.Tag) (map[string]map[string]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Where nobody answers for the tags, as in a network without that endpoint, a run goes on
// without them long before its own time is over.
func TestAllTagsTakeLittleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := fastLimiter()
		defer limiter.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		found, failed := discover(ctx, []desired.Discovery{{Target: home, ListFunctions: true, AllTags: true}}, map[desired.Target]readConn{home: {Finder: &silentTags{}, Limiter: limiter}})
		if of := found[home]; failed[home] != nil || len(of.Functions) != 2 || ErrorOf(of.TagsErr).Reason() != "no answer within 10s" || time.Since(began) > 12*time.Second {
			t.Errorf("after %v: found %+v, failed %v", time.Since(began), of, failed)
		}
	})
}

// What is watched is what requirements choose and nobody declares, for any two sets.
func TestWatchedIsJudgedAndNotDeclared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := desired.TargetSpec{Target: home}
		var watched, all []string
		for _, f := range []string{"a", "b", "c", "d", "e"} {
			declared, judged := rapid.Bool().Draw(t, "declared"), rapid.Bool().Draw(t, "judged")
			if declared {
				spec.Entries = append(spec.Entries, entry(f, desired.Latest, desired.Config{}), entry(f, "live", desired.Config{}))
				all = append(all, f, f)
			}
			if judged {
				spec.Judged = append(spec.Judged, desired.Judged{Function: f})
			}
			if judged && !declared {
				watched, all = append(watched, f), append(all, f)
			}
		}
		names := func(f desired.Fleet) (names []string) {
			for _, e := range f.Targets[0].Entries {
				names = append(names, e.Function)
			}
			return names
		}
		fleet := desired.Fleet{Targets: []desired.TargetSpec{spec}}
		w := watchlist(fleet)
		if got := names(w); !slices.Equal(got, watched) {
			t.Fatalf("%v are watched, want %v", got, watched)
		}
		if got := names(and(fleet, w)); !slices.Equal(got, all) {
			t.Fatalf("%v are read, want %v", got, all)
		}
	})
}

// Every target of the plan is judged, and what one function breaks is told in the order
// of the fleet file.
func TestBreachesStandInTheOrderOfTheFile(t *testing.T) {
	d, err := desired.Loader{Stdin: strings.NewReader(`version: 1
targets: [{ name: home, account: "111111111111", regions: [eu-central-1, eu-west-1] }]
require:
  - { name: z, match: { functions: ["*"] }, maximum_retry_attempts: { max: 0 } }
  - { name: y, match: { functions: ["*"] }, maximum_retry_attempts: { max: 1 } }
  - { name: x, match: { functions: ["*"] }, failure_destination: required }
`)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	inventory := desired.Inventory{home: {Functions: []string{"f"}}, {Account: home.Account, Region: "eu-central-1"}: {Functions: []string{"f"}}}
	fleet, err := d.Resolve(desired.Target{}, inventory, desired.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	plan := Plan{Targets: []TargetPlan{{Target: home}}} // the first target is in no plan
	plan.Require(fleet, inventory, holds(present("f")))
	var rules []string
	for _, b := range plan.Targets[0].Breaches {
		rules = append(rules, b.Requirement.Origin.Rule)
	}
	if !slices.Equal(rules, []string{"z", "y", "x"}) || plan.Targets[0].Judged != 1 {
		t.Errorf("%v are broken, %d judged", rules, plan.Targets[0].Judged)
	}
}

// A lease that is over is told from every other end.
func TestTheEndOfALease(t *testing.T) {
	lost := errors.New("lost")
	lease, lose := context.WithCancelCause(t.Context())
	ctx := leasedContext{t.Context(), lease}
	if ctx.Err() != nil {
		t.Errorf("before: %v", ctx.Err())
	}
	lose(lost)
	if err := ctx.Err(); !errors.Is(err, lost) || !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after: %v", err)
	}
}

func TestTargetWide(t *testing.T) {
	const target, function = "111111111111/eu-west-1", "111111111111/eu-west-1/orders:live"
	tests := []struct {
		why           string
		kind          callerr.Kind
		subject, text string
		want          bool
	}{
		{"an expired token ends it for all", callerr.Credentials, function, "", true},
		{"discovery is denied", callerr.Denied, target, "no", true},
		{"one function is denied", callerr.Denied, function, "not authorized to perform: lambda:X on resource: f", false},
		{"the organisation denies", callerr.Denied, function, "not authorized to perform: lambda:X with an explicit deny in a service control policy", true},
		{"a queue is refused", callerr.Refused, function, "", false},
		{"a function is gone", callerr.FunctionMissing, function, "", false},
		{"throttled", callerr.Throttled, target, "", false},
		{"an outage ends by itself", callerr.Server, target, "", false},
	}
	for _, tt := range tests {
		e := &callerr.Error{Kind: tt.kind, Subject: tt.subject, Message: tt.text}
		if got := targetWide(e); got != tt.want {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
}

// TestWhatARunLookedAt: a selection narrows a run, a shard does not, and neither is the fleet.
func TestWhatARunLookedAt(t *testing.T) {
	for _, row := range []struct {
		base              GuardBase
		narrowed, ofFleet bool
	}{{GuardBase{}, false, true}, {GuardBase{Shards: 1}, false, true}, {GuardBase{Shards: 2}, false, false},
		{GuardBase{Part: true}, true, false}, {GuardBase{Part: true, Shards: 2}, true, false}} {
		if r := (&RunResult{base: row.base}); r.Narrowed() != row.narrowed || r.OfFleet() != row.ofFleet {
			t.Errorf("%+v: narrowed %v, of the fleet %v", row.base, r.Narrowed(), r.OfFleet())
		}
	}
}

// TestOfTargetsThatAreNotOpen: nothing is written or discovered there, and where rules would choose nobody
// knows how many configs there are. Of a target that was not asked for nothing is said.
func TestOfTargetsThatAreNotOpen(t *testing.T) {
	failed, never := targetOf("222222222222"), targetOf("333333333333")
	aws := newFake("f")
	opened := Opened{Targets: []OpenTarget{{Target: home, Writer: aws}, {Target: failed, Writer: aws, Err: errAsked}}}
	if targets := opened.writeTargets(nil, unrecorded{}); len(targets) != 1 || targets[home].Writer != aws {
		t.Errorf("%+v may be written to", targets)
	}
	var asked []desired.Discovery
	var plan Plan
	for _, at := range []desired.Target{home, failed, never} {
		asked = append(asked, desired.Discovery{Target: at, ListFunctions: true})
		plan.Targets = append(plan.Targets, TargetPlan{Target: at, Err: errAsked})
	}
	if open := openOnly(asked, opened); len(open) != 1 || open[0].Target != home {
		t.Errorf("%+v are to be discovered", open)
	}
	plan.markUnknown(asked, opened)
	for _, p := range plan.Targets {
		if p.Unknown != (p.Target == failed) {
			t.Errorf("%s: unknown is %v", p.Target, p.Unknown)
		}
	}
}

// TestWhyARunEnded: its time limit is named where it has one, and a caller's deadline is not
// taken for it.
func TestWhyARunEnded(t *testing.T) {
	stop := errors.New("stop")
	stopped, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	blamed, waited := fmt.Errorf("its history cannot be written: %w", stop), fmt.Errorf("%w: another run holds it", stop)
	for why, row := range map[string]struct {
		ctx       context.Context
		limit     time.Duration
		err, want error
	}{
		"nothing":               {t.Context(), time.Minute, nil, nil},
		"a call failed":         {t.Context(), time.Minute, errAsked, errAsked},
		"no time for a call":    {t.Context(), time.Minute, ratelimit.ErrNoTime, ErrTimeUp},
		"a caller's deadline":   {t.Context(), 0, ratelimit.ErrNoTime, ratelimit.ErrNoTime},
		"a person, long since":  {stopped, time.Minute, ratelimit.ErrNoTime, stop},
		"and a place is blamed": {stopped, time.Minute, blamed, stop},
		"what was waited for":   {stopped, time.Minute, waited, waited},
	} {
		r := RunResult{Request: Request{Timeout: row.limit}}
		if err := r.whyEnded(row.ctx, row.err); !errors.Is(err, row.want) || !errors.Is(err, row.err) || errors.Is(err, ErrTimeUp) != (row.want == ErrTimeUp) || err != nil && err.Error() != row.want.Error() {
			t.Errorf("%s: %v, want %v", why, err, row.want)
		}
	}
}
