package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

// Message is one message of a batch. Whoever handles the batch answers for each
// message by its ID.
type Message struct {
	ID    string // of the SQS message; "" for records that have none
	Hints []Hint
	Err   error // why the message could not be read
}

// Batch reads an SQS batch as Lambda delivers it. It reports false for any
// other event: then Decode is the way.
func Batch(data []byte) ([]Message, bool) {
	o := asObject(data)
	list := o.list("Records")
	if len(list) == 0 || asObject(list[0]).text("eventSource") != "aws:sqs" {
		return nil, false
	}
	return records(o, maxHops), true
}

// records reads the kinds of events that come as a list called Records: SQS, S3
// and SNS as Lambda delivers them, S3 in a queue, and CloudTrail's own files.
func records(o object, hops int) []Message {
	list := o.list("Records")
	if list == nil {
		return []Message{{Err: errors.New("the member Records is not a list; send the event as AWS delivers it")}}
	}
	messages := make([]Message, len(list))
	for i, raw := range list {
		m := &messages[i]
		r := asObject(raw)
		switch source := first(r.text("eventSource"), r.text("EventSource")); source {
		case "aws:sqs":
			m.ID = r.text("messageId")
			m.Hints, m.Err = decode([]byte(r.text("body")), hops-1)
		case "aws:sns":
			m.Hints, m.Err = decode([]byte(r.object("Sns").text("Message")), hops-1)
		case "aws:s3":
			m.Hints = fromS3(r)
		case "":
			m.Err = errors.New("the record names no eventSource; send the event as AWS delivers it")
		default:
			m.Hints, m.Err = fromCloudTrail(r, r)
		}
	}
	return messages
}

// fromS3 reads a record of S3's own notifications, whose keys are URL-encoded.
func fromS3(r object) []Hint {
	s3 := r.object("s3")
	key := s3.object("object").text("key")
	if plain, err := url.QueryUnescape(key); err == nil {
		key = plain
	}
	return []Hint{{
		Kind: Files, Object: objectURL(s3.object("bucket").text("name"), key),
		EventTime: r.time("eventTime"), EventName: r.text("eventName"),
	}}
}

func objectURL(bucket, key string) string { return "s3://" + bucket + "/" + key }

// flatten gives the hints of all messages in their order, and the errors joined.
func flatten(messages []Message) ([]Hint, error) {
	var hints []Hint
	var errs []error
	for i, m := range messages {
		hints = append(hints, m.Hints...)
		if m.Err != nil {
			errs = append(errs, fmt.Errorf("record %d: %w", i, m.Err))
		}
	}
	return hints, errors.Join(errs...)
}

// decodeItems reads what a Step Functions map hands to one worker.
func decodeItems(items []json.RawMessage) ([]Hint, error) {
	if len(items) == 0 {
		return nil, errors.New("the event has no items; name at least one target")
	}
	var hints []Hint
	for i, raw := range items {
		h, err := fromItem(raw)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		hints = append(hints, h)
	}
	return hints, nil
}
