package worker

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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
		{why: "never a success", state: State{LastError: "no credentials"}, want: []string{"no pass over the fleet has succeeded since the start; the last one failed: no credentials"}},
		{why: "a broken file is told even when passes succeed", state: State{LastSuccess: ago(time.Minute), FleetProblem: "fleet.yaml:3", FleetProblemSince: ago(time.Hour)},
			want: []string{"cannot be loaded since 2026-11-20T09:00:00Z, and the last good ones stay in force: fleet.yaml:3"}},
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
