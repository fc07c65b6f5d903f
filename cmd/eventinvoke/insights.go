package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/destination"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/trail"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// insightsFlag says whether a run learns more about its plan than Lambda tells. Left
// empty, as by verbs without the flag, it is off.
type insightsFlag string

var insightPolicies = map[insightsFlag]reconcile.InsightPolicy{
	"auto": reconcile.InsightsAuto, "on": reconcile.InsightsRequired, "off": reconcile.InsightsOff, "": reconcile.InsightsOff,
}

func (f *insightsFlag) bind(cmd *cobra.Command) {
	bindChoice(cmd, f, "insights", "ask other services too, such as whether destinations exist: `WHEN` is auto, on (exit code 3 if that fails) or off", "auto", "on", "off")
}

// policy is what the flag asks of a run.
func (f insightsFlag) policy() reconcile.InsightPolicy { return insightPolicies[f] }

// extent is how much a run looks at.
type extent bool

// A pass over the few functions that events told of does not wait for an event history
// that cannot know of those events yet: they name their authors themselves.
const (
	everything    extent = false
	aFewFunctions extent = true
)

// annotators are all that know something about a plan. Earlier runs are remembered in
// the history, which may be nil.
func (c *clients) annotators(h *history.History, of extent) []reconcile.Annotator {
	who := trail.Who{Limiters: c.trails, Fights: &c.fights}
	if h != nil {
		who.Remember = func(ctx context.Context, f *reconcile.Fights) {
			// Without it fights are told from the event history alone.
			c.remembered.Do(func() { _ = h.TellFights(ctx, f) })
		}
	}
	if of == aFewFunctions {
		return []reconcile.Annotator{destination.Annotator{}}
	}
	return []reconcile.Annotator{destination.Annotator{}, who}
}

// annotators are those of the run. One that only reads tells also since when something
// differs; one that writes does not read past audits first.
func (x *execution) annotators(h *history.History) []reconcile.Annotator {
	all := x.clients.annotators(h, everything)
	if h != nil && !x.Write {
		all = append(all, history.SinceWhen{History: h})
	}
	return all
}

// history is of the runs before; nil where none are remembered.
func (x *execution) history(ctx context.Context) *history.History {
	switch {
	case x.memory != nil:
		return x.memory.History
	case x.past == nil:
		return nil
	}
	h, err := history.Open(ctx, *x.past)
	if err != nil && x.Verb == "plan" { // of the others the recorder tells
		x.app.log.Warn("since when something differs is not known", "why", sanitize(err.Error()))
	}
	if err != nil {
		return nil
	}
	return h
}
