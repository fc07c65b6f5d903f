package report

import (
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// FormatVersion is the version of the JSON document and of the JSON lines. It
// grows only when a field goes away or changes its meaning; new fields may come
// at any time.
const FormatVersion = 1

// The types below are the contract of docs/output.md: the order of their fields
// is the order of the output.

type targetJSON struct {
	Label   string `json:"label"`  // of the fleet file; "" without one
	Target  string `json:"target"` // ACCOUNT/REGION
	Account string `json:"account"`
	Region  string `json:"region"`
}

// KeyJSON names a config, in every document alike.
type KeyJSON struct {
	targetJSON
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"`
}

// OriginJSON is where something was declared.
type OriginJSON struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Layer string `json:"layer"`
	Name  string `json:"name"` // of the rule
	// Template is what stands there, where that is not the value itself.
	Template string `json:"template,omitempty"`
}

type fieldJSON struct {
	Setting string        `json:"setting"`
	Before  desired.Value `json:"before"`
	After   desired.Value `json:"after"`
	Origin  *OriginJSON   `json:"origin"`
}

type itemJSON struct {
	KeyJSON
	Action   string         `json:"action"`
	Status   string         `json:"status"`
	Fields   []fieldJSON    `json:"fields"`
	Final    bool           `json:"final,omitempty"` // a delete that cannot be undone
	Attempts int            `json:"attempts"`
	WaitedMS int64          `json:"waited_ms"`
	Error    *callerr.Error `json:"error"`
	sourceJSON
	DriftingSince *string `json:"drifting_since,omitempty"`
}

type findingJSON struct {
	KeyJSON
	Reason   string              `json:"reason"`
	Settings *reconcile.Settings `json:"settings,omitempty"` // of a record that is left under a qualifier which is gone
	Origin   *OriginJSON         `json:"origin"`
	Error    *callerr.Error      `json:"error"`
	sourceJSON
}

type undeclaredJSON struct {
	KeyJSON
	Settings *reconcile.Settings `json:"settings"` // null of a past run, whose record does not keep them
	sourceJSON
}

type ignoredJSON struct {
	KeyJSON
	Origin *OriginJSON `json:"origin"`
	Reason string      `json:"reason,omitempty"`
	Until  string      `json:"until,omitempty"`
}

type guardJSON struct {
	reconcile.GuardLine
	Exceeded bool `json:"exceeded"`
}

// newTarget is a target as it is named in every document; of none, all is "".
func newTarget(t desired.Target, label string) targetJSON {
	out := targetJSON{Label: label, Account: t.Account, Region: t.Region}
	if (t != desired.Target{}) {
		out.Target = t.String()
	}
	return out
}

// NewKeyJSON is a config of a target with this label.
func NewKeyJSON(label string, k desired.Key) KeyJSON {
	return newKey(newTarget(k.Target, label), k.Name)
}

func newKey(t targetJSON, n desired.Name) KeyJSON {
	return KeyJSON{targetJSON: t, Function: n.Function, Qualifier: n.Qualifier}
}

// newKey is a config that knows its target, but not what the fleet file calls it.
func (r *Run) newKey(k desired.Key) KeyJSON { return newKey(r.newTarget(k.Target), k.Name) }

// newTarget is a target with the label that the plan knows.
func (r *Run) newTarget(t desired.Target) targetJSON {
	label := ""
	if p := r.planOf(t); p != nil {
		label = p.Label
	}
	return newTarget(t, label)
}

// NewOriginJSON is nil where nobody declared it.
func NewOriginJSON(o desired.Origin) *OriginJSON {
	if o.IsZero() {
		return nil
	}
	return &OriginJSON{File: o.File, Line: o.Line, Layer: o.LayerName(), Name: o.Rule, Template: o.Template}
}

func newGuard(l reconcile.GuardLine) any {
	return guardJSON{l, l.Exceeded()}
}

func newFields(c *reconcile.Change) []fieldJSON {
	return slice.Map(c.SettingChanges(), func(f reconcile.SettingChange) fieldJSON {
		return fieldJSON{Setting: f.Setting.String(), Before: f.Before, After: f.After, Origin: NewOriginJSON(f.Origin)}
	})
}

