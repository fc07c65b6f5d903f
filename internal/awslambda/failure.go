package awslambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// failure is one attempt that did not bring a good answer, understood once, at
// the place where the raw answer is at hand.
type failure struct {
	kind       reconcile.Kind
	outcome    ratelimit.Result
	retryAfter time.Duration
	sent       bool // the request reached the HTTP client
	status     int
	code       errorCode
	message    string
	requestID  string
	cause      error
}

func (f *failure) Error() string {
	switch {
	case f.code != "":
		return fmt.Sprintf("%s (%d): %s", f.code, f.status, f.message)
	case f.message != "":
		return f.message
	case f.cause != nil:
		return f.cause.Error()
	}
	return f.kind.String()
}

func (f *failure) Unwrap() error { return f.cause }

// failureOf finds the failure within what the SDK returned. An error without
// one never became a request: a token not granted, credentials that cannot be
// had, an input that the SDK refuses.
func failureOf(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var creds *credentialsError
	if errors.As(err, &creds) {
		return creds.failure()
	}
	if outcome, _ := ratelimit.ResultOf(err); outcome == ratelimit.Cancelled || isContextError(err) {
		return &failure{outcome: ratelimit.Cancelled, cause: err}
	}
	return &failure{kind: reconcile.KindInvalid, outcome: ratelimit.Permanent, cause: err}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// sendFailure is a request without an answer: it may or may not have been done.
func sendFailure(err error) *failure {
	var forbidden *forbiddenError
	if errors.As(err, &forbidden) {
		return &failure{kind: reconcile.KindInvalid, outcome: ratelimit.Permanent, cause: err}
	}
	f := &failure{kind: reconcile.KindTransport, outcome: ratelimit.ServerError, sent: true, message: unreachable(err), cause: err}
	if errors.Is(err, context.DeadlineExceeded) {
		f.message = fmt.Sprintf("no answer within %v", attemptTimeout)
	}
	return f
}

// brokenBody is an answer that broke off.
func brokenBody(status int, h http.Header, err error) *failure {
	f := answered(status, h)
	f.kind, f.outcome = reconcile.KindTransport, ratelimit.ServerError
	f.message, f.cause = "the answer broke off: "+err.Error(), err
	return f
}

// badAnswer is a success whose body cannot be used. A body that is not JSON was
// spoilt on its way, so the read is worth another try. One of the wrong shape
// would only come back; after a write it leaves open what was stored, which
// counts as a fault: repeating a write of this API does no harm.
func badAnswer(op string, status int, h http.Header, err error) *failure {
	f := answered(status, h)
	f.kind, f.outcome = reconcile.KindBadAnswer, ratelimit.Permanent
	f.message, f.cause = err.Error(), err
	var spoilt *notJSONError
	if _, writes := writeOperations()[op]; writes || errors.As(err, &spoilt) {
		f.outcome = ratelimit.ServerError
	}
	return f
}

// answered is the part of a failure that every answer has.
func answered(status int, h http.Header) *failure {
	return &failure{sent: true, status: status, requestID: requestID(h), retryAfter: retryAfter(h, time.Now())}
}

func requestID(h http.Header) string {
	for _, name := range [...]string{"X-Amzn-Requestid", "X-Amz-Request-Id", "X-Amz-RequestId"} {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	return ""
}
