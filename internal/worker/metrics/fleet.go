package metrics

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// place is how a target is labelled.
var place = []string{"target", "account", "region"}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append(slices.Clone(place), labels...), nil)
}

var (
	lastAttempt = describe("eventinvoke_last_attempt_timestamp_seconds", "When the last pass over the whole target began.")
	lastSuccess = describe("eventinvoke_last_success_timestamp_seconds", "When the last pass over the whole target that came to its end did so.")
	keys        = describe("eventinvoke_keys", "Keys after the last pass over the whole target, by state.", "state")
	found       = describe("eventinvoke_drift_found_total", "Changes that plans asked for, by action.", "action")
	corrections = describe("eventinvoke_corrections_total", "Changes that were to be written, by how that ended.", "status")
	calls       = describe("eventinvoke_api_calls_total", "Requests to AWS, by operation and outcome. Each retry counts.", "operation", "outcome")
	contested   = describe("eventinvoke_contested_keys", "Keys that somebody keeps changing back, left alone until the next scheduled pass.")
)

// fleet are the numbers by target. It is a collector, so that a scrape sees
// the numbers of one pass together.
type fleet struct {
	mu      sync.Mutex
	targets map[desired.Target]*target
}

type target struct {
	label            string
	attempt, success time.Time
	keys             map[string]int
	found            map[string]int
	corrections      map[string]int
	calls            map[call]int64
	contested        int
}

type call struct{ operation, outcome string }

func newFleet() *fleet { return &fleet{targets: map[desired.Target]*target{}} }

func (f *fleet) at(t desired.Target, label string) *target {
	n := f.targets[t]
	if n == nil {
		n = &target{found: map[string]int{}, corrections: map[string]int{}, calls: map[call]int64{}}
		f.targets[t] = n
	}
	n.label = label
	return n
}

// Calls counts requests of one API operation to a target.
func (m *Metrics) Calls(t desired.Target, label, operation string, o ratelimit.Result, n int64) {
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	m.fleet.at(t, label).calls[call{operation, o.String()}] += n
}

func (f *fleet) passed(r worker.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.contest(r.Contested)
	if r.Result.Plan == nil {
		return // nothing is known of any target, so what was known stays
	}
	present := map[desired.Target]bool{}
	for i := range r.Result.Plan.Targets {
		p := &r.Result.Plan.Targets[i]
		n := f.at(p.Target, p.Label)
		present[p.Target] = true
		for j := range p.Changes {
			n.found[p.Changes[j].Action.String()]++
		}
		if !r.Scope.All {
			continue
		}
		n.attempt = r.Started
		if r.Result.TargetErr(p.Target) == nil {
			n.success = r.Finished
		}
		n.keys = states(p, outcomeOf(r.Result.Outcome, p.Target))
	}
	if r.Result.Outcome != nil {
		for i := range r.Result.Outcome.Targets {
			o := &r.Result.Outcome.Targets[i]
			for j := range o.Results {
				f.at(o.Target, o.Label).corrections[o.Results[j].Status.String()]++
			}
		}
	}
	if r.Scope.All {
		maps.DeleteFunc(f.targets, func(t desired.Target, _ *target) bool { return !present[t] })
	}
}

func (f *fleet) contest(all []worker.Contested) {
	for _, n := range f.targets {
		n.contested = 0
	}
	for _, c := range all {
		if n := f.targets[c.Target]; n != nil {
			n.contested++
		}
	}
}

func outcomeOf(o *reconcile.Outcome, t desired.Target) *reconcile.TargetOutcome {
	if o == nil {
		return nil
	}
	for i := range o.Targets {
		if o.Targets[i].Target == t {
			return &o.Targets[i]
		}
	}
	return nil
}

// states counts the keys of a target as the pass left them: a change that was
// written is in sync now, any other is drift still.
func states(p *reconcile.TargetPlan, o *reconcile.TargetOutcome) map[string]int {
	c := p.Counts()
	written := 0
	if o != nil {
		for i := range o.Results {
			if o.Results[i].Status == reconcile.Applied {
				written++
			}
		}
	}
	return map[string]int{
		"in_sync":           c.InSync + written,
		"drifted":           c.Changes() - written,
		"unreadable":        c.Unreadable,
		"not_examined":      c.NotExamined,
		"function_missing":  c.MissingFunctions,
		"qualifier_missing": c.MissingQualifiers,
		"undeclared":        c.Undeclared,
		"ignored":           c.Ignored,
		"skipped":           c.Skipped,
	}
}

// Describe tells the registry what there will be.
func (f *fleet) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lastAttempt, lastSuccess, keys, found, corrections, calls, contested} {
		out <- d
	}
}

// Collect gives the numbers of now.
func (f *fleet) Collect(out chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for t, n := range f.targets {
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{n.label, t.Account, t.Region}, labels...)...)
		}
		counter := func(d *prometheus.Desc, v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, append([]string{n.label, t.Account, t.Region}, labels...)...)
		}
		if !n.attempt.IsZero() {
			gauge(lastAttempt, unix(n.attempt))
		}
		if !n.success.IsZero() {
			gauge(lastSuccess, unix(n.success))
		}
		for state, v := range n.keys {
			gauge(keys, float64(v), state)
		}
		for action, v := range n.found {
			counter(found, float64(v), action)
		}
		for status, v := range n.corrections {
			counter(corrections, float64(v), status)
		}
		for c, v := range n.calls {
			counter(calls, float64(v), c.operation, c.outcome)
		}
		gauge(contested, float64(n.contested))
	}
}
