package reconcile

import (
	"fmt"
	"math"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// PlanCounts are the totals of a plan, of configs unless a line says functions or
// targets. Of one target they add up:
//
//	Declared = InSync + Skipped + the changes of declared configs + the findings about them
//
// Deletes, Undeclared and Orphans may be about records that nobody declared, and Ignored,
// Stale and LatestOnly stand beside that sum.
type PlanCounts struct {
	Declared, InSync, Skipped, Ignored  int
	Creates, Updates, Deletes           int // by Change.CountsAs
	Stale                               int
	Unreadable, NotExamined             int
	MissingFunctions, MissingQualifiers int
	Undeclared, Orphans, LatestOnly     int
	Judged, Breaches, Unjudged          int // functions, breaches of requirements, functions
	UnreadableTargets                   int
	UnknownTargets                      int // of them, those of which nobody knows how many configs they have
}

// Changes is the number of writes. Stale changes are none.
func (c PlanCounts) Changes() int { return c.Creates + c.Updates + c.Deletes }

// configs is how many of the declared configs can exist: it leaves out those
// whose function, alias or version is not there.
//
// Shares of the guard are of this number: a fleet file that declares a thousand configs of
// functions that are gone must not allow three hundred changes for it.
func (c PlanCounts) configs() int {
	return c.Declared - c.Skipped - c.MissingFunctions - c.MissingQualifiers
}

// Lacking is how many of the configs whose function, alias or version is not there are an
// error by these policies.
func (c PlanCounts) Lacking(functions, qualifiers desired.MissingPolicy) (n int) {
	if functions == desired.MissingError {
		n += c.MissingFunctions
	}
	if qualifiers == desired.MissingError {
		n += c.MissingQualifiers
	}
	return n
}

// Counts adds up the whole plan.
func (p *Plan) Counts() (sum PlanCounts) {
	for i := range p.Targets {
		sum.add(&p.Targets[i])
	}
	return sum
}

// Counts adds up one target.
func (p *TargetPlan) Counts() (sum PlanCounts) {
	sum.add(p)
	return sum
}

// add counts what a target's plan has, each change and each finding once.
func (c *PlanCounts) add(p *TargetPlan) {
	c.Declared += p.Declared
	c.InSync += p.InSync
	c.Skipped += p.Skipped
	c.Ignored += len(p.Ignored)
	c.Stale += len(p.Stale)
	c.Judged += p.Judged
	c.Breaches += len(p.Breaches)
	c.Unjudged += len(p.Unjudged)
	for i := range p.Changes {
		switch p.Changes[i].CountsAs() {
		case Create:
			c.Creates++
		case Update:
			c.Updates++
		case Delete:
			c.Deletes++
		}
	}
	for i := range p.Findings {
		switch p.Findings[i].Kind {
		case FindingUnreadable:
			c.Unreadable++
		case FindingNotExamined:
			c.NotExamined++
		case FindingFunctionMissing:
			c.MissingFunctions++
		case FindingQualifierMissing:
			c.MissingQualifiers++
		case FindingUndeclared:
			c.Undeclared++
		case FindingOrphan:
			c.Orphans++
		case FindingLatestOnly:
			c.LatestOnly++
		}
	}
	if p.Err != nil {
		c.UnreadableTargets++
		if p.Unknown {
			c.UnknownTargets++
		}
	}
}

// Guard stands between a plan and its application. It counts in configs, as a
// person would: those that are declared and can exist, whatever they hold. A
// config whose function, alias or version is not there is none.
type Guard struct {
	desired.Limits           // zero allows nothing: see desired.DefaultLimits
	Base           GuardBase // zero: the plan is of the whole fleet
	Off            string    // lets any number of changes pass; the reason that somebody gave
}

// GuardBase is what the limits of a guard refer to beyond the plan itself.
type GuardBase struct {
	Fleet int  // how many configs the fleet has that the plan is a part of; 0 when the plan is the whole
	Whole bool // shares are of the fleet and not of the part
	Part  bool // the plan is of a part of the fleet, or of this shard's part
	// Shard and Shards are the part of the targets that this process works on,
	// counted from 0; 0 of 0 is all.
	Shard, Shards int
}

// Narrowed reports whether the run looked at less than its fleet, or its shard's part of it: at
// what was selected, at the changes of a saved plan or of another run, at what events named.
func (r *RunResult) Narrowed() bool { return r.base.Part }

// OfFleet reports whether the run looked at the whole fleet.
func (r *RunResult) OfFleet() bool { return !r.base.Part && r.base.Shards <= 1 }

// allowed is how many of n configs a limit lets pass. A limit is a number or a share
// (desired.Limit):
//
//	a number            is for the run. Each of N shards may use its part of it:
//	                    100 over 3 shards is 34, 33 and 33
//	a share             is of the configs of this run, rounded down, exactly
//	its floor           is for the run as well. A run that was narrowed to a part of
//	                    its fleet has that part of the floor, rounded up; a shard
//	                    has its part of it
//	a pass over events  has the shares of the whole fleet, of which it is a part
//
// A floor is rounded up for a part of the fleet, so that a small part is not blocked by
// having none.
func (g Guard) allowed(l desired.Limit, n int) int {
	if !l.Share {
		return g.Base.share(l.Number)
	}
	floor := g.Base.share(l.Floor)
	switch {
	case g.Base.Whole:
		n = g.of(n)
	case n < g.Base.Fleet:
		floor = (floor*n + g.Base.Fleet - 1) / g.Base.Fleet
	}
	l.Floor = 0
	return max(floor, l.Allowed(n))
}

// of is what a share is of.
func (g Guard) of(n int) int {
	if g.Base.Whole {
		return max(n, g.Base.Fleet)
	}
	return n
}

// fleet is how many configs the fleet has, of which the plan may be a part.
func (g Guard) fleet(p *Plan) int { return max(p.Counts().configs(), g.Base.Fleet) }

// share is a shard's part of a number. The parts of all shards add up to it.
func (b GuardBase) share(number int) int {
	if b.Shards <= 1 {
		return number
	}
	part := number / b.Shards
	if b.Shard < number%b.Shards {
		part++
	}
	return part
}

// approvedPlan is a plan that a Guard has let pass. Only Guard.approve makes one
// that holds changes, and a run applies nothing else.
type approvedPlan struct {
	plan   Plan
	limits desired.Limits
}

// GuardLine is one rule of the guard against one plan, in reports and records too.
type GuardLine struct {
	Rule    string `json:"rule"`    // max_changes or max_deletes
	Current int    `json:"current"` // how many the plan asks for
	Limit   int    `json:"limit"`   // how many one run may make
	Of      int    `json:"of"`      // configs
}

// Exceeded reports whether the plan does more than the rule allows.
func (l GuardLine) Exceeded() bool { return l.Current > l.Limit }

// String is "max_changes 412 of 500 configs, limit 150 (30 %)".
func (l GuardLine) String() string {
	configs, share := "configs", ""
	if l.Of == 1 {
		configs = "config"
	}
	if l.Limit > 0 && float64(l.Limit) < 0.99*float64(l.Of) {
		percent := 100 * float64(l.Limit) / float64(l.Of)
		if percent >= 1 {
			percent = math.Round(percent)
		}
		share = fmt.Sprintf(" (%.2g %%)", percent) // below 100
	}
	return fmt.Sprintf("%s %d of %d %s, limit %d%s", l.Rule, l.Current, l.Of, configs, l.Limit, share)
}

// GuardError refuses a plan that does more than the fleet file allows one run.
type GuardError struct {
	Lines []GuardLine // those exceeded
}

// Error names each rule that was exceeded, and what to do.
func (e *GuardError) Error() string {
	return "the plan is more than the guard allows, so nothing is written: " + strings.Join(slice.Map(e.Lines, GuardLine.String), "; ") +
		"; if this is intended, raise the limit under guard: in the fleet file"
}

// Lines holds every rule against the plan, exceeded or not.
func (g Guard) Lines(p *Plan) []GuardLine {
	// Also of a plan that passes: who raises a limit should see how much of it is used.
	c := p.Counts()
	n := c.configs()
	return []GuardLine{
		{Rule: "max_changes", Current: c.Changes(), Limit: g.allowed(g.MaxChanges, n), Of: g.of(n)},
		{Rule: "max_deletes", Current: c.Deletes, Limit: g.allowed(g.MaxDeletes, n), Of: g.of(n)},
	}
}

// approve lets a plan pass, or says why not: a *GuardError when it does more
// than the guard allows, ErrIncomplete when its survey did not run to the end.
func (g Guard) approve(p Plan) (approvedPlan, error) {
	if c := p.Counts(); c.NotExamined > 0 {
		return approvedPlan{}, fmt.Errorf("%w: %d of %d configs were not examined before the run ended, and nothing was written; run again with more time", ErrIncomplete, c.NotExamined, c.Declared)
	}
	exceeded := slice.Filter(g.Lines(&p), GuardLine.Exceeded)
	if exceeded != nil && g.Off == "" {
		return approvedPlan{}, &GuardError{Lines: exceeded}
	}
	return approvedPlan{plan: p, limits: g.Limits}, nil
}
