package report

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
)

// A record tells of a run what its report told, save for what it keeps as a number.
func TestAPastRunIsReportedAsItWas(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			r := s.run(t)
			record := history.RunRecord{RunID: r.ID, ToolVersion: r.ToolVersion, Verb: r.Verb, Started: r.Started, Finished: r.Finished, State: history.Finished}
			if r.Plan == nil {
				record.State, record.Failure = history.Failed, history.NewFailure(r.Err)
			} else {
				record.SetPlan(r.Plan)
			}
			if r.Outcome != nil {
				record.SetOutcome(r.Outcome)
			}
			past := Past(PastRun{Run: history.NewRun(record)})
			if r.Plan == nil {
				if past.Plan != nil || past.Err == nil {
					t.Fatal("a run without a plan has one")
				}
				return
			}
			want, got := r.Plan.Counts(), past.Plan.Counts()
			if want.Ignored > 0 != (len(past.Insights.Unavailable) > 0) {
				t.Errorf("%d configs are ignored, and what is not known is %v", want.Ignored, past.Insights.Unavailable)
			}
			want.Judged, want.Breaches, want.Unjudged = 0, 0, 0 // a record of a run is of what it wrote
			if diff := cmp.Diff(want, past.counts(past.Plan.Targets...)); diff != "" {
				t.Errorf("the report counts otherwise (-was +past):\n%s", diff)
			}
			want.Ignored = 0 // of which only the number is known
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the plan counts otherwise (-was +past):\n%s", diff)
			}
			if r.Outcome == nil {
				if past.Outcome != nil {
					t.Error("nothing was tried, and there is an outcome")
				}
				return
			}
			if diff := cmp.Diff(r.Outcome.Counts(), past.Outcome.Counts()); diff != "" {
				t.Errorf("the outcome counts otherwise (-was +past):\n%s", diff)
			}
			if len(past.Plan.Targets[0].Changes) > 0 && risksOf(past) != risksOf(r) {
				t.Errorf("the risks are %v, and were %v", risksOf(past), risksOf(r))
			}
		})
	}
}

// What the fleet file said of missing functions decides what is a failure, also of a run that is
// over. An old record does not know it, and an audit keeps only how many were missing.
func TestAPastRunTakesWhatIsMissingAsItWas(t *testing.T) {
	const lost, allowed = desired.MissingError, desired.MissingWarn
	ring := regexp.MustCompile(`<h2>In sync</h2><svg class="ring \w+"`)
	for _, row := range []struct {
		why                   string
		functions, qualifiers desired.MissingPolicy
		failures              string
	}{
		{"both are an error", lost, lost, `failures="2"`},
		{"functions may be missing", allowed, lost, `failures="1"`},
		{"aliases may", lost, allowed, `failures="1"`},
		{"both may", allowed, allowed, `failures="0"`},
	} {
		live := scenarioOf(t, "missing")
		live.Fleet.MissingFunctions, live.Fleet.MissingQualifiers = row.functions, row.qualifiers
		live.Plan.Targets[0].InSync, live.Plan.Targets[0].Changes = live.Plan.Targets[0].Declared-2, nil
		record := history.RunRecord{Narrowed: new(bool)}
		record.SetPlan(live.Plan)
		record.MissingFunctions, record.MissingQualifiers = &live.Fleet.MissingFunctions, &live.Fleet.MissingQualifiers
		past := Past(PastRun{Run: history.NewRun(record)})
		for _, r := range []*Run{live, past} {
			var junit bytes.Buffer
			if err := JUnit(&junit, r); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(junit.String(), row.failures) {
				t.Errorf("%s: JUnit has not %s\n%s", row.why, row.failures, junit.String())
			}
		}
		old := record
		old.MissingFunctions, old.MissingQualifiers = nil, nil
		if r := Past(PastRun{Run: history.NewRun(old)}); !r.Fleet.NoPolicies || strings.Contains(ring.FindString(asHTML(t, r)), "good") {
			t.Errorf("%s: an old record is taken to say so", row.why)
		}
		audit := record
		audit.Findings = nil
		audit.Targets[0].Findings = map[string]int{"function_missing": 1, "qualifier_missing": 1, "undeclared": 1}
		want := ring.FindString(asHTML(t, live))
		for what, r := range map[string]*Run{"a record": past, "an audit": Past(PastRun{Run: history.NewRun(audit)})} {
			if got := ring.FindString(asHTML(t, r)); got != want || want == "" {
				t.Errorf("%s: %s has %s, and the run had %s", row.why, what, got, want)
			}
			if got := r.Headline(); got != live.Headline() {
				t.Errorf("%s: %s says %s, and the run said %s", row.why, what, got, live.Headline())
			}
		}
	}
}
