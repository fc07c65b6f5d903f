package history

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Planned is the status of a change that nobody tried to make. Every other
// status is spelt as reconcile.Status spells it.
const Planned = "planned"

// Item is one change of a run.
type Item struct {
	Key           desired.Key
	Action        reconcile.Action
	Status        string
	Before        *reconcile.Settings // nil: no record
	Modified      int64               // LastModified of the before-image, Unix milliseconds
	Request       desired.Config      // what the write sends
	After         *reconcile.Settings // what AWS stored; nil where it stored nothing
	AfterModified int64
	Attempts      int
	WaitedMS      int64
	Failure       *Failure
}

// itemJSON is an item as files spell it.
type itemJSON struct {
	keyJSON
	Action        string              `json:"action"`
	Status        string              `json:"status"`
	Before        *reconcile.Settings `json:"before"`
	Modified      int64               `json:"modified,omitempty"`
	Request       *desired.Config     `json:"request"`
	After         *reconcile.Settings `json:"after"`
	AfterModified int64               `json:"after_modified,omitempty"`
	Attempts      int                 `json:"attempts"`
	WaitedMS      int64               `json:"waited_ms"`
	Failure       *Failure            `json:"failure,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (i Item) MarshalJSON() ([]byte, error) {
	return json.Marshal(itemJSON{
		keyJSON: newKey(i.Key), Action: i.Action.String(), Status: i.Status,
		Before: i.Before, Modified: i.Modified, Request: &i.Request,
		After: i.After, AfterModified: i.AfterModified,
		Attempts: i.Attempts, WaitedMS: i.WaitedMS, Failure: i.Failure,
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *Item) UnmarshalJSON(text []byte) error {
	var in itemJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	action, known := actions[in.Action]
	if !known {
		return fmt.Errorf("action %q is not known", in.Action)
	}
	*i = Item{
		Key: in.key(), Action: action, Status: in.Status,
		Before: in.Before, Modified: in.Modified, Request: requestOf(in.Request),
		After: in.After, AfterModified: in.AfterModified,
		Attempts: in.Attempts, WaitedMS: in.WaitedMS, Failure: in.Failure,
	}
	return nil
}

// Finding is one key that the plan did not change and that needs attention.
type Finding struct {
	Account   string   `json:"account"`
	Region    string   `json:"region"`
	Function  string   `json:"function"`
	Qualifier string   `json:"qualifier"`
	Reason    string   `json:"reason"` // as reconcile.FindingKind spells it
	Failure   *Failure `json:"failure,omitempty"`
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
				Account: p.Account, Region: p.Region, Function: f.Function, Qualifier: f.Qualifier,
				Reason: f.Kind.String(), Failure: NewFailure(f.Err),
			})
		}
	}
}

func newTarget(p *reconcile.TargetPlan) Target {
	c := p.Counts()
	return Target{
		Account: p.Account, Region: p.Region, Label: p.Label,
		Failure: NewFailure(p.Err), Stopped: NewFailure(p.Stopped), Operations: []Operation{},
		Plan: PlanCounts{
			Declared: c.Declared, InSync: c.InSync, Skipped: c.Skipped, Ignored: c.Ignored,
			Creates: c.Creates, Changes: c.Updates, Deletes: c.Deletes,
			Unreadable: c.Unreadable + c.NotExamined, Missing: c.MissingFunctions + c.MissingQualifiers,
			Undeclared: c.Undeclared,
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
func (r *Record) SetAPI(target desired.Target, operations []Operation, limiter *Limiter) {
	if t := r.target(target); t != nil {
		t.Operations, t.Limiter = append([]Operation{}, operations...), limiter
	}
}

func (r *Record) target(target desired.Target) *Target {
	i := slices.IndexFunc(r.Targets, func(t Target) bool { return t.Key() == target })
	if i < 0 {
		return nil
	}
	return &r.Targets[i]
}
