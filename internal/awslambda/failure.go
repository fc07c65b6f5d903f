package awslambda

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// failure is one request, or one attempt of it, that did not bring a good answer.
type failure struct {
	kind       callerr.Kind
	result     ratelimit.Result
	retryAfter time.Duration
	sent       bool // the request reached the HTTP client
	status     int
	code       errorCode
	message    string
	hint       string // "" where kind and call decide it
	requestID  string
	cause      error
}

func (f *failure) Error() string { return cmp.Or(f.message, string(f.code), f.kind.String()) }
func (f *failure) Unwrap() error { return f.cause }

func (f *failure) as(kind callerr.Kind, result ratelimit.Result) *failure {
	f.kind, f.result = kind, result
	return f
}

func (f *failure) withText(s sentence, pairs ...string) *failure {
	f.message, f.hint = s.fill(pairs...)
	return f
}

// failureOf understands an error of the SDK, whichever service it came from. An
// error without an answer and without a broken connection never became a request: a
// token not granted, credentials that cannot be obtained, an input that the SDK refuses.
func failureOf(err error) *failure {
	var (
		unasked   *aws.RequestCanceledError
		f         *failure
		creds     *credentialsError
		forbidden *forbiddenError
		resp      *smithyhttp.ResponseError
		sending   *smithyhttp.RequestSendError
		request   *url.Error
	)
	switch {
	case errors.As(err, &unasked):
		// First: the run may have ended for what was said to another call, and that is
		// in there as well.
		return (&failure{cause: err}).end()
	case errors.As(err, &f):
		return f
	case errors.As(err, &creds):
		return creds.failure()
	}
	f = &failure{kind: callerr.Invalid, result: ratelimit.Permanent, cause: err}
	if errors.As(err, &resp) && resp.HTTPStatusCode() != 0 {
		return f.answered(resp.HTTPResponse())
	}
	outcome, _ := ratelimit.ResultOf(err)
	switch {
	case errors.As(err, &forbidden):
		f.message = forbidden.Error()
	case outcome == ratelimit.Cancelled, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !isTimeout(err):
		f.end()
	case errors.As(err, &sending), errors.As(err, &request):
		f.unanswered()
	default:
		f.message = innermost(err).Error()
	}
	return f
}

// end is a call that the end of its run cut short or did not let begin.
func (f *failure) end() *failure {
	f.as(callerr.Unknown, ratelimit.Cancelled).withText(interrupted)
	if errors.Is(f.cause, context.DeadlineExceeded) {
		f.withText(outOfTime)
	}
	return f
}

// isTimeout tells the limit of one attempt, which the HTTP client keeps, from the
// end of the time that the caller gave.
func isTimeout(err error) bool {
	request, ok := errors.AsType[*url.Error](err)
	return ok && request.Timeout()
}

// answered reads what came back: first the service's own code, then the status.
func (f *failure) answered(resp *smithyhttp.Response) *failure {
	f.sent, f.status, f.retryAfter = true, resp.StatusCode, retryAfter(resp.Header, time.Now())
	f.requestID = cmp.Or(resp.Header.Get("X-Amzn-Requestid"), resp.Header.Get("X-Amz-Request-Id"), resp.Header.Get("X-Amz-RequestId"))
	if api, ok := errors.AsType[smithy.APIError](f.cause); ok {
		f.code, f.message = errorCode(api.ErrorCode()), api.ErrorMessage()
	}
	// What the SDK fills in where the answer has none.
	if f.code == "UnknownError" || f.code == "UnknownErrorCode" {
		f.code = ""
	}
	if f.message == "UnknownError" {
		f.message = ""
	}
	good := f.status >= 200 && f.status <= 299
	spoilt, _ := errors.AsType[*smithy.DeserializationError](f.cause)
	switch {
	case errors.Is(f.cause, errBrokenAnswer):
		f.message = errBrokenAnswer.Error() + ": " + innermost(f.cause).Error()
		return f.as(callerr.Transport, ratelimit.ServerError)
	case errors.Is(f.cause, errNotJSON):
		f.message = errNotJSON.Error()
		return f.as(callerr.BadAnswer, ratelimit.ServerError)
	case good && f.code == "":
		f.message = "the answer is not what the API describes: " + innermost(f.cause).Error()
		return f.as(callerr.BadAnswer, ratelimit.Permanent)
	}
	f.kind, f.result = verdict(f.status, f.code)
	if f.message == "" {
		f.message = statusText(f.status)
		if r := resp.Request; f.code == "" && r != nil {
			f.message += " from " + hostOf(r.URL.String())
		}
		if f.code == "" && spoilt != nil {
			f.message += ", and no error that AWS writes: " + excerpt(spoilt.Snapshot)
		}
	}
	if f.kind == callerr.Server && f.code == "" && f.requestID == "" {
		f.hint = notByAWS.hint
	}
	if f.status == http.StatusProxyAuthRequired {
		f.withText(proxyWantsCredentials, "proxy", "on the way")
	}
	if t, known := textOf(f.code, f.message); known {
		f.kind = t.kind
	}
	return f
}

