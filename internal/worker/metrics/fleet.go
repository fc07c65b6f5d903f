package metrics

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// described are all metrics of targets and of limiters.
var described []*prometheus.Desc

// describe is a metric of a target, which is labelled so.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return describeAs(name, help, append([]string{"label", "account", "region"}, labels...))
}

// describeLimiter is a metric of a limiter: targets that share a quota have one.
func describeLimiter(name, help string, labels ...string) *prometheus.Desc {
	return describeAs(name, help, append([]string{"account", "region"}, labels...))
}

func describeAs(name, help string, labels []string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, labels, nil)
	described = append(described, d)
	return d
}

var (
	lastAttempt = describe("eventinvoke_last_attempt_timestamp_seconds", "When the last pass over the whole target began.")
	lastSuccess = describe("eventinvoke_last_success_timestamp_seconds", "When the last pass over the whole target that came to its end did so.")
	up          = describe("eventinvoke_target_up", "1 while the last pass over the whole target came to its end.")
	keys        = describe("eventinvoke_configs", "Configs after the last pass over the whole target, by state.", "state")
	found       = describe("eventinvoke_drift_found_total", "Changes that plans asked for, by action.", "action")
	corrections = describe("eventinvoke_corrections_total", "Changes that were to be written, by how that ended.", "status")
	calls       = describe("eventinvoke_api_calls_total", "Requests to AWS, by operation and outcome. Each retry counts.", "operation", "outcome")
	destined    = describe("eventinvoke_destination_configs", "Configs after the last pass over the whole target, by what is known of a destination that they send to.", "state")
	breaches    = describe("eventinvoke_breaches", "What breaks a requirement of the fleet file after the last pass over the whole target.")
	unjudged    = describe("eventinvoke_unjudged_functions", "Functions of which that pass could not tell whether they break a requirement.")
	carried     = describe("eventinvoke_carried_functions", "Functions that the last sweep judged by what was read before, and did not read.")
	oldest      = describe("eventinvoke_carried_oldest_timestamp_seconds", "When the carried function read longest ago was read; absent where none is carried.")
	complete    = describe("eventinvoke_trail_complete_timestamp_seconds", "Up to when CloudTrail's history is taken for complete; absent until it was asked.")
	trailLag    = describe("eventinvoke_trail_lag_seconds", "How late the latest of the events came that the last sweep saw for the first time.")
	scrubbed    = describe("eventinvoke_scrubbed_total", "Functions that were read for nothing but their age.")
	missed      = describe("eventinvoke_trail_missed_total", "Of those, functions that had changed and of which no event told within the allowance.")
	readAll     = describe("eventinvoke_full_reads_total", "Sweeps that read everything where only what changed was to be read.")
	fought      = describe("eventinvoke_fought_configs", "Configs that somebody keeps changing back, until it has ended.")
)

// fleet are the numbers by target, and of the limiters. It is a collector, so that a scrape
// sees the numbers of one pass together.
type fleet struct {
	limiters func() map[desired.Target]ratelimit.Snapshot // asked at every scrape; may be nil

	mu      sync.Mutex
	targets map[desired.Target]*target
}

type target struct {
	label            string
	declared         bool // its state is shown before a pass over all of it, as down
	up               bool
	attempt, success time.Time
	keys             map[string]int
	found            map[string]int
	corrections      map[string]int
	calls            map[call]int64
	destined         map[string]int
	breaches         []int // and functions that could not be judged; nil where it is not known
	fought           int
	evidence         *insight.Evidence // of the last sweep; nil where everything was to be read
	scrubbed, missed int
	full             int
}

type call struct{ operation, outcome string }

func (f *fleet) at(t desired.Target, label string) *target {
	n := f.targets[t]
	if n == nil {
		n = &target{found: map[string]int{}, corrections: map[string]int{}, calls: map[call]int64{}}
		f.targets[t] = n
	}
	n.label = label
	return n
}

