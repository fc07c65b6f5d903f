package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// writeConn is the way to change one target.
type writeConn struct {
	Writer Writer
	// Reader looks at a function again whose before-image has grown old.
	Reader  Reader
	Limiter *ratelimit.Limiter
	// Last reports which configs to come to last, such as those that failed the
	// time before; nil is none.
	Last func(desired.Name) bool
	// Details are what was listed of the functions: their roles tell which writes may be
	// refused for one cause.
	Details map[string]desired.FunctionDetails
	// LeaseContext ends when the right to write to the target is lost: no further
	// write is sent there, and its cause is why. Its Err is asked before each attempt.
	// Nil is a right that cannot be lost.
	LeaseContext context.Context
}

// apply makes the writes of an approved plan and verifies each from its own
// response, without reading back.
//
// Writes to one function go one after the other, because AWS answers two at
// once with a conflict; functions and targets go side by side. A failure is a
// row of the outcome and stops nothing, save what would fail for the same cause,
// until a target's outages pass the guard's error limit or AWS refuses the target
// as a whole. When ctx ends, writes in flight are finished and the rest is
// NotAttempted.
//
// The API has no precondition: a Put or a Delete made of an old before-image would
// erase what somebody made since. So the function is read again before one, when
// that was longer ago than fresh or the write is a repeat, and the change is
// planned again if the record has moved. What remains is the time between that
// read and the write.
//
// A write that is refused because the function's role may not send to the destination is
// tried once more at the end, if by then a fresh permission has had the time to count. No
// run becomes longer for it: a target waits for that moment only while others are at work.
//
// No write is sent before journal has stored its before-image. A journal that
// fails ends the whole run in the same way as ctx.
//
// A target that has changes and no Writer is Stopped, with all of them NotAttempted. The
// outcome has the targets of the plan in its order, and a row for each of its changes.
func apply(ctx context.Context, approved approvedPlan, conns map[desired.Target]writeConn, journal Journal, observe func(Step)) Outcome {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	plan := &approved.plan
	out := Outcome{Targets: make([]TargetOutcome, len(plan.Targets))}
	progress := newProgress(PhaseApply, observe)
	for i := range plan.Targets {
		progress.expect(plan.Targets[i].Target, len(plan.Targets[i].Changes))
	}
	var wg sync.WaitGroup
	lasts := newLasting(len(plan.Targets))
	for i := range plan.Targets {
		wg.Go(func() {
			done := sync.OnceFunc(lasts.atWork.Done)
			defer done()
			p := &plan.Targets[i]
			shared := applyJob{journal: journal, fail: cancel, progress: progress, target: p.Target, writer: conns[p.Target].Writer, exact: plan.Exact, lease: conns[p.Target].LeaseContext}
			shared.lastsUntil = func(due time.Time) bool { done(); return lasts.until(due) }
			out.Targets[i] = applyTarget(ctx, p, conns[p.Target], approved.limits.MaxErrors, shared)
		})
	}
	wg.Wait()
	return out
}

// applyTarget makes the writes of one target. Every change has its row from the
// start, as NotAttempted: whatever ends the work, no row is missing and none says
// more than is known.
//
// The budget's context ends the target's work alone: failures here, or a lost lease, do
// not end what goes on in other targets.
func applyTarget(ctx context.Context, p *TargetPlan, conn writeConn, limit desired.Limit, shared applyJob) TargetOutcome {
	out := TargetOutcome{Target: p.Target, Label: p.Label, Results: make([]ChangeResult, len(p.Changes))}
	for i := range p.Changes {
		out.Results[i] = ChangeResult{Change: p.Changes[i], Status: NotAttempted}
	}
	if len(p.Changes) == 0 {
		out.addStale(p.Stale)
		return out
	}
	if conn.Writer == nil {
		out.Stopped = notConfigured(p.Target, "Writer")
		for i := range out.Results {
			shared.progress.done(p.Target, &out.Results[i])
		}
		return out
	}
	budget := newErrorBudget(ctx, limit.Allowed(len(p.Changes)), len(p.Changes))
	defer budget.release()
	if conn.LeaseContext != nil {
		lost := func() { budget.cancel(context.Cause(conn.LeaseContext)) }
		if conn.LeaseContext.Err() != nil {
			lost() // before anything is intended
		}
		stop := context.AfterFunc(conn.LeaseContext, lost)
		defer stop()
	}
	shared.budget, shared.reader = budget, conn.Reader
	shared.causes = &causes{details: conn.Details, tries: firstTries}
	skip := func(results []ChangeResult, err error) {
		for i := range results {
			results[i].Err = err
			shared.progress.done(p.Target, &results[i])
		}
	}
	// Jobs are made as Run pulls them, so that what the first refusals taught still
	// changes the order of the rest.
	round := func() {
		ratelimit.Run(budget.ctx, conn.Limiter, ratelimit.Policy{}, func(yield func(ratelimit.Job) bool) {
			for results := range shared.causes.inTurn(out.Results, conn.Last, skip) {
				job := shared
				job.results = results
				if !yield(&job) {
					return
				}
			}
		})
	}
	round()
	if denied := shared.causes.denied; !denied.IsZero() && shared.lastsUntil(denied.Add(freshPermission)) && budget.ctx.Err() == nil {
		// What is refused a second time needs no third opinion, and keeps its first reason.
		shared.causes, shared.again = &causes{details: conn.Details, tries: 1}, true
		conn.Last, skip = nil, func([]ChangeResult, error) {}
		round()
	}
	out.Stopped = budget.cause()
	out.addStale(p.Stale)
	return out
}

