package ratelimit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

var errNoTime = fmt.Errorf("there is no time for it before the run's deadline: %w", context.DeadlineExceeded)

// abandon settles all that is left, in the order in which it came.
func (r *runner) abandon() {
	cause := context.Cause(r.ctx)
	if cause == nil {
		cause = errNoTime
	}
	left := slices.Concat(r.backlog.ready.tasks, r.backlog.parked.tasks)
	slices.SortFunc(left, func(a, b *task) int { return cmp.Compare(a.sequence, b.sequence) })
	for _, t := range left {
		r.drop(t, cause)
	}
	for !r.drained {
		job, ok := r.pull()
		if !ok {
			return
		}
		r.stats.Jobs++
		t := &task{job: job}
		if _, ok = job.Next(); ok {
			r.drop(t, cause)
		}
	}
}

// drop settles the task's call and all others of its job as not attempted.
func (r *runner) drop(t *task, cause error) {
	for more := true; more; _, more = t.job.Next() {
		err := t.stopped(cause)
		r.count(t, err)
		t.job.Done(err, t.effort())
		*t = task{job: t.job}
	}
}
