package ratelimit

import (
	"cmp"
	"math"
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
