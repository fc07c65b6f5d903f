package queue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// finish deletes messages or gives them back as their fates become known. It
// returns when there will be no more.
func (q *Queue) finish(ctx context.Context) {
	for {
		batch := q.held.next()
		if batch == nil {
			return
		}
		var drop, back []receipt
		for _, m := range batch {
			q.o.Recorder.Message(m.fate.String())
			switch m.fate {
			case Handled, Echo, Duplicate, Unneeded:
				drop = append(drop, m.receipt)
			case Returned:
				back = append(back, m.receipt)
			}
		}
		ctx, cancel := context.WithTimeout(ctx, lastCalls)
		q.delete(ctx, drop)
		q.setVisibility(ctx, back, 0)
		cancel()
	}
}

// renew keeps waiting messages invisible.
func (q *Queue) renew(ctx context.Context) {
	ticker := time.NewTicker(q.o.Visibility / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			q.setVisibility(ctx, q.held.list(), q.o.Visibility)
		}
	}
}

// delete removes messages. One that stays comes again, and is then known.
func (q *Queue) delete(ctx context.Context, receipts []receipt) {
	for batch := range slices.Chunk(receipts, batchSize) {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.o.URL}
		for i, r := range batch {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &r.handle})
		}
		out, err := q.client.DeleteMessageBatch(ctx, in)
		if err == nil && len(out.Failed) > 0 {
			err = refused(out.Failed)
		}
		if err != nil {
			q.failed("DeleteMessageBatch", err)
		}
	}
}

// setVisibility says how long messages stay invisible from now on.
func (q *Queue) setVisibility(ctx context.Context, receipts []receipt, d time.Duration) {
	for batch := range slices.Chunk(receipts, batchSize) {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.o.URL}
		for i, r := range batch {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &r.handle, VisibilityTimeout: seconds(d),
			})
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, in)
		if err == nil && len(out.Failed) > 0 {
			err = refused(out.Failed)
		}
		if err != nil && ctx.Err() == nil {
			q.failed("ChangeMessageVisibilityBatch", err)
		}
	}
}

// refused is an error for the entries of a batch that SQS did not take.
func refused(entries []types.BatchResultErrorEntry) error {
	first := entries[0]
	return fmt.Errorf("%d of a batch were refused, the first with %s: %s", len(entries), aws.ToString(first.Code), aws.ToString(first.Message))
}
