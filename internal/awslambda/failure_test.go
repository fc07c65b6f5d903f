package awslambda

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// TestNothingCame: what broke is told by its host or proxy, and what will not mend
// itself is not tried again.
func TestNothingCame(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3128}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	notFound := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "proxy.corp", IsNotFound: true}}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	const lambdaURL, lambdaHost = "https://lambda.us-east-1.amazonaws.com/x?Marker=m", "https://lambda.us-east-1.amazonaws.com"
	rows := []struct {
		why, url string
		err      error
		want     string
		hint     string // a part of it
		result   ratelimit.Result
	}{
		{"a dead endpoint", "http://127.0.0.1:9/", refused, "http://127.0.0.1:9 cannot be reached: connection refused", "AWS_ENDPOINT_URL", ratelimit.ServerError},
		{"a region with a typing mistake", "https://sts.eu-wset-1.amazonaws.com/", notFound,
			"https://sts.eu-wset-1.amazonaws.com cannot be reached: there is no host of that name", "did you mean eu-west-1?", ratelimit.Permanent},
		{"a name server that has lost a region", lambdaURL, notFound, lambdaHost + " cannot be reached: there is no host of that name", "check the network", ratelimit.ServerError},
		{"a region of tomorrow whose line is cut", "https://sts.eu-west-9.amazonaws.com/", reset,
			"no answer from https://sts.eu-west-9.amazonaws.com: connection reset by peer", "check the network", ratelimit.ServerError},
		{"a password in the endpoint", "https://u:geheim@lambda.test/x", reset, "no answer from https://lambda.test: connection reset by peer", "check the network", ratelimit.ServerError},
		{"a dead proxy", lambdaURL, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: refused},
			"the proxy 127.0.0.1:3128 cannot be reached on the way to " + lambdaHost + ": connection refused", "HTTPS_PROXY", ratelimit.ServerError},
		{"a proxy that is not there", lambdaURL, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: notFound},
			"the proxy proxy.corp cannot be reached on the way to " + lambdaHost + ": there is no host of that name", "HTTPS_PROXY", ratelimit.ServerError},
		{"a proxy that wants credentials", lambdaURL, &proxyError{"proxy.corp:3128", "lambda.us-east-1.amazonaws.com:443", 407},
			"the proxy proxy.corp:3128 wants credentials (407)", "USER:PASSWORD", ratelimit.Permanent},
		{"a proxy that forbids the host", lambdaURL, &proxyError{"proxy.corp:3128", "lambda.us-east-1.amazonaws.com:443", 403},
			"the proxy proxy.corp:3128 did not connect to lambda.us-east-1.amazonaws.com:443: HTTP status 403 Forbidden", "NO_PROXY", ratelimit.Permanent},
		{"a proxy that cannot reach the host", lambdaURL, &proxyError{"proxy.corp:3128", "lambda.us-east-1.amazonaws.com:443", 503},
			"the proxy proxy.corp:3128 did not connect to lambda.us-east-1.amazonaws.com:443: HTTP status 503 Service Unavailable", "NO_PROXY", ratelimit.ServerError},
		{"a certificate of nobody", "https://aws.test/", x509.UnknownAuthorityError{},
			"the certificate of https://aws.test is not trusted: x509: certificate signed by unknown authority", "AWS_CA_BUNDLE", ratelimit.Permanent},
		{"a server without TLS", "https://localhost:4566/", tlsRecord(), "https://localhost:4566 does not speak TLS", "write http://", ratelimit.Permanent},
		{"it hung up", lambdaURL, errors.New("EOF"), "no answer from " + lambdaHost + ": EOF", "check the network", ratelimit.ServerError},
		{"it did not answer", lambdaURL, context.DeadlineExceeded, "no answer from " + lambdaHost + " within the time for one request", "check the network", ratelimit.ServerError},
	}
	for _, row := range rows {
		fails := canned(func(*http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: row.url, Err: row.err}
		})
		err := operate(t.Context(), connTo(t, fails), opListFunctions, orders)
		result, _ := ratelimit.ResultOf(err)
		ce := callErrorOf(t, err)
		if ce.Message != row.want || result != row.result || !strings.Contains(ce.Hint, row.hint) || ce.Service != "lambda" {
			t.Errorf("%s: %v, hint %q\n got %q\nwant %q", row.why, result, ce.Hint, ce.Message, row.want)
		}
	}
}

func tlsRecord() error {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := http.Get("https" + strings.TrimPrefix(server.URL, "http"))
	return errors.Unwrap(err)
}

