package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Pass looks at a scope, and corrects it if that is its office. When ctx ends
// it finishes the calls in flight and returns. See Options.Concurrent for how many
// may run at a time.
type Pass func(ctx context.Context, scope Scope) Result

// Result is how a pass ended.
type Result struct {
	Run     string             // its id, for the log; may be empty
	Plan    *reconcile.Plan    // of the narrowed fleet; nil when the pass ended before it had one
	Outcome *reconcile.Outcome // nil when nothing was to be written
	// Err is why the pass as a whole failed: no credentials, a refusal by the
	// guard, a deadline. One function's failure is in the plan or the outcome.
	Err error
	// FleetProblem is why the fleet files cannot be loaded, while the pass went
	// on with the last good ones.
	FleetProblem error
	// Explain names a Reason that only the program knows, or "". It may be nil.
	Explain func(error) Reason
}

// Reason is a kind of failure, as metrics spell it.
type Reason string

// The reasons.
const (
	ByGuard       Reason = "guard"       // more changes than the guard lets one run make
	ByLease       Reason = "lease"       // another run holds a target
	ByCredentials Reason = "credentials" // none, or expired ones
	ByHistory     Reason = "history"     // the record or the journal cannot be written
	Unreadable    Reason = "unreadable"  // a target, or functions, could not be read
	Unwritable    Reason = "unwritable"  // changes were refused
	ByFleetFiles  Reason = "fleet_files" // they do not load
	BySilence     Reason = "stalled"     // the pass gave no sign of life
	Other         Reason = "other"
)

// Reasons lists all reasons.
func Reasons() []Reason {
	return []Reason{ByGuard, ByLease, ByCredentials, ByHistory, Unreadable, Unwritable, ByFleetFiles, BySilence, Other}
}

// Reasons lists why a pass failed or was not complete, each once, sorted. What ended
// with the worker did not fail.
func (r *Result) Reasons() []Reason {
	var found []Reason
	note := func(err error, otherwise Reason) {
		if err != nil && !errors.Is(err, context.Canceled) {
			found = append(found, r.reason(err, otherwise))
		}
	}
	if r.FleetProblem != nil {
		found = append(found, ByFleetFiles)
	}
	note(r.Err, Other)
	if r.Plan != nil {
		for i := range r.Plan.Targets {
			t := &r.Plan.Targets[i]
			note(t.Err, Unreadable)
			note(t.Stopped, Unreadable)
			if c := t.Counts(); c.Unreadable > 0 {
				found = append(found, Unreadable)
			}
		}
	}
	if r.Outcome != nil {
		for i := range r.Outcome.Targets {
			t := &r.Outcome.Targets[i]
			note(t.Stopped, Unwritable)
			for j := range t.Results {
				if t.Results[j].Status == reconcile.Failed || t.Results[j].Status == reconcile.Mismatched {
					note(t.Results[j].Err, Unwritable)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (r *Result) reason(err error, otherwise Reason) Reason {
	if r.Explain != nil {
		if reason := r.Explain(err); reason != "" {
			return reason
		}
	}
	var guard *reconcile.GuardError
	switch {
	case errors.As(err, &guard):
		return ByGuard
	case errors.Is(err, reconcile.ErrJournal):
		return ByHistory
	case errors.Is(err, ErrStalled):
		return BySilence
	case reconcile.KindOf(err) == reconcile.KindCredentials:
		return ByCredentials
	case reconcile.KindOf(err) == reconcile.KindDenied && otherwise == Other:
		return Unreadable
	}
	return otherwise
}

// errUnread is why an object counts as not dealt with when the plan does not
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
	if err := r.outcomeErr(t); err != nil {
		return err
	}
	return r.Err
}

func (r *Result) outcomeErr(t desired.Target) error {
	if r.Outcome != nil {
		for i := range r.Outcome.Targets {
			if r.Outcome.Targets[i].Target == t {
				return outcomeErr(&r.Outcome.Targets[i])
			}
		}
	}
	return nil
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
		if r := &o.Results[i]; r.Status == reconcile.NotAttempted && !errors.Is(r.Err, ErrSuperseded) {
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

// anyTarget reports whether a target was dealt with to the end, or there was none.
func (r *Result) anyTarget() bool {
	var guard *reconcile.GuardError
	switch {
	case r.Plan == nil, r.Err != nil && !errors.As(r.Err, &guard):
		return false // a plan that the guard refused was made of targets that could be read
	case len(r.Plan.Targets) == 0:
		return true
	}
	for i := range r.Plan.Targets {
		t := r.Plan.Targets[i].Target
		if targetErr(&r.Plan.Targets[i]) == nil && r.outcomeErr(t) == nil {
			return true
		}
	}
	return false
}

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
				if errors.Is(result.Err, ErrSuperseded) {
					continue
				}
				note(t.Target, result.Function, notAttempted(t.Target, result))
			}
		}
	}
	return f
}

// Of is why an object was not dealt with, or nil.
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
