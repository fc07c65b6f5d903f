package report

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Past is a run of which a record tells, as far as it does: what a record keeps as a
// number alone, and where each setting was declared, is not known any more.
func Past(past PastRun) *Run {
	attempts := past.Latest()
	r := &Run{ID: past.Run.ID, Started: past.Started(), Undo: past.Undo, nameless: map[desired.Target]reconcile.TargetPlan{}}
	r.Fleet.MissingFunctions, r.Fleet.MissingQualifiers = desired.MissingWarn, desired.MissingWarn
	if len(attempts) == 0 {
		r.Err = errors.New("the run left no record")
		return r
	}
	r.Part = len(attempts) < attempts[0].Shard.Count
	plan := &reconcile.Plan{}
	for attempt := range slice.Pointers(attempts) {
		r.ToolVersion, r.Verb, r.GuardOff = attempt.ToolVersion, attempt.Verb, attempt.GuardOff
		if attempt.Finished.After(r.Finished) {
			r.Finished = attempt.Finished
		}
		r.Asked = max(r.Asked, time.Duration(attempt.AskedMS)*time.Millisecond)
		r.Part = r.Part || !ofFleet(attempt)
		r.attemptEnded(attempt)
		for _, f := range attempt.Files {
			if !slices.Contains(r.Fleet.Files, f.Path) {
				r.Fleet.Files = append(r.Fleet.Files, f.Path)
			}
		}
		r.Guard = append(r.Guard, attempt.Guard...)
		if f, q := attempt.MissingFunctions, attempt.MissingQualifiers; f != nil && q != nil { // the strictest of all attempts
			r.Fleet.MissingFunctions, r.Fleet.MissingQualifiers = min(r.Fleet.MissingFunctions, *f), min(r.Fleet.MissingQualifiers, *q)
		} else if len(attempt.Targets) > 0 {
			r.Fleet.NoPolicies = true
		}
		for j := range attempt.Targets {
			plan.Targets = append(plan.Targets, r.pastTarget(attempt, &attempt.Targets[j]))
		}
	}
	if len(plan.Targets) == 0 {
		if r.Err == nil {
			r.Err = fmt.Errorf("the run's record ends before its plan; `eventinvoke history %s` tells what its journal says", r.ID)
		}
		return r
	}
	slices.SortFunc(plan.Targets, func(a, b reconcile.TargetPlan) int { return a.Target.Compare(b.Target) })
	r.Plan, r.Fleet.Targets = plan, len(plan.Targets)
	r.pastItems(past.Items())
	slices.SortFunc(r.Insights.Authors, func(a, b insight.Authorship) int { return a.Key.Compare(b.Key) })
	return r
}

// ofFleet reports whether an attempt is known to have looked at its whole fleet, or its shard's
// part of it. Of older records only those of audits tell that: an apply may be of a saved plan.
func ofFleet(attempt *history.RunRecord) bool {
	if n := attempt.Narrowed; n != nil {
		return !*n
	}
	return attempt.Verb == "audit" && len(attempt.Targets) > 0 && len(attempt.Selection.Targets)+len(attempt.Selection.Functions) == 0
}

// attemptEnded takes in how an attempt ended.
func (r *Run) attemptEnded(attempt *history.RunRecord) {
	switch {
	case attempt.Failure != nil:
		r.Err = attempt.Failure
	case (attempt.State == history.Failed || attempt.State == history.Declined) && attempt.Stopped != "" && len(attempt.Targets) > 0:
		r.Refused = errors.New(attempt.Stopped)
	case attempt.State == history.Failed && attempt.Stopped != "":
		r.Err = errors.New(attempt.Stopped)
	case attempt.Stopped != "":
		r.Stopped = attempt.Stopped
	case attempt.State == history.Died:
		r.Stopped = "the process died"
	case attempt.State == history.Running:
		r.Stopped = "the run is at work"
	}
}

