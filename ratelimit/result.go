package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Result says what one attempt of a call came to, in the only terms that
// matter to pacing. Whoever makes the call classifies it.
type Result uint8

// The results.
const (
	OK Result = iota // the call was executed
	// Throttled: the quota refused the call, which was not executed. All
	// callers of the quota slow down, and the call may be repeated freely.
	Throttled
	Conflict // one subject is busy; only the calls about it have to wait
	// ServerError: the server failed, did not answer, or the connection broke. The
	// call may have been executed.
	ServerError
	// ClockSkew: the server's clock and ours disagree. The client has learnt the
	// difference from the answer, so that one more attempt heals it.
	ClockSkew
	Permanent // any other refusal; repeating the call would not change it
	Cancelled // the attempt was not made
)

// String is "ok", "throttled", "conflict", "fault", "skewed", "refused" or "cancelled".
func (o Result) String() string {
	return nameOf(o, "ok", "throttled", "conflict", "fault", "skewed", "refused", "cancelled")
}

// nameOf is a value's name; one that has none shows its type and number.
func nameOf[T ~uint8](v T, names ...string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", strings.TrimPrefix(fmt.Sprintf("%T", v), "ratelimit."), uint8(v))
}

// ErrClosed is why a closed limiter gives no token.
var ErrClosed = errors.New("the limiter is closed")

// ErrNoTime is why a call is given up for which the deadline of its context leaves no time,
// though that has not passed yet. errors.Is finds context.DeadlineExceeded in it too.
var ErrNoTime error = noTimeError{}

type noTimeError struct{}

func (noTimeError) Error() string        { return "there is no time for it before the run's deadline" }
func (noTimeError) Is(target error) bool { return target == context.DeadlineExceeded }

// GivenUpError is why a run ended, or one call of it, though what it waited for
// comes back as a rule: it did not for minutes.
type GivenUpError struct {
	Result   Result        // of the last attempt: Throttled or ServerError
	Alone    bool          // one call was given up, while others were served
	Attempts int           // in a row without success
	After    time.Duration // how long these took
}

// Error is "given up: the quota refused 12 attempts in 5m0s, without one success".
func (e *GivenUpError) Error() string {
	what, when := "the quota refused", "without one success"
	if e.Result == ServerError {
		what = "the server failed"
	}
	if e.Alone {
		when = "while it served others"
	}
	return fmt.Sprintf("given up: %s %d attempts in %v, %s", what, e.Attempts, e.After.Round(time.Second), when)
}

// marked is an error whose result is known.
type marked struct {
	error
	result     Result
	retryAfter time.Duration
}

func (m *marked) Unwrap() error { return m.error }

// WithResult returns err with its result attached, and with the time that the
// server asked to wait (0: it did not ask). The text of err does not change. A
// nil err stays nil. When marks are nested the outermost holds.
func WithResult(err error, o Result, retryAfter time.Duration) error {
	if err == nil {
		return nil
	}
	return &marked{error: err, result: o, retryAfter: retryAfter}
}

// ResultOf returns the result and the wait that err was marked with.
//
// Without a mark: nil is OK, context.Canceled and ErrClosed are Cancelled, a
// deadline that passed is a ServerError (an attempt that was given up may have been
// executed), and anything else is Permanent, because repeating a call is only
// right for whoever knows that it is.
func ResultOf(err error) (Result, time.Duration) {
	if err == nil {
		return OK, 0
	}
	if m, ok := errors.AsType[*marked](err); ok {
		return m.result, m.retryAfter
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
		return Cancelled, 0
	case errors.Is(err, context.DeadlineExceeded):
		return ServerError, 0
	}
	return Permanent, 0
}

// Ambiguous tells whether err, as given to [Job.Done], includes an attempt
// that ended in a [ServerError]: the call was not confirmed, and may have been done.
func Ambiguous(err error) bool {
	switch e := err.(type) {
	case nil:
		return false
	case *marked:
		return e.result == ServerError || Ambiguous(e.error)
	case interface{ Unwrap() error }:
		return Ambiguous(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if Ambiguous(inner) {
				return true
			}
		}
	}
	return false
}

// cancelled is the error of an attempt that was not made.
func cancelled(cause error) error {
	return WithResult(fmt.Errorf("not attempted: %w", cause), Cancelled, 0)
}
