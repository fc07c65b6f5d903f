package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Pass looks at a scope, and corrects it if that is its office. When ctx ends
// it finishes the calls in flight and returns. See Options.Pass for how many may run
// at a time.
type Pass func(ctx context.Context, scope Scope) Result

// Result is how a pass ended.
type Result struct {
	RunID    string             // its id, for the log; may be empty
	Plan     *reconcile.Plan    // of the narrowed fleet; nil when the pass ended before it had one
	Outcome  *reconcile.Outcome // nil when nothing was to be written
	Insights insight.Set
	// How the fleet files take it that a declared function, alias or version is not there.
	MissingFunctions, MissingQualifiers desired.MissingPolicy
	// Err is why the pass as a whole failed: no credentials, a refusal by the
	// guard, a deadline. One function's failure is in the plan or the outcome.
	Err error
	// FleetProblem is why the fleet files cannot be loaded, or with ErrAccounts why nobody
	// says which accounts they mean, while the pass went on with the last good ones.
	FleetProblem error
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

// ErrAccounts is part of a FleetProblem of files that load.
var ErrAccounts = errors.New("the accounts known before stay in force")

// failures are those of the targets, in the order of plan and outcome. What others had put right
// meanwhile is none.
func (r *Result) failures() []*reconcile.Failure {
	if r.Plan == nil {
		return nil
	}
	return slices.DeleteFunc(reconcile.Failures(r.Plan, r.Outcome), func(f *reconcile.Failure) bool { return errors.Is(f, ErrSuperseded) })
}

// Completed reports why a pass did not come to its end, or nil: one reason for each
// target, told together where they have one cause. A function that failed is a row of a
// complete pass; one that was not attempted is not.
func (r *Result) Completed() error {
	switch {
	case r.Err != nil:
		return r.Err
	case r.Plan == nil:
		return errors.New("the pass made no plan")
	}
	var all incomplete
	told := map[desired.Target]bool{}
	for _, f := range r.failures() {
		if f.Ended && !told[f.Target] {
			told[f.Target], all = true, append(all, f)
		}
	}
	if all == nil {
		return nil
	}
	return all
}

// incomplete are why a pass did not deal with targets to the end, one reason for each.
type incomplete []*reconcile.Failure

// Unwrap gives the errors of all targets.
func (all incomplete) Unwrap() (errs []error) {
	for _, f := range all {
		errs = append(errs, f)
	}
	return errs
}

// maxReasons are told of many, a line each.
const maxReasons = 5

// Error is the Lines.
func (all incomplete) Error() string { return strings.Join(all.Lines(), "\n") }

// Lines say each cause once, with a few of the targets that have it.
func (all incomplete) Lines() (lines []string) {
	rest := 0
	for _, of := range slice.Group(all, func(f *reconcile.Failure) string {
		call := reconcile.ErrorOf(f)
		return call.Op + " " + strings.ReplaceAll(call.Cause(), f.Target.String(), "")
	}) {
		if len(lines) == maxReasons {
			rest += len(of)
			continue
		}
		text, call := of[0].Error(), reconcile.ErrorOf(of[0])
		if len(of) > 1 {
			names := slice.Map(of, func(f *reconcile.Failure) string { return f.Target.String() })
			text = fmt.Sprintf("%d targets (%s): %s", len(of), Few(names), strings.TrimPrefix(strings.TrimPrefix(call.Op+": "+call.Reason(), ": "), names[0]+": "))
		}
		if call.Hint != "" {
			text += "; next: " + call.Hint
		}
		lines = append(lines, text)
	}
	if rest > 0 {
		targets := "targets"
		if rest == 1 {
			targets = "target"
		}
		lines = append(lines, fmt.Sprintf("and %d more %s", rest, targets))
	}
	return lines
}

// Few names the first of many.
func Few(names []string) string {
	const most = 3
	if n := len(names); n > most {
		return fmt.Sprintf("%s, %d more", strings.Join(names[:most], ", "), n-most)
	}
	return strings.Join(names, ", ")
}

// TargetErr is why a target was not dealt with to the end, or nil. A plan that the
// guard refused is no target's failure: all of them could be read.
func (r *Result) TargetErr(t desired.Target) error {
	if r.Plan == nil {
		return r.Completed()
	}
	for _, f := range reconcile.FailuresOf(t, r.Plan, r.Outcome) {
		if f.Ended && !errors.Is(f, ErrSuperseded) {
			return f
		}
	}
	if errors.As(r.Err, new(*reconcile.GuardError)) {
		return nil
	}
	return r.Err
}

// anyTarget reports whether one of the targets that a pass was to look at as a whole was
// dealt with to the end, or a sweep found that there is none.
func (r *Result) anyTarget(s Scope) bool {
	if r.Plan == nil || r.Err != nil && !errors.As(r.Err, new(*reconcile.GuardError)) {
		return false // a plan that the guard refused was made of targets that could be read
	}
	ended := map[desired.Target]bool{}
	for _, f := range r.failures() {
		ended[f.Target] = ended[f.Target] || f.Ended
	}
	return s.All && len(r.Plan.Targets) == 0 ||
		slices.ContainsFunc(r.Plan.Targets, func(t reconcile.TargetPlan) bool { return !ended[t.Target] && s.Whole(t.Target) })
}

// held are the targets that a pass was to look at as a whole and left to another run.
func (r *Result) held(s Scope) (held []Object) {
	for _, f := range r.failures() {
		if f.Ended && s.Whole(f.Target) && reasonOf(f, Other) == ByLease {
			held = append(held, Object{Target: f.Target})
		}
	}
	return slices.Compact(held)
}

// FailureOf tells of each object of a pass why it was not dealt with, or nil.
func (r *Result) FailureOf() func(Object) error {
	if r.Err != nil || r.Plan == nil {
		whole := r.Completed()
		return func(Object) error { return whole }
	}
	by := map[Object]error{}
	for _, f := range r.failures() {
		whole, object := Object{Target: f.Target}, Object{f.Target, f.Function}
		if object != whole {
			by[object] = errors.Join(by[object], f)
		}
		by[whole] = errors.Join(by[whole], f)
	}
	return func(o Object) error { return by[o] }
}

// Reasons lists why a pass failed or was not complete, each once, sorted. What ended
// with the worker did not fail.
func (r *Result) Reasons() []Reason {
	var found []Reason
	note := func(err error, otherwise Reason) {
		if err != nil && !errors.Is(err, context.Canceled) {
			found = append(found, reasonOf(err, otherwise))
		}
	}
	if r.FleetProblem != nil {
		found = append(found, ByFleetFiles)
	}
	note(r.Err, Other)
	for _, f := range r.failures() {
		switch {
		case f.Ended && f.Function != "": // which has its reason in the target's, or the run's
		case f.Write:
			note(f, Unwritable)
		default:
			note(f, Unreadable)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func reasonOf(err error, otherwise Reason) Reason {
	switch {
	case callerr.KindOf(err) == callerr.Lease:
		return ByLease
	case errors.As(err, new(*reconcile.GuardError)):
		return ByGuard
	case errors.Is(err, reconcile.ErrJournal):
		return ByHistory
	case errors.Is(err, ErrStalled):
		return BySilence
	case callerr.KindOf(err) == callerr.Credentials:
		if result, _ := ratelimit.ResultOf(err); result == ratelimit.ServerError {
			return Unreadable // nobody refused them: there was nobody to give them
		}
		return ByCredentials
	case callerr.KindOf(err) == callerr.Denied && otherwise == Other:
		return Unreadable
	}
	return otherwise
}

// corrected lists the keys that a pass wrote, in the plan's order.
func (r *Result) corrected() (keys []desired.Key) {
	for key, result := range r.Outcome.All() {
		if result.Status == reconcile.Applied {
			keys = append(keys, key)
		}
	}
	return keys
}
