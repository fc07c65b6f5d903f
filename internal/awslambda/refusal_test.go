package awslambda

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// lambdaError is an error body as Lambda writes it; the casing of the message
// depends on the shape.
func lambdaError(key, message string) string {
	body, _ := json.Marshal(map[string]string{"Type": "User", key: message})
	return string(body)
}

const (
	statementHint   = "allow lambda:%s on arn:aws:lambda:us-east-1:111111111111:function:orders and arn:aws:lambda:us-east-1:111111111111:function:orders:* for the caller"
	roleTail        = " for the function's own execution role; a fresh permission took about 30 s to count"
	faultHint       = "AWS failed; run again, and report the request id to AWS support if it stays"
	throttleHint    = "other callers spend the same quota; run again later, or lower --rate-share"
	missingHint     = "create the function, or take its entries out of the fleet file; check account and region"
	recordHint      = "the record is not there, or not any more; run again to plan from what is"
	destHint        = "use a standard SQS queue or SNS topic (not FIFO), a function, an event bus, or for on_failure only an S3 bucket as arn:PARTITION:s3:::NAME"
	readAgain       = "run again; if it stays, check the network, the proxy settings, the region and AWS_ENDPOINT_URL"
	notLambda       = "check that AWS_ENDPOINT_URL and the proxy settings lead to AWS, and run again"
	badKeys         = "check AWS_PROFILE and the access key, and that the region is enabled for the account"
	regionOrKeyHint = "enable the region us-east-1 for account 111111111111 if it is not: a region that is off knows no key; else check AWS_PROFILE and the access key"
	invalidHint     = "correct what the message names, and run again"
	clockHint       = "check this machine's clock, and that secret key and session token belong to the access key"
)

