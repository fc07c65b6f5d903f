package metrics

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

var (
	ireland  = desired.Target{Account: "111111111111", Region: "eu-west-1"}
	virginia = desired.Target{Account: "111111111111", Region: "us-east-1"}
	ten      = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
)

func named(s string) desired.Name { return desired.Name{Function: s, Qualifier: desired.Latest} }

// aPass is a pass over two targets: in the first, one of two changes was
// written; the second could not be read.
func aPass() worker.Report {
	change := func(name string) reconcile.Change {
		return reconcile.Change{Name: named(name), Action: reconcile.Update}
	}
	return worker.Report{
		Scope: worker.Scope{All: true}, Causes: []worker.Cause{worker.Schedule},
		Started: ten, Finished: ten.Add(30 * time.Second), Events: []time.Time{time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), ten.Add(10 * time.Second), ten.Add(time.Hour)},
		Fought: []insight.Fight{{Key: desired.Key{Target: ireland, Name: named("a")}}},
		Result: worker.Result{
			Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{
				{Target: ireland, Label: "prod", Declared: 10, InSync: 8, Breaches: []reconcile.Breach{{Name: named("a"), Now: true}, {Name: named("d"), Now: true, Planned: true}},
					Unjudged: []reconcile.Unjudged{{Function: "e"}}, Changes: []reconcile.Change{change("a"), change("b")}, Evidence: &insight.Evidence{
						Functions: 10, Read: 4, Carried: 6, Scrubbed: 2, Missed: 1, Oldest: time.Unix(900, 0), Trail: time.Unix(800, 0), Lag: 7 * time.Minute,
					}},
				{Target: virginia, Label: "prod", Err: errors.New("denied"), Findings: []reconcile.Finding{{Name: named("c"), Kind: reconcile.FindingUnreadable}}},
			}},
			Insights: insight.Set{Destinations: []insight.Destination{{
				ARN: "arn:aws:sqs:eu-west-1:111111111111:gone", State: insight.DestinationMissing,
				Uses: []insight.DestinationUse{{Key: desired.Key{Target: ireland, Name: named("a")}}, {Key: desired.Key{Target: ireland, Name: named("b")}}},
			}}},
			Outcome: &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: ireland, Label: "prod", Results: []reconcile.ChangeResult{
				{Change: change("a"), Status: reconcile.Applied}, {Change: change("b"), Status: reconcile.Failed, Err: errors.New("refused")},
			}}}},
		},
	}
}

// ranWith is a run that made some calls in one of its targets.
func ranWith(calls ...reconcile.OperationCount) *reconcile.RunResult {
	r := &reconcile.RunResult{Fleet: desired.Fleet{Targets: []desired.TargetSpec{{Target: ireland, Label: "prod"}}}}
	r.Opened.Targets = []reconcile.OpenTarget{{Target: ireland, Calls: func() []reconcile.OperationCount { return calls }}, {Target: virginia}}
	return r
}

func filled() *Metrics {
	m := New("1.2.3", func() map[desired.Target]ratelimit.Snapshot {
		return map[desired.Target]ratelimit.Snapshot{ireland: {
			Rate: 6.8, Ceiling: 13.5, Throttled: 3, Paused: 1500 * time.Millisecond, Breaker: ratelimit.BreakerOpen,
		}}
	})
	m.QueueOpened(func() time.Duration { return 90 * time.Second })
	m.Woken(worker.Request)
	m.Message("echo")
	m.QueueFailed("ReceiveMessage")
	for _, reads := range []int64{10, 5} { // of one run and the next
		if err := m.Ran(context.Background(), ranWith(
			reconcile.OperationCount{Name: "ListFunctionEventInvokeConfigs", OK: reads},
			reconcile.OperationCount{Name: "UpdateFunctionEventInvokeConfig", Throttled: reads / 10},
		)); err != nil {
			panic(err)
		}
	}
	m.Passed(aPass())
	return m
}

