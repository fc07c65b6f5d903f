package main

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/awstest"
)

// TestServeAnswersAQueue: a message of a real SQS server tells of a change, the
// record is corrected, and the message is gone; one that nobody understands is
// left to the queue.
func TestServeAnswersAQueue(t *testing.T) {
	endpoint := awstest.Moto(t)
	world := serve(t, awssim.Fleet(account, region, awssim.Function{
		Name: "f-%d", Count: 5, Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: new(int)}},
	}), nil)
	t.Setenv("AWS_ENDPOINT_URL_SQS", endpoint)
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg)
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: new("drift"), Attributes: map[string]string{"VisibilityTimeout": "300"}})
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	fleet := write(t, "version: 1\nguard: { max_changes: 100% }\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	s := startServing(t, ctx, fleet, func(o *serveOptions) {
		o.apply, o.location, o.queue = true, t.TempDir(), *made.QueueUrl
	})
	s.log.until(t, `msg="pass is over"`, "causes=[start]", "corrected=0")

	if err := world.SetRecord(account, region, "f-3", "$LATEST", awssim.Record{MaximumRetryAttempts: new(2)}); err != nil {
		t.Fatal(err)
	}
	world.ResetCounts()
	send := func(body string) {
		t.Helper()
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	send("gibberish")
	s.log.until(t, "message cannot be read")
	send(cloudTrail(account, "f-3"))
	s.log.until(t, `msg="pass is over"`, "causes=[event]", "everything=false", "corrected=1")
	if r, _ := world.Record(account, region, "f-3", "$LATEST"); printRecord(r) != "retries=0" {
		t.Errorf("the record is %s", printRecord(r))
	}
	if c := world.Counts(); c.ByOperation["ListFunctionEventInvokeConfigs"] != 1 || c.Writes != 1 {
		t.Errorf("the event cost %v, want one List and one write", c.ByOperation)
	}

	cancel() // what was handled is deleted before the worker ends
	if err := <-s.over; err != nil {
		t.Errorf("it ended with %v", err)
	}
	left, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	visible, hidden := left.Attributes["ApproximateNumberOfMessages"], left.Attributes["ApproximateNumberOfMessagesNotVisible"]
	if visible != "0" || hidden != "1" {
		t.Errorf("%s messages wait and %s are hidden, want none and the one that nobody understands", visible, hidden)
	}
}
