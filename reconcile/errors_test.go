package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// refusal is a refused write of one function.
func refusal(function, code, message string) *reconcile.CallError {
	return &reconcile.CallError{
		Op: "UpdateFunctionEventInvokeConfig", Subject: "111111111111/eu-west-1/" + function, Kind: reconcile.KindRefused,
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
	about := func(kind reconcile.ErrorKind, e *reconcile.CallError) *reconcile.CallError { e.Kind = kind; return e }
	to := func(destination string, e *reconcile.CallError) *reconcile.CallError {
		e.Destination = destination
		return e
	}
	tests := []struct {
		why  string
		a, b *reconcile.CallError
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
			about(reconcile.KindDenied, refusal("a", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/u is not authorized to perform: lambda:X on resource: arn:aws:lambda:eu-west-1:111111111111:function:a")),
			about(reconcile.KindDenied, refusal("b:1", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/u is not authorized to perform: lambda:X on resource: arn:aws:lambda:eu-west-1:111111111111:function:b:1")), true},
		{"two permissions",
			about(reconcile.KindDenied, refusal("a", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/u is not authorized to perform: lambda:X")),
			about(reconcile.KindDenied, refusal("a", "AccessDeniedException", "User: arn:aws:iam::111111111111:user/u is not authorized to perform: lambda:Y")), false},
		{"names that AWS quotes", refusal("pay-1:live", ipv, "The function 'pay-1' has no 'live'"), refusal("pay-2:beta", ipv, "The function 'pay-2' has no 'beta'"), true},
		{"a function called like a word of the sentence", refusal("function", ipv, role+queue), refusal("role", ipv, role+queue), true},
		{"a name of letters that stands bare may be a word: even one of the first letter or the last", refusal("a", ipv, "neither a nor z"), refusal("z", ipv, "neither a nor z"), true},
		{"a name with a digit is none, wherever the digit stands", refusal("pay-1", ipv, "no pay-1 here"), refusal("pay-2", ipv, "no pay-2 here"), true},
		{"and at its beginning", refusal("1pay", ipv, "no 1pay here"), refusal("2pay", ipv, "no 2pay here"), true},
		{"two queues in one text", refusal("a", ipv, "neither "+queue+" nor "+queue+"2"), refusal("a", ipv, "neither "+queue+" nor "+queue+"3"), false},
		{"a request id in the text", refusal("a", ipv, "Failed, request 6fcf2b3e-0000-4000-8000-000000000001"), refusal("a", ipv, "Failed, request 6fcf2b3e-0000-4000-8000-000000000002"), true},
		{"one text under two codes", refusal("a", ipv, "no"), refusal("a", "ValidationException", "no"), false},
		{"a name that is no text", refusal("a\x80", ipv, "no a\x80"), refusal("a\x80", ipv, "no a\x80"), true},
		{"no code, and two kinds", about(reconcile.KindTransport, refusal("a", "", "no")), about(reconcile.KindServer, refusal("a", "", "no")), false},
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
		e    reconcile.CallError
		want string
	}{
		{reconcile.CallError{Op: "Put", Subject: "f:live", Code: "Busy", Status: 409, Message: "later", RequestID: "r-1", Err: below}, "Put f:live: Busy (409): later [request r-1]"},
		{reconcile.CallError{Op: "Put", Code: "Busy", Message: "later"}, "Put: Busy: later"},
		{reconcile.CallError{Code: "Busy", Status: 409}, "Busy (409)"},
		{reconcile.CallError{Status: 503, Message: "later"}, "later"},
		{reconcile.CallError{Subject: "f", Kind: reconcile.KindTransport, Err: below}, "f: reset by peer"},
		{reconcile.CallError{Kind: reconcile.KindTransport}, "transport"},
	}
	for _, tt := range tests {
		if got := tt.e.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	for k := range reconcile.ErrorKind(255) {
		if k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

// TestErrorForm: every error of a run has the one form, and it reads back.
func TestErrorForm(t *testing.T) {
	full := &reconcile.CallError{
		Service: "lambda", Op: "ListAliases", Subject: "111111111111/eu-west-1/f", Kind: reconcile.KindDenied, Code: "AccessDeniedException",
		Status: 403, Message: "no", RequestID: "r", Hint: "allow it", Destination: "d", Err: errors.New("below"),
	}
	tests := []struct {
		why  string
		err  error
		want *reconcile.CallError
	}{
		{"none", nil, nil},
		{"a failed call, wrapped", fmt.Errorf("survey: %w", full), full},
		{"its text is in the cause", &reconcile.CallError{Kind: reconcile.KindTransport, Err: errors.New("reset")}, &reconcile.CallError{Kind: reconcile.KindTransport, Message: "reset"}},
		{"one function was throttled, and no other", fmt.Errorf("%w: %w", &ratelimit.GivenUpError{Result: ratelimit.Throttled, Alone: true},
			&reconcile.CallError{Kind: reconcile.KindThrottled, Message: "Rate exceeded", Hint: "other callers spend the same quota"}),
			&reconcile.CallError{Kind: reconcile.KindThrottled, Message: "Rate exceeded",
				Hint: "AWS served other functions meanwhile, so the quota is not spent: see what else changes this function, and run again"}},
		{"the fleet file", desired.Problems{}, &reconcile.CallError{Kind: reconcile.KindFleetFile, Message: desired.Problems{}.Error()}},
		{"the guard", &reconcile.GuardError{}, &reconcile.CallError{Kind: reconcile.KindGuard, Message: (&reconcile.GuardError{}).Error()}},
		{"not all was read", reconcile.ErrIncomplete, &reconcile.CallError{Kind: reconcile.KindIncomplete, Message: reconcile.ErrIncomplete.Error()}},
		{"too many failures", reconcile.ErrErrorBudget, &reconcile.CallError{Kind: reconcile.KindErrorBudget, Message: reconcile.ErrErrorBudget.Error()}},
		{"anything else", errors.New("disk full"), &reconcile.CallError{Message: "disk full"}},
	}
	inJSON := cmpopts.IgnoreFields(reconcile.CallError{}, "Err", "Destination")
	for _, tt := range tests {
		got := reconcile.ErrorOf(tt.err)
		if d := cmp.Diff(tt.want, got, inJSON); d != "" {
			t.Errorf("%s: %s", tt.why, d)
		}
		data, err := json.Marshal(got)
		var back *reconcile.CallError
		if err == nil {
			err = json.Unmarshal(data, &back)
		}
		if d := cmp.Diff(tt.want, back, inJSON); err != nil || d != "" {
			t.Errorf("%s: read back: %v\n%s", tt.why, err, d)
		}
	}
	const want = `{"service":"lambda","operation":"ListAliases","subject":"111111111111/eu-west-1/f","kind":"denied","code":"AccessDeniedException","status":403,"message":"no","request_id":"r","hint":"allow it"}`
	if data, _ := json.Marshal(full); string(data) != want {
		t.Errorf("got %s", data)
	}
	var later reconcile.CallError
	if err := json.Unmarshal([]byte(`{"kind":"of_tomorrow"}`), &later); err != nil || later.Kind != reconcile.KindUnknown {
		t.Errorf("a kind of a later version: %v, %v", later.Kind, err)
	}
}
