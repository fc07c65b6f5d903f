package callerr_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// refusal is a refused write of one function.
func refusal(function, code, message string) *callerr.Error {
	return &callerr.Error{
		Op: "UpdateFunctionEventInvokeConfig", Subject: "111111111111/eu-west-1/" + function, Kind: callerr.Refused,
		Code: code, Status: 400, Message: message, RequestID: "r-" + function,
	}
}

// TestCause: what two functions are told of one cause is one cause, and what
// must be mended elsewhere is another.
func TestCause(t *testing.T) {
	const (
		ipv   = "InvalidParameterValueException"
		role  = "The function execution role does not have permissions to call SendMessage on "
		queue = "arn:aws:sqs:eu-west-1:111111111111:q"
	)
	about := func(kind callerr.Kind, e *callerr.Error) *callerr.Error { e.Kind = kind; return e }
	to := func(destination string, e *callerr.Error) *callerr.Error {
		e.Destination = destination
		return e
	}
	tests := []struct {
		why  string
		a, b *callerr.Error
		same bool
	}{
		{"one queue, two functions", refusal("a:live", ipv, role+queue), refusal("b", ipv, role+queue), true},
		{"two queues", refusal("a", ipv, role+queue), refusal("a", ipv, role+queue+"2"), false},
		{"two verbs", refusal("a", ipv, role+queue), refusal("a", ipv, strings.Replace(role, "SendMessage", "Publish", 1)+queue), false},
		{"a full stop after the ARN is no part of it", refusal("a", ipv, role+queue), refusal("b", ipv, role+queue+"."), true},
		{"a text without its queue has the queue that was sent",
			to(queue, refusal("a", ipv, "The provided execution role does not have permissions to call SendMessage on SQS")),
			to(queue+"2", refusal("b", ipv, "The provided execution role does not have permissions to call SendMessage on SQS")), false},
		{"one bucket that is not there",
			to("arn:aws:s3:::b", refusal("a", ipv, "Error occurred while ListBucket. S3 Error Code: 404 Not Found. S3 Error Message: Not Found")),
			to("arn:aws:s3:::b", refusal("b", ipv, "Error occurred while ListBucket. S3 Error Code: 404 Not Found. S3 Error Message: Not Found")), true},
		{"one destination that does not exist", refusal("a", ipv, "The destination ARN "+queue+" is invalid."), refusal("b", ipv, "The destination ARN "+queue+" is invalid."), true},
		{"one FIFO queue",
			refusal("a", ipv, "The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination="+queue+".fifo)) is invalid."),
			refusal("b", ipv, "The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination="+queue+".fifo)) is invalid."), true},
		{"a permission that is missing for two functions, each named by its ARN",
			about(callerr.Denied, refusal("a", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/u is not authorized to perform: lambda:X on resource: arn:aws:lambda:eu-west-1:111111111111:function:a")),
			about(callerr.Denied, refusal("b:1", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/u is not authorized to perform: lambda:X on resource: arn:aws:lambda:eu-west-1:111111111111:function:b:1")), true},
		{"two permissions",
			about(callerr.Denied, refusal("a", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/u is not authorized to perform: lambda:X")),
			about(callerr.Denied, refusal("a", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/u is not authorized to perform: lambda:Y")), false},
		{"names that AWS quotes", refusal("pay-1:live", ipv, "The function 'pay-1' has no 'live'"), refusal("pay-2:beta", ipv, "The function 'pay-2' has no 'beta'"), true},
		{"a function called like a word of the sentence", refusal("function", ipv, role+queue), refusal("role", ipv, role+queue), true},
		{"a name of letters that stands bare may be a word: even one of the first letter or the last", refusal("a", ipv, "neither a nor z"), refusal("z", ipv, "neither a nor z"), true},
		{"a name with a digit is none, wherever the digit stands", refusal("pay-1", ipv, "no pay-1 here"), refusal("pay-2", ipv, "no pay-2 here"), true},
		{"and at its beginning", refusal("1pay", ipv, "no 1pay here"), refusal("2pay", ipv, "no 2pay here"), true},
		{"two queues in one text", refusal("a", ipv, "neither "+queue+" nor "+queue+"2"), refusal("a", ipv, "neither "+queue+" nor "+queue+"3"), false},
		{"a request id in the text", refusal("a", ipv, "Failed, request 6fcf2b3e-0000-4000-8000-000000000001"), refusal("a", ipv, "Failed, request 6fcf2b3e-0000-4000-8000-000000000002"), true},
		{"one text under two codes", refusal("a", ipv, "no"), refusal("a", "ValidationException", "no"), false},
		{"a name that is no text", refusal("a\x80", ipv, "no a\x80"), refusal("a\x80", ipv, "no a\x80"), true},
		{"no code, and two kinds", about(callerr.Transport, refusal("a", "", "no")), about(callerr.Server, refusal("a", "", "no")), false},
	}
	for _, tt := range tests {
		if got := tt.a.Cause() == tt.b.Cause(); got != tt.same {
			t.Errorf("%s: the same is %v:\n%s\n%s", tt.why, got, tt.a.Cause(), tt.b.Cause())
		}
	}
	const want = ipv + ": " + role + "ARN | " + queue
	if got := refusal("a", ipv, role+queue).Cause(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestTextOfAnError: as much is said as is known, and never nothing.
func TestTextOfAnError(t *testing.T) {
	below := errors.New("reset by peer")
	tests := []struct {
		e    callerr.Error
		want string
	}{
		{callerr.Error{Op: "Put", Subject: "f:live", Code: "Busy", Status: 409, Message: "later", RequestID: "r-1", Err: below}, "Put f:live: Busy (409): later [request r-1]"},
		{callerr.Error{Op: "Put", Code: "Busy", Message: "later"}, "Put: Busy: later"},
		{callerr.Error{Code: "Busy", Status: 409}, "Busy (409)"},
		{callerr.Error{Status: 503, Message: "later"}, "later"},
		{callerr.Error{Subject: "f", Kind: callerr.Transport, Err: below}, "f: reset by peer"},
		{callerr.Error{Kind: callerr.Transport}, "transport"},
	}
	for _, tt := range tests {
		if got := tt.e.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	for k := range callerr.Kind(255) {
		if k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}
