package awslambda

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// StaticCredentials are fixed keys, for a simulator that only looks at the
// access key id.
func StaticCredentials(accessKeyID string) aws.CredentialsProvider {
	return sdkcredentials.NewStaticCredentialsProvider(accessKeyID, "simulated", "")
}

// credentials are one set of them, cached until shortly before it expires.
type credentials struct {
	cache      *aws.CredentialsCache
	role       string       // the role that is assumed; "" for the base credentials
	externalID string       // what the role asks for
	base       *credentials // with which the role is assumed; nil for the base credentials
	last       atomic.Pointer[aws.Credentials]
}

// newCredentials are the base credentials, or those of a role as they are.
func newCredentials(p aws.CredentialsProvider) *credentials {
	if known, ok := p.(*credentials); ok {
		return known
	}
	cache, ok := p.(*aws.CredentialsCache)
	if !ok {
		cache = aws.NewCredentialsCache(orNone(p))
	}
	return &credentials{cache: cache}
}

var errNoneConfigured = errors.New("none are configured")

// orNone stands in for a configuration without credentials, which the SDK would
// take for leave to send unsigned requests.
func orNone(p aws.CredentialsProvider) aws.CredentialsProvider {
	if p != nil {
		return p
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errNoneConfigured
	})
}

// Retrieve implements aws.CredentialsProvider. Its errors are told apart from
// those of the call that needed the credentials.
func (k *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := k.cache.Retrieve(ctx)
	if err != nil {
		return c, &credentialsError{role: k.role, err: k.secrets().scrubError(err)}
	}
	k.last.Store(&c)
	return c, nil
}

// secrets are what no error of a call with these credentials may show.
func (k *credentials) secrets() secrets {
	if k == nil {
		return environmentSecrets()
	}
	all := k.base.secrets()
	if c := k.last.Load(); c != nil {
		all = all.with(c.AccessKeyID, shortestKey).with(c.SecretAccessKey, shortestKey).with(c.SessionToken, shortestKey)
	}
	return all.with(k.externalID, shortestIDSecret)
}

// renew drops credentials that AWS calls expired, and reports whether others
// can be had in their place.
func (k *credentials) renew(ctx context.Context) bool {
	c, err := k.cache.Retrieve(ctx)
	if err != nil || !c.CanExpire {
		return false
	}
	k.cache.Invalidate()
	return true
}

// credentialsError is a failure to get credentials, before a request existed.
type credentialsError struct {
	role string
	err  error
}

func (e *credentialsError) Error() string {
	return cmp.Or(e.role, "base credentials") + ": " + e.err.Error()
}
func (e *credentialsError) Unwrap() error { return e.err }

// failure keeps what STS said. When STS was busy or out of reach, the call that
// needed the credentials may be tried again; whatever it was, it was not that
// call's own quota, so it never counts as throttled.
func (e *credentialsError) failure() *failure {
	f := failureOf(e.err)
	reached, answered := f.sent, f.status != 0
	busy := f.result == ratelimit.Throttled || f.result == ratelimit.ServerError
	unjudged := busy || f.kind == callerr.BadAnswer || !answered // nothing was said about the credentials
	if unjudged && answered {
		f.hint = cmp.Or(f.hint, strings.ReplaceAll(hints[f.kind], "{pace}", "")) // --rate-share is of Lambda's quota
	}
	f.kind, f.sent, f.retryAfter, f.cause = callerr.Credentials, false, 0, e
	switch {
	case f.result == ratelimit.Cancelled:
		return f
	case busy:
		f.result = ratelimit.ServerError
	default:
		f.result = ratelimit.Permanent
	}
	switch {
	case e.role == "" && e.baseFailure(f):
		f.status, f.code, f.requestID = 0, "", "" // of somebody who was asked in passing
	case e.role != "" && f.code.regionOff():
		f.hint = stsOff.hint
	case e.role != "" && unjudged:
		f.explained(roleUnreachable, "reason", f.message)
	case e.role != "" && !f.code.expired() && !f.code.skewed() && !f.code.unknownKey(): // which are those of the caller
		f.hint = cmp.Or(f.hint, roleRefused.hint)
	case reached && !answered:
		f.explained(credentialsUnreachable, "reason", f.message)
	case !answered:
		f.explained(badCredentials, "reason", f.message)
	}
	_, f.hint = sentence{hint: f.hint}.fill("role", e.role)
	f.message, _ = sentence{what: f.message}.fill("role", e.role)
	return f
}

// explained puts a failure into a sentence, and keeps a hint that is closer to it.
func (f *failure) explained(s sentence, pairs ...string) {
	hint := f.hint
	f.withText(s, pairs...)
	f.hint = cmp.Or(hint, f.hint)
}

