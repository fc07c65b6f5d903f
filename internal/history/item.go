package history

import (
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Planned is the status of a change that nobody tried to make. Every other
// status is spelt as reconcile.Status spells it.
const Planned = "planned"

// Item is one change of a run.
type Item struct {
	desired.Key
	Action        reconcile.Action     `json:"action"`
	Status        string               `json:"status"`
	Before        *reconcile.Settings  `json:"before"`             // null: no record
	Modified      int64                `json:"modified,omitempty"` // LastModified of the before-image, Unix milliseconds
	Request       desired.Config       `json:"request"`            // what the write sends
	After         *reconcile.Settings  `json:"after"`              // what AWS stored; null where it stored nothing
	AfterModified int64                `json:"after_modified,omitempty"`
	Attempts      int                  `json:"attempts"`
	WaitedMS      int64                `json:"waited_ms"`
	Failure       *reconcile.CallError `json:"failure,omitempty"`
}

// Finding is one key that the plan did not change and that needs attention.
type Finding struct {
	desired.Key
	Reason  string               `json:"reason"` // as reconcile.FindingKind spells it
	Failure *reconcile.CallError `json:"failure,omitempty"`
}

// SetPlan puts a plan into the record: totals, changes with their before-images
// and findings.
func (r *Record) SetPlan(plan *reconcile.Plan) {
	r.Targets, r.Items, r.Findings = nil, nil, nil
	for i := range plan.Targets {
		p := &plan.Targets[i]
		r.Targets = append(r.Targets, newTarget(p))
		for j := range p.Changes {
			r.Items = append(r.Items, newItem(p.Target, &p.Changes[j]))
		}
		for j := range p.Findings {
			f := &p.Findings[j]
			r.Findings = append(r.Findings, Finding{
				Key: desired.Key{Target: p.Target, Name: f.Name}, Reason: f.Kind.String(), Failure: NewFailure(f.Err),
			})
		}
	}
}

func newTarget(p *reconcile.TargetPlan) Target {
	c := p.Counts()
	return Target{
		Target: p.Target, Label: p.Label,
		Failure: NewFailure(p.Err), Stopped: NewFailure(p.Stopped), Operations: []reconcile.OperationCount{},
		Plan: PlanCounts{
			Declared: c.Declared, InSync: c.InSync, Skipped: c.Skipped, Ignored: c.Ignored,
			Creates: c.Creates, Changes: c.Updates, Deletes: c.Deletes,
			Unreadable: c.Unreadable + c.NotExamined, Missing: c.MissingFunctions + c.MissingQualifiers,
			Undeclared: c.Undeclared, Breaches: c.Breaches,
		},
	}
}

func newItem(t desired.Target, c *reconcile.Change) Item {
	return Item{
		Key: desired.Key{Target: t, Name: c.Name}, Action: c.Action, Status: Planned,
		Before: c.Before, Modified: c.Modified, Request: c.Request(),
	}
}

// SetOutcome puts the results of the plan's changes into the record.
func (r *Record) SetOutcome(outcome *reconcile.Outcome) {
	r.Items = nil
	for i := range outcome.Targets {
		o := &outcome.Targets[i]
		for j := range o.Results {
			result := &o.Results[j]
			item := newItem(o.Target, &result.Change)
			item.Status, item.After = result.Status.String(), result.After
			if result.After != nil {
				item.AfterModified = result.Modified
			}
			item.Attempts, item.WaitedMS = result.Stats.Attempts, result.Stats.Waited.Milliseconds()
			item.Failure = NewFailure(result.Err)
			r.Items = append(r.Items, item)
		}
		if t := r.target(o.Target); t != nil && o.Stopped != nil {
			t.Stopped = NewFailure(o.Stopped)
		}
	}
}

// SetAPI puts the requests and the pacing of one target into the record. The
// target must be one of the plan's.
func (r *Record) SetAPI(target desired.Target, operations []reconcile.OperationCount, limiter *Limiter) {
	if t := r.target(target); t != nil {
		t.Operations, t.Limiter = append([]reconcile.OperationCount{}, operations...), limiter
	}
}

func (r *Record) target(target desired.Target) *Target {
	i := slices.IndexFunc(r.Targets, func(t Target) bool { return t.Target == target })
	if i < 0 {
		return nil
	}
	return &r.Targets[i]
}

// NewFailure takes from an error what may be kept, or is nil for nil.
func NewFailure(err error) *reconcile.CallError {
	if err == nil {
		return nil
	}
	return reconcile.ErrorOf(err).WithoutText()
}
