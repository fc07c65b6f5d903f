package ratelimit

import "time"

// Grant is the right to make one attempt now.
type Grant struct {
	limiter  *Limiter
	epoch    uint64 // of the controller when it was given
	priority Priority
	probe    bool // the breaker waits for its outcome
}

// grant accounts for a token that goes to a caller of priority p.
func (l *Limiter) grant(p Priority, now time.Time) Grant {
	g := Grant{limiter: l, epoch: l.pace.epoch, priority: p, probe: l.breaker.grant()}
	l.tally.grant(p, now)
	return g
}

// giveBack takes a grant whose caller left before it could learn of it.
func (l *Limiter) giveBack(g Grant) {
	now := time.Now()
	l.release(now)
	l.spare = true
	l.tally.ungrant(g.priority)
	l.breaker.report(Cancelled, g.probe, now, 0)
}

// Done says what the attempt came to, and how long the server asked to wait (0:
// it did not ask). It must be called exactly once.
//
// Throttled cuts the rate and pauses every caller of this quota. Five faults in
// a row open the breaker. The other outcomes do not change the pace: a conflict
// is one subject's matter.
func (g Grant) Done(o Result, retryAfter time.Duration) {
	l := g.limiter
	if l == nil {
		return
	}
	u := l.chance()
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.tally.done(o)
	was := l.breaker.state
	l.breaker.report(o, g.probe, now, u)
	if was != Closed && l.breaker.state == Closed {
		l.pace.skip(now)
	}
	if o == Throttled {
		l.slow(g.epoch, retryAfter, now, u)
	}
	if o == Throttled || l.breaker.state != was {
		l.rouse()
	}
}

// slow is the answer to a refusal by the quota.
func (l *Limiter) slow(epoch uint64, retryAfter time.Duration, now time.Time, u float64) {
	cut := l.pace.refuse(now, epoch)
	if cut {
		l.tally.cuts++
		l.release(now)
		l.retune(now)
	}
	if !cut && retryAfter <= 0 {
		return
	}
	if until := now.Add(pauseFor(retryAfter, u)); until.After(l.paused) {
		l.tally.paused += until.Sub(later(now, l.paused))
		l.paused = until
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
