package web

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/page"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

const (
	// maxPasses is how many passes the page lists.
	maxPasses = 20
	// maxReports is how many bytes of packed reports are kept for it.
	maxReports = 16 << 20
)

// Board is what the page tells beside the worker's State: what passes found in each
// target, how far the ones under way are, and the last of them. It is a part of a
// worker's Observer, and bounded.
type Board struct {
	limiters func() map[desired.Target]ratelimit.Snapshot

	mu       sync.Mutex
	targets  []*targetStatus         // in the order of the fleet
	passes   []*passLine             // newest first
	progress map[bool]reconcile.Step // of the sweep (true) and of the targeted pass under way
	lags     []lag
	trail    time.Time     // up to when CloudTrail's history was taken for complete everywhere; zero: it was not asked
	trailLag time.Duration // how late the latest event appeared in it
	moves    []move        // newest first
}

// move is a change of the accounts of an organization.
type move struct {
	at   time.Time
	text string
}

// maxMoves is how many of them the page lists.
const maxMoves = 5

// targetStatus is a target after the last sweep over it.
type targetStatus struct {
	desired.Target
	label   string
	swept   time.Time // zero before the first
	read    time.Time // when it was last dealt with to the end
	run     string    // that sweep
	counts  reconcile.PlanCounts
	settled int    // changes of the plan that there is no need for any more
	failed  int    // changes that were not made
	lacking int    // missing configs that are an error
	open    string // names of configs that differ, or of which the change failed
	missing string // names of configs that are missing in AWS
	err     error  // why it was not dealt with to the end
	authors []string
}

// passLine is a pass that is over.
type passLine struct {
	run               string
	started, finished time.Time
	kind, causes      string
	drifted, written  int
	authors           []string // who made what differed, most first
	err               string
	report            []byte // packed, or nil
	sweep             bool   // the report is that of a sweep
}

// lag is how far behind a source is.
type lag struct {
	name string
	text func() string
}

// NewBoard makes a board with nothing on it. Limiters is asked whenever somebody looks.
func NewBoard(limiters func() map[desired.Target]ratelimit.Snapshot) *Board {
	return &Board{limiters: limiters, progress: map[bool]reconcile.Step{}}
}

// Declare shows these targets, those before the first pass over them too, and no others.
func (b *Board) Declare(targets []desired.TargetSpec) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = slice.Map(targets, func(t desired.TargetSpec) *targetStatus { return b.at(t.Target, t.Label) })
}

// Moved shows which accounts an organization has won and lost.
func (b *Board) Moved(at time.Time, target string, joined, left []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var text []string
	if len(joined) > 0 {
		text = append(text, page.Count(len(joined), "account")+" joined: "+worker.Few(joined))
	}
	if len(left) > 0 {
		text = append(text, page.Count(len(left), "account")+" left: "+worker.Few(left))
	}
	b.moves = slices.Insert(b.moves, 0, move{at, target + ": " + strings.Join(text, "; ")})
	b.moves = b.moves[:min(len(b.moves), maxMoves)]
}

// Lag shows how far behind a source is; "" shows nothing.
func (b *Board) Lag(name string, text func() string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lags = append(b.lags, lag{name, text})
}

func (b *Board) at(t desired.Target, label string) *targetStatus {
	i := slices.IndexFunc(b.targets, func(s *targetStatus) bool { return s.Target == t })
	if i < 0 {
		i = len(b.targets)
		b.targets = append(b.targets, &targetStatus{Target: t})
	}
	b.targets[i].label = label
	return b.targets[i]
}

// Observe takes in a step of a pass under way.
func (b *Board) Observe(sweep bool, e reconcile.Step) {
	if e.Run != nil {
		return
	}
	e.Result = nil // valid during the call only
	b.mu.Lock()
	defer b.mu.Unlock()
	b.progress[sweep] = e
}

// Passed takes in what a pass came to.
func (b *Board) Passed(r worker.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.progress, r.Scope.All)
	line := b.line(r.Result.RunID)
	line.started, line.finished, line.kind = r.Started, r.Finished, "sweep"
	if !r.Scope.All {
		line.kind = "targeted: " + page.Count(len(r.Scope.Objects), "function")
	}
	line.causes = strings.Join(slice.Map(r.Causes, worker.Cause.String), ", ")
	if err := r.Result.Completed(); err != nil {
		line.err = err.Error()
	}
	if r.Result.Outcome != nil {
		line.written = r.Result.Outcome.Counts().Applied()
	}
	if r.Result.Plan == nil {
		if r.Scope.All { // nothing was read, and so nothing is known
			for _, t := range b.targets {
				t.sweep(&r, &reconcile.TargetPlan{Target: t.Target, Err: r.Result.Completed(), Unknown: true})
			}
		}
		return
	}
	line.drifted, line.authors = r.Result.Plan.Counts().Changes(), r.Result.Insights.ByAuthor()
	if !r.Scope.All {
		return
	}
	b.trail, b.trailLag = time.Time{}, 0
	var now []*targetStatus
	for p := range slice.Pointers(r.Result.Plan.Targets) {
		t := b.at(p.Target, p.Label)
		if e := p.Evidence; e != nil && !e.Trail.IsZero() {
			if b.trail.IsZero() || e.Trail.Before(b.trail) {
				b.trail = e.Trail
			}
			b.trailLag = max(b.trailLag, e.Lag)
		}
		t.sweep(&r, p)
		now = append(now, t)
	}
	b.targets = now // those that left the fleet go
}

