package desired

import (
	"fmt"
	"regexp"
	"strings"
)

// noneWord is how the fleet file says NoDestination.
const noneWord = "none"

// maxDestination is the longest destination, from the Lambda API reference.
const maxDestination = 350

// destinationARN is a destination taken apart.
type destinationARN struct{ partition, service, region, account, resource string }

func splitARN(s string) (destinationARN, bool) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return destinationARN{}, false
	}
	return destinationARN{parts[1], parts[2], parts[3], parts[4], parts[5]}, true
}

// destinationUse is a destination in one of the two fields: S3 is good for one
// of them only.
type destinationUse struct {
	field Setting
	text  string
}

var (
	partitionWord = regexp.MustCompile(`^aws[a-z-]*$`)
	queueName     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)
	topicName     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
	busName       = regexp.MustCompile(`^event-bus/[A-Za-z0-9_./-]{1,256}$`)
	bucketName    = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	queueURL      = regexp.MustCompile(`^https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com[a-z.]*/([0-9]{12})/([A-Za-z0-9_.-]+)$`)
)

// checkDestination finds what is wrong with a destination whatever the target
// is. Placeholders are stood in for by a sample, so that shape can be checked.
func checkDestination(use destinationUse) *flaw {
	if use.text == noneWord {
		return nil
	}
	if f := checkPlaceholders(use.text); f != nil {
		return f
	}
	s := expand(use.text, Target{Account: "123456789012", Region: "us-east-1"})
	if f := checkForm(s, use); f != nil {
		return f
	}
	arn, ok := splitARN(s)
	if !ok || !partitionWord.MatchString(arn.partition) || arn.resource == "" {
		cure := "write arn:PARTITION:SERVICE:REGION:ACCOUNT:NAME, or none"
		if near := nearest(use.text, []string{noneWord}); near != "" {
			cure = "did you mean none?"
		}
		return &flaw{codeBadARN, fmt.Sprintf("%s %q is not an ARN", use.field, shorten(use.text)), cure}
	}
	return checkService(arn, use)
}

// checkForm recognises what people paste in place of an ARN.
func checkForm(s string, use destinationUse) *flaw {
	switch {
	case strings.HasPrefix(s, "kafka://"):
		return &flaw{codeKafka, fmt.Sprintf("%s %q is a Kafka topic", use.field, shorten(use.text)),
			"use SQS, SNS, Lambda, EventBridge or S3: kafka:// is for event source mappings only"}
	case strings.HasPrefix(s, "https://"), strings.HasPrefix(s, "http://"):
		cure := "write the queue's ARN: arn:aws:sqs:REGION:ACCOUNT:NAME"
		if m := queueURL.FindStringSubmatch(s); m != nil {
			region := m[1] + m[2]
			cure = fmt.Sprintf("write the queue's ARN: arn:%s:sqs:%s:%s:%s", PartitionOf(region), region, m[3], m[4])
		}
		return &flaw{codeQueueURL, fmt.Sprintf("%s %q is a URL, not an ARN", use.field, shorten(use.text)), cure}
	case len(s) > maxDestination:
		return &flaw{codeDestinationTooLong, fmt.Sprintf("%s has %d characters", use.field, len(s)),
			fmt.Sprintf("use at most %d: Lambda takes no longer one", maxDestination)}
	}
	return nil
}

func checkService(arn destinationARN, use destinationUse) *flaw {
	shape := func(ok bool, what, form string) *flaw {
		if ok {
			return nil
		}
		return &flaw{codeBadARN, fmt.Sprintf("%s %q is not the ARN of %s", use.field, shorten(use.text), what), "write " + form}
	}
	here := regionWord.MatchString(arn.region) && accountWord.MatchString(arn.account)
	switch arn.service {
	case "sqs":
		if strings.HasSuffix(arn.resource, ".fifo") {
			return &flaw{codeFIFOQueue, fmt.Sprintf("%s %q is a FIFO queue", use.field, shorten(use.text)),
				"use a standard queue: Lambda refuses FIFO queues as destinations"}
		}
		return shape(here && queueName.MatchString(arn.resource), "an SQS queue", "arn:PARTITION:sqs:REGION:ACCOUNT:QUEUE")
	case "sns":
		if strings.HasSuffix(arn.resource, ".fifo") {
			return &flaw{codeFIFOTopic, fmt.Sprintf("%s %q is a FIFO topic", use.field, shorten(use.text)),
				"use a standard topic: events are not delivered to FIFO topics"}
		}
		return shape(here && topicName.MatchString(arn.resource), "an SNS topic", "arn:PARTITION:sns:REGION:ACCOUNT:TOPIC")
	case "lambda":
		_, wrong := parseName(strings.Join([]string{"arn", arn.partition, "lambda", arn.region, arn.account, arn.resource}, ":"))
		return shape(wrong == nil, "a Lambda function", "arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME")
	case "events":
		return shape(here && busName.MatchString(arn.resource), "an EventBridge bus", "arn:PARTITION:events:REGION:ACCOUNT:event-bus/NAME")
	case "s3":
		if use.field == OnSuccess {
			return &flaw{codeS3OnSuccess, fmt.Sprintf("on_success %q is an S3 bucket", shorten(use.text)),
				"use SQS, SNS, Lambda or EventBridge: S3 takes failures only"}
		}
		return shape(arn.region == "" && arn.account == "" && bucketName.MatchString(arn.resource), "an S3 bucket", "arn:PARTITION:s3:::BUCKET")
	}
	return &flaw{codeUnsupportedService, fmt.Sprintf("%s %q is of the service %q", use.field, shorten(use.text), shorten(arn.service)),
		"use SQS, SNS, Lambda, EventBridge or, on failure, S3"}
}
