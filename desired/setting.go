package desired

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Setting is one of the settings of an event invoke config, in the order in which output
// lists them.
type Setting uint8

// The settings.
const (
	MaximumRetryAttempts     Setting = iota // how often Lambda tries again: 0 to 2
	MaximumEventAgeInSeconds                // how long an event may wait, in seconds: 60 to 21600
	OnSuccess                               // where a record of each success goes, an ARN
	OnFailure                               // where events go that failed for good, an ARN
	NumSettings                             // how many there are
)

// settingRow is what there is to know of a setting. Limits and defaults are those of the
// Lambda API reference, PutFunctionEventInvokeConfig, and of the developer guide.
type settingRow struct {
	name      string // in the fleet file and in JSON
	doc       string // in the schema of the fleet file
	low, high int    // bounds of a number, both allowed; 0, 0 for a destination
	fallback  Value  // what Lambda does when a record does not have it, or when there is no record
}

// settingTable does not compile while a setting has no row: [...] counts the rows.
//
// Everything that handles settings loops over them: CONTRIBUTING.md has the recipe for one more.
var settingTable [NumSettings]settingRow = [...]settingRow{
	MaximumRetryAttempts: {
		name: "maximum_retry_attempts", low: 0, high: 2, fallback: Number(2),
		doc: "How often Lambda tries again after an error. Without it: 2.",
	},
	MaximumEventAgeInSeconds: {
		name: "maximum_event_age_in_seconds", low: 60, high: 21600, fallback: Number(21600),
		doc: "How long Lambda keeps an event, in seconds. Without it: 21600.",
	},
	OnSuccess: {
		name: "on_success", fallback: NoDestination,
		doc: "Where a record of each success goes: the ARN of a queue, topic, function or event bus, or none. Placeholders are filled in.",
	},
	OnFailure: {
		name: "on_failure", fallback: NoDestination,
		doc: "Where failed events go: as on_success, or a bucket.",
	},
}

// AllSettings lists every setting in output order.
func AllSettings() (all [NumSettings]Setting) {
	// An array and no slice: nobody can change what others loop over.
	for i := range all {
		all[i] = Setting(i)
	}
	return all
}

// String is the key of the setting in the fleet file and in JSON output.
func (s Setting) String() string {
	if s < NumSettings {
		return settingTable[s].name
	}
	return "unknown"
}

// IsNumber tells a number from a destination.
func (s Setting) IsNumber() bool { return settingTable[s].fallback.kind == numberValue }

// Bounds are the least and the greatest number that Lambda takes; 0, 0 for a destination.
func (s Setting) Bounds() (low, high int) { return settingTable[s].low, settingTable[s].high }

// Default is what Lambda does without the setting: 2, 21600, or NoDestination.
func (s Setting) Default() Value { return settingTable[s].fallback }

// Format is a value that AWS holds as a person reads it: one that is not set as "(unset, so 2)", or for
// a destination "(unset)".
func (s Setting) Format(v Value) string {
	// What Lambda makes of an unset number is what the function has been doing. A destination that
	// is not set needs no such note: none is what it looks like.
	switch {
	case v.IsSet():
		return v.String()
	case s.IsNumber():
		return fmt.Sprintf("(unset, so %s)", s.Default())
	}
	return "(unset)"
}

// Check says why a value cannot be one of the setting: the wrong type, or out of bounds. An
// unset value is right everywhere.
func (s Setting) Check(v Value) error {
	// It is for values that did not come through a fleet file, whose own rules say more.
	low, high := s.Bounds()
	switch {
	case v.kind == unsetValue:
		return nil
	case v.kind != s.Default().kind:
		return fmt.Errorf("%s cannot be %s", s, v)
	case s.IsNumber() && (v.Int() < low || v.Int() > high):
		return fmt.Errorf("%s is %d, which is not a whole number from %d to %d", s, v.Int(), low, high)
	}
	return nil
}