// TestRefusals holds every answer that Lambda is recorded or documented to give
// to its kind, its outcome and its exact hint.
func TestRefusals(t *testing.T) {
	const (
		ipv = "InvalidParameterValueException"
		rnf = "ResourceNotFoundException"
		arn = "arn:aws:lambda:us-east-1:111111111111:function:orders:live"
	)
	tests := []struct {
		why     string
		op      string // opUpdate when empty
		status  int
		code    string
		body    string
		kind    callerr.Kind
		outcome ratelimit.Result
		hint    string
	}{
		{why: "an empty body is invalid", status: 400, code: ipv,
			body: lambdaError("message", "You must specify at least one of error handling or destination setting."),
			kind: callerr.Invalid, outcome: ratelimit.Permanent,
			hint: "declare at least one setting, or remove: true to have no record"},
		{why: "a destination that is not there is refused", status: 400, code: ipv,
			body: lambdaError("message", "The destination ARN arn:aws:lambda:us-east-1:111111111111:function:gone is invalid."),
			kind: callerr.Refused, outcome: ratelimit.Permanent,
			hint: "check that the destination exists, in this account and partition; if it was created just now, run again"},
		{why: "a function cannot feed itself", status: 400, code: ipv,
			body: lambdaError("message", "You can't specify the function as a destination for itself."),
			kind: callerr.Refused, outcome: ratelimit.Permanent,
			hint: "name another destination: a function that feeds itself would loop"},
		{why: "FIFO, S3 on success and unknown services share a text", status: 400, code: ipv,
			body: lambdaError("message", "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:sqs:us-east-1:111111111111:q.fifo), onFailure=null) is invalid."),
			kind: callerr.Refused, outcome: ratelimit.Permanent, hint: destHint},
		{why: "a FIFO topic, should Lambda say so", status: 400, code: ipv,
			body: lambdaError("message", "FIFO-type Amazon SNS topics aren't supported as a destination."),
			kind: callerr.Refused, outcome: ratelimit.Permanent, hint: "use a standard SNS topic: FIFO topics are no destinations"},
		{why: "the role may not send to the queue", status: 400, code: ipv,
			body: lambdaError("message", "The function execution role does not have permissions to call SendMessage on "+queue),
			kind: callerr.Role, outcome: ratelimit.Permanent, hint: "allow sqs:SendMessage on " + queue + roleTail},
		{why: "Terraform knows another wording", status: 400, code: ipv,
			body: lambdaError("message", "The function's execution role does not have permissions to call Publish on arn:aws:sns:us-east-1:111111111111:t"),
			kind: callerr.Role, outcome: ratelimit.Permanent, hint: "allow sns:Publish on arn:aws:sns:us-east-1:111111111111:t" + roleTail},
		{why: "the role may not invoke the function", status: 400, code: ipv,
			body: lambdaError("message", "The function execution role does not have permissions to call InvokeFunction on "+arn),
			kind: callerr.Role, outcome: ratelimit.Permanent, hint: "allow lambda:InvokeFunction on " + arn + roleTail},
		{why: "the role may not put events", status: 400, code: ipv,
			body: lambdaError("message", "The function execution role does not have permissions to call PutEvents on arn:aws:events:us-east-1:111111111111:event-bus/b"),
			kind: callerr.Role, outcome: ratelimit.Permanent, hint: "allow events:PutEvents on arn:aws:events:us-east-1:111111111111:event-bus/b" + roleTail},
		{why: "a bucket takes two permissions", status: 400, code: ipv,
			body: lambdaError("message", "The function execution role does not have permissions to call PutObject on arn:aws:s3:::b"),
			kind: callerr.Role, outcome: ratelimit.Permanent, hint: "allow s3:PutObject and s3:ListBucket on arn:aws:s3:::b" + roleTail},
		{why: "a verb nobody has seen is passed on", status: 400, code: ipv,
			body: lambdaError("message", "The provided execution role does not have permissions to call Frobnicate on SQS"),
			kind: callerr.Role, outcome: ratelimit.Permanent, hint: "allow the permission to Frobnicate on the destination" + roleTail},
		{why: "the bucket is not there", status: 400, code: ipv,
			body: lambdaError("message", "Error occurred while ListBucket. S3 Error Code: 404 Not Found. S3 Error Message: Not Found"),
			kind: callerr.Refused, outcome: ratelimit.Permanent, hint: "create the bucket, or correct its name"},
		{why: "the bucket may not be listed", status: 400, code: ipv,
			body: lambdaError("message", "Error occurred while ListBucket. S3 Error Code: 403 Forbidden. S3 Error Message: Forbidden"),
			kind: callerr.Role, outcome: ratelimit.Permanent,
			hint: "allow s3:PutObject and s3:ListBucket on the bucket for the function's execution role, and check that the bucket exists; a fresh permission took about 30 s to count"},
		{why: "two qualifiers", status: 400, code: ipv,
			body: lambdaError("message", "The derived qualifier from the function name does not match the specified qualifier."),
			kind: callerr.Invalid, outcome: ratelimit.Permanent, hint: "give the qualifier once: in the function's name or beside it"},
		{why: "a listing by a qualified name", op: opListConfigs, status: 400, code: ipv,
			body: lambdaError("message", "The function name must not include a version number or alias."),
			kind: callerr.Invalid, outcome: ratelimit.Permanent, hint: "list by the plain function name: the answer holds all qualifiers"},
		{why: "a marker that is no more", op: opListConfigs, status: 400, code: ipv,
			body: lambdaError("message", "Invalid pagination key."),
			kind: callerr.Invalid, outcome: ratelimit.Permanent, hint: "run again: the listing changed while it was read"},
		{why: "an IPV with a text nobody knows is invalid, with no made-up hint", status: 400, code: ipv,
			body: lambdaError("message", "Something new."), kind: callerr.Invalid, outcome: ratelimit.Permanent, hint: invalidHint},
		{why: "a queue URL for an ARN", status: 400, code: "ValidationException",
			body: lambdaError("message", "1 validation error detected: Value 'https://sqs' at 'destinationConfig.onFailure.destination' failed to satisfy constraint: Member must satisfy regular expression pattern: ..."),
			kind: callerr.Invalid, outcome: ratelimit.Permanent, hint: "write the destination as an ARN of at most 350 characters; a queue URL is not one"},
		{why: "a number out of range", status: 400, code: "ValidationException",
			body: lambdaError("message", "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2"),
			kind: callerr.Invalid, outcome: ratelimit.Permanent, hint: invalidHint},
		{why: "a permission is missing: the statement is spelt out", status: 403, code: "AccessDeniedException",
			body: lambdaError("Message", "User: arn:aws:iam::111111111111:user/u is not authorized to perform: lambda:UpdateFunctionEventInvokeConfig on resource: "+arn),
			kind: callerr.Denied, outcome: ratelimit.Permanent, hint: fmt.Sprintf(statementHint, opUpdate)},
		{why: "the null message of another account", op: opListConfigs, status: 403, code: "AccessDeniedException", body: `{"Message":null}`,
			kind: callerr.Denied, outcome: ratelimit.Permanent, hint: fmt.Sprintf(statementHint, opListConfigs)},
		{why: "discovery has no resource", op: opListFunctions, status: 403, code: "AccessDeniedException", body: `{}`,
			kind: callerr.Denied, outcome: ratelimit.Permanent, hint: "allow lambda:ListFunctions on * for the caller"},
		{why: "static credentials that expired cannot be refreshed", status: 403, code: "ExpiredTokenException", body: lambdaError("message", "The security token included in the request is expired"),
			kind: callerr.Credentials, outcome: ratelimit.Permanent, hint: "renew the credentials, such as with aws sso login, and run again"},
		{why: "an access key nobody knows", status: 403, code: "UnrecognizedClientException", body: lambdaError("message", "The security token included in the request is invalid."),
			kind: callerr.Credentials, outcome: ratelimit.Permanent, hint: regionOrKeyHint},
		{why: "a bad signature may be a clock: once more", status: 403, code: "InvalidSignatureException", body: lambdaError("message", "Signature expired"),
			kind: callerr.Credentials, outcome: ratelimit.ClockSkew, hint: clockHint},
		{why: "a clock that is off: once more", status: 403, code: "RequestTimeTooSkewed", body: `{}`,
			kind: callerr.Credentials, outcome: ratelimit.ClockSkew, hint: clockHint},
		{why: "List tells a missing function", op: opListConfigs, status: 404, code: rnf, body: lambdaError("Message", "The function doesn't exist."),
			kind: callerr.FunctionMissing, outcome: ratelimit.Permanent, hint: missingHint},
		{why: "Put says the same of a missing alias", op: opPut, status: 404, code: rnf, body: lambdaError("Message", "The function doesn't exist."),
			kind: callerr.FunctionMissing, outcome: ratelimit.Permanent,
			hint: "create the function orders and its alias or version live, or take the entry out of the fleet file"},
		{why: "Update of a record that is gone", status: 404, code: rnf, body: lambdaError("Message", "The function "+arn+" doesn't have an EventInvokeConfig"),
			kind: callerr.RecordMissing, outcome: ratelimit.Permanent, hint: recordHint},
		{why: "the wrong region is not a missing function", op: opListConfigs, status: 404, code: rnf,
			body: lambdaError("Message", "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"),
			kind: callerr.Invalid, outcome: ratelimit.Permanent, hint: "put the function under the target of its own region"},
		{why: "aliases of a missing function", op: opListAliases, status: 404, code: rnf, body: lambdaError("Message", "Function not found: "+arn),
			kind: callerr.FunctionMissing, outcome: ratelimit.Permanent, hint: missingHint},
		{why: "a missing alias", status: 404, code: rnf, body: lambdaError("Message", "Alias not found: "+arn),
			kind: callerr.FunctionMissing, outcome: ratelimit.Permanent, hint: "create the alias, or take its entry out of the fleet file"},
		{why: "a 404 of something that is not Lambda must not read as a missing function", op: opListConfigs, status: 404, body: "<html>nginx</html>",
			kind: callerr.BadAnswer, outcome: ratelimit.Permanent, hint: notLambda},
		{why: "nor may it make a Delete succeed", op: opDelete, status: 404, body: "<html>nginx</html>",
			kind: callerr.BadAnswer, outcome: ratelimit.Permanent, hint: notLambda},
		{why: "the function is busy", status: 409, code: "ResourceConflictException",
			body: lambdaError("message", "The operation cannot be performed at this time. An update is in progress for resource: "+arn),
			kind: callerr.Conflict, outcome: ratelimit.Conflict, hint: "the function is being updated; run again when its deployment is done"},
		{why: "the quota", status: 429, code: "TooManyRequestsException", body: `{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate exceeded"}`,
			kind: callerr.Throttled, outcome: ratelimit.Throttled, hint: throttleHint},
		{why: "the quota in its other dress", status: 400, code: "ThrottlingException", body: lambdaError("message", "Rate exceeded"),
			kind: callerr.Throttled, outcome: ratelimit.Throttled, hint: throttleHint},
		{why: "a 429 with a code nobody knows", status: 429, code: "SomethingNew", body: `{}`,
			kind: callerr.Throttled, outcome: ratelimit.Throttled, hint: throttleHint},
		{why: "a 429 without a code", status: 429, body: "slow down",
			kind: callerr.Throttled, outcome: ratelimit.Throttled, hint: throttleHint},
		{why: "AWS failed", status: 500, code: "ServiceException", body: lambdaError("Message", "Internal error"),
			kind: callerr.Server, outcome: ratelimit.ServerError, hint: faultHint},
		{why: "a load balancer answers in HTML", status: 502, body: "<html><body>Bad Gateway</body></html>",
			kind: callerr.Server, outcome: ratelimit.ServerError, hint: faultHint},
		{why: "unavailable", status: 503, body: "", kind: callerr.Server, outcome: ratelimit.ServerError, hint: faultHint},
		{why: "gateway timeout", status: 504, body: "", kind: callerr.Server, outcome: ratelimit.ServerError, hint: faultHint},
		{why: "a timeout on AWS's side", op: opListConfigs, status: 400, code: "RequestTimeoutException", body: `{}`,
			kind: callerr.Transport, outcome: ratelimit.ServerError, hint: readAgain},
		{why: "a timeout by status alone", op: opListConfigs, status: 408, code: "Whatever", body: `{}`,
			kind: callerr.Transport, outcome: ratelimit.ServerError, hint: readAgain},
		{why: "a 403 under a new name is still a denial", status: 403, code: "SomethingNew", body: `{}`,
			kind: callerr.Denied, outcome: ratelimit.Permanent, hint: fmt.Sprintf(statementHint, opUpdate)},
		{why: "a region that the account has not enabled", op: opListConfigs, status: 403, code: "OptInRequired", body: `{}`,
			kind: callerr.Credentials, outcome: ratelimit.Permanent,
			hint: "enable the region us-east-1 for account 111111111111, under Account, AWS Regions, or take the target out of the fleet file"},
		{why: "401 is a refusal, and not an answer of something else", op: opListConfigs, status: 401, body: "<html>Unauthorized</html>",
			kind: callerr.Credentials, outcome: ratelimit.Permanent, hint: badKeys},
		{why: "a proxy that wants credentials", op: opListConfigs, status: 407, body: "<html>Proxy Authentication Required</html>",
			kind: callerr.Credentials, outcome: ratelimit.Permanent,
			hint: "write user name and password into HTTPS_PROXY, as http://USER:PASSWORD@HOST:PORT"},
		{why: "a redirect of a portal is no answer", op: opListConfigs, status: 302, body: "",
			kind: callerr.BadAnswer, outcome: ratelimit.Permanent, hint: notLambda},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			op := tt.op
			if op == "" {
				op = opUpdate
			}
			var headers []string
			if tt.code != "" {
				headers = []string{"x-amzn-ErrorType", tt.code + ":http://internal.amazon.com/coral/"}
			}
			err := operate(t.Context(), connTo(t, saying(tt.status, tt.body, headers...)), op, live)
			ce := callErrorOf(t, err)
			outcome, _ := ratelimit.ResultOf(err)
			got := callerr.Error{Kind: ce.Kind, Status: ce.Status, Code: ce.Code, RequestID: ce.RequestID, Hint: ce.Hint}
			want := callerr.Error{Kind: tt.kind, Status: tt.status, Code: tt.code, RequestID: "req-1", Hint: tt.hint}
			if d := cmp.Diff(want, got); d != "" || outcome != tt.outcome {
				t.Errorf("outcome %v, want %v; error (-want +got):\n%s\n%v", outcome, tt.outcome, d, err)
			}
		})
	}
}

