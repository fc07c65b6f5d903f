// Package report renders a run.
//
// In comes a Run: a plan, the outcome of applying it, the figures of the calls
// that were made. Out goes text for people, Markdown for a comment, one JSON
// document, a stream of JSON lines while the run goes on, or what CI systems read:
// JUnit, SARIF and GitHub's annotations, and an HTML page. What is worth saying beside the
// numbers is one walk, remarks; text, Markdown and the head of a page fold it into notes.
//
// What holds:
//   - A renderer takes values and a writer and decides nothing: what drifted,
//     what failed and which exit code follows is settled before it is called.
//   - The same Run gives the same bytes.
//   - Names, paths, labels and AWS's messages come from outside. In text, none
//     of them can move the cursor, change a colour, forge a line or reverse the
//     reading direction: see clean. JSON is escaped as JSON.
//   - JSON and JSON lines are a versioned contract, docs/output.md. Text is for
//     reading, save for the line of totals at its end, which may be searched for.
//   - JSON is written item by item, so its memory does not grow with the fleet.
//
// The package makes no calls and writes nowhere but to the writer it is given.
// Only a Stream reads the clock, to date its lines and space out its progress.
package report

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Run is everything there is to say about one run.
type Run struct {
	ID          string
	ToolVersion string
	Verb        string // plan, audit, apply
	Started     time.Time
	Surveyed    time.Time // when reading ended; zero when the run made no plan, or is a past one
	Finished    time.Time
	Asked       time.Duration // how long a person took to answer whether to write

	Fleet    FleetInfo
	Accounts []AccountChange // of organizations, since a run before; empty where nobody knows one
	Warnings desired.Problems

	// Part is a run that did not look at its whole fleet, or of which nobody knows that: what
	// it found is no share of the fleet.
	Part bool
	// Saved is a plan that was read from its file: what was asked of AWS and everything
	// that is no part of a target's plan nobody knows. ChangesOnly is one from a file so old that it
	// has the changes alone.
	Saved, ChangesOnly bool

	Plan    *reconcile.Plan       // nil when the run ended before there was one: Err says why
	Guard   []reconcile.GuardLine // every rule against the plan; empty where nothing is guarded
	Refused error                 // why the plan may not be applied, from the guard
	Outcome *reconcile.Outcome    // nil when nothing was tried

	Insights         insight.Set
	InsightsRequired bool // what could not be learnt counts as not read

	GuardOff string // why any number of changes may pass; "" where the guard counts

	Undo    string // the command that undoes what was written; "" where the run is not remembered
	Checked string // what was found in fleet files, of which no plan was to be made; "" for a run
	Stopped string // why the run ended early, such as "interrupted" or "deadline"; "" when it did not
	Err     error  // why there is no plan

	// Functions is how many functions were read, and Covered in how many of them every
	// declared config has a destination for failures by now.
	Functions, Covered int
	Trends             []history.Trend // what the last audits found; nil where nothing is remembered

	API []TargetAPI // in the order of the plan's targets

	// nameless is what a record keeps of a target as numbers alone: as many findings without names.
	nameless map[desired.Target]reconcile.TargetPlan
}

// past reports whether it is a run of which a record tells.
func (r *Run) past() bool { return r.nameless != nil }

// counts adds up some targets of the plan.
func (r *Run) counts(targets ...reconcile.TargetPlan) reconcile.PlanCounts {
	nameless := slice.Map(targets, func(t reconcile.TargetPlan) reconcile.TargetPlan { return r.nameless[t.Target] })
	return (&reconcile.Plan{Targets: slices.Concat(targets, nameless)}).Counts()
}

// AccountChange is which accounts a label of the fleet file that names an organization has won
// and lost.
type AccountChange struct {
	Label  string   `json:"label"`
	Joined []string `json:"joined"` // sorted
	Left   []string `json:"left"`
	Since  string   `json:"since"` // the run that is compared with; "" for the sweep before
}

// plans are the targets of the plan; none when there is no plan.
func (r *Run) plans() []reconcile.TargetPlan {
	if r.Plan == nil {
		return nil
	}
	return r.Plan.Targets
}

