package history

import (
	"errors"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Failure is an error as a record keeps it.
type Failure struct {
	Kind      string `json:"kind"`
	Op        string `json:"op,omitempty"`
	Status    int    `json:"status,omitempty"`
	Code      string `json:"code,omitempty"`
	Message   string `json:"message,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Hint      string `json:"hint,omitempty"`
}

// NewFailure takes from an error what may be kept, or is nil for nil.
//
// The text of an error is kept only where it is AWS's answer to a request that
// AWS took for genuine. What AWS says about credentials may repeat parts of the
// signed request, session token included, and the text of an error that is no
// answer may hold anything.
func NewFailure(err error) *Failure {
	if err == nil {
		return nil
	}
	call := callError(err)
	if call == nil {
		return &Failure{Kind: reconcile.KindUnknown.String()}
	}
	f := &Failure{
		Kind: call.Kind.String(), Op: call.Op, Status: call.Status, Code: call.Code,
		RequestID: call.RequestID, Hint: call.Hint,
	}
	switch call.Kind {
	case reconcile.KindCredentials, reconcile.KindUnknown, reconcile.KindTransport:
	default:
		f.Message = call.Message
	}
	return f
}

// callError is the failed request within err, or nil.
func callError(err error) *reconcile.CallError {
	var call *reconcile.CallError
	if errors.As(err, &call) {
		return call
	}
	return nil
}
