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
// Classify turns hints of the events package into touches. State and its Unready
// tell how things are; internal/worker/web shows them, internal/worker/queue and
// internal/worker/watch are sources, internal/worker/metrics is the Recorder.
//
// The package calls no network, reads no file and prints nothing.
package worker
