package awslambda

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/eventinvoke/eventinvoke/desired"

	"github.com/eventinvoke/eventinvoke/internal/awstest"
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

// TestTheFirstDay: what a newcomer's environment lacks or gets wrong is said in a
// sentence that names it, with the hint, before anything is tried for seconds.
func TestTheFirstDay(t *testing.T) {
	profiles := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(profiles, []byte(`
[profile base]
aws_access_key_id = AKIA111111111111
aws_secret_access_key = s
[profile mfa]
role_arn = arn:aws:iam::111111111111:role/path/fleet
source_profile = base
mfa_serial = arn:aws:iam::111111111111:mfa/jane
[profile sso]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = dev
[sso-session corp]
sso_region = us-east-1
sso_start_url = https://corp.awsapps.com/start
[profile local]
endpoint_url = localhost:4566
[profile tool]
credential_process = /nonexistent/tool --with secret
`), 0o600); err != nil {
		t.Fatal(err)
	}
	const region = "AWS_REGION=us-east-1"
	bare := httptest.NewServer(http.NotFoundHandler()) // the metadata of an instance without a role
	defer bare.Close()
	// session is a home whose SSO session is what the file of its token says.
	session := func(token string) string {
		home := t.TempDir()
		path, err := ssocreds.StandardCachedTokenFilepath("corp")
		if err != nil {
			t.Fatal(err)
		}
		cache := filepath.Join(home, ".aws", "sso", "cache")
		if err := os.MkdirAll(cache, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cache, filepath.Base(path)), []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		return region + " AWS_PROFILE=sso HOME=" + home + " USERPROFILE=" + home
	}
	answering := func(status int, code string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-ErrorType", code)
			w.WriteHeader(status)
			io.WriteString(w, `{"message":"no"}`)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	const lasting = `{"accessToken":"x","expiresAt":"2999-01-01T00:00:00Z"}`
	tests := []struct {
		why         string
		environment string // fields NAME=VALUE
		what, hint  string // parts
	}{
		{"no region", "", "no AWS region is set", "set AWS_REGION"},
		{"no credentials", region, "no AWS credentials were found in the environment, in the profile default, or from the container or instance", "aws sso login"},
		{"no credentials, on an instance without a role", region + " AWS_EC2_METADATA_DISABLED= AWS_EC2_METADATA_SERVICE_ENDPOINT=" + bare.URL, "no AWS credentials were found", "set AWS_PROFILE"},
		{"half of the credentials", region + " AWS_ACCESS_KEY_ID=AKIA111111111111", "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not", "set both"},
		{"the other half", region + " AWS_SECRET_ACCESS_KEY=s", "AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not", "set both"},
		{"a profile that is not there", region + " AWS_PROFILE=nobody", "cannot be used: failed to get shared config profile, nobody", "check AWS_PROFILE"},
		{"a profile with MFA, and nobody to ask", region + " AWS_PROFILE=mfa", "the profile mfa asks for an MFA code, and none was entered", "run in a terminal"},
		{"an SSO session that was never begun", region + " AWS_PROFILE=sso", "the SSO session has ended, or was never begun", "aws sso login"},
		{"an SSO session that has ended", session(`{"accessToken":"x","expiresAt":"2020-01-01T00:00:00Z"}`), "the SSO session has ended, or was never begun", "aws sso login"},
		{"an SSO session whose file is damaged", session("garbage"), "the SSO session has ended, or was never begun", "aws sso login"},
		{"an SSO session that may not be prolonged", session(`{"accessToken":"x","refreshToken":"r","clientId":"c","clientSecret":"s","expiresAt":"2020-01-01T00:00:00Z"}`) +
			" AWS_ENDPOINT_URL_SSO_OIDC=" + answering(400, "InvalidGrantException"), "the SSO session has ended, or was never begun", "aws sso login"},
		{"an SSO session that was ended elsewhere", session(lasting) + " AWS_ENDPOINT_URL_SSO=" + answering(401, "UnauthorizedException"), "the SSO session has ended, or was never begun", "aws sso login"},
		{"a role that SSO does not give", session(lasting) + " AWS_ENDPOINT_URL_SSO=" + answering(403, "ForbiddenException"), "IAM Identity Center gives no such role in that account", "sso_role_name of the profile sso"},
		{"SSO out of reach", session(lasting) + " AWS_ENDPOINT_URL_SSO=http://127.0.0.1:1", "http://127.0.0.1:1 cannot be reached", "check the network"},
		{"a tool that is not there", region + " AWS_PROFILE=tool", "the AWS credentials cannot be obtained", "check AWS_PROFILE"},
		{"an endpoint without its scheme", region + " AWS_ENDPOINT_URL=localhost:4566", "AWS_ENDPOINT_URL=localhost:4566 does not begin with http:// or https://", "write AWS_ENDPOINT_URL=http://localhost:4566"},
		{"the same of one service", region + " AWS_ENDPOINT_URL_STS=sts.corp", "AWS_ENDPOINT_URL_STS=sts.corp does not begin", "write AWS_ENDPOINT_URL_STS=https://sts.corp"},
		{"the same in a profile", region + " AWS_PROFILE=local", "endpoint_url=localhost:4566 does not begin", "write endpoint_url=http://localhost:4566"},
		{"an endpoint that is no URL", region + " AWS_ENDPOINT_URL=https://u:geheim@[::1", "AWS_ENDPOINT_URL=https://[redacted]@[::1 is not a URL", "https://HOST"},
		{"an endpoint of another kind", region + " AWS_ENDPOINT_URL=unix:///run/aws.sock", "is not a URL that requests can be sent to", "https://HOST"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			noAmbient(t)
			t.Setenv("AWS_CONFIG_FILE", profiles)
			for _, variable := range strings.Fields(tt.environment) {
				name, value, _ := strings.Cut(variable, "=")
				t.Setenv(name, value)
			}
			s, err := Open(t.Context(), Options{Limiters: registry(t)})
			if err == nil {
				_, _, err = s.Ambient(t.Context())
			}
			if ce := callErrorOf(t, err); !strings.Contains(ce.Message, tt.what) || !strings.Contains(ce.Hint, tt.hint) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%v\nhint: %s", err, ce.Hint)
			}
		})
	}
	if _, err := Open(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "Limiters") {
		t.Errorf("no limiters: %v", err)
	}

	// Where there is somebody to ask, the code goes into the request for the role.
	w := worldOf(t, twoAccounts())
	codes := make(chan string, 9)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if form, _ := url.ParseQuery(string(body)); form.Get("Action") == opAssumeRole {
			codes <- form.Get("TokenCode")
		}
		w.ServeHTTP(rw, r)
	}))
	defer server.Close()
	noAmbient(t)
	for name, value := range map[string]string{"AWS_CONFIG_FILE": profiles, "AWS_PROFILE": "mfa", "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": server.URL, "AWS_ENDPOINT_URL_STS": server.URL} {
		t.Setenv(name, value)
	}
	s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{MFAToken: func() (string, error) { return "123456", nil }}})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Ambient(t.Context()) // the simulator's role wants an external id as well
	close(codes)
	if code := <-codes; code != "123456" {
		t.Errorf("STS was sent the code %q: %v", code, err)
	}
}

