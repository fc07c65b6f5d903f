package awssim

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// The lookups of destinations. They have no quota, suffer no faults, and answer as the
// services' models and public recordings have it.

// exists reports whether somebody who may look it up finds a destination.
func (w *World) exists(arn string) bool { return w.destinations == nil || w.destinations[arn] }

func (q *request) arnOf(service, account, resource string) string {
	return "arn:" + partition(q.region) + ":" + service + ":" + q.region + ":" + account + ":" + resource
}

func queueURL(region, account, name string) string {
	return "https://sqs." + region + ".amazonaws.com/" + account + "/" + name
}

// getQueueURL tells the same of a queue that is not there and of one of another
// account, unless the scenario lists it.
func (w *World) getQueueURL(q *request, in struct{ QueueName, QueueOwnerAWSAccountId string }) (any, *apiError) {
	owner := cmp.Or(in.QueueOwnerAWSAccountId, q.account.id)
	if !w.exists(q.arnOf("sqs", owner, in.QueueName)) {
		return nil, badRequest("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
	}
	return struct{ QueueUrl string }{queueURL(q.region, owner, in.QueueName)}, nil
}

// listQueues pages through the queues of the account in the region. Where the scenario
// does not list what exists there is nothing to list, which the simulator says itself.
func (w *World) listQueues(q *request, in struct {
	MaxResults *int
	NextToken  string
}) (any, *apiError) {
	if w.destinations == nil {
		return nil, badRequest("UnknownOperationException", "The simulator lists queues only where its scenario has destinations.")
	}
	var out struct {
		QueueUrls []string
		NextToken string `json:",omitempty"`
	}
	for arn := range w.destinations {
		if name, here := strings.CutPrefix(arn, q.arnOf("sqs", q.account.id, "")); here && name > in.NextToken {
			out.QueueUrls = append(out.QueueUrls, queueURL(q.region, q.account.id, name))
		}
	}
	slices.Sort(out.QueueUrls)
	if in.MaxResults == nil { // then there is one page of at most 1,000, and no token
		out.QueueUrls = out.QueueUrls[:min(len(out.QueueUrls), 1000)]
	} else if n := max(1, *in.MaxResults); len(out.QueueUrls) > n {
		out.QueueUrls = out.QueueUrls[:n]
		last := out.QueueUrls[n-1]
		out.NextToken = last[strings.LastIndexByte(last, '/')+1:]
	}
	return out, nil
}

func (w *World) getTopicAttributes(q *request) (any, *apiError) {
	arn := q.query.Get("TopicArn")
	if !w.exists(arn) {
		return nil, &apiError{404, "NotFound", "Topic does not exist", ""}
	}
	type entry struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	}
	return struct {
		XMLName xml.Name `xml:"GetTopicAttributesResponse"`
		Entries []entry  `xml:"GetTopicAttributesResult>Attributes>entry"`
	}{Entries: []entry{{"TopicArn", arn}}}, nil
}

// describeEventBus takes a name, or the ARN of a bus of any account. Each account has
// a bus called default.
func (w *World) describeEventBus(q *request, in struct{ Name string }) (any, *apiError) {
	name, arn := cmp.Or(in.Name, "default"), in.Name
	if !strings.HasPrefix(name, "arn:") {
		arn = q.arnOf("events", q.account.id, "event-bus/"+name)
	}
	if name != "default" && !w.exists(arn) {
		return nil, badRequest("ResourceNotFoundException", "Event bus "+name+" does not exist.")
	}
	return struct{ Name, Arn string }{name, arn}, nil
}

// bucketOf finds a bucket's name in the path, or in front of the host.
func bucketOf(r *http.Request) string {
	if name := strings.Trim(r.URL.Path, "/"); name != "" {
		return name
	}
	host := cmp.Or(r.Host, r.URL.Host)
	if i := strings.Index(host, ".s3"); i > 0 {
		return host[:i]
	}
	return ""
}

func (w *World) headBucket(q *request) (any, *apiError) {
	bucket := q.query.Get("Bucket")
	if w.buckets[bucket] || !w.exists("arn:"+partition(q.region)+":s3:::"+bucket) {
		return nil, &apiError{404, "NotFound", "", ""}
	}
	return nil, nil
}
