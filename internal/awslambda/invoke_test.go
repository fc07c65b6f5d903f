package awslambda

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func TestInvokeLater(t *testing.T) {
	const self = "arn:aws:lambda:eu-west-1:111111111111:function:eventinvoke:live"
	var sent string
	answer := func(status int, body string) Environment {
		return Environment{Region: "eu-west-1", Credentials: StaticCredentials("AKIAIOSFODNN7EXAMPLE"), HTTPClient: canned(func(r *http.Request) (*http.Response, error) {
			payload, _ := io.ReadAll(r.Body)
			sent = r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Amz-Invocation-Type") + " " + string(payload)
			return &http.Response{StatusCode: status, Header: http.Header{"X-Amzn-Errortype": {"AccessDeniedException"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}
	}
	if err := InvokeLater(t.Context(), answer(202, ""), self, []byte(`{"account":"1"}`)); err != nil {
		t.Error(err)
	}
	if want := `POST /2015-03-31/functions/` + self + `/invocations Event {"account":"1"}`; sent != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
	if err := InvokeLater(t.Context(), answer(403, `{"Message":"not allowed"}`), self, []byte(`{}`)); callerr.KindOf(err) != callerr.Denied {
		t.Errorf("a refusal is %v", err)
	}
}
