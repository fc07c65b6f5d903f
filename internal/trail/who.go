package trail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Who is a reconcile.Annotator: it tells who made each config that differs what it is,
// and which configs are written back and forth.
//
// It asks for three calls at most, Put, Update and Delete, for all configs of a
// target at once, and pages back only as far as the oldest difference that is still
// unexplained. A target without differences is asked about only while one of its configs is
// fought over.
type Who struct {
	// Limiters are those of LookupEvents; see Pace.
	Limiters *ratelimit.Registry[desired.Target]
	// Fights hears of every write that the history tells of. It may outlive a run.
	Fights *fights.Log
	// Remember, when not nil, tells Fights what earlier runs wrote. It is asked once a
	// run.
	Remember func(context.Context, *fights.Log)
}

const (
	// whoPages of one name are read at most: 500 events.
	whoPages   = 10
	deleteCall = "DeleteFunctionEventInvokeConfig"
	// slack is what the time of an event and that of the record that it made may be
	// apart.
	slack = 10 * time.Second
	// whoShare is the part of the time for insights that a lookup may take, so that
	// what it has found is heard.
	whoShare = 0.8
)

var _ reconcile.Annotator = Who{}

// Name implements reconcile.Annotator.
func (Who) Name() string { return "who changed what differs" }

// Annotate implements reconcile.Annotator.
func (w Who) Annotate(ctx context.Context, r *reconcile.RunResult) (learnt insight.Set) {
	type told struct {
		target desired.Target
		found  []insight.Authorship
		not    *insight.Unsearched
		err    error
	}
	heard := make(chan told, len(r.Plan.Targets))
	open := map[desired.Target][]reconcile.Change{}
	start := func(t *reconcile.TargetPlan, changes []reconcile.Change, since time.Time) {
		opened := reconcile.FindTarget(r.Opened.Targets, t.Target)
		if opened == nil {
			return
		}
		cfg, ok := awslambda.InsightConfig(*opened)
		if !ok {
			return
		}
		open[t.Target] = changes
		source := New(cfg, t.Target, w.Limiters)
		go func() {
			found, not, err := w.ask(ctx, source, changes, since)
			nameStacks(ctx, opened.Finder, found)
			heard <- told{t.Target, found, not, err}
		}()
	}
	for i := range r.Plan.Targets {
		if changes := touched(&r.Plan.Targets[i]); len(changes) > 0 {
			start(&r.Plan.Targets[i], changes, time.Time{})
		}
	}
	if w.Remember != nil {
		w.Remember(ctx, w.Fights)
	}
	fought := fightsAmong(r, w.Fights.List(fights.Told, time.Now()))
	for t := range slice.Pointers(r.Plan.Targets) {
		if since := began(fought, t.Target); !since.IsZero() && len(touched(t)) == 0 {
			start(t, nil, since)
		}
	}
	unavailable := func(t desired.Target, not *insight.Unsearched, err error) {
		u := insight.Unavailable{What: w.Name(), Target: t, Err: err}
		if not != nil {
			learnt.Unsearched = append(learnt.Unsearched, *not)
			if n, of := len(not.Configs), len(open[t]); n < of {
				u.What = fmt.Sprintf("who changed %d of the %d configs that differ", n, of)
			}
		}
		if err != nil {
			learnt.Unavailable = append(learnt.Unavailable, u)
		}
	}
	for len(open) > 0 && ctx.Err() == nil {
		select {
		case one := <-heard:
			learnt.Authors = append(learnt.Authors, one.found...)
			unavailable(one.target, one.not, one.err)
			delete(open, one.target)
		case <-ctx.Done():
		}
	}
	for t, changes := range open {
		err := insight.Unlearnt(ctx, ErrBudget)
		a := &Answer{Asked: time.Now(), Reached: map[string]time.Time{}, Cut: err}
		for _, call := range Writes {
			a.Reached[call] = a.Asked
		}
		unavailable(t, unsearched(t, unexplained(changes), a), err)
	}
	slices.SortFunc(learnt.Authors, func(a, b insight.Authorship) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(learnt.Unsearched, func(a, b insight.Unsearched) int { return a.Target.Compare(b.Target) })
	slices.SortFunc(learnt.Unavailable, func(a, b insight.Unavailable) int { return a.Target.Compare(b.Target) })
	learnt.Fights = fightsAmong(r, w.Fights.List(fights.Told, time.Now()))
	return learnt
}

// touched are the changes of a target and the stale ones, as what the records are now.
func touched(t *reconcile.TargetPlan) []reconcile.Change {
	all := slices.Clone(t.Changes)
	for _, s := range t.Stale {
		if s.Before != s.Now { // an approved plan saw another record, of another time
			s.Before, s.Modified = s.Now, 0
		}
		all = append(all, s.Change)
	}
	return all
}

// stackTag is what CloudFormation puts on what it makes, with the stack's name.
const stackTag = "aws:cloudformation:stack-name"

// nameStacks adds the stacks to what CloudFormation wrote. Where tags cannot be read, none
// is named.
func nameStacks(ctx context.Context, finder reconcile.Finder, found []insight.Authorship) {
	var functions []string
	for i := range found {
		if found[i].Author.Client == "CloudFormation" {
			functions = append(functions, found[i].Function)
		}
	}
	if len(functions) == 0 || finder == nil {
		return
	}
	slices.Sort(functions)
	tags, err := finder.TagsOf(ctx, slices.Compact(functions))
	if err != nil {
		return
	}
	for i := range found {
		if a := &found[i].Author; a.Client == "CloudFormation" {
			a.Stack = tags[found[i].Function][stackTag]
		}
	}
}

// fightsAmong are the fights over what a run looks at, also where nothing differs just now.
func fightsAmong(r *reconcile.RunResult, all []insight.Fight) []insight.Fight {
	return slices.DeleteFunc(all, func(f insight.Fight) bool {
		if t := reconcile.FindTarget(r.Fleet.Targets, f.Target); t != nil {
			if _, declared := slices.BinarySearchFunc(t.Entries, f.Name, desired.Entry.Compare); declared {
				return false
			}
		}
		t := reconcile.FindTarget(r.Plan.Targets, f.Target)
		return t == nil || !slices.ContainsFunc(t.Changes, func(c reconcile.Change) bool { return c.Name == f.Name })
	})
}

// began is when the oldest of the fights in one target began; zero where there is none.
func began(fought []insight.Fight, target desired.Target) (since time.Time) {
	for f := range slice.Pointers(fought) {
		if f.Target == target && (since.IsZero() || f.Since.Before(since)) {
			since = f.Since
		}
	}
	return since
}

// ask finds the authors of what differs in one target, and where nothing does those of the
// fights since a time; and what differs of which it did not get as far as its author. The error
// is why, save where there was more to read than is worth it.
func (w Who) ask(ctx context.Context, source *Source, changes []reconcile.Change, since time.Time) ([]insight.Authorship, *insight.Unsearched, error) {
	open := unexplained(changes)
	q := Query{Pages: whoPages, Budget: defaultBudget}
	if deadline, ok := ctx.Deadline(); ok {
		q.Budget = time.Duration(float64(time.Until(deadline)) * whoShare)
	}
	stored, deleted := len(open) == 0, len(open) == 0
	for _, modified := range open {
		stored, deleted = stored || modified != 0, deleted || modified == 0
	}
	if stored {
		q.Names = append(q.Names, Writes[:2]...)
	}
	if deleted {
		q.Names = append(q.Names, deleteCall)
	}
	q.Enough = func(name string, page []events.Hint, oldest time.Time) bool {
		for i := range page {
			name := page[i].Key().Name
			if modified, differs := open[name]; differs && explains(&page[i], modified) {
				if delete(open, name); modified < 0 { // the other call may tell of a later write
					open[name] = page[i].EventTime.UnixMilli()
				}
			}
		}
		for _, modified := range open {
			if !covers(name, oldest, modified) {
				return false
			}
		}
		return len(changes) > 0 || oldest.Before(since)
	}
	a := source.Lookup(ctx, q)
	for i := range a.Events {
		switch h := &a.Events[i]; {
		case h.Kind != events.Key: // an odd qualifier
		case h.Echo:
			w.Fights.Echoed(h.Key(), h.EventTime)
		default:
			w.Fights.Wrote(h.Key(), h.EventTime, h.Author)
		}
	}
	open = unexplained(changes)
	found := slices.DeleteFunc(authors(source.target, changes, a.Events), func(f insight.Authorship) bool {
		return open[f.Name] < 0 && !a.covers(f.At.UnixMilli())
	})
	for i := range found {
		delete(open, found[i].Name)
	}
	not, err := unsearched(source.target, open, a), a.Cut
	if len(changes) > 0 && not == nil || errors.Is(err, ErrPages) && !errors.Is(err, ErrBudget) && callerr.KindOf(err) == callerr.Unknown {
		err = nil // nobody can be looked for further back than that
	}
	return found, not, err
}

// covers reports whether the events of a call, read back to a time, have what explains a config
// whose record was written then: 0 for one that has none, which is explained by a deletion at any
// time, and negative where the time is not known. What has another call for a cause they have.
func covers(name string, oldest time.Time, modified int64) bool {
	if (modified == 0) != (name == deleteCall) {
		return true
	}
	return modified > 0 && oldest.Before(time.UnixMilli(modified).Add(-slack))
}

// covers reports the same of all calls.
func (a *Answer) covers(modified int64) bool {
	for call, oldest := range a.Reached {
		if !covers(call, oldest, modified) {
			return false
		}
	}
	return true
}

// unsearched are the configs without an author that an answer does not cover, nil for none.
func unsearched(target desired.Target, open map[desired.Name]int64, a *Answer) *insight.Unsearched {
	maps.DeleteFunc(open, func(_ desired.Name, modified int64) bool { return a.covers(modified) })
	if len(open) == 0 {
		return nil
	}
	not := &insight.Unsearched{Target: target, Configs: slices.SortedFunc(maps.Keys(open), desired.Name.Compare), Err: a.Cut}
	if newest := slices.MaxFunc(slices.Collect(maps.Values(a.Reached)), time.Time.Compare); newest.Before(a.Asked) {
		not.Reached = newest // else one of the calls saw nothing
	}
	return not
}

// unexplained are the configs that differ, with when their records were written, Unix
// milliseconds: 0 for those that have none.
func unexplained(changes []reconcile.Change) map[desired.Name]int64 {
	open := map[desired.Name]int64{}
	for c := range slice.Pointers(changes) {
		switch {
		case c.Before == nil:
			open[c.Name] = 0
		case c.Modified == 0:
			open[c.Name] = -1 // written at any time
		default:
			open[c.Name] = c.Modified
		}
	}
	return open
}

// explains reports whether an event is what made a record what it is: the last write
// of it, or where there is none its deletion. An event that is older than the record
// is somebody else's, and the one that counts has not appeared, or never will.
func explains(h *events.Hint, modified int64) bool {
	if modified == 0 || h.EventName == deleteCall {
		return modified == 0 && h.EventName == deleteCall
	}
	return !h.EventTime.Before(time.UnixMilli(modified).Add(-slack))
}

// authors are those of the last events, of all that are known, about what differs.
func authors(target desired.Target, changes []reconcile.Change, all []events.Hint) []insight.Authorship {
	open := unexplained(changes)
	stores, deletes := map[desired.Name]*events.Hint{}, map[desired.Name]*events.Hint{}
	for i := range all {
		switch h := &all[i]; {
		case !h.WritesRecord() || h.Kind != events.Key:
		case h.EventName == deleteCall:
			deletes[h.Key().Name] = h
		default:
			stores[h.Key().Name] = h
		}
	}
	var found []insight.Authorship
	for i := range changes {
		name := changes[i].Name
		h := stores[name]
		if open[name] == 0 {
			stored := h
			if h = deletes[name]; h != nil && stored != nil && stored.EventTime.After(h.EventTime) {
				continue // it went with its function or its alias
			}
		}
		if h != nil && explains(h, open[name]) {
			found = append(found, insight.Authorship{Key: desired.Key{Target: target, Name: name}, Author: h.Author, At: h.EventTime, Call: h.EventName})
		}
	}
	return found
}
