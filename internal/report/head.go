package report

import (
	"cmp"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// evidence is what the verdicts of a run rest on, over all targets that were not simply
// read whole; the second result is false where there is none.
func (r *Run) evidence() (sum insight.Evidence, some bool) {
	for _, t := range r.plans() {
		e := t.Evidence
		if e == nil {
			continue
		}
		some = true
		sum.Functions += e.Functions
		sum.Read += e.Read
		sum.Carried += e.Carried
		sum.Missed += e.Missed
		sum.TooOld = sum.TooOld || e.TooOld
		sum.MaxAge = cmp.Or(sum.MaxAge, e.MaxAge)
		sum.Oldest = earliest(sum.Oldest, e.Oldest)
		sum.Trail = earliest(sum.Trail, e.Trail)
	}
	return sum, some
}

// earliest is the earlier of two times; one that never came does not count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// evidence says in a line what was read and what was carried, and why where everything
// was read all the same.
func (p *printer) evidence(r *Run) {
	sum, some := r.evidence()
	if !some {
		return
	}
	if sum.Carried > 0 {
		line := fmt.Sprintf("Read %d of %s; %d carried, oldest %s", sum.Read, count(sum.Functions, "function"), sum.Carried, formatDuration(r.Surveyed.Sub(sum.Oldest)))
		if !sum.Trail.IsZero() {
			line += ", trail complete to " + clock(sum.Trail, r.Surveyed)
		}
		p.flow(0, 2, text(line))
	}
	var reasons []string
	for _, t := range r.plans() {
		if t.Evidence == nil || t.Evidence.Full == "" {
			continue
		}
		reason := t.Evidence.Full
		if len(r.plans()) > 1 {
			reason = where(t.Label, t.Target) + ": " + reason
		}
		reasons = append(reasons, reason)
	}
	for i, reason := range reasons {
		if i == p.detail.rows && !p.full {
			p.more(0, len(reasons)-i, "")
			break
		}
		p.wrapped(0, text("Read everything, not only what changed: "), plain, reason)
	}
	if sum.Missed > 0 {
		p.wrapped(0, colored(yellow, "! "), yellow, fmt.Sprintf("%s had changed, and CloudTrail has not told of it in time: found because everything is read again within %s", count(sum.Missed, "function"), formatDuration(sum.MaxAge)))
	}
	if sum.TooOld {
		p.wrapped(0, colored(red, "! "), red, fmt.Sprintf("something carried had grown older than %s by the time the plan was made; run again", formatDuration(sum.MaxAge)))
	}
}

// clock is a time of day in UTC, with the day where that is not today.
func clock(t, now time.Time) string {
	form := "15:04 UTC"
	if t.UTC().Format(time.DateOnly) != now.UTC().Format(time.DateOnly) {
		form = "2006-01-02 15:04 UTC"
	}
	return t.UTC().Format(form)
}

// spell is the requests of a part of the run, and how they were answered.
func (t operationTotals) spell(pace string) string {
	calls := count(t.Calls, "call")
	if t.Aliases > 0 {
		calls += fmt.Sprintf(" (%d for aliases)", t.Aliases)
	}
	return listed(calls, pace, some(t.Throttled, "throttled"), some(t.Conflicts, "busy"), someOf(t.Faults, "AWS error")) + "."
}

// paced says how fast the limiters let requests go by now, and what held them up.
func paced(targets []TargetAPI) string {
	var low, high float64
	var decreases int64
	var paused time.Duration
	for i := range targets {
		l := &targets[i].Limiter
		decreases += l.Decreases
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
	if decreases > 0 {
		held = "lowered " + times(decreases)
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
	var slowest targetChanges
	var longest time.Duration
	total, known, targets := 0, true, r.toMake()
	for _, at := range targets {
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
	case known && p.detail.least:
		says += ", at least " + estimated(longest)
	case known && len(targets) == 1:
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