// pastTarget is one target of a record, and notes what it keeps as numbers alone.
func (r *Run) pastTarget(attempt *history.RunRecord, t *history.TargetRecord) reconcile.TargetPlan {
	p := reconcile.TargetPlan{Target: t.Target, Label: t.Label, Declared: t.Plan.Declared, InSync: t.Plan.InSync, Skipped: t.Plan.Skipped, Err: failure(t.Failure), Stopped: failure(t.Stopped), Unknown: t.Unknown}
	named := map[string]int{}
	for _, f := range attempt.Findings {
		if f.Target != t.Target {
			continue
		}
		named[f.Reason]++
		p.Findings = append(p.Findings, reconcile.Finding{Name: f.Name, Kind: kindOf(f.Reason), Err: failure(f.Failure)})
	}
	for _, d := range t.Drift { // of an audit, which keeps no settings
		change := history.Item{Action: d.Action, Author: d.Author}
		change.Key = desired.Key{Target: t.Target, Name: d.Name}
		r.madeBy(&change)
		p.Changes = append(p.Changes, changeOf(&change))
	}
	nameless := reconcile.TargetPlan{Ignored: make([]desired.Ignored, t.Plan.Ignored)}
	numbers := map[string]int{"ignored": t.Plan.Ignored}
	maps.Copy(numbers, t.Findings)
	for _, what := range slices.Sorted(maps.Keys(numbers)) {
		if n := numbers[what] - named[what]; n > 0 {
			if what != "ignored" {
				nameless.Findings = append(nameless.Findings, slices.Repeat([]reconcile.Finding{{Kind: kindOf(what)}}, n)...)
			}
			names := "the name"
			if n > 1 {
				names = "the names"
			}
			r.Insights.Unavailable = append(r.Insights.Unavailable, insight.Unavailable{
				What: fmt.Sprintf("%s of %s (%s)", names, count(n, "config"), strings.ReplaceAll(what, "_", " ")), Target: t.Target, Err: errors.New("the record says only how many there were"),
			})
		}
	}
	r.nameless[t.Target] = nameless
	r.Fleet.Configs += t.Plan.Declared
	r.Functions, r.Covered = r.Functions+t.Functions, r.Covered+t.Covered
	api := TargetAPI{Target: t.Target, Label: t.Label, Operations: t.Operations, Pace: t.Pace}
	if l := t.Limiter; l != nil {
		api.Limiter = ratelimit.Snapshot{Rate: l.Rate, Ceiling: l.Ceiling, Decreases: l.Decreases, Paused: time.Duration(l.PausedMS) * time.Millisecond, Throttled: l.Throttled}
	}
	r.API = append(r.API, api)
	return p
}

// madeBy takes in who had made a config what the run found.
func (r *Run) madeBy(i *history.Item) {
	if a := i.Author; a != nil {
		r.Insights.Authors = append(r.Insights.Authors, insight.Authorship{Key: i.Key, Author: a.Author, At: a.At, Call: a.Call})
	}
}

// failure is what a record keeps of an error.
func failure(e *callerr.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// kindOf reads the spelling of a kind of finding back.
func kindOf(reason string) (k reconcile.FindingKind) {
	_ = k.UnmarshalText([]byte(reason))
	return k
}

// pastItems are the changes, and how they ended where something was tried.
func (r *Run) pastItems(items []history.Item) {
	tried := slices.ContainsFunc(items, func(i history.Item) bool { return i.Status != history.Planned })
	if tried {
		r.Outcome = &reconcile.Outcome{}
	}
	for p := range slice.Pointers(r.Plan.Targets) {
		outcome := reconcile.TargetOutcome{Target: p.Target, Label: p.Label, Stopped: p.Stopped}
		for item := range slice.Pointers(items) {
			if item.Target != p.Target {
				continue
			}
			change := changeOf(item)
			r.madeBy(item)
			p.Changes = append(p.Changes, change)
			result := reconcile.ChangeResult{Change: change, After: item.After, Err: failure(item.Failure), Stats: ratelimit.CallStats{Attempts: item.Attempts, Waited: time.Duration(item.WaitedMS) * time.Millisecond}}
			_ = result.Status.UnmarshalText([]byte(item.Status)) // planned, and not tried: not attempted
			if item.Status == history.Planned {
				result.Status = reconcile.NotAttempted
			}
			outcome.Results = append(outcome.Results, result)
		}
		if tried {
			r.Outcome.Targets = append(r.Outcome.Targets, outcome)
			p.Stopped = nil // it was the writing that ended early
		}
	}
}
