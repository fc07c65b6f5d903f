package awslambda

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

const (
	plantedKey    = "AKIAPLANTEDKEY000001"
	plantedSecret = "planted/secret+access+key/0123456789abcd"
	plantedToken  = "IQoJplanted/session+token=="
)

// What a proxy or AWS itself gives back of a request must not go on to a log or
// a report, in none of its spellings.
func TestErrorsShowNoSecrets(t *testing.T) {
	for _, tt := range []struct{ why, echo string }{
		{"IncompleteSignature echoes the header", "'Credential' is missing. Authorization=AWS4-HMAC-SHA256 Credential=" + plantedKey + "/20260131/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=feedfacefeedface"},
		{"SignatureDoesNotMatch echoes what was signed", "The Canonical String for this request should have been 'GET\\n/\\nx-amz-security-token:" + plantedToken + "'"},
		{"the token alone", "The security token " + plantedToken + " is not valid"},
		{"a presigned form", "https://x/?X-Amz-Credential=" + plantedKey + "%2F2026&X-Amz-Security-Token=IQoJplanted%2Fsession%2Btoken%3D%3D&X-Amz-Signature=feedfacefeedface"},
		{"a debugging proxy that dumps everything", "env: " + plantedSecret + " " + plantedKey},
		{"somebody else's key", "the key ASIAPLANTEDKEY000002 is not yours"},
		{"a long page, of which an excerpt is shown", strings.Repeat("x", 98) + " " + plantedSecret},
	} {
		t.Run(tt.why, func(t *testing.T) {
			for _, body := range []string{fmt.Sprintf(`{"message":%q}`, tt.echo), "<html>" + tt.echo + "</html>"} {
				cfg := aws.Config{HTTPClient: saying(http.StatusForbidden, body, "X-Amzn-Errortype", "")}
				cfg.Credentials = sdkcredentials.NewStaticCredentialsProvider(plantedKey, plantedSecret, plantedToken)
				_, err := NewReader(NewConn(cfg, here, registry(t))).ListConfigs(t.Context(), "orders", "")
				ce := callErrorOf(t, err)
				said := fmt.Sprintf("%v %s %s %v", err, ce.Message, ce.Hint, ce.Err)
				for _, secret := range []string{"PLANTEDKEY", "planted/secret", "planted/session", "planted%2F", "feedface"} {
					if strings.Contains(said, secret) {
						t.Errorf("%q is in %s", secret, said)
					}
				}
				if !strings.Contains(said, redacted) {
					t.Errorf("nothing shows that something was taken out of %s", said)
				}
			}
		})
	}
}

