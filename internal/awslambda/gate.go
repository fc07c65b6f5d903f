package awslambda

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// attemptTimeout bounds one attempt from its grant to the last byte of its
// answer. Recorded latencies from a far client are 0.15 to 0.35 s; the SDK's
// HTTP client has no limit of its own.
const attemptTimeout = 10 * time.Second

// gate is where every attempt pays: it takes a token, sends, and tells the
// limiter how it went.
//
// It stands right after "Retry", so that it sees each attempt once, and before
// credentials, endpoint and signature, so that none of them is older than the
// wait. An SDK that renames "Retry" fails each call at once rather than sending
// unpaced.
type gate struct {
	limiters *ratelimit.Registry
	scope    ratelimit.Scope // Class is set per operation
	counters *counters
	refresh  func(context.Context) bool
}

func addGate(g *gate) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error { return s.Finalize.Insert(g, "Retry", middleware.After) }
}

func (*gate) ID() string { return "RateLimit" }

func (g *gate) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	op := middleware.GetOperationName(ctx)
	scope := g.scope
	scope.Class = classOf(op)
	grant, err := g.limiters.For(scope).Acquire(ctx, ratelimit.PriorityFrom(ctx))
	if err != nil {
		// A bare context error implements Timeout() and would pass for retryable.
		return middleware.FinalizeOutput{}, middleware.Metadata{}, &aws.RequestCanceledError{Err: err}
	}
	// A granted attempt is finished: an interrupt must not leave a write whose
	// fate nobody knows. The clock starts now, however long the wait was.
	attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptTimeout)
	defer cancel()
	out, md, err := next.HandleFinalize(attempt, in)
	if err == nil {
		grant.Done(ratelimit.OK, 0)
		g.counters.add(op, ratelimit.OK)
		return out, md, nil
	}
	f := failureOf(err)
	if f.code.expired() && g.refresh(attempt) {
		f.outcome = ratelimit.ClockSkew // once more, with fresh credentials
	}
	grant.Done(f.outcome, f.retryAfter)
	if f.sent {
		g.counters.add(op, f.outcome)
	}
	return out, md, f
}