// Ran counts the requests of a run, whose targets were opened for it: their counters begin at
// zero. It is one of an Engine's Reporters, and never fails.
func (m *Metrics) Ran(_ context.Context, r *reconcile.RunResult) error {
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	for _, t := range r.Opened.Targets {
		if t.Calls == nil {
			continue
		}
		label := ""
		if spec := reconcile.FindTarget(r.Fleet.Targets, t.Target); spec != nil {
			label = spec.Label
		}
		for _, op := range t.Calls() {
			for result, n := range map[ratelimit.Result]int64{
				ratelimit.OK: op.OK, ratelimit.Throttled: op.Throttled, ratelimit.Conflict: op.Conflicts,
				ratelimit.ServerError: op.Faults, ratelimit.ClockSkew: op.Skewed, ratelimit.Permanent: op.Refused,
			} {
				if n > 0 {
					m.fleet.at(t.Target, label).calls[call{op.Name, result.String()}] += n
				}
			}
		}
	}
	return nil
}

func (f *fleet) passed(r worker.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.foughtOver(r.Fought)
	if r.Result.Plan == nil {
		if r.Scope.All { // nothing is known of any target, so what was known stays
			for _, n := range f.targets {
				n.up, n.attempt = false, r.Started
			}
		}
		return
	}
	present := map[desired.Target]bool{}
	for p := range slice.Pointers(r.Result.Plan.Targets) {
		n := f.at(p.Target, p.Label)
		present[p.Target] = true
		for j := range p.Changes {
			n.found[p.Changes[j].Action.String()]++
		}
		if !r.Scope.Whole(p.Target) {
			continue
		}
		n.attempt = r.Started
		n.up = r.Result.TargetErr(p.Target) == nil
		if n.up {
			n.success = r.Finished
		}
		outcome := r.Result.Outcome.Of(p.Target)
		if n.keys, n.breaches = states(p, outcome), nil; n.keys != nil {
			n.breaches = []int{broken(p, outcome != nil), len(p.Unjudged)}
		}
		if !r.Scope.All {
			continue
		}
		n.destined = destinedBy(r.Result.Insights, p.Target)
		if n.evidence = p.Evidence; p.Evidence != nil {
			n.scrubbed += p.Evidence.Scrubbed
			n.missed += p.Evidence.Missed
			if p.Evidence.Full != "" {
				n.full++
			}
		}
	}
	if r.Result.Outcome != nil {
		for o := range slice.Pointers(r.Result.Outcome.Targets) {
			for j := range o.Results {
				f.at(o.Target, o.Label).corrections[o.Results[j].Status.String()]++
			}
		}
	}
	if r.Scope.All {
		maps.DeleteFunc(f.targets, func(t desired.Target, _ *target) bool { return !present[t] })
	}
}

func (f *fleet) foughtOver(all []insight.Fight) {
	for _, n := range f.targets {
		n.fought = 0
	}
	for _, c := range all {
		if n := f.targets[c.Target]; n != nil {
			n.fought++
		}
	}
}

