package awslambda

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// ReadingConfig is the configuration of a client of another service than Lambda,
// one with a quota of its own, that stays within the rules of this package: it sends
// only the allowed operations, which are given with their HTTP method; each attempt
// takes a token of the limiter, has a limit of time, and is not repeated by the SDK;
// answers are read whole, and lose their secrets. Its errors are for AsCallError.
func ReadingConfig(cfg aws.Config, allowed map[string]string, limiter func() *ratelimit.Limiter) aws.Config {
	creds, ours := cfg.Credentials.(*credentials)
	if !ours {
		creds = newCredentials(cfg.Credentials, "")
	}
	only := operations(maps.Clone(allowed))
	cfg.Credentials = creds
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	cfg.RetryMaxAttempts = 0
	if cfg.HTTPClient != nil {
		cfg.HTTPClient = guardedClient{allowed: only, next: cfg.HTTPClient}
	}
	cfg.APIOptions = append(append([]func(*middleware.Stack) error(nil), cfg.APIOptions...),
		addGuard(only),
		addRateLimit(&rateLimitMiddleware{limiter: limiter, counters: &counters{}, refresh: creds.renew}),
		addAnswerBody(answerBody{secrets: creds.secrets, isJSON: true}),
	)
	return cfg
}
