package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/worker"
)

// batchSize is the most messages that one SQS request can carry.
const batchSize = 10

// lastCalls is how long the deletions after the end may take.
const lastCalls = 10 * time.Second

// Run receives until ctx ends. It returns when every wake it made has been
// answered, which the worker does when it stops, and the messages were deleted
// or given back.
func (q *Queue) Run(ctx context.Context) {
	// Messages whose pass succeeded are deleted after the end as well.
	after, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	context.AfterFunc(ctx, q.held.wake)
	var wg sync.WaitGroup
	wg.Go(func() { q.renew(after) })
	wg.Go(func() {
		q.finish(after)
		cancel()
	})
	q.receive(ctx)
	q.held.close()
	wg.Wait()
}

// receive asks for messages as long as there is room for them.
func (q *Queue) receive(ctx context.Context) {
	failures := 0
	for q.held.room(ctx) {
		out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:            &q.o.URL,
			MaxNumberOfMessages: batchSize,
			WaitTimeSeconds:     seconds(q.o.Wait),
			VisibilityTimeout:   seconds(q.o.Visibility),
		})
		if ctx.Err() != nil {
			return // what was perhaps received becomes visible again
		}
		if err != nil {
			failures++
			q.failed("ReceiveMessage", err)
			pause(ctx, failures)
			continue
		}
		failures = 0
		for _, m := range out.Messages {
			q.handle(m)
		}
	}
}

// handle decides what a message needs.
func (q *Queue) handle(m types.Message) {
	receipt := receipt{id: aws.ToString(m.MessageId), handle: aws.ToString(m.ReceiptHandle)}
	hints, err := events.Decode([]byte(aws.ToString(m.Body)))
	if err != nil {
		q.o.Log.Warn("message cannot be read and is left to the queue's redrive policy", "message", receipt.id, "error", err)
		q.o.Recorder.Message(Unreadable.String())
		return
	}
	triage := worker.Classify(hints)
	switch {
	case !triage.Needed() && triage.Echoes > 0:
		q.held.add(receipt)
		q.held.end(receipt, Echo)
	case !triage.Needed():
		q.held.add(receipt)
		q.held.end(receipt, Unneeded)
	case q.seen.all(hints):
		q.held.add(receipt)
		q.held.end(receipt, Duplicate)
	default:
		q.held.add(receipt)
		q.o.Wake(triage.Wake(func(err error) {
			switch {
			case err == nil:
				q.seen.add(hints)
				q.held.end(receipt, Handled)
			case errors.Is(err, worker.ErrStopped):
				q.held.end(receipt, Returned)
			default:
				q.o.Log.Warn("message was not dealt with and comes again", "message", receipt.id, "error", err)
				q.held.end(receipt, Failed)
			}
		}))
	}
}

func (q *Queue) failed(operation string, err error) {
	q.o.Log.Warn("request to the queue failed", "operation", operation, "queue", q.o.URL, "error", err)
	q.o.Recorder.QueueFailed(operation)
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
