// Package queue makes an SQS queue a source of wakes.
//
// In come messages that hold events in any envelope that internal/events reads.
// Out go wakes of internal/worker, and the messages' ends in SQS:
//
//   - A message whose functions were dealt with is deleted, in batches.
//   - A message that needs nothing is deleted: our own echoes, calls that AWS
//     refused, events about something else, events that were handled before.
//   - A message that cannot be read is left alone, so that the queue's redrive
//     policy moves it to where a person looks at it.
//   - A message whose pass failed is left alone too, and comes again.
//   - While a message waits for its pass, its invisibility is renewed.
//   - When the worker stops, what was not looked at is given back at once.
//   - A message about a part of the fleet that another process works on is given back.
//
// A message is never deleted before its pass has succeeded. The package makes
// calls to SQS only, prints nothing, and never decides what a pass does.
package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Options are what a queue is opened with.
type Options struct {
	URL      string
	Version  string // of the program, for the user agent
	Wake     func(worker.Wake)
	Log      *slog.Logger
	Observer Observer

	// Foreign reports that another process is to look at an object: it is in the
	// fleet, and not in this process's part of it. Such a message is given back.
	Foreign func(worker.Object) bool
	// FleetFiles are the stored objects that the fleet is read from, as
	// s3://bucket/key. Events of S3 about others need nothing.
	FleetFiles []string
	// Problem is told when the queue has not answered several times in a row, and
	// with nil when it answers again.
	Problem func(error)

	// Wait is how long one request waits for messages: DefaultWait when 0.
	Wait time.Duration
	// Visibility is how long a message stays invisible unless it is renewed:
	// DefaultVisibility when 0. It is also the pause before a failed message
	// comes again.
	Visibility time.Duration
}

// Twenty seconds is the longest that ReceiveMessage waits. A minute of
// invisibility is renewed three times before it would end.
const (
	DefaultWait       = 20 * time.Second
	DefaultVisibility = time.Minute
)

// Disposition is what became of a message.
type Disposition string

// The dispositions, as metrics spell them.
const (
	Handled    Disposition = "handled"    // its pass succeeded; deleted
	Failed     Disposition = "failed"     // its pass failed; it comes again
	Echo       Disposition = "echo"       // nothing but our own writes; deleted
	Duplicate  Disposition = "duplicate"  // handled before; deleted
	Unneeded   Disposition = "unneeded"   // nothing to look at; deleted
	Unreadable Disposition = "unreadable" // left to the queue's redrive policy
	Returned   Disposition = "returned"   // the worker stopped; given back
	Foreign    Disposition = "foreign"    // for another process; given back
)

// Observer is told what becomes of messages. Its methods must not block.
type Observer interface {
	// QueueOpened is called once; age tells how old the oldest message is that
	// was received and not dealt with, 0 when there is none.
	QueueOpened(age func() time.Duration)
	Message(disposition string)
	QueueAnswered()               // with messages or without
	QueueFailed(operation string) // a request to SQS failed after its retries
}

// Queue is an open queue. Make one with Open and call Run once.
type Queue struct {
	o        Options
	client   *sqs.Client
	inflight inflight
	dedup    *dedup
}

// Open reads the AWS settings of the environment. It makes no call.
func Open(ctx context.Context, o Options) (*Queue, error) {
	region, err := regionOf(o.URL)
	if err != nil {
		return nil, err
	}
	o.Wait, o.Visibility = cmp.Or(o.Wait, DefaultWait), cmp.Or(o.Visibility, DefaultVisibility)
	// A request that waits for messages is answered when the wait is over.
	cfg, err := awslambda.LoadConfig(ctx, awslambda.Environment{Version: o.Version, Limit: o.Wait + lastCalls})
	if err != nil {
		return nil, fmt.Errorf("the queue: %w", err)
	}
	if cfg.Region = cmp.Or(region, cfg.Region); cfg.Region == "" {
		return nil, fmt.Errorf("the queue URL %q names no region: set AWS_REGION", awslambda.RedactURL(o.URL))
	}
	q := &Queue{o: o, client: sqs.NewFromConfig(cfg), inflight: newInflight(), dedup: newDedup(maxRemembered)}
	o.Observer.QueueOpened(q.age)
	return q, nil
}

func (q *Queue) age() time.Duration {
	sent := q.inflight.oldest()
	if sent.IsZero() {
		return 0
	}
	return max(0, time.Since(sent))
}

// queuePath is the path of a queue URL in AWS.
var queuePath = regexp.MustCompile(`^/([0-9]{12})/([a-zA-Z0-9_-]{1,80}(?:\.fifo)?)$`)

// Identify is the region, account and name of the queue that a URL of AWS's own
// names: the parts of the queue's ARN.
func Identify(queueURL string) (region, account, name string, err error) {
	if region, err = regionOf(queueURL); err != nil {
		return "", "", "", err
	}
	u, err := url.Parse(queueURL)
	if err != nil {
		return "", "", "", err
	}
	path := queuePath.FindStringSubmatch(u.Path)
	if region == "" || path == nil {
		return "", "", "", fmt.Errorf("%q does not say which queue it is in AWS; write its own URL, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME", awslambda.RedactURL(queueURL))
	}
	return region, path[1], path[2], nil
}

