package ratelimit

import (
	"math"
	"time"
)

// Delays are pure functions of how often and of a random number in [0,1), so
// that their tests are tables.

const (
	// maxRetryAfter bounds what a server may ask for: more would be an outage,
	// and an outage is better seen than slept through.
	maxRetryAfter = 60 * time.Second

	breakerBase   = time.Second
	breakerCap    = 8 * time.Second
	breakerJitter = 0.25
)

// jittered is d, give or take the share of it.
func jittered(d time.Duration, share, u float64) time.Duration {
	return time.Duration(float64(d) * (1 - share + 2*share*u))
}

// doubled is base times 2^n, at most limit.
func doubled(base, limit time.Duration, n int) time.Duration {
	return time.Duration(min(float64(limit), math.Ldexp(float64(base), n)))
}

// pauseFor is how long everybody waits after a refusal: what the server asked
// for, or else a moment that differs between processes.
func pauseFor(retryAfter time.Duration, u float64) time.Duration {
	return max(min(retryAfter, maxRetryAfter), jittered(500*time.Millisecond, 0.5, u))
}

// breakFor is how long the breaker stays open the nth time in a row, n from 1.
func breakFor(n int, u float64) time.Duration {
	return jittered(doubled(breakerBase, breakerCap, n-1), breakerJitter, u)
}

// FaultDelay is the wait before the attempt that follows the nth fault of a
// call, n from 1: anything up to an exponential bound. The whole range is
// used ("full jitter"), because callers that fail together would come back
// together.
func (p Policy) FaultDelay(n int, u float64) time.Duration {
	p = p.withDefaults()
	return time.Duration(u * float64(doubled(p.FaultBase, p.FaultCap, n-1)))
}

// ConflictDelay is the wait before the attempt that follows the nth conflict
// of a call, n from 1. The last step repeats.
func (p Policy) ConflictDelay(n int, u float64) time.Duration {
	p = p.withDefaults()
	step := p.ConflictSteps[min(n, len(p.ConflictSteps))-1]
	return jittered(step, p.ConflictJitter, u)
}
