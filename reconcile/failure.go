package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// ErrNotReached is why something was not come to where nothing else is.
var ErrNotReached = errors.New("the run ended before its turn")

// Failure is one thing that went wrong in a run: with one config, or where Name is zero with a
// target as a whole. The error of a run has those that are no consequence of another.
type Failure struct {
	desired.Key
	Err   error
	Write bool // it befell a change, and not a read
	Ended bool // for it something was not come to; else it is a row of work that came to its end
}

// Error begins with what the failure is about, unless Err has named it.
func (f *Failure) Error() string {
	named, subject := f.Target.String()+"/"+f.Function, f.Key.String()
	if f.Name == (desired.Name{}) {
		named, subject = f.Target.String(), f.Target.String()
	}
	if text := f.Err.Error(); strings.Contains(text, named) {
		return text // most do: a listing names the function, being about all of its configs
	}
	return fmt.Sprintf("%s: %v", subject, f.Err)
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// FailuresOf are the Failures of one target, at no cost for the others'.
func FailuresOf(t desired.Target, p *Plan, o *Outcome) []*Failure {
	var plan Plan
	var outcome Outcome
	if own := FindTarget(p.Targets, t); own != nil {
		plan.Targets = []TargetPlan{*own}
	}
	if own := o.Of(t); own != nil {
		outcome.Targets = []TargetOutcome{*own}
	}
	return Failures(&plan, &outcome)
}

// Failures are those of a plan and of its outcome, which may be nil, in their order.
func Failures(p *Plan, o *Outcome) (all []*Failure) {
	add := func(t desired.Target, n desired.Name, err error, write, ended bool) {
		all = append(all, &Failure{desired.Key{Target: t, Name: n}, cmp.Or(err, ErrNotReached), write, ended})
	}
	whole := func(t desired.Target, err error, write bool) {
		if err != nil {
			add(t, desired.Name{}, err, write, true)
		}
	}
	for t := range slice.Pointers(p.Targets) {
		whole(t.Target, t.Err, false)
		whole(t.Target, t.Stopped, false)
		for _, f := range t.Findings {
			if f.Kind == FindingUnreadable || f.Kind == FindingNotExamined {
				add(t.Target, f.Name, f.Err, false, f.Kind == FindingNotExamined)
			}
		}
	}
	if o == nil {
		return all
	}
	for t := range slice.Pointers(o.Targets) {
		whole(t.Target, t.Stopped, true)
		for c := range slice.Pointers(t.Results) {
			switch c.Status {
			case Failed, Mismatched, NotAttempted:
				add(t.Target, c.Name, c.Err, true, c.Status == NotAttempted)
			}
		}
	}
	return all
}

// failures is every failure of the run in order, or nil.
//
// A target that could not be read is one failure, whatever its findings say besides. That
// a target was given up, or the run ended, is a failure of its own, in however many targets it is
// met: what was then not come to is none.
func (r *RunResult) failures() error {
	all := manyErrors()
	add := func(err error) {
		if err != nil {
			all = multierror.Append(all, err)
		}
	}
	add(r.Err)
	unread := map[desired.Target]bool{}
	for t := range slice.Pointers(r.Plan.Targets) {
		unread[t.Target] = t.Err != nil
	}
	for _, f := range Failures(&r.Plan, r.Outcome) {
		whole := f.Name == (desired.Name{})
		switch {
		case f.Ended && (!whole || errors.Is(f.Err, r.Stopped)):
		case !f.Write && !whole && unread[f.Target]:
		default:
			add(f)
		}
	}
	add(r.Refused)
	if !errors.Is(r.Err, r.Stopped) {
		add(r.Stopped)
	}
	add(r.Late)
	return all.ErrorOrNil()
}

// Err joins the failures in the plan's order, or is nil when there are none. Changes
// that were not attempted are not failures.
func (o *Outcome) Err() error {
	all := manyErrors()
	for _, f := range Failures(&Plan{}, o) {
		if !f.Ended {
			all = multierror.Append(all, f)
		}
	}
	return all.ErrorOrNil()
}

// join is errors in order as one, nil where there are none.
func join(errs ...error) error { return multierror.Append(manyErrors(), errs...).ErrorOrNil() }

// manyErrors has room for errors, each of which is a line of its text: that of the library is a dump.
func manyErrors() *multierror.Error {
	return &multierror.Error{ErrorFormat: func(errs []error) string { return errors.Join(errs...).Error() }}
}
