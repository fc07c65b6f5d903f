// Package observed remembers what runs saw of functions, so that a later run reads
// only what may have changed since.
//
// In go the functions that a run read, what it wrote, and what CloudTrail's history
// tells ([Trail]). Out come, for the next run, the functions that it may judge without
// reading them. One file a target, beside the history in a folder or a bucket, keeps
// what was seen: records, tags where they matter, and when.
//
// What holds:
//   - An observation spares a read and never justifies a write: what comes out is a
//     reconcile.CarriedFunction, of which no change can be made.
//   - Nothing carried is older than the maximum age, whatever the trail says: some of
//     the oldest are read in every pass.
//   - What the trail tells of is read or forgotten before the look at the trail is
//     stored. A process that dies before that has the same news the next time.
//   - A file that is damaged or of another version, a clock that went back, a trail
//     that cannot be asked or ends early: everything is read, and the evidence says why.
//   - A store that fails costs the next run its reads, and no run its result.
//
// What to read is decided by pure functions (decide.go). Only Recall and Save
// reach out.
package observed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/trail"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Defaults of the options.
const (
	// DefaultMaxAge is how old a carried observation may be.
	DefaultMaxAge = 24 * time.Hour
	// DefaultDelay is how late an event may appear: AWS says five minutes on average
	// and promises nothing; 85 minutes were measured.
	DefaultDelay = 2 * time.Hour
)

// Trail asks the event history of an open target.
type Trail func(ctx context.Context, t *reconcile.OpenTarget, q trail.Query) *trail.Answer

// Observations are the observations of one place. They are a reconcile.Observations.
type Observations struct {
	Store history.Store
	Trail Trail
	// All reports whether a target with so many functions is better read whole, and
	// nothing remembered of it. Nil is never.
	All    func(t *reconcile.OpenTarget, functions int) bool
	MaxAge time.Duration
	Delay  time.Duration
	// Since is when the run began that this one carries on; zero for a run of its own.
	// What was read since is as young as in one long survey, and needs no witness.
	Since time.Time
	Log   *slog.Logger
}

// pass is one run's part in one target.
type pass struct {
	of      *Observations
	open    reconcile.OpenTarget
	orphans bool // the run looks for them
	began   time.Time

	state *state
	tag   history.Tag // of the file; "" where there is none
	news  news
	full  string    // why everything is read; "" where it is not
	all   bool      // because the target is small
	asked time.Time // up to when the trail was asked; zero: it was not

	need       desired.Discovery
	discovered bool                // as a whole, by this run
	turn       map[string]bool     // functions to be read for their age
	aliases    map[string][]string // of functions of which they need not be listed
	choice     choice
	chosen     bool
}

// recollection is one run's part in all targets.
type recollection struct {
	run    *reconcile.RunResult
	passes map[desired.Target]*pass
}

// of is the part of one target, or nil: where nothing is remembered, and where the run
// has lost the target since.
func (c *recollection) of(t desired.Target) *pass {
	p := c.passes[t]
	if open := reconcile.FindTarget(c.run.Opened.Targets, t); p == nil || p.all || open != nil && open.Err != nil {
		return nil
	}
	return p
}

// Recall implements reconcile.Observations.
func (o *Observations) Recall(ctx context.Context, r *reconcile.RunResult) reconcile.Recollection {
	c := &recollection{r, map[desired.Target]*pass{}}
	needs := r.Wishes.Discoveries(r.Opened.Ambient)
	var wg sync.WaitGroup
	for i := range r.Opened.Targets {
		t := r.Opened.Targets[i]
		if t.Err != nil {
			continue
		}
		p := &pass{of: o, open: t, began: time.Now(), orphans: r.LookForOrphans}
		if need := reconcile.FindTarget(needs, t.Target); need != nil {
			p.need = *need
		}
		c.passes[t.Target] = p
		wg.Go(func() { p.recall(ctx) })
	}
	wg.Wait()
	return c
}

