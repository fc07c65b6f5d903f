package ratelimit

import (
	"context"
	"time"
)

// Job is a series of calls that are made one after the other, such as the
// writes to one function. Run never calls two methods of one job at once, and
// it calls Next and Done of all jobs from its own goroutine, so that they
// may share state without a lock but should not take long.
type Job interface {
	// Next returns the priority of the call to make now, or false when the job
	// has none left.
	Next() (Priority, bool)

	// Call makes one attempt of that call, and passes through Acquire and Done
	// on the way; ctx carries the priority. Its error is read by ResultOf. Once it
	// has a grant it must not be stopped by ctx: half a write helps nobody.
	Call(ctx context.Context) error

	// Done says that the current call is over for good, with the last error
	// (nil: it was done), and moves the job on: Next is asked again. An error
	// marked Cancelled means that the run stopped first; see [CallStats.Attempts]
	// and [Ambiguous] for whether it may have been done.
	Done(err error, s CallStats)
}

// CallStats is what one call cost.
type CallStats struct {
	Attempts  int // that were sent; 0: never attempted
	Throttled int
	Conflicts int
	Faults    int
	// Waited is the time from the end of the first attempt to the end of the
	// last: what the call took longer than if the first had done it.
	Waited time.Duration
}

// Add makes s what both calls cost together.
func (s *CallStats) Add(other CallStats) {
	s.Attempts += other.Attempts
	s.Throttled += other.Throttled
	s.Conflicts += other.Conflicts
	s.Faults += other.Faults
	s.Waited += other.Waited
}

// Stats is what a run came to.
type Stats struct {
	Jobs  int
	Calls int // settled

	Done         int // without error
	Failed       int
	NotAttempted int // the run stopped before the first attempt
	Stopped      int // the run stopped between two attempts

	Attempts  int
	Throttled int
	Conflicts int
	Faults    int

	Waiting int // the most calls that waited for another attempt at once
	Elapsed time.Duration
}