// unanswered is a request without an answer: it may or may not have been done.
func (f *failure) unanswered() *failure {
	f.sent = true
	f.as(callerr.Transport, ratelimit.ServerError)
	host := "the service"
	if request, ok := errors.AsType[*url.Error](f.cause); ok {
		host = hostOf(request.URL)
	} else if sending, ok := errors.AsType[*sendError](f.cause); ok {
		host = sending.host
	}
	var (
		proxy   *proxyError
		name    *net.DNSError
		cert    *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		record  tls.RecordHeaderError
	)
	op, _ := errors.AsType[*net.OpError](f.cause)
	reason := innermost(f.cause).Error()
	switch {
	case errors.As(f.cause, &proxy) && proxy.status == http.StatusProxyAuthRequired:
		f.as(callerr.Credentials, ratelimit.Permanent).withText(proxyWantsCredentials, "proxy", proxy.proxy)
	case proxy != nil:
		f.withText(proxyRefused, "proxy", proxy.proxy, "host", proxy.host, "reason", statusText(proxy.status))
		if proxy.status < 500 {
			f.result = ratelimit.Permanent
		}
	case op != nil && op.Op == "proxyconnect":
		where := "of HTTPS_PROXY or HTTP_PROXY"
		if errors.As(op.Err, &name) {
			where, reason = name.Name, "there is no host of that name"
		} else if dial, ok := errors.AsType[*net.OpError](op.Err); ok && dial.Addr != nil {
			where = dial.Addr.String()
		}
		f.withText(deadProxy, "proxy", where, "host", host, "reason", reason)
	case errors.As(f.cause, &cert), errors.As(f.cause, &unknown):
		f.withText(notTrusted, "host", host, "reason", reason).result = ratelimit.Permanent
	case errors.As(f.cause, &record), errors.Is(f.cause, http.ErrSchemeMismatch):
		f.withText(noTLS, "host", host).result = ratelimit.Permanent
	case errors.Is(f.cause, context.DeadlineExceeded), isTimeout(f.cause):
		f.withText(noAnswerInTime, "host", host)
	case errors.As(f.cause, &name) && name.IsNotFound:
		f.withText(noSuchHost, "host", host)
	case op != nil && op.Op == "dial":
		f.withText(unreachable, "host", host, "reason", reason)
	default:
		f.withText(noAnswer, "host", host, "reason", reason)
	}
	region := regionIn(host)
	if near := nearRegions(region); len(near) > 0 && (proxy != nil || name != nil) {
		f.result = ratelimit.Permanent
		_, f.hint = misspeltRegion.fill("region", region, "near", strings.Join(near, " or "))
	}
	return f
}

// innermost is the error at the bottom: what the SDK wraps around it tells of its
// own layers.
func innermost(err error) error {
	for {
		below := errors.Unwrap(err)
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			all := several.Unwrap()
			below = all[len(all)-1]
		}
		if below == nil {
			return err
		}
		err = below
	}
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", status, http.StatusText(status)))
}

// excerpt is the start of a body that is not ours to understand, on one line.
func excerpt(body []byte) string {
	const enough = 120
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " ")
	if s == "" {
		return "the body is empty"
	}
	if r := []rune(s); len(r) > enough {
		s = string(r[:enough]) + "..."
	}
	return strconv.Quote(s)
}

// errorCode is AWS's name of an error, such as ResourceConflictException.
type errorCode string

func (c errorCode) is(codes ...errorCode) bool { return slices.Contains(codes, c) }

// throttles holds for the codes that AWS's SDKs count as throttling.
func (c errorCode) throttles() bool {
	return c.is("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
		"TooManyRequestsException", "ProvisionedThroughputExceededException", "TransactionInProgressException",
		"RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "RequestThrottled",
		"SlowDown", "PriorRequestNotComplete", "EC2ThrottledException")
}

// skewed holds for the codes of a signature that AWS did not accept. A clock
// that is off gives all of them; the SDK has then learnt the difference from
// the answer, and the next signature is good.
func (c errorCode) skewed() bool {
	return c.is("RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure")
}

func (c errorCode) expired() bool { return c.is("ExpiredTokenException", "ExpiredToken") }

