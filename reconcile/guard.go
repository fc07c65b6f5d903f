package reconcile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Guard stands between a plan and its application.
type Guard struct {
	desired.Guard
}

// Approved is a plan that a Guard has let pass. Only Guard.Approve makes one
// that holds changes, and Apply takes nothing else.
type Approved struct {
	plan  Plan
	guard desired.Guard
}

// Plan is the plan that was approved. Treat it as read-only.
func (a Approved) Plan() *Plan { return &a.plan }

// ErrIncomplete refuses a plan of an interrupted survey: what was not examined
// could have been more than the guard allows.
var ErrIncomplete = errors.New("the plan is not whole")

// GuardLine is one rule of the guard against one plan.
type GuardLine struct {
	Rule    string // max_changes or max_deletes
	Current int
	Limit   int
	Of      int // declared keys
}

// Exceeded reports whether the plan does more than the rule allows.
func (l GuardLine) Exceeded() bool { return l.Current > l.Limit }

// String is "max_changes 412 of 500 keys, limit 150".
func (l GuardLine) String() string {
	return fmt.Sprintf("%s: %d of %d keys, limit %d", l.Rule, l.Current, l.Of, l.Limit)
}

// GuardError refuses a plan that does more than the fleet file allows one run.
type GuardError struct {
	Lines []GuardLine // those exceeded
}

// Error names each rule that was exceeded, and what to do.
func (e *GuardError) Error() string {
	lines := make([]string, len(e.Lines))
	for i, l := range e.Lines {
		lines[i] = l.String()
	}
	return "the guard stopped the run, nothing was written: " + strings.Join(lines, "; ") +
		"; if this is intended, raise the limit under guard: in the fleet file for this run"
}

// Lines holds every rule against the plan, exceeded or not.
func (g Guard) Lines(p *Plan) []GuardLine {
	c := p.Counts()
	return []GuardLine{
		{Rule: "max_changes", Current: c.Changes(), Limit: g.MaxChanges.Allowed(c.Declared), Of: c.Declared},
		{Rule: "max_deletes", Current: c.Deletes, Limit: g.MaxDeletes.Allowed(c.Declared), Of: c.Declared},
	}
}

// Approve lets a plan pass, or says why not: a *GuardError when it does more
// than the guard allows, ErrIncomplete when its survey did not run to the end.
func (g Guard) Approve(p Plan) (Approved, error) {
	if c := p.Counts(); c.NotExamined > 0 {
		return Approved{}, fmt.Errorf("%w: %d of %d keys were not examined before the run ended, and nothing was written; run again with more time", ErrIncomplete, c.NotExamined, c.Declared)
	}
	var exceeded []GuardLine
	for _, l := range g.Lines(&p) {
		if l.Exceeded() {
			exceeded = append(exceeded, l)
		}
	}
	if exceeded != nil {
		return Approved{}, &GuardError{Lines: exceeded}
	}
	return Approved{plan: p, guard: g.Guard}, nil
}
