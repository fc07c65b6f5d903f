package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// Why a run, a target or a change ended early.
var (
	ErrTimeUp      = errors.New("the time limit of the run passed") // Request.Timeout
	ErrStrict      = errors.New("warnings count as errors")         // Request.Strict
	ErrIncomplete  = errors.New("the plan is incomplete")           // what was not examined could have been more than the guard allows
	ErrJournal     = errors.New("the journal cannot be written")    // and without a before-image no write is sent
	ErrErrorBudget = errors.New("too many calls failed")            // more than desired.Limits.MaxErrors in a target
	ErrSameCause   = errors.New("not attempted: same cause")        // as others that were all refused
)

// ErrorOf is any error in the one form that reports, histories and journals
// write: the callerr.Error within it, or one that says what ended a run. It is nil for
// nil. The result is a copy, and its Message is never empty where there was a text.
func ErrorOf(err error) *callerr.Error {
	if err == nil {
		return nil
	}
	var call *callerr.Error
	kind := callerr.Unknown
	switch {
	case errors.As(err, &call):
		out := *call
		if out.Message == "" && out.Err != nil {
			out.Message = out.Err.Error()
		}
		if given, ended := errors.AsType[*ratelimit.GivenUpError](err); ended && given.Alone {
			out.Hint = "AWS served other functions meanwhile, so the quota is not spent: see what else changes this function, and run again"
		}
		return &out
	case errors.As(err, new(desired.Problems)):
		kind = callerr.FleetFile
	case errors.As(err, new(*GuardError)):
		kind = callerr.Guard
	case errors.Is(err, ErrIncomplete):
		kind = callerr.Incomplete
	case errors.Is(err, ErrErrorBudget):
		kind = callerr.ErrorBudget
	}
	return &callerr.Error{Kind: kind, Message: err.Error()}
}

// targetWide reports whether the error speaks about the whole target rather than
// about one function: nothing else will succeed there before it is mended. A
// permission that is missing for one function may be there for the next, so a
// denial counts only where the call was about the target, or where a policy of the
// organisation denies.
//
// The subject tells what a call was about: ACCOUNT/REGION has one slash, ACCOUNT/REGION/
// FUNCTION has two.
func targetWide(e *callerr.Error) bool {
	switch e.Kind {
	case callerr.Credentials:
		return true
	case callerr.Denied:
		return strings.Count(e.Subject, "/") < 2 || strings.Contains(e.Message, "service control policy")
	}
	return false
}

// errTargetRefused is the reason of a target that stopped because AWS refuses the
// target itself, whatever is asked.
var errTargetRefused = errors.New("AWS refuses the whole target")

// sameAnswers is how many answers about the whole target, with no success between
// them, end its work: the first may be the slip of one server.
const sameAnswers = 3

// deniedReads is how many reads that are denied, with no success among them, are
// taken for a permission that nobody has. They are spread over the target.
const deniedReads = 30

// errorBudget ends a target's work when going on would only spend quota: when more
// than allowed of it has failed, as in an outage; or when AWS refuses the target as
// a whole. A refusal about one function spends nothing.
type errorBudget struct {
	ctx    context.Context // what the work runs under
	cancel context.CancelCauseFunc

	mu        sync.Mutex
	allowed   int // failures
	work      int
	spent     int
	refused   int // answers about the whole target since the last success
	denied    int
	succeeded bool
}

// newErrorBudget makes the budget of one target in one phase. Work is how much there is in
// all, for the message; release must be called, or the context leaks.
func newErrorBudget(parent context.Context, allowed, work int) *errorBudget {
	ctx, cancel := context.WithCancelCause(parent)
	return &errorBudget{ctx: ctx, cancel: cancel, allowed: allowed, work: work}
}

// success takes a call that was answered well.
//
// It clears what the target's refusals add up to, but not the failures: an outage in which
// every tenth call gets through is still one.
func (b *errorBudget) success() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused, b.succeeded = 0, true
}

// failure takes a call that failed for good.
//
// Four things are told apart, from the most telling down: the run's own end of waiting, an
// answer about the whole target, a refusal of one function, which costs nothing, and all
// else, of which allowed may happen.
func (b *errorBudget) failure(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var call *callerr.Error
	given, ended := errors.AsType[*ratelimit.GivenUpError](err)
	switch {
	case ended && given.Alone: // AWS serves the others
	case ended:
		b.cancel(fmt.Errorf("%w: %w", ErrErrorBudget, err))
	case errors.As(err, &call) && targetWide(call):
		if b.refused++; b.refused == sameAnswers {
			b.cancel(fmt.Errorf("%w: %w", errTargetRefused, err))
		}
	case refusesOne(err):
	default:
		if b.spent++; b.spent == b.allowed+1 {
			b.cancel(fmt.Errorf("%w: %d of %d, limit %d (guard.max_errors)", ErrErrorBudget, b.spent, b.work, b.allowed))
		}
	}
}

// anyDenied reports whether a read was denied so far.
func (b *errorBudget) anyDenied() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.denied > 0
}

// readDenied takes a read of one function that was denied.
func (b *errorBudget) readDenied(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.denied++; b.denied == deniedReads && !b.succeeded {
		b.cancel(fmt.Errorf("%w: %d of %d functions were asked about and none may be read: %w", errTargetRefused, b.denied, b.work, err))
	}
}

// cause is why the work ended early, or nil.
func (b *errorBudget) cause() error {
	if b.ctx.Err() == nil {
		return nil
	}
	return context.Cause(b.ctx)
}

// release ends the work's context once the work is over.
func (b *errorBudget) release() { b.cancel(nil) }

// leasedContext is over, by its Err, once a lease is. Its Done may not have heard yet.
type leasedContext struct {
	context.Context
	lease context.Context
}

// Err implements context.Context.
func (c leasedContext) Err() error {
	if c.lease.Err() != nil {
		return leaseOver{context.Cause(c.lease)}
	}
	return c.Context.Err()
}

// leaseOver is why a lease ended. It is context.Canceled as well, since that is what
// others take for the end of a context, and return as they find it.
type leaseOver struct{ error }

func (e leaseOver) Is(target error) bool { return target == context.Canceled }
func (e leaseOver) Unwrap() error        { return e.error }