// queueHost is the host of a queue URL in AWS: sqs.REGION.amazonaws.com, also
// with the suffix of another partition.
var queueHost = regexp.MustCompile(`^sqs(?:-fips)?\.([a-z0-9-]+)\.`)

// regionOf is the region that a queue URL names; "" for a host that is not
// AWS's own, such as a private endpoint.
func regionOf(queueURL string) (string, error) {
	u, err := url.Parse(queueURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || len(u.Path) < 2 {
		return "", fmt.Errorf("%q is not the URL of a queue; write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME", awslambda.RedactURL(queueURL))
	}
	if m := queueHost.FindStringSubmatch(u.Hostname()); m != nil {
		return m[1], nil
	}
	return "", nil
}

// batchSize is the most messages that one SQS request can carry.
const batchSize = 10

// lastCalls is how long the deletions after the end may take.
const lastCalls = 10 * time.Second

// silentFailures are how many requests may fail in a row before that is a problem:
// some seconds, which a network takes to come back.
const silentFailures = 4

// Run receives until ctx ends. It returns when every wake it made has been
// answered, which the worker does when it stops, and the messages were deleted
// or given back.
func (q *Queue) Run(ctx context.Context) {
	// Messages whose pass succeeded are deleted after the end as well.
	after, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	context.AfterFunc(ctx, q.inflight.wake)
	var wg sync.WaitGroup
	wg.Go(func() { q.renew(after) })
	wg.Go(func() {
		q.finish(after)
		cancel()
	})
	q.receive(ctx)
	q.inflight.close()
	wg.Wait()
}

// receive asks for messages as long as there is room for them.
func (q *Queue) receive(ctx context.Context) {
	failures := 0
	for q.inflight.room(ctx) {
		out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:            &q.o.URL,
			MaxNumberOfMessages: batchSize,
			WaitTimeSeconds:     seconds(q.o.Wait),
			VisibilityTimeout:   seconds(q.o.Visibility),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{
				types.MessageSystemAttributeNameSentTimestamp, types.MessageSystemAttributeNameApproximateReceiveCount,
			},
		})
		if ctx.Err() != nil {
			return // what was perhaps received becomes visible again
		}
		if err != nil {
			failures++
			q.failed("ReceiveMessage", err)
			if failures >= silentFailures {
				q.o.Problem(fmt.Errorf("%d requests in a row failed: %w", failures, err))
			}
			pause(ctx, failures)
			continue
		}
		failures = 0
		q.o.Problem(nil)
		q.o.Observer.QueueAnswered()
		for _, m := range out.Messages {
			q.handle(m)
		}
	}
}

// handle decides what a message needs.
func (q *Queue) handle(m types.Message) {
	receipt := receipt{id: aws.ToString(m.MessageId), handle: aws.ToString(m.ReceiptHandle)}
	receipt.receives, _ = strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	sent, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err != nil {
		sent = time.Now().UnixMilli()
	}
	hints, err := events.Decode([]byte(aws.ToString(m.Body)))
	if err != nil {
		q.o.Log.Warn("message cannot be read and is left to the queue's redrive policy", "message", receipt.id, "error", err)
		q.o.Observer.Message(string(Unreadable))
		return
	}
	q.inflight.add(receipt, time.UnixMilli(sent))
	classified := worker.Classify(hints, q.o.FleetFiles...)
	asked := len(classified.Triggers)
	classified.Triggers = slices.DeleteFunc(classified.Triggers, func(t worker.Trigger) bool { return q.o.Foreign(t.Object) })
	foreign := len(classified.Triggers) < asked
	switch {
	case q.dedup.all(hints):
		q.inflight.end(receipt, Duplicate)
	case classified.Needed():
		q.o.Wake(classified.Wake(func(err error) {
			switch {
			case err == nil && foreign:
				q.inflight.end(receipt, Foreign)
			case err == nil:
				q.dedup.add(hints)
				q.inflight.end(receipt, Handled)
			case errors.Is(err, worker.ErrStopped):
				q.inflight.end(receipt, Returned)
			default:
				q.o.Log.Warn("message was not dealt with and comes again", "message", receipt.id, "error", err)
				q.inflight.end(receipt, Failed)
			}
		}))
	case foreign:
		q.inflight.end(receipt, Foreign)
	case classified.Echoes > 0:
		q.inflight.end(receipt, Echo)
	default:
		q.inflight.end(receipt, Unneeded)
	}
}

func (q *Queue) failed(operation string, err error) {
	queue := awslambda.RedactURL(q.o.URL)
	call := reconcile.ErrorOf(awslambda.AsCallError(queue, err))
	q.o.Log.Warn("request to the queue failed", "operation", operation, "queue", queue, "error", call.Reason(), "hint", call.Hint)
	q.o.Observer.QueueFailed(operation)
}

// pause waits after the nth failure in a row: 1 s, doubled up to 32 s, less up
// to a half so that workers do not come back together.
func pause(ctx context.Context, n int) {
	longest := time.Second << min(n-1, 5)
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func seconds(d time.Duration) int32 { return int32(d / time.Second) }
