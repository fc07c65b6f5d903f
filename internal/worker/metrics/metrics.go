// Package metrics keeps the numbers that an operator alarms on, for Prometheus.
//
// In come reports of passes, wakes, messages, API calls, and the limiters'
// snapshots. Out go metrics by an HTTP handler, or as a text file after a run
// of a program that does not stay.
//
// The labels are bounded: target (its label in the fleet file), account and
// region by the fleet, and state, action, status, operation, outcome, cause,
// reason and disposition by the code. No function's name is ever a label, since a fleet has tens
// of thousands. Numbers about a target that has left the fleet go with it.
//
// The registry is the package's own. Nothing is registered globally, and nothing
// here influences a pass.
package metrics

import (
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// Metrics are the numbers of one process. It is the Observer of a worker and of
// a queue.
type Metrics struct {
	registry *prometheus.Registry
	process  *prometheus.Registry // kept out of text files, where they are another program's
	fleet    *fleet

	wakes    *prometheus.CounterVec
	passes   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	lag      prometheus.Histogram
	reasons  *prometheus.CounterVec
	stalls   prometheus.Counter
	broken   prometheus.Gauge
	refused  prometheus.Gauge
	messages *prometheus.CounterVec
	failures *prometheus.CounterVec
	received prometheus.Gauge
}

var _ worker.Observer = (*Metrics)(nil)

// New makes metrics with nothing in them. Limiters is asked at every scrape;
// nil means there are none to show.
func New(version string, limiters func() map[desired.Target]ratelimit.Snapshot) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		process:  prometheus.NewRegistry(),
		fleet:    &fleet{limiters: limiters, targets: map[desired.Target]*target{}},
		wakes:    counters("eventinvoke_wakes_total", "Requests for a pass, before they are merged.", "cause"),
		passes:   counters("eventinvoke_passes_total", "Passes by what they covered and whether they came to their end.", "scope", "outcome"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eventinvoke_pass_duration_seconds", Help: "How long passes take.",
			Buckets: []float64{.1, .3, 1, 3, 10, 30, 60, 120, 300, 600, 1200, 3600}}, []string{"scope"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "eventinvoke_event_lag_seconds", Help: "From the time of an event to the end of the pass that answered it.",
			Buckets: []float64{1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600}}),
		reasons: counters("eventinvoke_pass_failures_total", "Passes that failed, or in which something failed, by each reason.", "reason"),
		stalls: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "eventinvoke_stalls_total", Help: "Passes that were told to end because they gave no sign of life."}),
		refused:  gauge("eventinvoke_guard_refused", "1 while the last sweep stands refused by the guard."),
		received: gauge("eventinvoke_queue_last_answer_timestamp_seconds", "When the queue last answered, with messages or without."),
		broken:   gauge("eventinvoke_fleet_files_broken", "1 while the fleet files cannot be loaded, or the accounts of an organization cannot be listed, and the last good ones stay in force."),
		messages: counters("eventinvoke_queue_messages_total", "Messages of the queue by what became of them.", "disposition"),
		failures: counters("eventinvoke_queue_request_failures_total", "Requests to the queue that failed after their retries.", "operation"),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "eventinvoke_build_info", Help: "Always 1; the version is the label.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.fleet, m.wakes, m.passes, m.duration, m.lag, m.reasons, m.stalls, m.broken, m.refused, m.messages, m.failures, build)
	// Two of the memory statistics have one name in OpenMetrics, go_memstats_alloc_bytes,
	// which makes the whole exposition invalid.
	m.process.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled()), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, c := range worker.Causes() {
		m.wakes.WithLabelValues(c.String()) // so that a rate exists before the first wake
	}
	for _, r := range worker.Reasons() {
		m.reasons.WithLabelValues(string(r))
	}
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// Handler serves the metrics, in OpenMetrics to whoever asks for it.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(prometheus.Gatherers{m.registry, m.process}, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// WriteText writes the metrics for the text file collector of the node exporter.
func (m *Metrics) WriteText(w io.Writer) error {
	families, err := m.registry.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}

// Declare shows targets before the first pass over them: as down, and with a last
// success of long ago, so that an alarm about them can fire when there never is one.
// Where the files declare no target, one without an account stands for that of the
// current credentials until it is known.
func (m *Metrics) Declare(targets []desired.TargetSpec) {
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	if len(targets) == 0 {
		m.fleet.at(desired.Target{}, "").declared = true
	}
	for _, t := range targets {
		m.fleet.at(t.Target, t.Label).declared = true
	}
}

// QueueOpened shows the numbers of a queue from now on; age is that of its oldest
// message.
func (m *Metrics) QueueOpened(age func() time.Duration) {
	m.received.SetToCurrentTime() // counted from the start, for a queue that never answers
	m.registry.MustRegister(m.received, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eventinvoke_queue_message_age_seconds", Help: "How old the oldest message is that was received and not dealt with; 0 when there is none.",
	}, func() float64 { return age().Seconds() }))
}

// Woken counts a wake.
func (m *Metrics) Woken(c worker.Cause) { m.wakes.WithLabelValues(c.String()).Inc() }

// Stalled counts a pass that gave no sign of life.
func (m *Metrics) Stalled() { m.stalls.Inc() }

// longestLag is the longest that SQS keeps a message.
const longestLag = 14 * 24 * time.Hour

// Passed takes in what a pass came to.
func (m *Metrics) Passed(r worker.Report) {
	scope := "part"
	if r.Scope.All {
		scope = "all"
	}
	outcome := "complete"
	if r.Result.Completed() != nil {
		outcome = "incomplete"
	}
	m.passes.WithLabelValues(scope, outcome).Inc()
	m.duration.WithLabelValues(scope).Observe(r.Finished.Sub(r.Started).Seconds())
	for _, reason := range r.Result.Reasons() {
		m.reasons.WithLabelValues(string(reason)).Inc()
	}
	for _, happened := range r.Events {
		// No queue keeps an event for longer: its time is wrong, and one event of
		// 2001 would be all that the sum shows.
		if lag := r.Finished.Sub(happened); lag <= longestLag {
			m.lag.Observe(max(0, lag).Seconds())
		}
	}
	m.refused.Set(number(r.Refused))
	if r.Scope.All { // only a sweep reads the files
		m.broken.Set(number(r.Result.FleetProblem != nil))
	}
	m.fleet.passed(r)
}

// Message counts a message of the queue.
func (m *Metrics) Message(disposition string) { m.messages.WithLabelValues(disposition).Inc() }

// QueueAnswered notes an answer of the queue.
func (m *Metrics) QueueAnswered() { m.received.SetToCurrentTime() }

// QueueFailed counts a request to the queue that failed.
func (m *Metrics) QueueFailed(operation string) { m.failures.WithLabelValues(operation).Inc() }

// unix is a time as Prometheus has it; 0 for one that has not come.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
