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

func TestSettingsValidate(t *testing.T) {
	for _, tt := range []struct {
		s    Settings
		want []string // parts of the error; none: valid
		why  string
	}{
		{Settings{}, nil, "the defaults"},
		{Settings{Quota: 1500, Share: 1}, nil, "all of a large quota"},
		{Settings{Quota: 0.5}, []string{"quota 0.5", "at least 1"}, "slower than anything AWS has"},
		{Settings{Quota: -1, Share: -1}, []string{"quota -1", "rate share -1"}, "every problem at once"},
		{Settings{Share: 0.05}, []string{"rate share 0.05", "0.1 to 1.0"}, "a slip of the point"},
		{Settings{Share: 90}, []string{"rate share 90"}, "a percentage"},
		{Settings{Quota: math.NaN(), Share: math.NaN()}, []string{"quota NaN", "rate share NaN"}, "not numbers"},
		{Settings{Quota: math.Inf(1)}, []string{"quota +Inf"}, "no limit is not a limit"},
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

func TestScopesAreIndependentAndAccountsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(func(s Scope) Settings {
			if s.Class == "getfunction" {
				return Settings{Quota: 100}
			}
			return Settings{}
		})
		defer r.Close()
		scope := Scope{Partition: "aws", Account: "111122223333", Region: "eu-west-1", Class: "control"}
		other := scope
		other.Account = "222233334444"
		reads := scope
		reads.Class = "getfunction"

		l := r.For(scope)
		if r.For(scope) != l {
			t.Error("one scope has two limiters: two profiles of one account would share nothing")
		}
		g, err := l.Acquire(t.Context(), Scan)
		if err != nil {
			t.Fatal(err)
		}
		g.Done(Throttled, time.Minute)
		start := time.Now()
		for _, s := range []Scope{other, reads} {
			if _, err := r.For(s).Acquire(t.Context(), Scan); err != nil || time.Since(start) != 0 {
				t.Errorf("%v waited %v for another scope's pause: %v", s, time.Since(start), err)
			}
		}
		snapshots := r.Snapshots()
		if len(snapshots) != 3 || snapshots[0].Scope != scope || snapshots[1].Scope != reads || snapshots[2].Scope != other {
			t.Errorf("snapshots are not in order: %+v", snapshots)
		}
		if c := snapshots[1].Ceiling; c != 90 {
			t.Errorf("ceiling %v with a quota of 100 and the default share, want 90", c)
		}
		if s := snapshots[0]; s.Throttled != 1 || s.ThrottleRatio() != 1 || s.Granted() != 1 || !s.PausedUntil.After(time.Now()) {
			t.Errorf("%+v", s)
		}
	})
}

func TestRegistryAfterClose(t *testing.T) {
	r := NewRegistry(nil)
	r.Close()
	_, err := r.For(Scope{}).Acquire(context.Background(), Scan)
	if !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