// baseFailure recognises why the SDK's chain of providers came to nothing. It tells
// of its last one, the metadata of an instance, which is rarely what is wrong.
func (e *credentialsError) baseFailure(f *failure) bool {
	profile := cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), "default")
	operation, asked := errors.AsType[*smithy.OperationError](e.err)
	bySSO := asked && slices.Contains([]string{"SSO", "SSO OIDC"}, operation.Service())
	switch {
	case errors.Is(e.err, errNoMFACode):
		f.withText(noMFACode, "profile", profile)
	case errors.As(e.err, new(*ssocreds.InvalidTokenError)), bySSO && (f.status == http.StatusBadRequest || f.status == http.StatusUnauthorized),
		// The SDK has no error of its own for a session that was never begun, or whose file is damaged.
		!asked && strings.Contains(e.err.Error(), "SSO token"):
		f.withText(ssoExpired)
	case bySSO && f.status == http.StatusForbidden:
		f.withText(ssoNoRole, "profile", profile)
	case errors.Is(e.err, errNoneConfigured), asked && operation.Service() == "ec2imds":
		f.withText(noCredentials, "profile", profile)
		for have, missing := range map[string]string{"AWS_ACCESS_KEY_ID": "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY": "AWS_ACCESS_KEY_ID"} {
			if os.Getenv(have) != "" && os.Getenv(missing) == "" {
				f.withText(halfCredentials, "have", have, "missing", missing)
			}
		}
	default:
		return false
	}
	f.result = ratelimit.Permanent
	return true
}

// identity is what STS says about a set of credentials.
type identity struct{ account, arn string }

func (s *Session) stsClient(creds aws.CredentialsProvider, secrets func() secrets, region string) *sts.Client {
	cfg := restricted(s.config, stsOperations, boundedRetryer(attempts), secrets, false)
	cfg.Region, cfg.Credentials = region, creds
	return sts.NewFromConfig(cfg)
}

// identify asks STS, once per set of credentials, whose they are.
func (s *Session) identify(ctx context.Context, creds *credentials, region string) (identity, error) {
	s.mu.Lock()
	who, ok := s.known[creds]
	s.mu.Unlock()
	if ok {
		return who, nil
	}
	out, err := s.stsClient(creds, creds.secrets, region).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		f := failureOf(err)
		if f.result == ratelimit.Cancelled && ctx.Err() != nil {
			f.cause = errors.Join(ctx.Err(), context.Cause(ctx))
		}
		return identity{}, f
	}
	who = identity{account: aws.ToString(out.Account), arn: aws.ToString(out.Arn)}
	if who.account == "" {
		return identity{}, &failure{
			kind: callerr.BadAnswer, result: ratelimit.Permanent, sent: true, status: http.StatusOK,
			message: "STS answered without an account",
		}
	}
	s.mu.Lock()
	s.known[creds] = who
	s.mu.Unlock()
	return who, nil
}

const (
	// sessionLasts is the most that a chained role may have; every role allows it.
	sessionLasts = time.Hour
	// refreshAhead is how long before its end a session is replaced: longer than
	// any call takes, short against its life.
	refreshAhead = 5 * time.Minute
)

// assume makes the credentials of a role. They are fetched when first needed.
func (s *Session) assume(role roleKey, region string) *credentials {
	k := &credentials{role: role.arn, base: s.base, externalID: role.externalID}
	provider := stscreds.NewAssumeRoleProvider(s.stsClient(s.base, k.secrets, region), role.arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName(s.opts.RunID)
		o.Duration = sessionLasts
		if role.externalID != "" {
			o.ExternalID = &role.externalID
		}
		if s.opts.Access == ReadOnly {
			o.Policy = aws.String(readOnlyPolicy())
		}
	})
	k.cache = aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = refreshAhead })
	return k
}

// readOnlyPolicy is the session policy of an assumed role that must not write:
// whatever the role may do, AWS then lets the session do these reads only.
func readOnlyPolicy() string {
	type statement struct {
		Effect   string
		Action   []string
		Resource string
	}
	actions := append(InsightPermissions(), slice.Map(readOperations.names(), func(op string) string { return "lambda:" + op })...)
	policy, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{{"Allow", actions, "*"}}})
	if err != nil {
		panic(err) // strings only
	}
	return string(policy)
}

// AsCallError is an error of a request to any service of AWS, made with a
// LoadConfig configuration, as the rest of the program knows errors: with the
// service, the operation, what to do about it, and no secret in it. An error that is
// one already, and nil, come back as they are.
func AsCallError(subject string, err error) error {
	if err == nil || errors.As(err, new(*callerr.Error)) {
		return err
	}
	c := call{subject: subject}
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		c.service, c.op = serviceName(operation.Service()), operation.Operation()
	}
	return c.failed(err)
}
