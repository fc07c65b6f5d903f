package desired

import (
	"fmt"
	"unique"
)

// Layer is the kind of place a value came from, weakest first.
type Layer uint8

// The layers; a later one wins over an earlier one.
const (
	LayerNone Layer = iota
	LayerDefaults
	LayerRule
	LayerFunction
	LayerIgnore // sets nothing: it takes keys out
)

// Origin is where one value was written. It is comparable: two loads of the
// same files give equal origins. It is small on purpose: a fleet of 100,000
// exact entries holds several for each.
type Origin struct {
	site  unique.Handle[site]
	line  int32
	index int32 // of the rule or function within its file
	layer Layer
}

// site is what the origins of one rule, or of all unnamed places of a file, share.
type site struct{ file, rule string }

// IsZero reports whether nobody wrote the value.
func (o Origin) IsZero() bool { return o.layer == LayerNone }

// File is the fleet file's path as it was given.
func (o Origin) File() string {
	if o.IsZero() {
		return ""
	}
	return o.site.Value().file
}

// Rule is the name of the rule that the value was written in, or "" where that
// has none or is no rule.
func (o Origin) Rule() string {
	if o.IsZero() {
		return ""
	}
	return o.site.Value().rule
}

// Line counts from 1.
func (o Origin) Line() int { return int(o.line) }

// Layer is the kind of place.
func (o Origin) Layer() Layer { return o.layer }

// LayerName is "defaults", "rules[0]" or "functions[12]": the path of the
// place within its file.
func (o Origin) LayerName() string {
	switch o.layer {
	case LayerDefaults:
		return "defaults"
	case LayerRule:
		return fmt.Sprintf("rules[%d]", o.index)
	case LayerFunction:
		return fmt.Sprintf("functions[%d]", o.index)
	case LayerIgnore:
		return fmt.Sprintf("ignore[%d]", o.index)
	}
	return ""
}

// String is "fleet.yaml:14 rules[0]", or "" when nobody wrote the value.
func (o Origin) String() string {
	if o.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s:%d %s", o.File(), o.line, o.LayerName())
}
