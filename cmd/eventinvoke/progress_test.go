package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func TestProgressNamesWhatItWaitsFor(t *testing.T) {
	waiting := func(w ratelimit.Wait, calls int, next time.Duration) ratelimit.Snapshot {
		s := ratelimit.Snapshot{Rate: 5}
		s.Backlog[w] = ratelimit.Held{Calls: calls, Next: time.Now().Add(next)}
		return s
	}
	synctest.Test(t, func(t *testing.T) {
		rows := []struct {
			why      string
			done     int
			limiters []ratelimit.Snapshot
			want     string
		}{
			{"nothing is held back", 40, []ratelimit.Snapshot{{Rate: 6}},
				"msg=apply done=40 of=100 rate=6 eta=10s"},
			{"the rest is busy: the rate says nothing about its end", 98, []ratelimit.Snapshot{waiting(ratelimit.WaitBusy, 2, 8*time.Second)},
				`msg=apply done=98 of=100 rate=5 waiting="2 busy functions, next try in 8s"`},
			{"over all targets: the next try is the soonest", 77, []ratelimit.Snapshot{waiting(ratelimit.WaitFailed, 1, 20*time.Second), {Rate: 10}, waiting(ratelimit.WaitFailed, 1, 3*time.Second), waiting(ratelimit.WaitBusy, 1, 5*time.Second)},
				`msg=apply done=77 of=100 rate=25 waiting="1 busy function, next try in 5s; 2 calls that AWS failed, next try in 3s"`},
			{"throttled", 99, []ratelimit.Snapshot{waiting(ratelimit.WaitThrottled, 1, 60*time.Second)},
				`msg=apply done=99 of=100 rate=5 waiting="1 call that AWS throttled, next try in 1m0s"`},
			{"the budget for repeats", 97, []ratelimit.Snapshot{waiting(ratelimit.WaitBudget, 3, 400*time.Millisecond)},
				`msg=apply done=97 of=100 rate=5 waiting="3 repeats of failed calls, one a second, next try in 400ms"`},
			{"a pause", 99, []ratelimit.Snapshot{waiting(ratelimit.WaitPaused, 8, 30*time.Second)},
				`msg=apply done=99 of=100 rate=5 waiting="8 calls, as AWS throttled one, next try in 30s"`},
			{"the breaker is open", 99, []ratelimit.Snapshot{waiting(ratelimit.WaitBreaker, 8, 4*time.Second)},
				`msg=apply done=99 of=100 rate=5 waiting="8 calls, as AWS failed five in a row, next try in 4s"`},
			{"its probe is out", 99, []ratelimit.Snapshot{{Rate: 5, Backlog: ratelimit.Backlog{ratelimit.WaitBreaker: {Calls: 8}}}},
				`msg=apply done=99 of=100 rate=5 waiting="8 calls, as AWS failed five in a row, one is tried now"`},
		}
		targets := func(all []ratelimit.Snapshot) map[desired.Target]ratelimit.Snapshot {
			by := map[desired.Target]ratelimit.Snapshot{}
			for i, s := range all {
				by[desired.Target{Account: fmt.Sprint(i)}] = s
			}
			return by
		}
		for _, row := range rows {
			var out bytes.Buffer
			logProgress(slog.New(slog.NewTextHandler(&out, nil)), reconcile.Event{Phase: reconcile.PhaseApply, Done: row.done, Total: 100}, targets(row.limiters))
			if _, got, _ := strings.Cut(out.String(), "level=INFO "); strings.TrimSpace(got) != row.want {
				t.Errorf("%s:\n got %s\nwant %s", row.why, strings.TrimSpace(got), row.want)
			}
		}
	})
}
