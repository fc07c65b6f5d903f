package desired

import (
	"strings"
	"testing"
)

func TestDestinations(t *testing.T) {
	const q = "arn:aws:sqs:us-east-1:111111111111:"
	for _, row := range []struct{ why, destination, code string }{
		{"no destination", "none", ""},
		{"a standard queue", q + "dlq", ""},
		{"a standard topic", "arn:aws:sns:us-east-1:111111111111:failed", ""},
		{"a function", "arn:aws:lambda:us-east-1:111111111111:function:f", ""},
		{"a function under an alias", "arn:aws:lambda:us-east-1:111111111111:function:f:live", ""},
		{"the default bus", "arn:aws:events:us-east-1:111111111111:event-bus/default", ""},
		{"a bucket", "arn:aws:s3:::orders-failed", ""},
		{"placeholders everywhere", "arn:${partition}:sqs:${region}:${account}:dlq-${region}", ""},
		{"a literal region with the target's partition", "arn:${partition}:lambda:cn-north-1:${account}:function:f", ""},
		{"a queue of another account is allowed", "arn:aws:sqs:us-east-1:222222222222:dlq", ""},
		{"the sovereign cloud", "arn:aws-eusc:sqs:eusc-de-east-1:111111111111:dlq", ""},
		{"a name for an ARN", "dlq", codeBadARN},
		{"an ARN cut short", "arn:aws:sqs:us-east-1", codeBadARN},
		{"a queue without an account", "arn:aws:sqs:us-east-1::dlq", codeBadARN},
		{"a rule of EventBridge for a bus", "arn:aws:events:us-east-1:111111111111:rule/orders", codeBadARN},
		{"an empty bucket", "arn:aws:s3:::", codeBadARN},
		{"a path in a bucket", "arn:aws:s3:::bucket/failed/", codeBadARN},
		{"a partition that is none", "arn:azure:sqs:us-east-1:111111111111:dlq", codeBadARN},
		{"a FIFO queue", q + "dlq.fifo", codeFIFOQueue},
		{"a FIFO queue with placeholders", "arn:${partition}:sqs:${region}:${account}:dlq.fifo", codeFIFOQueue},
		{"a FIFO topic", "arn:aws:sns:us-east-1:111111111111:t.fifo", codeFIFOTopic},
		{"a stream", "arn:aws:kinesis:us-east-1:111111111111:stream/s", codeUnsupportedService},
		{"Kafka", "kafka://topic", codeKafka},
		{"a URL of another kind", "https://example.com/hook", codeQueueURL},
		{"one character too many", q + strings.Repeat("a", 351-len(q)), codeDestinationTooLong},
		{"an environment variable", "arn:aws:sqs:$REGION:111111111111:dlq", codeUnknownPlaceholder},
		{"a placeholder that is not closed", "arn:aws:sqs:${region:111111111111:dlq", codeUnknownPlaceholder},
		{"a placeholder of Terraform", "arn:aws:sqs:${var.region}:111111111111:dlq", codeUnknownPlaceholder},
	} {
		t.Run(row.why, func(t *testing.T) {
			got := ""
			if f := (destinationUse{OnFailure, row.destination}).check(); f != nil {
				got = f.code
			}
			if got != row.code {
				t.Errorf("%s: %q, want %q", row.destination, got, row.code)
			}
		})
	}
	if f := (destinationUse{OnSuccess, "arn:aws:s3:::bucket"}).check(); f == nil || f.code != codeS3OnSuccess {
		t.Errorf("a bucket on success: %+v", f)
	}
}

func TestQueueURLsAreTranslated(t *testing.T) {
	for url, arn := range map[string]string{
		"https://sqs.eu-west-1.amazonaws.com/111111111111/dlq":      "arn:aws:sqs:eu-west-1:111111111111:dlq",
		"https://eu-west-1.queue.amazonaws.com/111111111111/dlq":    "arn:aws:sqs:eu-west-1:111111111111:dlq",
		"https://sqs.cn-north-1.amazonaws.com.cn/111111111111/dlq":  "arn:aws-cn:sqs:cn-north-1:111111111111:dlq",
		"https://sqs.us-gov-west-1.amazonaws.com/111111111111/dl-q": "arn:aws-us-gov:sqs:us-gov-west-1:111111111111:dl-q",
	} {
		if f := (destinationUse{OnFailure, url}).check(); f == nil || !strings.HasSuffix(f.hint, arn) {
			t.Errorf("%s: %+v", url, f)
		}
	}
}
