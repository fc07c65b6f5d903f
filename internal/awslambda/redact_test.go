package awslambda

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
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
		Run: "r", Limiters: registry(t), Region: here.Region, HTTPClient: echo,
		Credentials: sdkcredentials.NewStaticCredentialsProvider(plantedKey, plantedSecret, plantedToken),
	})
	if err != nil {
		t.Fatal(err)
	}
	target := []desired.TargetSpec{{Target: here, RoleARN: "arn:aws:iam::111111111111:role/eventinvoke", ExternalID: externalID}}
	err = s.Open(t.Context(), target)[0].Err
	if said := fmt.Sprintf("%v %v", err, callErrorOf(t, err).Err); strings.Contains(said, "planted") || reconcile.KindOf(err) != reconcile.KindCredentials {
		t.Errorf("the error is %s", said)
	}
}
