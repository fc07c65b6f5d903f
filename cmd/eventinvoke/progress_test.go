package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func TestProgressNamesWhatItWaitsFor(t *testing.T) {
	waiting := func(calls, busy int, next time.Duration) ratelimit.Snapshot {
		return ratelimit.Snapshot{Rate: 5, Backlog: ratelimit.Backlog{Calls: calls, Busy: busy, Next: time.Now().Add(next)}}
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
			{"the rest is busy: the rate says nothing about its end", 98, []ratelimit.Snapshot{waiting(2, 2, 8*time.Second)},
				`msg=apply done=98 of=100 rate=5 waiting="2 busy functions, next try in 8s"`},
			{"over all targets: the next try is the soonest", 77, []ratelimit.Snapshot{waiting(1, 1, 20*time.Second), {Rate: 10}, waiting(2, 0, 3*time.Second)},
				`msg=apply done=77 of=100 rate=20 waiting="1 busy function and 2 calls that AWS failed, next try in 3s"`},
		}
		for _, row := range rows {
			var out bytes.Buffer
			logProgress(slog.New(slog.NewTextHandler(&out, nil)), reconcile.Event{Phase: reconcile.PhaseApply, Done: row.done, Total: 100}, row.limiters)
			if _, got, _ := strings.Cut(out.String(), "level=INFO "); strings.TrimSpace(got) != row.want {
				t.Errorf("%s:\n got %s\nwant %s", row.why, strings.TrimSpace(got), row.want)
			}
		}
	})
}
