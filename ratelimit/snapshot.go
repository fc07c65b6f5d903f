package ratelimit

import "time"

// Snapshot is what a limiter is doing, and what it has done since it was made.
type Snapshot struct {
	Scope   Scope   // of a limiter that a Registry made
	Rate    float64 // requests per second now
	Ceiling float64 // the most it may become: quota times share

	Breaker  BreakerState
	InFlight int             // granted, not done
	Queue    [priorities]int // waiting for a token, by Priority

	Tokens      [priorities]int64 // granted, by Priority
	Cuts        int64             // how often the rate was cut
	Paused      time.Duration     // in all, for everybody
	PausedUntil time.Time         // zero or past: not paused
	Backlog     Backlog
	Throttled   int64 // refused by the quota
	Conflicts   int64
	Faults      int64

	// Unused is how many tokens lapsed between the first call and the last
	// because nobody waited for one.
	Unused float64
	// Busy is the time from the first call to the last token.
	Busy time.Duration
}

// Granted is the number of attempts that got a token.
func (s Snapshot) Granted() int64 {
	var n int64
	for _, t := range s.Tokens {
		n += t
	}
	return n
}

// ThrottleRatio is the part of all attempts that the quota refused.
func (s Snapshot) ThrottleRatio() float64 {
	if n := s.Granted(); n > 0 {
		return float64(s.Throttled) / float64(n)
	}
	return 0
}

// Efficiency is the tokens granted over those that the ceiling had to give in
// the same time, 0 to about 1.
func (s Snapshot) Efficiency() float64 {
	if possible := s.Ceiling * s.Busy.Seconds(); possible > 0 {
		return float64(s.Granted()) / possible
	}
	return 0
}

// Snapshot returns the state now. It is cheap: no allocation, one short lock.
func (l *Limiter) Snapshot() Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &l.tally
	return Snapshot{
		Rate: l.pace.rate, Ceiling: l.pace.ceiling,
		Breaker: l.breaker.state, InFlight: t.inFlight, Queue: l.queue.count,
		Tokens: t.tokens, Cuts: t.cuts, Paused: t.paused, PausedUntil: l.paused, Backlog: l.waiting,
		Throttled: t.outcomes[Throttled], Conflicts: t.outcomes[Conflict], Faults: t.outcomes[ServerError],
		Unused: t.unused, Busy: t.busy(),
	}
}
