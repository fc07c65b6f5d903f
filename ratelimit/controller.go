package ratelimit

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// The figures of the rate controller. Slopes are in parts of the ceiling per
// second, so that a controller of 13.5 requests per second and one of 1,350
// take the same time to recover.
const (
	startShare = 0.65       // of the ceiling: many processes may start at once
	startSlope = 1 / 6.75   // costs 0.41 s of full rate once, at any ceiling
	cutTo      = 0.5        // milder cuts give more refusals and no more speed
	climbSlope = 1.0 / 67.5 // 0.2 requests per second each second at 13.5
	quietSlope = 1.0 / 13.5 // 1 request per second each second at 13.5

	// holdFor keeps the rate after a refusal: a server's bucket hides an
	// overload until it is empty, and a climb at once would overshoot.
	holdFor = 2 * time.Second
	// quietAfter the first refusal the neighbour is taken to have gone.
	quietAfter = 10 * time.Second

	// Beside a neighbour whose use is known, more is tried so long after a refusal, and
	// longer each time that it was refused again: whoever has stayed for long stays. Twice as
	// long each time would have a fifth fewer refusals, and take 5 % longer beside one who
	// goes after two minutes.
	firstProbe  = 12 * time.Second
	lastProbe   = 90 * time.Second
	probeGrowth = 1.25
	// forgetAfter the beginning of a probe that was not refused, he had gone: it is another
	// neighbour who refuses, or he has come back. One who takes a tenth of the quota is heard
	// of after 10 s.
	forgetAfter = 20 * time.Second
	// keptRoom is how much of the room is remembered at least when no more than it was
	// refused: at once, a burst of the neighbour's would count for the whole time until the
	// next probe. With more, several of our own processes hold more than the quota together.
	keptRoom = 0.95

	// floorRate is low so that many processes at their floor stay far below
	// the quota: at 3 per second, five of them had 6.7 % of refusals.
	floorRate = 0.5
)

// controller is the adaptive rate: it climbs while calls wait and are served,
// and is cut when the quota refuses. It is a value: time comes in as arguments.
//
//	before the first refusal    slow start: from two thirds of the ceiling, fast
//	0 to 2 s after a refusal    hold
//	after the first one         climb slowly, from 10 s on fast
//	after others                climb fast to the room that the neighbour leaves; from 12 to
//	                            90 s on, fast beyond it: he may have gone
//
// The room is what was let go between two refusals: at both the server's bucket was empty,
// so that all else that the quota had to give was the neighbour's, or lost while the bucket
// was full. So there may be more room, and a probe that is refused never makes it less: only
// a refusal of no more than the room does.
type controller struct {
	ceiling float64
	rate    float64
	grown   time.Time // growth is accounted for up to here
	refused time.Time // the last refusal; zero: never
	epoch   uint64    // counts the cuts

	cut   time.Time     // the last one
	sent  int64         // how many attempts had been let go by then
	room  float64       // beside a neighbour; 0: not known
	probe time.Duration // from a refusal until more than the room is tried
}

func newController(ceiling float64, now time.Time) controller {
	return controller{ceiling: ceiling, rate: ceiling * startShare, grown: now}
}

// limit changes the ceiling.
func (c *controller) limit(ceiling float64) {
	c.ceiling, c.rate = ceiling, min(c.rate, ceiling)
}

// grow raises the rate for the time up to now, during which calls waited.
func (c *controller) grow(now time.Time) {
	if c.rate < c.ceiling && now.After(c.grown) {
		c.rate = min(c.ceiling, c.rate+c.ceiling*c.gain(c.grown, now))
	}
	c.skip(now)
}

// skip lets the time up to now pass without growth: nothing was learnt in it.
func (c *controller) skip(now time.Time) {
	if now.After(c.grown) {
		c.grown = now
	}
}

