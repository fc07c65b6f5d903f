package awslambda

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// net/http sends a GET again by itself when a connection that it kept alive
// breaks before the answer. Such an attempt would pay no token.
func TestNetHTTPSendsNothingTwice(t *testing.T) {
	var seen atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen.Add(1) == 1 { // the first answer leaves a connection to be reused
			w.Write([]byte(`{"FunctionEventInvokeConfigs":[]}`))
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	}))
	defer server.Close()
	limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return ratelimit.Options{Quota: 1000} })
	defer limiters.Close()
	config := aws.Config{
		BaseEndpoint: aws.String(server.URL), Credentials: StaticCredentials("AKIA111111111111"),
		HTTPClient: server.Client(),
	}
	reader := NewReader(NewConn(config, desired.Target{Account: "111111111111", Region: "eu-west-1"}, limiters))
	if _, err := reader.ListConfigs(t.Context(), "f", ""); err != nil {
		t.Fatal(err)
	}
	_, err := reader.ListConfigs(t.Context(), "f", "")
	if outcome, _ := ratelimit.ResultOf(err); outcome != ratelimit.ServerError {
		t.Errorf("a broken connection came out as %v: %v", outcome, err)
	}
	if seen.Load() != 2 {
		t.Errorf("the server saw %d requests for 2 calls", seen.Load())
	}
}
