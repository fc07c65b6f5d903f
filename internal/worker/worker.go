// Package worker decides when a pass runs, and over which part of the fleet.
//
// In come wakes: from the schedule, and from whoever calls [Worker.Wake] (a
// changed file, a signal, a request, an event). Out go calls of one [Pass]
// function, which the program provides: this package does not know what a pass
// reads or writes. It looks at the plan and outcome that come back only to tell
// which functions were dealt with, and whose changes come back again and again.
//
// What holds:
//   - At most one pass runs at a time.
//   - No wake is lost: a wake's Done is called once, after a pass that began
//     after the wake and covered what it touched, or with ErrStopped.
//   - Wakes merge. However many arrive during a pass, one pass follows.
//   - A touched function waits a settle time from its first touch, so that the
//     end of somebody's deployment is looked at and not its middle. It does not
//     wait longer when it is touched again.
//   - A pass over everything takes along the touched functions that have settled,
//     and keeps a minimum gap to the one before it.
//   - A key that others keep changing back is left alone until the next
//     scheduled pass over everything.
//   - When the context ends, the running pass is told by its context and awaited.
//
// How a program uses it:
//
//	w := worker.New(worker.Options{Timetable: every, Pass: pass, Log: log, Recorder: metrics})
//	go source(w)    // calls w.Wake
//	w.Run(ctx)      // returns when ctx has ended and the pass is over
//
// A program that is woken for one batch of events, such as a Lambda function, needs
// no worker: Classify, ScopeOf and Result.Failures are what it shares with one.
//
// The pass narrows the resolved fleet by [Scope.Narrow] and returns a [Result]. A
// share in the fleet's guard should be taken of the whole fleet, whatever the scope.
// Classify turns hints of the events package into triggers. State and its Unready
// tell how things are; internal/worker/web shows them, internal/worker/queue and
// internal/worker/watch are sources, internal/worker/metrics is the Recorder.
//
// The package calls no network, reads no file and prints nothing.
package worker

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Worker runs passes. Make one with New and call Run once.
type Worker struct {
	o     Options
	poked chan struct{} // holds one element when there is news for Run

	mu      sync.Mutex
	queue   *queue
	fights  *fightDetector
	state   State
	stopped bool
}

// New makes a worker. Wakes are taken at once and wait for Run.
func New(o Options) *Worker {
	o = o.filled()
	return &Worker{
		o: o, poked: make(chan struct{}, 1),
		queue: newQueue(o.Settle, o.Gap), fights: newFightDetector(o.Fight),
		state: State{Timetable: o.Timetable},
	}
}

// Wake asks for a pass. It never blocks and may be called from anywhere, also
// while a pass runs.
func (w *Worker) Wake(wake Wake) {
	w.o.Recorder.Woken(wake.Cause)
	if answered, err := w.accept(wake); answered {
		newAck(wake, 1).settle(err) // outside the lock: Done may ask for the State
		return
	}
	select {
	case w.poked <- struct{}{}:
	default: // Run has not seen the last poke yet, and will see both
	}
}

// accept notes a wake, unless it can be answered on the spot.
func (w *Worker) accept(wake Wake) (answered bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return true, ErrStopped
	}
	if len(wake.Triggers) > 0 {
		wake.Triggers = slices.DeleteFunc(slices.Clone(wake.Triggers), func(t Trigger) bool {
			key, ok := t.key()
			return ok && w.fights.written(key, t.Principal)
		})
		if len(wake.Triggers) == 0 {
			return true, nil // nothing but fought-over configs
		}
	}
	w.queue.add(wake, time.Now())
	return false, nil
}

// State is how things are now.
func (w *Worker) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state
	s.Fought = w.fights.list()
	return s
}

