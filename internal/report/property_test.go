package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// drawSettings is any record, the empty one included.
func drawSettings(t *rapid.T) *reconcile.Settings {
	s := reconcile.NewSettings(reconcile.Settings{
		desired.OnSuccess: desired.Text(rapid.SampledFrom([]string{"", dlq, "<&>\"\\ \u2028"}).Draw(t, "on_success")),
		desired.OnFailure: desired.Text(rapid.SampledFrom([]string{"", dlq}).Draw(t, "on_failure")),
	})
	if rapid.Bool().Draw(t, "has retries") {
		s[desired.MaximumRetryAttempts] = desired.Number(rapid.IntRange(0, 2).Draw(t, "retries"))
	}
	return &s
}

func drawError(t *rapid.T) error {
	return rapid.SampledFrom([]error{
		nil, errors.New("some \"text\"\n"), denied(desired.Name{Function: "f"}, 1), reconcile.ErrIncomplete,
		fmt.Errorf("in a target: %w", reconcile.ErrErrorBudget),
	}).Draw(t, "error")
}

// drawRun is a run with any plan: sorted, as NewPlan makes it, and otherwise free.
func drawRun(t *rapid.T) *Run {
	r := &Run{ID: "id", Verb: "apply", Started: started, Finished: started.Add(time.Minute), Plan: &reconcile.Plan{}, Outcome: &reconcile.Outcome{}}
	for i := range rapid.IntRange(0, 3).Draw(t, "targets") {
		plan := reconcile.TargetPlan{Target: desired.Target{Account: fmt.Sprintf("%012d", i), Region: "eu-west-1"}, Err: drawError(t), Stopped: drawError(t)}
		out := reconcile.TargetOutcome{Target: plan.Target}
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}`), 0, 12, rapid.ID).Draw(t, "names")
		slices.Sort(names)
		for _, function := range names {
			name := desired.Name{Function: function, Qualifier: desired.Latest}
			plan.Declared++
			switch rapid.IntRange(0, 4).Draw(t, "place") {
			case 0:
				plan.InSync++
			case 1:
				plan.Ignored = append(plan.Ignored, desired.Ignored{Name: name})
			case 2:
				kind := reconcile.FindingKind(rapid.IntRange(0, 4).Draw(t, "kind"))
				plan.Findings = append(plan.Findings, reconcile.Finding{Name: name, Kind: kind, Err: drawError(t), Record: drawSettings(t)})
			default:
				c := reconcile.Change{Name: name, Action: reconcile.Action(rapid.IntRange(1, 3).Draw(t, "action")), Want: &desired.Config{}}
				if c.Action != reconcile.Create {
					c.Before = drawSettings(t)
				}
				c.Want[desired.OnFailure] = desired.Text(dlq)
				c.Want[desired.MaximumRetryAttempts] = desired.Number(rapid.IntRange(0, 2).Draw(t, "wanted retries"))
				plan.Changes = append(plan.Changes, c)
				out.Results = append(out.Results, reconcile.ChangeResult{Change: c, Status: reconcile.Status(rapid.IntRange(0, 3).Draw(t, "status")), Err: drawError(t)})
			}
		}
		r.Plan.Targets = append(r.Plan.Targets, plan)
		r.Outcome.Targets = append(r.Outcome.Targets, out)
	}
	if rapid.Bool().Draw(t, "only a plan") {
		r.Outcome = nil
	}
	return r
}

// parsed is the part of the document that the properties look at.
type parsed struct {
	Summary map[string]int
	Targets []struct {
		Summary map[string]int
		Error   *struct{ Kind string }
	}
	Items []struct {
		Account, Function, Action, Status string
		Fields                            []struct{ Before, After any }
	}
	Unreadable, Missing []struct{ Reason string }
	Undeclared, Ignored []struct{ Function string }
	Orphans             []struct{ Function string }
	LatestOnly          []struct{ Function string } `json:"latest_only"`
}

func TestSummaryEqualsWhatTheListsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		var d parsed
		if err := json.Unmarshal(b.Bytes(), &d); err != nil {
			t.Fatalf("not JSON: %v\n%s", err, b.String())
		}
		counted := map[string]int{}
		done := map[string]string{"create": "created", "change": "changed", "delete": "deleted"}
		for i, item := range d.Items {
			counted["to_"+item.Action]++
			switch item.Status {
			case "applied":
				counted[done[item.Action]]++
			case "failed", "mismatch":
				counted["failed"]++
			case "not_attempted":
				counted["not_attempted"]++
			case "planned":
				if r.Outcome != nil {
					t.Fatal("a change of an applied plan is still called planned")
				}
			}
			if i > 0 && d.Items[i-1].Account+d.Items[i-1].Function >= item.Account+item.Function {
				t.Fatalf("items are not sorted by key: %v before %v", d.Items[i-1], item)
			}
		}
		reasons := map[string]string{"unreadable": "unreadable", "not_examined": "not_examined",
			"function_missing": "missing_functions", "qualifier_missing": "missing_qualifiers"}
		for _, f := range append(d.Unreadable, d.Missing...) {
			counted[reasons[f.Reason]]++
		}
		counted["undeclared"], counted["ignored"] = len(d.Undeclared), len(d.Ignored)
		counted["orphans"], counted["latest_only"] = len(d.Orphans), len(d.LatestOnly)
		sums := map[string]int{}
		for _, target := range d.Targets {
			if target.Error != nil {
				counted["unreadable_targets"]++
			}
			for k, n := range target.Summary {
				sums[k] += n
			}
		}
		for k, n := range d.Summary {
			if k != "declared" && k != "in_sync" && n != counted[k] {
				t.Fatalf("summary.%s is %d, the lists hold %d", k, n, counted[k])
			}
			if n != sums[k] {
				t.Fatalf("summary.%s is %d, the targets add up to %d", k, n, sums[k])
			}
		}
	})
}

func TestLastLineEqualsTheCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		out := strings.Split(strings.TrimSuffix(textOf(t, r), "\n"), "\n")
		if r.Outcome == nil {
			c := r.Plan.Counts()
			want := fmt.Sprintf("Plan: %d to create, %d to change, %d to delete, %d ignored, %d unreadable",
				c.Creates, c.Updates, c.Deletes, c.Ignored, c.Unreadable)
			if last := out[len(out)-1]; !strings.HasPrefix(last, want) {
				t.Fatalf("last line %q, want %q", last, want)
			}
			return
		}
		n := r.Outcome.Counts()
		want := fmt.Sprintf("Applied: %d created, %d changed, %d deleted, %d failed, 0 stale, %d not attempted.",
			n.Created, n.Updated, n.Deleted, n.Failed, n.NotAttempted)
		if last := out[len(out)-2]; last != want {
			t.Fatalf("last line but one %q, want %q", last, want)
		}
	})
}

func TestFullTextNamesEveryChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		r.Outcome = nil
		words := map[string]int{}
		for _, word := range strings.Fields(textOf(t, r)) {
			words[word]++
		}
		want := map[string]int{}
		for _, p := range r.Plan.Targets {
			for _, c := range p.Changes {
				want[c.Function]++
			}
		}
		for function, n := range want {
			if words[function] < n {
				t.Fatalf("%s changes in %d targets and is named %d times:\n%s", function, n, words[function], textOf(t, r))
			}
		}
	})
}
