package awslambda

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// keyring is one set of credentials, cached until shortly before it expires.
type keyring struct {
	cache      *aws.CredentialsCache
	role       string   // the role that is assumed; "" for the base credentials
	externalID string   // what the role asks for
	base       *keyring // with which the role is assumed; nil for the base credentials
	last       atomic.Pointer[aws.Credentials]
}

func newKeyring(p aws.CredentialsProvider, role string) *keyring {
	cache, ok := p.(*aws.CredentialsCache)
	if !ok {
		cache = aws.NewCredentialsCache(orNone(p))
	}
	return &keyring{cache: cache, role: role}
}

// orNone stands in for a configuration without credentials, which the SDK would
// take for leave to send unsigned requests.
func orNone(p aws.CredentialsProvider) aws.CredentialsProvider {
	if p != nil {
		return p
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("none are configured")
	})
}

// Retrieve implements aws.CredentialsProvider. Its errors are told apart from
// those of the call that needed the credentials.
func (k *keyring) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := k.cache.Retrieve(ctx)
	if err != nil {
		return c, &credentialsError{role: k.role, err: k.secrets().scrubError(err)}
	}
	k.last.Store(&c)
	return c, nil
}

// secrets are what no error of a call with these credentials may show.
func (k *keyring) secrets() secrets {
	if k == nil {
		return nil
	}
	all := k.base.secrets()
	if c := k.last.Load(); c != nil {
		all = all.with(c.AccessKeyID, shortestKey).with(c.SecretAccessKey, shortestKey).with(c.SessionToken, shortestKey)
	}
	return all.with(k.externalID, shortestExternalID)
}

// renew drops credentials that AWS calls expired, and reports whether others
// can be had in their place.
func (k *keyring) renew(ctx context.Context) bool {
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
	if e.role == "" {
		return "no AWS credentials: " + e.err.Error()
	}
	return "the role " + e.role + " cannot be assumed: " + e.err.Error()
}

func (e *credentialsError) Unwrap() error { return e.err }

// unreachable says that STS could not be asked for the role. Of base credentials
// it says nothing: the SDK looks for them in many places, and one that does not
// answer, such as the metadata of an instance, is rarely what is wrong.
func (e *credentialsError) unreachable() string {
	why := unreachable(e.err)
	if e.role == "" || why == "" {
		return ""
	}
	return "the role " + e.role + " cannot be assumed: " + why
}

// failure keeps what STS said. When STS was busy or out of reach, the call that
// needed the credentials may be tried again; whatever it was, it was not that
// call's own quota, so it never counts as throttled.
func (e *credentialsError) failure() *failure {
	f := sdkFailure(e.err)
	f.kind, f.sent, f.retryAfter, f.cause = reconcile.KindCredentials, false, 0, e
	if f.code == "" {
		f.message = e.unreachable()
	}
	switch f.outcome {
	case ratelimit.Throttled, ratelimit.ServerError:
		f.outcome = ratelimit.ServerError
	case ratelimit.Cancelled:
	default:
		f.outcome = ratelimit.Permanent
	}
	return f
}
