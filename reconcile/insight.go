package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Annotator knows something about a plan that Lambda does not tell: whether the
// destinations exist, who changed a record. Each kind of knowledge is a package of
// its own that makes one.
type Annotator interface {
	// Name says what it knows, such as "whether destinations exist".
	Name() string
	// Annotate looks at a run whose plan is known, and changes nothing of it. It
	// comes back soon after ctx ends, with what it has: what it could not learn is
	// Unavailable, and no error.
	Annotate(ctx context.Context, r *RunResult) Insights
}

// Insights are what the annotators of a run learnt.
type Insights struct {
	Unavailable []Unavailable // by annotator, in the order of Engine.Annotators
}

// Unavailable is something that could not be learnt. The plan stands without it.
type Unavailable struct {
	What   string         // the annotator's Name
	Target desired.Target // zero where it is not of one target
	// Err says why; its hint is the IAM statement to add where a permission is missing.
	Err error
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
func (e Engine) annotate(ctx context.Context, r *RunResult) {
	if r.InsightPolicy == InsightsOff || len(e.Annotators) == 0 || context.Cause(ctx) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, insightTime)
	defer cancel()
	seen := *r // for one that is left behind while the run goes on
	answers := make([]chan Insights, len(e.Annotators))
	for i, a := range e.Annotators {
		answers[i] = make(chan Insights, 1)
		go func() { answers[i] <- annotateSafely(ctx, a, &seen) }()
	}
	late := make(chan struct{})
	defer time.AfterFunc(insightTime+time.Second, func() { close(late) }).Stop()
	for i, a := range e.Annotators {
		select {
		case learnt := <-answers[i]:
			r.Insights.add(learnt)
			continue
		case <-late:
		}
		select {
		case learnt := <-answers[i]: // it was waited for after one that is late
			r.Insights.add(learnt)
		default:
			r.Insights.add(unavailable(a.Name(), fmt.Errorf("no answer within %v", insightTime)))
		}
	}
}

// annotateSafely makes of a panic what could not be learnt.
func annotateSafely(ctx context.Context, a Annotator, r *RunResult) (learnt Insights) {
	defer func() {
		if p := recover(); p != nil {
			learnt = unavailable(a.Name(), fmt.Errorf("a fault of this program, please report it: %v", p))
		}
	}()
	return a.Annotate(ctx, r)
}

func unavailable(what string, err error) Insights {
	return Insights{Unavailable: []Unavailable{{What: what, Err: err}}}
}

func (i *Insights) add(more Insights) {
	i.Unavailable = append(i.Unavailable, more.Unavailable...)
}
