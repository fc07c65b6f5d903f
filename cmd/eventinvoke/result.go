package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/mattn/go-runewidth"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// newReport is a result over fleet files as it is rendered.
func newReport(r *reconcile.RunResult, files []desired.FileInfo) *report.Run {
	run := &report.Run{
		ID: r.ID, ToolVersion: version, Verb: r.Verb, Started: r.Started, Surveyed: r.Surveyed, Finished: r.Finished, Asked: r.Asked,
		Fleet:    report.FleetInfo{Configs: r.Fleet.Configs(), Targets: len(r.Fleet.Targets), MissingFunctions: r.Fleet.MissingFunctions, MissingQualifiers: r.Fleet.MissingQualifiers},
		Warnings: r.Warnings, Guard: r.Guard, Refused: r.Refused, Outcome: r.Outcome, Err: r.Err, GuardOff: r.GuardOff,
		Part: !r.OfFleet(), Insights: r.Insights, InsightsRequired: r.InsightPolicy == reconcile.InsightsRequired,
	}
	if run.Finished.IsZero() {
		run.Finished = time.Now()
	}
	if r.Stopped != nil {
		run.Stopped = timeUp(r.Stopped).Error()
	}
	run.Fleet.Files = pathsIn(files)
	if r.Planned() {
		run.Plan = &r.Plan
	}
	run.API = apiOf(r)
	return run
}

// apiOf is what was asked of each target so far.
func apiOf(r *reconcile.RunResult) []report.TargetAPI {
	labels := labelsOf(r.Fleet.Targets)
	var all []report.TargetAPI
	for _, t := range r.Opened.Targets {
		api := report.TargetAPI{Target: t.Target, Label: labels[t.Target]}
		if t.Calls != nil {
			api.Operations, api.Limiter = t.Calls(), t.Limiter.Snapshot()
		}
		all = append(all, api)
	}
	return all
}

// labelsOf names the targets of a fleet as its files do.
func labelsOf(targets []desired.TargetSpec) map[desired.Target]string {
	labels := map[desired.Target]string{}
	for _, t := range targets {
		labels[t.Target] = t.Label
	}
	return labels
}

// renderers write a run in the formats that need nothing else.
var renderers = map[string]func(io.Writer, *report.Run) error{
	"json": report.JSON, "markdown": report.Markdown, "junit": report.JUnit, "sarif": report.SARIF, "github": report.GitHub, "html": report.HTML,
}

// render writes a run in the format that was asked for. A stream that has begun is
// ended; out is the standard output, for what text looks like.
func (o *outputOptions) render(to, out io.Writer, run *report.Run, stream *report.Stream) error {
	switch o.format {
	case "text":
		return report.Text(to, run, o.text(out))
	case "ndjson":
		if stream == nil {
			stream = report.NewStream(to, run)
		}
		return stream.Finish(run)
	}
	return renderers[o.format](to, run)
}

// writeMetrics leaves the numbers of a one-shot run for the text file collector. Its targets are
// no worse for a report that could not be written.
func (x *execution) writeMetrics(ctx context.Context, r *reconcile.RunResult) error {
	if x.metrics == nil || r.Wishes == nil {
		return nil
	}
	m, run := metrics.New(version, x.clients.snapshots), *r
	run.Late = x.late
	_ = m.Ran(ctx, &run)
	m.Passed(worker.Report{
		Scope: worker.Scope{All: x.wholeTargets()}, Causes: []worker.Cause{worker.Start},
		Started: r.Started, Finished: r.Finished, Result: passResult(&run),
	})
	if err := m.WriteText(x.metrics); err != nil {
		return cannotWrite("metrics-file", x.o.metricsFile, err)
	}
	return x.metrics.commit()
}

// wholeTargets reports whether the run looks at all of each of its targets: what it finds of a part
// is no state of a target, on which somebody is alarmed.
func (x *execution) wholeTargets() bool {
	fleet, is := x.Wishes.(reconcile.FleetWishes)
	return is && len(fleet.Selection.Functions) == 0
}

// failuresOf are the failures of a run, in order, as the engine returned them.
func failuresOf(run error) []error {
	var all *multierror.Error
	if errors.As(run, &all) {
		return all.Errors
	}
	return nil
}

// closing is the failures of a run in one line, as wide as the terminal at most: how many,
// and the first, by which whoever is called knows where to look. It is nil for none.
func (a *app) closing(all ...error) error {
	return closingIn(columns(a.err)-len(errorPrefix), all)
}

func closingIn(width int, all []error) error {
	if len(all) == 0 {
		return nil
	}
	line := func(first string) string {
		first, _, _ = strings.Cut(first, "\n")
		if len(all) > 1 {
			first = fmt.Sprintf("%d failures; the first: %s", len(all), first)
		}
		return sanitize(first)
	}
	text := line(timeUp(all[0]).Error())
	if width > 0 {
		if call := reconcile.ErrorOf(all[0]); runewidth.StringWidth(text) > width && call.Subject != "" && !strings.Contains(call.Message, call.Subject) {
			// What a terminal has room for begins with why and where.
			text = line(cmp.Or(call.Code, call.Kind.String()) + ": " + call.Subject + ": " + call.Message)
		}
		text = runewidth.Truncate(text, width, "...")
	}
	return closingLine(text)
}

// closingLine is an error that only repeats what the result has.
type closingLine string

func (l closingLine) Error() string { return string(l) }

// passResult is the result of a run as the worker and its metrics know it.
func passResult(r *reconcile.RunResult) worker.Result {
	result := worker.Result{RunID: r.ID, Outcome: r.Outcome, Insights: r.Insights, MissingFunctions: r.Fleet.MissingFunctions, MissingQualifiers: r.Fleet.MissingQualifiers}
	for _, err := range []error{r.Late, r.Refused, r.Stopped, r.Err} {
		if err != nil {
			result.Err = err
		}
	}
	if r.Planned() {
		result.Plan = &r.Plan
	}
	return result
}

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

	every     time.Duration // of the loop alone
	mu        sync.Mutex
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
		select {
		case <-time.After(p.every):
			p.look(time.Now())
		case <-p.stop:
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

const (
	trendAudits   = 30               // of a target, in a report
	trendsTimeout = 30 * time.Second // what a place that hangs can cost a report
)

// trends are what the audits before this run found in its targets, and what this
// one finds where it is an audit. A history that cannot be read has none.
func (x *execution) trends(r *reconcile.RunResult) []history.Trend {
	if x.past == nil || !r.Planned() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.app.ctx), trendsTimeout)
	defer cancel()
	all, _, err := x.past.Trends(ctx, trendAudits)
	if err != nil {
		x.app.log.Warn("the report has no plot of the audits before", "why", err.Error())
	}
	var mine []history.Trend
	for t := range slice.Pointers(r.Plan.Targets) {
		trend := history.Trend{Target: t.Target, Label: t.Label}
		if past := reconcile.FindTarget(all, t.Target); past != nil {
			trend.Audits = past.Audits
		}
		if r.Verb == "audit" {
			c := t.Counts()
			trend.Audits = append(trend.Audits, history.AuditCount{
				RunID: r.ID, Started: r.Started, Declared: c.Declared, Drifted: c.Changes(), Failed: t.Err != nil,
			})
		}
		mine = append(mine, trend)
	}
	return mine
}
