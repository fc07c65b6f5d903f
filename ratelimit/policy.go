package ratelimit

import (
	"cmp"
	"time"
)

// Policy says how a run repeats what fails. The zero value of a field means
// its default, so that Policy{} is DefaultPolicy().
//
//	outcome    next attempt                          gives up
//	Throttled  at once, one priority higher          never: it was not executed
//	Fault      after up to 1, 2, 4, 8, 16 s          after 6 attempts, or when the budget stays spent
//	Conflict   after 5, 10, 20, 40, 60, 60.. s       10 minutes after the first conflict
//	Skew       at once                               after one
//	Final                                            at once
type Policy struct {
	// Workers is how many calls may be under way or wait for a token: rate
	// times latency is enough. 8 cover half a second at 15 per second.
	Workers int

	FaultBase     time.Duration
	FaultCap      time.Duration
	FaultAttempts int // the first included

	// Attempts that follow a fault are at most BudgetShare of all attempts in
	// the last BudgetWindow, plus BudgetFloor. One over the budget waits for
	// it, up to one window.
	BudgetShare  float64
	BudgetFloor  int
	BudgetWindow time.Duration

	ConflictSteps  []time.Duration
	ConflictJitter float64 // give or take this share
	ConflictLimit  time.Duration
}

var conflictSteps = []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 60 * time.Second}

// DefaultPolicy returns the defaults.
//
// The conflict steps keep a subject that is busy for 90 s to six attempts: an
// attempt each second would cost the shared quota 91.
func DefaultPolicy() Policy { return Policy{}.withDefaults() }

func (p Policy) withDefaults() Policy {
	p.Workers = cmp.Or(max(p.Workers, 0), 8)
	p.FaultBase = cmp.Or(p.FaultBase, time.Second)
	p.FaultCap = cmp.Or(p.FaultCap, 20*time.Second)
	p.FaultAttempts = cmp.Or(p.FaultAttempts, 6)
	p.BudgetShare = cmp.Or(p.BudgetShare, 0.1)
	p.BudgetFloor = cmp.Or(p.BudgetFloor, 10)
	p.BudgetWindow = cmp.Or(p.BudgetWindow, time.Minute)
	if len(p.ConflictSteps) == 0 {
		p.ConflictSteps = conflictSteps
	}
	p.ConflictJitter = cmp.Or(p.ConflictJitter, 0.2)
	p.ConflictLimit = cmp.Or(p.ConflictLimit, 10*time.Minute)
	return p
}
