package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/destination"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/observed"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/trail"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// readChoice says whether a run reads everything, or only what may have changed since
// others read it. Its zero value is everything.
type readChoice struct {
	read   string // "" of a verb without the flag
	maxAge time.Duration
	delay  time.Duration
}

const (
	readAll     = "all"
	readChanged = "changed"
	readAuto    = "auto"
)

// bind binds the flags. The first of the choices is the default.
func (o *readChoice) bind(cmd *cobra.Command, choices ...string) {
	texts := map[string]string{
		readAll:     "all",
		readChanged: "changed (what CloudTrail names; the rest is carried)",
		readAuto:    "auto (changed, where all takes too long)",
	}
	spelt := slice.Map(choices, func(c string) string { return texts[c] })
	flags := cmd.Flags()
	bindChoice(cmd, &o.read, "read", "what to read: `WHAT` is "+oneOf(spelt), choices...)
	flags.DurationVar(&o.maxAge, "max-age", observed.DefaultMaxAge, "read everything again within this `AGE`")
	flags.DurationVar(&o.delay, "trail-delay", observed.DefaultDelay, "how late CloudTrail may show an event: each look overlaps the last by `DURATION`")
}

func (o *readChoice) check() error {
	switch {
	case o.read == "":
		return nil
	case o.maxAge <= 0:
		return fmt.Errorf("--max-age %v must be above 0; to read everything use --read all", o.maxAge)
	case o.delay <= 0 || o.delay >= trail.Kept:
		return fmt.Errorf("--trail-delay %v must be above 0 and below the %v that CloudTrail keeps; 2h is a good start", o.delay, trail.Kept)
	}
	return nil
}

// carries reports whether a run may judge functions that it does not read.
func (o *readChoice) carries() bool { return o.read == readChanged || o.read == readAuto }

// observations are what runs saw before, kept in a place as --history spells it; nil
// where everything is to be read.
func (a *app) observations(ctx context.Context, o *readChoice, location string, c *clients) (*observed.Observations, error) {
	if !o.carries() || location == noHistory && o.read == readAuto {
		return nil, nil
	}
	if location == noHistory {
		return nil, errors.New("--read changed needs a place for what was read before; give --history a folder or s3://bucket/prefix")
	}
	store, err := history.OpenStore(ctx, location)
	if err != nil {
		return nil, err
	}
	return &observed.Observations{Store: store, Trail: c.lookup, MaxAge: o.maxAge, Delay: o.delay, Log: a.log}, nil
}

// lookup is an observed.Trail.
func (c *clients) lookup(ctx context.Context, t *reconcile.OpenTarget, q trail.Query) *trail.Answer {
	cfg, ok := awslambda.InsightConfig(*t)
	if !ok {
		return &trail.Answer{Cut: errors.New("the target was not opened on AWS")}
	}
	return trail.New(cfg, t.Target, c.trails).Lookup(ctx, q)
}

// partOfPeriod is how much of the time between two sweeps a full read may take before
// only what may have changed is read.
const partOfPeriod = 0.1

// recall is what lets a pass over targets judge functions that an earlier one read, or
// nil. One over functions reads them.
func (s *server) recall(ctx context.Context, scope worker.Scope) (*observed.Observations, error) {
	if !scope.Targets() {
		return nil, nil
	}
	seen, err := s.app.observations(ctx, &s.o.reading, s.o.historyLocation(), s.clients)
	auto := s.o.reading.read == readAuto
	switch {
	case err != nil && auto:
		s.app.log.Debug("everything is read, because there is no place for what was read before", "why", err.Error())
		return nil, nil
	case err != nil || seen == nil:
		return nil, err
	}
	if auto {
		most := time.Duration(partOfPeriod * float64(s.timetable.Period(time.Now())))
		if deadline, ok := ctx.Deadline(); ok && s.timetable.String() == "" {
			most = time.Until(deadline) / 2 // of a function's time; the rest is for the writes
		}
		seen.All = func(t *reconcile.OpenTarget, functions int) bool { return observed.ReadTime(t, functions) < most }
	}
	if !s.restOf.IsZero() {
		seen.All, seen.Since = nil, s.restOf
	}
	return seen, nil
}

// logInsights says which events are lost, and why a sweep read everything where only what changed
// was to be read.
func (s *server) logInsights(r *reconcile.RunResult) {
	if n := r.Insights.LosingDestinations(); n > 0 {
		s.app.log.Warn("events are lost: destinations are missing or FIFO; audit names them", "run", r.ID, "destinations", n)
	}
	for t := range slice.Pointers(r.Plan.Targets) {
		if t.Evidence != nil && t.Evidence.Full != "" {
			s.app.log.Info("read everything, not only what changed", "run", r.ID, "target", t.Target.String(), "why", sanitize(t.Evidence.Full))
		}
	}
}

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

// annotators are all that know something about a plan. Earlier runs are remembered in
// the history, which may be nil.
//
// A pass over the few functions that events told of does not wait for an event history
// that cannot know of those events yet: they name their authors themselves.
func (c *clients) annotators(h *history.History, sweep bool) []reconcile.Annotator {
	who := trail.Who{Limiters: c.trails, Fights: &c.fights}
	if h != nil {
		who.Remember = func(ctx context.Context, f *fights.Log) {
			// Without it fights are told from the event history alone.
			c.remembered.Do(func() { _ = h.TellFights(ctx, f) })
		}
	}
	if !sweep {
		return []reconcile.Annotator{destination.Annotator{}}
	}
	return []reconcile.Annotator{destination.Annotator{}, who}
}

// annotators are those of the run. One that only reads tells also since when something
// differs; one that writes does not read past audits first.
func (x *execution) annotators() []reconcile.Annotator {
	all := x.clients.annotators(x.past, true)
	if x.past != nil && !x.Write {
		all = append(all, history.SinceWhen{History: x.past})
	}
	return all
}
