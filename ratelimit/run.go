package ratelimit

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"
)

// Run makes the calls of all jobs, repeats those that deserve it by the
// policy, and settles every one. It returns when all are settled.
//
// Jobs are pulled when a worker has nothing better to do, so that only those
// that wait for another attempt take memory. Those hold no goroutine: there are
// at most p.Workers, and one timer.
//
// When ctx ends no new attempt is begun, and attempts that have their token are
// waited for. What is left of all jobs, pulled or not, is settled with an
// error marked Cancelled. If ctx has a deadline, no job is taken on that the
// limiter could not serve in time, so that those which are taken get done.
//
// The limiter is the one through which the jobs' calls go. Run itself takes no
// token: that is for the attempt to do, next to the wire.
func Run(ctx context.Context, l *Limiter, p Policy, jobs iter.Seq[Job]) Stats {
	return run(ctx, l, p, jobs, rand.Float64)
}

func run(ctx context.Context, l *Limiter, p Policy, jobs iter.Seq[Job], chance func() float64) Stats {
	next, stop := iter.Pull(jobs)
	defer stop()
	p = p.withDefaults()
	r := &runner{
		ctx: ctx, limiter: l, policy: p, pull: next, chance: chance,
		start: time.Now(), backlog: newBacklog(), budget: newBudget(p),
		work: make(chan *task), answers: make(chan answer, p.Workers),
		timer: time.NewTimer(time.Hour),
	}
	defer r.timer.Stop()
	defer l.hold(Backlog{})
	defer close(r.work)
	r.serve()
	r.abandon()
	r.stats.Elapsed = r.now()
	return r.stats
}

// runner is the state of one Run. All of it belongs to Run's own goroutine;
// workers see only the task in their hands.
type runner struct {
	ctx     context.Context
	limiter *Limiter
	policy  Policy
	pull    func() (Job, bool)
	chance  func() float64
	start   time.Time

	backlog backlog
	budget  budget
	stats   Stats
	drained bool // there are no more jobs to pull

	workers  int // started
	inFlight int // tasks that workers have
	busy     int // tasks that are held back because their subject was
	work     chan *task
	answers  chan answer
	timer    *time.Timer
}

type answer struct {
	task *task
	err  error
}

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

// choose returns the task to begin now: one that is due for another attempt,
// or else the first call of the next job.
func (r *runner) choose() *task {
	at := r.now()
	for t := r.backlog.due(at); t != nil; t = r.backlog.due(at) {
		if !t.repeats || r.budget.allows(at) {
			r.release(t)
			return t
		}
		if at >= t.ended+r.policy.FaultCap+r.policy.BudgetWindow {
			r.settle(t, t.last)
			continue
		}
		t.notBefore = at + r.budget.slot
		r.backlog.add(t, at)
	}
	for !r.drained && r.timely() {
		job, ok := r.pull()
		if !ok {
			r.drained = true
			break
		}
		r.stats.Jobs++
		t := &task{job: job, sequence: uint32(r.stats.Jobs)}
		if t.priority, ok = job.Next(); ok {
			return t
		}
	}
	return nil
}

// timely reports whether one more job could get its token before the deadline.
func (r *runner) timely() bool {
	deadline, ok := r.ctx.Deadline()
	if !ok {
		return true
	}
	now := time.Now()
	return !now.Add(r.limiter.forecast(r.inFlight+r.backlog.len()+1, now)).After(deadline)
}

// assign gives t to a worker. There is one without work, or one may be started.
func (r *runner) assign(t *task) {
	if r.inFlight == r.workers {
		r.workers++
		go r.labour()
	}
	r.inFlight++
	r.budget.attempt(r.now(), t.repeats)
	r.tell()
	r.work <- t
}

// labour is one worker.
func (r *runner) labour() {
	contexts := [priorities]context.Context{}
	for p := range contexts {
		contexts[p] = WithPriority(r.ctx, Priority(p))
	}
	for t := range r.work {
		p := min(t.priority, Probe)
		if t.throttled > 0 {
			p = p.above()
		}
		r.answers <- answer{t, t.job.Call(contexts[p])}
	}
}

// await blocks until something has changed.
func (r *runner) await() {
	var due <-chan time.Time
	ended := r.ctx.Done()
	if r.ctx.Err() != nil {
		ended = nil // known: only the answers are of interest now
	} else if wakes, ok := r.backlog.wakes(); ok && r.inFlight < r.policy.Workers {
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
func (r *runner) take(t *task, err error) {
	outcome, retryAfter := ResultOf(err)
	if outcome == Cancelled {
		r.settle(t, t.stopped(err))
		return
	}
	at := r.now()
	r.stats.Attempts++
	switch outcome {
	case Throttled:
		r.stats.Throttled++
	case Conflict:
		r.stats.Conflicts++
	case ServerError:
		r.stats.Faults++
	default:
	}
	t.note(err, outcome, at)
	delay, again := r.policy.again(t, outcome, retryAfter, r.chance())
	if !again {
		r.settle(t, t.concluded(err, outcome))
		return
	}
	t.notBefore, t.repeats = at+delay, outcome == ServerError
	if outcome == Conflict {
		t.busy = true
		r.busy++
	}
	r.backlog.add(t, at)
	r.stats.Waiting = max(r.stats.Waiting, r.backlog.len())
	r.tell()
}

func (r *runner) release(t *task) {
	if t.busy {
		t.busy = false
		r.busy--
	}
}

// settle ends the task's call. If the job has another, it becomes ready.
func (r *runner) settle(t *task, err error) {
	r.count(t, err)
	t.job.Done(err, t.effort())
	priority, more := t.job.Next()
	if more {
		*t = task{job: t.job, sequence: t.sequence, priority: priority}
		r.backlog.add(t, 0)
	}
}

func (r *runner) count(t *task, err error) {
	r.stats.Calls++
	switch o, _ := ResultOf(err); {
	case err == nil:
		r.stats.Done++
	case o != Cancelled:
		r.stats.Failed++
	case t.attempts() == 0:
		r.stats.NotAttempted++
	default:
		r.stats.Stopped++
	}
}

// tell lets the limiter's snapshots show what is held back.
func (r *runner) tell() {
	w := Backlog{Calls: r.backlog.parked.Len(), Busy: r.busy}
	if wakes, ok := r.backlog.wakes(); ok {
		w.Next = r.start.Add(wakes)
	}
	r.limiter.hold(w)
}