// planned is the status of a change that no run has tried to make.
const planned = "planned"

func newPlanned(t targetJSON, c *reconcile.Change) itemJSON {
	return itemJSON{KeyJSON: newKey(t, c.Name), Action: c.Action.String(), Status: planned, Fields: newFields(c), Final: c.Final, sourceJSON: newSource(c.Seen, false)}
}

func newResult(t targetJSON, r *reconcile.ChangeResult) itemJSON {
	item := newPlanned(t, &r.Change)
	item.Status = r.Status.String()
	item.Attempts = r.Stats.Attempts
	item.WaitedMS = r.Stats.Waited.Milliseconds()
	item.Error = reconcile.ErrorOf(r.Err)
	return item
}

func newFinding(t targetJSON, f *reconcile.Finding) any {
	out := findingJSON{KeyJSON: newKey(t, f.Name), Reason: f.Kind.String(), Error: reconcile.ErrorOf(f.Err), sourceJSON: newSource(f.Seen, f.Carried)}
	if f.Kind == reconcile.FindingQualifierMissing {
		out.Settings = f.Record
	}
	if f.Origins != nil {
		out.Origin = NewOriginJSON(f.Origins.Entry)
	}
	return out
}

func newUndeclared(t targetJSON, f *reconcile.Finding) any {
	return undeclaredJSON{KeyJSON: newKey(t, f.Name), Settings: f.Record, sourceJSON: newSource(f.Seen, f.Carried)}
}

type destinationJSON struct {
	ARN     string    `json:"arn"`
	State   string    `json:"state"`
	Configs int       `json:"configs"` // that send there
	Uses    []useJSON `json:"uses"`    // only of those that lose what is sent to them
}

type useJSON struct {
	KeyJSON
	Setting string      `json:"setting"`
	Live    bool        `json:"live"`
	Origin  *OriginJSON `json:"origin"`
}

// unavailableJSON is what could not be learnt.
type unavailableJSON struct {
	What string `json:"what"`
	targetJSON
	Error *callerr.Error `json:"error"`
}

// unsearchedJSON is of how much nobody looked for the author.
type unsearchedJSON struct {
	targetJSON
	Configs int            `json:"configs"`
	Reached *string        `json:"reached"`
	Error   *callerr.Error `json:"error"`
}

func (r *Run) newDestination(d insight.Destination) any {
	out := destinationJSON{ARN: d.ARN, State: d.State.String(), Configs: len(d.Uses), Uses: []useJSON{}}
	if d.Loses() {
		out.Uses = slice.Map(d.Uses, func(u insight.DestinationUse) useJSON {
			return useJSON{r.newKey(u.Key), u.Setting.String(), u.Live, NewOriginJSON(u.Origin)}
		})
	}
	return out
}

type breachJSON struct {
	KeyJSON
	Requirement string      `json:"requirement"`
	Setting     string      `json:"setting"`
	Message     string      `json:"message"`
	Now         bool        `json:"now"`
	Planned     bool        `json:"planned"`
	Origin      *OriginJSON `json:"origin"`
}

type unjudgedJSON struct {
	targetJSON
	Function string         `json:"function"`
	Error    *callerr.Error `json:"error"`
}

// authorJSON is who made a config what it is.
type authorJSON struct {
	KeyJSON
	insight.Author
	At        string `json:"at"`
	Call      string `json:"call"`
	Redeploys bool   `json:"redeploys"` // the next deployment writes it again
}

// fightJSON is a config that somebody else keeps changing back.
type fightJSON struct {
	KeyJSON
	Times  int            `json:"times"` // how often it was corrected
	Since  *string        `json:"since"`
	Author insight.Author `json:"author"` // whose name and kind are "" where nobody told
}

// sourceJSON says what the verdict on one item rests on.
type sourceJSON struct {
	Evidence string  `json:"evidence,omitempty"`    // read or carried
	At       *string `json:"evidence_at,omitempty"` // when that was read
}

func newSource(seen int64, carried bool) sourceJSON {
	if seen == 0 {
		return sourceJSON{}
	}
	s := sourceJSON{Evidence: "read", At: stamp(time.UnixMilli(seen))}
	if carried {
		s.Evidence = "carried"
	}
	return s
}