// outcomes are the targets of the outcome; none when nothing was tried.
func (r *Run) outcomes() []reconcile.TargetOutcome {
	if r.Outcome == nil {
		return nil
	}
	return r.Outcome.Targets
}

// made adds up the outcome; nothing where nothing was tried.
func (r *Run) made() reconcile.OutcomeCounts {
	return (&reconcile.Outcome{Targets: r.outcomes()}).Counts()
}

// refusal is why the plan may not be applied: also of a run that only reads, where
// the guard would refuse.
func (r *Run) refusal() error {
	if r.Refused != nil || r.GuardOff != "" {
		return withFlag(r.Refused)
	}
	exceeded := slice.Filter(r.Guard, reconcile.GuardLine.Exceeded)
	if len(exceeded) == 0 {
		return nil
	}
	return withFlag(&reconcile.GuardError{Lines: exceeded})
}

// withFlag adds the flag that is behind a refusal or overrules it: the engine knows no command line.
func withFlag(refused error) error {
	switch {
	case errors.As(refused, new(*reconcile.GuardError)):
		return fmt.Errorf("%w, or let this one run pass with --guard off --reason TEXT", refused)
	case errors.Is(refused, reconcile.ErrStrict):
		return fmt.Errorf("%w (--strict)", refused)
	}
	return refused
}

// FleetInfo is what the declaration was.
type FleetInfo struct {
	Files   []string `json:"files"` // as they were given
	Configs int      `json:"configs"`
	Targets int      `json:"targets"`

	MissingFunctions  desired.MissingPolicy `json:"-"`
	MissingQualifiers desired.MissingPolicy `json:"-"`
	NoPolicies        bool                  `json:"-"` // neither is known, as of an old record or a saved plan
}

// listed is f with a list of files, which JSON spells [] where there are none.
func (f FleetInfo) listed() FleetInfo {
	f.Files = append([]string{}, f.Files...)
	return f
}

// allows reports whether what is missing is no error, as far as is known.
func (f *FleetInfo) allows(about topic) bool {
	switch about {
	case functionMissing:
		return f.NoPolicies || f.MissingFunctions == desired.MissingWarn
	case qualifierMissing:
		return f.NoPolicies || f.MissingQualifiers == desired.MissingWarn
	}
	return false
}

// TargetAPI is what the run asked of one target.
type TargetAPI struct {
	desired.Target
	Label      string
	Operations []reconcile.OperationCount // sorted by name
	Limiter    ratelimit.Snapshot
	Pace       []history.PacePoint // of the run, in time
}

// writes are the operations that change a record, and insights those of other services,
// which spend no quota and say nothing about the pace.
var (
	writes   = []string{"PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"}
	insights = []string{"GetQueueUrl", "ListQueues", "GetTopicAttributes", "DescribeEventBus", "HeadBucket", "LookupEvents"}
)

// operationTotals adds up operations, as JSON has them in every document.
type operationTotals struct {
	Calls     int64 `json:"calls"`
	OK        int64 `json:"ok"`
	Throttled int64 `json:"throttled"`
	Conflicts int64 `json:"conflicts"`
	Faults    int64 `json:"faults"`
	Skewed    int64 `json:"skewed"`
	Refused   int64 `json:"refused"`
	Retries   int64 `json:"retries"` // throttled + conflicts + faults
	Aliases   int64 `json:"-"`       // those of the calls that list aliases
}

func (t *operationTotals) add(o reconcile.OperationCount) {
	t.Calls += o.Calls
	t.Throttled += o.Throttled
	t.Conflicts += o.Conflicts
	t.Faults += o.Faults
	t.OK += o.OK
	t.Skewed += o.Skewed
	t.Refused += o.Refused
	t.Retries += o.Throttled + o.Conflicts + o.Faults
	if o.Name == "ListAliases" {
		t.Aliases += o.Calls
	}
}

// traffic splits the run's requests into those that read and those that write.
func (r *Run) traffic() (reads, written operationTotals) {
	for i := range r.API {
		for _, o := range r.API[i].Operations {
			switch {
			case slices.Contains(insights, o.Name):
			case slices.Contains(writes, o.Name):
				written.add(o)
			default:
				reads.add(o)
			}
		}
	}
	return reads, written
}
