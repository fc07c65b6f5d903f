// Package awslambda is the border to AWS: the only importer of the Lambda, STS
// and tagging SDKs, and where every client of AWS gets its configuration.
//
// In come function names and desired.Config values; out go reconcile.Record
// values, and errors as *callerr.Error marked with their
// ratelimit.Result. Above this package nobody meets an SDK type, a status code
// or the text of an AWS message.
//
// What holds:
//   - One call is one request. It takes one token from the limiter of its
//     account, region and quota class after the SDK's "Retry" step and before
//     signing, so that a request is never signed before its wait, and credentials
//     are never fetched before it. The SDK's own retries are off, whatever the
//     environment says.
//   - Once a token is granted, the request is sent and its answer awaited, for ten
//     seconds at most, even when the run is interrupted meanwhile.
//   - Every other request, to STS, SSO or the tagging API, and those that history
//     and queue make with LoadConfig, has a limit for an attempt and a last attempt.
//   - No error shows a password, a key or a token, whoever wrote its text.
//   - A Reader cannot write. Its client refuses every operation outside a list,
//     once in the SDK's stack and once more in front of the HTTP client. A
//     Writer's client knows the three writes and nothing else.
//   - A missing or null list is never taken for an empty one: it would read as
//     "this function has no records". An answer is read whole, within a bound, and
//     must be whole JSON before the SDK decodes it.
//   - An answer about another account, region, function or qualifier, or with
//     numbers that cannot be, is an error of that one call.
//
// Measured by BenchmarkCall (canned answers, no network): a call costs 1.09 to 1.12
// times the bare SDK call on a machine busy with other work, 5 of 52 microseconds and
// 14 of 310 allocations, for limiter, attempt clock, counters and checks.
//
// The package never prints, logs, retries a Lambda call or keeps global state.
package awslambda

import (
	"context"
	"errors"
	"regexp"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// Access is what a session may do. The zero value only reads.
type Access uint8

// The two kinds of access.
const (
	ReadOnly Access = iota
	ReadWrite
)

// Options say how to reach AWS.
type Options struct {
	Environment
	RunID    string // the run's id: assumed sessions are named eventinvoke-RUN
	Access   Access
	Limiters *ratelimit.Registry[desired.Target] // required
}

// Session is the way to all targets of a run. It makes each set of credentials
// once, checks which account it belongs to, and shares it between the regions
// of the account. It is safe for concurrent use.
type Session struct {
	opts   Options
	config aws.Config
	base   *credentials

	mu    sync.Mutex
	roles map[roleKey]*credentials
	known map[*credentials]identity // asked of STS once
}

// roleKey tells apart sets of credentials.
type roleKey struct{ arn, externalID string }

// Open reads the environment. It makes no AWS call: whether the credentials are
// any good shows with Ambient or Session.Open.
func Open(ctx context.Context, o Options) (*Session, error) {
	if o.Limiters == nil {
		return nil, errors.New("awslambda.Open: Options.Limiters is required: no call is made without a limiter")
	}
	cfg, err := LoadConfig(ctx, o.Environment)
	if err != nil {
		return nil, err
	}
	return &Session{
		opts: o, config: cfg, base: newCredentials(cfg.Credentials),
		roles: map[roleKey]*credentials{}, known: map[*credentials]identity{},
	}, nil
}

// Ambient is the target that the environment points at: the account of the base
// credentials, in the configured region. It also tells who the caller is.
func (s *Session) Ambient(ctx context.Context) (desired.Target, string, error) {
	if s.config.Region == "" {
		return desired.Target{}, "", say(noRegion)
	}
	who, err := s.identify(ctx, s.base, s.config.Region)
	if err != nil {
		c := call{service: serviceSTS, op: opGetCallerIdentity, creds: s.base, target: desired.Target{Region: s.config.Region}}
		c.subject = "current credentials in " + s.config.Region
		return desired.Target{}, "", c.failed(err)
	}
	return desired.Target{Account: who.account, Region: s.config.Region}, who.arn, nil
}

// openAtOnce bounds the sets of credentials that are fetched at the same time.
const openAtOnce = 16

// Open opens targets, all at once: it assumes their roles and checks that each
// set of credentials belongs to the account that the target declares, before
// any other call is made with it. The result has the order of targets.
func (s *Session) Open(ctx context.Context, targets []desired.TargetSpec) []reconcile.OpenTarget {
	opened := make([]reconcile.OpenTarget, len(targets))
	members := map[*credentials][]int{} // the targets that use one set of credentials
	for i, t := range targets {
		creds := s.credentialsFor(t)
		members[creds] = append(members[creds], i)
	}
	slots := make(chan struct{}, openAtOnce)
	var wg sync.WaitGroup
	for creds, of := range members {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			who, err := s.identify(ctx, creds, s.stsRegion(targets[of[0]].Region))
			for _, i := range of {
				opened[i] = s.open(targets[i], creds, who, err)
			}
		})
	}
	wg.Wait()
	return opened
}

func (s *Session) open(t desired.TargetSpec, creds *credentials, who identity, err error) reconcile.OpenTarget {
	o := reconcile.OpenTarget{Target: t.Target, CallerARN: who.arn}
	switch {
	case err != nil:
		c := call{service: serviceSTS, op: opGetCallerIdentity, target: t.Target, creds: creds}
		if t.RoleARN != "" {
			c.op = opAssumeRole
		}
		o.Err = c.failed(err)
	case who.account != t.Account:
		o.Err = credentialsMismatch(t, who)
	default:
		cfg := s.config.Copy()
		cfg.Credentials = creds
		conn := NewConn(cfg, t.Target, s.opts.Limiters)
		o.Reader, o.Finder, o.Limiter, o.Calls = NewReader(conn), NewFinder(conn), conn.Limiter(), conn.Stats
		if s.opts.Access == ReadWrite {
			o.Writer = NewWriter(conn)
		}
	}
	return o
}

// Opener opens the targets of runs on AWS: it is a reconcile.Opener. RunID and
// Access of its options come from each request.
type Opener struct{ Options }

// Open implements reconcile.Opener.
func (o Opener) Open(ctx context.Context, req reconcile.OpenRequest) (reconcile.Opened, error) {
	options := o.Options
	options.RunID = req.RunID
	if req.Write {
		options.Access = ReadWrite
	}
	session, err := Open(ctx, options)
	if err != nil {
		return reconcile.Opened{}, err
	}
	var opened reconcile.Opened
	targets := req.Targets
	if req.Ambient {
		if opened.Ambient, _, err = session.Ambient(ctx); err != nil {
			return reconcile.Opened{}, err
		}
		targets = []desired.TargetSpec{{Target: opened.Ambient}}
	}
	opened.Targets = session.Open(ctx, targets)
	return opened, nil
}

// credentialsFor is the set of credentials of a target.
func (s *Session) credentialsFor(t desired.TargetSpec) *credentials {
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
	s := otherAccount
	if t.RoleARN != "" {
		s = otherAccountRole
	}
	what, hint := s.fill("account", t.Account, "theirs", who.account, "caller", who.arn, "role", t.RoleARN)
	return ratelimit.WithResult(&callerr.Error{
		Service: serviceSTS, Op: opGetCallerIdentity, Subject: t.Target.String(), Kind: callerr.Credentials,
		Message: what, Hint: hint,
	}, ratelimit.Permanent, 0)
}
