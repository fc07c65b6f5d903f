package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrErrorBudget is the reason of a target that stopped because too many of its
// calls failed.
var ErrErrorBudget = errors.New("too many calls failed")

// errorBudget ends a target's work when more than allowed of it has failed:
// what fails everywhere is a mistake of the run, and going on only spends quota.
type errorBudget struct {
	ctx     context.Context // what the work runs under
	cancel  context.CancelCauseFunc
	allowed int
	work    int
	spent   atomic.Int64
}

func newErrorBudget(parent context.Context, allowed, work int) *errorBudget {
	ctx, cancel := context.WithCancelCause(parent)
	return &errorBudget{ctx: ctx, cancel: cancel, allowed: allowed, work: work}
}

func (b *errorBudget) spend() {
	if n := b.spent.Add(1); n == int64(b.allowed)+1 {
		b.cancel(fmt.Errorf("%w: %d of %d, limit %d (guard.max_errors)", ErrErrorBudget, n, b.work, b.allowed))
	}
}

// cause is why the work ended early, or nil.
func (b *errorBudget) cause() error {
	if b.ctx.Err() == nil {
		return nil
	}
	return context.Cause(b.ctx)
}

func (b *errorBudget) release() { b.cancel(nil) }
