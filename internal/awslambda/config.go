package awslambda

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// attemptTimeout bounds one attempt to the last byte of its answer, to Lambda from
// its grant. Recorded latencies from a far client are 0.15 to 0.35 s; the SDK's HTTP
// client has no limit of its own.
const attemptTimeout = 10 * time.Second

// attempts is how often a request to another service than Lambda is tried. Those
// have quotas of their own, so the SDK's backoff is right for them. With the limit
// of an attempt, no request takes much longer than half a minute.
const attempts = 3

// maxIdlePerHost is above the calls in flight to one region (rate times latency),
// so that none of them has to dial anew; the SDK keeps 10, and 100 to all hosts together.
const maxIdlePerHost = 64

// Environment is what a program adds to the AWS settings of its environment. What
// is left zero comes from there, as for every program on the SDK: AWS_PROFILE,
// AWS_REGION, AWS_ENDPOINT_URL, SSO, web identity, containers, instance roles.
type Environment struct {
	Version     string // of this program, for the User-Agent that CloudTrail records
	Region      string
	Credentials aws.CredentialsProvider
	HTTPClient  aws.HTTPClient // in place of the network, such as a simulator

	// Limit bounds one attempt of a request; 0 means ten seconds. A long poll needs
	// more than it waits.
	Limit time.Duration
	// MFAToken asks for the code of a profile with mfa_serial. Nil, where there is
	// nobody to ask, such a profile is an error that says so.
	MFAToken func() (string, error)
}

// LoadConfig reads the AWS settings of the environment, for the clients of every
// service that this program talks to. Whatever the environment says, a request made
// with it, or with the credentials in it, has a limit for each attempt and a last
// attempt. It makes no request.
func LoadConfig(ctx context.Context, e Environment) (aws.Config, error) {
	if err := checkEndpoints(os.Environ()); err != nil {
		return aws.Config{}, err
	}
	limit := cmp.Or(e.Limit, attemptTimeout)
	load := []func(*config.LoadOptions) error{
		config.WithAppID("eventinvoke/" + e.Version),
		config.WithLogger(logging.Nop{}), // the SDK would write to standard error
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(limit).WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, maxIdlePerHost
			t.OnProxyConnectResponse = proxyAnswer
		})),
		config.WithRetryer(func() aws.Retryer { return boundedRetryer(attempts) }),
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) {
			o.TokenProvider = func() (string, error) {
				if e.MFAToken != nil {
					if code, err := e.MFAToken(); code != "" {
						return code, err
					}
				}
				return "", errNoMFACode
			}
		}),
	}
	if e.Region != "" {
		load = append(load, config.WithRegion(e.Region))
	}
	if e.Credentials != nil {
		load = append(load, config.WithCredentialsProvider(e.Credentials))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return cfg, say(badConfiguration, "reason", RedactText(innermost(err).Error()))
	}
	if cfg.BaseEndpoint != nil {
		if err := checkEndpoint("endpoint_url", *cfg.BaseEndpoint); err != nil {
			return cfg, err
		}
	}
	if e.HTTPClient != nil {
		// Not while loading: AWS_CA_BUNDLE is an error for a client that has no
		// transport to trust it.
		cfg.HTTPClient = &http.Client{
			Transport:     roundTripper{e.HTTPClient},
			Timeout:       limit,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return cfg, nil
}

type roundTripper struct{ client aws.HTTPClient }

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return t.client.Do(r) }

// boundedRetryer is the SDK's backoff, over what this package takes for worth
// repeating: a certificate that is not trusted will not be trusted a second later.
func boundedRetryer(attempts int) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			if errors.As(err, new(*credentialsError)) {
				return aws.FalseTernary // they were asked for as often already
			}
			switch failureOf(err).result {
			case ratelimit.Throttled, ratelimit.ServerError, ratelimit.ClockSkew, ratelimit.Conflict:
				return aws.TrueTernary
			}
			return aws.FalseTernary
		})}
	})
}

