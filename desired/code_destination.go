package desired

import "strings"

func exampleDestination(field Setting, arn string) string {
	return exampleTarget + "functions:\n  - name: orders\n    " + field.String() + ": " + arn + "\n"
}

const exampleQueue = "arn:aws:sqs:us-east-1:111111111111:dlq"

// Codes of destinations.
var destinationExplanations = []Explanation{
	{
		Code: codeBadARN, Title: "malformed ARN", Severity: Error,
		Text: "A destination is not an ARN, or not one of the kind its service has: a queue, a topic, a function, an event bus (not a " +
			"rule), or a bucket (without a path).",
		Wrong: exampleDestination(OnFailure, "dlq"),
		Right: exampleDestination(OnFailure, exampleQueue),
	},
	{
		Code: codeDestinationTooLong, Title: "destination too long", Severity: Error,
		Text:  "Lambda takes destinations of at most 350 characters. They are counted with the placeholders filled in.",
		Wrong: exampleDestination(OnFailure, "arn:aws:sns:us-east-1:111111111111:"+strings.Repeat("a", 320)),
		Right: exampleDestination(OnFailure, exampleQueue),
	},
	{
		Code: codeUnknownPlaceholder, Title: "unknown placeholder", Severity: Error,
		Text: "A $ in a destination begins ${account}, ${region} or ${partition}, which stand for the target's. Nothing else may " +
			"follow it; the environment is never read.",
		Wrong: exampleDestination(OnFailure, "arn:aws:sqs:${regoin}:${account}:dlq"),
		Right: exampleDestination(OnFailure, "arn:aws:sqs:${region}:${account}:dlq"),
	},
	{
		Code: codeQueueURL, Title: "URL in place of an ARN", Severity: Error,
		Text:  "A destination is a URL, mostly that of a queue. Lambda wants the ARN.",
		Wrong: exampleDestination(OnFailure, "https://sqs.us-east-1.amazonaws.com/111111111111/dlq"),
		Right: exampleDestination(OnFailure, exampleQueue),
	},
	{
		Code: codeKafka, Title: "Kafka topic", Severity: Error,
		Text: "kafka:// has the form that Lambda allows here, but it is for the destinations of event source mappings. Asynchronous " +
			"invocation does not send to Kafka.",
		Wrong: exampleDestination(OnFailure, "kafka://orders-failed"),
		Right: exampleDestination(OnFailure, exampleQueue),
	},
	{
		Code: codeFIFOQueue, Title: "FIFO queue", Severity: Error,
		Text:  "Lambda refuses FIFO queues as destinations of asynchronous invocation. Use a standard queue.",
		Wrong: exampleDestination(OnFailure, "arn:aws:sqs:us-east-1:111111111111:dlq.fifo"),
		Right: exampleDestination(OnFailure, exampleQueue),
	},
	{
		Code: codeFIFOTopic, Title: "FIFO topic", Severity: Error,
		Text: "FIFO topics are not supported as destinations of asynchronous invocation: records are lost at delivery. Use a standard " +
			"topic.",
		Wrong: exampleDestination(OnFailure, "arn:aws:sns:us-east-1:111111111111:failed.fifo"),
		Right: exampleDestination(OnFailure, "arn:aws:sns:us-east-1:111111111111:failed"),
	},
	{
		Code: codeS3OnSuccess, Title: "bucket on success", Severity: Error,
		Text:  "An S3 bucket can take events that failed, not records of success. Lambda refuses it in on_success.",
		Wrong: exampleDestination(OnSuccess, "arn:aws:s3:::orders-done"),
		Right: exampleDestination(OnFailure, "arn:aws:s3:::orders-failed"),
	},
	{
		Code: codeUnsupportedService, Title: "unsupported service", Severity: Error,
		Text:  "Destinations are SQS queues, SNS topics, Lambda functions and EventBridge buses, and S3 buckets on failure.",
		Wrong: exampleDestination(OnFailure, "arn:aws:kinesis:us-east-1:111111111111:stream/failed"),
		Right: exampleDestination(OnFailure, exampleQueue),
	},
	{
		Code: codeOwnDestination, Title: "function is its own destination", Severity: Error,
		Text: "Lambda refuses a function as a destination for itself. A rule or defaults whose destination is a function must leave " +
			"that function out.",
		Wrong: exampleDestination(OnFailure, "arn:aws:lambda:us-east-1:111111111111:function:orders"),
		Right: exampleDestination(OnFailure, "arn:aws:lambda:us-east-1:111111111111:function:orders-failed"),
	},
	{
		Code: codeDestinationLoop, Title: "destinations go round", Severity: Warning,
		Text: "Declared functions send their events to each other in a circle. Every turn is an invocation that is paid for. It can " +
			"be meant so, where one of them ends it, hence a warning.",
		Wrong: exampleTarget + "functions:\n" +
			"  - name: a\n    on_failure: arn:aws:lambda:us-east-1:111111111111:function:b\n" +
			"  - name: b\n    on_failure: arn:aws:lambda:us-east-1:111111111111:function:a\n",
		Right: exampleDestination(OnFailure, exampleQueue),
	},
	{
		Code: codeOtherRegion, Title: "destination in another region", Severity: Warning,
		Text: "A destination is in another region than its function. It is not documented that Lambda delivers there, and it may be a " +
			"copied line. With several regions, write ${region}.",
		Wrong: exampleDestination(OnFailure, "arn:aws:sqs:eu-west-1:111111111111:dlq"),
		Right: exampleDestination(OnFailure, "arn:aws:sqs:${region}:111111111111:dlq"),
	},
	{
		Code: codeOtherAccountBus, Title: "bus of another account", Severity: Error,
		Text: "Lambda refuses an event bus of another account as a destination. Send to a bus of the function's own account and " +
			"forward from there with a rule of EventBridge.",
		Wrong: exampleDestination(OnSuccess, "arn:aws:events:us-east-1:222222222222:event-bus/orders"),
		Right: exampleDestination(OnSuccess, "arn:aws:events:us-east-1:111111111111:event-bus/orders"),
	},
	{
		Code: codeOtherPartition, Title: "destination in another partition", Severity: Error,
		Text: "Nothing in one partition of AWS can reach into another. Destinations that are shared by targets of several partitions " +
			"begin with arn:${partition}.",
		Wrong: exampleDestination(OnFailure, "arn:aws-cn:sqs:cn-north-1:111111111111:dlq"),
		Right: exampleDestination(OnFailure, "arn:${partition}:sqs:us-east-1:111111111111:dlq"),
	},
	{
		Code: codeSameFunction, Title: "same function, other qualifier", Severity: Warning,
		Text: "A destination is the same function under another qualifier. Whether Lambda refuses that is not known; an event that " +
			"fails in both may never end.",
		Wrong: exampleDestination(OnFailure, "arn:aws:lambda:us-east-1:111111111111:function:orders:live"),
		Right: exampleDestination(OnFailure, exampleQueue),
	},
}
