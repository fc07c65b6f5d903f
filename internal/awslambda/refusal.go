package awslambda

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// errorCode is AWS's name of an error, such as ResourceConflictException.
type errorCode string

// refusal understands an answer that is no success: by its code, then by its
// status. Message texts count only where AWS gives one code to several things;
// those are in the table of texts.go.
func refusal(status int, h http.Header, body []byte) *failure {
	f := answered(status, h)
	f.code, f.message = errorIn(h, body)
	f.kind, f.outcome = verdict(status, f.code)
	if f.message == "" {
		f.message = statusText(status)
		if f.code == "" {
			f.message += ", and no error that Lambda writes: " + excerpt(body)
		}
	}
	if t, ok := textOf(f.code, f.message); ok {
		f.kind = t.kind
	}
	return f
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", status, http.StatusText(status)))
}

// errorIn reads code and message. Lambda spells the message in two ways, by
// shape; the code is in a header, or in the body under either of two names,
// with a namespace before # and a URL after a colon.
func errorIn(h http.Header, body []byte) (errorCode, string) {
	var e struct {
		Type    any `json:"__type"`
		Code    any
		Message any // json matches keys in any case: "message" and "Message"
	}
	_ = json.Unmarshal(body, &e) // a body that is not JSON leaves all of it empty
	code := h.Get("X-Amzn-Errortype")
	for _, v := range [...]any{e.Type, e.Code} {
		if s, ok := v.(string); ok && code == "" {
			code = s
		}
	}
	code, _, _ = strings.Cut(code, ":")
	if _, after, ok := strings.Cut(code, "#"); ok {
		code = after
	}
	message, _ := e.Message.(string)
	return errorCode(code), message
}

// excerpt is the start of a body that is not ours to understand, on one line.
func excerpt(body []byte) string {
	const enough = 120
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*enough)]), "?")), " ")
	if s == "" {
		return "the body is empty"
	}
	if r := []rune(s); len(r) > enough {
		s = string(r[:enough]) + "..."
	}
	return fmt.Sprintf("%q", s)
}

// verdict is what code and status say. Throttling comes at any status: 429, but
// also 400 ThrottlingException on listings.
func verdict(status int, code errorCode) (reconcile.Kind, ratelimit.Result) {
	switch {
	case code.throttles():
		return reconcile.KindThrottled, ratelimit.Throttled
	case code == "ResourceConflictException":
		return reconcile.KindConflict, ratelimit.Conflict
	case code.skewed():
		return reconcile.KindCredentials, ratelimit.ClockSkew
	case code.expired(), code.badCredentials():
		return reconcile.KindCredentials, ratelimit.Permanent
	case code.denied():
		return reconcile.KindDenied, ratelimit.Permanent
	case code == "ResourceNotFoundException":
		// Every Lambda 404 is about the function unless its text says otherwise.
		return reconcile.KindFunctionMissing, ratelimit.Permanent
	case code == "RequestTimeout" || code == "RequestTimeoutException":
		return reconcile.KindTransport, ratelimit.ServerError
	case status == http.StatusTooManyRequests:
		return reconcile.KindThrottled, ratelimit.Throttled
	case status >= 500:
		return reconcile.KindServer, ratelimit.ServerError
	case status == http.StatusRequestTimeout:
		return reconcile.KindTransport, ratelimit.ServerError
	case code == "":
		return reconcile.KindBadAnswer, ratelimit.Permanent // a proxy, or an endpoint that is not Lambda
	case status == http.StatusForbidden:
		return reconcile.KindDenied, ratelimit.Permanent
	}
	return reconcile.KindInvalid, ratelimit.Permanent
}

// throttles holds for the codes that AWS's SDKs count as throttling.
func (c errorCode) throttles() bool {
	switch c {
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
		"TooManyRequestsException", "ProvisionedThroughputExceededException", "TransactionInProgressException",
		"RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "RequestThrottled",
		"SlowDown", "PriorRequestNotComplete", "EC2ThrottledException":
		return true
	}
	return false
}

// skewed holds for the codes of a signature that AWS did not accept. A clock
// that is off gives all of them; the SDK has then learnt the difference from
// the answer, and the next signature is good.
func (c errorCode) skewed() bool {
	switch c {
	case "RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure":
		return true
	}
	return false
}

func (c errorCode) expired() bool {
	return c == "ExpiredTokenException" || c == "ExpiredToken"
}

func (c errorCode) badCredentials() bool {
	switch c {
	case "UnrecognizedClientException", "InvalidClientTokenId", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "IncompleteSignature", "IncompleteSignatureException",
		"InvalidAccessKeyId", "NotAuthorized":
		return true
	}
	return false
}

func (c errorCode) denied() bool {
	switch c {
	case "AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "OptInRequired", "SubscriptionRequiredException":
		return true
	}
	return false
}
