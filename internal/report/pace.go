package report

import (
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// spell is the requests of a part of the run, and how they were answered.
func (t tally) spell(pace string) string {
	calls := count(t.Calls, "call")
	if t.Aliases > 0 {
		calls += fmt.Sprintf(" (%d for aliases)", t.Aliases)
	}
	return listed(calls, pace, some(t.Throttled, "throttled"), some(t.Conflicts, "busy"), someOf(t.Faults, "AWS error")) + "."
}

// paced says how fast the limiters let requests go by now, and what held them up.
func paced(targets []TargetAPI) string {
	var low, high float64
	var cuts int64
	var paused time.Duration
	for i := range targets {
		l := &targets[i].Limiter
		cuts += l.Decreases
		paused = max(paused, l.Paused)
		if l.Rate > 0 && (low == 0 || l.Rate < low) {
			low = l.Rate
		}
		high = max(high, l.Rate)
	}
	if high == 0 {
		return ""
	}
	pace := "paced at " + perSecond(low)
	if perSecond(low) != perSecond(high) {
		pace += " to " + perSecond(high)
	}
	if len(targets) > 1 {
		pace += " a target"
	}
	held := ""
	if cuts > 0 {
		held = "lowered " + times(cuts)
	}
	if paused >= time.Second {
		held = listed(held, "paused "+formatDuration(paused))
	}
	return listed(pace, held)
}

// cost writes an estimate: one request a write, at the rate that each target's limiter lets
// pass now; busy functions and throttling make it longer. Targets go side by side, so the
// slowest decides.
func (p *printer) cost(r *Run) {
	rates := map[desired.Target]float64{}
	for i := range r.API {
		rates[r.API[i].Target] = r.API[i].Limiter.Rate
	}
	var slowest place
	var longest time.Duration
	total, known, places := 0, true, r.places()
	for _, at := range places {
		n, took := len(at.changes), time.Duration(0)
		if rate := rates[at.Target]; rate > 0 {
			took = time.Duration(float64(n) / rate * float64(time.Second))
		} else {
			known = false
		}
		if total += n; took > longest {
			slowest, longest = at, took
		}
	}
	says := "Cost: " + count(total, "write")
	switch {
	case total == 0:
		return
	case known && len(places) == 1:
		says += fmt.Sprintf(", at least %s at %s", estimated(longest), perSecond(rates[slowest.Target]))
	case known:
		says += fmt.Sprintf(", at least %s; the slowest is %s, %s at %s",
			estimated(longest), where(slowest.label, slowest.Target), count(len(slowest.changes), "write"), perSecond(rates[slowest.Target]))
	}
	p.flow(0, 2, text(says+"."))
}

// estimated is never finer than a second: an estimate is no measurement.
func estimated(d time.Duration) string {
	return formatDuration(max(time.Second, (d + time.Second - 1).Truncate(time.Second)))
}
