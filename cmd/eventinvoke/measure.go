package main

import (
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// callCounter feeds the requests of each pass to the metrics. A lane counts
// from its making, and a worker uses one for several passes.
type callCounter struct {
	metrics *metrics.Metrics
	counted map[*awslambda.Conn]map[string]awslambda.OpStats // what the metrics know; of the lanes in use
}

// add takes what the lanes of a site have sent since the last call.
func (c *callCounter) add(s *site, labels map[desired.Target]string) {
	now := map[*awslambda.Conn]map[string]awslambda.OpStats{}
	for target, opened := range s.lanes {
		if opened.Conn == nil {
			continue
		}
		by := map[string]awslambda.OpStats{}
		for _, op := range opened.Conn.Stats() {
			by[op.Op] = op
			before := c.counted[opened.Conn][op.Op]
			for outcome, n := range map[ratelimit.Result]int64{
				ratelimit.OK:          op.OK - before.OK,
				ratelimit.Throttled:   op.Throttled - before.Throttled,
				ratelimit.Conflict:    op.Conflicts - before.Conflicts,
				ratelimit.ServerError: op.Faults - before.Faults,
				ratelimit.ClockSkew:   op.Skewed - before.Skewed,
				ratelimit.Permanent:   op.Refused - before.Refused,
			} {
				if n > 0 {
					c.metrics.Calls(target, labels[target], op.Op, outcome, n)
				}
			}
		}
		now[opened.Conn] = by
	}
	c.counted = now
}

// labelsOf names the targets of a fleet as its files do.
func labelsOf(targets []desired.TargetSpec) map[desired.Target]string {
	labels := map[desired.Target]string{}
	for _, t := range targets {
		labels[t.Target] = t.Label
	}
	return labels
}

// writeMetrics leaves the numbers of a one-shot run for the text file collector.
func (p *pass) writeMetrics() error {
	if p.o.metricsFile == "" || p.site == nil {
		return nil
	}
	m := metrics.New(version, p.site.limiters)
	counter := callCounter{metrics: m}
	counter.add(p.site, labelsOf(p.fleet.Targets))
	report := worker.Report{Scope: worker.Scope{All: true}, Causes: []worker.Cause{worker.Start}, Started: p.started, Finished: time.Now()}
	report.Result.Err = p.err
	if !p.surveyed.IsZero() {
		report.Result.Plan = &p.plan
	}
	report.Result.Outcome = p.outcome
	if p.refused != nil {
		report.Result.Err = p.refused
	}
	m.Passed(report)
	if err := m.WriteFile(p.o.metricsFile); err != nil {
		return fmt.Errorf("--metrics-file %s cannot be written: %w", p.o.metricsFile, err)
	}
	return nil
}
