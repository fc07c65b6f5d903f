package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Pass looks at a scope, and corrects it if that is its office. When ctx ends
// it finishes the calls in flight and returns.
type Pass func(ctx context.Context, scope Scope) Result

// Result is how a pass ended.
type Result struct {
	Plan    *reconcile.Plan    // of the narrowed fleet; nil when the pass ended before it had one
	Outcome *reconcile.Outcome // nil when nothing was to be written
	// Err is why the pass as a whole failed: no credentials, a refusal by the
	// guard, a deadline. One function's failure is in the plan or the outcome.
	Err error
	// FleetProblem is why the fleet files cannot be loaded, while the pass went
	// on with the last good ones.
	FleetProblem error
}

// errUnread is why a object counts as not dealt with when the plan does not
// say more.
var errUnread = errors.New("the pass ended before its turn")

// Completed reports why a pass did not come to its end, or nil. A function
// that failed is a row of a complete pass; one that was not attempted is not.
func (r *Result) Completed() error {
	switch {
	case r.Err != nil:
		return r.Err
	case r.Plan == nil:
		return errors.New("the pass made no plan")
	}
	var errs []error
	for i := range r.Plan.Targets {
		if err := targetErr(&r.Plan.Targets[i]); err != nil {
			errs = append(errs, err)
		}
	}
	if r.Outcome != nil {
		for i := range r.Outcome.Targets {
			if err := outcomeErr(&r.Outcome.Targets[i]); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// TargetErr is why a target was not dealt with to the end, or nil.
func (r *Result) TargetErr(t desired.Target) error {
	if r.Plan == nil {
		return r.Err
	}
	for i := range r.Plan.Targets {
		if r.Plan.Targets[i].Target == t {
			if err := targetErr(&r.Plan.Targets[i]); err != nil {
				return err
			}
		}
	}
	if r.Outcome != nil {
		for i := range r.Outcome.Targets {
			if r.Outcome.Targets[i].Target == t {
				return outcomeErr(&r.Outcome.Targets[i])
			}
		}
	}
	return r.Err
}

func targetErr(p *reconcile.TargetPlan) error {
	switch {
	case p.Err != nil:
		return fmt.Errorf("%s: %w", p.Target, p.Err)
	case p.Stopped != nil:
		return fmt.Errorf("%s: %w", p.Target, p.Stopped)
	}
	for i := range p.Findings {
		if p.Findings[i].Kind == reconcile.FindingNotExamined {
			return fmt.Errorf("%s/%s: %w", p.Target, p.Findings[i].Name, errUnread)
		}
	}
	return nil
}

func outcomeErr(o *reconcile.TargetOutcome) error {
	if o.Stopped != nil {
		return fmt.Errorf("%s: %w", o.Target, o.Stopped)
	}
	for i := range o.Results {
		if o.Results[i].Status == reconcile.NotAttempted {
			return notAttempted(o.Target, &o.Results[i])
		}
	}
	return nil
}

func notAttempted(t desired.Target, r *reconcile.Result) error {
	if r.Err != nil {
		return r.Err
	}
	return fmt.Errorf("%s/%s: %w", t, r.Name, errUnread)
}

// ObjectErr is why one object was not dealt with, or nil. Failures is the way
// to ask for many.
func (r *Result) ObjectErr(s Object) error { return r.Failures().Of(s) }

// Failures tells, for each object of a pass, why it was not dealt with.
type Failures struct {
	whole error
	by    map[Object]error
}

// Failures sorts what went wrong in a pass by object.
func (r *Result) Failures() Failures {
	f := Failures{by: map[Object]error{}}
	if r.Err != nil || r.Plan == nil {
		f.whole = r.Completed()
		return f
	}
	note := func(t desired.Target, function string, err error) {
		if function != "" {
			f.by[Object{t, function}] = errors.Join(f.by[Object{t, function}], err)
		}
		f.by[Object{Target: t}] = errors.Join(f.by[Object{Target: t}], err)
	}
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		if t.Err != nil {
			note(t.Target, "", fmt.Errorf("%s: %w", t.Target, t.Err))
		}
		for j := range t.Findings {
			switch finding := &t.Findings[j]; finding.Kind {
			case reconcile.FindingUnreadable:
				note(t.Target, finding.Function, finding.Err)
			case reconcile.FindingNotExamined:
				note(t.Target, finding.Function, fmt.Errorf("%s/%s: %w", t.Target, finding.Name, errUnread))
			}
		}
	}
	if r.Outcome == nil {
		return f
	}
	for i := range r.Outcome.Targets {
		t := &r.Outcome.Targets[i]
		for j := range t.Results {
			switch result := &t.Results[j]; result.Status {
			case reconcile.Failed, reconcile.Mismatched:
				note(t.Target, result.Function, result.Err)
			case reconcile.NotAttempted:
				note(t.Target, result.Function, notAttempted(t.Target, result))
			}
		}
	}
	return f
}

// Of is why a object was not dealt with, or nil.
func (f Failures) Of(s Object) error {
	if f.whole != nil {
		return f.whole
	}
	return f.by[s]
}

// corrected lists the keys that a pass wrote, in the plan's order.
func (r *Result) corrected() []desired.Key {
	if r.Outcome == nil {
		return nil
	}
	var keys []desired.Key
	for i := range r.Outcome.Targets {
		t := &r.Outcome.Targets[i]
		for j := range t.Results {
			if t.Results[j].Status == reconcile.Applied {
				keys = append(keys, desired.Key{Target: t.Target, Name: t.Results[j].Name})
			}
		}
	}
	return keys
}