// sweep takes in what a sweep found and did.
func (t *targetStatus) sweep(r *worker.Report, p *reconcile.TargetPlan) {
	counts := p.Counts()
	*t = targetStatus{Target: t.Target, label: t.label, swept: r.Finished, read: t.read, run: r.Result.RunID, counts: counts, err: r.Result.TargetErr(p.Target),
		lacking: counts.Lacking(r.Result.MissingFunctions, r.Result.MissingQualifiers)}
	if t.err == nil {
		t.read = r.Finished
	}
	var open, missing []string
	for _, f := range p.Findings {
		if f.Kind == reconcile.FindingFunctionMissing || f.Kind == reconcile.FindingQualifierMissing {
			missing = append(missing, f.Name.String())
		}
	}
	if o := r.Result.Outcome.Of(p.Target); o != nil {
		c := o.Counts()
		t.settled, t.failed = c.Applied()+c.AlreadySo, c.Failed
		for i := range o.Results {
			if s := o.Results[i].Status; s == reconcile.Failed || c.Failed == 0 && s != reconcile.Applied && s != reconcile.AlreadySo {
				open = append(open, o.Results[i].Name.String())
			}
		}
	} else {
		for i := range p.Changes {
			open = append(open, p.Changes[i].Name.String())
		}
	}
	t.open, t.missing = worker.Few(open), worker.Few(missing)
	mine := insight.Set{Authors: slice.Filter(r.Result.Insights.Authors, func(a insight.Authorship) bool { return a.Target == p.Target })}
	t.authors = mine.ByAuthor()
}

// line is the one of a run, which is made where there is none.
func (b *Board) line(run string) *passLine {
	if i := slices.IndexFunc(b.passes, func(p *passLine) bool { return p.run == run }); run != "" && i >= 0 {
		return b.passes[i]
	}
	p := &passLine{run: run}
	b.passes = slices.Insert(b.passes, 0, p)
	if last := maxPasses; len(b.passes) > last {
		if b.passes[last] == b.lastSweep() {
			last--
		}
		b.passes = slices.Delete(b.passes, last, last+1)
	}
	return p
}

// lastSweep is the latest sweep that has a report, or nil. Targets link to it, so that
// no number of targeted passes takes its place.
func (b *Board) lastSweep() *passLine {
	if i := slices.IndexFunc(b.passes, func(p *passLine) bool { return p.sweep && p.report != nil }); i >= 0 {
		return b.passes[i]
	}
	return nil
}

// Report keeps the report of a run, packed with gzip, until others take its room; that of
// the last sweep until the next one.
func (b *Board) Report(run string, sweep bool, packed []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(packed) > maxReports {
		return
	}
	line := b.line(run)
	line.report, line.sweep = packed, sweep
	last := b.lastSweep()
	size := 0
	if last != nil {
		size = len(last.report)
	}
	for _, p := range b.passes {
		if p == last {
			continue
		}
		if size += len(p.report); size > maxReports {
			p.report = nil
		}
	}
}

// report is that of a run, or nil.
func (b *Board) report(run string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.passes {
		if p.run == run {
			return p.report
		}
	}
	return nil
}

// state is how a target is, in words and as a tone.
func (t *targetStatus) state() (text, tone string) {
	switch drift := t.drift(); {
	case t.swept.IsZero():
		return "not looked at yet", "plain"
	case t.counts.UnreadableTargets > 0:
		return "could not be read", "bad"
	case t.failed > 0:
		return page.Count(t.failed, "change") + " failed", "bad"
	case t.err != nil:
		return "not to the end", "bad"
	case drift > 0:
		return page.Count(drift, "config") + " drifted", "warn"
	case t.counts.Unreadable+t.counts.NotExamined > 0:
		return "partly read", "warn"
	case t.lacking > 0:
		return page.Number(t.lacking) + " missing in AWS", "warn"
	case t.counts.Declared == t.counts.Skipped:
		return "no configs", "plain"
	}
	return "in sync", "good"
}

// drift is how many configs differ, as far as is known.
func (t *targetStatus) drift() int { return max(0, t.counts.Changes()-t.settled) }

// inSync is how many configs are as declared.
func (t *targetStatus) inSync() int { return t.counts.InSync + t.settled }

// unknown reports whether nobody knows how many configs it has.
func (t *targetStatus) unknown() bool { return t.swept.IsZero() || t.counts.UnknownTargets > 0 }

// why it was not dealt with to the end: of what AWS says the code alone, since the page has
// told the rest of all targets together.
func (t *targetStatus) why() string {
	if call := reconcile.ErrorOf(t.err); call.Code != "" {
		return (&callerr.Error{Op: call.Op, Code: call.Code, Status: call.Status}).Error()
	}
	return strings.TrimPrefix(t.err.Error(), t.Target.String()+": ")
}
