package awslambda

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// Conn is the way to one target: its credentials, its limiter, and the count of
// what went over it. Readers and Writers of a target share one.
type Conn struct {
	target   desired.Target
	config   aws.Config
	keys     *keyring
	limiters *ratelimit.Registry
	counters counters
}

// NewLane makes a lane from an SDK configuration. Its region is overruled by
// the target's, and its retry settings are not used.
func NewLane(cfg aws.Config, target desired.Target, limiters *ratelimit.Registry) *Conn {
	return newLane(cfg, newKeyring(cfg.Credentials, ""), target, limiters)
}

func newLane(cfg aws.Config, keys *keyring, target desired.Target, limiters *ratelimit.Registry) *Conn {
	cfg.Region = target.Region
	return &Conn{target: target, config: cfg, keys: keys, limiters: limiters}
}

// Target is where the lane leads.
func (l *Conn) Target() desired.Target { return l.target }

// Limiter paces all calls of the lane. Lanes to one account and region have the
// same one, whichever profile or role they use: AWS counts by account.
func (l *Conn) Limiter() *ratelimit.Limiter { return l.limiters.For(l.scope(ClassControl)) }

// Stats counts the requests sent so far, sorted by operation.
func (l *Conn) Stats() []OpStats { return l.counters.stats() }

func (l *Conn) scope(class string) ratelimit.Scope {
	return ratelimit.Scope{
		Partition: l.target.Partition(), Account: l.target.Account, Region: l.target.Region, Class: class,
	}
}

// client makes a Lambda client that sends only the allowed operations.
func (l *Conn) client(allowed operations) *lambda.Client {
	return lambda.NewFromConfig(l.config, func(o *lambda.Options) {
		o.Credentials = l.keys
		// Said outright, so that AWS_RETRY_MODE, AWS_MAX_ATTEMPTS, a profile or
		// a new default of the SDK cannot bring in attempts that pay nothing.
		o.Retryer = aws.NopRetryer{}
		o.RetryMaxAttempts = 0
		o.HTTPClient = guardedClient{allowed: allowed, next: o.HTTPClient}
		o.APIOptions = append(o.APIOptions,
			addGuard(allowed),
			addGate(&gate{limiters: l.limiters, scope: l.scope(""), counters: &l.counters, refresh: l.keys.renew}),
			addAnswerReader(l.keys),
		)
	})
}
