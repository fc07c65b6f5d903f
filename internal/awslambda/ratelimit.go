package awslambda

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// rateLimitMiddleware is where every attempt pays: it takes a token, sends, and
// tells the limiter how it went.
//
// It stands right after "Retry", so that it sees each attempt once, and before
// credentials, endpoint and signature, so that none of them is older than the
// wait. An SDK that renames "Retry" fails each call at once rather than sending
// unpaced.
type rateLimitMiddleware struct {
	limiter  func() *ratelimit.Limiter
	counters *counters
	refresh  func(context.Context) bool
}

func addRateLimit(m *rateLimitMiddleware) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error { return s.Finalize.Insert(m, "Retry", middleware.After) }
}

func (*rateLimitMiddleware) ID() string { return "RateLimit" }

func (m *rateLimitMiddleware) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	op := middleware.GetOperationName(ctx)
	grant, err := m.limiter().Acquire(ctx, ratelimit.PriorityFrom(ctx))
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
		m.counters.add(op, ratelimit.OK)
		return out, md, nil
	}
	f := failureOf(err)
	if f.result == ratelimit.Cancelled { // nothing but our own clock can end an attempt
		f = (&failure{cause: err}).unanswered()
	}
	if f.kind == reconcile.KindBadAnswer && f.status < 300 && f.result == ratelimit.Permanent {
		f.result = badAnswerResult(op)
	}
	if f.code.expired() && m.refresh(attempt) {
		f.result = ratelimit.ClockSkew // once more, with fresh credentials
	}
	grant.Done(f.result, f.retryAfter)
	if f.sent {
		m.counters.add(op, f.result)
	}
	return out, md, f
}

// counters count the requests of one target by operation and how they ended. The zero value is ready to use.
type counters struct {
	mu sync.Mutex
	by map[string]*reconcile.OperationCount
}

func (c *counters) add(op string, o ratelimit.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.by[op]
	if s == nil {
		if c.by == nil {
			c.by = map[string]*reconcile.OperationCount{}
		}
		s = &reconcile.OperationCount{Name: op}
		c.by[op] = s
	}
	s.Calls++
	switch o {
	case ratelimit.OK:
		s.OK++
	case ratelimit.Throttled:
		s.Throttled++
	case ratelimit.Conflict:
		s.Conflicts++
	case ratelimit.ServerError:
		s.Faults++
	case ratelimit.ClockSkew:
		s.Skewed++
	default:
		s.Refused++
	}
}

// stats lists the operations by name.
func (c *counters) stats() []reconcile.OperationCount {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]reconcile.OperationCount, 0, len(c.by))
	for s := range maps.Values(c.by) {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b reconcile.OperationCount) int { return strings.Compare(a.Name, b.Name) })
	return out
}