// TestADeadEndpoint is told in our words on each of the ways to AWS.
func TestADeadEndpoint(t *testing.T) {
	dead := canned(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	})
	rows := []struct {
		why    string
		target desired.TargetSpec
		want   string
	}{
		{"STS, asked who the caller is", desired.TargetSpec{Target: here}, "https://sts.us-east-1.amazonaws.com cannot be reached: connection refused"},
		{"STS, asked for a role", target(second, "us-east-1", roleIn(second), "x-"+second),
			"the role " + roleIn(second) + " cannot be assumed: https://sts.us-east-1.amazonaws.com cannot be reached: connection refused"},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf(here.Account), HTTPClient: dead}})
			if err != nil {
				t.Fatal(err)
			}
			ce := callErrorOf(t, s.Open(t.Context(), []desired.TargetSpec{row.target})[0].Err)
			if ce.Message != row.want || !strings.Contains(ce.Hint, "the region and AWS_ENDPOINT_URL") || ce.Service != "sts" {
				t.Errorf("%s:\n got %q\nwant %q\nhint %q", row.why, ce.Message, row.want, ce.Hint)
			}
		})
	}
}

// silent takes a request and never answers it.
func silent(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestNobodyAnswers: each service that takes a request and keeps silent ends the
// wait by itself, in about half a minute, with its name.
func TestNobodyAnswers(t *testing.T) {
	role := target(second, "us-east-1", roleIn(second), "x-"+second)
	tests := []struct {
		why    string
		silent string // the beginning of the host that keeps silent
		ask    func(context.Context, *Session) error
		says   string
	}{
		{"STS, asked who the caller is", "sts.", func(ctx context.Context, s *Session) error { _, _, err := s.Ambient(ctx); return err }, "sts.us-east-1.amazonaws.com"},
		{"STS, asked for a role", "sts.", func(ctx context.Context, s *Session) error { return s.Open(ctx, []desired.TargetSpec{role})[0].Err }, "the role " + roleIn(second)},
		{"the tagging API", "tagging.", func(ctx context.Context, s *Session) error {
			_, err := s.Open(ctx, []desired.TargetSpec{{Target: here}})[0].Finder.Tagged(ctx, nil)
			return err
		}, "tagging.us-east-1.amazonaws.com"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			w := worldOf(t, twoAccounts())
			s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf(here.Account), HTTPClient: canned(func(r *http.Request) (*http.Response, error) {
				if strings.HasPrefix(r.URL.Host, tt.silent) {
					return silent(r)
				}
				return w.Do(r)
			})}})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			err = tt.ask(t.Context(), s)
			took := time.Since(start)
			limit := 40 * time.Second
			if tt.silent == "tagging." {
				limit = 4 * time.Minute // of eight attempts, since it throttles in practice
			}
			if ce := callErrorOf(t, err); took > limit || !strings.Contains(ce.Message, tt.says) || !strings.Contains(ce.Message, "no answer from") || ce.Hint == "" {
				t.Errorf("%s: after %v: %v; %s", tt.why, took, err, ce.Hint)
			}
		})
	}
}

// TestInterruptedCheck: Ctrl-C while the credentials are checked, and the end of
// --timeout, are recognisable, each with its cause, and are not words of the SDK.
func TestInterruptedCheck(t *testing.T) {
	signal := errors.New("SIGINT")
	for _, tt := range []struct {
		why   string
		end   func(context.Context) (context.Context, context.CancelFunc)
		is    []error
		whole string
	}{
		{"a signal", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(signal) })
			return ctx, func() { cancel(nil) }
		}, []error{context.Canceled, signal}, "GetCallerIdentity " + here.String() + ": it was interrupted before an answer came"},
		{"the time is up", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, []error{context.DeadlineExceeded}, "GetCallerIdentity " + here.String() + ": the run's time was up before an answer came"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf(here.Account), HTTPClient: canned(silent)}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := tt.end(t.Context())
			defer cancel()
			_, _, ambient := s.Ambient(ctx)
			err = s.Open(ctx, []desired.TargetSpec{{Target: here}})[0].Err
			for _, want := range tt.is {
				if !errors.Is(err, want) || !errors.Is(ambient, want) {
					t.Errorf("%s: %v is not in %v", tt.why, want, err)
				}
			}
			if result, _ := ratelimit.ResultOf(err); result != ratelimit.Cancelled || err.Error() != tt.whole {
				t.Errorf("%s: %v: %v", tt.why, result, err)
			}
		})
	}
}

// TestErrorsOfOtherServices: a request of another package, such as to S3, fails in the same words.
func TestErrorsOfOtherServices(t *testing.T) {
	cfg, err := LoadConfig(t.Context(), Environment{Region: "eu-west-1", Credentials: keysOf(here.Account), HTTPClient: saying(403, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error></ErrorResponse>`)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	ce := callErrorOf(t, AsCallError("s3://b/k", err))
	want := callerr.Error{Service: "sts", Op: "GetCallerIdentity", Subject: "s3://b/k", Kind: callerr.Denied, Code: "AccessDenied", Status: 403, Message: "Access Denied", RequestID: "req-1", Hint: "allow sts:GetCallerIdentity for the caller"}
	ce.Err = nil
	if *ce != want {
		t.Errorf("got %+v", *ce)
	}
	if again := AsCallError("x", fmt.Errorf("more: %w", ce)); callErrorOf(t, again) != ce || AsCallError("x", nil) != nil {
		t.Error("what is a callerr.Error, or nothing, is changed")
	}
}
