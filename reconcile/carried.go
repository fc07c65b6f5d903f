package reconcile

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Observations are what runs saw of functions, kept so that a later run need not read
// all of them again.
type Observations interface {
	// Recall says what is known of the open targets of a run. It never fails: what
	// cannot be recalled is read.
	Recall(ctx context.Context, r *RunResult) Recollection
}

// Recollection is what one run has from those before it. Its methods are called in
// this order, each once, Save also for a run that ended early.
type Recollection interface {
	// Narrow is what is still to be discovered of what the wishes ask.
	Narrow(asked []desired.Discovery) []desired.Discovery
	// Complete adds what is known already to what was discovered.
	Complete(found desired.Inventory) desired.Inventory
	// Carry gives the functions of each target that may be judged unread, sorted by
	// name. All others are read.
	Carry(fleet desired.Fleet) map[desired.Target][]CarriedFunction
	// Evidence says what a target's verdicts rest on, where that is not this run's
	// reading alone; else nil.
	Evidence(t desired.Target, observed *Observed) *insight.Evidence
	// Save stores what the run saw and wrote.
	Save(ctx context.Context, r *RunResult)
}

// CarriedFunction is what an earlier run saw of a function that this one did not read.
// It can spare a read and never justify a write: one whose carried records would have to
// be changed is read in the same run, and its change is made from that.
type CarriedFunction ObservedFunction

// carriedVerdict is what the carried functions of a target come to. That none of them
// justifies a write is kept by types: NewPlan makes changes of an ObservedFunction and
// takes nothing else, apply takes only what came of NewPlan, and here is no place for one.
type carriedVerdict struct {
	Declared, InSync, Skipped int
	Findings                  []Finding
}

// judge holds carried functions against what is declared. Those that are not as
// declared are not judged: they come back, to be read.
//
// It compares by planTarget, as everything else is compared, and throws away what would be
// changes. It ends: each further turn has fewer functions than the one before.
func judge(want *desired.TargetSpec, have []CarriedFunction, undeclared desired.UndeclaredPolicy) (verdict carriedVerdict, differ map[string]bool) {
	differ = map[string]bool{}
	for {
		part := *want
		part.Entries = nil
		seen := ObservedTarget{Target: want.Target}
		for entries, c := range declaredAndCarried(want.Entries, have) {
			if c == nil || differ[c.Function] {
				continue
			}
			part.Entries = append(part.Entries, entries...)
			seen.Functions = append(seen.Functions, ObservedFunction(*c))
		}
		p := planTarget(&part, &seen, undeclared)
		for i := range p.Changes {
			differ[p.Changes[i].Function] = true
		}
		if len(p.Changes) > 0 {
			continue // without them, once more: what is left has no changes
		}
		for i := range p.Findings {
			p.Findings[i].Carried = true
		}
		return carriedVerdict{p.Declared, p.InSync, p.Skipped, p.Findings}, differ
	}
}

// declaredAndCarried walks the declared functions of a target, each with what is
// carried of it or nil. Both are sorted.
//
// What is carried of a function that nobody declares any more is passed over.
func declaredAndCarried(entries []desired.Entry, have []CarriedFunction) func(func([]desired.Entry, *CarriedFunction) bool) {
	return func(yield func([]desired.Entry, *CarriedFunction) bool) {
		for group := range ByFunction(entries) {
			for len(have) > 0 && have[0].Function < group[0].Function {
				have = have[1:]
			}
			var c *CarriedFunction
			if len(have) > 0 && have[0].Function == group[0].Function {
				c = &have[0]
			}
			if !yield(group, c) {
				return
			}
		}
	}
}

// carried is what a run does not read.
type carried struct {
	functions map[desired.Target][]CarriedFunction // those judged unread
	verdicts  map[desired.Target]carriedVerdict
}

// split parts a fleet into what is to be read and what is judged unread. Every target
// stays in the first, be it without entries. A function is in one of the two as a whole: one
// of its configs that differs has all of them read.
func split(fleet desired.Fleet, candidates map[desired.Target][]CarriedFunction) (desired.Fleet, carried) {
	out := carried{map[desired.Target][]CarriedFunction{}, map[desired.Target]carriedVerdict{}}
	fleet.Targets = slices.Clone(fleet.Targets)
	for t := range slice.Pointers(fleet.Targets) {
		if len(candidates[t.Target]) == 0 {
			continue
		}
		verdict, differ := judge(t, candidates[t.Target], fleet.Undeclared)
		var toRead []desired.Entry
		for entries, c := range declaredAndCarried(t.Entries, candidates[t.Target]) {
			if c == nil || differ[c.Function] {
				toRead = append(toRead, entries...)
			} else {
				out.functions[t.Target] = append(out.functions[t.Target], *c)
			}
		}
		t.Entries = toRead
		out.verdicts[t.Target] = verdict
	}
	return fleet, out
}

