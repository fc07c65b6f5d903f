package reconcile

import (
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Action is what a change does to a record.
type Action uint8

// The actions.
const (
	NoChange Action = iota
	Create          // Put: no record was seen
	Update          // Update: with only the settings that differ
	Delete          // Delete
	Restore         // Put: the whole record as Want says, settings left unset included
)

// String is the action as JSON output spells it.
func (a Action) String() string { return actionNames[a] }

var actionNames = [...]string{"none", "create", "change", "delete", "restore"}

// MarshalText implements encoding.TextMarshaler, so that JSON has the spelling.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a spelling back.
func (a *Action) UnmarshalText(text []byte) error {
	if *a = Action(max(0, slices.Index(actionNames[:], string(text)))); *a == NoChange {
		return fmt.Errorf("action %q is not known", text)
	}
	return nil
}

// Change is one write that a plan asks for, with its before-image. It holds
// data only, so a plan can be printed, saved and compared. It is kept small:
// settings, wishes and origins are shared between changes that have the same.
type Change struct {
	desired.Name
	Action   Action
	Want     *desired.Config  // every managed setting; nil when the record is undeclared
	Before   *Settings        // nil when there is no record, as for every Create
	Modified int64            // LastModified of the before-image, Unix milliseconds
	Seen     int64            // when the before-image was read, Unix milliseconds; 0 when not known
	Origins  *desired.Origins // nil when the record is undeclared
	// Final says of a Delete that the alias or version is gone: Lambda takes no record under
	// it any more, so this one cannot be put back.
	Final bool
}

// Request is what the write sends: all managed settings for a Create, only the
// differing ones for an Update, the whole record for a Restore, nothing for a Delete.
//
// A Create leaves out the destinations that are to be empty, which is what a
// new record has anyway.
//
// An Update sends the difference alone, so that a setting which somebody else changed
// meanwhile stays as that person left it.
func (c *Change) Request() desired.Config {
	switch c.Action {
	case Create:
		request := *c.Want
		for i, v := range request {
			if v == desired.NoDestination {
				request[i] = desired.Value{}
			}
		}
		return request
	case Update:
		return differing(*c.Want, *c.Before)
	case Restore:
		return *c.Want
	}
	return desired.Config{}
}

// After is the record that the write leaves when nobody else writes: nil for a
// Delete. It is what AWS's merge rules make of the request.
//
// A Put replaces the whole record, an Update keeps what it does not name.
func (c *Change) After() *Settings {
	var after Settings
	switch c.Action {
	case Delete:
		return nil
	case Update:
		after = c.Before.With(c.Request())
	default:
		after = Settings{}.With(c.Request())
	}
	return &after
}

// Kind is how a change counts: a Restore is a Create where there is no record, else an Update.
func (c *Change) Kind() Action {
	switch {
	case c.Action != Restore:
		return c.Action
	case c.Before == nil:
		return Create
	}
	return Update
}

// SettingChange is one setting of a change as a person reads it.
type SettingChange struct {
	Setting desired.Setting
	Before  desired.Value
	After   desired.Value
	Origin  desired.Origin // zero when the record is undeclared
}

// Settings lists what the change does to each setting that it touches, in output
// order: for a Create the settings that are sent, for a Delete the settings that are
// lost, for a Restore those that come out differently.
func (c *Change) Settings() []SettingChange {
	var before, after Settings
	if c.Before != nil {
		before = *c.Before
	}
	if a := c.After(); a != nil {
		after = *a
	}
	request := c.Request()
	var rows []SettingChange
	for _, field := range desired.Settings() {
		touched := request[field].IsSet()
		if c.Action == Delete || c.Action == Restore {
			touched = before[field] != after[field]
		}
		if !touched {
			continue
		}
		row := SettingChange{Setting: field, Before: before[field], After: after[field]}
		if c.Origins != nil {
			row.Origin = c.Origins.Fields[field]
			if row.Origin.IsZero() {
				row.Origin = c.Origins.Entry
			}
		}
		rows = append(rows, row)
	}
	return rows
}
