package desired

import "regexp"

// shape is what a value may hold, as far as it can be said of one value alone.
type shape interface{ schema() map[string]any }

type integerShape struct{ low, high int }

func (s integerShape) schema() map[string]any {
	return map[string]any{"type": "integer", "minimum": s.low, "maximum": s.high}
}

// decimalShape is a number from low to high; open leaves low itself out, and a
// zero high means no bound.
type decimalShape struct {
	low, high float64
	open      bool
}

func (s decimalShape) schema() map[string]any {
	m := map[string]any{"type": "number", "minimum": s.low}
	if s.open {
		delete(m, "minimum")
		m["exclusiveMinimum"] = s.low
	}
	if s.high > 0 {
		m["maximum"] = s.high
	}
	return m
}

// textRule is what a string must look like. code, what and cure are for the
// message when it does not.
type textRule struct {
	pattern    *regexp.Regexp // nil: anything
	low, high  int            // length in characters; a zero high means no bound
	code       string
	what, cure string
	known      []string // what a misspelt one may have been meant to be
}

func (r textRule) schema() map[string]any {
	m := map[string]any{"type": "string", "minLength": max(1, r.low)}
	if r.high > 0 {
		m["maxLength"] = r.high
	}
	if r.pattern != nil {
		m["pattern"] = r.pattern.String()
	}
	return m
}

func (r textRule) allows(s string) bool {
	n := len([]rune(s))
	return n >= r.low && (r.high == 0 || n <= r.high) && (r.pattern == nil || r.pattern.MatchString(s))
}

type choiceShape []string

func (s choiceShape) schema() map[string]any {
	return map[string]any{"type": "string", "enum": []string(s)}
}

type booleanShape struct{}

func (booleanShape) schema() map[string]any { return map[string]any{"type": "boolean"} }

type listShape struct{ item shape }

func (s listShape) schema() map[string]any {
	return map[string]any{"type": "array", "minItems": 1, "items": s.item.schema()}
}

// constantShape is the one number that is allowed.
type constantShape int

func (s constantShape) schema() map[string]any { return map[string]any{"const": int(s)} }

// tagsShape is a mapping from tag key to value.
type tagsShape struct{ key, value textRule }

func (s tagsShape) schema() map[string]any {
	return map[string]any{
		"type":                 "object",
		"minProperties":        1,
		"propertyNames":        s.key.schema(),
		"additionalProperties": s.value.schema(),
	}
}

// limitShape is a number, or a share such as 30%.
type limitShape struct{}

// percentWord has few enough digits for a float64 to give back what was written.
var percentWord = regexp.MustCompile(`^(100(\.0{1,9})?|[0-9]{1,2}(\.[0-9]{1,9})?)%$`)

func (limitShape) schema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "integer", "minimum": 0, "maximum": maxLimit},
		map[string]any{"type": "string", "pattern": percentWord.String()},
	}}
}
