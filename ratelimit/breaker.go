package ratelimit

import (
	"fmt"
	"time"
)

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

const (
	// Closed: calls go through.
	Closed BreakerState = iota
	// Open: the server failed too often in a row; no call goes through for a while.
	Open
	// Probing: one call is under way to see whether the server is back.
	Probing
)

var breakerNames = [...]string{"closed", "open", "probing"}

func (s BreakerState) String() string {
	if int(s) < len(breakerNames) {
		return breakerNames[s]
	}
	return fmt.Sprintf("BreakerState(%d)", uint8(s))
}

// breaker keeps calls from a server that is down. It is a value: time and
// chance come in as arguments.
//
//	Closed  --5 faults in a row-->  Open  --after 1, 2, 4, 8, 8.. s-->  Probing
//	Probing --any answer--> Closed      Probing --fault--> Open, for longer
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
	case b.state == Probing:
		return false, time.Time{}
	case b.state == Open && now.Before(b.until):
		return false, b.until
	}
	return true, time.Time{}
}

// grant notes that a call goes, and reports whether it is the probe.
//
// At most one grant is the probe: while it is under way admits lets nobody else go.
func (b *breaker) grant() bool {
	if b.state != Open {
		return false
	}
	b.state = Probing
	return true
}

// report takes the result of a call. While the breaker is not closed only the
// probe counts: the others were sent before it opened.
func (b *breaker) report(o Result, probe bool, now time.Time, u float64) {
	if probe != (b.state == Probing) || b.state == Open {
		return
	}
	switch {
	case o == Cancelled:
		if probe { // not sent: the next call is the probe
			b.state = Open
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
	b.state, b.faults, b.until = Open, 0, now.Add(breakFor(b.opened, u))
}

// breakFor is how long the breaker stays open the nth time in a row, n from 1.
func breakFor(n int, u float64) time.Duration {
	return jittered(doubled(breakerBase, breakerCap, n-1), breakerJitter, u)
}
