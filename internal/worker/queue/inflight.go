package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/events"
)

// maxInflight bounds the messages that wait for a pass. More would only wait here
// instead of in the queue, and each costs a renewal.
const maxInflight = 1000

// receipt is one delivery of a message.
type receipt struct {
	id, handle string
	receives   int // how often the message was received, this time included
}

// ended is a message whose disposition is known.
type ended struct {
	receipt
	disposition Disposition
}

// inflight is the set of messages received and not yet deleted or let go.
type inflight struct {
	mu      *sync.Mutex
	changed *sync.Cond
	waiting map[receipt]time.Time // when it was sent
	ended   []ended
	closed  bool // no more will be received
}

func newInflight() inflight {
	mu := &sync.Mutex{}
	return inflight{mu: mu, changed: sync.NewCond(mu), waiting: map[receipt]time.Time{}}
}

// change changes the set, and lets those who wait for a change look again.
func (h *inflight) change(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	h.changed.Broadcast()
}

func (h *inflight) add(r receipt, sent time.Time) { h.change(func() { h.waiting[r] = sent }) }

func (h *inflight) has(r receipt) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.waiting[r]
	return ok
}

// oldest is when the oldest message that waits was sent; zero when none waits.
func (h *inflight) oldest() (oldest time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, sent := range h.waiting {
		if oldest.IsZero() || sent.Before(oldest) {
			oldest = sent
		}
	}
	return oldest
}

// end notes the disposition of a message. It does not block.
func (h *inflight) end(r receipt, f Disposition) {
	h.change(func() {
		delete(h.waiting, r)
		h.ended = append(h.ended, ended{r, f})
	})
}

// close says that no more will be received.
func (h *inflight) close() { h.change(func() { h.closed = true }) }

// room waits until another batch may be received; false when ctx has ended.
func (h *inflight) room(ctx context.Context) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ctx.Err() == nil && len(h.waiting) > maxInflight-batchSize {
		h.changed.Wait()
	}
	return ctx.Err() == nil
}

// wake lets room see that ctx has ended.
func (h *inflight) wake() { h.change(func() {}) }

// next waits for messages whose disposition is known; none when there will be no more.
func (h *inflight) next() []ended {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.ended) == 0 && !(h.closed && len(h.waiting) == 0) {
		h.changed.Wait()
	}
	batch := h.ended
	h.ended = nil
	return batch
}

// list are the messages that wait, sorted.
func (h *inflight) list() []receipt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Keys(h.waiting), func(a, b receipt) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.handle, b.handle))
	})
}

// maxRemembered is how many handled events are remembered: hours of a busy account.
// One that is forgotten and comes again costs one read.
const maxRemembered = 10_000

// dedup remembers the last events that were handled, by their ids.
type dedup struct {
	mu   sync.Mutex
	ids  map[string]bool
	ring []string // in the order of arrival
	next int
}

func newDedup(size int) *dedup {
	return &dedup{ids: map[string]bool{}, ring: make([]string, size)}
}

// add notes the events of a message that was handled.
func (s *dedup) add(hints []events.Hint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hints {
		if h.EventID == "" || s.ids[h.EventID] {
			continue
		}
		delete(s.ids, s.ring[s.next])
		s.ids[h.EventID], s.ring[s.next] = true, h.EventID
		s.next = (s.next + 1) % len(s.ring)
	}
}

// all reports whether every event of a message was handled before. Events
// without an id never were.
func (s *dedup) all(hints []events.Hint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hints {
		if !s.ids[h.EventID] {
			return false
		}
	}
	return len(hints) > 0
}

// finish deletes messages or gives them back as their dispositions become known. It
// returns when there will be no more.
func (q *Queue) finish(ctx context.Context) {
	for {
		batch := q.inflight.next()
		if batch == nil {
			return
		}
		var drop, back []receipt
		for _, m := range batch {
			q.o.Observer.Message(string(m.disposition))
			switch m.disposition {
			case Handled, Echo, Duplicate, Unneeded:
				drop = append(drop, m.receipt)
			case Returned, Foreign:
				back = append(back, m.receipt)
			}
		}
		ctx, cancel := context.WithTimeout(ctx, lastCalls)
		q.delete(ctx, drop)
		q.setVisibility(ctx, back, afterGivingBack)
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
			q.setVisibility(ctx, q.inflight.list(), func(receipt) time.Duration { return q.o.Visibility })
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

// afterGivingBack is how long a message that was given back stays invisible. The
// first time not at all; one that keeps coming back to those who do not want it
// must not be passed around without a pause.
func afterGivingBack(r receipt) time.Duration {
	return min(time.Duration(max(0, r.receives-1))*10*time.Second, 10*time.Minute)
}

// setVisibility says how long messages stay invisible from now on.
func (q *Queue) setVisibility(ctx context.Context, receipts []receipt, how func(receipt) time.Duration) {
	for batch := range slices.Chunk(receipts, batchSize) {
		failed, err := changeVisibility(ctx, q.client, q.o.URL, batch, how)
		// One that was deleted while its renewal was on the way is no failure.
		failed = slices.DeleteFunc(failed, func(e types.BatchResultErrorEntry) bool {
			i, _ := strconv.Atoi(aws.ToString(e.Id))
			return i < len(batch) && how(batch[i]) > 0 && !q.inflight.has(batch[i])
		})
		if len(failed) > 0 {
			err = refused(failed)
		}
		if err != nil && ctx.Err() == nil {
			q.failed("ChangeMessageVisibilityBatch", err)
		}
	}
}

// changeVisibility makes one request; failed are the entries that SQS did not take,
// by their place in the batch.
func changeVisibility(ctx context.Context, client *sqs.Client, url string, batch []receipt, how func(receipt) time.Duration) (failed []types.BatchResultErrorEntry, err error) {
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url}
	for i, r := range batch {
		in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &r.handle, VisibilityTimeout: seconds(how(r)),
		})
	}
	out, err := client.ChangeMessageVisibilityBatch(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.Failed, nil
}

// refused is an error for the entries of a batch that SQS did not take.
func refused(entries []types.BatchResultErrorEntry) error {
	first := entries[0]
	return fmt.Errorf("%d of a batch were refused, the first with %s: %s", len(entries), aws.ToString(first.Code), aws.ToString(first.Message))
}

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
