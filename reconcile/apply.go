package reconcile

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// WriteTarget is the way to change one target.
type WriteTarget struct {
	Writer  Writer
	Limiter *ratelimit.Limiter
	// Held ends when the right to write to the target is lost: no further write
	// is sent there, and its cause is why. Nil is a right that cannot be lost.
	LeaseContext context.Context
}

// Apply makes the writes of an approved plan and verifies each from its own
// response, without reading back.
//
// Writes to one function go one after the other, because AWS answers two at
// once with a conflict; functions and targets go side by side. A failure is a
// row of the outcome and stops nothing, until a target's failures pass the
// guard's error limit. When ctx ends, writes in flight are finished and the
// rest is NotAttempted.
//
// No write is sent before journal has stored its before-image. A journal that
// fails ends the whole run in the same way as ctx.
func Apply(ctx context.Context, approved Approved, lanes map[desired.Target]WriteTarget, journal Journal, observe Observer) Outcome {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	plan := &approved.plan
	out := Outcome{Targets: make([]TargetOutcome, len(plan.Targets))}
	progress := newProgress(PhaseApply, observe)
	for i := range plan.Targets {
		progress.expect(len(plan.Targets[i].Changes))
	}
	var wg sync.WaitGroup
	for i := range plan.Targets {
		wg.Go(func() {
			p := &plan.Targets[i]
			shared := applyJob{journal: journal, fail: cancel, progress: progress, target: p.Target, writer: lanes[p.Target].Writer}
			out.Targets[i] = applyTarget(ctx, p, lanes[p.Target], approved.guard.MaxErrors, shared)
		})
	}
	wg.Wait()
	return out
}

func applyTarget(ctx context.Context, p *TargetPlan, lane WriteTarget, limit desired.Limit, shared applyJob) TargetOutcome {
	out := TargetOutcome{Target: p.Target, Label: p.Label, Results: make([]Result, len(p.Changes))}
	for i := range p.Changes {
		out.Results[i] = Result{Change: p.Changes[i], Status: NotAttempted}
	}
	if len(p.Changes) == 0 {
		out.addStale(p.Stale)
		return out
	}
	if lane.Writer == nil {
		out.Stopped = fmt.Errorf("target %s: no way to write to it was given", p.Target)
		for i := range out.Results {
			shared.progress.done(p.Target, &out.Results[i])
		}
		return out
	}
	budget := newErrorBudget(ctx, limit.Allowed(len(p.Changes)), len(p.Changes))
	defer budget.release()
	if lane.LeaseContext != nil {
		stop := context.AfterFunc(lane.LeaseContext, func() { budget.cancel(context.Cause(lane.LeaseContext)) })
		defer stop()
	}
	jobs := func(yield func(ratelimit.Job) bool) {
		for results := range chunksBy(out.Results, func(r *Result) string { return r.Function }) {
			job := shared
			job.budget, job.results = budget, results
			if !yield(&job) {
				return
			}
		}
	}
	ratelimit.Run(budget.ctx, lane.Limiter, ratelimit.DefaultPolicy(), jobs)
	out.Stopped = budget.cause()
	out.addStale(p.Stale)
	return out
}

// addStale gives the changes that were not made, because their records moved
// before, their rows among the others.
func (o *TargetOutcome) addStale(stale []StaleChange) {
	for i := range stale {
		o.Results = append(o.Results, Result{Change: stale[i].Change, Status: Stale, After: stale[i].Now})
	}
	slices.SortFunc(o.Results, func(a, b Result) int { return a.Name.Compare(b.Name) })
}

// applyJob makes the writes of one function, in order.
type applyJob struct {
	writer   Writer
	journal  Journal
	fail     context.CancelCauseFunc // ends the run
	budget   *errorBudget
	progress *progress
	target   desired.Target

	results  []Result // those still to do; the first is the current one
	intended bool     // the current write is in the journal
	got      Record   // the answer of the last Put or Update
}

// Next implements ratelimit.Job.
func (j *applyJob) Next() (ratelimit.Priority, bool) {
	return ratelimit.Write, len(j.results) > 0
}

// Call implements ratelimit.Job.
func (j *applyJob) Call(ctx context.Context) (err error) {
	c := &j.results[0].Change
	if !j.intended {
		if err := j.journal.Intend(ctx, j.key(c), c); err != nil {
			if ctx.Err() == nil { // else the work ended, and nothing is wrong with the journal
				err = &journalError{err}
				j.fail(err)
			}
			return ratelimit.WithResult(err, ratelimit.Cancelled, 0)
		}
		j.intended = true
	}
	switch c.Action {
	case Create, Restore:
		j.got, err = j.writer.Put(ctx, c.Name, c.Request())
	case Update:
		j.got, err = j.writer.Update(ctx, c.Name, c.Request())
	case Delete:
		err = j.writer.Delete(ctx, c.Name)
	default:
		err = fmt.Errorf("change of %s has no action", j.key(c))
	}
	return err
}

func (j *applyJob) key(c *Change) desired.Key {
	return desired.Key{Target: j.target, Name: c.Name}
}

// Done implements ratelimit.Job.
func (j *applyJob) Done(err error, effort ratelimit.CallStats) {
	r := &j.results[0]
	j.results = j.results[1:]
	r.Stats = effort
	switch {
	case err == nil:
		j.verify(r)
	case isCancelled(err) && !ratelimit.Ambiguous(err):
		r.Status, r.Err = NotAttempted, lastAnswer(err)
	case isCancelled(err):
		// The last attempt broke off and nobody looked again: to call that not
		// attempted could be a lie.
		r.Status, r.Err = Failed, lastAnswer(err)
	default:
		r.Status, r.Err = Failed, err
	}
	if r.Status == Failed || r.Status == Mismatched {
		j.budget.spend()
	}
	if j.intended {
		j.journal.Settle(j.key(&r.Change), r)
		j.intended = false
	}
	j.progress.done(j.target, r)
}

// verify holds the stored record against what was asked.
func (j *applyJob) verify(r *Result) {
	r.Status = Applied
	if r.Action == Delete {
		return
	}
	stored := j.got.Settings
	r.After = &stored
	if !j.got.LastModified.IsZero() {
		r.Modified = j.got.LastModified.UnixMilli()
	}
	due := *r.Change.After()
	wrong := r.Action == Restore && stored != due
	for _, s := range desired.Settings() {
		wrong = wrong || stored.Effect(s) != due.Effect(s)
	}
	if !wrong {
		return
	}
	r.Status = Mismatched
	r.Err = &CallError{
		Service: "lambda", Op: operation(r.Action), Subject: j.key(&r.Change).String(), Kind: KindBadAnswer,
		Message: "AWS accepted the write, but the record it stored is not what the write should leave: " + describe(r.Change.Request(), due, stored),
		Hint:    "somebody else may be changing the same record, or what answers is not AWS; run plan to see what is there now, or roll this run back",
	}
}

func operation(a Action) string {
	switch a {
	case Create, Restore:
		return "PutFunctionEventInvokeConfig"
	case Update:
		return "UpdateFunctionEventInvokeConfig"
	}
	return "DeleteFunctionEventInvokeConfig"
}
