package history

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// RecordVersion is the version of the record's format. It grows when a field
// goes away or changes its meaning. Readers take this one and those before it: 2, in which
// an error was called failure, and 1, which has no sum either. They refuse others.
const RecordVersion = 3

// State is how far a run came.
type State string

// The states. Died and Damaged are never stored. A reader makes Died of a record
// that says running while nobody keeps the run alive, and Damaged of one that it
// cannot read.
const (
	Running     State = "running"
	Finished    State = "finished"
	Interrupted State = "interrupted" // by a signal, a deadline or the error budget
	Declined    State = "declined"    // by the person who was asked whether to write
	Failed      State = "failed"      // before anything was changed
	Died        State = "died"
	Damaged     State = "damaged"
)

// RunRecord is what one process leaves behind of a run. It holds no credentials:
// no type that could carry any is part of it.
type RunRecord struct {
	Version     int         `json:"format_version"`
	RunID       string      `json:"run_id"`
	Shard       shard.Shard `json:"shard,omitzero"`
	ToolVersion string      `json:"tool_version"`
	Verb        string      `json:"verb"`
	Host        string      `json:"host"`
	PID         int         `json:"pid"`
	State       State       `json:"state"`
	Started     time.Time   `json:"started"`
	Finished    time.Time   `json:"finished,omitzero"`
	AskedMS     int64       `json:"asked_ms,omitempty"` // how long a person took to answer
	Stopped     string      `json:"stopped,omitempty"`  // why it ended early, in the caller's words
	// Guard is every rule of the guard against the plan; GuardOff is why it was off, in
	// the caller's words.
	Guard    []reconcile.GuardLine `json:"guard,omitempty"`
	GuardOff string                `json:"guard_off,omitempty"`
	// Approvers are those whose signatures the saved plan carried, where they were asked for.
	Approvers []string `json:"approved_by,omitempty"`
	// Failure is why there is no plan.
	Failure *callerr.Error `json:"error,omitempty"`

	// Job is where it was started: the address of a CI job, or "".
	Job string `json:"job,omitempty"`

	Callers   []Caller           `json:"callers"`
	Files     []desired.FileInfo `json:"files"`     // that the run followed, to the byte
	Selection desired.Selection  `json:"selection"` // what the run was narrowed to
	// Narrowed says that the run looked at less than its fleet, or its shard's part of it; null
	// where there was no plan, and in older records.
	Narrowed *bool `json:"narrowed,omitempty"`
	// MissingFunctions and MissingQualifiers are what the fleet file says of them; null where
	// there was no plan, and in older records.
	MissingFunctions  *desired.MissingPolicy `json:"missing_functions,omitempty"`
	MissingQualifiers *desired.MissingPolicy `json:"missing_qualifiers,omitempty"`
	// Organizations are the accounts that each target which names an organization had then,
	// whatever part of them the run was over.
	Organizations map[string][]string `json:"organizations,omitempty"`

	Targets  []TargetRecord `json:"targets"`  // sorted
	Items    []Item         `json:"items"`    // in key order
	Findings []Finding      `json:"findings"` // in key order
}

// Caller is who the run was in one target, as STS names it.
type Caller struct {
	desired.Target
	ARN string `json:"arn"`
}

// TargetRecord is what the run did in one account and region.
type TargetRecord struct {
	desired.Target
	Label   string         `json:"label,omitempty"`
	Plan    PlanCounts     `json:"plan"`
	Failure *callerr.Error `json:"error,omitempty"`   // why it counts as unreadable
	Stopped *callerr.Error `json:"stopped,omitempty"` // why it ended early
	Unknown bool           `json:"unknown,omitempty"` // nobody could tell how many configs it has

	// Functions were read, and in so many of them every declared config has a
	// destination for failures.
	Functions int `json:"functions,omitempty"`
	Covered   int `json:"covered,omitempty"`

	// Of an audit, in place of items: its findings by kind, and what has drifted.
	Findings map[string]int `json:"findings,omitempty"`
	Drift    []Drift        `json:"drift,omitempty"` // in key order

	Operations []reconcile.OperationCount `json:"operations"` // sorted by name
	Limiter    *LimiterStats              `json:"limiter,omitempty"`
	Pace       []PacePoint                `json:"pace,omitempty"` // of the run, in time
}

// PacePoint is how fast calls were let go at one moment of a run.
type PacePoint struct {
	AtMS      int64   `json:"at_ms"` // since the run began
	Rate      float64 `json:"rate"`
	Ceiling   float64 `json:"ceiling"`
	Throttled int64   `json:"throttled"` // since the point before
}

