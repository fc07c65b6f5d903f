package awslambda

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// identity is what STS says about a set of credentials.
type identity struct{ account, arn string }

// stsAttempts is how often the SDK tries a call to STS or the tagging API. Both
// have quotas of their own, so the SDK's standard retry is right for them. It
// is set outright, so that the environment cannot change it.
const stsAttempts = 3

func standardRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = stsAttempts })
}

func (s *Session) stsClient(keys aws.CredentialsProvider, region string) *sts.Client {
	return sts.NewFromConfig(s.config, func(o *sts.Options) {
		o.Region = region
		o.Credentials = keys
		o.Retryer = standardRetryer()
		o.RetryMaxAttempts = 0
		o.HTTPClient = guardedClient{allowed: stsOperations(), next: o.HTTPClient}
		o.APIOptions = append(o.APIOptions, addGuard(stsOperations()))
	})
}

// identify asks STS, once per set of credentials, whose they are.
func (s *Session) identify(ctx context.Context, keys *keyring, region string) (identity, error) {
	s.mu.Lock()
	who, ok := s.known[keys]
	s.mu.Unlock()
	if ok {
		return who, nil
	}
	out, err := s.stsClient(keys, region).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return identity{}, whoamiFailure(err)
	}
	who = identity{account: aws.ToString(out.Account), arn: aws.ToString(out.Arn)}
	if who.account == "" {
		return identity{}, badAnswer(opGetCallerIdentity, http.StatusOK, http.Header{}, errors.New("STS answered without an account"))
	}
	s.mu.Lock()
	s.known[keys] = who
	s.mu.Unlock()
	return who, nil
}

// whoamiFailure keeps the failure of credentials, and else reads what STS said.
func whoamiFailure(err error) *failure {
	var creds *credentialsError
	if errors.As(err, &creds) {
		return creds.failure()
	}
	return sdkFailure(err)
}

const (
	// sessionLasts is the most that a chained role may have; every role allows it.
	sessionLasts = time.Hour
	// refreshAhead is how long before its end a session is replaced: longer than
	// any call takes, short against its life.
	refreshAhead = 5 * time.Minute
)

// assume makes the credentials of a role. They are fetched when first needed.
func (s *Session) assume(role roleKey, region string) *keyring {
	provider := stscreds.NewAssumeRoleProvider(s.stsClient(s.base, region), role.arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName(s.opts.Run)
		o.Duration = sessionLasts
		if role.externalID != "" {
			o.ExternalID = &role.externalID
		}
		if s.opts.Access == ReadOnly {
			o.Policy = aws.String(readOnlyPolicy())
		}
	})
	k := newKeyring(aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = refreshAhead
	}), role.arn)
	k.base, k.externalID = s.base, role.externalID
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
	actions := []string{"tag:" + opGetResources}
	for _, op := range readOperations().names() {
		actions = append(actions, "lambda:"+op)
	}
	policy, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{{"Allow", actions, "*"}}})
	if err != nil {
		panic(err) // strings only
	}
	return string(policy)
}
