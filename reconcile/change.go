package reconcile

import (
	"github.com/eventinvoke/eventinvoke/desired"
)

// Action is what a change does to a record.
type Action uint8

// The actions.
const (
	Nothing Action = iota
	Create         // Put: no record was seen
	Modify         // Update: with only the fields that differ
	Delete         // Delete
)

// String is the action as JSON output spells it.
func (a Action) String() string {
	switch a {
	case Create:
		return "create"
	case Modify:
		return "change"
	case Delete:
		return "delete"
	}
	return "none"
}

// Change is one write that a plan asks for, with its before-image. It holds
// data only, so a plan can be printed, saved and compared. It is kept small:
// settings, wishes and origins are shared between changes that have the same.
type Change struct {
	desired.Name
	Action   Action
	Want     *desired.Config  // every managed field; nil when the record is undeclared
	Before   *Settings        // nil exactly when Action is Create
	Modified int64            // LastModified of the before-image, Unix milliseconds
	Origins  *desired.Origins // nil when the record is undeclared
}

// Request is what the write sends: all managed fields for a Create, only the
// differing ones for a Modify, nothing for a Delete.
//
// A Create leaves out the destinations that are to be empty, which is what a
// new record has anyway.
func (c *Change) Request() desired.Config {
	switch c.Action {
	case Create:
		request := *c.Want
		if request.OnSuccess == desired.Some(desired.NoDestination) {
			request.OnSuccess = desired.Opt[string]{}
		}
		if request.OnFailure == desired.Some(desired.NoDestination) {
			request.OnFailure = desired.Opt[string]{}
		}
		return request
	case Modify:
		return Differing(*c.Want, *c.Before)
	}
	return desired.Config{}
}

// FieldChange is one field of a change as a person reads it.
type FieldChange struct {
	Field  desired.Field
	Before Value
	After  Value
	Origin desired.Origin // zero when the record is undeclared
}

// Fields lists what the change does to each field that it touches, in output
// order: for a Create the fields that are sent, for a Delete the fields that are lost.
func (c *Change) Fields() []FieldChange {
	var before, after Settings
	if c.Before != nil {
		before = *c.Before
	}
	touched := c.Request()
	switch c.Action {
	case Delete:
		touched = before.asConfig()
	default:
		after = before.with(touched)
	}
	var rows []FieldChange
	for _, field := range desired.Fields() {
		if !isSet(touched, field) {
			continue
		}
		row := FieldChange{Field: field, Before: before.Value(field), After: after.Value(field)}
		if c.Origins != nil {
			row.Origin = c.Origins.Of(field)
			if row.Origin.IsZero() {
				row.Origin = c.Origins.Entry
			}
		}
		rows = append(rows, row)
	}
	return rows
}
