package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func TestUnready(t *testing.T) {
	now := at("2026-11-20 10:00:00")
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	table := mustEvery(t, time.Hour)
	for _, tt := range []struct {
		why   string
		state State
		want  []string // a part of each reason
	}{
		{why: "fresh", state: State{LastSuccess: ago(time.Minute)}},
		{why: "one missed period", state: State{LastSuccess: ago(119 * time.Minute), LastError: "denied"}},
		{why: "exactly two periods are not older than two", state: State{LastSuccess: ago(2 * time.Hour)}},
		{why: "older than two periods", state: State{LastSuccess: ago(121 * time.Minute), LastError: "denied"}, want: []string{"older than two periods (every 1h); the last attempt failed: denied"}},
		{why: "at the start", state: State{}, want: []string{"not over yet"}},
		{why: "never a success", state: State{LastError: "no credentials"}, want: []string{"no sweep over the fleet has succeeded since the start; the last one failed: no credentials"}},
		{why: "a broken file is told even when passes succeed", state: State{LastSuccess: ago(time.Minute), FleetProblem: "fleet.yaml:3", FleetProblemSince: ago(time.Hour)},
			want: []string{"cannot be loaded since 2026-11-20T09:00:00Z, and the last good ones stay in force: fleet.yaml:3"}},
		{why: "a long sweep has a long deadline", state: State{LastSuccess: ago(179 * time.Minute), LastLength: 30 * time.Minute}},
		{why: "and it ends", state: State{LastSuccess: ago(181 * time.Minute), LastLength: 30 * time.Minute}, want: []string{"older than two periods"}},
		{why: "a sweep under way may take longer than the one before", state: State{LastSuccess: ago(5 * time.Hour), Sweeping: ago(4 * time.Hour)}},
		{why: "not one that began too late", state: State{LastSuccess: ago(5 * time.Hour), Sweeping: ago(time.Hour)}, want: []string{"older than two periods"}},
		{why: "a stalled pass", state: State{LastSuccess: ago(time.Minute), Stalled: ago(10 * time.Minute)}, want: []string{"no sign of life since 2026-11-20T09:50:00Z"}},
		{why: "a loop that is dead", state: State{LastSuccess: ago(time.Minute), Next: ago(2 * time.Minute)}, want: []string{"the loop does not run"}},
		{why: "all at once", state: State{Stopping: true, FleetProblem: "x"}, want: []string{"stopping", "not over yet", "x"}},
	} {
		tt.state.Timetable = table
		got := tt.state.Unready(now)
		if len(got) != len(tt.want) {
			t.Errorf("%s: reasons %q, want %q", tt.why, got, tt.want)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], tt.want[i]) {
				t.Errorf("%s: reason %q, want %q", tt.why, got[i], tt.want[i])
			}
		}
	}
}

func TestOnlyAPassOverEverythingIsASuccessOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := errors.New("no credentials")
		r := newRig(t, func(r *rig, o *Options) {
			o.Timetable = mustEvery(t, time.Hour)
			r.end = func(s Scope) Result {
				if s.All {
					return Result{Err: failed}
				}
				return inSync
			}
		})
		r.touch("orders")
		r.sleep(time.Minute)
		s := r.State()
		if !s.LastSuccess.IsZero() || s.LastError != "no credentials" || !s.LastAttempt.Equal(r.began) {
			t.Errorf("state is %+v, want one failed attempt at the start", s)
		}
		r.end = nil
		r.Wake(Wake{Cause: Request})
		r.sleep(time.Minute)
		if got := r.State().Unready(time.Now()); len(got) != 0 {
			t.Errorf("unready after a success: %q", got)
		}
	})
}

func TestABrokenFleetFileIsToldUntilItIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := inSync
		broken.FleetProblem = errors.New("fleet.yaml:3: EI001")
		r := newRig(t, func(r *rig, _ *Options) { r.end = func(Scope) Result { return broken } })
		r.sleep(time.Hour)
		r.Wake(Wake{Cause: Files})
		r.sleep(time.Minute)
		if s := r.State(); s.FleetProblem != "fleet.yaml:3: EI001" || !s.FleetProblemSince.Equal(r.began) {
			t.Errorf("problem %q since %s, want it since the start", s.FleetProblem, s.FleetProblemSince)
		}
		r.end = nil
		r.Wake(Wake{Cause: Files})
		r.sleep(time.Minute)
		if s := r.State(); s.FleetProblem != "" || !s.FleetProblemSince.IsZero() {
			t.Errorf("a mended file still counts as broken: %q", s.FleetProblem)
		}
	})
}

// A worker whose sweeps take longer than two periods is never red between them.
func TestReadinessDoesNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig, o *Options) {
			r.takes = 22 * time.Second
			o.Timetable = mustEvery(t, 10*time.Second)
		})
		r.sleep(25 * time.Second)
		for range 600 {
			if got := r.State().Unready(time.Now()); len(got) > 0 {
				t.Fatalf("%s after the start: %q", time.Since(r.began), got)
			}
			r.sleep(time.Second)
		}
	})
}

// One account that is closed to us does not make the worker look broken.
func TestOneTargetIsEnough(t *testing.T) {
	virginia := desired.Target{Account: "111111111111", Region: "us-east-1"}
	denied := reconcile.TargetPlan{Target: virginia, Err: errors.New("denied")}
	for _, tt := range []struct {
		why     string
		result  Result
		success bool
	}{
		{"all targets", inSync, true},
		{"one of two", Result{Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: ireland}, denied}}}, true},
		{"none", Result{Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{denied}}}, false},
		{"a fleet without targets", Result{Plan: &reconcile.Plan{}}, true},
		{"no plan", Result{Err: errors.New("no credentials")}, false},
		{"refused by the guard, which is no fault of the worker", Result{Plan: inSync.Plan, Err: &reconcile.GuardError{}}, true},
	} {
		if got := tt.result.anyTarget(Scope{All: true}); got != tt.success {
			t.Errorf("%s: a success %v, want %v", tt.why, got, tt.success)
		}
	}
}

// Two workers that were started together meet in their first sweeps. The one that found
// the targets held looks at them within a minute, and not at its next sweep only; as
// long as they are held it is not taken for one that succeeds.
func TestWhatAnotherRunHoldsIsLookedAtSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errHeld := &callerr.Error{Kind: callerr.Lease}
		var given atomic.Bool
		r := newRig(t, func(r *rig, o *Options) {
			r.end = func(Scope) Result {
				p := reconcile.TargetPlan{Target: ireland}
				if !given.Load() {
					p.Err = errHeld
				}
				return Result{Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{p}}}
			}
		})
		r.sleep(150 * time.Second)
		if n := len(r.passes); n < 3 || n > 6 || !r.State().LastSuccess.IsZero() {
			t.Errorf("%d passes in two and a half minutes, the last success at %s", n, r.State().LastSuccess)
		}
		given.Store(true)
		r.sleep(time.Minute)
		if s := r.State(); time.Since(s.LastSuccess) > time.Minute {
			t.Errorf("the last success is at %s, a minute after the target was given back", s.LastSuccess)
		}
		n := len(r.passes)
		if last := r.passes[n-1]; last.scope.All || !slices.Equal(last.scope.Objects, []Object{{Target: ireland}}) {
			t.Errorf("it was looked at as %+v", last.scope)
		}
		r.sleep(10 * time.Minute)
		if len(r.passes) != n {
			t.Errorf("%d passes more, of a target that nobody holds", len(r.passes)-n)
		}
	})
}

func TestAClosedAccountIsANote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		denied := reconcile.TargetPlan{Target: desired.Target{Account: "222222222222", Region: "us-east-1"}, Err: errors.New("denied")}
		r := newRig(t, func(r *rig, _ *Options) {
			r.end = func(Scope) Result {
				return Result{Plan: &reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: ireland}, denied}}}
			}
		})
		r.sleep(time.Minute)
		if s := r.State(); len(s.Unready(time.Now())) > 0 || len(s.Notes()) != 1 || !strings.Contains(s.Notes()[0], "222222222222/us-east-1: denied") {
			t.Errorf("unready for %q, notes %q; want it to be ready, and a note", s.Unready(time.Now()), s.Notes())
		}
	})
}

