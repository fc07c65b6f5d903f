package awslambda

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

func TestUnreachableNamesTheHost(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	unknown := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "sts.eu-wset-1.amazonaws.com", IsNotFound: true}}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	rows := []struct {
		why, url string
		err      error
		want     string
	}{
		{"a dead endpoint", "http://127.0.0.1:9/", refused, "http://127.0.0.1:9 cannot be reached: connect: connection refused"},
		{"a region with a typing mistake", "https://sts.eu-wset-1.amazonaws.com/", unknown,
			"https://sts.eu-wset-1.amazonaws.com cannot be reached: there is no host of that name"},
		{"it was reached, and hung up", "https://lambda.eu-west-1.amazonaws.com/x?Marker=secret", reset,
			"no answer from https://lambda.eu-west-1.amazonaws.com: read: connection reset by peer"},
		{"a certificate", "https://proxy.example/", errors.New("x509: certificate signed by unknown authority"),
			"no answer from https://proxy.example: x509: certificate signed by unknown authority"},
	}
	for _, row := range rows {
		err := fmt.Errorf("exceeded maximum number of attempts, 3, %w", &url.Error{Op: "Post", URL: row.url, Err: row.err})
		if got := unreachable(err); got != row.want {
			t.Errorf("%s:\n got %q\nwant %q", row.why, got, row.want)
		}
	}
	if got := unreachable(refused); got != "" {
		t.Errorf("without a URL there is no host to name: %q", got)
	}
}

// TestADeadEndpoint is told in our words on each of the three ways to AWS.
func TestADeadEndpoint(t *testing.T) {
	dead := canned(func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}
	})
	rows := []struct {
		why    string
		target desired.TargetSpec
		want   string
	}{
		{"STS, asked who the caller is", desired.TargetSpec{Target: here}, "https://sts.us-east-1.amazonaws.com cannot be reached: connect: connection refused"},
		{"STS, asked for a role", target(second, "us-east-1", roleIn(second), "x-"+second),
			"the role " + roleIn(second) + " cannot be assumed: https://sts.us-east-1.amazonaws.com cannot be reached: connect: connection refused"},
	}
	for _, row := range rows {
		s, err := Open(t.Context(), Options{Limiters: registry(t), Region: "us-east-1", Credentials: keysOf(here.Account), HTTPClient: dead})
		if err != nil {
			t.Fatal(err)
		}
		ce := callErrorOf(t, s.Open(t.Context(), []desired.TargetSpec{row.target})[0].Err)
		if ce.Message != row.want || !strings.Contains(ce.Hint, "the region and AWS_ENDPOINT_URL") {
			t.Errorf("%s:\n got %q\nwant %q\nhint %q", row.why, ce.Message, row.want, ce.Hint)
		}
	}
	if f := sendFailure(&url.Error{Op: "Get", URL: "http://127.0.0.1:9/2019", Err: errors.New("EOF")}); f.message != "no answer from http://127.0.0.1:9: EOF" {
		t.Errorf("Lambda: %q", f.message)
	}
}
