package report

import (
	"cmp"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// evidence is what the verdicts of a run rest on, over all targets that were not simply
// read whole; the second result is false where there is none.
func (r *Run) evidence() (sum reconcile.Evidence, some bool) {
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