// A pass that gives no sign of life is told to end; one that ignores that keeps the
// worker unhealthy.
func TestASilentPassIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		deaf := false
		r := newRig(t, func(r *rig, o *Options) {
			o.Silence = 5 * time.Minute
			o.Pass = func(ctx context.Context, s Scope) Result {
				if !s.All {
					for range 10 { // longer than the silence, but alive
						time.Sleep(4 * time.Minute)
						s.Alive()
					}
					return inSync
				}
				<-ctx.Done()
				if deaf {
					<-release
				}
				return Result{Err: context.Cause(ctx)}
			}
		})
		r.sleep(5*time.Minute - time.Second)
		if n := r.stalls.Load(); n != 0 || len(r.State().Unhealthy(time.Now())) > 0 {
			t.Errorf("%d stalls, unhealthy for %q before the time", n, r.State().Unhealthy(time.Now()))
		}
		r.sleep(2 * time.Second)
		if s := r.State(); r.stalls.Load() != 1 || s.LastError != ErrStalled.Error() || s.Running() || len(s.Unhealthy(time.Now())) > 0 {
			t.Errorf("%d stalls, state %+v; want one that is over", r.stalls.Load(), s)
		}
		a := r.touch("orders")
		r.sleep(time.Hour)
		a.want(t, 1, nil)

		deaf = true
		r.Wake(Wake{Cause: Request})
		r.sleep(20 * time.Minute)
		if got := r.State().Unhealthy(time.Now()); len(got) != 1 || r.stalls.Load() != 2 {
			t.Errorf("%d stalls, unhealthy for %q; want two, and a pass that does not end", r.stalls.Load(), got)
		}
		close(release)
	})
}

func TestAPassThatNeverEndsIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig, o *Options) { r.takes, o.Limit = 1000*time.Hour, time.Hour })
		r.sleep(time.Hour + time.Second)
		if s := r.State(); s.Running() || !strings.Contains(s.LastError, "longer than 1h0m0s") {
			t.Errorf("after the limit: running %v, %q", s.Running(), s.LastError)
		}
	})
}

func TestProblemsOfSourcesAreNotes(t *testing.T) {
	w := New(Options{Timetable: mustEvery(t, time.Hour)})
	w.Problem("queue", errors.New("no such queue"))
	w.Problem("files", errors.New("gone"))
	if got := w.State().Notes(); len(got) != 2 || got[1] != "queue: no such queue" {
		t.Errorf("notes are %q", got)
	}
	w.Problem("queue", nil)
	w.Problem("files", nil)
	if got := w.State().Notes(); len(got) != 0 {
		t.Errorf("notes are %q after the end of the problems", got)
	}
}

// The log has a line when something is new, and one an hour as a sign of life.
func TestTheLogIsQuietWhenNothingHappens(t *testing.T) {
	lines := func(t *testing.T, change func(*rig), during time.Duration) int {
		var out bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(r *rig, o *Options) {
				o.Timetable, _ = Every(time.Minute)
				o.Log = slog.New(slog.NewTextHandler(&out, nil))
				change(r)
			})
			r.sleep(during)
		})
		return strings.Count(out.String(), "\n")
	}
	if n := lines(t, func(*rig) {}, 5*time.Hour+30*time.Minute); n != 6 {
		t.Errorf("%d lines in five hours and a half of sweeps that found nothing, want 6", n)
	}
	if n := lines(t, func(r *rig) { r.end = func(Scope) Result { return corrects(keyOf("orders", "live")) } }, 10*time.Minute); n < 9 {
		t.Errorf("%d lines in ten minutes of corrections, want one each", n)
	}
}

func TestWhatEndsWithTheWorkerIsNoError(t *testing.T) {
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig, o *Options) {
			r.takes = time.Hour
			o.Log = slog.New(slog.NewTextHandler(&out, nil))
		})
		r.sleep(time.Minute)
		r.cancel()
		<-r.over
	})
	if strings.Contains(out.String(), "level=ERROR") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("the log says\n%s", out.String())
	}
}