// Value is the value of one setting, or unset: zero retries is a real value. Values are
// comparable with ==.
type Value struct {
	// A kind beside both, in place of an interface: == works, and a Config takes no allocation of
	// its own. A survey holds one for each record, a fleet one for each combination of rules.
	kind   valueKind
	number int32
	text   string
}

type valueKind uint8

const (
	unsetValue valueKind = iota
	numberValue
	textValue
)

// Number is the value of a setting that is a number, of at most 32 bits.
func Number(n int) Value {
	// Every bound of the table fits, and a Config stays small.
	return Value{kind: numberValue, number: int32(n)}
}

// Text is the value of a setting that is a destination: an ARN, or "" for none.
func Text(s string) Value { return Value{kind: textValue, text: s} }

// NoDestination is a destination that must be empty: "none" in the fleet file.
var NoDestination = Text("")

// IsSet reports whether there is a value.
func (v Value) IsSet() bool { return v.kind != unsetValue }

// Int is the number; 0 for anything else.
func (v Value) Int() int { return int(v.number) }

// Text is the destination; "" for anything else.
func (v Value) Text() string { return v.text }

// Or is the value, or fallback when it is unset.
func (v Value) Or(fallback Value) Value {
	if v.IsSet() {
		return v
	}
	return fallback
}

// String is the value as the fleet file spells it, or "unset".
func (v Value) String() string {
	switch {
	case v.kind == numberValue:
		return strconv.Itoa(int(v.number))
	case v == NoDestination:
		return noneWord
	case v.kind == textValue:
		return v.text
	}
	return "unset"
}

// MarshalJSON is a number, a string ("none" for no destination), or null when unset.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case numberValue:
		return strconv.AppendInt(nil, int64(v.number), 10), nil
	case textValue:
		return json.Marshal(v.String())
	}
	return []byte("null"), nil
}

// UnmarshalJSON takes what MarshalJSON gives, and "" for no destination.
func (v *Value) UnmarshalJSON(data []byte) error {
	// The first byte tells the kinds apart: data is one value of JSON, without space around it.
	*v = Value{}
	switch {
	case bytes.Equal(data, []byte("null")):
		return nil
	case data[0] == '"':
		v.kind = textValue
		err := json.Unmarshal(data, &v.text)
		if v.text == noneWord {
			*v = NoDestination
		}
		return err
	}
	v.kind = numberValue
	return json.Unmarshal(data, &v.number)
}

// Config is what one event invoke config should say. An unset setting is left as AWS holds
// it. Configs are comparable, so equal ones can be shared.
type Config [NumSettings]Value

// IsZero reports whether no setting is managed.
func (c Config) IsZero() bool { return c == Config{} }

// MarshalJSON is an object of the settings that are set, in output order.
func (c Config) MarshalJSON() ([]byte, error) {
	// By hand for the order of the keys: a map would sort them by name.
	out := []byte{'{'}
	for s, v := range c {
		if !v.IsSet() {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		text, err := v.MarshalJSON()
		if err != nil {
			return nil, err
		}
		out = append(append(strconv.AppendQuote(out, Setting(s).String()), ':'), text...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON takes what MarshalJSON gives. A setting that is null or not there is unset;
// an unknown name or a value of the wrong type is an error. Bounds are for Setting.Check.
func (c *Config) UnmarshalJSON(data []byte) error {
	// Unknown names are refused and not passed over: a record of a later version may hold a
	// setting that this one would silently drop. Bounds are not checked, since AWS may allow more
	// than it did.
	var named map[string]Value
	if err := json.Unmarshal(data, &named); err != nil {
		return err
	}
	if named == nil {
		return errors.New("a config is null")
	}
	for _, s := range AllSettings() {
		v := named[s.String()] // unset where it is not there
		if v.IsSet() && v.kind != s.Default().kind {
			return fmt.Errorf("%s cannot be %s", s, v)
		}
		c[s] = v
		delete(named, s.String())
	}
	if len(named) > 0 {
		return fmt.Errorf("there is no setting %q", slices.Min(slices.Collect(maps.Keys(named))))
	}
	return nil
}
