package report

import (
	"math"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
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

type keyJSON struct {
	targetJSON
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"`
}

type originJSON struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Layer string `json:"layer"`
	Name  string `json:"name"` // of the rule
	// Template is what stands there, where that is not the value itself.
	Template string `json:"template,omitempty"`
}

type fieldJSON struct {
	Name   string        `json:"name"`
	Before desired.Value `json:"before"`
	After  desired.Value `json:"after"`
	Origin *originJSON   `json:"origin"`
}

type itemJSON struct {
	keyJSON
	Action   string               `json:"action"`
	Status   string               `json:"status"`
	Fields   []fieldJSON          `json:"fields"`
	Final    bool                 `json:"final,omitempty"` // a delete that cannot be undone
	Attempts int                  `json:"attempts"`
	WaitedMS int64                `json:"waited_ms"`
	Error    *reconcile.CallError `json:"error"`
	sourceJSON
	DriftingSince *string `json:"drifting_since,omitempty"`
}

type findingJSON struct {
	keyJSON
	Reason string               `json:"reason"`
	Origin *originJSON          `json:"origin"`
	Error  *reconcile.CallError `json:"error"`
	sourceJSON
}

type undeclaredJSON struct {
	keyJSON
	Settings reconcile.Settings `json:"settings"`
	sourceJSON
}

type ignoredJSON struct {
	keyJSON
	Origin *originJSON `json:"origin"`
	Reason string      `json:"reason,omitempty"`
	Until  string      `json:"until,omitempty"`
}

type guardJSON struct {
	Rule     string `json:"rule"`
	Current  int    `json:"current"`
	Limit    int    `json:"limit"`
	Of       int    `json:"of"`
	Exceeded bool   `json:"exceeded"`
}

func newTarget(t desired.Target, label string) targetJSON {
	return targetJSON{Label: label, Target: t.String(), Account: t.Account, Region: t.Region}
}

func newKey(t targetJSON, n desired.Name) keyJSON {
	return keyJSON{targetJSON: t, Function: n.Function, Qualifier: n.Qualifier}
}

func newOriginJSON(o desired.Origin) *originJSON {
	if o.IsZero() {
		return nil
	}
	return &originJSON{File: o.File, Line: o.Line, Layer: o.LayerName(), Name: o.Rule, Template: o.Template}
}

func newGuard(l reconcile.GuardLine) guardJSON {
	return guardJSON{Rule: l.Rule, Current: l.Current, Limit: l.Limit, Of: l.Of, Exceeded: l.Exceeded()}
}

func newFields(c *reconcile.Change) []fieldJSON {
	rows := c.Settings()
	fields := make([]fieldJSON, len(rows))
	for i, f := range rows {
		fields[i] = fieldJSON{Name: f.Setting.String(), Before: f.Before, After: f.After, Origin: newOriginJSON(f.Origin)}
	}
	return fields
}

// planned is the status of a change that no run has tried to make.
const planned = "planned"

func newPlanned(t targetJSON, c *reconcile.Change) itemJSON {
	return itemJSON{keyJSON: newKey(t, c.Name), Action: c.Action.String(), Status: planned, Fields: newFields(c), Final: c.Final, sourceJSON: newSource(c.Seen, false)}
}

func newResult(t targetJSON, r *reconcile.Result) itemJSON {
	item := newPlanned(t, &r.Change)
	item.Status = r.Status.String()
	item.Attempts = r.Stats.Attempts
	item.WaitedMS = r.Stats.Waited.Milliseconds()
	item.Error = reconcile.ErrorOf(r.Err)
	return item
}

func newFinding(t targetJSON, f *reconcile.Finding) findingJSON {
	out := findingJSON{keyJSON: newKey(t, f.Name), Reason: f.Kind.String(), Error: reconcile.ErrorOf(f.Err), sourceJSON: newSource(f.Seen, f.Carried)}
	if f.Origins != nil {
		out.Origin = newOriginJSON(f.Origins.Entry)
	}
	return out
}

func newUndeclared(t targetJSON, f *reconcile.Finding) undeclaredJSON {
	var s reconcile.Settings
	if f.Record != nil {
		s = *f.Record
	}
	return undeclaredJSON{keyJSON: newKey(t, f.Name), Settings: s, sourceJSON: newSource(f.Seen, f.Carried)}
}

// summaryJSON holds the numbers of the last line of text, and those behind them.
type summaryJSON struct {
	Declared          *int `json:"declared"` // null when it is unknown
	InSync            int  `json:"in_sync"`
	ToCreate          int  `json:"to_create"`
	ToChange          int  `json:"to_change"`
	ToDelete          int  `json:"to_delete"`
	Ignored           int  `json:"ignored"`
	Skipped           int  `json:"skipped"`
	Unreadable        *int `json:"unreadable"` // null when it is unknown
	UnreadableTargets int  `json:"unreadable_targets"`
	NotExamined       int  `json:"not_examined"`
	MissingFunctions  int  `json:"missing_functions"`
	MissingQualifiers int  `json:"missing_qualifiers"`
	Undeclared        int  `json:"undeclared"`
	Orphans           int  `json:"orphans"`
	LatestOnly        int  `json:"latest_only"`
	Created           int  `json:"created"`
	Changed           int  `json:"changed"`
	Deleted           int  `json:"deleted"`
	Failed            int  `json:"failed"`
	Stale             int  `json:"stale"`
	NotAttempted      int  `json:"not_attempted"`
}