// TestSentences: where, what and hint of our own texts are in our own words.
func TestSentences(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "messages.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			texts++
			if phrase := awstest.ForeignPhrase(lit.Value); phrase != "" {
				t.Errorf("%q is in %s", phrase, lit.Value)
			}
		}
		return true
	})
	if texts < 100 {
		t.Errorf("only %d texts were looked at", texts)
	}
	for kind, hint := range hints {
		if hint == "" {
			t.Errorf("%v has no hint", kind)
		}
	}
	for _, refusal := range refusalTexts {
		if (refusal.hint == "") != (refusal.text == roleText) {
			t.Errorf("%q has no hint", refusal.text)
		}
	}
}

// TestBehindProxy runs this test in processes of their own, since net/http reads
// the proxy variables once.
func TestBehindProxy(t *testing.T) {
	if os.Getenv("EVENTINVOKE_TEST_BEHIND_PROXY") != "" {
		s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf(here.Account)}})
		if err == nil {
			_, _, err = s.Ambient(t.Context())
		}
		ce := callErrorOf(t, err)
		fmt.Printf("%v\nhint: %s\n", ce, ce.Hint)
		return
	}
	wants := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(wants.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct{ why, proxy, what, hint string }{
		{"it is not there", gone.URL, "the proxy " + gone.Listener.Addr().String() + " cannot be reached on the way to https://sts.us-east-1.amazonaws.com: connection refused", "correct HTTPS_PROXY"},
		{"it wants credentials", wants.URL, "the proxy " + wants.Listener.Addr().String() + " wants credentials (407)", "http://USER:PASSWORD@HOST:PORT"},
		{"it has some that are not accepted", "http://jane:geheim@" + wants.Listener.Addr().String(), "wants credentials (407)", "HTTPS_PROXY"},
		{"it is misspelt", "http://jane:ge%heim@" + wants.Listener.Addr().String(), "is set to is not the URL of a proxy", "%25"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			child := exec.Command(os.Args[0], "-test.run=^TestBehindProxy$")
			child.Env = append(os.Environ(), "EVENTINVOKE_TEST_BEHIND_PROXY=1", "HTTPS_PROXY="+tt.proxy, "https_proxy="+tt.proxy, "NO_PROXY=", "no_proxy=")
			out, err := child.CombinedOutput()
			if err != nil || !strings.Contains(string(out), tt.what) || !strings.Contains(string(out), tt.hint) || strings.Contains(string(out), "heim") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestUntrusted: a certificate that is not trusted is asked for once, and the hint
// is named.
func TestUntrusted(t *testing.T) {
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	noAmbient(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf(here.Account)}})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Ambient(t.Context())
	if ce := callErrorOf(t, err); !strings.Contains(ce.Message, "the certificate of "+server.URL+" is not trusted") || !strings.Contains(ce.Hint, "AWS_CA_BUNDLE") || connections.Load() != 1 {
		t.Errorf("after %d connections: %v; %s", connections.Load(), err, ce.Hint)
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
			s, err := Open(t.Context(), Options{Limiters: registry(t), Environment: Environment{HTTPClient: tt.client}})
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := s.Ambient(t.Context())
			if err != nil || got.Account != second {
				t.Fatalf("%v, %v", got, err)
			}
			o := s.Open(t.Context(), []desired.TargetSpec{{Target: got}})[0]
			for _, op := range []string{opListConfigs, opGetResources} {
				if err := operate(t.Context(), o.Reader.(*Reader).conn, op, orders); err != nil {
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
