package reconcile

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Engine walks the one road that every verb, the worker and the Lambda function
// take. It knows no SDK type, no file and no terminal: what it needs of the world
// is behind the two small interfaces of its fields.
//
// The zero value of every field but Opener leaves its part out. An Engine keeps nothing
// between runs and may be used by several at once, as far as what its fields hold can.
type Engine struct {
	Opener Opener // opens targets: on AWS, on a simulator, on a map
	// Memory holds targets against other runs and keeps the journal. A run that
	// only reads does without; a run that writes without one leaves no trace and
	// may meet another.
	Memory Memory
	// Annotators are asked about the plan once it is known, all at once. They never
	// fail a run; see InsightPolicy.
	Annotators []Annotator
	// Observations, when not nil, let a run read only what may have changed since
	// others read it; see CarriedFunction.
	Observations Observations
}

// Request is what one run is asked to do.
type Request struct {
	ID      string // names the run; see NewRunID
	Verb    string // what a record and a report call it: plan, apply, rollback
	Started time.Time
	Wishes  Wishes // what AWS is compared with: a fleet, a saved plan, the undoing of a run
	// Write asks for the changes to be made. Without it targets are opened to
	// read, and there is no Writer anywhere in the run.
	Write   bool
	Timeout time.Duration // 0: none. No work is begun after it; ErrTimeUp is why
	// GuardOff lets any number of changes pass, for the reason that it gives; "" does not.
	GuardOff string
	// LookForOrphans asks whether the qualifiers of undeclared records still exist.
	// A function that has such a record under an alias costs one ListAliases, and
	// one under a version one ListVersionsByFunction; all others cost nothing. A
	// refusal of these calls is no failure: the record stays undeclared.
	LookForOrphans bool
	Strict         bool          // warnings refuse the plan
	InsightPolicy  InsightPolicy // whether the engine's Annotators are asked
	// Confirm is shown the plan before its first write, and may refuse it; nil does not.
	Confirm func(context.Context, *RunResult) bool
	// Observe is told of every step, one at a time and from changing goroutines. It must
	// not block: the run waits for it. Nil is allowed.
	Observe func(Event)
}

// RunResult is all there is to say about a run, from whatever point it ended at.
type RunResult struct {
	Request
	Opened    Opened
	Inventory desired.Inventory // what was discovered
	Fleet     desired.Fleet     // what was compared, narrowed as the request asked
	Base      Base
	Observed  Observed
	Read      Observed  // the same, and functions of which something is required and nothing declared
	Known     Observed  // what was read, and what is carried of the functions that were not
	Surveyed  time.Time // when reading ended; zero where there is no plan
	Finished  time.Time

	Plan     Plan
	Warnings desired.Problems // of the fleet files, and of what they say of what is there
	Insights insight.Set      // what the annotators know of the plan
	Guard    []GuardLine      // every rule of the guard against the plan
	Refused  error            // why the plan may not be applied: *GuardError or ErrIncomplete
	Declined bool             // Confirm said no
	Asked    time.Duration    // how long Confirm took
	Outcome  *Outcome         // nil when nothing was tried

	Stopped error // why the run as a whole ended early, or nil
	Err     error // why there is no plan, or nil
	Late    error // what failed after the last write: the record, the leases
}

// Planned reports whether the run came as far as a plan.
func (r *RunResult) Planned() bool { return !r.Surveyed.IsZero() }

// NewRunID is a name that sorts by time and that two runs never share.
func NewRunID(now time.Time) string {
	// It is a file name and an object key as well, and so has letters, digits and a hyphen
	// only. Runs of one second are told apart by 32 random bits.
	var tail [4]byte
	rand.Read(tail[:]) // never fails: see crypto/rand
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(tail[:])
}

// Run is a run, from its first call to its last:
//
//	open ─► hold (if it writes) ─► recall ─► discover ─► resolve ─► survey ─► plan ─► annotate ─► guard ─► confirm ─► apply ─► record ─► release
//
// The result is never nil and says how far the run came. The error carries every
// failure of it in order, as a *multierror.Error: what ended it before a plan, the
// targets and configs that could not be read, the refusal of the guard, the
// changes that failed, and what could not be recorded or given back.
//
// What holds:
//   - Targets are held before they are read, so that no write rests on what was
//     seen while another run may have been writing.
//   - Nothing is written before the whole plan is known and the guard has let it pass.
//   - When ctx ends, calls in flight are finished; the run is recorded and its
//     targets are released all the same.
func (e Engine) Run(ctx context.Context, req Request) (*RunResult, error) {
	r := &RunResult{Request: req}
	if req.Timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, req.Timeout, ErrTimeUp)
		defer cancel()
		ctx = limited
	}
	recollection := Recollection(everything{})
	recorder := e.walk(ctx, r, &recollection)
	r.Finished = time.Now()
	r.Stopped = r.stopped(ctx)
	// What was seen and what was done are kept although ctx may have ended: a run that was
	// interrupted is the one whose record is needed most.
	recollection.Keep(context.WithoutCancel(ctx), r)
	if recorder != nil {
		r.Late = join(recorder.Finish(context.WithoutCancel(ctx), r), recorder.Release(context.WithoutCancel(ctx)))
	}
	return r, r.failures()
}

