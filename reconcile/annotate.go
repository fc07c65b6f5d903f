package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Annotator knows something about a plan that Lambda does not tell: whether the
// destinations exist, who changed a record. Each kind of knowledge is a package of
// its own that makes one.
type Annotator interface {
	// Name says what it knows, such as "whether destinations exist".
	Name() string
	// Annotate looks at a run whose plan is known, and changes nothing of it. It
	// comes back soon after ctx ends, with what it has: what it could not learn is
	// [insight.Unavailable], and no error.
	Annotate(ctx context.Context, r *RunResult) insight.Set
}

// InsightPolicy says whether a run asks its annotators.
type InsightPolicy uint8

// The policies.
const (
	InsightsAuto     InsightPolicy = iota // ask; what cannot be learnt is told, and is no failure
	InsightsRequired                      // ask; what cannot be learnt counts as not read
	InsightsOff                           // make no call
)

// insightTime is how long a run waits for its annotators. They ask services with
// quotas of their own, side by side, so that a fleet of any size needs a second or two.
const insightTime = 10 * time.Second

// annotate asks all annotators at once. None of them can fail the run, or hold it up
// much beyond insightTime: one that does not come back is left behind.
//
// Answers are taken in the order of Engine.Annotators and not as they come, so that a report
// is the same every time. Each channel has room for the answer of one that nobody waits for
// any more.
func (e Engine) annotate(ctx context.Context, r *RunResult) {
	if r.InsightPolicy == InsightsOff || len(e.Annotators) == 0 || context.Cause(ctx) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, insightTime)
	defer cancel()
	seen := *r // for one that is left behind while the run goes on
	answers := make([]chan insight.Set, len(e.Annotators))
	for i, a := range e.Annotators {
		answers[i] = make(chan insight.Set, 1)
		go func() { answers[i] <- annotateSafely(ctx, a, &seen) }()
	}
	late := make(chan struct{})
	defer time.AfterFunc(insightTime+time.Second, func() { close(late) }).Stop()
	for i, a := range e.Annotators {
		select {
		case learnt := <-answers[i]:
			r.Insights.Add(learnt)
			continue
		case <-late:
		}
		select {
		case learnt := <-answers[i]: // it was waited for after one that is late
			r.Insights.Add(learnt)
		default:
			r.Insights.Add(unavailable(a.Name(), fmt.Errorf("no answer within %v", insightTime)))
		}
	}
}

// annotateSafely makes of a panic what could not be learnt.
func annotateSafely(ctx context.Context, a Annotator, r *RunResult) (learnt insight.Set) {
	defer func() {
		if p := recover(); p != nil {
			learnt = unavailable(a.Name(), fmt.Errorf("a fault of this program, please report it: %v", p))
		}
	}()
	return a.Annotate(ctx, r)
}

// unavailable is the whole answer of an annotator that learnt nothing.
func unavailable(what string, err error) insight.Set {
	return insight.Set{Unavailable: []insight.Unavailable{{What: what, Err: err}}}
}