// PlanCounts are the totals of a target's plan.
type PlanCounts struct {
	Declared   int `json:"declared"`
	InSync     int `json:"in_sync"`
	Skipped    int `json:"skipped"`
	Ignored    int `json:"ignored"`
	Creates    int `json:"creates"`
	Changes    int `json:"changes"`
	Deletes    int `json:"deletes"`
	Unreadable int `json:"unreadable"` // and not examined
	Missing    int `json:"missing"`    // functions and qualifiers
	Undeclared int `json:"undeclared"`
	Breaches   int `json:"breaches"` // of requirements
}

// LimiterStats is what the pacing of a target came to.
type LimiterStats struct {
	Rate       float64 `json:"rate"`
	Ceiling    float64 `json:"ceiling"`
	Granted    int64   `json:"granted"`
	Decreases  int64   `json:"decreases"` // of the rate, by throttling
	PausedMS   int64   `json:"paused_ms"`
	Throttled  int64   `json:"throttled"`
	Breaker    string  `json:"breaker"`
	Efficiency float64 `json:"efficiency"`
}

// UnmarshalJSON also reads what was stored while decreases were called cuts.
func (s *LimiterStats) UnmarshalJSON(data []byte) error {
	type plain LimiterStats
	stored := struct {
		*plain
		Cuts int64 `json:"cuts"`
	}{plain: (*plain)(s)}
	err := json.Unmarshal(data, &stored)
	s.Decreases = cmp.Or(s.Decreases, stored.Cuts)
	return err
}

// NewLimiterStats takes the figures of a limiter.
func NewLimiterStats(s ratelimit.Snapshot) *LimiterStats {
	return &LimiterStats{
		Rate: s.Rate, Ceiling: s.Ceiling, Granted: s.Granted(), Decreases: s.Decreases, PausedMS: s.Paused.Milliseconds(),
		Throttled: s.Throttled, Breaker: s.Breaker.String(), Efficiency: s.Efficiency(),
	}
}

func (r *RunRecord) attempt() attempt {
	return attempt{run: r.RunID, started: r.Started, shard: r.Shard}
}

func (r *RunRecord) encode() ([]byte, error) {
	full := *r
	full.Callers, full.Files = present(r.Callers), present(r.Files)
	full.Targets, full.Items, full.Findings = present(r.Targets), present(r.Items), present(r.Findings)
	text, err := json.MarshalIndent(&full, "", " ")
	if err != nil {
		return nil, fmt.Errorf("history: the record of run %s cannot be written: %w", r.RunID, err)
	}
	text, _ = appendSum(text, indentedForm, "")
	return text, nil
}

// present spells an empty list as [], not as null.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// damagedError is a file that is there and cannot be understood.
type damagedError struct{ text string }

func (e *damagedError) Error() string { return "history: " + e.text }

// parseRecord reads a record. Its fields are those of today's version, its Version is the
// stored one. where is for the error.
func parseRecord(data []byte, where string) (RunRecord, error) {
	var r RunRecord
	err := json.Unmarshal(data, &r)
	if err == nil && r.Version < 3 {
		err = r.takeFailures(data)
	}
	if err != nil {
		return RunRecord{}, &damagedError{fmt.Sprintf("%s is damaged: %v; bring it back from a backup", where, err)}
	}
	if r.Version < 1 || r.Version > RecordVersion {
		return RunRecord{}, &damagedError{fmt.Sprintf("%s has format version %d and this program reads up to %d: use the version of eventinvoke that wrote it (%s), or a newer one", where, r.Version, RecordVersion, r.ToolVersion)}
	}
	return r, nil
}

// takeFailures reads the errors of a record from when they were called so.
func (r *RunRecord) takeFailures(data []byte) error {
	type failure struct {
		Failure *callerr.Error `json:"failure"`
	}
	var former struct {
		failure
		Targets, Items, Findings []failure
	}
	if err := json.Unmarshal(data, &former); err != nil {
		return err
	}
	r.Failure = former.Failure
	for i, f := range former.Targets {
		r.Targets[i].Failure = f.Failure
	}
	for i, f := range former.Items {
		r.Items[i].Failure = f.Failure
	}
	for i, f := range former.Findings {
		r.Findings[i].Failure = f.Failure
	}
	return nil
}

// Planned is the status of a change that nobody tried to make. Every other
// status is spelt as reconcile.Status spells it.
const Planned = "planned"

// Item is one change of a run.
type Item struct {
	desired.Key
	Action        reconcile.Action    `json:"action"`
	Status        string              `json:"status"`
	Before        *reconcile.Settings `json:"before"`             // null: no record
	Modified      int64               `json:"modified,omitempty"` // LastModified of the before-image, Unix milliseconds
	Request       desired.Config      `json:"request"`            // what the write sends
	After         *reconcile.Settings `json:"after"`              // what AWS stored; null where it stored nothing
	AfterModified int64               `json:"after_modified,omitempty"`
	Attempts      int                 `json:"attempts"`
	WaitedMS      int64               `json:"waited_ms"`
	Failure       *callerr.Error      `json:"error,omitempty"`
	Author        *LastAuthor         `json:"author,omitempty"` // null where nobody told
}

