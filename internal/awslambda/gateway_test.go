package awslambda

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// badGateway is what a proxy or a gateway on the way answers when what is behind it does
// not: a page for people, and nothing of AWS's.
func badGateway(r *http.Request) (*http.Response, error) {
	resp := answer(r, http.StatusBadGateway, "<html><head><title>502 Bad Gateway</title></head></html>")
	resp.Header = http.Header{"Content-Type": {"text/html"}}
	return resp, nil
}

// TestBadGateway: an answer that is none of AWS's says nothing about keys, trust policies
// or AWS's health. The error names who answered, with what, and where to look.
func TestBadGateway(t *testing.T) {
	noAmbient(t)
	const hint = "run again; if it stays, something on the way answers in place of AWS: check the network, the proxy settings, the region and AWS_ENDPOINT_URL"
	check := func(what string, err error, kind callerr.Kind, host string) {
		t.Helper()
		ce := callErrorOf(t, err)
		if ce.Kind != kind || ce.Hint != hint || !strings.Contains(ce.Message, "HTTP status 502 Bad Gateway from https://"+host) {
			t.Errorf("%s: %v, %q\nnext: %s", what, ce.Kind, ce.Message, ce.Hint)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		conn := connTo(t, canned(badGateway))
		check("a read", operate(t.Context(), conn, opListConfigs, live), callerr.Server, "lambda.us-east-1.amazonaws.com")
		check("a write", operate(t.Context(), conn, opUpdate, live), callerr.Server, "lambda.us-east-1.amazonaws.com")

		s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf(here.Account), HTTPClient: canned(badGateway)}})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Ambient(t.Context())
		check("who am I", err, callerr.Server, "sts.us-east-1.amazonaws.com")

		role := s.Open(t.Context(), []desired.TargetSpec{target(second, "us-east-1", roleIn(second), "x-"+second)})[0]
		check("a role", role.Err, callerr.Credentials, "sts.us-east-1.amazonaws.com")
		if !strings.Contains(role.Err.Error(), roleIn(second)) {
			t.Errorf("which role is not said: %v", role.Err)
		}
	})
}

// TestRoleNotForItsTrustPolicy: what STS answers before it looks at a role, as one that is
// busy does, or to credentials that it does not accept, is not for the role's trust policy.
func TestRoleNotForItsTrustPolicy(t *testing.T) {
	tests := []struct {
		sts    canned
		inHint string
	}{
		{stsError(400, "Throttling", "Rate exceeded"), "run again later"},
		{stsError(500, "InternalFailure", "An internal error has occurred"), "AWS failed"},
		{stsError(503, "ServiceUnavailable", "busy"), "AWS failed"},
		{stsError(403, "ExpiredToken", "expired"), "renew the credentials"},
		{stsError(403, "SignatureDoesNotMatch", "skew"), "check this machine's clock"},
		{stsError(403, "InvalidClientTokenId", "invalid"), "the access key"},
		{saying(403, "<html>This site is blocked.</html>"), "lead to AWS"},
		{saying(404, "<html>Not Found</html>"), "lead to AWS"},
		{saying(302, ""), "lead to AWS"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf(here.Account), HTTPClient: tt.sts}})
			if err != nil {
				t.Fatal(err)
			}
			o := s.Open(t.Context(), []desired.TargetSpec{target(second, "us-east-1", roleIn(second), "x-"+second)})[0]
			if ce := callErrorOf(t, o.Err); strings.Contains(ce.Hint, "trust policy") || !strings.Contains(ce.Hint, tt.inHint) {
				t.Errorf("%v\nnext: %s", o.Err, ce.Hint)
			}
		})
	}
}

// A busy STS says nothing of the quota that --rate-share is a share of, whichever call needed the
// credentials.
func TestBusySTSIsNotPacedByUs(t *testing.T) {
	busy := &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 400}},
		Err:      &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"},
	}
	f := (&credentialsError{role: roleIn(second), err: busy}).failure()
	if !strings.Contains(f.hint, "run again later") || strings.Contains(f.hint, "{pace}") {
		t.Errorf("%+v", f)
	}
}
