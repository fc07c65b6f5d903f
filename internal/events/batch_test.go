package events

import (
	"encoding/json"
	"os"
	"testing"
)

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestABatchAnswersMessageByMessage(t *testing.T) {
	data, err := os.ReadFile("testdata/sqs-batch.json")
	if err != nil {
		t.Fatal(err)
	}
	messages, ok := Batch(data)
	if !ok {
		t.Fatal("not taken for a batch")
	}
	want := []struct {
		id    string
		hints int
		bad   bool
	}{{"m-1", 1, false}, {"m-2", 1, false}, {"m-3", 0, true}, {"m-4", 0, false}}
	if len(messages) != len(want) {
		t.Fatalf("%d messages, want %d", len(messages), len(want))
	}
	for i, w := range want {
		if m := messages[i]; m.ID != w.id || len(m.Hints) != w.hints || (m.Err != nil) != w.bad || m.Receipt != "h" || m.Receives != 1 || m.Queue != "arn:aws:sqs:eu-west-1:111111111111:changes" {
			t.Errorf("message %d is %q with %d hints and error %v, want %+v", i, m.ID, len(m.Hints), m.Err, w)
		}
	}
}

func TestOtherEventsAreNoBatch(t *testing.T) {
	for _, file := range []string{"trail-put.json", "s3-native.json", "sns-lambda.json", "stepfunctions-item.json"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := Batch(data); ok {
			t.Errorf("%s was taken for an SQS batch", file)
		}
	}
}

func TestPipesDeliversABatchAsAnArray(t *testing.T) {
	messages, ok := Batch([]byte(`[{"messageId": "m-1", "eventSource": "aws:sqs", "body": "\"111111111111/eu-west-1\""}, {"messageId": "m-2", "eventSource": "aws:sqs", "body": "x"}]`))
	if !ok || len(messages) != 2 || messages[0].ID != "m-1" || len(messages[0].Hints) != 1 || messages[1].Err == nil {
		t.Errorf("batch %v: %+v", ok, messages)
	}
	if _, ok := Batch([]byte(`["111111111111/eu-west-1"]`)); ok {
		t.Error("an array of items was taken for a batch")
	}
}
