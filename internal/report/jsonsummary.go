package report

import (
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// summaryJSON holds the numbers of the last line of text, and those behind them.
type summaryJSON struct {
	Declared          *int `json:"declared"` // null when it is unknown
	InSync            int  `json:"in_sync"`
	ToCreate          int  `json:"to_create"`
	ToChange          int  `json:"to_change"`
	ToDelete          int  `json:"to_delete"`
	Ignored           int  `json:"ignored"`
	Skipped           int  `json:"skipped"`
	Unreadable        *int `json:"unreadable"` // null when it is unknown
	UnreadableTargets int  `json:"unreadable_targets"`
	NotExamined       int  `json:"not_examined"`
	MissingFunctions  int  `json:"missing_functions"`
	MissingQualifiers int  `json:"missing_qualifiers"`
	Undeclared        int  `json:"undeclared"`
	Orphans           int  `json:"orphans"`
	LatestOnly        int  `json:"latest_only"`
	Created           int  `json:"created"`
	Changed           int  `json:"changed"`
	Deleted           int  `json:"deleted"`
	Failed            int  `json:"failed"`
	Stale             int  `json:"stale"`
	NotAttempted      int  `json:"not_attempted"`
}

func newSummary(c reconcile.PlanCounts, t reconcile.OutcomeCounts) summaryJSON {
	known := func(n int) *int {
		if c.UnknownTargets > 0 {
			return nil
		}
		return &n
	}
	return summaryJSON{
		Declared: known(c.Declared), InSync: c.InSync,
		ToCreate: c.Creates, ToChange: c.Updates, ToDelete: c.Deletes,
		Ignored: c.Ignored, Skipped: c.Skipped,
		Unreadable: known(c.Unreadable), UnreadableTargets: c.UnreadableTargets, NotExamined: c.NotExamined,
		MissingFunctions: c.MissingFunctions, MissingQualifiers: c.MissingQualifiers, Undeclared: c.Undeclared,
		Orphans: c.Orphans, LatestOnly: c.LatestOnly,
		Created: t.Created, Changed: t.Changed, Deleted: t.Deleted, Failed: t.Failed, Stale: t.Stale, NotAttempted: t.NotAttempted,
	}
}

// summary adds up a run; without a plan it is all zero.
func (r *Run) summary() summaryJSON {
	var c reconcile.PlanCounts
	var t reconcile.OutcomeCounts
	if r.Plan != nil {
		c = r.Plan.Counts()
	}
	if r.Outcome != nil {
		t = r.Outcome.Counts()
	}
	return newSummary(c, t)
}

type targetSummaryJSON struct {
	targetJSON
	Summary summaryJSON          `json:"summary"`
	Error   *reconcile.CallError `json:"error"`   // why nothing of it could be read
	Stopped *reconcile.CallError `json:"stopped"` // why its reading or its writing ended early
}

func (r *Run) newTargetSummary(p *reconcile.TargetPlan) targetSummaryJSON {
	var totals reconcile.OutcomeCounts
	stopped := p.Stopped
	if o := r.outcomeOf(p.Target); o != nil {
		one := reconcile.Outcome{Targets: []reconcile.TargetOutcome{*o}}
		totals = one.Counts()
		if stopped == nil {
			stopped = o.Stopped
		}
	}
	return targetSummaryJSON{
		targetJSON: newTarget(p.Target, p.Label), Summary: newSummary(p.Counts(), totals),
		Error: reconcile.ErrorOf(p.Err), Stopped: reconcile.ErrorOf(stopped),
	}
}

// outcomeOf is a target's part of the outcome; nil when nothing was tried.
func (r *Run) outcomeOf(t desired.Target) *reconcile.TargetOutcome {
	if r.Outcome == nil {
		return nil
	}
	i := slices.IndexFunc(r.Outcome.Targets, func(o reconcile.TargetOutcome) bool { return o.Target == t })
	if i < 0 {
		return nil
	}
	return &r.Outcome.Targets[i]
}
