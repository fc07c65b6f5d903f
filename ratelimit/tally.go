package ratelimit

import "time"

// tally counts what a limiter did. It has no clock of its own.
type tally struct {
	first    time.Time // call that arrived
	last     time.Time // token given
	inFlight int
	tokens   [priorities]int64
	outcomes [Cancelled + 1]int64
	cuts     int64
	paused   time.Duration
	unused   float64
	lull     lull
}

// lull is a time in which nobody waits for a token.
type lull struct {
	since  time.Time // zero: there is no lull
	tokens float64   // in the bucket then
}

// arrive notes a call. If a lull was on, the tokens that did not fit into the
// bucket are lost.
func (t *tally) arrive(now time.Time, rate, burst float64) {
	if t.first.IsZero() {
		t.first = now
	}
	if t.lull.since.IsZero() {
		return
	}
	held := t.lull.tokens + now.Sub(t.lull.since).Seconds()*rate
	t.unused += max(0, held-burst)
	t.lull = lull{}
}

// idle notes that nobody waits, with what the bucket holds now.
func (t *tally) idle(now time.Time, tokens float64) {
	if t.lull.since.IsZero() && !t.first.IsZero() {
		t.lull = lull{since: now, tokens: tokens}
	}
}

func (t *tally) grant(p Priority, now time.Time) {
	t.tokens[p]++
	t.inFlight++
	t.last = now
}

func (t *tally) ungrant(p Priority) {
	t.tokens[p]--
	t.inFlight--
}

func (t *tally) done(o Result) {
	t.outcomes[min(o, Cancelled)]++
	t.inFlight--
}

func (t *tally) busy() time.Duration { return max(0, t.last.Sub(t.first)) }
