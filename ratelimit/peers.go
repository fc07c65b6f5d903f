package ratelimit

import (
	"slices"
	"time"
)

// leastPart of the quota is what a peer may always use, so that a newcomer is not silent
// until the others have heard of it. It is little: many may come at once.
const leastPart = 0.01

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
// part of the quota. Without others it uses all that its settings allow.
//
// What holds, if everybody tells its Rate before anybody else divides again: no rate rises
// into what another one uses, so that all together stay within the quota but for leastPart
// each. Who uses more than its even part comes down to it at once, and who uses less finds
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
	l.want(whole*leastPart, now)
	mine.Want = l.divided.want
	even = evenPart(append(wants, mine.Want), whole, mine.Want)
	mine.Rate = min(even, max(room, whole*leastPart), l.ceiling)
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
