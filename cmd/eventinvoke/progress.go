package main

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
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
func startProgress(log *slog.Logger, snapshots func() map[desired.Target]ratelimit.Snapshot) *progressLog {
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

func (p *progressLog) loop(log *slog.Logger, snapshots func() map[desired.Target]ratelimit.Snapshot) {
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

func logProgress(log *slog.Logger, e reconcile.Event, limiters map[desired.Target]ratelimit.Snapshot) {
	var rate float64
	var throttled int64
	var held ratelimit.Backlog
	for _, s := range limiters {
		rate += s.Rate
		throttled += s.Throttled
		held.Add(&s.Backlog)
	}
	args := []any{"done", e.Done, "of", e.Total, "rate", math.Round(rate*10) / 10}
	// The last few wait for busy functions, not for the rate: no eta is better
	// than one of 0s.
	if left := float64(e.Total - e.Done - held.Calls()); rate > 0 && left > rate {
		args = append(args, "eta", (time.Duration(left/rate) * time.Second).String())
	}
	if throttled > 0 {
		args = append(args, "throttled", throttled)
	}
	if waiting := waitText(&held); waiting != "" {
		args = append(args, "waiting", waiting)
	}
	log.Info(e.Phase.String(), args...)
}

// waitTexts says what calls wait for: of one, and of many.
var waitTexts = [...][2]string{
	ratelimit.WaitThrottled: {"call that AWS throttled", "calls that AWS throttled"},
	ratelimit.WaitBusy:      {"busy function", "busy functions"},
	ratelimit.WaitFailed:    {"call that AWS failed", "calls that AWS failed"},
	ratelimit.WaitBudget:    {"repeat of a failed call, one a second", "repeats of failed calls, one a second"},
	ratelimit.WaitPaused:    {"call, as AWS throttled one", "calls, as AWS throttled one"},
	ratelimit.WaitBreaker:   {"call, as AWS failed five in a row", "calls, as AWS failed five in a row"},
}

// waitText says what is held back, and until when: "2 busy functions, next try in 8s".
func waitText(held *ratelimit.Backlog) string {
	var all []string
	for w, h := range held {
		if h.Calls == 0 {
			continue
		}
		text := count(h.Calls, waitTexts[w][0], waitTexts[w][1])
		if h.Next.IsZero() {
			text += ", one is tried now"
		} else {
			in, unit := max(0, time.Until(h.Next)), time.Second
			if in < unit {
				unit /= 10
			}
			text += fmt.Sprintf(", next try in %v", in.Round(unit))
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