// regionOff holds for the codes of a region that the account has not enabled.
func (c errorCode) regionOff() bool { return c.is("OptInRequired", "RegionDisabledException") }

// unknownKey holds for the codes of an access key that AWS does not know. A region
// that is not enabled does not know any key of the account.
func (c errorCode) unknownKey() bool {
	return c.is("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId")
}

func (c errorCode) badCredentials() bool {
	return c.unknownKey() || c.regionOff() || c.is("MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"IncompleteSignature", "IncompleteSignatureException", "NotAuthorized")
}

func (c errorCode) denied() bool {
	return c.is("AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "SubscriptionRequiredException")
}

// verdict is what code and status say. Throttling comes at any status: 429, but
// also 400 ThrottlingException on listings.
func verdict(status int, code errorCode) (callerr.Kind, ratelimit.Result) {
	switch {
	case code.throttles():
		return callerr.Throttled, ratelimit.Throttled
	case code == "ResourceConflictException":
		return callerr.Conflict, ratelimit.Conflict
	case code.skewed():
		return callerr.Credentials, ratelimit.ClockSkew
	case code.expired(), code.badCredentials(), status == http.StatusProxyAuthRequired:
		return callerr.Credentials, ratelimit.Permanent
	case code.denied():
		return callerr.Denied, ratelimit.Permanent
	case code == "ResourceNotFoundException":
		// Every Lambda 404 is about the function unless its text says otherwise.
		return callerr.FunctionMissing, ratelimit.Permanent
	case code.is("RequestTimeout", "RequestTimeoutException"), status == http.StatusRequestTimeout:
		return callerr.Transport, ratelimit.ServerError
	case status == http.StatusTooManyRequests:
		return callerr.Throttled, ratelimit.Throttled
	case status >= 500:
		return callerr.Server, ratelimit.ServerError
	case status == http.StatusUnauthorized:
		return callerr.Credentials, ratelimit.Permanent
	case code == "":
		return callerr.BadAnswer, ratelimit.Permanent // a proxy, or an endpoint that is not AWS
	case status == http.StatusForbidden:
		return callerr.Denied, ratelimit.Permanent
	}
	return callerr.Invalid, ratelimit.Permanent
}

// retryAfter is how long an answer asks to wait: the longer of the two headers
// that AWS uses. The SDK hands out neither. What cannot be read counts as
// absent, and so does a time that is over.
func retryAfter(h http.Header, now time.Time) time.Duration {
	standard := strings.TrimSpace(h.Get("Retry-After"))
	wait := max(seconds(standard, time.Second), seconds(strings.TrimSpace(h.Get("X-Amz-Retry-After")), time.Millisecond))
	if at, err := http.ParseTime(standard); err == nil {
		wait = max(wait, min(at.Sub(now), longestWait))
	}
	return wait
}

// longestWait keeps nonsense such as 1e300 within a Duration; the limiter has a
// far lower cap of its own.
const longestWait = 24 * time.Hour

func seconds(s string, unit time.Duration) time.Duration {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0) { // NaN too
		return 0
	}
	return time.Duration(min(n*float64(unit), float64(longestWait)))
}

// failed is an error of the SDK as the rest of the program knows it.
func (c call) failed(err error) error { return c.asCallError(failureOf(err)) }

func (c call) asCallError(f *failure) error {
	hide := c.creds.secrets()
	return ratelimit.WithResult(&callerr.Error{
		Service:   c.service,
		Op:        c.op,
		Subject:   c.about(),
		Kind:      f.kind,
		Status:    f.status,
		Code:      string(f.code),
		Message:   hide.scrub(f.message),
		RequestID: f.requestID,
		Hint:      c.hint(f),
		Err:       hide.scrubError(f.cause),
	}, f.result, f.retryAfter)
}

// badAnswer is the error of an answer that was whole but says what cannot be. It
// would only come back; after a write it leaves open what was stored, which counts
// as a fault: repeating a write of this API does no harm.
func (c call) badAnswer(md middleware.Metadata, err error) error {
	id, _ := awsmiddleware.GetRequestIDMetadata(md)
	f := &failure{sent: true, status: http.StatusOK, requestID: id, message: err.Error(), cause: err}
	return c.asCallError(f.as(callerr.BadAnswer, badAnswerResult(c.op)))
}

func badAnswerResult(op string) ratelimit.Result {
	if _, writes := writeOperations[op]; writes {
		return ratelimit.ServerError
	}
	return ratelimit.Permanent
}

// serviceName is how this program calls a service of the SDK.
func serviceName(id string) string {
	if id == "Resource Groups Tagging API" {
		return serviceTagging
	}
	return strings.ToLower(id)
}
