package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestOutcomeOf(t *testing.T) {
	plain := errors.New("plain")
	for _, tt := range []struct {
		name  string
		err   error
		want  Result
		after time.Duration
		why   string
	}{
		{"nil", nil, OK, 0, "done"},
		{"marked nil", WithResult(nil, ServerError, time.Second), OK, 0, "nil stays nil"},
		{"marked", WithResult(plain, Throttled, 3*time.Second), Throttled, 3 * time.Second, "as marked"},
		{"wrapped", fmt.Errorf("put f: %w", WithResult(plain, Conflict, 0)), Conflict, 0, "through wraps"},
		{"twice", WithResult(fmt.Errorf("x: %w", WithResult(plain, ServerError, time.Second)), Permanent, 0), Permanent, 0, "the outermost holds"},
		{"joined", errors.Join(plain, WithResult(plain, ClockSkew, 0)), ClockSkew, 0, "through joins"},
		{"unmarked", plain, Permanent, 0, "nobody said that it may be repeated"},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), Cancelled, 0, "by its type"},
		{"closed", fmt.Errorf("x: %w", ErrClosed), Cancelled, 0, "by its value"},
		{"deadline", context.DeadlineExceeded, ServerError, 0, "an attempt given up may have been executed"},
		{"cancelled by us", cancelled(context.DeadlineExceeded), Cancelled, 0, "the mark goes before the type"},
	} {
		got, after := ResultOf(tt.err)
		if got != tt.want || after != tt.after {
			t.Errorf("%s: %v, %v, want %v, %v: %s", tt.name, got, after, tt.want, tt.after, tt.why)
		}
	}
	if err := WithResult(plain, ServerError, 0); !errors.Is(err, plain) || err.Error() != "plain" {
		t.Errorf("a mark hid the error: %v", err)
	}
}

func TestMayHaveRun(t *testing.T) {
	plain := errors.New("plain")
	fault := WithResult(plain, ServerError, 0)
	for _, tt := range []struct {
		err  error
		want bool
		why  string
	}{
		{nil, false, "done"},
		{plain, false, "refused"},
		{fault, true, "nobody knows"},
		{fmt.Errorf("x: %w", fault), true, "through wraps"},
		{WithResult(fmt.Errorf("%w, %w", plain, fault), Cancelled, 0), true, "a run that stopped between attempts"},
		{WithResult(plain, Cancelled, 0), false, "not attempted"},
		{errors.Join(plain, WithResult(plain, Conflict, 0)), false, "busy is not done"},
	} {
		if got := Ambiguous(tt.err); got != tt.want {
			t.Errorf("%v: %v, want %v: %s", tt.err, got, tt.want, tt.why)
		}
	}
}

func TestNamesOfValues(t *testing.T) {
	for _, tt := range []struct {
		value fmt.Stringer
		want  string
	}{
		{Throttled, "throttled"}, {Cancelled, "cancelled"}, {Result(99), "Result(99)"},
		{Probe, "probe"}, {Priority(99), "Priority(99)"},
		{BreakerHalfOpen, "probing"}, {BreakerHalfOpen + 1, "BreakerState(3)"}, {BreakerState(99), "BreakerState(99)"},
	} {
		if got := tt.value.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestPriorityTravelsInTheContext(t *testing.T) {
	if p := PriorityFrom(t.Context()); p != Scan {
		t.Errorf("without one: %v, want scan", p)
	}
	if p := PriorityFrom(WithPriority(t.Context(), Write)); p != Write {
		t.Errorf("%v, want write", p)
	}
}
