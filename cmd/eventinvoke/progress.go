package main

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// progressEvery is how often a run that is not finished says how far it is.
const progressEvery = 10 * time.Second

// progressLog writes a line about a run in progress every progressEvery.
type progressLog struct {
	last atomic.Pointer[reconcile.Event]
	stop chan struct{}
	done chan struct{}
}

// startProgress begins to log. Snapshots tells what the limiters do now.
func startProgress(log *slog.Logger, snapshots func() []ratelimit.Snapshot) *progressLog {
	p := &progressLog{stop: make(chan struct{}), done: make(chan struct{})}
	go p.loop(log, snapshots)
	return p
}

// observe is a reconcile.Observer.
func (p *progressLog) observe(e reconcile.Event) {
	e.Result = nil // valid during the call only
	p.last.Store(&e)
}

// close ends the log; no line is written after it returns.
func (p *progressLog) close() {
	close(p.stop)
	<-p.done
}

func (p *progressLog) loop(log *slog.Logger, snapshots func() []ratelimit.Snapshot) {
	defer close(p.done)
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			if e := p.last.Load(); e != nil && e.Done < e.Total {
				logProgress(log, *e, snapshots())
			}
		}
	}
}

func logProgress(log *slog.Logger, e reconcile.Event, limiters []ratelimit.Snapshot) {
	var rate float64
	var throttled int64
	for _, s := range limiters {
		rate += s.Rate
		throttled += s.Throttled
	}
	args := []any{"done", e.Done, "of", e.Total, "rate", math.Round(rate*10) / 10}
	held, next := heldBack(limiters)
	// The last few wait for busy functions, not for the rate: no eta is better
	// than one of 0s.
	if left := float64(e.Total - e.Done - held); rate > 0 && left > rate {
		args = append(args, "eta", (time.Duration(left/rate) * time.Second).String())
	}
	if throttled > 0 {
		args = append(args, "throttled", throttled)
	}
	if next != "" {
		args = append(args, "waiting", next)
	}
	log.Info(e.Phase.String(), args...)
}

// heldBack is how many calls wait to be tried again, and what there is to say of
// them: "2 busy functions, next try in 8s".
func heldBack(limiters []ratelimit.Snapshot) (int, string) {
	var all ratelimit.Backlog
	for _, s := range limiters {
		w := s.Backlog
		all.Calls += w.Calls
		all.Busy += w.Busy
		if all.Next.IsZero() || !w.Next.IsZero() && w.Next.Before(all.Next) {
			all.Next = w.Next
		}
	}
	if all.Calls == 0 {
		return 0, ""
	}
	var what []string
	if all.Busy > 0 {
		what = append(what, count(all.Busy, "busy function", "busy functions"))
	}
	if failed := all.Calls - all.Busy; failed > 0 {
		what = append(what, count(failed, "call that AWS failed", "calls that AWS failed"))
	}
	in := max(0, time.Until(all.Next)).Round(time.Second)
	return all.Calls, fmt.Sprintf("%s, next try in %v", strings.Join(what, " and "), in)
}
