package main

import (
	"context"
	"slices"

	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

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
