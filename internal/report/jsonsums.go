package report

import (
	"cmp"
	"math"

	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// summaryJSON holds the numbers of the last line of text, and those behind them.
type summaryJSON struct {
	Declared          *int `json:"declared"` // null when it is unknown
	InSync            *int `json:"in_sync"`
	ToCreate          int  `json:"to_create"`
	ToChange          int  `json:"to_change"`
	ToDelete          int  `json:"to_delete"`
	Ignored           *int `json:"ignored"`
	Skipped           *int `json:"skipped"`
	Unreadable        *int `json:"unreadable"` // null when it is unknown
	UnreadableTargets int  `json:"unreadable_targets"`
	NotExamined       int  `json:"not_examined"`
	MissingFunctions  *int `json:"missing_functions"`
	MissingQualifiers *int `json:"missing_qualifiers"`
	Undeclared        *int `json:"undeclared"`
	Orphans           *int `json:"orphans"`
	LatestOnly        *int `json:"latest_only"`
	Created           int  `json:"created"`
	Changed           int  `json:"changed"`
	Deleted           int  `json:"deleted"`
	Failed            int  `json:"failed"`
	Stale             int  `json:"stale"`
	NotAttempted      int  `json:"not_attempted"`
}

func newSummary(c reconcile.PlanCounts, t reconcile.OutcomeCounts, changesOnly bool) summaryJSON {
	unless := func(unknown bool, n int) *int {
		if unknown {
			return nil
		}
		return &n
	}
	some := c.UnknownTargets > 0
	return summaryJSON{
		Declared: unless(some, c.Declared), InSync: unless(changesOnly, c.InSync),
		ToCreate: c.Creates, ToChange: c.Updates, ToDelete: c.Deletes,
		Ignored: unless(changesOnly, c.Ignored), Skipped: unless(changesOnly, c.Skipped),
		Unreadable: unless(changesOnly || some, c.Unreadable), UnreadableTargets: c.UnreadableTargets, NotExamined: c.NotExamined,
		MissingFunctions: unless(changesOnly, c.MissingFunctions), MissingQualifiers: unless(changesOnly, c.MissingQualifiers), Undeclared: unless(changesOnly, c.Undeclared),
		Orphans: unless(changesOnly, c.Orphans), LatestOnly: unless(changesOnly, c.LatestOnly),
		Created: t.Created, Changed: t.Updated, Deleted: t.Deleted, Failed: t.Failed, Stale: max(c.Stale, t.Stale), NotAttempted: t.NotAttempted,
	}
}

// summary adds up a run. Without a plan there are no numbers, and 0 would be one.
func (r *Run) summary() *summaryJSON {
	if r.Plan == nil {
		return nil
	}
	s := newSummary(r.counts(r.plans()...), r.made(), r.ChangesOnly)
	return &s
}

type targetSummaryJSON struct {
	targetJSON
	Summary summaryJSON    `json:"summary"`
	Error   *callerr.Error `json:"error"`   // why nothing of it could be read
	Stopped *callerr.Error `json:"stopped"` // why its reading or its writing ended early
	// Evidence is left out where everything was to be read, and was.
	Evidence *evidenceJSON `json:"evidence,omitempty"`
}

func (r *Run) newTargetSummary(p reconcile.TargetPlan) any {
	var totals reconcile.OutcomeCounts
	stopped := p.Stopped
	if o := r.Outcome.Of(p.Target); o != nil {
		totals = o.Counts()
		stopped = cmp.Or(stopped, o.Stopped)
	}
	return targetSummaryJSON{
		targetJSON: newTarget(p.Target, p.Label), Summary: newSummary(r.counts(p), totals, r.ChangesOnly),
		Error: reconcile.ErrorOf(p.Err), Stopped: reconcile.ErrorOf(stopped), Evidence: newEvidence(p.Evidence),
	}
}

type apiJSON struct {
	operationTotals
	Targets []targetAPIJSON `json:"targets"`
}

type targetAPIJSON struct {
	targetJSON
	operationTotals
	Rate          float64         `json:"rate"`
	Ceiling       float64         `json:"ceiling"`
	Decreases     int64           `json:"decreases"`
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
	operationTotals
}

// newAPI is nil where nobody knows what was asked.
func (r *Run) newAPI() *apiJSON {
	if r.Saved {
		return nil
	}
	out := &apiJSON{Targets: make([]targetAPIJSON, len(r.API))}
	for i, t := range r.API {
		var sum operationTotals
		for _, o := range t.Operations {
			sum.add(o)
			out.add(o)
		}
		l := &t.Limiter
		out.Targets[i] = targetAPIJSON{
			targetJSON: newTarget(t.Target, t.Label), operationTotals: sum,
			Rate: rounded(l.Rate), Ceiling: rounded(l.Ceiling), Decreases: l.Decreases, PausedMS: l.Paused.Milliseconds(),
			Breaker: l.Breaker.String(), ThrottleRatio: rounded(l.ThrottleRatio()), Efficiency: rounded(l.Efficiency()),
			Tokens: tokensJSON{
				Scan: l.Tokens[ratelimit.Scan], Lookup: l.Tokens[ratelimit.Lookup],
				Write: l.Tokens[ratelimit.Write], Probe: l.Tokens[ratelimit.Probe],
			},
			Operations: newOperations(t.Operations),
		}
	}
	return out
}

func newOperations(all []reconcile.OperationCount) []operationJSON {
	return slice.Map(all, func(o reconcile.OperationCount) operationJSON {
		out := operationJSON{Name: o.Name}
		out.add(o)
		return out
	})
}

// rounded is a figure to four decimals, which is all that it is good for.
func rounded(f float64) float64 { return math.Round(f*1e4) / 1e4 }

// evidenceJSON is what the verdicts on a target rest on.
type evidenceJSON struct {
	Functions int     `json:"functions"`
	Read      int     `json:"read"`
	Carried   int     `json:"carried"`
	Scrubbed  int     `json:"scrubbed"`
	Missed    int     `json:"missed_by_trail"`
	Oldest    *string `json:"oldest"`
	Trail     *string `json:"trail_complete_to"`
	LagMS     int64   `json:"trail_lag_ms"`
	MaxAgeMS  int64   `json:"max_age_ms"`
	TooOld    bool    `json:"too_old"`
	Full      string  `json:"read_all_because"` // "" where it was not
}

func newEvidence(e *insight.Evidence) *evidenceJSON {
	if e == nil {
		return nil
	}
	return &evidenceJSON{
		Functions: e.Functions, Read: e.Read, Carried: e.Carried, Scrubbed: e.Scrubbed, Missed: e.Missed,
		Oldest: stamp(e.Oldest), Trail: stamp(e.Trail), LagMS: e.Lag.Milliseconds(), MaxAgeMS: e.MaxAge.Milliseconds(),
		TooOld: e.TooOld, Full: e.Full,
	}
}
