package awslambda

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// Clients of sibling packages can read what the table names and nothing else, once,
// with the target's region, and what they send is counted. A refusal says which
// permission is missing.
func TestInsightConfig(t *testing.T) {
	var sent []string
	conn := connTo(t, canned(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.Method+" "+middleware.GetOperationName(r.Context())+" "+r.URL.Host)
		return answer(r, 403, `{"__type":"com.amazonaws.sqs#AccessDenied","message":"no"}`), nil
	}))
	cfg, ok := InsightConfig(reconcile.OpenTarget{Reader: NewReader(conn)})
	if !ok {
		t.Fatal("an open target has no configuration")
	}
	queues, buckets := sqs.NewFromConfig(cfg), s3.NewFromConfig(cfg)
	_, err := queues.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("q")})
	call := reconcile.ErrorOf(AsCallError("arn:aws:sqs:eu-west-1:111111111111:q", err))
	if want := "allow sqs:GetQueueUrl on arn:aws:sqs:eu-west-1:111111111111:q for the caller"; call.Kind != callerr.Denied || call.Hint != want {
		t.Errorf("%+v", call)
	}
	for _, err := range []error{
		func() error {
			_, err := queues.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: aws.String("https://sqs/q")})
			return err
		}(),
		func() error {
			_, err := buckets.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("b")})
			return err
		}(),
	} {
		if !errors.As(err, new(*forbiddenError)) {
			t.Errorf("a write was not refused: %v", err)
		}
	}
	if want := []string{"POST GetQueueUrl sqs." + conn.target.Region + ".amazonaws.com"}; !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
	if stats := conn.Stats(); len(stats) != 1 || stats[0].Name != "GetQueueUrl" || stats[0].Refused != 1 {
		t.Errorf("counted %+v", stats)
	}
	for op, of := range insights {
		if verb, _, _ := strings.Cut(op, "Attributes"); of.method == "" || strings.HasPrefix(verb, "Set") {
			t.Errorf("%s is no read", op)
		}
	}
	if _, ok := InsightConfig(reconcile.OpenTarget{}); ok {
		t.Error("a target that is not open has a configuration")
	}
}
