package awslambda

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// DefaultQuota is Lambda's control-plane quota in requests per second, per account
// and region, across all operations (Service Quotas L-B2AA0F47).
const DefaultQuota = 15

// Pace is how fast to call Lambda at a quota and a share of it, of which 0 means
// the default.
func Pace(quota, share float64) ratelimit.Options {
	return ratelimit.Options{Quota: cmp.Or(quota, DefaultQuota), Share: share}
}

// Conn is the way to one target: its credentials, its limiter, and the count of
// what went over it. Readers and Writers of a target share one.
type Conn struct {
	target   desired.Target
	config   aws.Config
	creds    *credentials
	limiters *ratelimit.Registry[desired.Target]
	counters counters
}

// NewConn makes a connection from an SDK configuration. Its region is overruled by
// the target's, and its retry settings are not used.
func NewConn(cfg aws.Config, target desired.Target, limiters *ratelimit.Registry[desired.Target]) *Conn {
	creds := newCredentials(cfg.Credentials)
	cfg.Region, cfg.Credentials = target.Region, creds
	return &Conn{target: target, config: cfg, creds: creds, limiters: limiters}
}

// Limiter paces all calls of the connection. Those to one account and region have
// the same one, whichever profile or role they use: AWS counts by account, and all
// operations that are used here by one quota.
func (c *Conn) Limiter() *ratelimit.Limiter {
	return c.limiters.For(c.target)
}

// Stats counts the requests sent so far, sorted by operation.
func (c *Conn) Stats() []reconcile.OperationCount { return c.counters.stats() }

// client makes a Lambda client that sends only the allowed operations.
func (c *Conn) client(allowed operations) *lambda.Client {
	paid := addRateLimit(c.Limiter, &c.counters, c.creds.renew)
	return lambda.NewFromConfig(restricted(c.config, allowed, aws.NopRetryer{}, c.creds.secrets, true, paid))
}

// InsightConfig is the SDK configuration of an open target for the clients of sibling
// packages: its region, its credentials, the way to AWS or to a simulator, each attempt
// limited and none repeated. A client made of it can send what the table of insights
// names and nothing else, and its attempts are counted among those of the target. What
// it fails with is for AsCallError.
//
// A target that was opened by something else than this package has none; one whose
// Reader was wrapped since has, if the wrapper has a method Unwrap.
func InsightConfig(t reconcile.OpenTarget) (aws.Config, bool) {
	wrapped := t.Reader
	for {
		inner, ok := wrapped.(interface{ Unwrap() reconcile.Reader })
		if !ok {
			break
		}
		wrapped = inner.Unwrap()
	}
	reader, ok := wrapped.(*Reader)
	if !ok {
		return aws.Config{}, false
	}
	c := reader.conn
	return restricted(c.config, insightOperations(), aws.NopRetryer{}, c.creds.secrets, false, addCounter(&c.counters)), true
}

// Paced makes every attempt of clients with a configuration pay a token of a limiter,
// as calls of Lambda do, for a service with a quota of its own.
func Paced(cfg aws.Config, limiter func() *ratelimit.Limiter) aws.Config {
	cfg = cfg.Copy()
	cfg.Retryer, cfg.RetryMaxAttempts = func() aws.Retryer { return aws.NopRetryer{} }, 0
	refresh := func(context.Context) bool { return false }
	if creds, ok := cfg.Credentials.(*credentials); ok {
		refresh = creds.renew
	}
	cfg.APIOptions = append(slices.Clip(cfg.APIOptions), addRateLimit(limiter, &counters{}, refresh))
	return cfg
}

// about is a call over the connection.
func (c *Conn) about(op, function, qualifier string) call {
	return call{
		service: serviceLambda, op: op, target: c.target, creds: c.creds,
		name: desired.Name{Function: function, Qualifier: qualifier},
	}
}

// addRateLimit is where every attempt pays: it takes a token, sends, and tells the limiter
// how it went.
//
// It stands right after "Retry", so that it sees each attempt once, and before
// credentials, endpoint and signature, so that none of them is older than the
// wait. An SDK that renames "Retry" fails each call at once rather than sending
// unpaced.
func addRateLimit(limiter func() *ratelimit.Limiter, counters *counters, refresh func(context.Context) bool) func(*middleware.Stack) error {
	pay := middleware.FinalizeMiddlewareFunc("RateLimit",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
			middleware.FinalizeOutput, middleware.Metadata, error,
		) {
			op := middleware.GetOperationName(ctx)
			grant, err := limiter().Acquire(ctx, ratelimit.PriorityFrom(ctx))
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
				counters.add(op, ratelimit.OK)
				return out, md, nil
			}
			f := failureOf(err)
			if f.result == ratelimit.Cancelled { // nothing but our own clock can end an attempt
				f = (&failure{cause: err}).unanswered()
			}
			if f.kind == callerr.BadAnswer && f.status < 300 && f.result == ratelimit.Permanent {
				f.result = badAnswerResult(op)
			}
			if f.code.expired() && refresh(attempt) {
				f.result = ratelimit.ClockSkew // once more, with fresh credentials
			}
			grant.Done(f.result, f.retryAfter)
			if f.sent {
				counters.add(op, f.result)
			}
			return out, md, f
		})
	return func(s *middleware.Stack) error { return s.Finalize.Insert(pay, "Retry", middleware.After) }
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