// recall reads the file and asks the trail.
func (p *pass) recall(ctx context.Context) {
	defer func() {
		if p.full != "" {
			p.state = newState(p.open.Target)
		}
	}()
	if p.load(ctx); p.full != "" {
		return
	}
	// A run that was cut short has read fewer than it had listed.
	known := max(len(p.state.functions), len(p.state.Names))
	if p.of.All != nil && p.of.All(&p.open, known) {
		p.all = true
		return
	}
	a := p.of.Trail(ctx, &p.open, trail.Query{
		Names: p.state.calls(p.need), From: p.state.Looked.Add(-p.of.Delay), Budget: budget(&p.open, known),
	})
	if (a.Cut != nil || a.Unread > 0) && !p.of.Since.IsZero() {
		maps.DeleteFunc(p.state.functions, func(_ string, o *observation) bool { return o.Seen < p.of.Since.UnixMilli() })
		return
	}
	switch {
	case a.Cut != nil:
		p.full = fmt.Sprintf("CloudTrail could not be asked to its end: %s", reconcile.ErrorOf(a.Cut).Reason())
	case a.Unread > 0:
		p.full = fmt.Sprintf("CloudTrail has %d events that do not say which function they are about", a.Unread)
	default:
		p.asked = a.Asked
		p.news = p.state.take(a.Events, p.began)
	}
}

// The least and the most time that the trail may take, and the part of a full read's
// time that it may: asking for longer than reading takes would be to no purpose.
const (
	leastBudget  = 20 * time.Second
	mostBudget   = 10 * time.Minute
	budgetOfRead = 0.25
)

func budget(t *reconcile.OpenTarget, functions int) time.Duration {
	return min(mostBudget, max(leastBudget, time.Duration(budgetOfRead*float64(ReadTime(t, functions)))))
}

// ReadTime is how long it takes to read so many functions at the pace that the target
// allows.
func ReadTime(t *reconcile.OpenTarget, functions int) time.Duration {
	if t.Limiter == nil {
		return 0
	}
	return time.Duration(float64(functions) / t.Limiter.Snapshot().Ceiling * float64(time.Second))
}

// load reads the file of the target, or says why everything is to be read.
func (p *pass) load(ctx context.Context) {
	data, tag, err := p.of.Store.Read(ctx, fileName(p.open.Target))
	switch {
	case errors.Is(err, history.ErrAbsent):
		p.full = "there are no observations yet in " + p.of.Store.String()
		return
	case err != nil:
		p.full = "the observations cannot be read: " + err.Error()
		return
	}
	p.tag = tag
	s, err := decode(data, p.open.Target)
	switch {
	case errors.Is(err, errOtherFormat):
		p.full = err.Error()
	case err != nil:
		p.full = "the observations are damaged: " + err.Error()
	case s.Written.After(p.began) || s.Looked.After(p.began):
		// What a wrong clock wrote looks right again once the time is reached, and this
		// run may die before it replaces it.
		if p.of.Store.Delete(ctx, fileName(p.open.Target), tag) == nil {
			p.tag = ""
		}
		p.full = fmt.Sprintf("the clock went back: the observations were written at %s", s.Written.UTC().Format(time.RFC3339))
	case p.began.Sub(s.Looked) > p.of.MaxAge:
		p.full = fmt.Sprintf("the last look was at %s, longer ago than the maximum age", s.Looked.UTC().Format(time.RFC3339))
	}
	p.state = s
}

// Narrow implements reconcile.Recollection. All functions are listed once per maximum
// age; until then the trail tells which came and went, and only of those, and of the
// ones whose tags were changed, the tags are read.
func (c *recollection) Narrow(asked []desired.Discovery) []desired.Discovery {
	var narrowed []desired.Discovery
	for _, d := range asked {
		p := c.of(d.Target)
		if p == nil || d.IsZero() {
			narrowed = append(narrowed, d)
			continue
		}
		if p.discovered = p.full != "" || !p.state.inventoryHolds(d, p.of.MaxAge, p.began); !p.discovered {
			d.ListFunctions, d.Functions = false, slices.Sorted(maps.Keys(p.news.tags))
			if len(d.Functions) == 0 {
				d.Tags = nil
			}
		}
		narrowed = append(narrowed, d)
	}
	return narrowed
}

