package main

import (
	"fmt"
	"io"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// newReport is a result over fleet files as it is rendered.
func newReport(r *reconcile.RunResult, files []desired.FileInfo) *report.Run {
	run := &report.Run{
		ID: r.ID, ToolVersion: version, Verb: r.Verb, Started: r.Started, Surveyed: r.Surveyed, Finished: r.Finished, Asked: r.Asked,
		Fleet:    report.FleetInfo{Keys: r.Fleet.Configs(), Targets: len(r.Fleet.Targets), MissingFunctions: r.Fleet.MissingFunctions, MissingQualifiers: r.Fleet.MissingQualifiers},
		Warnings: r.Warnings, Guard: r.Guard, Refused: r.Refused, Outcome: r.Outcome, Err: r.Err, GuardOff: r.GuardOff,
		Insights: r.Insights, InsightsRequired: r.InsightPolicy == reconcile.InsightsRequired,
	}
	if run.Finished.IsZero() {
		run.Finished = time.Now()
	}
	if r.Stopped != nil {
		run.Stopped = timeUp(r.Stopped).Error()
	}
	for _, f := range files {
		run.Fleet.Files = append(run.Fleet.Files, f.Path)
	}
	if r.Planned() {
		run.Plan = &r.Plan
	}
	run.API = apiOf(r)
	return run
}

// apiOf is what was asked of each target so far.
func apiOf(r *reconcile.RunResult) []report.TargetAPI {
	labels := labelsOf(r.Fleet.Targets)
	var all []report.TargetAPI
	for _, t := range r.Opened.Targets {
		api := report.TargetAPI{Target: t.Target, Label: labels[t.Target]}
		if t.Calls != nil {
			api.Operations, api.Limiter = t.Calls(), t.Limiter.Snapshot()
		}
		all = append(all, api)
	}
	return all
}

// labelsOf names the targets of a fleet as its files do.
func labelsOf(targets []desired.TargetSpec) map[desired.Target]string {
	labels := map[desired.Target]string{}
	for _, t := range targets {
		labels[t.Target] = t.Label
	}
	return labels
}

// render writes a run in the format that was asked for. A stream that has begun is
// ended; out is the standard output, for what text looks like.
func (o *outputOptions) render(to, out io.Writer, run *report.Run, stream *report.Stream) error {
	switch o.format {
	case "json":
		return report.JSON(to, run)
	case "ndjson":
		if stream == nil {
			stream = report.NewStream(to, run)
		}
		return stream.Finish(run)
	case "markdown":
		return report.Markdown(to, run)
	case "junit":
		return report.JUnit(to, run)
	case "sarif":
		return report.SARIF(to, run)
	case "github":
		return report.GitHub(to, run)
	case "html":
		return report.HTML(to, run)
	}
	return report.Text(to, run, o.text(out))
}

// countCalls feeds the requests of a run to the metrics: a run opens its targets
// anew, so that their counters begin at zero.
func countCalls(m *metrics.Metrics, r *reconcile.RunResult) {
	labels := labelsOf(r.Fleet.Targets)
	for _, t := range r.Opened.Targets {
		if t.Calls == nil {
			continue
		}
		for _, op := range t.Calls() {
			for result, n := range map[ratelimit.Result]int64{
				ratelimit.OK: op.OK, ratelimit.Throttled: op.Throttled, ratelimit.Conflict: op.Conflicts,
				ratelimit.ServerError: op.Faults, ratelimit.ClockSkew: op.Skewed, ratelimit.Permanent: op.Refused,
			} {
				if n > 0 {
					m.Calls(t.Target, labels[t.Target], op.Name, result, n)
				}
			}
		}
	}
}

// writeMetrics leaves the numbers of a one-shot run for the text file collector.
func (x *execution) writeMetrics(r *reconcile.RunResult) error {
	if x.o.metricsFile == "" || x.clients == nil {
		return nil
	}
	m := metrics.New(version, x.clients.snapshots)
	countCalls(m, r)
	m.Passed(worker.Report{
		Scope: worker.Scope{All: true}, Causes: []worker.Cause{worker.Start},
		Started: r.Started, Finished: r.Finished, Result: passResult(r),
	})
	if err := m.WriteFile(x.o.metricsFile); err != nil {
		return fmt.Errorf("--metrics-file %s cannot be written: %w", x.o.metricsFile, err)
	}
	return nil
}

// passResult is the result of a run as the worker and its metrics know it.
func passResult(r *reconcile.RunResult) worker.Result {
	result := worker.Result{Outcome: r.Outcome, Insights: r.Insights, MissingFunctions: r.Fleet.MissingFunctions, MissingQualifiers: r.Fleet.MissingQualifiers}
	for _, err := range []error{r.Late, r.Refused, r.Stopped, r.Err} {
		if err != nil {
			result.Err = err
		}
	}
	if r.Planned() {
		result.Plan = &r.Plan
	}
	return result
}
