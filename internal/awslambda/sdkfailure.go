package awslambda

import (
	"errors"
	"net"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// sdkFailure understands an error of STS or of the tagging API, whose answers
// the SDK reads itself.
func sdkFailure(err error) *failure {
	f := &failure{kind: reconcile.KindUnknown, outcome: ratelimit.Permanent, cause: err}
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) {
		f.sent, f.status, f.requestID = true, resp.HTTPStatusCode(), resp.ServiceRequestID()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		f.code, f.message = errorCode(api.ErrorCode()), api.ErrorMessage()
		f.kind, f.outcome = verdict(f.status, f.code)
		return f
	}
	var sending *smithyhttp.RequestSendError
	var network net.Error
	switch {
	case f.status >= 500:
		f.kind, f.outcome = reconcile.KindServer, ratelimit.ServerError
	case errors.As(err, &sending), errors.As(err, &network):
		f.kind, f.outcome, f.message = reconcile.KindTransport, ratelimit.ServerError, unreachable(err)
	case isContextError(err):
		f.outcome = ratelimit.Cancelled
	case f.sent:
		f.kind = reconcile.KindBadAnswer
	}
	return f
}