// fresh is how old a before-image may be for a Put or a Delete to rest on it.
//
// A large fleet takes minutes between its survey and its last write. A minute keeps the
// reads that come on top few in a small one, and the time in which somebody's write could
// be lost short in a large one.
const fresh = time.Minute

// applyJob makes the writes of one function, in order.
//
// The fields up to lastsUntil are the same for all functions of a target. Those below belong to
// the change at hand; ratelimit.Run never calls two methods of a job at once, so that none
// needs a lock.
type applyJob struct {
	writer   Writer
	reader   Reader
	journal  Journal
	fail     context.CancelCauseFunc // ends the run
	lease    context.Context         // ends with the right to write to the target; nil: it cannot be lost
	budget   *errorBudget
	causes   *causes
	progress *progress
	target   desired.Target
	exact    bool // a change whose record has moved is stale
	again    bool // the changes were refused before, for the functions' roles
	// lastsUntil waits for a moment, and reports whether the run lasted until then.
	lastsUntil func(time.Time) bool

	results  []ChangeResult // those still to do; the first is the current one
	intended bool           // the current write is in the journal
	tried    bool           // the current write was sent before
	perhaps  bool           // and one attempt had no answer that says it was not executed
	answer   error          // what the last attempt came to, save one that the end cut short
	cut      error          // what came of that one
	moot     Status         // how the current change ends without a write; NotAttempted: it does not
	got      Record         // the answer of the last Put or Update
}

// Next implements ratelimit.Job.
// A write goes before reads: it rests on a before-image that grows older.
func (j *applyJob) Next() (ratelimit.Priority, bool) {
	for len(j.results) > 0 && !j.results[0].open() {
		j.results = j.results[1:]
	}
	return ratelimit.Write, len(j.results) > 0
}