// gain is the growth between two instants, in parts of the ceiling.
func (c *controller) gain(from, to time.Time) float64 {
	if c.refused.IsZero() {
		return startSlope * to.Sub(from).Seconds()
	}
	hold, quiet := c.refused.Add(holdFor), c.refused.Add(quietAfter)
	if c.room == 0 {
		return climbSlope*overlap(from, to, hold, quiet) + quietSlope*overlap(from, to, quiet, to)
	}
	probe := c.refused.Add(c.probe)
	back := max(0, c.room-c.rate) / c.ceiling
	return min(back, startSlope*overlap(from, to, hold, probe)) + quietSlope*overlap(from, to, probe, to)
}

// overlap is the part of [from,to] within [start,end], in seconds.
func overlap(from, to, start, end time.Time) float64 {
	if start.After(from) {
		from = start
	}
	if end.Before(to) {
		to = end
	}
	return max(0, to.Sub(from).Seconds())
}

// refuse notes a refusal of an attempt that was granted in the given epoch, when so many
// attempts had been let go in all, and reports whether it cut the rate. Attempts in flight
// at a cut were sent at the old rate, so that their refusals say nothing about the new one.
func (c *controller) refuse(now time.Time, epoch uint64, sent int64) bool {
	before := c.refused
	c.refused = now
	if epoch != c.epoch {
		return false
	}
	switch span, probed := now.Sub(c.cut), now.Sub(before)-c.probe; {
	case before.IsZero() || probed > forgetAfter:
		c.room, c.probe = 0, firstProbe
	case span > holdFor:
		least := keptRoom * c.room
		if c.room == 0 {
			least = cutTo * c.rate // less may have been let go because nobody asked for more
		}
		if probed > 0 {
			least = max(least, c.room)
			c.probe = min(lastProbe, time.Duration(float64(c.probe)*probeGrowth))
		}
		c.room = max(least, float64(sent-c.sent)/span.Seconds())
	}
	c.rate = max(cutTo*min(c.rate, cmp.Or(c.room, c.rate)), min(floorRate, c.ceiling))
	c.cut, c.sent = now, sent
	c.epoch++
	return true
}

// burstFor is how many tokens the bucket may hold: a bucket of b forgives b/r
// seconds of late timers, and timers were seen to be 25 ms late.
func burstFor(rate float64) int { return max(2, int(math.Ceil(rate/50))) }

// faultsToBreak faults in a row say that the server is down, and not that one
// call was unlucky.
const faultsToBreak = 5

const (
	breakerBase   = time.Second
	breakerCap    = 8 * time.Second
	breakerJitter = 0.25
)

// BreakerState says whether calls are let through.
type BreakerState uint8

// The states. Five server errors in a row open the breaker, for 1 s, then 2, 4 and 8 s.
const (
	BreakerClosed   BreakerState = iota // calls go through
	BreakerOpen                         // the server failed too often in a row: no call goes through for a while
	BreakerHalfOpen                     // one call is under way to see whether the server is back
)

// String is "closed", "open" or "probing".
func (s BreakerState) String() string { return nameOf(s, "closed", "open", "probing") }

// breaker keeps calls from a server that is down. It is a value: time and
// chance come in as arguments.
//
//	Closed  --5 faults in a row-->  Open  --after 1, 2, 4, 8, 8.. s-->  HalfOpen
//	HalfOpen --any answer--> Closed    HalfOpen --fault--> Open, for longer
type breaker struct {
	state  BreakerState
	faults int       // in a row, while closed
	opened int       // times in a row
	until  time.Time // open until then
}

// admits reports whether a call may go now, and if not, when to look again; the
// zero time means after the probe's answer.
func (b *breaker) admits(now time.Time) (bool, time.Time) {
	switch {
	case b.state == BreakerHalfOpen:
		return false, time.Time{}
	case b.state == BreakerOpen && now.Before(b.until):
		return false, b.until
	}
	return true, time.Time{}
}

// grant notes that a call goes, and reports whether it is the probe.
//
// At most one grant is the probe: while it is under way admits lets nobody else go.
func (b *breaker) grant() bool {
	if b.state != BreakerOpen {
		return false
	}
	b.state = BreakerHalfOpen
	return true
}

