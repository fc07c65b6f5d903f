package events

import (
	"encoding/json"
	"errors"
	"fmt"
)

// maxHops bounds how deep an event may be wrapped. The longest real way is a
// queue's batch around an SNS notification around an EventBridge event.
const maxHops = 4

// errDeep is one value, so that it reads the same from every level.
var errDeep = fmt.Errorf("the event is wrapped more than %d times; send it on without the hops", maxHops)

// Decode reads one event in any of the envelopes that the package comment
// lists. The hints come in the order of the event. When some messages of a batch
// cannot be read, the hints of the others come together with the error.
func Decode(data []byte) ([]Hint, error) { return decode(data, maxHops) }

func decode(data []byte, hops int) ([]Hint, error) {
	if hops == 0 {
		return nil, errDeep
	}
	if !json.Valid(data) {
		return nil, errors.New("the event is not JSON; send the event itself, not a text about it")
	}
	var items []json.RawMessage
	if json.Unmarshal(data, &items) == nil && items != nil {
		return decodeItems(items)
	}
	o := asObject(data)
	switch {
	case o == nil:
		return decodeItems([]json.RawMessage{data})
	case o.has("detail-type"):
		return fromEventBridge(o)
	case o.has("Records"):
		return flatten(records(o, hops))
	case o.text("Event") == "s3:TestEvent":
		return nil, nil
	case o.text("Type") == "Notification" && o.has("Message"):
		return decode([]byte(o.text("Message")), hops-1)
	case o.text("Type") == "SubscriptionConfirmation" || o.text("Type") == "UnsubscribeConfirmation":
		return nil, errors.New("SNS asks for the subscription to be confirmed; confirm it, events follow then")
	case o.has("Items"):
		return decodeItems(o.list("Items"))
	case o.has("eventName"):
		return fromCloudTrail(o, o)
	}
	return decodeItems([]json.RawMessage{data})
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
