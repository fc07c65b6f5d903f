package reconcile

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Engine makes runs. What it needs of the world is behind the interfaces of its fields.
//
// The zero value of every field but Opener leaves its part out. An Engine keeps nothing
// between runs and may be used by several at once, as far as what its fields hold can.
type Engine struct {
	Opener Opener // opens targets: on AWS, on a simulator, on a map; never nil
	// Memory records runs that write, holds their targets against others and keeps the
	// journal. A run that writes without one leaves no trace and may meet another.
	Memory Memory
	// Annotators are asked about the plan once it is known, all at once. They never
	// fail a run; see InsightPolicy.
	Annotators []Annotator
	// Observations, when not nil, let a run read only what may have changed since
	// others read it; see CarriedFunction.
	Observations Observations
	// Reporters are told of every run, one after the other, once all of it is over and in the
	// result: those who read, store or send it. Nobody is told of a run that was Declined.
	// Their errors are Late in the result, which the ones after them see.
	Reporters []func(context.Context, *RunResult) error
}

// Request is what one run is asked to do. Wishes are needed; the zero value of everything
// else is a run that reads, asks the annotators, and has no limit of time.
type Request struct {
	ID      string    // names the run; see NewRunID
	Verb    string    // what a record and a report call it: plan, apply, rollback
	Started time.Time // for records and reports
	Wishes  Wishes    // what AWS is compared with: a fleet, a saved plan, the undoing of a run
	// Unprepared, when not nil, is why the run cannot begin. It opens nothing, and is recorded
	// and reported like any other.
	Unprepared error
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
	Observe func(Step)
}

// RunResult is all there is to say about a run, from whatever point it ended at: what the run
// did not come to is zero.
type RunResult struct {
	Request
	Opened    Opened
	Inventory desired.Inventory // what was discovered
	Fleet     desired.Fleet     // what was compared, narrowed as the request asked
	Observed  Observed          // what was read of the fleet's functions
	Read      Observed          // the same, and functions of which something is required and nothing declared
	Known     Observed          // what was read, and what is carried of the functions that were not
	Surveyed  time.Time         // when reading ended; zero where there is no plan
	Finished  time.Time

	Plan     Plan
	Warnings desired.Problems // of the fleet files, and of what they say of what is there
	Insights insight.Set      // what the annotators know of the plan
	Guard    []GuardLine      // every rule of the guard against the plan
	Refused  error            // why the plan may not be applied: a *GuardError, ErrIncomplete or ErrStrict
	Declined bool             // Confirm said no
	Asked    time.Duration    // how long Confirm took
	Outcome  *Outcome         // nil when nothing was tried

	Stopped error // why the run as a whole ended early, or nil
	Err     error // why there is no plan, or nil
	Late    error // what failed after the last write: the record, the leases, the reports

	base GuardBase // what the limits of Guard refer to
}

// Planned reports whether the run came as far as a plan.
func (r *RunResult) Planned() bool { return !r.Surveyed.IsZero() }

// NewRunID is a name that sorts by time and that two runs never share, such as
// 20260306T070809Z-1a2b3c4d: letters, digits and a hyphen, the time in UTC.
func NewRunID(now time.Time) string {
	// It is a file name and an object key as well, and so has letters, digits and a hyphen
	// only. Runs of one second are told apart by 32 random bits.
	var tail [4]byte
	rand.Read(tail[:]) // never fails: see crypto/rand
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(tail[:])
}

