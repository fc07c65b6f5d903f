package report

import (
	"time"
)

// spell is the requests of a part of the run, and how they were answered.
func (t tally) spell(pace string) string {
	faults := ""
	if t.Faults > 0 {
		faults = count(t.Faults, "fault")
	}
	return listed(count(t.Calls, "call"), pace, some(t.Throttled, "throttled"), some(t.Conflicts, "busy"), faults) + "."
}

// paced says how fast the limiters let requests go by now, and what held them up.
func paced(targets []TargetAPI) string {
	var low, high float64
	var cuts int64
	var paused time.Duration
	for i := range targets {
		l := &targets[i].Limiter
		cuts += l.Cuts
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
		held = listed(held, "paused "+lasting(paused))
	}
	return listed(pace, held)
}