func newSummary(c reconcile.PlanCounts, t reconcile.OutcomeCounts) summaryJSON {
	known := func(n int) *int {
		if c.UnknownTargets > 0 {
			return nil
		}
		return &n
	}
	return summaryJSON{
		Declared: known(c.Declared), InSync: c.InSync,
		ToCreate: c.Creates, ToChange: c.Updates, ToDelete: c.Deletes,
		Ignored: c.Ignored, Skipped: c.Skipped,
		Unreadable: known(c.Unreadable), UnreadableTargets: c.UnreadableTargets, NotExamined: c.NotExamined,
		MissingFunctions: c.MissingFunctions, MissingQualifiers: c.MissingQualifiers, Undeclared: c.Undeclared,
		Orphans: c.Orphans, LatestOnly: c.LatestOnly,
		Created: t.Created, Changed: t.Changed, Deleted: t.Deleted, Failed: t.Failed, Stale: t.Stale, NotAttempted: t.NotAttempted,
	}
}

// summary adds up a run. Without a plan there are no numbers, and 0 would be one.
func (r *Run) summary() *summaryJSON {
	if r.Plan == nil {
		return nil
	}
	var t reconcile.OutcomeCounts
	if r.Outcome != nil {
		t = r.Outcome.Counts()
	}
	s := newSummary(r.Plan.Counts(), t)
	return &s
}

type targetSummaryJSON struct {
	targetJSON
	Summary summaryJSON          `json:"summary"`
	Error   *reconcile.CallError `json:"error"`   // why nothing of it could be read
	Stopped *reconcile.CallError `json:"stopped"` // why its reading or its writing ended early
	// Evidence is left out where everything was to be read, and was.
	Evidence *evidenceJSON `json:"evidence,omitempty"`
}

func (r *Run) newTargetSummary(p *reconcile.TargetPlan) targetSummaryJSON {
	var totals reconcile.OutcomeCounts
	stopped := p.Stopped
	if o := r.outcomeOf(p.Target); o != nil {
		one := reconcile.Outcome{Targets: []reconcile.TargetOutcome{*o}}
		totals = one.Counts()
		if stopped == nil {
			stopped = o.Stopped
		}
	}
	return targetSummaryJSON{
		targetJSON: newTarget(p.Target, p.Label), Summary: newSummary(p.Counts(), totals),
		Error: reconcile.ErrorOf(p.Err), Stopped: reconcile.ErrorOf(stopped), Evidence: newEvidence(p.Evidence),
	}
}

// outcomeOf is a target's part of the outcome; nil when nothing was tried.
func (r *Run) outcomeOf(t desired.Target) *reconcile.TargetOutcome {
	if r.Outcome == nil {
		return nil
	}
	i := slices.IndexFunc(r.Outcome.Targets, func(o reconcile.TargetOutcome) bool { return o.Target == t })
	if i < 0 {
		return nil
	}
	return &r.Outcome.Targets[i]
}

type apiJSON struct {
	countsJSON
	Targets []targetAPIJSON `json:"targets"`
}

type countsJSON struct {
	Calls     int64 `json:"calls"`
	Throttled int64 `json:"throttled"`
	Conflicts int64 `json:"conflicts"`
	Faults    int64 `json:"faults"`
	Refused   int64 `json:"refused"`
	Retries   int64 `json:"retries"` // throttled + conflicts + faults
}

type targetAPIJSON struct {
	targetJSON
	countsJSON
	Rate          float64         `json:"rate"`
	Ceiling       float64         `json:"ceiling"`
	Cuts          int64           `json:"cuts"`
	PausedMS      int64           `json:"paused_ms"`
	Breaker       string          `json:"breaker"`
	ThrottleRatio float64         `json:"throttle_ratio"`
	Efficiency    float64         `json:"efficiency"`
	Tokens        tokensJSON      `json:"tokens"`
	Operations    []operationJSON `json:"operations"`
}

// tokensJSON counts the requests that were let go, by what they were for.
type tokensJSON struct {
	Scan   int64 `json:"scan"`
	Lookup int64 `json:"lookup"`
	Write  int64 `json:"write"`
	Probe  int64 `json:"probe"`
}

type operationJSON struct {
	Name string `json:"name"`
	countsJSON
}

func newCounts(t tally) countsJSON {
	return countsJSON{
		Calls: t.Calls, Throttled: t.Throttled, Conflicts: t.Conflicts, Faults: t.Faults,
		Refused: t.Refused, Retries: t.retries(),
	}
}

func newAPI(targets []TargetAPI) apiJSON {
	out := apiJSON{Targets: make([]targetAPIJSON, len(targets))}
	var all tally
	for i, t := range targets {
		var sum tally
		operations := make([]operationJSON, len(t.Operations))
		for j, o := range t.Operations {
			var one tally
			one.add(o)
			sum.add(o)
			all.add(o)
			operations[j] = operationJSON{Name: o.Name, countsJSON: newCounts(one)}
		}
		l := &t.Limiter
		out.Targets[i] = targetAPIJSON{
			targetJSON: newTarget(t.Target, t.Label), countsJSON: newCounts(sum),
			Rate: rounded(l.Rate), Ceiling: rounded(l.Ceiling), Cuts: l.Decreases, PausedMS: l.Paused.Milliseconds(),
			Breaker: l.Breaker.String(), ThrottleRatio: rounded(l.ThrottleRatio()), Efficiency: rounded(l.Efficiency()),
			Tokens: tokensJSON{
				Scan: l.Tokens[ratelimit.Scan], Lookup: l.Tokens[ratelimit.Lookup],
				Write: l.Tokens[ratelimit.Write], Probe: l.Tokens[ratelimit.Probe],
			},
			Operations: operations,
		}
	}
	out.countsJSON = newCounts(all)
	return out
}

// rounded is a figure to four decimals, which is all that it is good for.
func rounded(f float64) float64 { return math.Round(f*1e4) / 1e4 }
