package ratelimit

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Run makes the calls of all jobs, repeats those that deserve it by the policy, and
// settles every one. It returns when all are settled.
//
// Jobs are pulled when a worker has nothing better to do, so that only those that wait for
// another attempt take memory. Those hold no goroutine: there are at most p.Workers, and
// one timer.
//
// When ctx ends no new attempt is begun, and attempts that have their token are waited for.
// What is left of all jobs, pulled or not, is settled with an error marked Cancelled. If
// ctx has a deadline, no job is taken on that the limiter could not serve in time. A run
// that is not served for p.GiveUpAfter ends the same way, with a [GivenUpError].
//
// The limiter is the one through which the jobs' calls go. Run takes no token itself. It
// panics without one.
func Run(ctx context.Context, l *Limiter, p Policy, jobs iter.Seq[Job]) {
	if l == nil {
		panic("ratelimit: Run needs the Limiter through which the calls of its jobs go")
	}
	run(ctx, l, p, jobs, l.rand)
}

// run is Run with the source of the jitter as an argument, so that a test can fix it.
//
// The order of the deferred calls matters: closing work ends the workers first, which by
// then have no task, then the limiter forgets this run's backlog, and only then is the
// sequence of jobs stopped.
func run(ctx context.Context, l *Limiter, p Policy, jobs iter.Seq[Job], rand func() float64) {
	next, stop := iter.Pull(jobs)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p = p.withDefaults()
	r := &runner{
		ctx: ctx, cancel: cancel, limiter: l, policy: p, pull: next, rand: rand,
		start: time.Now(), backlog: newBacklog(), budget: newBudget(),
		// Room for one answer per worker, so that assign never waits for a worker that waits for Run.
		work: make(chan *task), answers: make(chan answer, p.Workers),
		timer: time.NewTimer(time.Hour),
	}
	defer r.timer.Stop()
	l.begin(&r.shown)
	defer l.end(&r.shown)
	defer close(r.work)
	r.serve()
	r.abandon()
}

// runner is the state of one Run. All of it belongs to Run's own goroutine;
// workers see only the task in their hands.
type runner struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	limiter *Limiter
	policy  Policy
	pull    func() (Job, bool)
	rand    func() float64
	start   time.Time

	backlog backlog
	budget  budget
	jobs    uint32  // pulled
	served  uint32  // attempts that the server answered, whatever it said
	failing failing // attempts in a row that it did not
	drained bool    // there are no more jobs to pull
	shown   Backlog // as the limiter's snapshots tell it; written under its lock
	told    bool    // that something is held back

	workers  int // started
	inFlight int // tasks that workers have
	work     chan *task
	answers  chan answer
	timer    *time.Timer
}

// answer is what a worker brings back: the task and what its attempt returned.
type answer struct {
	task *task
	err  error
}

// failing is attempts in a row that were throttled or failed. A busy subject and a
// refusal for good count as served: whoever says no is there.
type failing struct {
	attempts int
	since    time.Duration
}

// now is the time since the run began, by the monotonic clock. Tasks keep instants in
// this form: eight bytes instead of the 24 of a time.Time, and no jump of the wall clock
// reaches them.
func (r *runner) now() time.Duration { return time.Since(r.start) }

// serve keeps the workers busy until nothing is left, or nothing may begin.
func (r *runner) serve() {
	for {
		for r.inFlight < r.policy.Workers && r.ctx.Err() == nil {
			t := r.choose()
			if t == nil {
				break
			}
			r.assign(t)
		}
		if r.inFlight == 0 && (r.ctx.Err() != nil || r.backlog.len() == 0) {
			return
		}
		r.await()
	}
}