// report takes the result of a call. While the breaker is not closed only the
// probe counts: the others were sent before it opened.
func (b *breaker) report(o Result, probe bool, now time.Time, u float64) {
	if probe != (b.state == BreakerHalfOpen) || b.state == BreakerOpen {
		return
	}
	switch {
	case o == Cancelled:
		if probe { // not sent: the next call is the probe
			b.state = BreakerOpen
		}
	case o != ServerError:
		*b = breaker{}
	case probe:
		b.open(now, u)
	default:
		if b.faults++; b.faults >= faultsToBreak {
			b.open(now, u)
		}
	}
}

// open begins a wait that is longer each time in a row. A fresh breaker, as any answer
// makes it, begins with the shortest again.
func (b *breaker) open(now time.Time, u float64) {
	b.opened++
	b.state, b.faults, b.until = BreakerOpen, 0, now.Add(breakFor(b.opened, u))
}

// breakFor is how long the breaker stays open the nth time in a row, n from 1.
func breakFor(n int, u float64) time.Duration {
	return jittered(doubled(breakerBase, breakerCap, n-1), breakerJitter, u)
}

// leastShare of the quota is what a peer may always use, so that a newcomer is not silent
// until the others have heard of it. It is little: many may come at once.
const leastShare = 0.01

// Peer is what one of several limiters of one quota tells the others, in requests per
// second.
type Peer struct {
	Rate float64 `json:"rate"` // the most that it uses now
	Want float64 `json:"want"` // the most that it could use
}

// divided is the last division of the quota that this limiter took part in.
type divided struct {
	most   float64 // that it may use; 0: all
	even   float64 // its even part
	want   float64
	at     time.Time // when want was found out
	tokens int64     // that it had given out by then
}

// Divide tells the limiter what the others use that share its quota and tell it so. It
// returns what this one uses from now on, which the others are to be told, and its even
// part of the quota. Without others it uses all that its options allow.
//
// What holds, if everybody tells its Rate before anybody else divides again: no rate rises
// into what another one uses, so that all together stay within the quota but for a hundredth
// of it each, which a newcomer may always use. Who uses more than its even part comes down to it at once, and who uses less finds
// the room at its next division. Who could not use its even part leaves the rest to others.
func (l *Limiter) Divide(others []Peer) (mine Peer, even float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if len(others) == 0 {
		l.divide(0, 0, now)
		return Peer{l.ceiling, l.ceiling}, l.ceiling
	}
	whole, room := l.ceiling, 0.0
	wants := make([]float64, 0, len(others)+1)
	for _, o := range others {
		whole = max(whole, o.Rate, o.Want)
		room -= o.Rate
		wants = append(wants, o.Want)
	}
	room += whole
	l.want(whole*leastShare, now)
	mine.Want = l.divided.want
	even = evenPart(append(wants, mine.Want), whole, mine.Want)
	mine.Rate = min(even, max(room, whole*leastShare), l.ceiling)
	l.divide(mine.Rate, even, now)
	return mine, even
}

// divide puts a division into force. A rate that nothing but its part ever held down begins
// below a larger one where every limiter begins.
func (l *Limiter) divide(most, even float64, now time.Time) {
	l.divided.most, l.divided.even = most, even
	free := l.control.rate == l.control.ceiling && l.control.refused.IsZero()
	l.adjust(now)
	if free {
		l.control.rate = max(l.control.rate, l.control.ceiling*startShare)
		l.retune(now)
	}
}

// want finds out how much this limiter could use: everything, if somebody waits for a token
// or it has just begun; else twice what it used lately.
func (l *Limiter) want(least float64, now time.Time) {
	d := &l.divided
	span, granted := now.Sub(d.at), sum(l.stats.tokens)
	switch {
	case l.queue.len() > 0 || d.at.IsZero():
		d.want = l.ceiling
	case span < time.Second: // too short to tell
		return
	default:
		d.want = min(l.ceiling, 2*float64(granted-d.tokens)/span.Seconds()+least)
	}
	d.at, d.tokens = now, granted
}

// evenPart is what one that wants so much gets of the whole, if all get the same but those
// that want less.
func evenPart(wants []float64, whole, want float64) float64 {
	slices.Sort(wants)
	for i, w := range wants {
		level := whole / float64(len(wants)-i)
		if w > level {
			return min(want, level)
		}
		whole -= w
	}
	return want
}