// Call implements ratelimit.Job.
//
// It is one attempt at the current change, and may be called again for it. The order is
// what makes it safe: look again if the before-image is old, store the intent, make sure
// that the lease is still held, and only then write.
func (j *applyJob) Call(ctx context.Context) (err error) {
	defer func() {
		if isCancelled(err) {
			j.cut = err
		} else if err != nil {
			j.answer = err
		}
	}()
	r := &j.results[0]
	if j.stale(&r.Change) {
		if err := j.lookAgain(ctx, r); err != nil || j.moot != NotAttempted {
			return err
		}
	}
	c := &r.Change
	if !j.intended {
		if err := j.journal.Intend(ctx, j.key(c), c); err != nil {
			if ctx.Err() == nil && (j.lease == nil || j.lease.Err() == nil) { // else the work ended, and nothing is wrong with the journal
				err = &journalError{err}
				j.fail(err)
			}
			return ratelimit.WithResult(err, ratelimit.Cancelled, 0)
		}
		j.intended = true
	}
	// Before each attempt, and by the lease's own clock: a process that was stopped
	// may be here before the end of its lease has been heard of.
	if j.lease != nil && j.lease.Err() != nil {
		return ratelimit.WithResult(context.Cause(j.lease), ratelimit.Cancelled, 0)
	}
	if j.lease != nil {
		ctx = leasedContext{ctx, j.lease} // whoever waits for a token asks again when it comes
	}
	// From here on nobody can say that the write was not attempted.
	j.tried = true
	defer func() {
		result, _ := ratelimit.ResultOf(err)
		j.perhaps = j.perhaps || result == ratelimit.ServerError
	}()
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

// stale reports whether the before-image of a write that replaces or removes a
// record is not to be relied on.
//
// An Update is not asked about: it sets only the settings that differ and leaves the
// others as they are, so that it cannot erase what somebody else set. A repeat is always
// looked at again, because the attempt before it may have been executed.
func (j *applyJob) stale(c *Change) bool {
	if j.reader == nil || c.Action == Update {
		return false
	}
	return j.tried || c.Seen != 0 && time.Since(time.UnixMilli(c.Seen)) > fresh
}

// lookAgain reads the record that a change is about, and plans the change again if
// it has moved.
//
// What it finds, from the harmless to the worst:
//
//	as it was                      the write goes ahead
//	as asked, and we had tried     our own write was done: Applied, verified from this read
//	as asked, an exact plan        AlreadySo
//	otherwise, an exact plan       Stale; or a conflict where our attempt may have had a part
//	otherwise                      planned again from what is there, by the same rule as NewPlan
//
// An intent that is in the journal is settled before the change is planned again: its
// before-image would be the wrong one to roll back to.
func (j *applyJob) lookAgain(ctx context.Context, r *ChangeResult) error {
	seen := time.Now().UnixMilli()
	record, err := j.recordOf(ctx, r.Name)
	if err != nil {
		return err
	}
	c, now := &r.Change, settingsOf(record)
	c.Seen = seen
	if sameRecord(now, c.Before) {
		return nil
	}
	if j.perhaps && sameRecord(now, c.After()) {
		// The write was done, and its answer got lost.
		if now != nil {
			j.got = Record{Qualifier: c.Qualifier, Settings: *now, LastModified: time.UnixMilli(record.Modified)}
		}
		j.moot = Applied
		return nil
	}
	switch {
	case j.exact && sameRecord(now, c.After()): // somebody else was faster
		r.After, j.moot = now, AlreadySo
		return nil
	case j.exact && j.perhaps:
		return ratelimit.WithResult(&callerr.Error{
			Service: "lambda", Op: operation(c.Action), Subject: j.key(c).String(), Kind: callerr.Conflict,
			Message: "an attempt had no answer, and the record is now neither what it was nor what was asked for",
			Hint:    "somebody else changes the same record; run plan to see what is there now",
		}, ratelimit.Permanent, 0)
	case j.exact:
		r.After, j.moot = now, Stale
		return nil
	}
	if j.intended { // of a before-image that is not true any more
		j.journal.Settle(j.key(c), &ChangeResult{Change: *c, Status: NotAttempted})
		j.intended = false
	}
	e := desired.Entry{Name: c.Name, Want: c.Want, Remove: c.Action == Delete}
	c.Action = decide(&e, record)
	c.Before, c.Modified = now, 0
	if record != nil {
		c.Modified = record.Modified
	}
	if c.Action == NoChange {
		r.After, j.moot = now, AlreadySo
	}
	return nil
}

// recordOf reads the record of one config; nil when there is none.
//
// It lists all records of the function and not the one alone, since that is the call
// which the survey makes: one permission and one form of answer. Each page is a call that
// takes its token, within the attempt of the write.
func (j *applyJob) recordOf(ctx context.Context, name desired.Name) (*ObservedRecord, error) {
	var found *ObservedRecord
	var marks markers
	for {
		page, err := j.reader.ListConfigs(ctx, name.Function, marks.current)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Items {
			if r.Qualifier == name.Qualifier {
				found = &ObservedRecord{Qualifier: r.Qualifier, Settings: &r.Settings, Modified: r.modified()}
			}
		}
		if err := marks.turn("ListFunctionEventInvokeConfigs", desired.Key{Target: j.target, Name: name}.String(), page.Next); err != nil {
			return nil, err
		}
		if marks.current == "" {
			return found, nil
		}
	}
}

// Done implements ratelimit.Job. It is called once for a change, when no further
// attempt follows: what a change ended as is decided here and nowhere else. A write
// of which nobody knows whether it was done is a failure, never NotAttempted.
//
// What is told, and in which order: the error budget, the causes of refusals, the journal,
// the progress. The journal has an end for exactly those intents that it has.
func (j *applyJob) Done(err error, stats ratelimit.CallStats) {
	r := &j.results[0]
	j.results = j.results[1:]
	moot, answer, cut := j.moot, j.answer, j.cut
	j.moot, j.answer, j.cut, j.tried, j.perhaps = NotAttempted, nil, nil, false, false
	if j.again && isCancelled(err) && !ratelimit.Ambiguous(err) { // what was answered first stands
		if j.intended {
			j.journal.Settle(j.key(&r.Change), &ChangeResult{Change: r.Change, Status: NotAttempted})
			j.intended = false
		}
		return
	}
	r.Err, r.Again = nil, j.again
	r.Stats.Add(stats)
	switch {
	case err == nil && moot != NotAttempted && moot != Applied:
		r.Status = moot
	case err == nil:
		j.verify(r)
	case isCancelled(err) && !ratelimit.Ambiguous(err):
		// In err is what ended the run too, which was said to another call, or of none.
		r.Status, r.Err = NotAttempted, answer
	case isCancelled(err):
		// The last attempt broke off and nobody looked again: to call that not
		// attempted could be a lie.
		r.Status, r.Err = Failed, cmp.Or(answer, cut, err)
	default:
		r.Status, r.Err = Failed, err
	}
	switch r.Status {
	case Failed, Mismatched:
		j.budget.failure(r.Err)
	case Applied:
		j.budget.success()
	}
	j.causes.settled(r)
	if j.intended {
		j.journal.Settle(j.key(&r.Change), r)
		j.intended = false
	}
	j.progress.done(j.target, r)
}
