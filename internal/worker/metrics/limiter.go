package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

var quota = []string{"account", "region", "class"}

func describeLimiter(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append(append([]string{}, quota...), labels...), nil)
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

// limiterCollector asks the limiters when it is asked.
type limiterCollector struct{ snapshots func() []ratelimit.Snapshot }

// Describe tells the registry what there will be.
func (limiterCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{limiterRate, limiterCeiling, limiterWaiting, limiterBroken, limiterTokens, limiterThrottled, limiterPaused} {
		out <- d
	}
}

// Collect gives the numbers of now.
func (c limiterCollector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.snapshots() {
		metric := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, kind, v, append([]string{s.Scope.Account, s.Scope.Region, s.Scope.Class}, labels...)...)
		}
		waiting, broken := 0, 0.0
		for priority, n := range s.Queue {
			waiting += n
			metric(limiterTokens, prometheus.CounterValue, float64(s.Tokens[priority]), ratelimit.Priority(priority).String())
		}
		if s.Breaker == ratelimit.Open {
			broken = 1
		}
		metric(limiterRate, prometheus.GaugeValue, s.Rate)
		metric(limiterCeiling, prometheus.GaugeValue, s.Ceiling)
		metric(limiterWaiting, prometheus.GaugeValue, float64(waiting))
		metric(limiterBroken, prometheus.GaugeValue, broken)
		metric(limiterThrottled, prometheus.CounterValue, float64(s.Throttled))
		metric(limiterPaused, prometheus.CounterValue, s.Paused.Seconds())
	}
}