// survey reads what of the fleet is to be read, and what requirements choose beside it.
//
// The plan is made of toRead alone, which is in Observed; the rest is for what is only told.
func (r *RunResult) survey(ctx context.Context, recalled Recollection, unlisted map[desired.Target]map[string]error) (toRead desired.Fleet, unread carried) {
	watched := watchlist(r.Fleet)
	candidates := recalled.Carry(and(r.Fleet, watched))
	toRead, unread = split(r.Fleet, candidates)
	r.Observed = survey(ctx, toRead, r.Opened.readTargets(r.Inventory, unlisted), r.Observe, r.LookForOrphans)
	r.Read = r.Observed
	if watched = unread.spare(watched, candidates); watched.Configs() > 0 {
		more := survey(ctx, watched, r.Opened.readTargets(nil, nil), r.Observe, false)
		r.Read = with(r.Observed, func(t desired.Target) []ObservedFunction {
			return cmp.Or(FindTarget(more.Targets, t), &ObservedTarget{}).Functions
		})
	}
	r.Known = unread.seen(r.Read)
	r.Surveyed = time.Now()
	return toRead, unread
}

// spare takes out of what is watched that which is carried, and returns the rest.
func (c *carried) spare(watched desired.Fleet, candidates map[desired.Target][]CarriedFunction) desired.Fleet {
	for t := range slice.Pointers(watched.Targets) {
		var toRead []desired.Entry
		for entries, have := range declaredAndCarried(t.Entries, candidates[t.Target]) {
			if have == nil {
				toRead = append(toRead, entries...)
			} else {
				c.functions[t.Target] = append(c.functions[t.Target], *have)
			}
		}
		t.Entries = toRead
	}
	watched.Targets = slices.DeleteFunc(watched.Targets, func(t desired.TargetSpec) bool { return len(t.Entries) == 0 })
	return watched
}

// addTo puts the verdicts on what was not read beside those on what was, and says what
// each target's rest on.
//
// The counts of a target are of both together: to a reader of the report it makes no
// difference how a config came to be known as in sync, and Evidence tells.
func (c *carried) addTo(r *RunResult, from Recollection) {
	for t := range slice.Pointers(r.Plan.Targets) {
		v := c.verdicts[t.Target]
		t.Evidence = c.evidence(t.Target, r, from)
		t.Declared += v.Declared
		t.InSync += v.InSync
		t.Skipped += v.Skipped
		if len(v.Findings) > 0 {
			t.Findings = append(t.Findings, v.Findings...)
			slices.SortStableFunc(t.Findings, func(a, b Finding) int { return a.Name.Compare(b.Name) })
		}
	}
}

// seen is what is known of all functions, read and carried, for what is only told.
//
// The result is for warnings and requirements. It shares slices with read, so that nothing
// in it may be changed.
func (c *carried) seen(read Observed) Observed {
	return with(read, func(t desired.Target) []CarriedFunction { return c.functions[t] })
}

// with is what was observed and more of the same targets, in the order of names.
func with[F ObservedFunction | CarriedFunction](observed Observed, more func(desired.Target) []F) Observed {
	all := Observed{Targets: slices.Clone(observed.Targets)}
	for t := range slice.Pointers(all.Targets) {
		added := more(t.Target)
		if len(added) == 0 {
			continue
		}
		t.Functions = slices.Clone(t.Functions)
		for _, f := range added {
			t.Functions = append(t.Functions, ObservedFunction(f))
		}
		slices.SortFunc(t.Functions, ObservedFunction.compare)
	}
	return all
}

// evidence completes what a recollection says of a target.
//
// Ages count from the end of the survey, so that a slow run is not taken for a fresh one.
func (c *carried) evidence(t desired.Target, r *RunResult, from Recollection) *insight.Evidence {
	e := from.Evidence(t, &r.Read)
	if e == nil {
		return nil
	}
	if of := FindTarget(r.Read.Targets, t); of != nil {
		e.Read = len(of.Functions)
	}
	of := c.functions[t]
	e.Carried, e.Functions = len(of), e.Read+len(of)
	if len(of) > 0 {
		oldest := slices.MinFunc(of, func(a, b CarriedFunction) int { return cmp.Compare(a.Seen, b.Seen) })
		e.Oldest = time.UnixMilli(oldest.Seen)
		e.TooOld = r.Surveyed.Sub(e.Oldest) > e.MaxAge
	}
	return e
}

// everything is the recollection of a run that reads everything.
type everything struct{}

func (everything) Narrow(asked []desired.Discovery) []desired.Discovery     { return asked }
func (everything) Complete(found desired.Inventory) desired.Inventory       { return found }
func (everything) Carry(desired.Fleet) map[desired.Target][]CarriedFunction { return nil }
func (everything) Evidence(desired.Target, *Observed) *insight.Evidence     { return nil }
func (everything) Save(context.Context, *RunResult)                         {}

// recall is what the run has from those before it.
func (e Engine) recall(ctx context.Context, r *RunResult) Recollection {
	if e.Observations == nil {
		return everything{}
	}
	return e.Observations.Recall(ctx, r)
}
