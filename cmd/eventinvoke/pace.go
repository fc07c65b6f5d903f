package main

import (
	"context"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

const (
	// sampleEvery is how often the limiters are looked at first.
	sampleEvery = 250 * time.Millisecond
	// maxSamples is how many looks at a target are kept: where there are more, every
	// other goes, and the next ones come half as often.
	maxSamples = 120
)

// paceSampler notes how fast the limiters let calls go while a run goes on. A nil
// sampler has nothing noted.
type paceSampler struct {
	started   time.Time
	snapshots func() map[desired.Target]ratelimit.Snapshot
	stop      chan struct{}
	done      chan struct{}

	mu        sync.Mutex
	every     time.Duration
	points    map[desired.Target][]history.PacePoint
	throttled map[desired.Target]int64 // in all, when last looked at
}

func startPace(started time.Time, snapshots func() map[desired.Target]ratelimit.Snapshot) *paceSampler {
	p := &paceSampler{
		started: started, snapshots: snapshots, stop: make(chan struct{}), done: make(chan struct{}),
		every: sampleEvery, points: map[desired.Target][]history.PacePoint{}, throttled: map[desired.Target]int64{},
	}
	go p.loop()
	return p
}

func (p *paceSampler) loop() {
	defer close(p.done)
	for {
		p.mu.Lock()
		every := p.every
		p.mu.Unlock()
		timer := time.NewTimer(every)
		select {
		case <-timer.C:
			p.look(time.Now())
		case <-p.stop:
			timer.Stop()
			return
		}
	}
}

func (p *paceSampler) close() {
	close(p.stop)
	<-p.done
}

// look takes one sample of every limiter that let a call go.
func (p *paceSampler) look(now time.Time) {
	limiters := p.snapshots()
	p.mu.Lock()
	defer p.mu.Unlock()
	full := false
	for t, s := range limiters {
		if s.Granted() == 0 {
			continue
		}
		p.points[t] = append(p.points[t], history.PacePoint{
			AtMS: now.Sub(p.started).Milliseconds(), Rate: s.Rate, Ceiling: s.Ceiling, Throttled: s.Throttled - p.throttled[t],
		})
		p.throttled[t] = s.Throttled
		full = full || len(p.points[t]) >= maxSamples
	}
	if full {
		p.every *= 2
		for t, points := range p.points {
			p.points[t] = halved(points)
		}
	}
}

// halved is every other point, with what happened between them.
func halved(points []history.PacePoint) []history.PacePoint {
	kept := points[:0]
	for i, point := range points {
		if i%2 == 1 {
			last := &kept[len(kept)-1]
			last.Throttled += point.Throttled
			last.Rate = min(last.Rate, point.Rate)
			continue
		}
		kept = append(kept, point)
	}
	return kept
}

// of is what was noted of one target so far; one point says nothing about time.
func (p *paceSampler) of(t desired.Target) []history.PacePoint {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.points[t]) < 2 {
		return nil
	}
	return append([]history.PacePoint{}, p.points[t]...)
}

// trendAudits is how many audits of a target a report shows.
const trendAudits = 30

// trends are what the audits before this run found in its targets, and what this
// one finds where it is an audit. A history that cannot be read has none.
func (x *execution) trends(r *reconcile.RunResult) []history.Trend {
	if x.past == nil || !r.Planned() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.app.ctx), auditMemoryTimeout)
	defer cancel()
	h, err := history.Open(ctx, *x.past)
	if err != nil {
		return nil
	}
	all, _, err := h.Trends(ctx, trendAudits)
	if err != nil {
		x.app.log.Warn("the report has no plot of the audits before", "why", err.Error())
	}
	var mine []history.Trend
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		c := t.Counts()
		trend := history.Trend{Target: t.Target, Label: t.Label}
		if past := reconcile.PartOf(all, t.Target); past != nil {
			trend.Audits = past.Audits
		}
		if r.Verb == "audit" {
			trend.Audits = append(trend.Audits, history.AuditCount{
				Run: r.ID, Started: r.Started, Declared: c.Declared, Drifted: c.Changes(), Failed: t.Err != nil,
			})
		}
		mine = append(mine, trend)
	}
	return mine
}
