package awslambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/awstest"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

var (
	here   = desired.Target{Account: "111111111111", Region: "us-east-1"}
	orders = desired.Name{Function: "orders", Qualifier: desired.Latest}
	live   = desired.Name{Function: "orders", Qualifier: "live"}
)

const queue = "arn:aws:sqs:us-east-1:111111111111:dlq"

// canned is an HTTP client made of a function.
type canned func(*http.Request) (*http.Response, error)

func (c canned) Do(r *http.Request) (*http.Response, error) { return c(r) }

// saying answers every request alike. Headers are pairs.
func saying(status int, body string, headers ...string) canned {
	return func(r *http.Request) (*http.Response, error) { return answer(r, status, body, headers...), nil }
}

func answer(r *http.Request, status int, body string, headers ...string) *http.Response {
	h := http.Header{"X-Amzn-Requestid": {"req-1"}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// recordOf is a record as Lambda writes it.
func recordOf(name desired.Name) string {
	return fmt.Sprintf(`{"LastModified":1.789313524486E9,"FunctionArn":%q,"MaximumRetryAttempts":1,`+
		`"MaximumEventAgeInSeconds":null,"DestinationConfig":{"OnSuccess":{"Destination":null},"OnFailure":{"Destination":null}}}`,
		desired.Key{Target: here, Name: name}.ARN())
}

func keysOf(account string) aws.CredentialsProvider {
	return sdkcredentials.NewStaticCredentialsProvider("AKIA"+account, "secret", "")
}

// registry has limiters that never make a test wait.
func registry(t testing.TB) *ratelimit.Registry[desired.Target] {
	return registryAt(t, ratelimit.Options{Quota: 1e6, Share: 1})
}

func registryAt(t testing.TB, s ratelimit.Options) *ratelimit.Registry[desired.Target] {
	reg := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return s })
	t.Cleanup(reg.Close)
	return reg
}

// laneTo is a conn made from a configuration that asks for retries, as the
// environment may: none of our clients listens.
func connTo(t testing.TB, client aws.HTTPClient) *Conn {
	return NewConn(aws.Config{Credentials: keysOf(here.Account), HTTPClient: client, RetryMaxAttempts: 20}, here, registry(t))
}

func worldOf(t testing.TB, s *awssim.Scenario) *awssim.World {
	t.Helper()
	w, err := awssim.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// callErrorOf finds what an error says for people, which is in our own words.
func callErrorOf(t testing.TB, err error) *callerr.Error {
	t.Helper()
	var ce *callerr.Error
	if !errors.As(err, &ce) {
		t.Fatalf("the error is %T, not a *callerr.Error: %v", err, err)
	}
	if hole := regexp.MustCompile(`\{[a-z]+\}`).FindString(ce.Error() + ce.Hint); hole != "" {
		t.Errorf("%s was not filled in: %v, hint %q", hole, ce, ce.Hint)
	}
	if phrase := awstest.ForeignPhrase(ce.Error() + " " + ce.Hint); phrase != "" {
		t.Errorf("%q of the SDK or of Go is in %q, hint %q", phrase, ce.Error(), ce.Hint)
	}
	return ce
}

// operateRaw is the SDK's error of a listing, before this package looks at it.
func operateRaw(t *testing.T, client aws.HTTPClient) error {
	_, err := lambda.New(lambda.Options{Region: here.Region, Credentials: keysOf(here.Account), HTTPClient: client, Retryer: aws.NopRetryer{}}).
		ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	return err
}

// operate makes a call by its operation's name.
func operate(ctx context.Context, l *Conn, op string, name desired.Name) error {
	var err error
	config := desired.Config{desired.MaximumRetryAttempts: desired.Number(1)}
	switch op {
	case opListConfigs:
		_, err = NewReader(l).ListConfigs(ctx, name.Function, "")
	case opListAliases:
		_, err = NewReader(l).ListAliases(ctx, name.Function, "")
	case opListVersions:
		_, err = NewReader(l).ListVersions(ctx, name.Function, "")
	case opListFunctions:
		_, err = NewReader(l).ListFunctions(ctx, "")
	case opPut:
		_, err = NewWriter(l).Put(ctx, name, config)
	case opUpdate:
		_, err = NewWriter(l).Update(ctx, name, config)
	case opDelete:
		err = NewWriter(l).Delete(ctx, name)
	case opGetResources:
		_, err = NewFinder(l).Tagged(ctx, nil)
	default:
		panic("no such operation: " + op)
	}
	return err
}

// withCreds is a session's configuration as its targets have it.
func withCreds(s *Session) aws.Config {
	cfg := s.config.Copy()
	cfg.Credentials = s.base
	return cfg
}
