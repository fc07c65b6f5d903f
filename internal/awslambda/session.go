package awslambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Access is what a session may do. The zero value only reads.
type Access uint8

// The two kinds of access.
const (
	ReadOnly Access = iota
	ReadWrite
)

// Options say how to reach AWS. What is left zero comes from the environment,
// as for every program on the SDK: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL,
// SSO, web identity, containers, instance roles.
type Options struct {
	Run      string // the run's id: assumed sessions are named eventinvoke-RUN
	Version  string // of this program, for the User-Agent that CloudTrail records
	Access   Access
	Limiters *ratelimit.Registry // required

	Region      string
	Credentials aws.CredentialsProvider
	HTTPClient  aws.HTTPClient
}

// Session is the way to all targets of a run. It makes each set of credentials
// once, checks which account it belongs to, and shares it between the regions
// of the account. It is safe for concurrent use.
type Session struct {
	opts   Options
	config aws.Config
	base   *keyring

	mu    sync.Mutex
	roles map[roleKey]*keyring
	known map[*keyring]identity // asked of STS once
}

// roleKey tells apart sets of credentials.
type roleKey struct{ arn, externalID string }

// Open reads the environment. It makes no AWS call: whether the credentials are
// any good shows with Ambient or Lanes.
func Open(ctx context.Context, o Options) (*Session, error) {
	if o.Limiters == nil {
		return nil, errors.New("awslambda.Open: Options.Limiters is required: no call is made without a limiter")
	}
	load := []func(*config.LoadOptions) error{
		config.WithAppID("eventinvoke/" + o.Version),
		config.WithLogger(logging.Nop{}), // the SDK would write to standard error
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(keepIdle)),
	}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.Credentials != nil {
		load = append(load, config.WithCredentialsProvider(o.Credentials))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be used: %w; check AWS_PROFILE and ~/.aws/config", err)
	}
	if o.HTTPClient != nil {
		// Not while loading: AWS_CA_BUNDLE is an error for a client that has no
		// transport to trust it.
		cfg.HTTPClient = o.HTTPClient
	}
	return &Session{
		opts: o, config: cfg, base: newKeyring(cfg.Credentials, ""),
		roles: map[roleKey]*keyring{}, known: map[*keyring]identity{},
	}, nil
}

// maxIdlePerHost is above the calls in flight to one region (rate times
// latency), so that none of them has to dial anew; the SDK keeps 10.
const maxIdlePerHost = 64

func keepIdle(t *http.Transport) { t.MaxIdleConnsPerHost = maxIdlePerHost }

// Ambient is the target that the environment points at: the account of the base
// credentials, in the configured region. It also tells who the caller is.
func (s *Session) Ambient(ctx context.Context) (desired.Target, string, error) {
	if s.config.Region == "" {
		return desired.Target{}, "", errors.New("no AWS region: set AWS_REGION, or region in the profile, or declare targets in the fleet file")
	}
	who, err := s.identify(ctx, s.base, s.config.Region)
	if err != nil {
		c := call{op: opGetCallerIdentity, keys: s.base, target: desired.Target{Account: "current credentials", Region: s.config.Region}}
		return desired.Target{}, "", c.asCallError(failureOf(err))
	}
	return desired.Target{Account: who.account, Region: s.config.Region}, who.arn, nil
}

// keyringFor is the set of credentials of a target.
func (s *Session) keyringFor(t desired.TargetSpec) *keyring {
	if t.RoleARN == "" {
		return s.base
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := roleKey{t.RoleARN, t.ExternalID}
	k, ok := s.roles[key]
	if !ok {
		k = s.assume(key, s.stsRegion(t.Region))
		s.roles[key] = k
	}
	return k
}

// stsRegion is where STS is asked: in the base region, whose credentials are
// good everywhere in the partition, or else in the target's.
func (s *Session) stsRegion(target string) string {
	if s.config.Region != "" {
		return s.config.Region
	}
	return target
}

// sessionName fits STS: 2 to 64 characters of a small alphabet.
func sessionName(run string) string {
	name := "eventinvoke-" + notInSessionName.ReplaceAllString(run, "-")
	return name[:min(len(name), 64)]
}

var notInSessionName = regexp.MustCompile(`[^\w+=,.@-]`)

// credentialsMismatch is the error of credentials that belong to another account.
func credentialsMismatch(t desired.TargetSpec, who identity) error {
	hint := fmt.Sprintf("set role_arn on the target to a role of account %s, or use credentials of that account", t.Account)
	if t.RoleARN != "" {
		hint = fmt.Sprintf("%s belongs to account %s: correct role_arn or account", t.RoleARN, who.account)
	}
	return ratelimit.WithResult(&reconcile.CallError{
		Op: opGetCallerIdentity, Subject: t.Target.String(), Kind: reconcile.KindCredentials,
		Message: fmt.Sprintf("the credentials are of account %s (%s), and the target is account %s", who.account, who.arn, t.Account),
		Hint:    hint,
	}, ratelimit.Permanent, 0)
}
