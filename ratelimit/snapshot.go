package ratelimit

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// Snapshot is what a limiter is doing, and what it has done since it was made.
type Snapshot struct {
	Rate    float64 // requests per second now
	Ceiling float64 // the most it may become: quota times share, or a part of it; see Divide

	Breaker  BreakerState
	InFlight int            // granted, not done
	Queue    [Probe + 1]int // waiting for a token, by Priority

	Tokens      [Probe + 1]int64 // granted, by Priority
	Decreases   int64            // how often the rate was cut
	Paused      time.Duration    // in all, for everybody
	PausedUntil time.Time        // zero or past: not paused
	Backlog     Backlog
	Throttled   int64         // refused by the quota
	Busy        time.Duration // from the first call to the last token
}

// FormatRate is requests per second as people and logs are told of them, to the tenth, or to two
// digits below 1, and never with an exponent: "13.5", "1350", "0.25".
func FormatRate(rate float64) string {
	if rate >= 1 {
		rate = math.Round(rate*10) / 10
	} else {
		rate, _ = strconv.ParseFloat(strconv.FormatFloat(rate, 'g', 2, 64), 64)
	}
	return strconv.FormatFloat(rate, 'f', -1, 64)
}

// Granted is the number of attempts that got a token.
func (s Snapshot) Granted() int64 { return sum(s.Tokens) }

func sum(tokens [priorities]int64) (n int64) {
	for _, t := range tokens {
		n += t
	}
	return n
}

// ThrottleRatio is the part of all attempts that the quota refused, 0 to 1.
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
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &l.stats
	return Snapshot{
		Rate: l.control.rate, Ceiling: l.control.ceiling,
		Breaker: l.breaker.state, InFlight: t.inFlight, Queue: l.queue.count,
		Tokens: t.tokens, Decreases: t.decreases, Paused: t.paused, PausedUntil: l.paused, Backlog: l.backlog(now),
		Throttled: t.throttled, Busy: max(0, t.last.Sub(t.first)),
	}
}

// backlog is what all runs hold back, and what holds back everybody.
//
// A pause or an open breaker counts the queue's waiters, and not the calls that runs have
// parked: those are in the sum already, under what they wait for.
func (l *Limiter) backlog(now time.Time) (all Backlog) {
	for _, b := range l.backlogs {
		all.Add(b)
	}
	if l.paused.After(now) {
		all[WaitPaused] = Waiting{Calls: l.queue.len(), Next: l.paused}
	}
	if admitted, until := l.breaker.admits(now); !admitted {
		all[WaitBreaker] = Waiting{Calls: l.queue.len(), Next: until}
	}
	return all
}

// begin shows what a run holds back; end forgets it.
func (l *Limiter) begin(b *Backlog) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backlogs = append(l.backlogs, b)
}

// end forgets a run by its pointer: each has a Backlog of its own.
func (l *Limiter) end(b *Backlog) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backlogs = slices.DeleteFunc(l.backlogs, func(o *Backlog) bool { return o == b })
}

// stats counts what a limiter did. It has no clock of its own.
//
// Its methods are called under the limiter's lock, with the instant as an argument.
type stats struct {
	first     time.Time // call that arrived
	last      time.Time // token given
	inFlight  int
	tokens    [priorities]int64
	throttled int64
	decreases int64
	paused    time.Duration
}

// arrive notes a call.
func (t *stats) arrive(now time.Time) {
	if t.first.IsZero() {
		t.first = now
	}
}

// grant and ungrant keep the count of attempts under way; done ends what grant began. A
// token given back was never used, and so is taken out of the tokens again.
func (t *stats) grant(p Priority, now time.Time) {
	t.tokens[p]++
	t.inFlight++
	t.last = now
}

func (t *stats) ungrant(p Priority) {
	t.tokens[p]--
	t.inFlight--
}

func (t *stats) done(o Result) {
	if o == Throttled {
		t.throttled++
	}
	t.inFlight--
}
