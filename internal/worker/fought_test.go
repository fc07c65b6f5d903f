package worker

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
)

// fightOver lets somebody write a key back two minutes after each time it was
// corrected, and counts the corrections.
func fightOver(r *rig, key desired.Key, rounds int) *atomic.Int32 {
	writes := new(atomic.Int32)
	r.end = func(s Scope) Result {
		left := slices.ContainsFunc(s.Leave, func(c Fought) bool { return c.Key == key })
		if left || !s.covers(key.Target, key.Function) {
			return inSync
		}
		writes.Add(1)
		return corrects(key)
	}
	for range rounds {
		r.write(key, "arn:aws:iam::111111111111:role/other")
		r.sleep(2 * time.Minute)
	}
	return writes
}

func TestAKeyThatIsChangedBackAgainAndAgainIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		key := keyOf("orders", "live")
		writes := fightOver(r, key, 10)
		if n := writes.Load(); int(n) != DefaultFight.Times {
			t.Errorf("corrected %d times, want %d", n, DefaultFight.Times)
		}
		want := []Fought{{Key: key, Principal: "arn:aws:iam::111111111111:role/other", Times: 3, Since: r.began.Add(4*time.Minute + DefaultSettle)}}
		if diff := cmp.Diff(want, r.State().Fought); diff != "" {
			t.Errorf("fought (-want +got):\n%s", diff)
		}
		if n := len(r.seen()); n != 3 {
			t.Errorf("%d passes began, want 3: a fought-over config is not even read", n)
		}
		r.write(key, "").want(t, 1, nil)

		t.Log("a pass that somebody asked for leaves it alone, the next scheduled one tries again")
		r.Wake(Wake{Cause: Request})
		r.sleep(time.Minute)
		if n := writes.Load(); n != 3 {
			t.Errorf("a request corrected it: %d writes", n)
		}
		r.sleep(27 * time.Hour)
		if n := writes.Load(); n != 4 || len(r.State().Fought) != 0 {
			t.Errorf("after a scheduled pass: %d writes, fought over %v; want 4 and none", n, r.State().Fought)
		}
	})
}

func TestOthersOfAFoughtOverFunctionAreStillCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		fightOver(r, keyOf("orders", "live"), 4)
		before := len(r.seen())
		r.write(keyOf("orders", "test"), "someone")
		r.sleep(time.Minute)
		seen := r.seen()
		if len(seen) != before+1 || len(seen[before].scope.Leave) != 1 {
			t.Errorf("passes are %+v, want one more that leaves the fought-over config", seen)
		}
	})
}

func TestWhatIsNoFight(t *testing.T) {
	key := keyOf("orders", "live")
	for _, tt := range []struct {
		why string
		do  func(*rig)
	}{
		{"corrections that nobody's write preceded, such as a new fleet file", func(r *rig) {
			for range 10 {
				r.Wake(Wake{Cause: Files})
				r.sleep(time.Minute)
			}
		}},
		{"triggers that are no writes, such as tags", func(r *rig) {
			for range 10 {
				r.touch("orders")
				r.sleep(time.Minute)
			}
		}},
		{"writes that are far apart", func(r *rig) {
			for range 10 {
				r.write(key, "someone")
				r.sleep(20 * time.Minute)
			}
		}},
		{"another key of the function", func(r *rig) {
			for range 10 {
				r.write(keyOf("orders", "test"), "someone")
				r.sleep(time.Minute)
			}
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.end = func(Scope) Result { return corrects(key) }
				tt.do(r)
				if got := r.State().Fought; len(got) != 0 {
					t.Errorf("fought over: %+v", got)
				}
				if n := len(r.seen()); n != 10 {
					t.Errorf("%d passes, want 10", n)
				}
			})
		})
	}
}

func TestWhatIsPastTheWindowIsForgotten(t *testing.T) {
	c := newFightDetector(FightRule{Times: 2, Window: time.Hour})
	now := at("2026-11-20 10:00:00")
	c.corrected(keyOf("orders", "live"), "a", now)
	c.corrected(keyOf("bills", "live"), "a", now.Add(50*time.Minute))
	c.reset(now.Add(time.Hour))
	if len(c.keys) != 1 {
		t.Errorf("%d keys are remembered, want only the one within the window", len(c.keys))
	}
}

// A sweep may come first to what an event told of: it is a fight all the same.
func TestAFightIsSeenByASweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := keyOf("orders", "live")
		r := newRig(t, func(r *rig, o *Options) { o.Settle = time.Minute })
		r.end = func(s Scope) Result {
			if !s.All {
				return inSync
			}
			return corrects(key)
		}
		for range DefaultFight.Times {
			r.sleep(2 * time.Minute)
			r.write(key, "someone")
			r.Wake(Wake{Cause: Request})
		}
		r.sleep(time.Minute)
		if got := r.State().Fought; len(got) != 1 {
			t.Errorf("fought over: %+v, want the config that the sweeps corrected", got)
		}
	})
}
