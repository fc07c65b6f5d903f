package awslambda

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// noAmbient takes whatever AWS settings the machine has out of the test.
func noAmbient(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for k, v := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
		"AWS_SESSION_TOKEN": "", "AWS_CA_BUNDLE": "", "AWS_ENDPOINT_URL": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(k, v)
	}
}

func TestAnEmptyEnvironmentSaysHowToMend(t *testing.T) {
	noAmbient(t)
	limiters := registry(t)
	open := func() *Session {
		s, err := Open(t.Context(), Options{Limiters: limiters})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, _, err := open().Ambient(t.Context()); !strings.Contains(callErrorOf(t, err).Hint, "set AWS_REGION") {
		t.Errorf("no region: %v", err)
	}
	t.Setenv("AWS_REGION", "us-east-1")
	_, _, err := open().Ambient(t.Context())
	ce := callErrorOf(t, err)
	if ce.Kind != reconcile.KindCredentials || ce.Hint != "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in by aws sso login" {
		t.Errorf("no credentials: %v %q: %v", ce.Kind, ce.Hint, err)
	}
	t.Setenv("AWS_PROFILE", "nobody")
	if _, err := Open(t.Context(), Options{Limiters: limiters}); !strings.Contains(callErrorOf(t, err).Hint, "AWS_PROFILE") {
		t.Errorf("a profile that is not there: %v", err)
	}
	if _, err := Open(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "Limiters") {
		t.Errorf("no limiters: %v", err)
	}
}

// TestEndpointURL: AWS_ENDPOINT_URL leads every service to a simulator, over a
// real socket, and AWS_CA_BUNDLE says whom to trust there.
func TestEndpointURL(t *testing.T) {
	w := worldOf(t, twoAccounts())
	plain, secure := httptest.NewServer(w), httptest.NewTLSServer(w)
	defer plain.Close()
	defer secure.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(bundle, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why, url, bundle string
		client           aws.HTTPClient
	}{
		{"plain", plain.URL, "", nil},
		{"TLS by a private authority", secure.URL, bundle, nil},
		{"a simulator in the process does not mind the bundle", "", bundle, w},
	} {
		t.Run(tt.why, func(t *testing.T) {
			noAmbient(t)
			for k, v := range map[string]string{
				"AWS_ENDPOINT_URL": tt.url, "AWS_CA_BUNDLE": tt.bundle, "AWS_REGION": "us-east-1",
				"AWS_ACCESS_KEY_ID": "AKIA" + second, "AWS_SECRET_ACCESS_KEY": "s",
			} {
				t.Setenv(k, v)
			}
			s, err := Open(t.Context(), Options{Limiters: registry(t), HTTPClient: tt.client})
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := s.Ambient(t.Context())
			if err != nil || got.Account != second {
				t.Fatalf("%v, %v", got, err)
			}
			o := s.Open(t.Context(), []desired.TargetSpec{{Target: got}})[0]
			for _, op := range []string{opListConfigs, opGetResources} {
				if err := operate(t.Context(), o.Conn, op, orders); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestDefaultClient: without an HTTPClient the session brings its own, which
// trusts AWS_CA_BUNDLE, keeps its connections and takes the proxy from the
// environment.
func TestDefaultClient(t *testing.T) {
	noAmbient(t)
	s, err := Open(t.Context(), Options{Limiters: registry(t)})
	if err != nil {
		t.Fatal(err)
	}
	client, ok := s.config.HTTPClient.(interface{ GetTransport() *http.Transport })
	if !ok {
		t.Fatalf("a %T has no transport", s.config.HTTPClient)
	}
	tr := client.GetTransport()
	if tr.MaxIdleConnsPerHost != 64 || tr.Proxy == nil || tr.TLSClientConfig == nil || tr.TLSClientConfig.MinVersion < tls.VersionTLS12 {
		t.Errorf("idle %d, proxy set %v, TLS %+v", tr.MaxIdleConnsPerHost, tr.Proxy != nil, tr.TLSClientConfig)
	}
}