// states counts the keys of a target as the pass left them: a change that was
// written is in sync now, any other is drift still. Where nobody knows what rules
// would choose there are no numbers: that the target is not up says why.
func states(p *reconcile.TargetPlan, o *reconcile.TargetOutcome) map[string]int {
	if p.Unknown {
		return nil
	}
	c := p.Counts()
	written := 0
	if o != nil {
		written = o.Counts().Applied()
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

// destinedBy counts the configs of a target by the state of the destinations that they
// send to. Where nobody asked there is nothing to count.
func destinedBy(in insight.Set, t desired.Target) map[string]int {
	counts := map[string]int{}
	for i := range in.Destinations {
		for state := insight.DestinationUnknown; state <= insight.DestinationWrongKind; state++ {
			counts[state.String()] += 0
		}
		for _, u := range in.Destinations[i].Uses {
			if u.Target == t {
				counts[in.Destinations[i].State.String()]++
			}
		}
	}
	return counts
}

// Describe tells the registry what there will be.
func (f *fleet) Describe(out chan<- *prometheus.Desc) {
	for _, d := range described {
		out <- d
	}
}

// Collect gives the numbers of now.
func (f *fleet) Collect(out chan<- prometheus.Metric) {
	if f.limiters != nil { // not under the lock: they take others
		for t, s := range f.limiters() {
			collectLimiter(out, t, &s)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for t, n := range f.targets {
		n.collect(out, t)
	}
}

// metric puts one number of a kind behind the labels that all of its owner have.
type metric func(d *prometheus.Desc, v float64, labels ...string)

func metrics(out chan<- prometheus.Metric, owner ...string) (gauge, counter metric) {
	of := func(kind prometheus.ValueType) metric {
		return func(d *prometheus.Desc, v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, kind, v, slices.Concat(owner, labels)...)
		}
	}
	return of(prometheus.GaugeValue), of(prometheus.CounterValue)
}

// each puts a number for each value of a label.
func (m metric) each(d *prometheus.Desc, numbers map[string]int) {
	for label, v := range numbers {
		m(d, float64(v), label)
	}
}

func (n *target) collect(out chan<- prometheus.Metric, t desired.Target) {
	gauge, counter := metrics(out, n.label, t.Account, t.Region)
	if !n.attempt.IsZero() {
		gauge(lastAttempt, unix(n.attempt))
	}
	if n.declared || !n.attempt.IsZero() {
		gauge(lastSuccess, unix(n.success))
		gauge(up, number(n.up))
	}
	gauge.each(keys, n.keys)
	gauge.each(destined, n.destined)
	counter.each(found, n.found)
	counter.each(corrections, n.corrections)
	for c, v := range n.calls {
		counter(calls, float64(v), c.operation, c.outcome)
	}
	if n.breaches != nil {
		gauge(breaches, float64(n.breaches[0]))
		gauge(unjudged, float64(n.breaches[1]))
	}
	gauge(fought, float64(n.fought))
	if e := n.evidence; e != nil {
		gauge(carried, float64(e.Carried))
		if !e.Oldest.IsZero() {
			gauge(oldest, unix(e.Oldest))
		}
		if !e.Trail.IsZero() {
			gauge(complete, unix(e.Trail))
			gauge(trailLag, e.Lag.Seconds())
		}
		counter(scrubbed, float64(n.scrubbed))
		counter(missed, float64(n.missed))
		counter(readAll, float64(n.full))
	}
}

var (
	limiterRate      = describeLimiter("eventinvoke_limiter_rate", "Requests per second that are let through now.")
	limiterCeiling   = describeLimiter("eventinvoke_limiter_ceiling", "The most that the rate may become: quota times share.")
	limiterWaiting   = describeLimiter("eventinvoke_limiter_waiting", "Requests that wait for a token.")
	limiterBroken    = describeLimiter("eventinvoke_limiter_breaker_open", "1 while no request is let through because the server failed too often in a row.")
	limiterTokens    = describeLimiter("eventinvoke_limiter_tokens_total", "Tokens that were given, by priority.", "priority")
	limiterThrottled = describeLimiter("eventinvoke_limiter_throttled_total", "Requests that the quota refused.")
	limiterPaused    = describeLimiter("eventinvoke_limiter_paused_seconds_total", "How long everybody was held back after a refusal.")
)

func collectLimiter(out chan<- prometheus.Metric, t desired.Target, s *ratelimit.Snapshot) {
	gauge, counter := metrics(out, t.Account, t.Region)
	waiting := 0
	for priority, n := range s.Queue {
		waiting += n
		counter(limiterTokens, float64(s.Tokens[priority]), ratelimit.Priority(priority).String())
	}
	gauge(limiterRate, s.Rate)
	gauge(limiterCeiling, s.Ceiling)
	gauge(limiterWaiting, float64(waiting))
	gauge(limiterBroken, number(s.Breaker == ratelimit.BreakerOpen))
	counter(limiterThrottled, float64(s.Throttled))
	counter(limiterPaused, s.Paused.Seconds())
}

// broken counts the breaches as AWS holds them: before the plan is carried out, or after.
func broken(p *reconcile.TargetPlan, applied bool) (n int) {
	for b := range slice.Pointers(p.Breaches) {
		if !applied && b.Now || applied && b.Planned {
			n++
		}
	}
	return n
}
