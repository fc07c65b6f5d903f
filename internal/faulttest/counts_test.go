package faulttest

import (
	"fmt"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
)

// wrongCounts holds the statistics of the run against the wire, and the wire
// against the pretend AWS.
func (r *run) wrongCounts() (wrongs []string) {
	type row struct {
		target desired.Target
		op     string
	}
	sent, reached, applied := map[row]map[end]int64{}, map[string]int{}, 0
	for _, a := range r.wire.sent {
		at := row{a.target, a.op}
		if sent[at] == nil {
			sent[at] = map[end]int64{}
		}
		e := a.end
		if e == endExpired {
			// The keys of the base never change; those of a role can be renewed.
			e = endRefused
			if a.target == other {
				e = endExpired
			}
		}
		sent[at][e]++
		sent[at]["all"]++
		if a.reached {
			reached[a.op]++
		}
		if a.applied {
			applied++
		}
	}
	told := map[row]map[end]int64{}
	for _, o := range r.Opened.Targets {
		if o.Calls == nil {
			continue
		}
		for _, s := range o.Calls() {
			counted := map[end]int64{}
			for e, n := range map[end]int64{
				endOK: s.OK, endThrottled: s.Throttled, endConflict: s.Conflicts, endFault: s.Faults,
				endExpired: s.Skewed, endRefused: s.Refused, "all": s.Calls,
			} {
				if n > 0 {
					counted[e] = n
				}
			}
			told[row{o.Target, s.Name}] = counted
		}
	}
	if !r.dead.Load() && !cmp.Equal(sent, told) {
		wrongs = append(wrongs, fmt.Sprintf("the statistics are %v, and the wire carried %v", told, sent))
	}
	now := r.planet.world.Counts()
	for op, n := range now.ByOperation {
		if op != "GetCallerIdentity" && op != "AssumeRole" && n-r.counts.ByOperation[op] != reached[op] {
			wrongs = append(wrongs, fmt.Sprintf("AWS saw %d calls of %s, and the wire delivered %d", n-r.counts.ByOperation[op], op, reached[op]))
		}
	}
	if n := now.Applied - r.counts.Applied; n != applied {
		wrongs = append(wrongs, fmt.Sprintf("AWS did %d writes, and the wire saw %d", n, applied))
	}
	return append(wrongs, r.wrongTotals()...)
}

// wrongTotals holds the sums of the outcome against its rows and the plan.
func (r *run) wrongTotals() (wrongs []string) {
	if r.Outcome == nil {
		return nil
	}
	totals, plan := r.Outcome.Counts(), r.Plan.Counts()
	became := totals.Stale - plan.Stale // while the changes were made
	if sum := totals.Applied() + totals.Failed + totals.NotAttempted + totals.AlreadySo + became; sum != plan.Changes() || became < 0 {
		wrongs = append(wrongs, fmt.Sprintf("the plan has %d changes and %d stale, the outcome says %+v", plan.Changes(), plan.Stale, totals))
	}
	if (r.Outcome.Err() != nil) != (totals.Failed > 0) {
		wrongs = append(wrongs, fmt.Sprintf("%d failed, and the error is %v", totals.Failed, r.Outcome.Err()))
	}
	return wrongs
}
