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
		want  Outcome
		after time.Duration
		why   string
	}{
		{"nil", nil, OK, 0, "done"},
		{"marked nil", Mark(nil, Fault, time.Second), OK, 0, "nil stays nil"},
		{"marked", Mark(plain, Throttled, 3*time.Second), Throttled, 3 * time.Second, "as marked"},
		{"wrapped", fmt.Errorf("put f: %w", Mark(plain, Conflict, 0)), Conflict, 0, "through wraps"},
		{"twice", Mark(fmt.Errorf("x: %w", Mark(plain, Fault, time.Second)), Final, 0), Final, 0, "the outermost holds"},
		{"joined", errors.Join(plain, Mark(plain, Skew, 0)), Skew, 0, "through joins"},
		{"unmarked", plain, Final, 0, "nobody said that it may be repeated"},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), Cancelled, 0, "by its type"},
		{"closed", fmt.Errorf("x: %w", ErrClosed), Cancelled, 0, "by its value"},
		{"deadline", context.DeadlineExceeded, Fault, 0, "an attempt given up may have been executed"},
		{"cancelled by us", cancelled(context.DeadlineExceeded), Cancelled, 0, "the mark goes before the type"},
	} {
		got, after := OutcomeOf(tt.err)
		if got != tt.want || after != tt.after {
			t.Errorf("%s: %v, %v, want %v, %v: %s", tt.name, got, after, tt.want, tt.after, tt.why)
		}
	}
	if err := Mark(plain, Fault, 0); !errors.Is(err, plain) || err.Error() != "plain" {
		t.Errorf("a mark hid the error: %v", err)
	}
}

func TestMayHaveRun(t *testing.T) {
	plain := errors.New("plain")
	fault := Mark(plain, Fault, 0)
	for _, tt := range []struct {
		err  error
		want bool
		why  string
	}{
		{nil, false, "done"},
		{plain, false, "refused"},
		{fault, true, "nobody knows"},
		{fmt.Errorf("x: %w", fault), true, "through wraps"},
		{Mark(fmt.Errorf("%w, %w", plain, fault), Cancelled, 0), true, "a run that stopped between attempts"},
		{Mark(plain, Cancelled, 0), false, "not attempted"},
		{errors.Join(plain, Mark(plain, Conflict, 0)), false, "busy is not done"},
	} {
		if got := MayHaveRun(tt.err); got != tt.want {
			t.Errorf("%v: %v, want %v: %s", tt.err, got, tt.want, tt.why)
		}
	}
}

func TestNamesOfValues(t *testing.T) {
	for _, tt := range []struct {
		value fmt.Stringer
		want  string
	}{
		{Throttled, "throttled"}, {Cancelled, "cancelled"}, {Outcome(99), "Outcome(99)"},
		{Probe, "probe"}, {Priority(99), "Priority(99)"},
		{Probing, "probing"}, {BreakerState(99), "BreakerState(99)"},
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