// choose returns the task to begin now: one that is due for another attempt, or
// else the first call of the next job, or else one that lets those go first.
//
// Repeats come before new jobs, so that the backlog shrinks before it grows and a
// call that was begun ends soon. The exception are calls that the quota refused more
// than once: they yield, because the calls that follow may well be served.
func (r *runner) choose() *task {
	at := r.now()
	if r.backlog.len() > 0 {
		for t := r.backlog.due(at, &r.budget); t != nil; t = r.backlog.due(at, &r.budget) {
			r.settle(t, t.last)
		}
		if t := r.affordable(at, true); t != nil {
			return t
		}
	}
	for !r.drained && r.timely() {
		job, ok := r.pull()
		if !ok {
			r.drained = true
			break
		}
		r.jobs++
		if p, ok := job.Next(); ok {
			return newTask(job, r.jobs, p)
		}
	}
	return r.affordable(at, false)
}

// affordable takes the best ready task whose next attempt is within the budget.
//
// Only a repeat after a server error costs budget. What cannot be paid for is parked
// under WaitBudget and not dropped: due ends it when it has waited too long.
func (r *runner) affordable(at time.Duration, fresh bool) *task {
	for t := r.backlog.pop(fresh); t != nil; t = r.backlog.pop(fresh) {
		if !t.repeats || at >= r.budget.free() {
			return t
		}
		r.backlog.park(t, WaitBudget)
		r.tell()
	}
	return nil
}

// timely reports whether one more job could get its token before the deadline.
//
// The forecast counts what is in flight and what waits, since all of it takes tokens
// before the new job does. Without a deadline every job is timely.
func (r *runner) timely() bool {
	deadline, ok := r.ctx.Deadline()
	if !ok {
		return true
	}
	now := time.Now()
	return !now.Add(r.limiter.forecast(r.inFlight+r.backlog.len()+1, now)).After(deadline)
}

// assign gives t to a worker. There is one without work, or one may be started.
//
// Workers are started when they are needed, and never more than Policy.Workers: a run
// of three calls does not start a hundred goroutines.
func (r *runner) assign(t *task) {
	if r.inFlight == r.workers {
		r.workers++
		go r.worker()
	}
	r.inFlight++
	t.look(r.served)
	r.budget.attempt(r.now(), t.repeats)
	r.tell()
	r.work <- t
}

// worker makes the attempts that it is given.
//
// The context of each priority is made once and not once per attempt. It ends with the
// run, so that an attempt which still waits for its token gives up.
func (r *runner) worker() {
	contexts := [alone + 1]context.Context{}
	for p := range contexts {
		contexts[p] = WithPriority(r.ctx, Priority(p))
	}
	for t := range r.work {
		r.answers <- answer{t, t.job.Call(contexts[t.attemptPriority()])}
	}
}

// await blocks until something has changed.
//
// That is an answer, the time of a parked task, or the end of the context; each is looked
// at by serve's next turn. The timer is armed only while a worker is free: with none, a
// task that is due could not be given to anybody.
func (r *runner) await() {
	var due <-chan time.Time
	ended := r.ctx.Done()
	if r.ctx.Err() != nil {
		ended = nil // known: only the answers are of interest now
	} else if wakes, ok := r.backlog.wakes(&r.budget); ok && r.inFlight < r.policy.Workers {
		r.timer.Reset(max(0, wakes-r.now()))
		due = r.timer.C
	}
	select {
	case a := <-r.answers:
		r.inFlight--
		r.take(a.task, a.err)
	case <-due:
	case <-ended:
	}
}

