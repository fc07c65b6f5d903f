package awslambda

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// stsError is an error as the query protocol writes it.
func stsError(status int, code, message string) canned {
	return saying(status, fmt.Sprintf(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>req-1</RequestId></ErrorResponse>`, code, message))
}

// TestWhoAmIFails: what STS says about the base credentials.
func TestWhoAmIFails(t *testing.T) {
	const empty = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult></GetCallerIdentityResult></GetCallerIdentityResponse>`
	tests := []struct {
		why     string
		client  canned
		kind    callerr.Kind
		outcome ratelimit.Result
		hint    string
	}{
		{"a key nobody knows", stsError(403, "InvalidClientTokenId", "invalid"), callerr.Credentials, ratelimit.Permanent, badKeys},
		{"a session that is over", stsError(403, "ExpiredToken", "expired"), callerr.Credentials, ratelimit.Permanent,
			"renew the credentials, such as with aws sso login, and run again"},
		{"a clock that is off", stsError(403, "SignatureDoesNotMatch", "skew"), callerr.Credentials, ratelimit.ClockSkew, clockHint},
		{"a region in which STS is not activated", stsError(403, "RegionDisabledException", "STS is not activated in this region"), callerr.Credentials, ratelimit.Permanent,
			"activate STS in us-east-1 in the account's IAM settings, or enable the region, under Account, AWS Regions; or take the target out of the fleet file"},
		{"an explicit deny", stsError(403, "AccessDenied", "no"), callerr.Denied, ratelimit.Permanent, "allow sts:GetCallerIdentity for the caller"},
		{"throttled", stsError(400, "Throttling", "Rate exceeded"), callerr.Throttled, ratelimit.Throttled, "other callers spend the same quota; run again later"},
		{"a reset", func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
		}, callerr.Transport, ratelimit.ServerError, readAgain},
		{"an answer without an account", saying(200, empty), callerr.BadAnswer, ratelimit.Permanent, notLambda},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf(here.Account), HTTPClient: tt.client}})
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = s.Ambient(t.Context())
			outcome, _ := ratelimit.ResultOf(err)
			if ce := callErrorOf(t, err); ce.Kind != tt.kind || outcome != tt.outcome || ce.Hint != tt.hint {
				t.Errorf("%s: %v, %v, %q: %v", tt.why, ce.Kind, outcome, ce.Hint, err)
			}
		})
	}
}

// TestRoleOutOfReach: a role that cannot be renewed in the middle of a run is a
// fault when STS is busy or away, and final when STS refuses. It is never taken
// for Lambda's own throttling.
func TestRoleOutOfReach(t *testing.T) {
	tests := []struct {
		why     string
		sts     canned
		outcome ratelimit.Result
	}{
		{"busy", stsError(400, "Throttling", "Rate exceeded"), ratelimit.ServerError},
		{"away", func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }, ratelimit.ServerError},
		{"refused", stsError(403, "AccessDenied", "not any more"), ratelimit.Permanent},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			w := worldOf(t, twoAccounts())
			broken := false
			s := openIn(t, w, ReadOnly)
			s.config.HTTPClient = canned(func(r *http.Request) (*http.Response, error) {
				if broken && strings.HasPrefix(r.URL.Host, "sts.") {
					return tt.sts(r)
				}
				return w.Do(r)
			})
			o := s.Open(t.Context(), []desired.TargetSpec{target(second, "us-east-1", roleIn(second), "x-"+second)})[0]
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			broken = true
			w.ExpireSessions(second)
			_, _ = o.Reader.ListConfigs(t.Context(), "orders", "") // drops the expired session
			_, err := o.Reader.ListConfigs(t.Context(), "orders", "")
			outcome, _ := ratelimit.ResultOf(err)
			if ce := callErrorOf(t, err); ce.Kind != callerr.Credentials || outcome != tt.outcome || !strings.Contains(ce.Message+ce.Hint, roleIn(second)) {
				t.Errorf("%s: %v, %v, %q: %v", tt.why, ce.Kind, outcome, ce.Hint, err)
			}
		})
	}
}

// TestWhereSTSIsAsked: in the configured region, and without one in the target's.
func TestWhereSTSIsAsked(t *testing.T) {
	noAmbient(t)
	for region, want := range map[string]string{"eu-central-1": "sts.eu-central-1.amazonaws.com", "": "sts.eu-west-1.amazonaws.com"} {
		w := worldOf(t, twoAccounts())
		hosts := map[string]string{}
		s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: region, Credentials: keysOf(here.Account),
			HTTPClient: canned(func(r *http.Request) (*http.Response, error) {
				hosts[stsAction(r)] = r.URL.Host
				return w.Do(r)
			})}})
		if err != nil {
			t.Fatal(err)
		}
		o := s.Open(t.Context(), []desired.TargetSpec{target(second, "eu-west-1", roleIn(second), "x-"+second)})[0]
		if o.Err != nil || hosts[opAssumeRole] != want || hosts[opGetCallerIdentity] != want {
			t.Errorf("with region %q STS was asked at %v: %v", region, hosts, o.Err)
		}
	}
}

// stsAction reads the operation off a request to STS, and leaves it readable.
func stsAction(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	form, _ := url.ParseQuery(string(body))
	return form.Get("Action")
}

// TestSTSIsTriedThrice, whatever the environment says: its quota is its own.
func TestSTSIsTriedThrice(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "9")
	t.Setenv("AWS_RETRY_MODE", "adaptive")
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf(here.Account),
			HTTPClient: canned(func(r *http.Request) (*http.Response, error) {
				asked++
				return answer(r, 503, ""), nil
			})}})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Ambient(t.Context())
		if outcome, _ := ratelimit.ResultOf(err); asked != 3 || outcome != ratelimit.ServerError {
			t.Errorf("%d attempts, %v: %v", asked, outcome, err)
		}
	})
}
