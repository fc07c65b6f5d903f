package worker

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var samePasses = cmp.Options{cmp.AllowUnexported(passed{}), cmpopts.IgnoreUnexported(Scope{}), cmpopts.EquateEmpty()}

func wantPasses(t *testing.T, r *rig, want ...passed) {
	t.Helper()
	if diff := cmp.Diff(want, r.seen(), samePasses); diff != "" {
		t.Errorf("passes after the first (-want +got):\n%s", diff)
	}
}

func everything(after time.Duration, causes ...Cause) passed {
	asked := slices.ContainsFunc(causes, func(c Cause) bool { return c == Files || c == Signal || c == Request })
	return passed{after: after, scope: Scope{All: true, Asked: asked}, causes: causes}
}

func only(after time.Duration, functions ...string) passed {
	var objects []Object
	for _, f := range functions {
		objects = append(objects, fn(f))
	}
	return passed{after: after, scope: Scope{Objects: objects}, causes: []Cause{Event}}
}

func TestTheFirstPassBeginsAtOnceOverEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		if len(r.passes) != 1 || !r.passes[0].scope.All || r.passes[0].after != 0 {
			t.Errorf("passes are %+v, want one over everything at 0s", r.passes)
		}
	})
}

func TestWakesDuringAPassMergeIntoOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig, _ *Options) { r.takes = time.Minute })
		for range 50 {
			r.Wake(Wake{Cause: Request})
			r.Wake(Wake{Cause: Signal})
		}
		r.sleep(10 * time.Minute)
		wantPasses(t, r, everything(time.Minute+DefaultGap, Signal, Request))
		if r.most != 1 {
			t.Errorf("%d passes ran at a time", r.most)
		}
	})
}

func TestPassesOverEverythingKeepTheirGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		for range 25 { // one request a second
			r.Wake(Wake{Cause: Request})
			r.sleep(time.Second)
		}
		wantPasses(t, r, everything(10*time.Second, Request), everything(20*time.Second, Request))
	})
}

func TestAFunctionIsLookedAtWhenItHasSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.sleep(time.Minute)
		a := r.touch("orders")
		r.sleep(9 * time.Second)
		b := r.touch("orders", "bills") // orders does not start anew
		r.sleep(500 * time.Millisecond)
		a.want(t, 0, nil)
		r.sleep(time.Minute)
		wantPasses(t, r, only(70*time.Second, "orders"), only(79*time.Second, "bills"))
		a.want(t, 1, nil)
		b.want(t, 1, nil)
	})
}

func TestFunctionsTouchedWithoutEndAreLookedAtAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		for range 40 {
			r.touch("orders")
			r.sleep(time.Second)
		}
		wantPasses(t, r, only(10*time.Second, "orders"), only(20*time.Second, "orders"), only(30*time.Second, "orders"), only(40*time.Second, "orders"))
	})
}

func TestTheTimetableAsksForEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig, o *Options) {
			r.takes = 40 * time.Minute // longer than two periods: what was missed counts once
			o.Timetable, _ = Cron("*/15 * * * *")
		})
		r.sleep(100 * time.Minute)
		begun := r.seen()
		if len(begun) != 2 {
			t.Fatalf("%d passes have begun in 100 minutes, want 2: %+v", len(begun), begun)
		}
		if diff := cmp.Diff(everything(40*time.Minute+DefaultGap, Schedule), begun[0], samePasses); diff != "" {
			t.Errorf("after a long pass (-want +got):\n%s", diff)
		}
	})
}

func TestWhatFailsIsToldToThoseWhoWait(t *testing.T) {
	failed := errors.New("denied")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.end = func(s Scope) Result { return unreadable("orders", failed) }
		bad, good, mixed := r.touch("orders"), r.touch("bills"), r.touch("bills", "orders")
		whole := &answer{}
		r.Wake(Wake{Cause: Event, Triggers: []Trigger{{Object: Object{Target: ireland}}}, Done: whole.done})
		r.sleep(time.Minute)
		bad.want(t, 1, failed)
		good.want(t, 1, nil)
		mixed.want(t, 1, failed)
		whole.want(t, 1, failed)
	})
}

func TestTheEndOfTheContextDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.sleep(time.Minute)
		r.takes = time.Hour
		under := r.touch("orders")
		r.sleep(DefaultSettle)
		waiting := r.touch("bills")
		sweep := &answer{}
		r.Wake(Wake{Cause: Request, Done: sweep.done})
		r.cancel()
		synctest.Wait()
		<-r.over
		under.want(t, 1, context.Canceled)
		waiting.want(t, 1, ErrStopped)
		sweep.want(t, 1, ErrStopped)
		late := r.touch("late")
		late.want(t, 1, ErrStopped)
		if len(r.seen()) != 1 {
			t.Errorf("passes after the end: %+v", r.seen())
		}
		if got := r.State().Unready(time.Now()); len(got) == 0 || got[0] != "the worker is stopping" {
			t.Errorf("a stopped worker is unready for %q", got)
		}
	})
}

func TestStoppingShowsWhileTheLastPassEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := New(Options{Timetable: mustEvery(t, time.Hour), Log: silent, Observer: unobserved{}, Pass: func(context.Context, Scope) Result {
			<-release // calls in flight
			return inSync
		}})
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { w.Run(ctx); close(over) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if s := w.State(); !s.Running() || !s.Stopping {
			t.Errorf("running %v, stopping %v; want both", s.Running(), s.Stopping)
		}
		close(release)
		<-over
		if w.State().Running() {
			t.Error("a pass is said to run after the end")
		}
	})
}

func TestDoneMayAskForTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.cancel()
		<-r.over
		stopping := false
		r.Wake(Wake{Cause: Request, Done: func(error) { stopping = r.State().Stopping }})
		if !stopping {
			t.Error("Done was not called, or saw another state")
		}
	})
}