// Complete implements reconcile.Recollection.
func (c *recollection) Complete(found desired.Inventory) desired.Inventory {
	for t := range c.passes {
		p, now := c.of(t), found[t]
		if p == nil {
			continue
		}
		p.turn = p.state.turn(p.news, p.of.MaxAge, p.began)
		switch {
		case p.need.IsZero():
			continue
		case p.discovered:
			p.state.Listed, p.state.Need = p.began, needOf(p.need)
			p.state.Names, p.state.Tags = now.Functions, now.Tags
		default:
			p.state.follow(p.news, now.Tags)
		}
		if p.need.Aliases != nil {
			p.aliases = p.state.aliasesOf(p.news, p.turn)
		}
		found[t] = desired.TargetInventory{Functions: p.state.Names, Tags: p.state.Tags, Details: now.Details, Aliases: p.aliases}
	}
	return found
}

// Carry implements reconcile.Recollection.
func (c *recollection) Carry(fleet desired.Fleet) map[desired.Target][]reconcile.CarriedFunction {
	carried := map[desired.Target][]reconcile.CarriedFunction{}
	for spec := range slice.Pointers(fleet.Targets) {
		p := c.of(spec.Target)
		if p == nil {
			continue
		}
		// How many functions there are may be known only now. With what was discovered
		// by events, the rest is taken from the same source.
		if p.full != "" && p.of.All != nil && p.of.All(&p.open, len(slices.Collect(reconcile.ByFunction(spec.Entries)))) {
			p.all = true
			continue
		}
		p.choice, p.chosen = p.state.choose(spec, fleet.Undeclared, p.news, p.turn, p.orphans), true
		if p.full == "" && p.choice.observed > 0 && p.choice.changed == p.choice.observed {
			p.full = "the fleet file asks something else of every function than before"
		}
		carried[spec.Target] = p.choice.carry
	}
	return carried
}

// Evidence implements reconcile.Recollection.
func (c *recollection) Evidence(t desired.Target, seen *reconcile.Observed) *insight.Evidence {
	p := c.of(t)
	if p == nil || !p.chosen {
		return nil
	}
	e := &insight.Evidence{Full: p.full, Scrubbed: len(p.choice.scrubbed), Lag: p.news.latest, MaxAge: p.of.MaxAge}
	if !p.asked.IsZero() {
		e.Trail = p.asked.Add(-p.of.Delay)
	}
	if of := reconcile.FindTarget(seen.Targets, t); of != nil {
		e.Missed = p.state.doubt(p.choice.scrubbed, of.Functions, p.of.Delay, p.began)
	}
	return e
}

// keepTimeout bounds what a store that hangs can cost a run at its end.
const keepTimeout = 30 * time.Second

// Save implements reconcile.Recollection. Of two runs that end at a time one is kept:
// either's file is true by itself.
func (c *recollection) Save(ctx context.Context, r *reconcile.RunResult) {
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for seen := range slice.Pointers(r.Read.Targets) {
		p := c.of(seen.Target)
		if p == nil || !p.chosen || seen.Err != nil {
			continue
		}
		wg.Go(func() {
			next := p.advance(seen, r.Outcome.Of(seen.Target), time.Now())
			if err := p.store(ctx, next); err != nil && !errors.Is(err, history.ErrChanged) {
				p.of.Log.Warn("what this run saw is not kept, so the next one reads it again", "target", seen.Target.String(), "why", err.Error())
			}
		})
	}
	wg.Wait()
}

func (p *pass) store(ctx context.Context, next *state) error {
	data, err := next.encode()
	if err == nil {
		_, err = p.of.Store.Write(ctx, fileName(next.target), data, p.tag)
	}
	return err
}