// What a failed request for credentials gives back is no exception.
func TestErrorsOfRolesShowNoSecrets(t *testing.T) {
	const externalID = "planted-external-id"
	echo := canned(func(r *http.Request) (*http.Response, error) {
		body := `<ErrorResponse><Error><Code>AccessDenied</Code><Message>no ` + externalID + ` ` + plantedToken +
			`</Message></Error></ErrorResponse>`
		return answer(r, http.StatusForbidden, body, "Content-Type", "text/xml"), nil
	})
	s, err := Open(t.Context(), Options{
		RunID: "r", Limiters: registry(t), Environment: Environment{
			Region: here.Region, HTTPClient: echo,
			Credentials: sdkcredentials.NewStaticCredentialsProvider(plantedKey, plantedSecret, plantedToken),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	target := []desired.TargetSpec{{Target: here, RoleARN: "arn:aws:iam::111111111111:role/eventinvoke", ExternalID: externalID}}
	err = s.Open(t.Context(), target)[0].Err
	if said := fmt.Sprintf("%v %v", err, callErrorOf(t, err).Err); strings.Contains(said, "planted") || callerr.KindOf(err) != callerr.Credentials {
		t.Errorf("the error is %s", said)
	}
}

// TestRedactURL: no spelling of a URL, right or wrong, shows the password in it.
func TestRedactURL(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"https://jane:geheim@host/path", "https://[redacted]@host/path"},
		{"HTTPS://jane:geheim@host:8080", "HTTPS://[redacted]@host:8080"},
		{"http://jane:ge@heim@host", "http://[redacted]@host"},
		{"http://jane:geheim/x@host", "http://[redacted]@host"},
		{"http://jane:geheim?x@host", "http://[redacted]@host"},
		{"http://jane:geheim#x@host", "http://[redacted]@host"},
		{"http://jane:geheim%zz@host", "http://[redacted]@host"},
		{"http://jane:geheim x@host", "http://[redacted]@host"},
		{"http://jane:geheim\n@host", "http://[redacted]@host"},
		{"http://geheim@host", "http://[redacted]@host"},
		{"http://:geheim@host", "http://[redacted]@host"},
		{"http://jane:geheim@", "http://[redacted]@"},
		{"http://jane:geheim@[::1", "http://[redacted]@[::1"},
		{"http://jane:geheim@host:port", "http://[redacted]@host:port"},
		{"http:/jane:geheim@host", "http:/[redacted]@host"},
		{"http:jane:geheim@host", "http:[redacted]@host"},
		{"http:\\\\jane:geheim@host", "http:\\\\[redacted]@host"},
		{"//jane:geheim@host", "//[redacted]@host"},
		{"jane:geheim@host:3128", "[redacted]@host:3128"},
		{" http://jane:geheim@host", " http://[redacted]@host"},
		{"socks5://jane:geheim@host:1080", "socks5://[redacted]@host:1080"},
		{"s3://jane:geheim@bucket/prefix", "s3://[redacted]@bucket/prefix"},
		{"://jane:geheim@host", "[redacted]@host"},
		{"https://sqs.eu-west-1.amazonaws.com/111111111111/q?X-Amz-Signature=geheim&x=1", "https://sqs.eu-west-1.amazonaws.com/111111111111/q?X-Amz-Signature=[redacted]&x=1"},
		{"https://host/?access_token=geheim", "https://host/?access_token=[redacted]"},
		{"https://host/path?x=1", "https://host/path?x=1"},
		{"localhost:4566", "localhost:4566"},
		{"", ""},
	} {
		if got := RedactURL(tt.url); got != tt.want || strings.Contains(got, "geheim") {
			t.Errorf("%q\n got %q\nwant %q", tt.url, got, tt.want)
		}
	}
}

// TestRedactText: the same within what somebody else says about a URL, and nothing
// else is touched.
func TestRedactText(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`parse "http://jane:geheim x@host": invalid character " " in host name`, `parse "http://[redacted]@host": invalid character " " in host name`},
		{`Get http://jane:ge@heim@host/x: EOF; then https://u:geheim@other`, `Get http://[redacted]@host/x: EOF; then https://[redacted]@other`},
		{`invalid proxy address 'socks5://jane:geheim %@host'`, `invalid proxy address 'socks5://[redacted]@host'`},
		{`User: arn:aws:sts::111111111111:assumed-role/Admin/jane@example.com is not authorized`, `User: arn:aws:sts::111111111111:assumed-role/Admin/jane@example.com is not authorized`},
		{`https://host/path cannot be reached by jane@example.com`, `https://host/path cannot be reached by jane@example.com`},
	} {
		if got := RedactText(tt.text); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// TestPasswordsOfTheEnvironment are found wherever somebody repeats them.
func TestPasswordsOfTheEnvironment(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "jane:geheim%21@proxy:3128")
	t.Setenv("AWS_ENDPOINT_URL_S3", "https://u:anderes@host")
	for _, text := range []string{"the proxy said geheim%21", "decoded: geheim!", "the bucket is at anderes"} {
		if got := secrets.scrub((*credentials)(nil).secrets(), text); !strings.Contains(got, redacted) {
			t.Errorf("%q stayed as it is", got)
		}
	}
}

// FuzzRedact: whatever stands around it, a password before an @ is not shown, and
// what is redacted once stays so.
func FuzzRedact(f *testing.F) {
	for _, seed := range [][3]string{{"https://", "jane:", "@host"}, {"", "", "@"}, {"http:/", "@:", "@h/@"}, {"://", "x", "%zz@["}, {"?token=", "", ""}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, scheme, user, rest string) {
		const password = "Zk7-geheim-9Q"
		got := RedactURL(scheme + user + password + rest)
		if strings.Contains(rest, "@") && strings.Contains(got, password) {
			t.Errorf("%q is shown in %q", password, got)
		}
		if again := RedactURL(got); strings.Contains(again, password) != strings.Contains(got, password) {
			t.Errorf("%q became %q", got, again)
		}
		if at := strings.LastIndex(rest, "@"); at >= 0 && !strings.ContainsAny(user+rest, " \t\r\n\f\"'<>") {
			if text := RedactText("dial https://" + user + password + rest); strings.Contains(text, password) {
				t.Errorf("%q is shown in %q", password, text)
			}
		}
	})
}