// Run is a run, from its first call to its last:
//
//	open ─► hold (if it writes) ─► recall ─► discover ─► resolve ─► survey ─► plan ─► annotate ─► guard ─► confirm ─► apply ─► record ─► release ─► report
//
// The result is never nil and says how far the run came. The error carries every
// failure of it in order, as a *multierror.Error: what ended it before a plan, the
// targets and configs that could not be read, the refusal of the guard, the
// changes that failed, and what could not be recorded, given back or reported.
//
// What holds:
//   - Targets are held before they are read, so that no write rests on what was
//     seen while another run may have been writing.
//   - Nothing is written before the whole plan is known and the guard has let it pass.
//   - When ctx ends, calls in flight are finished; the run is recorded, its
//     targets are released and its Reporters told all the same.
func (e Engine) Run(ctx context.Context, req Request) (*RunResult, error) {
	r := &RunResult{Request: req}
	if req.Timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, req.Timeout, ErrTimeUp)
		defer cancel()
		ctx = limited
	}
	held := holdings{recorder: unrecorded{}, recalled: everything{}}
	if e.Memory != nil && r.Write {
		held.recorder = e.Memory.Begin(r)
	}
	r.Err = r.whyEnded(ctx, e.walk(ctx, r, &held))
	r.Finished = time.Now()
	r.Stopped = r.stopped(ctx)

	// record what was seen and done, although ctx may have ended: a run that was interrupted
	// is the one whose record is needed most.
	ctx = context.WithoutCancel(ctx)
	r.tell(PhaseRecord)
	held.recalled.Save(ctx, r)
	unfinished := held.recorder.Finish(ctx, r)

	// release what was held, whatever became of the record.
	r.Late = join(unfinished, held.recorder.Release(ctx))
	if r.Opened.Close != nil {
		r.Opened.Close()
	}

	// report to everybody else.
	for _, tell := range e.Reporters {
		if !r.Declined {
			r.Late = join(r.Late, tell(ctx, r))
		}
	}
	return r, r.failures()
}

// holdings are what a run has to finish and to give back, however far it came.
type holdings struct {
	recorder Recorder
	recalled Recollection
}

// walk goes as far as the run comes: up to apply, to where there is nothing more to do, or
// to the error that left it without a plan.
//
// The steps stand here in the order of the picture above, each under its word in it, and
// nowhere else. What one leaves to a later one is in r, so that r can be reported from
// wherever it stopped.
func (e Engine) walk(ctx context.Context, r *RunResult, held *holdings) error {
	// open. An error here is about all targets, such as no credentials at all. What is wrong
	// with one of them stands in its Err, and the others go on.
	if err := e.lacks(r.Request); err != nil {
		return err
	}
	targets, declared := r.Wishes.Targets()
	opened, err := e.Opener.Open(ctx, OpenRequest{RunID: r.ID, Targets: openable(targets), Ambient: !declared, Write: r.Write})
	if err != nil {
		return err
	}
	r.Opened = opened
	r.Opened.addUnopened(targets)
	r.Opened.closeUnreadable()

	// hold, before the first read: a run that surveys first could write what was true
	// before another run wrote.
	if r.Write {
		r.tell(PhaseHold)
		if err := held.recorder.Hold(ctx, r); err != nil {
			return err
		}
	}

	// recall what earlier runs saw. It narrows what is discovered and read, and is completed
	// again before anything is resolved: rules choose among all that exists.
	held.recalled = e.recall(ctx, r)

	// discover what rules choose among, where one does.
	r.tell(PhaseDiscover)
	asked := r.Wishes.Discoveries(r.Opened.Ambient)
	unlisted, err := r.discover(ctx, asked, held.recalled)
	if err != nil {
		return err
	}

	// resolve the wishes to configs.
	if r.Fleet, r.base, err = r.Wishes.Resolve(ctx, r.Opened.Ambient, r.Inventory); err != nil {
		// Where nothing could be discovered nothing is left of a fleet of rules,
		// and its files are not to blame.
		if lost := r.Opened.failures(); lost != nil {
			return lost
		}
		return err
	}
	r.tell(PhaseResolve)

	// survey. Only what was read by this run can come to a change; what is carried is
	// judged apart and can at most be told of.
	toRead, carried := r.survey(ctx, held.recalled, unlisted)

	// plan, a pure function of both sides, and beside it what is only told.
	r.Plan = r.Wishes.Plan(toRead, r.Observed)
	carried.addTo(r, held.recalled)
	r.Plan.markUnknown(asked, r.Opened)
	r.Plan.Require(r.Fleet, r.Inventory, r.Known)
	r.Warnings = slices.Concat(r.Fleet.Warnings, qualifierWarnings(r.Fleet, r.Known))

	// annotate the plan with what Lambda does not tell.
	e.annotate(ctx, r)

	// guard. It is asked also where nothing is written, so that a plan shows what an apply
	// of it would be refused for.
	guard := Guard{Limits: r.Fleet.Limits, Base: r.base, Off: r.GuardOff}
	r.Guard = guard.Lines(&r.Plan)
	r.tell(PhasePlan)
	approved, ok := r.approved(guard)
	if !ok {
		return nil
	}

	// confirm.
	if !r.confirmed(ctx) {
		return nil
	}

	// apply what was approved, and nothing else.
	if err := held.recorder.Ready(ctx, guard.fleet(&r.Plan)); err != nil {
		return err
	}
	outcome := apply(ctx, approved, r.Opened.writeTargets(r.Inventory, held.recorder), held.recorder, r.Observe)
	r.Outcome = &outcome
	return nil
}

