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
	last      error         // of the last attempt; a fault stays, since it may have been executed
	notBefore time.Duration // of the next attempt
	tried     time.Duration // the end of the first attempt
	ended     time.Duration // the end of the last attempt
	conflict  time.Duration // the first conflict
	refused   time.Duration // the first refusal of those in a row
	sequence  uint32
	throttled uint32
	served    uint32 // calls of the run that were served before the first refusal in a row
	conflicts uint16
	faults    uint16
	refusals  uint16 // in a row, by the quota
	skews     uint8
	ends      uint8 // attempts that nothing follows
	priority  Priority
	repeats   bool // the next attempt follows a fault, and is paid from the budget
	alone     bool // the quota refuses this call while it serves others
}

// newTask is the first attempt to come of a job's next call. A job cannot ask for alone,
// which Run alone may find: priorities above Probe come down to it.
func newTask(job Job, sequence uint32, p Priority) *task {
	return &task{job: job, sequence: sequence, priority: min(p, Probe)}
}

// attempts is how many attempts were sent. Every result is counted in exactly one of the
// five, so that their sum needs no field of its own.
func (t *task) attempts() int {
	return int(t.throttled) + int(t.conflicts) + int(t.faults) + int(t.skews) + int(t.ends)
}

// stats is what Job.Done learns of the call. Waited runs from the end of the first attempt
// to that of the last, so a call that needed one attempt waited for nothing.
func (t *task) stats() CallStats {
	return CallStats{
		Attempts:  t.attempts(),
		Throttled: int(t.throttled), Conflicts: int(t.conflicts), Faults: int(t.faults),
		Waited: t.ended - t.tried,
	}
}

// look learns whether the quota refuses this call alone: it was refused twice, and
// others were served since. One that slipped through says little.
func (t *task) look(served uint32) {
	t.alone = t.alone || t.refusals > 1 && served-t.served > 1
}

// attemptPriority is that of the next attempt: higher after a refusal, for the
// call has waited for its turn once already; and the least for one that is
// refused alone.
func (t *task) attemptPriority() Priority {
	switch {
	case t.alone:
		return alone
	case t.refusals == 1:
		return min(t.priority+1, Probe)
	}
	return t.priority
}

// yields reports whether the call lets those go first that were not tried yet:
// the quota refused it more than once, and may serve them.
func (t *task) yields() bool { return t.refusals > 1 }

// note counts an attempt that was made. Served is how many calls of the run were
// served until then.
//
// The error that is kept is the last one, save that nothing replaces a server error but
// another: whether a write was executed matters more than why its repeat was refused.
func (t *task) note(err error, o Result, at time.Duration, served uint32) {
	if t.attempts() == 0 {
		t.tried = at
	}
	t.ended = at
	if o != Throttled {
		t.refusals, t.alone = 0, false
	}
	switch o {
	case Throttled:
		t.throttled++
		if t.refusals++; t.refusals == 1 {
			t.refused, t.served = at, served
		}
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
// result, and after how long. It is the table above Policy. Others tells that the
// run's other calls were served.
//
// A throttled call has no limit of attempts while the whole run is refused: the limiter
// slows down for it, and health ends the run if that goes on. Only where others are
// served is the refusal the call's own matter, with an end of its own.
//
// What the server asks to wait is heeded up to maxRetryAfter.
func (p *Policy) again(t *task, o Result, retryAfter time.Duration, others bool, u float64) (time.Duration, bool) {
	asked := min(retryAfter, maxRetryAfter)
	switch o {
	case Throttled:
		delay := throttleDelay(int(t.refusals), u)
		if t.alone { // else the limiter makes everybody wait
			delay = max(delay, asked)
		}
		return delay, !others || t.refusals < giveUpRefusals || t.ended-t.refused < p.GiveUpAfter
	case ServerError:
		return max(p.faultDelay(int(t.faults), u), asked), int(t.faults) < p.FaultAttempts
	case Conflict:
		return p.conflictDelay(int(t.conflicts), u), t.ended-t.conflict < p.ConflictLimit
	case ClockSkew:
		return 0, t.skews == 1
	}
	return 0, false
}

// concluded is the error of a call that gets no other attempt. A refusal does not
// hide a fault before it, which may have been executed.
func (t *task) concluded(err error, o Result) error {
	if o == Throttled {
		given := &GivenUpError{Result: o, Alone: true, Attempts: int(t.refusals), After: t.ended - t.refused}
		err = WithResult(fmt.Errorf("%w: %w", given, err), o, 0)
	}
	if err == nil || o == ServerError || t.faults == 0 {
		return err
	}
	return WithResult(fmt.Errorf("%w; an attempt before it may have been executed: %w", err, t.last), o, 0)
}

// stopped is the error of a call that the run's end kept from its next attempt.
//
// It is marked Cancelled in every case. Where an earlier attempt may have been executed
// that is said, and Ambiguous finds it: the caller must not report "not attempted".
func (t *task) stopped(cause error) error {
	if m, ok := errors.AsType[*marked](cause); !ok || m.result != Cancelled {
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
