// Package events turns whatever woke the program into hints of where to look.
//
// In come the bytes of one event: from EventBridge (CloudTrail records,
// schedules, S3), S3 itself, an SNS hop, an SQS batch, an array of EventBridge
// Pipes, or an item of a Step Functions map. Out come [Hint] values, or an error for bytes that are none of
// these. An event that is understood and concerns nobody here gives no hints
// and no error.
//
// A hint never says what to do. Delivery is best effort and unordered, so the
// live state decides, and an event that is lost, doubled or late costs time at
// most. For the same reason parsing is lenient: a field that is missing or has
// an odd type is treated as absent, and only an event that then names nothing
// is an error.
//
// The package reads no network and no clock, and never panics on any input.
package events

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// maxHops bounds how deep an event may be wrapped. The longest real way is a
// queue's batch around an SNS notification around an EventBridge event.
const maxHops = 4

// errEmptyItem tells an empty object among others from one that is the whole event,
// which asks for everything.
var errEmptyItem = errors.New("it is empty; name a target, or leave it out")

// Decode reads one event in any of the envelopes that the package comment
// lists, or an array of such events. The hints come in the order of the event. When
// some messages of a batch or an array cannot be read, the hints of the others come
// together with the error.
func Decode(data []byte) ([]Hint, error) { return decode(data, maxHops) }

func decode(data []byte, hops int) ([]Hint, error) {
	if hops == 0 {
		return nil, fmt.Errorf("the event is wrapped more than %d times; send it on without the hops", maxHops)
	}
	if !json.Valid(data) {
		return nil, errors.New("the event is not JSON; send the event itself, not a text about it")
	}
	var elements []json.RawMessage
	if json.Unmarshal(data, &elements) == nil && elements != nil {
		return decodeAll(elements, "element", hops)
	}
	o := asObject(data)
	switch {
	case o == nil:
		return fromItem(data)
	case o.has("detail-type"):
		return fromEventBridge(o)
	case o.has("Records"):
		return flatten(records(o, hops), "record")
	case strings.HasPrefix(sourceOf(o), "aws:"):
		m := record(o, hops)
		return m.Hints, m.Err
	case o.text("Event") == "s3:TestEvent":
		return nil, nil
	case o.text("Type") == "Notification" && o.has("Message"):
		return decode([]byte(o.text("Message")), hops-1)
	case o.text("Type") == "SubscriptionConfirmation" || o.text("Type") == "UnsubscribeConfirmation":
		return nil, errors.New("SNS asks for the subscription to be confirmed; confirm it, events follow then")
	case o.has("Items"):
		return decodeAll(o.list("Items"), "item", hops)
	case o.has("eventName"):
		return fromCloudTrail(o, o)
	case o.text("action") == "reconcile", len(o) == 0:
		return []Hint{{Kind: All}}, nil
	}
	return fromItem(data)
}

// decodeAll reads each element of an array, or item of a Step Functions map, as an
// event of its own.
func decodeAll(elements []json.RawMessage, called string, hops int) ([]Hint, error) {
	if len(elements) == 0 {
		return nil, errors.New("the event has no " + called + "s; name at least one target")
	}
	messages := make([]Message, len(elements))
	for i, raw := range elements {
		m := &messages[i]
		m.Err = errEmptyItem
		if o := asObject(raw); o == nil || len(o) > 0 {
			m.Hints, m.Err = decode(raw, hops-1)
		}
	}
	return flatten(messages, called)
}

// fromEventBridge reads what an EventBridge bus, rule or schedule delivers.
func fromEventBridge(o object) ([]Hint, error) {
	source, detail := o.text("source"), o.object("detail")
	switch o.text("detail-type") {
	case "AWS API Call via CloudTrail":
		if source != "aws.lambda" {
			return nil, nil
		}
		return fromCloudTrail(detail, o)
	case "Scheduled Event":
		// aws.events sends an empty object as detail, aws.scheduler the text
		// "{}". Neither says anything.
		return []Hint{{Kind: All, EventID: o.text("id"), EventTime: o.time("time")}}, nil
	case "Object Created", "Object Deleted":
		if source != "aws.s3" {
			return nil, nil
		}
		return []Hint{{
			Kind: Files, Object: objectURL(detail.object("bucket").text("name"), detail.object("object").text("key")),
			EventID: o.text("id"), EventTime: o.time("time"),
		}}, nil
	}
	return nil, nil
}

// Message is one message of a batch. Whoever handles the batch answers for each
// message by its ID.
type Message struct {
	ID    string // of the SQS message; "" for records that have none
	Hints []Hint
	Err   error // why the message could not be read

	// What gives the message back to its queue; "" and 0 for records that have none.
	Queue    string // its ARN
	Receipt  string
	Receives int // how often it has been delivered, this time included
}

