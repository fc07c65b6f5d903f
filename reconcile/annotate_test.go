package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// annotator is an Annotator of one function.
type annotator struct {
	name string
	do   func(context.Context, *RunResult) insight.Set
}

func (a annotator) Name() string { return a.name }
func (a annotator) Annotate(ctx context.Context, r *RunResult) insight.Set {
	return a.do(ctx, r)
}

// Whatever annotators do, a run goes on with what they knew in time, before a person
// is asked about its plan.
func TestAnnotators(t *testing.T) {
	knows := annotator{"knows", func(_ context.Context, r *RunResult) insight.Set {
		return unavailable(fmt.Sprintf("seen %d", r.Plan.Counts().Changes()), nil)
	}}
	partial := annotator{"partial", func(ctx context.Context, _ *RunResult) insight.Set {
		<-ctx.Done()
		return unavailable("a part", ctx.Err())
	}}
	deaf := annotator{"deaf", func(context.Context, *RunResult) insight.Set {
		time.Sleep(time.Hour)
		return unavailable("too late", nil)
	}}
	panics := annotator{"panics", func(context.Context, *RunResult) insight.Set { panic("oh") }}
	for _, row := range []struct {
		why    string
		all    []Annotator
		policy InsightPolicy
		takes  time.Duration
		learnt string
	}{
		{"nobody to ask", nil, InsightsAuto, 0, ""},
		{"all are asked, and answer in their order", []Annotator{partial, knows}, InsightsAuto, 10 * time.Second, "a part, seen 1"},
		{"where that is required too", []Annotator{knows}, InsightsRequired, 0, "seen 1"},
		{"nobody is asked", []Annotator{knows, deaf}, InsightsOff, 0, ""},
		{"one that does not come back is left behind, and no other", []Annotator{deaf, knows, deaf}, InsightsAuto, 11 * time.Second, "deaf, seen 1, deaf"},
		{"one that fails", []Annotator{panics, knows}, InsightsAuto, 0, "panics, seen 1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &road{t: t, aws: newFake("f"), write: true, annotators: row.all, policy: row.policy}
			asked := -1
			w.at = map[string]func(){"confirm": func() { asked = len(w.steps) }}
			start := time.Now()
			r, err := w.run(t.Context())
			var learnt []string
			for _, u := range r.Insights.Unavailable {
				learnt = append(learnt, u.What)
			}
			if took := time.Since(start); err != nil || asked < 0 || took != row.takes || strings.Join(learnt, ", ") != row.learnt {
				t.Errorf("%s: %v, learnt %q after %v, steps %v", row.why, err, learnt, took, w.steps)
			}
			if r.Outcome == nil || r.Outcome.Counts().Created != 1 {
				t.Errorf("%s: the run did not go on", row.why)
			}
			time.Sleep(2 * time.Hour) // those left behind
		})
	}
}

// An interrupt is not held up.
func TestAnnotatorsOfARunThatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancelCause(t.Context())
		w := &road{t: t, aws: newFake("f"), annotators: []Annotator{annotator{"waits", func(ctx context.Context, _ *RunResult) insight.Set {
			time.AfterFunc(time.Second, func() { interrupt(errors.New("stopped")) })
			<-ctx.Done()
			return insight.Set{}
		}}}}
		start := time.Now()
		if r, _ := w.run(ctx); time.Since(start) != time.Second || !r.Planned() {
			t.Errorf("after %v: %+v", time.Since(start), r)
		}
	})
}
