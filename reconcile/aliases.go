package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// listAliases completes an inventory by the aliases among which patterns choose: one
// ListAliases for each function that a rule with a pattern takes in, none for any other,
// and none for what is known already. It comes before the fleet is resolved, so that all
// that follows, the guard and a saved plan too, meets configs and no patterns.
//
// A function whose aliases cannot be listed is in unlisted, with the reason: it is one
// unreadable config. A target is in failed when nobody may list any, or too many failed.
func listAliases(ctx context.Context, asked []desired.Discovery, found desired.Inventory, conns map[desired.Target]readConn, observe Observer) (unlisted map[desired.Target]map[string]error, failed map[desired.Target]error) {
	progress := newProgress(PhaseAliases, observe)
	var work []aliasWork
	for _, need := range asked {
		w := aliasWork{need: need, conn: conns[need.Target]}
		if need.Aliases == nil || w.conn.Err != nil {
			continue
		}
		known := found[need.Target]
		functions := known.Functions
		if len(need.Functions) > 0 {
			functions = need.Functions
		}
		for _, f := range functions {
			if _, listed := known.Aliases[f]; !listed && need.Aliases(f, known.Tags[f]) {
				w.jobs = append(w.jobs, aliasJob{target: need.Target, function: f, reader: w.conn.Reader, progress: progress})
			}
		}
		if len(w.jobs) > 0 {
			progress.expect(need.Target, len(w.jobs))
			work = append(work, w)
		}
	}
	var wg sync.WaitGroup
	for i := range work {
		wg.Go(func() { work[i].err = work[i].run(ctx) })
	}
	wg.Wait()

	unlisted, failed = map[desired.Target]map[string]error{}, map[desired.Target]error{}
	for i := range work {
		t := work[i].need.Target
		if work[i].err != nil {
			failed[t] = work[i].err
			continue
		}
		inventory, wrong := found[t], map[string]error{}
		inventory.Aliases = maps.Clone(inventory.Aliases)
		if inventory.Aliases == nil {
			inventory.Aliases = map[string][]string{}
		}
		for k := range work[i].jobs {
			if j := &work[i].jobs[k]; j.err != nil {
				wrong[j.function] = j.err
			} else {
				inventory.Aliases[j.function] = j.names
			}
		}
		found[t], unlisted[t] = inventory, wrong
	}
	return unlisted, failed
}

// aliasWork is the listing of one target.
type aliasWork struct {
	need desired.Discovery
	conn readConn
	jobs []aliasJob
	err  error // of the target as a whole
}

// run lists the aliases of one target's functions, and returns why it ended early, or nil.
// The error budget is the survey's, so that a target which refuses everything costs a
// few calls and not one for each function.
func (w *aliasWork) run(ctx context.Context) error {
	if w.conn.Reader == nil {
		return fmt.Errorf("target %s: no Reader configured", w.need.Target)
	}
	budget := newErrorBudget(ctx, w.need.MaxErrors.Allowed(len(w.jobs)), len(w.jobs))
	defer budget.release()
	ratelimit.Run(budget.ctx, w.conn.Limiter, ratelimit.Policy{}, func(yield func(ratelimit.Job) bool) {
		for i := range spread(len(w.jobs)) { // so that a refusal of all of them is soon known
			w.jobs[i].budget = budget
			if !yield(&w.jobs[i]) {
				return
			}
		}
	})
	return budget.cause() // the end of the run, too: then nothing of this is looked at
}

// aliasJob lists the aliases of one function, one page a call.
type aliasJob struct {
	target   desired.Target
	function string
	reader   Reader
	budget   *errorBudget
	progress *progress

	marks markers
	page  Page[string]
	names []string // sorted at the end
	ended bool
	err   error
}

// Next implements ratelimit.Job.
func (j *aliasJob) Next() (ratelimit.Priority, bool) { return ratelimit.Scan, !j.ended }

// Call implements ratelimit.Job.
func (j *aliasJob) Call(ctx context.Context) (err error) {
	j.page, err = j.reader.ListAliases(ctx, j.function, j.marks.current)
	return err
}

// Done implements ratelimit.Job. A function that is gone has no aliases: the survey is to
// find it missing.
//
// Pages before an error are of no use, since a pattern would choose among a part of what
// exists. A denial counts twice: as a failure, and as one of the reads that may show that
// nobody may make any.
func (j *aliasJob) Done(err error, _ ratelimit.CallStats) {
	if err == nil {
		j.budget.success()
		j.names = append(j.names, j.page.Items...)
		subject := desired.Key{Target: j.target, Name: desired.Name{Function: j.function, Qualifier: desired.Latest}}
		err = j.marks.turn("ListAliases", subject.String(), j.page.Next)
	}
	if err == nil && j.marks.current != "" {
		return
	}
	j.ended = true
	switch {
	case err == nil:
		slices.Sort(j.names)
		j.names = slices.Compact(j.names)
	case KindOf(err) == KindFunctionMissing:
		j.names = nil
	default:
		j.err = err
		if !isCancelled(err) {
			j.budget.failure(err)
		}
		if KindOf(err) == KindDenied {
			j.budget.readDenied(err)
		}
	}
	j.progress.done(j.target, nil)
}
