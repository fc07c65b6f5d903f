package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// ErrErrorBudget is the reason of a target that stopped because too many of its
// calls failed.
var ErrErrorBudget = errors.New("too many calls failed")

// ErrTargetRefused is the reason of a target that stopped because AWS refuses the
// target itself, whatever is asked.
var ErrTargetRefused = errors.New("AWS refuses the whole target")

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
	var call *CallError
	given, ended := errors.AsType[*ratelimit.GivenUpError](err)
	switch {
	case ended && given.Alone: // AWS serves the others
	case ended:
		b.cancel(fmt.Errorf("%w: %w", ErrErrorBudget, err))
	case errors.As(err, &call) && call.TargetWide():
		if b.refused++; b.refused == sameAnswers {
			b.cancel(fmt.Errorf("%w: %w", ErrTargetRefused, err))
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
		b.cancel(fmt.Errorf("%w: %d of %d functions were asked about and none may be read: %w", ErrTargetRefused, b.denied, b.work, err))
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
