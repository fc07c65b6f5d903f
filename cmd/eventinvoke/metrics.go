package main

import (
	"fmt"

	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

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
	result := worker.Result{Outcome: r.Outcome, Insights: r.Insights}
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
