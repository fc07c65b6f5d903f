package metrics

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// EMF writes passes as CloudWatch's embedded metric format: lines of JSON in the log
// of a Lambda function, of which CloudWatch makes metrics. One line tells of the
// pass, and one of each of its targets.
//
// The names are those of Prometheus, with the value of a label behind them:
// eventinvoke_configs{state="drifted"} is eventinvoke_configs_drifted. The dimensions
// are function, the Lambda function, which alarms use; and for the few metrics that
// tell how a target is, since CloudWatch takes money for each, account and region
// beside it. As for Prometheus, what a target holds is told by passes over all of it.
type EMF struct {
	Out      io.Writer
	Function string // the Lambda function that this process is
}

// namespace is where CloudWatch keeps the metrics.
const namespace = "eventinvoke"

// byTarget are the metrics that are kept for each target too.
var byTarget = []string{"eventinvoke_target_up", "eventinvoke_configs_drifted", "eventinvoke_configs_unreadable", "eventinvoke_corrections_failed"}

// maxValues is how many values of one metric a line may hold.
const maxValues = 100

// Passed writes the lines of a pass.
func (e EMF) Passed(r worker.Report) error {
	if err := e.write(r.Finished, r.Result.RunID, nil, e.ofPass(&r)); err != nil {
		return err
	}
	if r.Result.Plan == nil {
		return nil
	}
	for p := range slice.Pointers(r.Result.Plan.Targets) {
		o := r.Result.Outcome.Of(p.Target)
		values := map[string]any{}
		if r.Scope.Whole(p.Target) {
			values["eventinvoke_target_up"] = number(r.Result.TargetErr(p.Target) == nil)
			for state, n := range states(p, o) {
				values["eventinvoke_configs_"+state] = n
			}
		}
		for _, a := range []reconcile.Action{reconcile.Create, reconcile.Update, reconcile.Delete} {
			values["eventinvoke_drift_found_"+a.String()] = 0
		}
		count := func(name string) {
			n, _ := values[name].(int)
			values[name] = n + 1
		}
		for j := range p.Changes {
			count("eventinvoke_drift_found_" + p.Changes[j].Action.String())
		}
		for j := 0; o != nil && j < len(o.Results); j++ {
			count("eventinvoke_corrections_" + o.Results[j].Status.String())
		}
		if err := e.write(r.Finished, r.Result.RunID, p, values); err != nil {
			return err
		}
	}
	return nil
}

// ofPass are the numbers that belong to no target. A reason is 0 where it did not
// occur, so that an alarm on it ends.
func (e EMF) ofPass(r *worker.Report) map[string]any {
	values := map[string]any{
		"eventinvoke_pass_duration_seconds": r.Finished.Sub(r.Started).Seconds(),
		"eventinvoke_passes_complete":       number(r.Result.Completed() == nil),
		"eventinvoke_passes_incomplete":     number(r.Result.Completed() != nil),
	}
	if r.Scope.All {
		values["eventinvoke_guard_refused"] = number(r.Refused)
		values["eventinvoke_fleet_files_broken"] = number(r.Result.FleetProblem != nil)
	}
	for _, reason := range worker.Reasons() {
		values["eventinvoke_pass_failures_"+string(reason)] = number(slices.Contains(r.Result.Reasons(), reason))
	}
	var lags []float64
	for _, happened := range r.Events {
		if lag := r.Finished.Sub(happened); lag <= longestLag && len(lags) < maxValues {
			lags = append(lags, max(0, lag).Seconds())
		}
	}
	if lags != nil {
		values["eventinvoke_event_lag_seconds"] = lags
	}
	return values
}

type (
	emfMetadata struct {
		Timestamp         int64
		CloudWatchMetrics []emfDirective
	}
	emfDirective struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []emfMetric
	}
	emfMetric struct{ Name, Unit string }
)

// write writes one line.
func (e EMF) write(at time.Time, run string, p *reconcile.TargetPlan, values map[string]any) error {
	line := map[string]any{"function": cmp.Or(e.Function, "unknown"), "run_id": run}
	if p != nil {
		line["account"], line["region"], line["label"] = p.Account, p.Region, p.Label
	}
	all := emfDirective{Namespace: namespace, Dimensions: [][]string{{"function"}}}
	single := emfDirective{Namespace: namespace, Dimensions: [][]string{{"function", "account", "region"}}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		m := emfMetric{name, "Count"}
		if strings.HasSuffix(name, "_seconds") {
			m.Unit = "Seconds"
		}
		all.Metrics = append(all.Metrics, m)
		if p != nil && slices.Contains(byTarget, name) {
			single.Metrics = append(single.Metrics, m)
		}
		line[name] = values[name]
	}
	directives := []emfDirective{all}
	if single.Metrics != nil {
		directives = append(directives, single)
	}
	line["_aws"] = emfMetadata{at.UnixMilli(), directives}
	return json.NewEncoder(e.Out).Encode(line)
}
