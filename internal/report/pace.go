package report

import (
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// spell is the requests of a part of the run, and how they were answered.
func (t tally) spell(pace string) string {
	faults := ""
	if t.Faults > 0 {
		faults = count(t.Faults, "fault")
	}
	calls := count(t.Calls, "call")
	if t.Aliases > 0 {
		calls += fmt.Sprintf(" (%d for aliases)", t.Aliases)
	}
	return listed(calls, pace, some(t.Throttled, "throttled"), some(t.Conflicts, "busy"), faults) + "."
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

// cost is what applying a target's changes would take.
type cost struct {
	name   string
	writes int
	rate   float64       // requests a second now; 0 when not known
	time   time.Duration // at that rate
}

// costs estimates every target with changes: one request a write, at the rate
// that the target's limiter lets pass now. Busy functions and throttling make it
// longer.
func costs(r *Run) []cost {
	rates := map[desired.Target]float64{}
	for i := range r.API {
		rates[r.API[i].Target] = r.API[i].Limiter.Rate
	}
	var all []cost
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		if len(t.Changes) > 0 {
			all = append(all, costOf(t, rates[t.Target]))
		}
	}
	return all
}

func costOf(t *reconcile.TargetPlan, rate float64) cost {
	c := cost{name: where(t.Label, t.Target), writes: len(t.Changes), rate: rate}
	if rate > 0 {
		c.time = time.Duration(float64(c.writes) / rate * float64(time.Second))
	}
	return c
}

// cost writes the estimate. Targets go side by side, so the slowest decides.
func (p *printer) cost(r *Run) {
	all := costs(r)
	if len(all) == 0 {
		return
	}
	total, known, slowest := 0, true, all[0]
	for _, c := range all {
		total += c.writes
		known = known && c.rate > 0
		if c.time > slowest.time {
			slowest = c
		}
	}
	p.gap()
	switch {
	case !known:
		p.line(0, textf("Cost: %s.", count(total, "write")))
	case len(all) == 1:
		p.line(0, textf("Cost: %s, about %s at %s.", count(total, "write"), estimated(slowest.time), perSecond(slowest.rate)))
	default:
		p.line(0, textf("Cost: %s, about %s; the slowest is %s, %s at %s.",
			count(total, "write"), estimated(slowest.time), slowest.name, count(slowest.writes, "write"), perSecond(slowest.rate)))
	}
}

// estimated is never finer than a second: an estimate is no measurement.
func estimated(d time.Duration) string {
	return formatDuration(max(time.Second, (d + time.Second - 1).Truncate(time.Second)))
}
