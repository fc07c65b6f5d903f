package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/events"
)

// Again makes messages that Lambda delivered come again soon: after a minute, and
// twice as long each further time, up to a quarter of an hour. Without it they stay
// invisible for the queue's whole timeout, which for Lambda is six times that of the
// function. It needs sqs:ChangeMessageVisibility; where it fails they come later.
func Again(ctx context.Context, version string, messages []events.Message) error {
	byQueue := map[string][]receipt{}
	for _, m := range messages {
		if m.Queue != "" && m.Receipt != "" {
			byQueue[m.Queue] = append(byQueue[m.Queue], receipt{id: m.ID, handle: m.Receipt, receives: m.Receives})
		}
	}
	if len(byQueue) == 0 {
		return nil
	}
	cfg, err := awslambda.LoadConfig(ctx, awslambda.Environment{Version: version})
	if err != nil {
		return fmt.Errorf("the queue: %w", err)
	}
	var errs []error
	for queue, receipts := range byQueue {
		name, err := arn.Parse(queue)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		cfg.Region = name.Region
		// SQS takes the account and the name from the URL, and no more.
		client, url := sqs.NewFromConfig(cfg), "https://sqs."+name.Region+".amazonaws.com/"+name.AccountID+"/"+name.Resource
		for batch := range slices.Chunk(receipts, batchSize) {
			failed, err := changeVisibility(ctx, client, url, batch, afterFailing)
			if err == nil && len(failed) > 0 {
				err = refused(failed)
			}
			if err != nil {
				errs = append(errs, awslambda.AsCallError(queue, err))
			}
		}
	}
	return errors.Join(errs...)
}

// afterFailing is how long a message whose pass failed stays invisible.
func afterFailing(r receipt) time.Duration {
	return min(time.Minute<<min(max(0, r.receives-1), 4), 15*time.Minute)
}
