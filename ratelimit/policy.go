package ratelimit

import (
	"cmp"
	"context"
	"math"
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
	Throttled int // of them, how many ended in Throttled
	Conflicts int // in Conflict
	Faults    int // in ServerError
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

// Policy says how a run repeats what fails. The zero value of a field means its
// default.
//
//	result       next attempt                             gives up
//	Throttled    at once, one priority higher; then after  GiveUpAfter and 6 refusals, if others were served
//	             1, 2, 4, .. 60 s, behind everything else
//	ServerError  after up to 1, 2, 4, 8, 16 s, and within  after 6 attempts
//	             the budget for repeats
//	Conflict     after 5, 10, 20, 40, 60, 60.. s           10 minutes after the first conflict
//	ClockSkew    at once                                   after one
//	Permanent                                              at once
//
// A run in which every attempt is throttled or fails is ended after GiveUpAfter and 10 attempts.
type Policy struct {
	// Workers is how many calls may be under way or wait for a token: rate
	// times latency is enough. The default, 8, covers half a second at 15 per second.
	Workers int

	// FaultAttempts is how many attempts of a call may end in ServerError, 6 by default.
	FaultAttempts int
	// ConflictSteps are the waits after the first, second, .. Conflict of a call; the last
	// repeats. Each is taken give or take a fifth.
	ConflictSteps []time.Duration

	// GiveUpAfter bounds the time for which a call is throttled while others are
	// served, and the time in which a run is not served at all, 5 minutes by default. See
	// [GivenUpError].
	GiveUpAfter time.Duration
}

// The conflict steps keep a subject that is busy for 90 s to six attempts: an
// attempt each second would cost the shared quota 91.
var conflictSteps = []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 60 * time.Second}

const (
	throttleBase = time.Second
	throttleCap  = time.Minute

	faultBase = time.Second
	faultCap  = 20 * time.Second

	// conflictLimit bounds the time from the first conflict of a call to its last attempt.
	conflictLimit = 10 * time.Minute

	// giveUpRefusals in a row have to be seen, besides, before one call is given up.
	giveUpRefusals = 6
	// giveUpAttempts have to fail in a row, besides, before a run is given up: a
	// server that asks for a minute after each says little in five.
	giveUpAttempts = 10

	retryJitter = 0.2 // give or take, of a wait that follows a conflict or a refusal

	// maxRetryAfter bounds what a server may ask for: more would be an outage,
	// and an outage is better seen than slept through.
	maxRetryAfter = 60 * time.Second
)

func (p Policy) withDefaults() Policy {
	p.Workers = cmp.Or(max(p.Workers, 0), 8)
	p.FaultAttempts = cmp.Or(p.FaultAttempts, 6)
	if len(p.ConflictSteps) == 0 {
		p.ConflictSteps = conflictSteps
	}
	p.GiveUpAfter = cmp.Or(p.GiveUpAfter, 5*time.Minute)
	return p
}

// Delays are pure functions of how often and of a random number u in [0,1), so
// that their tests are tables.

// faultDelay is the wait before the attempt that follows the nth fault of a
// call, n from 1: anything up to an exponential bound. The whole range is
// used ("full jitter"), because callers that fail together would come back
// together.
func faultDelay(n int, u float64) time.Duration {
	return time.Duration(u * float64(doubled(faultBase, faultCap, n-1)))
}

// conflictDelay is the wait before the attempt that follows the nth conflict
// of a call, n from 1. The last step repeats.
func (p *Policy) conflictDelay(n int, u float64) time.Duration {
	return jittered(p.ConflictSteps[min(n, len(p.ConflictSteps))-1], retryJitter, u)
}

// throttleDelay is the wait before the attempt that follows the nth refusal in a
// row of a call, n from 1. The first repeat is at once: the limiter has slowed
// everybody down already. What is refused again steps back, because it may be
// that it alone is refused.
func throttleDelay(n int, u float64) time.Duration {
	if n <= 1 {
		return 0
	}
	return jittered(doubled(throttleBase, throttleCap, n-2), retryJitter, u)
}

// jittered is d, give or take the share of it.
func jittered(d time.Duration, share, u float64) time.Duration {
	return time.Duration(float64(d) * (1 - share + 2*share*u))
}

// doubled is base times 2^n, at most limit.
func doubled(base, limit time.Duration, n int) time.Duration {
	return time.Duration(min(float64(limit), math.Ldexp(float64(base), n)))
}

// The budget for repeats after faults. At 22 % of faults a run of 70 calls needs
// about 20 repeats: it starts with 10, earns 7, and gets one a second besides.
const (
	budgetStart     = 10
	budgetCap       = 60
	budgetShare     = 0.1 // of a repeat, earned by each attempt
	budgetPerSecond = 1.0
	// budgetWait is the longest that a call waits for the budget. Then it fails.
	budgetWait = 5 * time.Minute
)

// budget bounds the attempts that follow a fault, so that a server which fails
// often is not given more to fail at. It is a value: time comes in as arguments,
// counted from the run's start.
type budget struct {
	repeats float64 // that may be made
	at      time.Duration
}

func newBudget() budget { return budget{repeats: budgetStart} }

// attempt notes an attempt.
func (b *budget) attempt(at time.Duration, repeat bool) {
	b.repeats = min(budgetCap, b.repeats+budgetShare+budgetPerSecond*(at-b.at).Seconds())
	b.at = at
	if repeat {
		b.repeats--
	}
}

// free is when the next repeat is within the budget, if nothing is earned before.
func (b *budget) free() time.Duration {
	// Rounded up: at that instant there must be one.
	return b.at + time.Duration(math.Ceil(max(0, 1-b.repeats)/budgetPerSecond*float64(time.Second)))
}
