package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// pass runs one job to its end.
func (w *Worker) pass(ctx context.Context, j *job, scope Scope) {
	defer w.poke()
	report := Report{Scope: scope, Causes: j.causes.list(), Started: time.Now(), Events: j.times()}
	var fleet desired.Fleet
	report.Result, fleet = w.call(ctx, scope)
	report.Scope.work = nil
	report.Finished = time.Now()
	completed := report.Result.Completed()

	w.conclude(&report, j, completed, fleet)
	w.log(ctx, &report, completed)
	w.o.Observer.Passed(report)
	j.settle(completed, report.Result.FailureOf())
}

// ErrStalled is why the context of a pass ends that gave no sign of life.
var ErrStalled = errors.New("the pass gave no sign of life and was ended")

// call makes one pass within its bounds, and gives the fleet that it resolved.
func (w *Worker) call(ctx context.Context, scope Scope) (Result, desired.Fleet) {
	ctx, cancel := context.WithTimeoutCause(ctx, w.o.Limit, fmt.Errorf("the pass took longer than %s and was ended", w.o.Limit))
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	p := newPulse(w.o.Silence, func() {
		w.o.Log.Error("a pass gives no sign of life and is told to end", "everything", scope.All, "objects", len(scope.Objects), "silent", w.o.Silence.String())
		w.o.Observer.Stalled()
		w.setState(func(s *State) { s.Stalled = time.Now().Add(-w.o.Silence) })
		end(ErrStalled)
	})
	defer func() {
		p.stop()
		w.setState(func(s *State) { s.Stalled = time.Time{} })
	}()
	var fleet desired.Fleet
	scope.work = &work{claims: w.claims, alive: p.beat, sees: func(f desired.Fleet) { fleet = f }}
	defer w.claims.begin(scope)()
	result := w.o.Pass(ctx, scope)
	return result, fleet
}

// pulse calls stalled once when beat has not been called for a while.
type pulse struct {
	mu      sync.Mutex
	silence time.Duration
	timer   *time.Timer
	over    bool
}

func newPulse(silence time.Duration, stalled func()) *pulse {
	p := &pulse{silence: silence}
	if silence == 0 {
		p.over = true // nobody listens
		return p
	}
	p.mu.Lock() // the timer may fire before its own assignment is seen
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(silence, func() {
		p.stop()
		stalled()
	})
	return p
}

func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.timer.Reset(p.silence)
	}
}

func (p *pulse) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.over = true
		p.timer.Stop()
	}
}

// heldPause is how long a target is left alone that another run holds, at most. Two
// workers that were started together meet at once, and need not wait for the next sweep.
const heldPause = time.Minute

// conclude brings the state up to date.
func (w *Worker) conclude(report *Report, j *job, completed error, fleet desired.Fleet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, result := report.Finished, &report.Result
	w.o.Fights.Ran(result.Outcome, now)
	w.allowance.looked(report.Scope, fleet, result)
	for _, o := range result.held(report.Scope) {
		w.queue.again(o, now.Add(time.Duration((1+w.o.Random())/2*float64(heldPause))))
	}
	if result.anyTarget(report.Scope) {
		w.state.LastSuccess = now
	}
	if j.sweep {
		w.sweep, w.state.Sweeping, w.queue.swept = nil, time.Time{}, now
		w.state.LastLength, w.state.LastError = now.Sub(report.Started), ""
		if completed != nil {
			w.state.LastError = completed.Error()
		}
		w.noteFleetProblem(result.FleetProblem, now)
	} else {
		w.targeted, w.state.Targeted = nil, time.Time{}
		w.allowance.spend(result, now)
	}
	report.Fought = w.o.Fights.List(fights.Told, now)
	w.tellFights(report)
	report.Refused = w.allowance.refused != nil
}

// tellFights logs those among the fights that the pass has corrected once more.
func (w *Worker) tellFights(report *Report) {
	corrected := slice.Set(report.Result.corrected())
	for _, f := range report.Fought {
		if corrected[f.Key] {
			w.o.Log.Warn("config is fought over", "config", f.Key.String(), "corrected", f.Times, "since", f.Since.UTC().Format(time.RFC3339),
				"by", f.Author.String(), "principal", f.Author.Principal, "left_alone", w.o.Fights.Is(f.Key, fights.Hot, report.Finished))
		}
	}
}

// noteFleetProblem keeps since when the files are broken. Only a sweep reads them.
func (w *Worker) noteFleetProblem(problem error, now time.Time) {
	switch {
	case problem == nil:
		w.state.FleetProblem, w.state.FleetProblemSince = "", time.Time{}
		return
	case w.state.FleetProblem == "":
		w.state.FleetProblemSince = now
	}
	w.state.FleetProblem, w.state.AccountsUnknown = problem.Error(), errors.Is(problem, ErrAccounts)
}

// summary is what one line of the log says of a sweep.
type summary struct {
	at     time.Time
	counts reconcile.PlanCounts
}

// quiet is how long the log may be silent about sweeps that found nothing new.
const quiet = time.Hour

// maxAuthors of what drifted are named in one line.
const maxAuthors = 5

// log tells of a pass in one line: always when it failed or wrote, of a sweep
// also when somebody asked for it, when it found something else than the one before,
// and once an hour.
func (w *Worker) log(ctx context.Context, report *Report, completed error) {
	result := &report.Result
	log := w.o.Log.With("causes", slice.Map(report.Causes, Cause.String), "everything", report.Scope.All, "objects", len(report.Scope.Objects), "corrected", len(result.corrected()),
		"took", report.Finished.Sub(report.Started).Round(time.Millisecond).String())
	if result.RunID != "" {
		log = log.With("run", result.RunID)
	}
	if problem := result.FleetProblem; problem != nil && report.Scope.All {
		log.Error(broken(errors.Is(problem, ErrAccounts))+", and the last good ones stay in force", "error", problem)
	}
	var counts reconcile.PlanCounts
	if result.Plan != nil {
		counts = result.Plan.Counts()
		log = log.With("configs", counts.Declared, "in_sync", counts.InSync, "drifted", counts.Changes(), "unreadable", counts.Unreadable+counts.NotExamined)
	}
	if authors := result.Insights.ByAuthor(); len(authors) > 0 {
		log = log.With("authors", authors[:min(len(authors), maxAuthors)])
	}
	if result.Outcome != nil {
		n := result.Outcome.Counts()
		log = log.With("failed", n.Failed, "not_attempted", n.NotAttempted)
	}
	switch {
	case completed != nil && ctx.Err() != nil:
		log.Info("pass ended with the worker", "reason", context.Cause(ctx).Error())
	case completed != nil && slices.Equal(result.Reasons(), []Reason{ByLease}):
		level := slog.LevelInfo
		if !report.Scope.All {
			level = slog.LevelDebug // it comes again every minute
		}
		log.Log(ctx, level, "another run is at work, and what it holds is looked at again within a minute", "held", completed)
	case completed != nil:
		log.Error("pass did not come to its end", "error", completed)
	case result.Outcome != nil:
		log.Info("pass is over")
	case !report.Scope.All:
		log.Debug("pass is over")
	default:
		w.mu.Lock()
		same := !slices.ContainsFunc(report.Causes, func(c Cause) bool { return !c.scheduled() }) && w.told.counts == counts && report.Finished.Sub(w.told.at) < quiet
		if !same {
			w.told = summary{report.Finished, counts}
		}
		w.mu.Unlock()
		if same {
			log.Debug("pass is over")
			return
		}
		log.Info("pass is over")
	}
}
