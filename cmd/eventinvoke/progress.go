package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

const (
	// progressEvery is how often a run that is not finished logs how far it is,
	// where nobody looks on.
	progressEvery = 10 * time.Second
	// redrawEvery is how often it is drawn anew where somebody does.
	redrawEvery = 200 * time.Millisecond
	// progressTargets is how many targets are drawn: those with most to do.
	progressTargets = 6
	// foldedLines is how many lines are drawn of a target at most.
	foldedLines = 3
)

// progress tells how far a run is: in a region of the terminal, drawn anew in
// place and gone at the end, or as a line of the log every progressEvery.
type progress struct {
	log       *slog.Logger
	snapshots func() map[desired.Target]ratelimit.Snapshot
	drawing   *drawing // nil where lines are logged
	stop      chan struct{}
	done      chan struct{}

	mu      sync.Mutex
	last    reconcile.Step
	targets map[desired.Target]reconcile.Step // the last of each in this phase
	labels  map[desired.Target]string
	next    string             // what is done where no functions are read and no changes made
	failed  int                // of the changes so far
	asked   []string           // the names of the annotators that have not answered yet
	held    *history.HeldError // the lease of another run that is waited for, or nil
}

// startProgress begins to tell, unless that is not wanted: a nil progress tells nothing.
// Snapshots tells what the limiters do now.
func (a *app) startProgress(o *outputOptions, next string, snapshots func() map[desired.Target]ratelimit.Snapshot) *progress {
	if o.quiet {
		return nil
	}
	p := &progress{log: a.log, next: next, snapshots: snapshots, stop: make(chan struct{}), done: make(chan struct{})}
	if a.live(o) {
		p.drawing = newDrawing(a.logTo)
	}
	go p.loop()
	return p
}

// live reports whether somebody looks on, at a terminal that can be drawn on and
// that nothing else is written to meanwhile.
func (a *app) live(o *outputOptions) bool {
	streams := o.format == "ndjson" && isTerminal(a.out)
	return isTerminal(a.err) && !streams && a.logFormat == "text" && os.Getenv("TERM") != "dumb" && os.Getenv("CI") == "" && canDraw(fileOf(a.err))
}

// observe is what a reconcile.Request asks for as Observe.
func (p *progress) observe(e reconcile.Step) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Run != nil {
		p.labels, p.last, p.next = labelsOf(e.Run.Fleet.Targets), reconcile.Step{}, nextTexts[e.Phase]
		return
	}
	if p.targets == nil || p.last.Phase != e.Phase {
		p.targets, p.failed = map[desired.Target]reconcile.Step{}, 0
	}
	if r := e.Result; r != nil && r.Err != nil && !r.Again {
		p.failed++
	} else if r != nil && r.Err == nil && r.Again {
		p.failed--
	}
	e.Result = nil // valid during the call only
	p.last, p.targets[e.Target] = e, e
}

// close ends it: nothing is written and nothing drawn after it returns.
func (p *progress) close() {
	if p == nil {
		return
	}
	close(p.stop)
	<-p.done
}

func (p *progress) loop() {
	defer close(p.done)
	every := progressEvery
	if p.drawing != nil {
		every = redrawEvery
		defer p.drawing.close()
		p.tell()
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.tell()
		}
	}
}

// tell draws or logs how far the run is.
func (p *progress) tell() {
	if p.drawing != nil {
		columns, _ := p.drawing.size()
		p.drawing.draw(p.lines(columns))
		return
	}
	p.mu.Lock()
	e, targets, next, asked, held := p.last, maps.Clone(p.targets), cmp.Or(p.next, first), p.asked, p.held
	p.mu.Unlock()
	switch {
	case held != nil:
		p.log.Info("waiting for another run", "run", sanitize(held.Owner.RunID), "target", held.Subject, "host", sanitize(held.Owner.Host), "pid", held.Owner.PID)
	case len(asked) > 0:
		p.log.Info("all is read; asking " + strings.Join(asked, ", "))
	case e.Total == 0:
		p.log.Info(next)
	case e.Done < e.Total:
		logProgress(p.log, e, targets, p.snapshots())
	}
}

