// Package worker decides when a pass runs, and over which part of the fleet.
//
// In come wakes: from the schedule, and from whoever calls [Worker.Wake] (a
// changed file, a signal, a request, an event). Out go calls of one [Pass]
// function, which the program provides: this package does not know what a pass
// reads or writes. It looks at the plan and outcome that come back only to tell
// which functions were dealt with, and whose changes come back again and again.
//
// There are two kinds of pass: a sweep over everything, and a targeted pass over
// the functions that events told of. What holds:
//   - At most one sweep and one targeted pass run at a time, and no function is
//     worked on by both ([Scope.Open]). The targeted pass's calls go first.
//   - No wake is lost: a wake's Done is called once, after a pass that began
//     after the wake and covered what it asked for, or with ErrStopped.
//   - Wakes merge. However many arrive during a sweep, one sweep follows.
//   - A function waits a settle time from its first trigger, so that the end of
//     somebody's deployment is looked at and not its middle. It does not wait
//     longer when it is triggered again.
//   - Sweeps keep a minimum gap to one another.
//   - A config that others keep changing back within minutes is left alone but for
//     scheduled sweeps (fights.Hot).
//   - Targeted passes of one period together write no more than the guard lets one
//     run write ([Scope.Within]), and nothing that a refused sweep would have written.
//   - A pass that gives no sign of life, or takes too long, is ended.
//   - When the context ends, passes under way are told by their context and awaited.
//
// How a program uses it:
//
//	w := worker.New(worker.Options{Timetable: every, Pass: pass, Log: log, Observer: metrics})
//	go source(w)    // calls w.Wake
//	w.Run(ctx)      // returns when ctx has ended and the passes are over
//
// A program that is woken for one batch of events, such as a Lambda function, needs
// no worker: Classify, ScopeOf and Result.Failures are what it shares with one.
//
// Classify turns hints of the events package into triggers. State and its Unready
// tell how things are; internal/worker/web shows them, internal/worker/queue and
// internal/worker/watch are sources, internal/worker/metrics is the Observer.
//
// The package calls no network, reads no file and prints nothing.
package worker

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/fights"
)

// Worker runs passes. Make one with New and call Run once.
type Worker struct {
	o      Options
	poked  chan struct{} // holds one element when there is news for Run
	claims *claims
	passes sync.WaitGroup

	mu        sync.Mutex
	queue     *queue
	sweep     *job // under way, or nil
	targeted  *job
	allowance allowance
	problems  map[string]error // of the sources of wakes
	state     State
	stopped   bool
	told      summary // what the log was last told of a sweep
}

// New makes a worker. Wakes are taken at once and wait for Run.
func New(o Options) *Worker {
	o = o.filled()
	return &Worker{
		o: o, poked: make(chan struct{}, 1), claims: newClaims(),
		queue: newQueue(o.Settle, o.Gap), problems: map[string]error{},
		state: State{Timetable: o.Timetable},
	}
}

// Wake asks for a pass. It never blocks and may be called from anywhere, also
// while a pass runs.
func (w *Worker) Wake(wake Wake) {
	w.o.Observer.Woken(wake.Cause)
	if answered, err := w.accept(wake); answered {
		(&ack{open: 1, done: wake.Done}).settle(err) // outside the lock: Done may ask for the State
		return
	}
	w.poke()
}

func (w *Worker) poke() {
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
		now := time.Now()
		wake.Triggers = slices.DeleteFunc(slices.Clone(wake.Triggers), func(t Trigger) bool {
			key, ok := t.key()
			if ok {
				w.o.Fights.Wrote(key, t.EventTime, t.Author)
			}
			return ok && w.o.Fights.Is(key, fights.Hot, now)
		})
		if len(wake.Triggers) == 0 {
			return true, nil // nothing but configs that are fought over
		}
	}
	w.queue.add(wake, time.Now())
	return false, nil
}

// Problem notes what is wrong with a source of wakes, such as a queue that does not
// answer, until it is called with nil. It shows in the State.
func (w *Worker) Problem(source string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		delete(w.problems, source)
		return
	}
	w.problems[source] = err
}

// State is how things are now.
func (w *Worker) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state
	s.Fought, s.Refused = w.o.Fights.List(fights.Told, time.Now()), w.allowance.refused != nil
	for _, source := range slices.Sorted(maps.Keys(w.problems)) {
		s.Problems = append(s.Problems, source+": "+w.problems[source].Error())
	}
	return s
}

// Run begins with a sweep and goes on until ctx ends. It returns when the passes
// then under way are over and every waiting Done has been called.
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
		if j, scope := w.take(); j != nil {
			w.passes.Go(func() { w.pass(ctx, j, scope) })
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

// consultTimetable asks for a sweep when its time has come. Times that passed
// during a long sweep count once.
func (w *Worker) consultTimetable() {
	now := time.Now()
	if now.Before(w.State().Next) {
		return
	}
	w.setState(func(s *State) { s.Next = w.next(now) })
	w.Wake(Wake{Cause: Schedule})
}

func (w *Worker) next(after time.Time) time.Time { return w.o.Timetable.Next(after, w.o.Random()) }

func (w *Worker) setState(change func(*State)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.state)
}

// take gives a job that begins now and its scope.
func (w *Worker) take() (*job, Scope) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.sweep == nil {
		if j := w.queue.takeSweep(now); j != nil {
			w.sweep, w.state.Sweeping, w.state.LastAttempt = j, now, now
			scope := j.scope()
			scope.Asked = j.causes.asked()
			if !j.causes.scheduled() {
				scope.Leave = w.o.Fights.List(fights.Hot, now)
			}
			return j, scope
		}
	}
	if w.targeted == nil {
		if j := w.queue.takeTargeted(now); j != nil {
			w.targeted, w.state.Targeted = j, now
			w.allowance.period = w.o.Timetable.Period(now)
			scope := j.scope()
			scope.Leave, scope.Spent, scope.MayWrite = w.o.Fights.List(fights.Hot, now), w.allowance.within(now), w.allowance.mayWrite()
			return j, scope
		}
	}
	return nil, Scope{}
}

func (w *Worker) sleepUntil() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.state.Next
	sweep, targeted := w.queue.due()
	if w.sweep == nil {
		next = earliest(next, sweep)
	}
	if w.targeted == nil {
		next = earliest(next, targeted)
	}
	return next
}

// stop awaits the passes, ends the taking of wakes and releases everybody who waits.
func (w *Worker) stop() {
	w.passes.Wait()
	w.mu.Lock()
	w.stopped, w.state.Stopping = true, true
	rest := w.queue.rest()
	w.mu.Unlock()
	rest.settle(ErrStopped, func(Object) error { return ErrStopped })
}
