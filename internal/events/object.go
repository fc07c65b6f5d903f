package events

import (
	"encoding/json"
	"time"
)

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

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