// lines are what is drawn: the whole run in one line, then each target that is not done, none
// wider than there is room for.
func (p *progress) lines(width int) []string {
	limiters := p.snapshots()
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.last
	switch {
	case p.held != nil:
		return heldLines(p.held, width)
	case len(p.asked) > 0:
		parts := []string{"; asking " + p.asked[0]}
		for _, name := range p.asked[1:] {
			parts = append(parts, ", "+name)
		}
		return folded("All is read", parts, width)
	case e.Total == 0:
		next := cmp.Or(p.next, first)
		return []string{strings.ToUpper(next[:1]) + next[1:]}
	case e.Done == e.Total:
		return []string{"All is " + map[reconcile.Phase]string{reconcile.PhaseSurvey: "read", reconcile.PhaseAliases: "listed", reconcile.PhaseApply: "settled"}[e.Phase]}
	}
	verb := map[reconcile.Phase]string{reconcile.PhaseSurvey: "Read", reconcile.PhaseAliases: "Listed the aliases of", reconcile.PhaseApply: "Settled"}[e.Phase]
	var parts []string
	if eta := etaOf(e, p.targets, limiters); eta > 0 {
		parts = append(parts, fmt.Sprintf(", about %v left", eta))
	}
	if p.failed > 0 {
		parts = append(parts, fmt.Sprintf(", %d failed", p.failed))
	}
	lines := folded(fmt.Sprintf("%s %d of %d (%d%%)", verb, e.Done, e.Total, 100*e.Done/e.Total), parts, width)
	open := slices.SortedFunc(maps.Values(p.targets), func(a, b reconcile.Step) int {
		return cmp.Or(cmp.Compare(b.TargetTotal-b.TargetDone, a.TargetTotal-a.TargetDone), a.Target.Compare(b.Target))
	})
	open = slices.DeleteFunc(open, func(e reconcile.Step) bool { return e.TargetDone == e.TargetTotal })
	for i, t := range open {
		if i == progressTargets {
			lines = append(lines, fmt.Sprintf("  ... and %s", count(len(open)-i, "more target", "more targets")))
			break
		}
		s := limiters[t.Target]
		parts := []string{fmt.Sprintf(", %s of %s requests/s", ratelimit.FormatRate(s.Rate), ratelimit.FormatRate(s.Ceiling))}
		if s.Throttled > 0 {
			parts = append(parts, fmt.Sprintf(", throttled %s", count(int(s.Throttled), "time", "times")))
		}
		for _, wait := range waits(&s.Backlog) {
			if what, next, _ := strings.Cut(wait, ", "); len("    "+wait) >= width {
				parts = append(parts, "; "+what, ", "+next)
			} else {
				parts = append(parts, "; "+wait)
			}
		}
		// Many targets may share a label, so that it is the label that is cut.
		line := fmt.Sprintf("%s: %d of %d", t.Target, t.TargetDone, t.TargetTotal)
		if label := runewidth.Truncate(report.Clean(p.labels[t.Target]), max(0, width-4-len(line)), "..."); label != "" && label != "..." {
			line = label + " " + line
		}
		lines = append(lines, folded("  "+line, parts, width)...)
	}
	for i := range lines {
		lines[i] = runewidth.Truncate(sanitize(lines[i]), max(width-1, 1), "")
	}
	return lines
}

// folded is a line and what else there is to say, as much of it as foldedLines have room for: half
// a phrase says nothing.
func folded(line string, parts []string, width int) []string {
	lines := []string{line}
	for _, part := range parts {
		switch last := &lines[len(lines)-1]; {
		case runewidth.StringWidth(*last+part) < width:
			*last += part
		case len(lines) < foldedLines:
			lines = append(lines, "    "+strings.TrimLeft(part, ",; "))
		default:
			return lines
		}
	}
	return lines
}

// etaOf is how long the rest takes: as long as the target that is the last to end, since
// one that is done leaves its rate to nobody. All calls at all rates take no longer than
// that, and count those of targets that have told nothing yet.
func etaOf(e reconcile.Step, targets map[desired.Target]reconcile.Step, limiters map[desired.Target]ratelimit.Snapshot) time.Duration {
	rate, _, backlog := sumOf(limiters)
	eta := timeFor(e.Total-e.Done-backlog.Calls(), rate)
	for _, t := range targets {
		s := limiters[t.Target]
		eta = max(eta, timeFor(t.TargetTotal-t.TargetDone-s.Backlog.Calls(), s.Rate))
	}
	return eta
}

// timeFor is how long calls take at a rate, in whole seconds; 0 where the rate says
// nothing: the last few wait for busy functions, and no time is better than a wrong one.
func timeFor(calls int, rate float64) time.Duration {
	left := float64(calls)
	if rate <= 0 || left <= rate {
		return 0
	}
	return time.Duration(left/rate) * time.Second
}

// sumOf is what the limiters of all targets let through and hold back.
func sumOf(limiters map[desired.Target]ratelimit.Snapshot) (rate float64, throttled int64, backlog ratelimit.Backlog) {
	for _, s := range limiters {
		rate += s.Rate
		throttled += s.Throttled
		backlog.Add(&s.Backlog)
	}
	return rate, throttled, backlog
}

func logProgress(log *slog.Logger, e reconcile.Step, targets map[desired.Target]reconcile.Step, limiters map[desired.Target]ratelimit.Snapshot) {
	rate, throttled, backlog := sumOf(limiters)
	args := []any{"done", e.Done, "of", e.Total, "rate", json.Number(ratelimit.FormatRate(rate))}
	if eta := etaOf(e, targets, limiters); eta > 0 {
		args = append(args, "eta", eta.String())
	}
	if throttled > 0 {
		args = append(args, "throttled", throttled)
	}
	if waiting := waitText(&backlog); waiting != "" {
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
	ratelimit.WaitPaused:    {"call behind a throttled one", "calls behind a throttled one"},
	ratelimit.WaitBreaker:   {"call behind five failed in a row", "calls behind five failed in a row"},
}

// waitText says what is held back, and until when: "2 busy functions, next try in 8s".
func waitText(backlog *ratelimit.Backlog) string { return strings.Join(waits(backlog), "; ") }

func waits(backlog *ratelimit.Backlog) (all []string) {
	for w, h := range backlog {
		if h.Calls == 0 {
			continue
		}
		text := count(h.Calls, waitTexts[w][0], waitTexts[w][1])
		in, unit := time.Until(h.Next), time.Second
		if in < unit {
			unit /= 10
		}
		if in = in.Round(unit); in > 0 {
			all = append(all, fmt.Sprintf("%s, next try in %v", text, in))
		} else {
			all = append(all, text+", one is tried now")
		}
	}
	return all
}
