package ratelimit

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOptionsValidate(t *testing.T) {
	for _, tt := range []struct {
		s    Options
		want []string // parts of the error; none: valid
		why  string
	}{
		{Options{Quota: 15}, nil, "the default share"},
		{Options{Quota: 1e-300, Share: 0.1}, nil, "the least"},
		{Options{Quota: 1500, Share: 1}, nil, "all of a large quota"},
		{Options{}, []string{"quota 0", "above 0"}, "nobody else knows the quota"},
		{Options{Quota: 0.5}, nil, "a fleet file may say so"},
		{Options{Quota: -1, Share: -1}, []string{"quota -1", "rate share -1"}, "every problem at once"},
		{Options{Quota: 15, Share: 0.05}, []string{"rate share 0.05", "0.1 to 1.0"}, "a slip of the point"},
		{Options{Quota: 15, Share: 90}, []string{"rate share 90"}, "a percentage"},
		{Options{Quota: math.NaN(), Share: math.NaN()}, []string{"quota NaN", "rate share NaN"}, "not numbers"},
		{Options{Quota: math.Inf(1)}, []string{"quota +Inf"}, "no limit is not a limit"},
	} {
		err := tt.s.Validate()
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%+v: %v: %s", tt.s, err, tt.why)
			continue
		}
		for _, part := range tt.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: %q does not say %q: %s", tt.s, err, part, tt.why)
			}
		}
	}
}

func TestQuotasAreIndependentAndCallersShareThem(t *testing.T) {
	type account struct{ id, region string }
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(func(a account) Options {
			if a.region == "large" {
				return Options{Quota: 100}
			}
			return Options{Quota: 15}
		})
		defer r.Close()
		here := account{"1", "small"}
		l := r.For(here)
		if r.For(account{"1", "small"}) != l {
			t.Error("one quota has two limiters: two callers of it would share nothing")
		}
		outcomes(t, l, 1, Throttled, time.Minute)
		start := time.Now()
		others := []account{{"2", "small"}, {"1", "large"}}
		for _, other := range others {
			if _, err := r.For(other).Acquire(t.Context(), Scan); err != nil || time.Since(start) != 0 {
				t.Errorf("%v waited %v for another quota's pause: %v", other, time.Since(start), err)
			}
		}
		snapshots := r.Snapshots()
		if c := snapshots[others[1]].Ceiling; len(snapshots) != 3 || c != 90 {
			t.Errorf("ceiling %v with a quota of 100 and the default share, want 90: %+v", c, snapshots)
		}
		if s := snapshots[here]; s.Throttled != 1 || s.ThrottleRatio() != 1 || s.Granted() != 1 || !s.PausedUntil.After(time.Now()) {
			t.Errorf("%+v", s)
		}
	})
}

// A quota of next to nothing is slow, and no more.
func TestSlowestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Quota: 1e-300, Share: 0.1})
		defer l.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		if _, err := l.Acquire(ctx, Scan); err != nil { // the bucket holds one
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := l.Acquire(ctx, Scan); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 0 {
			t.Errorf("the second token: %v after %v, want to be told at once", err, time.Since(start))
		}
	})
}

func TestRegistryAfterClose(t *testing.T) {
	r := NewRegistry(func(string) Options { return Options{Quota: 15} })
	r.Close()
	_, err := r.For("").Acquire(context.Background(), Scan)
	if !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