// TestWhereTheCodeIs: AWS writes the code of an error in four ways, and the
// message in two.
func TestWhereTheCodeIs(t *testing.T) {
	tests := []struct {
		why, header, body string
		code              errorCode
		message           string
	}{
		{"the header, with a URL", "TooManyRequestsException:http://internal/", `{"message":"m"}`, "TooManyRequestsException", "m"},
		{"the header, with a namespace", "com.amazonaws.lambda#ServiceException", `{"Message":"m"}`, "ServiceException", "m"},
		{"__type", "", `{"__type":"com.amazon.coral.service#ThrottlingException","message":"m"}`, "ThrottlingException", "m"},
		{"code", "", `{"code":"ServiceException","Message":"m"}`, "ServiceException", "m"},
		{"the header beats the body", "ServiceException", `{"code":"Other"}`, "ServiceException", "HTTP status 499"},
		{"a code that is a number is none", "", `{"code":17}`, "", "HTTP status 499"},
		{"a null message", "AccessDeniedException", `{"Message":null}`, "AccessDeniedException", "HTTP status 499"},
		{"a message that is an object makes the body none of AWS's", "ServiceException", `{"Message":{"a":1}}`, "", "HTTP status 499"},
		{"HTML", "", `<html>`, "", `HTTP status 499 from https://lambda.us-east-1.amazonaws.com, and no error that AWS writes: "<html>"`},
	}
	for _, tt := range tests {
		f := failureOf(operateRaw(t, saying(499, tt.body, "X-Amzn-Errortype", tt.header)))
		if f.code != tt.code || !strings.HasPrefix(f.message, tt.message) {
			t.Errorf("%s: got %q, %q; want %q, %q", tt.why, f.code, f.message, tt.code, tt.message)
		}
	}
}

