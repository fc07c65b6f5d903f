package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/observed"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// outOfTime reports whether it was the deadline that ended a run, and nothing else.
func (h *handler) outOfTime(r *reconcile.RunResult) bool {
	for _, err := range []error{r.Err, r.Late} {
		if err != nil && !errors.Is(err, reconcile.ErrTimeUp) && !errors.Is(err, ratelimit.ErrNoTime) {
			return false
		}
	}
	return errors.Is(r.Stopped, reconcile.ErrTimeUp) && (r.Refused == nil || errors.Is(r.Refused, reconcile.ErrIncomplete))
}

// pendingOf are the objects with changes that a run which writes never came to.
func pendingOf(r *reconcile.RunResult) map[worker.Object]bool {
	pending := map[worker.Object]bool{}
	if !r.Write || r.Outcome != nil {
		return pending // an outcome has a row for each of them
	}
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		for j := range t.Changes {
			pending[worker.Object{Target: t.Target, Function: t.Changes[j].Function}] = true
			pending[worker.Object{Target: t.Target}] = true
		}
	}
	return pending
}

// begunBy is the run whose rest an item is, or "".
func begunBy(hints []events.Hint) string {
	for _, h := range hints {
		if h.Asked() && h.RestOf != "" {
			return h.RestOf
		}
	}
	return ""
}

// startOf is when a run began, as its id has it; zero for what is no such id.
func startOf(run string) time.Time {
	at, _, _ := strings.Cut(run, "-")
	began, err := time.Parse("20060102T150405Z", at)
	if err != nil {
		return time.Time{}
	}
	return began
}

// longestRest is how long after its begin a run is carried on. Within it CloudTrail
// shows late what was done meanwhile, so that the next run is told of it.
const longestRest = observed.DefaultDelay

// handOnTargets gives each target that the time did not suffice for to an invocation of
// its own. Of several, each then has the time of all. A single one gets further only
// where what was read of it is kept.
func (h *handler) handOnTargets(ctx context.Context, v *visit, result *worker.Result, first string) error {
	specs, declared := v.run.Wishes.Targets()
	if !declared {
		specs = []desired.TargetSpec{{Target: v.run.Opened.Ambient}}
	}
	var errs []error
	for _, spec := range specs {
		reached, own := endOf(result, spec.Target)
		whole := worker.Object{Target: spec.Target}
		switch {
		case own != nil:
			errs = append(errs, own)
			continue
		case reached && result.TargetErr(spec.Target) == nil && !v.pending[whole]:
			continue
		case len(specs) > 1:
		case !keeps(result.Plan, spec.Target):
			return fmt.Errorf("%w; %s does not fit into one invocation: give it a history (EVENTINVOKE_HISTORY=s3://...), by which the next one carries on, more time, or a worker (serve)", v.err, spec.Target)
		case time.Since(startOf(first)) > longestRest:
			return fmt.Errorf("%w; %s was begun by run %s and is not finished after %s: it needs a worker (serve)", v.err, spec.Target, first, longestRest)
		}
		item, _ := json.Marshal(map[string]string{"account": spec.Account, "region": spec.Region, "rest_of": first})
		if err := h.handOn(ctx, item); err != nil {
			errs = append(errs, fmt.Errorf("%s could not be handed on: %w", spec.Target, err))
			continue
		}
		v.answer.HandedOn = append(v.answer.HandedOn, spec.Target.String())
	}
	return errors.Join(errs...)
}

// keeps reports whether the next run has what was read of a target.
func keeps(plan *reconcile.Plan, target desired.Target) bool {
	if plan == nil {
		return false
	}
	t := reconcile.PartOf(plan.Targets, target)
	return t != nil && t.Evidence != nil && t.Evidence.Read > 0
}

// endOf tells whether a pass came as far as a target, and why it gave the target up,
// if the deadline was not why.
func endOf(r *worker.Result, target desired.Target) (reached bool, own error) {
	if r.Plan == nil {
		return false, nil
	}
	note := func(err error) {
		if err != nil && !errors.Is(err, reconcile.ErrTimeUp) && !errors.Is(err, ratelimit.ErrNoTime) {
			own = fmt.Errorf("%s: %w", target, err)
		}
	}
	t := reconcile.PartOf(r.Plan.Targets, target)
	if t == nil {
		return false, nil
	}
	note(t.Stopped)
	note(t.Err)
	if o := r.Outcome.Of(target); o != nil {
		note(o.Stopped)
	}
	return true, own
}