// Run begins with a pass over everything and goes on until ctx ends. It returns
// when the pass then under way is over and every waiting Done has been called.
func (w *Worker) Run(ctx context.Context) {
	now := time.Now()
	w.setState(func(s *State) { s.Started, s.Next = now, w.next(now) })
	w.Wake(Wake{Cause: Start})
	defer w.stop()
	defer context.AfterFunc(ctx, func() { // probes are to see it while the last pass ends
		w.setState(func(s *State) { s.Stopping = true })
	})()
	for ctx.Err() == nil {
		w.consultTimetable()
		if j, leave := w.take(); j != nil {
			w.pass(ctx, j, leave)
			continue
		}
		timer := time.NewTimer(time.Until(w.sleepUntil()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w.poked:
		}
		timer.Stop()
	}
}

// consultTimetable asks for a pass when its time has come. Times that passed
// during a long pass count once.
func (w *Worker) consultTimetable() {
	now := time.Now()
	if now.Before(w.State().Next) {
		return
	}
	w.setState(func(s *State) { s.Next = w.next(now) })
	w.Wake(Wake{Cause: Schedule})
}

func (w *Worker) next(after time.Time) time.Time { return w.o.Timetable.Next(after, rand.Float64()) }

func (w *Worker) setState(change func(*State)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.state)
}

// take gives the job that begins now and the keys it has to leave alone.
func (w *Worker) take() (*job, []Fought) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	j := w.queue.take(now)
	if j == nil {
		return nil, nil
	}
	if j.all && j.causes.scheduled() {
		w.fights.reset(now)
	}
	w.state.Running = true
	if j.all {
		w.state.LastAttempt = now
	}
	return j, w.fights.list()
}

func (w *Worker) sleepUntil() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.state.Next
	if due, any := w.queue.due(); any && due.Before(at) {
		at = due
	}
	return at
}

// pass runs one job to its end.
func (w *Worker) pass(ctx context.Context, j *job, leave []Fought) {
	report := Report{Scope: j.scope(leave), Causes: j.causes.list(), Started: time.Now(), Events: j.times()}
	report.Result = w.o.Pass(ctx, report.Scope)
	report.Finished = time.Now()
	completed := report.Result.Completed()

	w.conclude(&report, j, completed)
	w.log(&report, completed)
	w.o.Recorder.Passed(report)
	j.settle(completed, report.Result.Failures().Of)
}

// conclude brings state and fights up to date.
func (w *Worker) conclude(report *Report, j *job, completed error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := report.Finished
	w.state.Running = false
	for _, key := range report.Result.corrected() {
		if principal, known := j.writer(key); known && w.fights.corrected(key, principal, now) {
			w.o.Log.Warn("config is fought over and left alone until the next scheduled pass", "key", key.String(), "principal", principal)
		}
	}
	report.Fought = w.fights.list()
	if report.Scope.All {
		w.queue.swept, w.state.LastError = now, ""
		if completed != nil {
			w.state.LastError = completed.Error()
		} else {
			w.state.LastSuccess = now
		}
	}
	if problem := report.Result.FleetProblem; problem == nil {
		w.state.FleetProblem, w.state.FleetProblemSince = "", time.Time{}
	} else {
		if w.state.FleetProblem == "" {
			w.state.FleetProblemSince = now
		}
		w.state.FleetProblem = problem.Error()
	}
}

func (w *Worker) log(report *Report, completed error) {
	causes := make([]string, len(report.Causes))
	for i, c := range report.Causes {
		causes[i] = c.String()
	}
	log := w.o.Log.With("causes", causes, "everything", report.Scope.All, "objects", len(report.Scope.Objects),
		"took", report.Finished.Sub(report.Started).Round(time.Millisecond).String())
	if problem := report.Result.FleetProblem; problem != nil {
		log.Error("fleet files cannot be loaded, the last good ones stay in force", "error", problem)
	}
	if completed != nil {
		log.Error("pass did not come to its end", "error", completed)
		return
	}
	log.Info("pass is over", "corrected", len(report.Result.corrected()))
}

// stop ends the taking of wakes and releases everybody who waits.
func (w *Worker) stop() {
	w.mu.Lock()
	w.stopped, w.state.Stopping = true, true
	rest := w.queue.rest()
	w.mu.Unlock()
	rest.settle(ErrStopped, func(Object) error { return ErrStopped })
}
