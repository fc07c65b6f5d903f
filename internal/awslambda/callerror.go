package awslambda

import (
	"net/http"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// asCallError is the failure as the rest of the program knows it.
func (c call) asCallError(f *failure) error {
	hide := c.keys.secrets()
	return ratelimit.WithResult(&reconcile.CallError{
		Op:        c.op,
		Subject:   c.subject(),
		Kind:      f.kind,
		Status:    f.status,
		Code:      string(f.code),
		Message:   hide.scrub(f.message),
		RequestID: f.requestID,
		Hint:      c.hint(f),
		Err:       hide.scrubError(f.cause),
	}, f.outcome, f.retryAfter)
}

// distrust is the error of an answer that was whole but says what cannot be.
func (c call) distrust(md middleware.Metadata, err error) error {
	id, _ := awsmiddleware.GetRequestIDMetadata(md)
	f := badAnswer(c.op, http.StatusOK, http.Header{}, err)
	f.requestID = id
	return c.asCallError(f)
}