// Batch reads an SQS batch as Lambda or EventBridge Pipes deliver it. It reports
// false for any other event: then Decode is the way.
func Batch(data []byte) ([]Message, bool) {
	var list []json.RawMessage
	hops := maxHops - 1
	if json.Unmarshal(data, &list) != nil {
		list, hops = asObject(data).list("Records"), maxHops
	}
	if len(list) == 0 {
		return nil, false
	}
	messages := make([]Message, len(list))
	for i, raw := range list {
		o := asObject(raw)
		if sourceOf(o) != "aws:sqs" {
			return nil, false
		}
		messages[i] = record(o, hops)
	}
	return messages, true
}

// sourceOf is the service that wrote a record; SNS spells the member otherwise.
func sourceOf(o object) string { return cmp.Or(o.text("eventSource"), o.text("EventSource")) }

// records reads the kinds of events that come as a list called Records: SQS, S3
// and SNS as Lambda delivers them, S3 in a queue, and CloudTrail's own files.
func records(o object, hops int) []Message {
	list := o.list("Records")
	if list == nil {
		return []Message{{Err: errors.New("the member Records is not a list; send the event as AWS delivers it")}}
	}
	return slice.Map(list, func(raw json.RawMessage) Message { return record(asObject(raw), hops) })
}

func record(r object, hops int) (m Message) {
	switch sourceOf(r) {
	case "aws:sqs":
		m.ID, m.Queue, m.Receipt = r.text("messageId"), r.text("eventSourceARN"), r.text("receiptHandle")
		m.Receives, _ = strconv.Atoi(r.object("attributes").text("ApproximateReceiveCount"))
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
	return m
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
func flatten(messages []Message, called string) ([]Hint, error) {
	var hints []Hint
	var errs []error
	for i, m := range messages {
		hints = append(hints, m.Hints...)
		if m.Err != nil {
			errs = append(errs, fmt.Errorf("%s %d: %w", called, i, m.Err))
		}
	}
	return hints, errors.Join(errs...)
}

// fromItem reads one unit of work that an engine hands out:
//
//	"111111111111/eu-west-1"                                    a target
//	{"account": "111111111111", "region": "eu-west-1"}          the same
//	{..., "rest_of": "20261125T120000Z-1f3c9a02"}               what that run had no time for
//	{..., "function": "orders"}                                 one function there
//	{..., "function": "orders", "qualifier": "live"}            one key there
//	"arn:aws:lambda:eu-west-1:111111111111:function:orders"     a function by its ARN
//
// Other members are left alone, so that items may carry labels for people. An
// item that names no target is an error and never means everything.
func fromItem(raw json.RawMessage) ([]Hint, error) {
	o := asObject(raw)
	if o == nil {
		s := asText(raw)
		if account, region, ok := strings.Cut(s, "/"); ok {
			return targetHint(account, region)
		}
		if n, err := desired.ParseName(s); err == nil && n.Region != "" {
			return []Hint{hintOf(n, desired.Target{})}, nil
		}
		return nil, fmt.Errorf("%.80s is no event that is known here and names no target; "+
			`write "ACCOUNT/REGION", or {"account": "...", "region": "..."}`, raw)
	}
	account, region := o.text("account"), o.text("region")
	if account == "" && region == "" {
		return nil, errors.New("the event has none of the known forms and names no account and region; " +
			"check which rule or state machine sends it")
	}
	target, err := targetHint(account, region)
	if err != nil {
		return nil, err
	}
	if !o.has("function") {
		target[0].RestOf = o.text("rest_of")
		return target, nil
	}
	n, err := desired.ParseName(o.text("function"))
	if err != nil {
		return nil, fmt.Errorf("%.80s is not the name of a function; write a name or an ARN", o["function"])
	}
	if o.has("qualifier") {
		if n.Qualifier = o.text("qualifier"); !isQualifier(n.Qualifier) {
			return nil, fmt.Errorf("%.80s is not a qualifier; write an alias, a version number or $LATEST", o["qualifier"])
		}
	}
	return []Hint{hintOf(n, target[0].Target)}, nil
}

func targetHint(account, region string) ([]Hint, error) {
	t := desired.Target{Account: account, Region: region}
	if !t.Valid() {
		return nil, fmt.Errorf("account %.40q and region %.40q do not name a target; write twelve digits and a region such as eu-west-1", account, region)
	}
	return []Hint{{Kind: Target, Target: t}}, nil
}

// object is a JSON object whose values are looked at one by one, so that an odd
// value in one place spoils nothing else.
type object map[string]json.RawMessage

// asObject is nil for anything that is not an object.
func asObject(raw json.RawMessage) object {
	var o object
	if json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return o
}

func (o object) has(key string) bool { _, ok := o[key]; return ok }

// text is "" for anything that is not a string.
func (o object) text(key string) string { return asText(o[key]) }

func asText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func (o object) object(key string) object { return asObject(o[key]) }

// list is nil for anything that is not an array.
func (o object) list(key string) []json.RawMessage {
	var l []json.RawMessage
	if json.Unmarshal(o[key], &l) != nil {
		return nil
	}
	return l
}

// time is zero for anything that is not a time.
func (o object) time(key string) time.Time {
	t, err := time.Parse(time.RFC3339, o.text(key))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