// TestNoAnswer: whatever breaks between us and AWS is ambiguous, and the hint
// says what that means for a read and for a write.
func TestNoAnswer(t *testing.T) {
	const writeHint = "the write may or may not have been done; run again, which reads what is there first"
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	tests := []struct {
		why, op, hint string
		client        canned
	}{
		{"a reset while reading", opListConfigs, readAgain, func(*http.Request) (*http.Response, error) { return nil, reset }},
		{"a reset while writing", opUpdate, writeHint, func(*http.Request) (*http.Response, error) { return nil, reset }},
		{"a name that does not resolve", opListConfigs, readAgain, func(*http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "lambda", IsNotFound: true}
		}},
		{"a body that breaks off", opListConfigs, readAgain, func(r *http.Request) (*http.Response, error) {
			resp := answer(r, 200, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"FunctionEventInvokeConfigs":[`), errReader{io.ErrUnexpectedEOF}))
			resp.ContentLength = -1
			return resp, nil
		}},
		{"fewer bytes than promised", opUpdate, writeHint, func(r *http.Request) (*http.Response, error) {
			resp := answer(r, 200, `{}`)
			resp.ContentLength = 300
			return resp, nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			err := operate(t.Context(), connTo(t, tt.client), tt.op, live)
			ce := callErrorOf(t, err)
			outcome, _ := ratelimit.ResultOf(err)
			if ce.Kind != callerr.Transport || outcome != ratelimit.ServerError || ce.Hint != tt.hint {
				t.Errorf("got %v, %v, hint %q: %v", ce.Kind, outcome, ce.Hint, err)
			}
		})
	}
}

func TestDeleteOfNothingIsDone(t *testing.T) {
	for _, message := range []string{
		"The function arn:aws:lambda:us-east-1:111111111111:function:orders:live doesn't have an EventInvokeConfig",
		"The function doesn't exist.",
	} {
		conn := connTo(t, saying(404, lambdaError("Message", message), "x-amzn-ErrorType", "ResourceNotFoundException"))
		if err := NewWriter(conn).Delete(t.Context(), live); err != nil {
			t.Errorf("%s: %v", message, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		why, standard, millis string
		want                  time.Duration
	}{
		{"seconds", "3", "", 3 * time.Second},
		{"fractions", " 1.5 ", "", 1500 * time.Millisecond},
		{"a date", now.Add(7 * time.Second).Format(http.TimeFormat), "", 7 * time.Second},
		{"a date that is over", now.Add(-time.Hour).Format(http.TimeFormat), "", 0},
		{"a date far off", now.AddDate(10, 0, 0).Format(http.TimeFormat), "", longestWait},
		{"AWS's own, in milliseconds", "", "1234", 1234 * time.Millisecond},
		{"the longer of both", "1", "1500", 1500 * time.Millisecond},
		{"the longer of both, the other way", "2", "1500", 2 * time.Second},
		{"garbage", "soon", "later", 0},
		{"garbage in one does not spoil the other", "soon", "20", 20 * time.Millisecond},
		{"negative", "-5", "-5", 0},
		{"not a number", "NaN", "NaN", 0},
		{"beyond all reason", "1e300", "Inf", longestWait},
		{"absent", "", "", 0},
	}
	for _, tt := range tests {
		h := http.Header{}
		h.Set("Retry-After", tt.standard)
		h.Set("X-Amz-Retry-After", tt.millis)
		if got := retryAfter(h, now); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.why, got, tt.want)
		}
	}
}

// TestRetryAfterReachesTheCaller: the SDK hands out neither header.
func TestRetryAfterReachesTheCaller(t *testing.T) {
	for _, tt := range []struct {
		header, value string
		want          time.Duration
	}{
		{"Retry-After", "3", 3 * time.Second},
		{"X-Amz-Retry-After", "2500", 2500 * time.Millisecond},
	} {
		conn := connTo(t, saying(429, `{}`, "x-amzn-ErrorType", "TooManyRequestsException", tt.header, tt.value))
		_, err := NewReader(conn).ListConfigs(t.Context(), "orders", "")
		if outcome, after := ratelimit.ResultOf(err); outcome != ratelimit.Throttled || after != tt.want {
			t.Errorf("%s: got %v, %v", tt.header, outcome, after)
		}
	}
}

func TestErrorNamesTheSubject(t *testing.T) {
	tests := []struct {
		op   string
		name desired.Name
		want string
	}{
		{opUpdate, live, "UpdateFunctionEventInvokeConfig 111111111111/us-east-1/orders:live: ServiceException (500): boom [request req-1]"},
		{opListConfigs, orders, "ListFunctionEventInvokeConfigs 111111111111/us-east-1/orders: ServiceException (500): boom [request req-1]"},
		{opListFunctions, orders, "ListFunctions 111111111111/us-east-1: ServiceException (500): boom [request req-1]"},
	}
	for _, tt := range tests {
		conn := connTo(t, saying(500, lambdaError("Message", "boom"), "x-amzn-ErrorType", "ServiceException"))
		if err := operate(t.Context(), conn, tt.op, tt.name); err == nil || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// TestARefusalNamesItsDestination: refusals that have one cause have one queue or
// bucket, which Lambda's text does not always name.
func TestARefusalNamesItsDestination(t *testing.T) {
	const bucket = "arn:aws:s3:::b"
	missing := "Error occurred while ListBucket. S3 Error Code: 404 Not Found. S3 Error Message: Not Found"
	for _, tt := range []struct {
		why, message string
		sent         desired.Config
		want         string
	}{
		{"the only one", "The provided execution role does not have permissions to call SendMessage on SQS", desired.Config{desired.OnFailure: desired.Text(queue)}, queue},
		{"the bucket of two", missing, desired.Config{desired.OnSuccess: desired.Text(queue), desired.OnFailure: desired.Text(bucket)}, bucket},
		{"a text that names it", "The destination ARN " + queue + " is invalid.", desired.Config{desired.OnSuccess: desired.Text(bucket)}, ""},
		{"no refusal of a destination", "Something new.", desired.Config{desired.OnFailure: desired.Text(queue)}, ""},
	} {
		conn := connTo(t, saying(400, lambdaError("message", tt.message), "x-amzn-ErrorType", "InvalidParameterValueException"))
		_, put := NewWriter(conn).Put(t.Context(), live, tt.sent)
		_, update := NewWriter(conn).Update(t.Context(), live, tt.sent)
		for _, err := range []error{put, update} {
			if ce := callErrorOf(t, err); ce.Destination != tt.want {
				t.Errorf("%s: %q", tt.why, ce.Destination)
			}
		}
	}
}

// TestAnAnswerWithoutEnd is given up before it fills the memory.
func TestAnAnswerWithoutEnd(t *testing.T) {
	for _, status := range []int{200, 400} {
		err := operate(t.Context(), connTo(t, canned(func(r *http.Request) (*http.Response, error) {
			resp := answer(r, status, "")
			resp.Body, resp.ContentLength = io.NopCloser(blanks{}), -1
			return resp, nil
		})), opListFunctions, orders)
		if ce := callErrorOf(t, err); ce.Kind != callerr.Transport || !strings.Contains(ce.Message, "longer than any") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
