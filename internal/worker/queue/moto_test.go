package queue

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eventinvoke/eventinvoke/internal/awstest"
)

// patience is how long a test waits for what must happen. It only passes when
// something is broken.
const patience = 20 * time.Second

// startMoto points the SDK at an SQS server that others wrote.
func startMoto(t *testing.T) *sqs.Client {
	t.Helper()
	t.Setenv("AWS_ENDPOINT_URL", awstest.Moto(t))
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sqs.NewFromConfig(cfg)
}

var queues atomic.Int32 // made so far

// makeQueue makes a queue with a dead-letter queue behind it, and returns both.
func makeQueue(t *testing.T, client *sqs.Client, name string) (queue, dead string) {
	t.Helper()
	make := func(name string, attributes map[string]string) string {
		out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		if err != nil {
			t.Fatal(err)
		}
		return *out.QueueUrl
	}
	// The server outlives a test, which may be run again.
	name = fmt.Sprint(name, "-", queues.Add(1))
	dead = make(name+"-dead", nil)
	queue = make(name, map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:` + name + `-dead","maxReceiveCount":"2"}`,
	})
	return queue, dead
}

func send(t *testing.T, client *sqs.Client, queue, body string) {
	t.Helper()
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}

// depth is how many messages a queue has: visible, and in somebody's hands.
func depth(t *testing.T, client *sqs.Client, queue string) (visible, inFlight string) {
	t.Helper()
	out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"], out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

// wantEmpty fails unless a queue holds nothing at all.
func wantEmpty(t *testing.T, client *sqs.Client, queue string) {
	t.Helper()
	if visible, inFlight := depth(t, client, queue); visible != "0" || inFlight != "0" {
		t.Errorf("the queue holds %s visible messages and %s in flight, want none", visible, inFlight)
	}
}
