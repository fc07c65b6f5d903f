package reconcile

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is what an error means to a run, whatever AWS called it.
type Kind uint8

// The kinds.
const (
	KindUnknown         Kind = iota
	KindFunctionMissing      // no such function, or for a Put no such qualifier
	KindRecordMissing        // the function is there, the record is not
	KindDenied               // the caller lacks a permission
	KindCredentials          // no credentials, or expired ones
	KindRefused              // AWS refused the destination: permission of the function's role, or the target itself
	KindInvalid              // AWS refused the request for another reason
	KindThrottled            // the quota was spent
	KindConflict             // the function was busy with another update
	KindServer               // AWS failed, 5xx
	KindTransport            // timeout or broken connection: a write may or may not have been done
	KindBadAnswer            // an answer that cannot be understood or trusted
)

var kindNames = [...]string{
	KindUnknown:         "unknown",
	KindFunctionMissing: "function_missing",
	KindRecordMissing:   "record_missing",
	KindDenied:          "denied",
	KindCredentials:     "credentials",
	KindRefused:         "refused",
	KindInvalid:         "invalid",
	KindThrottled:       "throttled",
	KindConflict:        "conflict",
	KindServer:          "server",
	KindTransport:       "transport",
	KindBadAnswer:       "bad_answer",
}

// String is the kind as JSON output spells it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[KindUnknown]
}

// CallError is one failed request: what was asked of what, what came back, and
// what a person can do about it.
type CallError struct {
	Op        string // the API's operation name, such as UpdateFunctionEventInvokeConfig
	Subject   string // what it was about: 111111111111/eu-west-1/orders:live
	Kind      Kind
	Status    int    // HTTP status; 0 when no answer came
	Code      string // AWS error code; "" when no answer came
	Message   string // AWS's own text
	RequestID string // for AWS support; "" when no answer came
	Hint      string // what to do next
	Err       error  // the cause below, when there is one
}

// Error is "UpdateFunctionEventInvokeConfig 111111111111/eu-west-1/orders:live: ResourceConflictException (409): text [request id]".
func (e *CallError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Op, e.Subject)
	switch {
	case e.Code != "":
		fmt.Fprintf(&b, "%s (%d): %s", e.Code, e.Status, e.Message)
	case e.Message != "":
		b.WriteString(e.Message)
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	default:
		b.WriteString(e.Kind.String())
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [request %s]", e.RequestID)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *CallError) Unwrap() error { return e.Err }

// KindOf is the kind of the CallError within err, or KindUnknown.
func KindOf(err error) Kind {
	var ce *CallError
	if errors.As(err, &ce) {
		return ce.Kind
	}
	return KindUnknown
}