// LastAuthor is who had made a config what the run found.
type LastAuthor struct {
	insight.Author
	At   time.Time `json:"at"`
	Call string    `json:"call"` // the API's operation
}

// UnmarshalJSON also reads what was stored while an author's run_id was called run.
func (a *LastAuthor) UnmarshalJSON(data []byte) error {
	type plain LastAuthor
	stored := struct {
		*plain
		Run string `json:"run"`
	}{plain: (*plain)(a)}
	err := json.Unmarshal(data, &stored)
	a.RunID = cmp.Or(a.RunID, stored.Run)
	return err
}

// Finding is one key that the plan did not change and that needs attention.
type Finding struct {
	desired.Key
	Reason  string         `json:"reason"` // as reconcile.FindingKind spells it
	Failure *callerr.Error `json:"error,omitempty"`
}

// SetPlan puts a plan into the record: totals, changes with their before-images
// and findings.
func (r *RunRecord) SetPlan(plan *reconcile.Plan) {
	r.Targets, r.Items, r.Findings = nil, nil, nil
	for p := range slice.Pointers(plan.Targets) {
		r.Targets = append(r.Targets, newTarget(p))
		for j := range p.Changes {
			r.Items = append(r.Items, newIntent(desired.Key{Target: p.Target, Name: p.Changes[j].Name}, &p.Changes[j]).item())
		}
		for f := range slice.Pointers(p.Findings) {
			r.Findings = append(r.Findings, Finding{
				Key: desired.Key{Target: p.Target, Name: f.Name}, Reason: f.Kind.String(), Failure: NewFailure(f.Err),
			})
		}
	}
}

func newTarget(p *reconcile.TargetPlan) TargetRecord {
	c := p.Counts()
	return TargetRecord{
		Target: p.Target, Label: p.Label, Unknown: p.Unknown,
		Failure: NewFailure(p.Err), Stopped: NewFailure(p.Stopped), Operations: []reconcile.OperationCount{},
		Plan: PlanCounts{
			Declared: c.Declared, InSync: c.InSync, Skipped: c.Skipped, Ignored: c.Ignored,
			Creates: c.Creates, Changes: c.Updates, Deletes: c.Deletes,
			Unreadable: c.Unreadable + c.NotExamined, Missing: c.MissingFunctions + c.MissingQualifiers,
			Undeclared: c.Undeclared, Breaches: c.Breaches,
		},
	}
}

// item is a change that nobody tried to make yet.
func (in *Intent) item() Item {
	return Item{Key: in.Key, Action: in.Action, Status: Planned, Before: in.Before, Modified: in.Modified, Request: in.Request, Author: in.Author}
}

// settle puts into a change how it ended.
func (i *Item) settle(s *Settlement) {
	i.Status, i.After, i.AfterModified, i.Attempts, i.Failure = s.Status.String(), s.After, s.Modified, s.Attempts, s.Failure
}

// SetOutcome puts the results of the plan's changes into the record.
func (r *RunRecord) SetOutcome(outcome *reconcile.Outcome) {
	r.Items = nil
	for o := range slice.Pointers(outcome.Targets) {
		for result := range slice.Pointers(o.Results) {
			item := newIntent(desired.Key{Target: o.Target, Name: result.Change.Name}, &result.Change).item()
			item.settle(newSettlement(0, result))
			item.WaitedMS = result.Stats.Waited.Milliseconds()
			r.Items = append(r.Items, item)
		}
		if t := reconcile.FindTarget(r.Targets, o.Target); t != nil && o.Stopped != nil {
			t.Stopped = NewFailure(o.Stopped)
		}
	}
}

// SetAuthors puts who made the configs what they were into the record.
func (r *RunRecord) SetAuthors(known *insight.Set) {
	for i := range r.Items {
		r.Items[i].Author = authorOf(known, r.Items[i].Key)
	}
}

func authorOf(known *insight.Set, key desired.Key) *LastAuthor {
	if a := known.AuthorOf(key); a != nil {
		return &LastAuthor{a.Author, a.At, a.Call}
	}
	return nil
}

// SetAPI puts the requests and the pacing of one target into the record. The
// target must be one of the plan's.
func (r *RunRecord) SetAPI(target desired.Target, operations []reconcile.OperationCount, limiter *LimiterStats) {
	if t := reconcile.FindTarget(r.Targets, target); t != nil {
		t.Operations, t.Limiter = append([]reconcile.OperationCount{}, operations...), limiter
	}
}

// NewFailure takes from an error what may be kept, or is nil for nil.
func NewFailure(err error) *callerr.Error { return reconcile.ErrorOf(err).Stored() }