// walk goes as far as the run comes. What it returns is to be finished and released,
// and what it recalled is to be kept.
//
// The steps stand here in the order of the picture above, and nowhere else. What a step
// needs of the one before is in r, so that r can be reported from wherever it stopped.
func (e Engine) walk(ctx context.Context, r *RunResult, recollection *Recollection) (recorder Recorder) {
	fail := func(err error) Recorder {
		cause := context.Cause(ctx)
		if cause == nil && r.Timeout > 0 && errors.Is(err, ratelimit.ErrNoTime) {
			cause = ErrTimeUp // given up for it before it passed
		}
		if cause != nil && !errors.Is(err, cause) {
			// Whatever the end of the run made of a call: it tells what was waited for.
			if err != nil {
				cause = &endedError{cause, err}
			}
			err = cause
		}
		r.Err = err
		return recorder
	}
	targets, declared := r.Wishes.Targets()
	// An error here is about all targets, such as no credentials at all. What is wrong with
	// one of them stands in its Err, and the others go on.
	opened, err := e.Opener.Open(ctx, OpenRequest{Run: r.ID, Targets: openable(targets), Ambient: !declared, Write: r.Write})
	if err != nil {
		return fail(err)
	}
	r.Opened = opened
	r.Opened.addUnopened(targets)

	// Leases come before the first read. A run that surveys first could write what was
	// true before another run wrote.
	journal := Journal(noJournal{})
	if r.Write && e.Memory != nil {
		// Also a Begin that failed may have taken some leases, which are to be released.
		begun, err := e.Memory.Begin(ctx, r)
		recorder = begun
		if err != nil {
			return fail(err)
		}
		journal = recorder
	}

	// What earlier runs saw narrows what is discovered and read. It is completed again
	// before anything is resolved: rules choose among all that exists.
	recalled := e.recall(ctx, r)
	*recollection = recalled

	asked := r.Wishes.Discoveries(r.Opened.Ambient)
	inventory, failed := discover(ctx, recalled.Narrow(openOnly(asked, r.Opened)), r.Opened.readTargets(nil, nil))
	if context.Cause(ctx) != nil {
		return fail(nil)
	}
	r.Opened.Exclude(failed)
	inventory = recalled.Complete(inventory)
	unlisted, failed := listAliases(ctx, openOnly(asked, r.Opened), inventory, r.Opened.readTargets(nil, nil), r.Observe)
	if context.Cause(ctx) != nil {
		return fail(nil)
	}
	r.Opened.Exclude(failed)
	for t := range failed {
		delete(inventory, t) // what was discovered of it is only a part
	}
	r.Inventory = inventory
	if r.Fleet, r.Base, err = r.Wishes.Resolve(ctx, r.Opened.Ambient, inventory); err != nil {
		// Where nothing could be discovered nothing is left of a fleet of rules,
		// and its files are not to blame.
		if lost := r.Opened.failures(); lost != nil {
			err = lost
		}
		return fail(err)
	}

	r.tell(PhaseResolve)

	// Only what was read by this run can come to a change; what is carried is judged
	// apart and can at most be told of.
	watched := watchlist(r.Fleet)
	candidates := recalled.Carry(and(r.Fleet, watched))
	toRead, unread := split(r.Fleet, candidates)
	r.Observed = survey(ctx, toRead, r.Opened.readTargets(inventory, unlisted), r.Observe, r.LookForOrphans)
	r.Read = r.Observed
	if watched = unread.spare(watched, candidates); watched.Configs() > 0 {
		more := survey(ctx, watched, r.Opened.readTargets(nil, nil), r.Observe, false)
		r.Read = with(r.Observed, func(t desired.Target) []ObservedFunction {
			return cmp.Or(PartOf(more.Targets, t), &ObservedTarget{}).Functions
		})
	}
	r.Surveyed = time.Now()
	r.Plan = r.Wishes.Plan(toRead, r.Observed)
	unread.addTo(r, recalled)
	r.Plan.markUnknown(asked, r.Opened)
	r.Known = unread.seen(r.Read)
	r.Plan.Require(r.Fleet, inventory, r.Known)
	r.Warnings = slices.Concat(r.Fleet.Warnings, qualifierWarnings(r.Fleet, r.Known))
	e.annotate(ctx, r)
	// The guard is asked also where nothing is written, so that a plan shows what an
	// apply of it would be refused for.
	guard := Guard{Guard: r.Fleet.Guard, Base: r.Base, Off: r.GuardOff}
	r.Guard = guard.Lines(&r.Plan)
	r.tell(PhasePlan)
	if r.Strict && len(r.Warnings) > 0 {
		r.Refused = fmt.Errorf("%w: %d of them", ErrStrict, len(r.Warnings))
	}
	if !r.Write || r.Refused != nil {
		return recorder
	}

	approved, err := guard.approve(r.Plan)
	if err != nil {
		r.Refused = err
		return recorder
	}
	counts := r.Plan.Counts()
	if counts.Changes() == 0 && counts.Stale == 0 {
		return recorder
	}
	if counts.Changes() > 0 && r.Confirm != nil {
		asked := time.Now()
		r.Declined = !r.Confirm(ctx, r)
		if r.Asked = time.Since(asked); r.Declined {
			return recorder
		}
	}
	if recorder != nil {
		if err := recorder.Ready(ctx, guard.fleet(&r.Plan)); err != nil {
			return fail(err)
		}
	}
	outcome := apply(ctx, approved, r.Opened.writeTargets(inventory, recorder), journal, r.Observe)
	r.Outcome = &outcome
	return recorder
}