// checkEndpoints refuses an endpoint or a proxy that cannot be one. The SDK would
// take localhost:4566 for a host in a scheme called localhost, and try for seconds;
// net/http goes around a proxy that it cannot read.
func checkEndpoints(environ []string) error {
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_ENDPOINT_URL") && value != "" {
			if err := checkEndpoint(name, value); err != nil {
				return err
			}
		}
		if slices.Contains([]string{"HTTPS_PROXY", "HTTP_PROXY"}, strings.ToUpper(name)) {
			_, whole := url.Parse(value)
			if _, bare := url.Parse("http://" + value); whole != nil && bare != nil {
				return say(badProxy, "name", name)
			}
		}
	}
	return nil
}

func checkEndpoint(name, value string) error {
	u, err := url.Parse(value)
	switch {
	case err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "":
		return nil
	case !strings.Contains(value, "//"):
		scheme := "https://"
		if host, _, _ := strings.Cut(value, ":"); host == "localhost" || strings.HasPrefix(host, "127.") {
			scheme = "http://"
		}
		return say(endpointWithoutScheme, "name", name, "value", RedactURL(value), "better", scheme+RedactURL(value))
	}
	return say(endpointNotURL, "name", name, "value", RedactURL(value))
}

// proxyError is what a proxy said in place of making a connection.
type proxyError struct {
	proxy, host string
	status      int
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy %s answered %s", e.proxy, statusText(e.status))
}

func proxyAnswer(_ context.Context, proxy *url.URL, connect *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{proxy: proxy.Host, host: connect.URL.Host, status: answer.StatusCode}
}

// sendError is a request without an answer, with the host that owes it.
type sendError struct {
	host string
	err  error
}

func (e *sendError) Error() string { return e.host + ": " + e.err.Error() }
func (e *sendError) Unwrap() error { return e.err }

// maxAnswer bounds a body. The largest legitimate one, 10,000 aliases, is near
// 4 MB.
const maxAnswer = 32 << 20

// errBrokenAnswer is a body that breaks off or never was JSON: the answer was
// spoilt on its way, and asking again may help.
var (
	errBrokenAnswer = errors.New("the answer broke off")
	errNotJSON      = errors.New("the answer is not whole JSON")
)

// addAnswerBody reads each answer whole before the SDK's deserializer does, which
//   - reads without a bound,
//   - takes an empty body, and one with something behind its JSON, for a good
//     answer, and has one error for a body that broke off and one of the wrong
//     shape, which only the first is worth asking again for,
//   - quotes a part of a body that it cannot read: then it is too late to take
//     secrets out of it, since the cut may go through one.
func addAnswerBody(secrets func() secrets, isJSON bool) func(*middleware.Stack) error {
	read := middleware.DeserializeMiddlewareFunc("AnswerBody",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
			middleware.DeserializeOutput, middleware.Metadata, error,
		) {
			out, md, err := next.HandleDeserialize(ctx, in)
			resp, ok := out.RawResponse.(*smithyhttp.Response)
			if r, sent := in.Request.(*smithyhttp.Request); err != nil && sent {
				return out, md, &sendError{host: hostOf(r.URL.String()), err: err}
			}
			if err != nil || !ok {
				return out, md, err
			}
			defer resp.Body.Close()
			body, err := readAll(resp.Response)
			good := resp.StatusCode >= 200 && resp.StatusCode <= 299
			switch {
			case err != nil:
				err = fmt.Errorf("%w: %w", errBrokenAnswer, err)
			case !good:
				body = []byte(secrets().scrub(string(body)))
			case isJSON && resp.StatusCode != http.StatusNoContent && middleware.GetOperationName(ctx) != opDelete && !json.Valid(body):
				err = errNotJSON
			}
			resp.Body = io.NopCloser(bytes.NewReader(body))
			return out, md, err
		})
	return func(s *middleware.Stack) error {
		return s.Deserialize.Insert(read, "OperationDeserializer", middleware.After)
	}
}

func readAll(resp *http.Response) ([]byte, error) {
	var buf bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= maxAnswer {
		buf.Grow(int(n) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case n > maxAnswer:
		return nil, errors.New("it is longer than any that AWS gives")
	case n < resp.ContentLength:
		return nil, io.ErrUnexpectedEOF // a transport without sockets does not notice by itself
	}
	return buf.Bytes(), nil
}