func TestNumbersOfAPass(t *testing.T) {
	const want = `
# HELP eventinvoke_api_calls_total Requests to AWS, by operation and outcome. Each retry counts.
# TYPE eventinvoke_api_calls_total counter
eventinvoke_api_calls_total{account="111111111111",label="prod",operation="ListFunctionEventInvokeConfigs",outcome="ok",region="eu-west-1"} 15
eventinvoke_api_calls_total{account="111111111111",label="prod",operation="UpdateFunctionEventInvokeConfig",outcome="throttled",region="eu-west-1"} 1
# HELP eventinvoke_breaches What breaks a requirement of the fleet file after the last pass over the whole target.
# TYPE eventinvoke_breaches gauge
eventinvoke_breaches{account="111111111111",label="prod",region="eu-west-1"} 1
eventinvoke_breaches{account="111111111111",label="prod",region="us-east-1"} 0
# HELP eventinvoke_unjudged_functions Functions of which that pass could not tell whether they break a requirement.
# TYPE eventinvoke_unjudged_functions gauge
eventinvoke_unjudged_functions{account="111111111111",label="prod",region="eu-west-1"} 1
eventinvoke_unjudged_functions{account="111111111111",label="prod",region="us-east-1"} 0
# HELP eventinvoke_destination_configs Configs after the last pass over the whole target, by what is known of a destination that they send to.
# TYPE eventinvoke_destination_configs gauge
eventinvoke_destination_configs{account="111111111111",label="prod",region="eu-west-1",state="exists"} 0
eventinvoke_destination_configs{account="111111111111",label="prod",region="eu-west-1",state="missing"} 2
eventinvoke_destination_configs{account="111111111111",label="prod",region="eu-west-1",state="unknown"} 0
eventinvoke_destination_configs{account="111111111111",label="prod",region="eu-west-1",state="wrong_kind"} 0
eventinvoke_destination_configs{account="111111111111",label="prod",region="us-east-1",state="exists"} 0
eventinvoke_destination_configs{account="111111111111",label="prod",region="us-east-1",state="missing"} 0
eventinvoke_destination_configs{account="111111111111",label="prod",region="us-east-1",state="unknown"} 0
eventinvoke_destination_configs{account="111111111111",label="prod",region="us-east-1",state="wrong_kind"} 0
# HELP eventinvoke_fought_configs Configs that somebody keeps changing back, until it has ended.
# TYPE eventinvoke_fought_configs gauge
eventinvoke_fought_configs{account="111111111111",label="prod",region="eu-west-1"} 1
eventinvoke_fought_configs{account="111111111111",label="prod",region="us-east-1"} 0
# HELP eventinvoke_corrections_total Changes that were to be written, by how that ended.
# TYPE eventinvoke_corrections_total counter
eventinvoke_corrections_total{account="111111111111",label="prod",region="eu-west-1",status="applied"} 1
eventinvoke_corrections_total{account="111111111111",label="prod",region="eu-west-1",status="failed"} 1
# HELP eventinvoke_drift_found_total Changes that plans asked for, by action.
# TYPE eventinvoke_drift_found_total counter
eventinvoke_drift_found_total{account="111111111111",action="change",label="prod",region="eu-west-1"} 2
# HELP eventinvoke_last_attempt_timestamp_seconds When the last pass over the whole target began.
# TYPE eventinvoke_last_attempt_timestamp_seconds gauge
eventinvoke_last_attempt_timestamp_seconds{account="111111111111",label="prod",region="eu-west-1"} 1.7951688e+09
eventinvoke_last_attempt_timestamp_seconds{account="111111111111",label="prod",region="us-east-1"} 1.7951688e+09
# HELP eventinvoke_last_success_timestamp_seconds When the last pass over the whole target that came to its end did so.
# TYPE eventinvoke_last_success_timestamp_seconds gauge
eventinvoke_last_success_timestamp_seconds{account="111111111111",label="prod",region="eu-west-1"} 1.79516883e+09
eventinvoke_last_success_timestamp_seconds{account="111111111111",label="prod",region="us-east-1"} 0
# HELP eventinvoke_pass_failures_total Passes that failed, or in which something failed, by each reason.
# TYPE eventinvoke_pass_failures_total counter
eventinvoke_pass_failures_total{reason="credentials"} 0
eventinvoke_pass_failures_total{reason="fleet_files"} 0
eventinvoke_pass_failures_total{reason="guard"} 0
eventinvoke_pass_failures_total{reason="history"} 0
eventinvoke_pass_failures_total{reason="lease"} 0
eventinvoke_pass_failures_total{reason="other"} 0
eventinvoke_pass_failures_total{reason="stalled"} 0
eventinvoke_pass_failures_total{reason="unreadable"} 1
eventinvoke_pass_failures_total{reason="unwritable"} 1
# HELP eventinvoke_passes_total Passes by what they covered and whether they came to their end.
# TYPE eventinvoke_passes_total counter
eventinvoke_passes_total{outcome="incomplete",scope="all"} 1
# HELP eventinvoke_target_up 1 while the last pass over the whole target came to its end.
# TYPE eventinvoke_target_up gauge
eventinvoke_target_up{account="111111111111",label="prod",region="eu-west-1"} 1
eventinvoke_target_up{account="111111111111",label="prod",region="us-east-1"} 0
# HELP eventinvoke_wakes_total Requests for a pass, before they are merged.
# TYPE eventinvoke_wakes_total counter
eventinvoke_wakes_total{cause="event"} 0
eventinvoke_wakes_total{cause="files"} 0
eventinvoke_wakes_total{cause="request"} 1
eventinvoke_wakes_total{cause="schedule"} 0
eventinvoke_wakes_total{cause="signal"} 0
eventinvoke_wakes_total{cause="start"} 0
`
	err := testutil.GatherAndCompare(filled().registry, strings.NewReader(want),
		"eventinvoke_api_calls_total", "eventinvoke_breaches", "eventinvoke_unjudged_functions", "eventinvoke_destination_configs", "eventinvoke_fought_configs", "eventinvoke_corrections_total", "eventinvoke_drift_found_total",
		"eventinvoke_last_attempt_timestamp_seconds", "eventinvoke_last_success_timestamp_seconds", "eventinvoke_passes_total", "eventinvoke_pass_failures_total", "eventinvoke_target_up", "eventinvoke_wakes_total")
	if err != nil {
		t.Error(err)
	}
}

