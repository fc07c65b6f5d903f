package awslambda

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
)

// The Lambda operations that this package calls.
const (
	opListConfigs   = "ListFunctionEventInvokeConfigs"
	opListAliases   = "ListAliases"
	opListVersions  = "ListVersionsByFunction"
	opListFunctions = "ListFunctions"
	opPut           = "PutFunctionEventInvokeConfig"
	opUpdate        = "UpdateFunctionEventInvokeConfig"
	opDelete        = "DeleteFunctionEventInvokeConfig"
)

// The operations of the other services.
const (
	opGetCallerIdentity = "GetCallerIdentity"
	opAssumeRole        = "AssumeRole"
	opGetResources      = "GetResources"
)

// operations maps the operations that a client may send to their HTTP method.
// What is not in it is refused before anything leaves the process.
type operations map[string]string

var (
	readOperations = operations{
		opListConfigs:   http.MethodGet,
		opListAliases:   http.MethodGet,
		opListVersions:  http.MethodGet,
		opListFunctions: http.MethodGet,
	}
	writeOperations = operations{
		opPut:    http.MethodPut,
		opUpdate: http.MethodPost,
		opDelete: http.MethodDelete,
	}
	// STS and the tagging API send everything by POST, reads too.
	stsOperations     = operations{opGetCallerIdentity: http.MethodPost, opAssumeRole: http.MethodPost}
	taggingOperations = operations{opGetResources: http.MethodPost}
)

// insights are the operations by which sibling packages learn what Lambda does not
// tell: their HTTP methods and the permissions that they need.
var insights = map[string]struct{ method, permission string }{
	"GetQueueUrl":        {http.MethodPost, "sqs:GetQueueUrl"},
	"ListQueues":         {http.MethodPost, "sqs:ListQueues"},
	"GetTopicAttributes": {http.MethodPost, "sns:GetTopicAttributes"},
	"DescribeEventBus":   {http.MethodPost, "events:DescribeEventBus"},
	"HeadBucket":         {http.MethodHead, "s3:ListBucket"},
	"LookupEvents":       {http.MethodPost, "cloudtrail:LookupEvents"},
}

func insightOperations() operations {
	allowed := operations{}
	for op, of := range insights {
		allowed[op] = of.method
	}
	return allowed
}

// InsightPermissions are the IAM actions of all insights, sorted. Tags tell which stack
// CloudFormation wrote for.
func InsightPermissions() []string {
	all := []string{"tag:" + opGetResources}
	for _, of := range insights {
		all = append(all, of.permission)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (o operations) names() []string { return slices.Sorted(maps.Keys(o)) }

// forbiddenError is an operation that a client tried and may not send.
type forbiddenError struct {
	op, method string
	allowed    operations
}

func (e *forbiddenError) Error() string {
	what := e.op
	if what == "" {
		what = "a request without an operation"
	}
	if e.method != "" {
		what += " by " + e.method
	}
	return fmt.Sprintf("%s was not sent: this client is only allowed %s; writes need a Writer",
		what, strings.Join(e.allowed.names(), ", "))
}

// restricted is a configuration whose clients send the allowed operations and no others,
// try them as the retryer says, and read answers as addAnswerBody does.
func restricted(cfg aws.Config, allowed operations, retryer aws.Retryer, secrets func() secrets, isJSON bool, more ...func(*middleware.Stack) error) aws.Config {
	cfg = cfg.Copy()
	// Said outright, so that AWS_RETRY_MODE, AWS_MAX_ATTEMPTS, a profile or a new default
	// of the SDK cannot bring in attempts that pay nothing.
	cfg.Retryer, cfg.RetryMaxAttempts = func() aws.Retryer { return retryer }, 0
	cfg.HTTPClient = lockedClient{allowed: allowed, next: cfg.HTTPClient}
	cfg.APIOptions = slices.Concat(cfg.APIOptions, []func(*middleware.Stack) error{addLock(allowed), addAnswerBody(secrets, isJSON)}, more)
	return cfg
}

// addLock makes the stack refuse every operation outside allowed, before
// anything is serialised, paced or signed.
func addLock(allowed operations) func(*middleware.Stack) error {
	lock := middleware.InitializeMiddlewareFunc("OperationLock",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			out middleware.InitializeOutput, md middleware.Metadata, err error,
		) {
			op := middleware.GetOperationName(ctx)
			if _, ok := allowed[op]; !ok {
				return out, md, &forbiddenError{op: op, allowed: allowed}
			}
			return next.HandleInitialize(ctx, in)
		})
	return func(s *middleware.Stack) error { return s.Initialize.Add(lock, middleware.Before) }
}

// lockedClient is the second lock: whatever stack built a request, it leaves
// only under an allowed operation and by that operation's own method.
type lockedClient struct {
	allowed operations
	next    aws.HTTPClient
}

func (c lockedClient) Do(r *http.Request) (*http.Response, error) {
	op := middleware.GetOperationName(r.Context())
	if method, ok := c.allowed[op]; !ok || method != r.Method {
		return nil, &forbiddenError{op: op, method: r.Method, allowed: c.allowed}
	}
	return c.next.Do(unreplayable(r))
}

// unreplayable keeps net/http from sending a request again by itself. Its transport
// replays a GET without a body whose reused connection breaks before the
// answer: an attempt that would pay no token and be counted nowhere. A body
// that cannot be rewound, though it is empty, makes a request not replayable,
// and nothing of it goes on the wire.
func unreplayable(r *http.Request) *http.Request {
	if r.Body != nil && r.Body != http.NoBody {
		return r
	}
	r = r.WithContext(r.Context()) // a copy; the headers stay shared
	r.Body, r.GetBody = io.NopCloser(strings.NewReader("")), nil
	return r
}
