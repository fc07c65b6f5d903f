package ratelimit

import (
	"errors"
	"fmt"
	"time"
)

// task is one call of one job in Run's hands. There may be 100,000 of them
// parked, so it is kept small. Instants are counted from the run's start.
type task struct {
	job       Job
	last      error // of the last attempt; a fault stays, since it may have been executed
	notBefore time.Duration
	tried     time.Duration // the end of the first attempt
	ended     time.Duration // the end of the last attempt
	conflict  time.Duration // the first conflict
	sequence  uint32
	throttled uint32
	conflicts uint16
	faults    uint16
	skews     uint8
	ends      uint8 // attempts that nothing follows
	priority  Priority
	busy      bool // it is held back because its subject was busy
	repeats   bool // the next attempt follows a fault, and is paid from the budget
}

func (t *task) attempts() int {
	return int(t.throttled) + int(t.conflicts) + int(t.faults) + int(t.skews) + int(t.ends)
}

func (t *task) effort() CallStats {
	return CallStats{
		Attempts:  t.attempts(),
		Throttled: int(t.throttled), Conflicts: int(t.conflicts), Faults: int(t.faults),
		Waited: t.ended - t.tried,
	}
}

// note counts an attempt that was made.
func (t *task) note(err error, o Result, at time.Duration) {
	if t.attempts() == 0 {
		t.tried = at
	}
	t.ended = at
	switch o {
	case Throttled:
		t.throttled++
	case ServerError:
		t.faults++
	case Conflict:
		if t.conflicts++; t.conflicts == 1 {
			t.conflict = at
		}
	case ClockSkew:
		t.skews++
	default:
		t.ends++
	}
	if o == ServerError || t.faults == 0 {
		t.last = err
	}
}

// again decides whether the call gets another attempt after one with this
// outcome, and after how long. It is the table above Policy.
func (p *Policy) again(t *task, o Result, retryAfter time.Duration, u float64) (time.Duration, bool) {
	switch o {
	case Throttled: // the limiter makes everybody wait
		return 0, true
	case ServerError:
		return max(p.FaultDelay(int(t.faults), u), min(retryAfter, maxRetryAfter)), int(t.faults) < p.FaultAttempts
	case Conflict:
		return p.ConflictDelay(int(t.conflicts), u), t.ended-t.conflict < p.ConflictLimit
	case ClockSkew:
		return 0, t.skews == 1
	}
	return 0, false
}

// concluded is the error of a call that gets no other attempt. A refusal does not
// hide a fault before it, which may have been executed.
func (t *task) concluded(err error, o Result) error {
	if err == nil || o == ServerError || t.faults == 0 {
		return err
	}
	return WithResult(fmt.Errorf("%w; an attempt before it may have been executed: %w", err, t.last), o, 0)
}

// stopped is the error of a call that the run's end kept from its next attempt.
func (t *task) stopped(cause error) error {
	if m, ok := errors.AsType[*marked](cause); !ok || m.outcome != Cancelled {
		cause = cancelled(cause)
	}
	switch {
	case t.last == nil:
		return cause
	case Ambiguous(t.last):
		return WithResult(fmt.Errorf("attempt %d %w; an attempt before it may have been executed: %w", t.attempts()+1, cause, t.last), Cancelled, 0)
	}
	return WithResult(fmt.Errorf("attempt %d %w; the answer to the last was: %w", t.attempts()+1, cause, t.last), Cancelled, 0)
}
