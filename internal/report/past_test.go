package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/history"
)

// A record tells of a run what its report told, save for what it keeps as a number.
func TestAPastRunIsReportedAsItWas(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			r := s.run(t)
			record := history.Record{Run: r.ID, ToolVersion: r.ToolVersion, Verb: r.Verb, Started: r.Started, Finished: r.Finished, State: history.Finished}
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
			want.Ignored, want.UnknownTargets = 0, 0
			want.Judged, want.Breaches, want.Unjudged = 0, 0, 0 // a record of a run is of what it wrote
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
