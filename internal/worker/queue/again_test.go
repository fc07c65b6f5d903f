package queue

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eventinvoke/eventinvoke/internal/events"
)

// TestAgain against a server that others wrote: messages that Lambda took for an hour
// and a half come back after a minute.
func TestAgain(t *testing.T) {
	client := startMoto(t)
	queue, _ := makeQueue(t, client, "again")
	const sent = 12 // more than one request can name
	for n := range sent {
		send(t, client, queue, fmt.Sprint(n))
	}
	var taken []events.Message
	for len(taken) < sent {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10, VisibilityTimeout: 5400})
		if err != nil || len(out.Messages) == 0 {
			t.Fatal(err, "messages are missing")
		}
		for _, m := range out.Messages {
			taken = append(taken, events.Message{ID: *m.MessageId, Receipt: *m.ReceiptHandle, Receives: 1, Queue: arnOf(t, client, queue)})
		}
	}
	if err := Again(t.Context(), "1", taken); err != nil {
		t.Fatal(err)
	}
	taken[0].Receipt = "forged"
	if err := Again(t.Context(), "1", taken); err == nil {
		t.Error("a receipt that SQS refuses was no error")
	}
	if err := Again(t.Context(), "1", []events.Message{{ID: "from a test in the console"}}); err != nil {
		t.Error(err)
	}
}

// TestAgainInAMinute is what goes over the wire.
func TestAgainInAMinute(t *testing.T) {
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, _ := io.ReadAll(r.Body)
		body = r.Header.Get("X-Amz-Target") + string(all)
		io.WriteString(w, `{"Successful": [], "Failed": []}`)
	}))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	m := events.Message{ID: "m", Receipt: "handle", Receives: 2, Queue: "arn:aws:sqs:eu-west-1:111111111111:changes"}
	if err := Again(t.Context(), "1", []events.Message{m}); err != nil {
		t.Fatal(err)
	}
	if want := `AmazonSQS.ChangeMessageVisibilityBatch{"Entries":[{"Id":"0","ReceiptHandle":"handle","VisibilityTimeout":120}],"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/111111111111/changes"}`; body != want {
		t.Errorf("sent %s\nwant %s", body, want)
	}
	// A queue that has no ARN keeps none of the others from being asked, whichever comes first.
	for range 20 {
		body = ""
		if err := Again(t.Context(), "1", []events.Message{{ID: "x", Receipt: "x", Queue: "changes"}, m}); err == nil || body == "" {
			t.Fatalf("sent %q, %v", body, err)
		}
	}
}

func arnOf(t *testing.T, client *sqs.Client, queue string) string {
	t.Helper()
	out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["QueueArn"]
}

func TestAfterFailing(t *testing.T) {
	var total time.Duration
	for receives, want := range map[int]time.Duration{0: time.Minute, 1: time.Minute, 2: 2 * time.Minute, 4: 8 * time.Minute, 5: 15 * time.Minute, 1000: 15 * time.Minute} {
		if got := afterFailing(receipt{receives: receives}); got != want {
			t.Errorf("after %d deliveries it waits %s, want %s", receives, got, want)
		}
	}
	for receives := 1; receives < 10; receives++ { // maxReceiveCount of the template
		total += afterFailing(receipt{receives: receives})
	}
	if total < time.Hour || total > 2*time.Hour {
		t.Errorf("ten deliveries take %s: an outage of an hour must not make dead letters", total)
	}
}