// values are the samples of one family, by the value of one label; a
// histogram's is its sum.
func values(t *testing.T, g prometheus.Gatherer, family, label, region string) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			if region == "" || labels["region"] == region {
				got[labels[label]] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
			}
		}
	}
	return got
}

func TestStatesOfKeysAreThoseAfterThePass(t *testing.T) {
	want := map[string]float64{"in_sync": 9, "drifted": 1, "unreadable": 0, "not_examined": 0, "function_missing": 0,
		"qualifier_missing": 0, "undeclared": 0, "ignored": 0, "skipped": 0}
	if diff := cmp.Diff(want, values(t, filled().registry, "eventinvoke_configs", "state", "eu-west-1")); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestALagThatCannotBeIsNotCounted(t *testing.T) {
	// One event happened 20 s before the end of the pass, another's clock is ahead,
	// and one says that it is of 2001.
	if got := values(t, filled().registry, "eventinvoke_event_lag_seconds", "", ""); got[""] != 20 {
		t.Errorf("the sum of lags is %v, want 20", got[""])
	}
}

func TestAPassOverAPartSaysNothingOfTheWhole(t *testing.T) {
	m := filled()
	part := aPass()
	part.Scope = worker.Scope{Objects: []worker.Object{{Target: ireland, Function: "a"}}}
	part.Started, part.Finished = ten.Add(time.Hour), ten.Add(2*time.Hour)
	part.Result.Plan.Targets = part.Result.Plan.Targets[:1]
	part.Result.Plan.Targets[0].InSync = 0
	m.Passed(part)
	if got := values(t, m.registry, "eventinvoke_configs", "state", "eu-west-1"); got["in_sync"] != 9 {
		t.Errorf("in sync are %v keys, want those of the whole", got["in_sync"])
	}
	if got := values(t, m.registry, "eventinvoke_last_attempt_timestamp_seconds", "region", ""); got["eu-west-1"] != unix(ten) || len(got) != 2 {
		t.Errorf("attempts are %v, want two of the first pass", got)
	}
	if got := values(t, m.registry, "eventinvoke_drift_found_total", "action", "eu-west-1"); got["change"] != 4 {
		t.Errorf("drift found is %v, want that of both passes", got)
	}
}

func TestAPassOverATargetSaysAllOfIt(t *testing.T) {
	m := filled()
	pass := aPass()
	pass.Scope = worker.Scope{Objects: []worker.Object{{Target: ireland}}}
	pass.Started = ten.Add(time.Hour)
	pass.Result.Plan.Targets = pass.Result.Plan.Targets[:1]
	pass.Result.Plan.Targets[0].InSync = 4
	m.Passed(pass)
	if got := values(t, m.registry, "eventinvoke_configs", "state", "eu-west-1"); got["in_sync"] != 5 {
		t.Errorf("in sync are %v, want those of the last pass", got["in_sync"])
	}
	if got := values(t, m.registry, "eventinvoke_last_attempt_timestamp_seconds", "region", ""); got["eu-west-1"] != unix(ten.Add(time.Hour)) || got["us-east-1"] != unix(ten) {
		t.Errorf("attempts are %v, want the later one where the pass was", got)
	}
}

// A pass over several targets says of each what it saw of it, whether that was all or a part.
func TestAPassOverSeveralTargetsSaysAllOfEach(t *testing.T) {
	for why, row := range map[string]struct {
		objects           []worker.Object
		ireland, virginia bool
	}{
		"a part, and all of the other": {[]worker.Object{{Target: ireland, Function: "a"}, {Target: virginia}}, false, true},
		"all of it, and a part":        {[]worker.Object{{Target: ireland}, {Target: virginia, Function: "a"}}, true, false},
		"all of both":                  {[]worker.Object{{Target: ireland}, {Target: virginia}}, true, true},
	} {
		m := filled()
		pass := aPass()
		pass.Scope, pass.Started = worker.Scope{Objects: row.objects}, ten.Add(time.Hour)
		m.Passed(pass)
		want := map[string]float64{"eu-west-1": unix(ten), "us-east-1": unix(ten)}
		if row.ireland {
			want["eu-west-1"] = unix(pass.Started)
		}
		if row.virginia {
			want["us-east-1"] = unix(pass.Started)
		}
		if diff := cmp.Diff(want, values(t, m.registry, "eventinvoke_last_attempt_timestamp_seconds", "region", "")); diff != "" {
			t.Errorf("%s: attempts (-want +got): %s", why, diff)
		}
	}
}

func TestATargetThatLeftTheFleetIsForgotten(t *testing.T) {
	m := filled()
	next := aPass()
	next.Result.Plan.Targets = next.Result.Plan.Targets[:1]
	m.Passed(next)
	if got := values(t, m.registry, "eventinvoke_last_attempt_timestamp_seconds", "region", ""); len(got) != 1 {
		t.Errorf("targets are %v, want one", got)
	}
	m.Passed(worker.Report{Scope: worker.Scope{All: true}, Started: ten, Result: worker.Result{Err: errors.New("no credentials"), FleetProblem: errors.New("EI001")}})
	if got := values(t, m.registry, "eventinvoke_last_attempt_timestamp_seconds", "region", ""); len(got) != 1 {
		t.Errorf("a pass without a plan left targets %v, want what was known", got)
	}
	if got := values(t, m.registry, "eventinvoke_fleet_files_broken", "", ""); got[""] != 1 {
		t.Error("the broken fleet files are not shown")
	}
	if got := values(t, m.registry, "eventinvoke_target_up", "region", ""); len(got) != 1 || got["eu-west-1"] != 0 {
		t.Errorf("without credentials the targets up are %v, want one that is down", got)
	}
}

func TestADeclaredTargetIsShownBeforeItsFirstSuccess(t *testing.T) {
	m := New("1.2.3", nil)
	m.Declare([]desired.TargetSpec{{Target: ireland, Label: "prod"}, {Target: virginia, Label: "prod"}})
	m.Passed(worker.Report{Scope: worker.Scope{All: true}, Started: ten, Result: worker.Result{Err: errors.New("AWS does not answer")}})
	for _, family := range []string{"eventinvoke_last_success_timestamp_seconds", "eventinvoke_target_up"} {
		if diff := cmp.Diff(map[string]float64{"eu-west-1": 0, "us-east-1": 0}, values(t, m.registry, family, "region", "")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", family, diff)
		}
	}
	m.Passed(aPass())
	if got := values(t, m.registry, "eventinvoke_last_success_timestamp_seconds", "region", ""); got["eu-west-1"] == 0 {
		t.Errorf("after a success: %v", got)
	}
	ambient := New("1.2.3", nil)
	ambient.Declare(nil)
	if got := values(t, ambient.registry, "eventinvoke_target_up", "region", ""); len(got) != 1 {
		t.Errorf("where no target is declared: %v, want one that stands for it", got)
	}
	ambient.Passed(aPass())
	if got := values(t, ambient.registry, "eventinvoke_target_up", "region", ""); len(got) != 2 {
		t.Errorf("once the targets are known: %v, want only those", got)
	}
}

// Of a target whose functions could not be listed nobody knows how many configs
// there are: no number is made up for it, and that it is not up tells.
func TestWhatIsNotKnownIsNoNumber(t *testing.T) {
	refused := aPass()
	refused.Result.Outcome = nil
	refused.Result.Plan.Targets[0] = reconcile.TargetPlan{Target: ireland, Label: "prod", Err: errors.New("denied"), Unknown: true}
	refused.Result.Plan.Targets[1] = reconcile.TargetPlan{Target: virginia, Label: "prod", Err: errors.New("denied"), Declared: 1,
		Findings: []reconcile.Finding{{Kind: reconcile.FindingUnreadable}}}
	for _, before := range [][]worker.Report{nil, {aPass()}} {
		m := New("1.2.3", nil)
		for _, r := range append(before, refused) {
			m.Passed(r)
		}
		if got := values(t, m.registry, "eventinvoke_configs", "state", "eu-west-1"); len(got) > 0 {
			t.Errorf("states are %v, and nobody knows", got)
		}
		if got := values(t, m.registry, "eventinvoke_configs", "state", "us-east-1"); got["unreadable"] != 1 {
			t.Errorf("states are %v, and one entry is declared", got)
		}
		if got := values(t, m.registry, "eventinvoke_target_up", "region", ""); got["eu-west-1"] != 0 || got["us-east-1"] != 0 {
			t.Errorf("up: %v", got)
		}
	}
}

func TestARefusalByTheGuardStands(t *testing.T) {
	m := New("1.2.3", nil)
	for _, refused := range []bool{true, false} {
		pass := aPass()
		pass.Refused = refused
		m.Passed(pass)
		if got := values(t, m.registry, "eventinvoke_guard_refused", "", ""); got[""] != number(refused) {
			t.Errorf("refused %v shows as %v", refused, got[""])
		}
	}
}

func TestMetricsAreValidOpenMetrics(t *testing.T) {
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0; charset=utf-8")
	w := httptest.NewRecorder()
	filled().Handler().ServeHTTP(w, r)
	format := expfmt.ResponseFormat(w.Header())
	if format.FormatType() != expfmt.TypeOpenMetrics {
		t.Fatalf("the format is %q, not OpenMetrics", format)
	}
	body := w.Body.String()
	families := map[string]bool{}
	decoder := expfmt.NewDecoder(strings.NewReader(body), format)
	for {
		var f dto.MetricFamily
		if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not OpenMetrics: %v\n%s", err, body)
		}
		families[f.GetName()] = true
	}
	if !strings.HasSuffix(body, "# EOF\n") {
		t.Error("the end is not marked")
	}
	for _, want := range []string{"eventinvoke_wakes", "eventinvoke_limiter_rate", "eventinvoke_configs", "go_goroutines"} {
		if !families[want] && !families[want+"_total"] {
			t.Errorf("%s is not among %v", want, families)
		}
	}
}

func TestMetricsFollowTheConventions(t *testing.T) {
	problems, err := testutil.GatherAndLint(filled().registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestTheText(t *testing.T) {
	var text strings.Builder
	if err := filled().WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if text := text.String(); !strings.Contains(text, `eventinvoke_build_info{version="1.2.3"} 1`) || strings.Contains(text, "go_goroutines") {
		t.Errorf("the text lacks the version, or has numbers of the process:\n%s", text)
	}
}

func TestBrokenIsCounted(t *testing.T) {
	p := reconcile.TargetPlan{Breaches: []reconcile.Breach{{Now: true}, {Now: true, Planned: true}, {Now: true}, {Planned: true}}}
	if now, then := broken(&p, false), broken(&p, true); now != 3 || then != 2 {
		t.Errorf("%d are broken now and %d then, want 3 and 2", now, then)
	}
}
