package main

import (
	"log/slog"
	"math"
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
	// The last few wait for busy functions, not for the rate: no eta is better
	// than one of 0s.
	if left := float64(e.Total - e.Done); rate > 0 && left > rate {
		args = append(args, "eta", (time.Duration(left/rate) * time.Second).String())
	}
	if throttled > 0 {
		args = append(args, "throttled", throttled)
	}
	log.Info(e.Phase.String(), args...)
}
