// Package metrics keeps the numbers that an operator alarms on, for Prometheus.
//
// In come reports of passes, wakes, messages, API calls, and the limiters'
// snapshots. Out go metrics by an HTTP handler, or as a text file after a run
// of a program that does not stay.
//
// The labels are bounded: target (its label in the fleet file), account and
// region by the fleet, and state, action, status, operation, outcome, cause and
// disposition by the code. No function's name is ever a label, since a fleet has tens
// of thousands. Numbers about a target that has left the fleet go with it.
//
// The registry is the package's own. Nothing is registered globally, and nothing
// here influences a pass.
package metrics

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// Metrics are the numbers of one process. It is the Recorder of a worker and of
// a queue.
type Metrics struct {
	registry *prometheus.Registry
	process  *prometheus.Registry // kept out of text files, where they are another program's
	fleet    *fleet

	wakes    *prometheus.CounterVec
	passes   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	lag      prometheus.Histogram
	broken   prometheus.Gauge
	messages *prometheus.CounterVec
	failures *prometheus.CounterVec
}

var _ worker.Recorder = (*Metrics)(nil)

// New makes metrics with nothing in them. Limiters is asked at every scrape;
// nil means there are none to show.
func New(version string, limiters func() []ratelimit.Snapshot) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		process:  prometheus.NewRegistry(),
		fleet:    newFleet(),
		wakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eventinvoke_wakes_total", Help: "Requests for a pass, before they are merged."}, []string{"cause"}),
		passes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eventinvoke_passes_total", Help: "Passes by what they covered and whether they came to their end."}, []string{"scope", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eventinvoke_pass_duration_seconds", Help: "How long passes take.",
			Buckets: []float64{.1, .3, 1, 3, 10, 30, 60, 120, 300, 600, 1200, 3600}}, []string{"scope"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "eventinvoke_event_lag_seconds", Help: "From the time of an event to the end of the pass that answered it.",
			Buckets: []float64{1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600}}),
		broken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "eventinvoke_fleet_files_broken", Help: "1 while the fleet files cannot be loaded and the last good ones stay in force."}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eventinvoke_queue_messages_total", Help: "Messages of the queue by what became of them."}, []string{"disposition"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eventinvoke_queue_request_failures_total", Help: "Requests to the queue that failed after their retries."}, []string{"operation"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "eventinvoke_build_info", Help: "Always 1; the version is the label.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.fleet, m.wakes, m.passes, m.duration, m.lag, m.broken, m.messages, m.failures, build)
	if limiters != nil {
		m.registry.MustRegister(limiterCollector{limiters})
	}
	// Two of the memory statistics have one name in OpenMetrics, go_memstats_alloc_bytes,
	// which makes the whole exposition invalid.
	m.process.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled()), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, c := range worker.Causes() {
		m.wakes.WithLabelValues(c.String()) // so that a rate exists before the first wake
	}
	return m
}

// Handler serves the metrics, in OpenMetrics to whoever asks for it.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(prometheus.Gatherers{m.registry, m.process}, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// WriteFile writes the metrics for the text file collector of the node exporter,
// which reads names that end in .prom. The file appears whole or not at all.
func (m *Metrics) WriteFile(path string) error {
	if err := prometheus.WriteToTextfile(path, m.registry); err != nil {
		return fmt.Errorf("the metrics file cannot be written: %w; name a file in a directory that exists and is writable", err)
	}
	return nil
}

// Woken counts a wake.
func (m *Metrics) Woken(c worker.Cause) { m.wakes.WithLabelValues(c.String()).Inc() }

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
	for _, happened := range r.Events {
		m.lag.Observe(max(0, r.Finished.Sub(happened)).Seconds())
	}
	m.broken.Set(0)
	if r.Result.FleetProblem != nil {
		m.broken.Set(1)
	}
	m.fleet.passed(r)
}

// Message counts a message of the queue.
func (m *Metrics) Message(disposition string) { m.messages.WithLabelValues(disposition).Inc() }

// QueueFailed counts a request to the queue that failed.
func (m *Metrics) QueueFailed(operation string) { m.failures.WithLabelValues(operation).Inc() }

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