// tell shows the result as it stands to whoever observes the run.
func (r *RunResult) tell(phase Phase) {
	if r.Observe != nil {
		r.Observe(Event{Phase: phase, Run: r})
	}
}

// endedError is the end of a run in the middle of a call. Its text is the cause's.
//
// Both are in its tree: errors.Is finds the cause, errors.As the call that was waited for.
type endedError struct{ cause, call error }

func (e *endedError) Error() string   { return e.cause.Error() }
func (e *endedError) Unwrap() []error { return []error{e.cause, e.call} }

// openOnly drops the targets that are not open from what is to be discovered.
//
// Such a target has its error already; to discover it would only repeat it.
func openOnly(asked []desired.Discovery, opened Opened) []desired.Discovery {
	var kept []desired.Discovery
	for _, d := range asked {
		if t := PartOf(opened.Targets, d.Target); t != nil && t.Err == nil {
			kept = append(kept, d)
		}
	}
	return kept
}

// stopped is why the run as a whole ended early, or nil. Work for which the
// Timeout leaves no time is given up before it passes.
func (r *RunResult) stopped(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if r.Timeout > 0 && (errors.Is(r.Err, ratelimit.ErrNoTime) || r.leftUndone()) {
		return ErrTimeUp
	}
	return nil
}

// leftUndone reports whether a target has work left without a reason of its own.
//
// A target that was stopped for a reason of its own, such as its error budget, does not
// count: more time would not have helped it.
func (r *RunResult) leftUndone() bool {
	for i := range r.Plan.Targets {
		if t := &r.Plan.Targets[i]; t.Stopped == nil && t.Counts().NotExamined > 0 || errors.Is(t.Err, ratelimit.ErrNoTime) {
			return true
		}
	}
	if r.Outcome == nil {
		return false
	}
	for i := range r.Outcome.Targets {
		t := &r.Outcome.Targets[i]
		for j := range t.Results {
			if t.Stopped == nil && t.Results[j].Status == NotAttempted && t.Results[j].Err == nil {
				return true
			}
		}
	}
	return false
}

// failures is every failure of the run in order, or nil.
//
// A target that could not be read is one failure, whatever its findings say besides.
func (r *RunResult) failures() error {
	var all *multierror.Error
	add := func(err error) {
		if err != nil {
			all = multierror.Append(all, err)
		}
	}
	add(r.Err)
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		if t.Err != nil {
			add(fmt.Errorf("%s: %w", t.Target, t.Err))
			continue
		}
		for j := range t.Findings {
			if f := &t.Findings[j]; f.Kind == FindingUnreadable {
				add(f.Err)
			}
		}
	}
	add(r.Refused)
	if r.Outcome != nil {
		add(r.Outcome.Err())
	}
	add(r.Late)
	return all.ErrorOrNil()
}

// join is errors in order as one, nil where there are none.
func join(errs ...error) error { return multierror.Append(nil, errs...).ErrorOrNil() }
