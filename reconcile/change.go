package reconcile

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
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

// UnmarshalText reads a spelling back. "none" and what is not known are errors.
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
func (c *Change) Request() desired.Config {
	switch c.Action {
	case Create:
		// Without the destinations that are to be empty, which a new record has anyway.
		request := *c.Want
		for i, v := range request {
			if v == desired.NoDestination {
				request[i] = desired.Value{}
			}
		}
		return request
	case Update:
		// The difference alone, so that a setting which somebody else changed meanwhile
		// stays as that person left it.
		return differing(*c.Want, *c.Before)
	case Restore:
		return *c.Want
	}
	return desired.Config{}
}

// After is the record that the write leaves when nobody else writes: nil for a
// Delete. A Put replaces the whole record, an Update keeps what it does not name.
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

// CountsAs is how a change counts: a Restore is a Create where there is no record, else an Update.
func (c *Change) CountsAs() Action {
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

// SettingChanges lists what the change does to each setting that it touches, in output
// order: for a Create the settings that are sent, for a Delete the settings that are
// lost, for a Restore those that come out differently.
func (c *Change) SettingChanges() []SettingChange {
	var before, after Settings
	if c.Before != nil {
		before = *c.Before
	}
	if a := c.After(); a != nil {
		after = *a
	}
	request := c.Request()
	var rows []SettingChange
	for _, field := range desired.AllSettings() {
		touched := request[field].IsSet()
		if c.Action == Delete || c.Action == Restore {
			touched = before[field] != after[field]
		}
		if !touched {
			continue
		}
		row := SettingChange{Setting: field, Before: before[field], After: after[field]}
		if c.Origins != nil {
			row.Origin = c.Origins.Settings[field]
			if row.Origin.IsZero() {
				row.Origin = c.Origins.Entry
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// Status is how a change ended.
type Status uint8

// The statuses. NotAttempted is never counted as failed.
const (
	NotAttempted Status = iota // the run ended before its turn, or while it waited to be tried again
	Applied                    // AWS stored what was asked
	Mismatched                 // AWS accepted the write and stored something else
	Failed                     // AWS refused it, or it is not known whether it was done
	Stale                      // not made: the record is no longer what the plan saw
	AlreadySo                  // not made: somebody else has made the record as it should be
)

// String is the status as JSON output spells it.
func (s Status) String() string { return statusNames[s] }

var statusNames = [...]string{"not_attempted", "applied", "mismatch", "failed", "stale", "in_sync"}

// MarshalText implements encoding.TextMarshaler, so that JSON has the spelling.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a spelling back.
func (s *Status) UnmarshalText(text []byte) error {
	i := slices.Index(statusNames[:], string(text))
	if *s = Status(max(0, i)); i < 0 {
		return fmt.Errorf("status %q is not known", text)
	}
	return nil
}

// ChangeResult is one change and how it ended.
type ChangeResult struct {
	Change
	Status   Status
	After    *Settings // what AWS stored, or for Stale what is there now; nil: no record, or not known
	Modified int64     // LastModified of what AWS stored, Unix milliseconds; 0 when not known
	Stats    ratelimit.CallStats
	Err      error // why, for every status but Applied; may be nil for NotAttempted
	Again    bool  // refused for the function's role, and tried once more at the end of the run
}

// open reports whether a write may still be made: its turn has not come, or the
// function's role was in the way, which may have been mended since.
func (r *ChangeResult) open() bool {
	return r.Status == NotAttempted && r.Err == nil || callerr.KindOf(r.Err) == callerr.Role
}

// Outcome is how the application of a plan ended, in the plan's order.
type Outcome struct {
	Targets []TargetOutcome
}

// TargetOutcome is the outcome of one target.
type TargetOutcome struct {
	desired.Target
	Label   string
	Results []ChangeResult // sorted by name; one for each change of the plan, stale ones too
	Stopped error          // why it ended early, or nil
}

// addStale gives the changes that were not made, because their records moved
// before, their rows among the others.
//
// They come from a saved plan or a rollback that was held against what is there now;
// without these rows an outcome would pass over them in silence.
func (o *TargetOutcome) addStale(stale []StaleChange) {
	for i := range stale {
		o.Results = append(o.Results, ChangeResult{Change: stale[i].Change, Status: Stale, After: stale[i].Now})
	}
	slices.SortFunc(o.Results, func(a, b ChangeResult) int { return a.Name.Compare(b.Name) })
}

// OutcomeCounts are the numbers of an outcome: each change is counted once.
type OutcomeCounts struct {
	Created, Updated, Deleted int // applied, by Change.CountsAs
	Failed                    int // failed or mismatched
	Stale                     int
	NotAttempted              int
	AlreadySo                 int // somebody else was faster: nothing was left to do
}

// Applied is the number of changes that AWS stored.
func (t OutcomeCounts) Applied() int { return t.Created + t.Updated + t.Deleted }

// Of is a target's part of the outcome; nil where nothing was tried.
func (o *Outcome) Of(t desired.Target) *TargetOutcome {
	if o == nil {
		return nil
	}
	return FindTarget(o.Targets, t)
}

// All gives the results of an outcome, which may be nil, in the plan's order.
func (o *Outcome) All() iter.Seq2[desired.Key, *ChangeResult] {
	return func(yield func(desired.Key, *ChangeResult) bool) {
		if o == nil {
			return
		}
		for t := range slice.Pointers(o.Targets) {
			for j := range t.Results {
				if !yield(desired.Key{Target: t.Target, Name: t.Results[j].Name}, &t.Results[j]) {
					return
				}
			}
		}
	}
}

// Counts adds up the outcome.
func (o *Outcome) Counts() (sum OutcomeCounts) {
	for i := range o.Targets {
		sum.add(&o.Targets[i])
	}
	return sum
}

// Counts adds up the outcome of one target.
func (o *TargetOutcome) Counts() (sum OutcomeCounts) {
	sum.add(o)
	return sum
}

// add counts each change once. What was not made, or not as asked, counts by its status; only
// what was made counts by its action.
func (t *OutcomeCounts) add(o *TargetOutcome) {
	for r := range slice.Pointers(o.Results) {
		switch {
		case r.Status == NotAttempted:
			t.NotAttempted++
		case r.Status == Stale:
			t.Stale++
		case r.Status == AlreadySo:
			t.AlreadySo++
		case r.Status != Applied:
			t.Failed++
		case r.CountsAs() == Create:
			t.Created++
		case r.CountsAs() == Update:
			t.Updated++
		case r.CountsAs() == Delete:
			t.Deleted++
		}
	}
}

// Wrote reports whether AWS stored anything, as asked for or otherwise.
func (o *Outcome) Wrote() bool {
	for _, r := range o.All() {
		if r.Status == Applied || r.Status == Mismatched {
			return true
		}
	}
	return false
}

// describe lists the settings in which stored is not what is due, and says which of
// them the write did not even touch.
func describe(request desired.Config, due, stored Settings) string {
	var parts []string
	for _, s := range desired.AllSettings() {
		if stored[s] == due[s] {
			continue
		}
		part := fmt.Sprintf("%s is %s, not %s", s, spell(s, stored[s]), spell(s, due[s]))
		if !request[s].IsSet() {
			part += " (the write did not touch it)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// spell is a value as a fleet file would have it: no destination is none.
func spell(s desired.Setting, v desired.Value) string {
	if s.IsNumber() {
		return v.String()
	}
	return v.Or(desired.NoDestination).String()
}

// verify holds the stored record against what was asked, unmanaged settings
// included: a write that cleared a setting nobody asked about is a mismatch too. The
// effect is compared, since AWS may store a default as absent; only a Restore, which
// means the very record, is compared to the letter.
func (j *applyJob) verify(r *ChangeResult) {
	r.Status = Applied
	if r.Action == Delete {
		return
	}
	stored := j.got.Settings
	r.After, r.Modified = &stored, j.got.modified()
	due := *r.Change.After()
	wrong := r.Action == Restore && stored != due
	for _, s := range desired.AllSettings() {
		wrong = wrong || stored.Effect(s) != due.Effect(s)
	}
	if !wrong {
		return
	}
	r.Status = Mismatched
	r.Err = &callerr.Error{
		Service: "lambda", Op: operation(r.Action), Subject: j.key(&r.Change).String(), Kind: callerr.BadAnswer,
		Message: "AWS accepted the write, but the record it stored is not what the write should leave: " + describe(r.Change.Request(), due, stored),
		Hint:    "somebody else may be changing the same record, or what answers is not AWS; run plan to see what is there now, or roll this run back",
	}
}

// operation is the API's name of the write that an action makes.
func operation(a Action) string {
	switch a {
	case Create, Restore:
		return "PutFunctionEventInvokeConfig"
	case Update:
		return "UpdateFunctionEventInvokeConfig"
	}
	return "DeleteFunctionEventInvokeConfig"
}

// key is the change's config with its target, as the journal and errors call it.
func (j *applyJob) key(c *Change) desired.Key {
	return desired.Key{Target: j.target, Name: c.Name}
}
