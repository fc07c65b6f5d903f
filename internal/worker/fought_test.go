package worker

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// fightOver lets somebody write a key back two minutes after each time it was
// corrected, and counts the corrections.
func fightOver(r *rig, key desired.Key, rounds int) *atomic.Int32 {
	writes := new(atomic.Int32)
	r.end = func(s Scope) Result {
		left := slices.ContainsFunc(s.Leave, func(c insight.Fight) bool { return c.Key == key })
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
		if n := writes.Load(); int(n) != fights.Hot.Times {
			t.Errorf("corrected %d times, want %d", n, fights.Hot.Times)
		}
		want := []insight.Fight{{Key: key, Author: insight.Author{Principal: "arn:aws:iam::111111111111:role/other"}, Times: 3, Since: r.began.Add(DefaultSettle)}}
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
		if n := writes.Load(); n != 4 || len(r.State().Fought) != 1 {
			t.Errorf("after a scheduled pass: %d writes, fought over %v; want 4, and one that is still told", n, r.State().Fought)
		}
		r.sleep(8 * 24 * time.Hour)
		if got := r.State().Fought; len(got) != 0 {
			t.Errorf("more than a week later: fought over %v", got)
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
		why  string
		do   func(*rig)
		told int
	}{
		{"corrections that nobody's write preceded, such as a new fleet file", func(r *rig) {
			for range 10 {
				r.Wake(Wake{Cause: Files})
				r.sleep(time.Minute)
			}
		}, 0},
		{"triggers that are no writes, such as tags", func(r *rig) {
			for range 10 {
				r.touch("orders")
				r.sleep(time.Minute)
			}
		}, 0},
		{"writes that are far apart are told, and corrected all the same", func(r *rig) {
			for range 10 {
				r.write(key, "someone")
				r.sleep(20 * time.Minute)
			}
		}, 1},
		{"another key of the function", func(r *rig) {
			for range 10 {
				r.write(keyOf("orders", "test"), "someone")
				r.sleep(time.Minute)
			}
		}, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.end = func(Scope) Result { return corrects(key) }
				tt.do(r)
				if got := r.State().Fought; len(got) != tt.told {
					t.Errorf("fought over: %+v, want %d", got, tt.told)
				}
				if n := len(r.seen()); n != 10 {
					t.Errorf("%d passes, want 10", n)
				}
			})
		})
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
		for range fights.Hot.Times {
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