// approved is the plan as the guard lets it pass, where this run may write and there is
// anything to do; else why not is in r.
func (r *RunResult) approved(guard Guard) (approvedPlan, bool) {
	if r.Strict && len(r.Warnings) > 0 {
		r.Refused = fmt.Errorf("%w: %d of them", ErrStrict, len(r.Warnings))
	}
	if !r.Write || r.Refused != nil {
		return approvedPlan{}, false
	}
	plan, err := guard.approve(r.Plan)
	if err != nil {
		r.Refused = err
		return approvedPlan{}, false
	}
	counts := r.Plan.Counts()
	return plan, counts.Changes() > 0 || counts.Stale > 0
}

// confirmed asks whoever is to see the changes before they are made.
func (r *RunResult) confirmed(ctx context.Context) bool {
	if r.Confirm == nil || r.Plan.Counts().Changes() == 0 {
		return true
	}
	asked := time.Now()
	r.Declined = !r.Confirm(ctx, r)
	r.Asked = time.Since(asked)
	return !r.Declined
}

// tell shows the result as it stands to whoever observes the run.
func (r *RunResult) tell(phase Phase) {
	if r.Observe != nil {
		r.Observe(Step{Phase: phase, Run: r})
	}
}

// whyEnded is why the walk left the run without a plan, or nil. Where the run itself had
// ended, that is why, whatever its end made of a call: neither the place that was waited for
// nor AWS is at fault.
func (r *RunResult) whyEnded(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if cause == nil && r.Timeout > 0 && errors.Is(err, ratelimit.ErrNoTime) {
		cause = ErrTimeUp // given up for it before it passed
	}
	if cause == nil || strings.HasPrefix(err.Error(), cause.Error()) { // which tells what was waited for, too
		return err
	}
	return &endedError{cause, err}
}

// endedError is the end of a run in the middle of a call. Its text is the cause's.
//
// Both are in its tree: errors.Is finds the cause, errors.As the call that was waited for.
type endedError struct{ cause, call error }

func (e *endedError) Error() string   { return e.cause.Error() }
func (e *endedError) Unwrap() []error { return []error{e.cause, e.call} }

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
	for t := range slice.Pointers(r.Plan.Targets) {
		if t.Stopped == nil && t.Counts().NotExamined > 0 || errors.Is(t.Err, ratelimit.ErrNoTime) {
			return true
		}
	}
	return r.Outcome != nil && slices.ContainsFunc(r.Outcome.Targets, func(t TargetOutcome) bool {
		return t.Stopped == nil && slices.ContainsFunc(t.Results, func(c ChangeResult) bool { return c.Status == NotAttempted && c.Err == nil })
	})
}
