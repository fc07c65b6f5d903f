package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// first is what a run does before it has come to anything.
const first = "checking the credentials"

// nextTexts are what a run does next, once it has come to a phase in which nothing is counted.
var nextTexts = map[reconcile.Phase]string{
	reconcile.PhaseHold:     "taking the leases",
	reconcile.PhaseDiscover: "listing functions",
	reconcile.PhaseResolve:  "reading the first functions",
	reconcile.PhasePlan:     "preparing to write",
	reconcile.PhaseRecord:   "storing the record",
}

// asking are annotators, of which it is told while they are asked.
func (p *progress) asking(all []reconcile.Annotator) []reconcile.Annotator {
	if p == nil {
		return all
	}
	told := slices.Clone(all)
	for i, a := range all {
		told[i] = toldAnnotator{a, p}
	}
	return told
}

// toldAnnotator tells a progress that it is asked.
type toldAnnotator struct {
	reconcile.Annotator
	p *progress
}

// Annotate implements reconcile.Annotator.
func (a toldAnnotator) Annotate(ctx context.Context, r *reconcile.RunResult) insight.Set {
	a.p.mu.Lock()
	a.p.asked = slices.Sorted(slices.Values(append(a.p.asked, a.Name())))
	a.p.mu.Unlock()
	defer func() {
		a.p.mu.Lock()
		defer a.p.mu.Unlock()
		a.p.asked = slices.DeleteFunc(slices.Clone(a.p.asked), func(name string) bool { return name == a.Name() })
	}()
	return a.Annotator.Annotate(ctx, r)
}

// waitFor is told of the lease of another run that is waited for, and of nil after it.
func (p *progress) waitFor(held *history.HeldError) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
}

// heldLines say which run is waited for. Who waits long looks for it by its process.
func heldLines(held *history.HeldError, width int) []string {
	o := held.Owner
	return folded("Waiting for run "+sanitize(o.RunID), []string{", which holds " + held.Subject, fmt.Sprintf("; pid %d on %s", o.PID, sanitize(o.Host))}, width)
}