// take settles a call, or puts it back for another attempt.
//
// This is the one place that decides on a repeat: the policy says whether the call's own
// limits allow it, health whether the run goes on at all. A cancelled attempt is not
// counted, since it was never sent.
func (r *runner) take(t *task, err error) {
	result, retryAfter := ResultOf(err)
	if result == Cancelled {
		r.settle(t, t.stopped(err))
		return
	}
	at := r.now()
	wait := WaitThrottled
	switch result {
	case Conflict:
		wait = WaitBusy
	case ServerError:
		wait = WaitFailed
	}
	t.note(err, result, at, r.served)
	// Alone, or the last: whatever else there was has been served. Where nothing was,
	// nobody can tell one call's matter from the quota's, and the run's end decides.
	others := t.alone || r.drained && r.served > 0
	delay, again := r.policy.again(t, result, retryAfter, others, r.rand())
	if !again {
		err = t.concluded(err, result)
	}
	if result == Throttled && others {
		// It says nothing about the run, and has an end of its own.
	} else if given := r.health(result, at); given != nil {
		again, err = false, WithResult(fmt.Errorf("%w: %w", given, err), result, 0)
	}
	if !again {
		r.settle(t, err)
		return
	}
	t.notBefore, t.repeats = at+delay, result == ServerError
	if delay > 0 {
		r.backlog.park(t, wait)
	} else {
		r.backlog.push(t)
	}
	r.tell()
}

// health looks whether the server serves this run at all, and ends it if not.
//
// Both a number of attempts and a span of time have to be exceeded: many workers fail
// many times within a second of a short outage, and a slow run may fail only a few times
// in minutes. What is returned is also the cause with which the run's context ends.
func (r *runner) health(result Result, at time.Duration) error {
	if result != Throttled && result != ServerError {
		r.served++
		r.failing = failing{}
		return nil
	}
	if r.failing.attempts++; r.failing.attempts == 1 {
		r.failing.since = at
	}
	if r.failing.attempts < giveUpAttempts || at-r.failing.since < r.policy.GiveUpAfter || r.ctx.Err() != nil {
		return nil
	}
	given := &GivenUpError{Result: result, Attempts: r.failing.attempts, After: at - r.failing.since}
	r.cancel(given)
	return given
}

// settle ends the task's call. If the job has another, it becomes ready.
//
// The task is reused for the job's next call, with its number: the order of jobs is kept.
func (r *runner) settle(t *task, err error) {
	t.job.Done(err, t.stats())
	if p, more := t.job.Next(); more {
		*t = *newTask(t.job, t.sequence, p)
		r.backlog.push(t)
	}
}

// tell lets the limiter's snapshots show what is held back. As a rule there is
// nothing, and nothing was.
//
// It is called for every task, and so returns early without the limiter's lock in that
// case.
func (r *runner) tell() {
	if r.backlog.parkedCalls() == 0 && !r.told {
		return
	}
	var held Backlog
	for w := range WaitPaused {
		if next, ok := r.backlog.next(w, &r.budget); ok {
			held[w] = Waiting{Calls: r.backlog.parked[w].Len(), Next: r.start.Add(next)}
		}
	}
	r.limiter.mu.Lock()
	r.shown, r.told = held, r.backlog.parkedCalls() > 0
	r.limiter.mu.Unlock()
}

// abandon settles all that is left, in the order in which it came.
//
// Jobs that were not pulled yet are pulled now for that: each is owed a Done, and a report
// has a row for each.
func (r *runner) abandon() {
	cause := context.Cause(r.ctx)
	if cause == nil {
		cause = ErrNoTime
	}
	left := r.backlog.ready.tasks
	for w := range r.backlog.parked {
		left = append(left, r.backlog.parked[w].tasks...)
	}
	slices.SortFunc(left, func(a, b *task) int { return cmp.Compare(a.sequence, b.sequence) })
	for _, t := range left {
		r.drop(t, cause)
	}
	for !r.drained {
		job, ok := r.pull()
		if !ok {
			return
		}
		r.jobs++
		if p, ok := job.Next(); ok {
			r.drop(newTask(job, r.jobs, p), cause)
		}
	}
}

// drop settles the task's call and all others of its job as not attempted.
//
// Only the first keeps the history of its attempts; those after it have none.
func (r *runner) drop(t *task, cause error) {
	for more := true; more; _, more = t.job.Next() {
		t.job.Done(t.stopped(cause), t.stats())
		*t = task{job: t.job}
	}
}
