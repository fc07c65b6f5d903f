package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// Function is one function as a listing tells of it.
type Function struct {
	Name string
	desired.FunctionDetails
}

// Finder says what exists in one target, for rules that choose among it. Errors are those of a
// Reader.
type Finder interface {
	// ListFunctions reads one page of functions. It is one request.
	ListFunctions(ctx context.Context, marker string) (Page[Function], error)
	// Tagged reads the tags of every function that has all the given tags, by
	// function. It has a quota of its own and repeats its own requests.
	Tagged(ctx context.Context, tags []desired.Tag) (map[string]map[string]string, error)
	// TagsOf reads the tags of some functions, as Tagged does. One that has none, or
	// does not exist, is not in the answer.
	TagsOf(ctx context.Context, functions []string) (map[string]map[string]string, error)
}

// discover fills in the inventory: names and tags, what is recalled of them, and then the
// aliases that those need. It fails only when the run has ended. Unlisted says of which
// functions the aliases could not be listed, and why.
//
// A target of which only a part could be discovered is out of the run, with its reason.
func (r *RunResult) discover(ctx context.Context, asked []desired.Discovery, recalled Recollection) (unlisted map[desired.Target]map[string]error, err error) {
	inventory, failed := discover(ctx, recalled.Narrow(openOnly(asked, r.Opened)), r.Opened.readTargets(nil, nil))
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	r.Opened.Exclude(failed)
	r.Inventory = recalled.Complete(inventory)
	unlisted, failed = listAliases(ctx, openOnly(asked, r.Opened), r.Inventory, r.Opened.readTargets(nil, nil), r.Observe)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	r.Opened.Exclude(failed)
	for t := range failed {
		delete(r.Inventory, t) // what was discovered of it is only a part
	}
	return unlisted, nil
}

// openOnly drops the targets that are not open from what is to be discovered.
//
// Such a target has its error already; to discover it would only repeat it.
func openOnly(asked []desired.Discovery, opened Opened) []desired.Discovery {
	return slice.Filter(asked, func(d desired.Discovery) bool {
		t := FindTarget(opened.Targets, d.Target)
		return t != nil && t.Err == nil
	})
}

// discover finds what the rules choose among, in the targets where a rule needs
// it and nowhere else. A target that could not be discovered is in failed: what
// its rules would say there is not known, so nothing of it may be compared.
func discover(ctx context.Context, needs []desired.Discovery, conns map[desired.Target]readConn) (found desired.Inventory, failed map[desired.Target]error) {
	found, failed = desired.Inventory{}, map[desired.Target]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, need := range needs {
		conn := conns[need.Target]
		if need.IsZero() || conn.Err != nil {
			continue
		}
		wg.Go(func() {
			inventory, err := discoverOne(ctx, need, conn)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[need.Target] = err
				return
			}
			found[need.Target] = inventory
		})
	}
	wg.Wait()
	return found, failed
}

// discoverOne discovers one target, by the cheapest calls that answer what is asked.
//
// Tags are looked up in one of two ways. Where the functions are named, such as in a pass
// over events, their own tags are read; else AWS is asked for all that carry the tags, since
// to read those of every function would cost a call for each hundred. The listing of
// functions comes last, and only where a rule chooses by name.
func discoverOne(ctx context.Context, need desired.Discovery, conn readConn) (desired.TargetInventory, error) {
	if conn.Finder == nil {
		return desired.TargetInventory{}, notConfigured(need.Target, "Finder")
	}
	inventory := desired.TargetInventory{Tags: map[string]map[string]string{}}
	searches := need.Tags
	if len(need.Functions) > 0 && len(need.Tags) > 0 {
		tags, err := conn.Finder.TagsOf(ctx, need.Functions)
		if err != nil {
			return desired.TargetInventory{}, err
		}
		inventory.Tags, searches = tags, nil
	}
	for _, tags := range searches {
		tagged, err := conn.Finder.Tagged(ctx, tags)
		if err != nil {
			return desired.TargetInventory{}, err
		}
		maps.Copy(inventory.Tags, tagged)
	}
	if !need.ListFunctions {
		allTags(ctx, need, conn.Finder, &inventory)
		return inventory, nil
	}
	found := map[string]desired.FunctionDetails{} // a listing that shifts between pages may repeat a name
	job := &listing[Function]{
		op: "ListFunctions", subject: need.Target.String(), list: conn.Finder.ListFunctions,
		take: func(page []Function) {
			for _, f := range page {
				found[f.Name] = f.FunctionDetails
			}
		},
	}
	ratelimit.Run(ctx, conn.Limiter, ratelimit.Policy{}, func(yield func(ratelimit.Job) bool) { yield(job) })
	if job.err != nil {
		return desired.TargetInventory{}, job.err
	}
	inventory.Functions, inventory.Details = slices.Sorted(maps.Keys(found)), found
	allTags(ctx, need, conn.Finder, &inventory)
	return inventory, nil
}

// allTags adds the tags of every function, where that was asked for. Whoever asks does without
// where it must, so that no answer is no failure of the target, and takes none of the time
// that it needs: ten seconds, and one for each hundred functions, of which a page tells.
func allTags(ctx context.Context, need desired.Discovery, finder Finder, inventory *desired.TargetInventory) {
	if !need.AllTags {
		return
	}
	limit := 10*time.Second + time.Duration(len(inventory.Functions)/100)*time.Second
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tagged, err := finder.Tagged(limited, nil)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = &callerr.Error{Kind: callerr.Transport, Subject: need.Target.String(), Message: fmt.Sprintf("no answer within %v", limit), Err: err}
	}
	if inventory.TagsErr = err; err == nil {
		maps.Copy(inventory.Tags, tagged)
	}
}

// listing walks the pages of one listing, each the answer to the one before.
//
// Any error ends it, and what was found until then is of no use: a rule would choose among
// a part of what exists.
type listing[T any] struct {
	op, subject string // for an answer that leads in a circle
	list        func(ctx context.Context, marker string) (Page[T], error)
	take        func(page []T)
	over        func() // the listing has ended; may be nil

	marks markers
	page  Page[T]
	ended bool
	err   error
}

// Next implements ratelimit.Job.
func (l *listing[T]) Next() (ratelimit.Priority, bool) { return ratelimit.Scan, !l.ended }

// Call implements ratelimit.Job.
func (l *listing[T]) Call(ctx context.Context) (err error) {
	l.page, err = l.list(ctx, l.marks.current)
	return err
}

// Done implements ratelimit.Job.
func (l *listing[T]) Done(err error, _ ratelimit.CallStats) {
	if err == nil {
		l.take(l.page.Items)
		err = l.marks.turn(l.op, l.subject, l.page.Next)
	}
	l.err, l.ended = err, err != nil || l.marks.current == ""
	if l.ended && l.over != nil {
		l.over()
	}
}

// listAliases completes an inventory by the aliases among which patterns choose: one
// ListAliases for each function that a rule with a pattern takes in, none for any other,
// and none for what is known already. It comes before the fleet is resolved, so that all
// that follows, the guard and a saved plan too, meets configs and no patterns.
//
// A function whose aliases cannot be listed is in unlisted, with the reason: it is one
// unreadable config. A target is in failed when nobody may list any, or too many failed.
func listAliases(ctx context.Context, asked []desired.Discovery, found desired.Inventory, conns map[desired.Target]readConn, observe func(Step)) (unlisted map[desired.Target]map[string]error, failed map[desired.Target]error) {
	progress := newProgress(PhaseAliases, observe)
	var work []aliasWork
	for _, need := range asked {
		w := aliasWork{need: need, conn: conns[need.Target]}
		if need.Aliases == nil || w.conn.Err != nil {
			continue
		}
		known := found[need.Target]
		functions := known.Functions
		if len(need.Functions) > 0 {
			functions = need.Functions
		}
		for _, f := range functions {
			if _, listed := known.Aliases[f]; !listed && need.Aliases(f, known.Tags[f]) {
				w.lists = append(w.lists, aliasList{function: f})
			}
		}
		if len(w.lists) > 0 {
			progress.expect(need.Target, len(w.lists))
			work = append(work, w)
		}
	}
	var wg sync.WaitGroup
	for i := range work {
		wg.Go(func() { work[i].run(ctx, progress) })
	}
	wg.Wait()

	unlisted, failed = map[desired.Target]map[string]error{}, map[desired.Target]error{}
	for i := range work {
		t := work[i].need.Target
		if work[i].err != nil {
			failed[t] = work[i].err
			continue
		}
		inventory, wrong := found[t], map[string]error{}
		inventory.Aliases = maps.Clone(inventory.Aliases)
		if inventory.Aliases == nil {
			inventory.Aliases = map[string][]string{}
		}
		for _, of := range work[i].lists {
			if of.err != nil {
				wrong[of.function] = of.err
			} else {
				inventory.Aliases[of.function] = of.names
			}
		}
		found[t], unlisted[t] = inventory, wrong
	}
	return unlisted, failed
}

// aliasWork is the listing of one target.
type aliasWork struct {
	need  desired.Discovery
	conn  readConn
	lists []aliasList
	err   error // of the target as a whole
}

// aliasList is the listing of one function.
type aliasList struct {
	function string
	names    []string
	err      error
}

// run lists the aliases of one target's functions, and sets why it ended early.
// The error budget is the survey's, so that a target which refuses everything costs a
// few calls and not one for each function.
func (w *aliasWork) run(ctx context.Context, progress *progress) {
	budget := newErrorBudget(ctx, w.need.MaxErrors.Allowed(len(w.lists)), len(w.lists))
	defer budget.release()
	ratelimit.Run(budget.ctx, w.conn.Limiter, ratelimit.Policy{}, func(yield func(ratelimit.Job) bool) {
		for i := range spread(len(w.lists)) { // so that a refusal of all of them is soon known
			if !yield(w.job(&w.lists[i], budget, progress)) {
				return
			}
		}
	})
	w.err = budget.cause() // the end of the run, too: then nothing of this is looked at
}

// job lists the aliases of one function. A function that is gone has none: the survey is
// to find it missing.
//
// A denial counts twice: as a failure, and as one of the reads that may show that nobody
// may make any.
func (w *aliasWork) job(of *aliasList, budget *errorBudget, progress *progress) ratelimit.Job {
	subject := desired.Key{Target: w.need.Target, Name: desired.Name{Function: of.function, Qualifier: desired.Latest}}
	l := &listing[string]{op: "ListAliases", subject: subject.String()}
	l.list = func(ctx context.Context, marker string) (Page[string], error) {
		return w.conn.Reader.ListAliases(ctx, of.function, marker)
	}
	l.take = func(page []string) {
		budget.success()
		of.names = append(of.names, page...)
	}
	l.over = func() {
		switch {
		case l.err == nil:
			slices.Sort(of.names)
			of.names = slices.Compact(of.names)
		case callerr.KindOf(l.err) == callerr.FunctionMissing:
			of.names = nil
		default:
			of.err = l.err
			if !isCancelled(l.err) {
				budget.failure(l.err)
			}
			if callerr.KindOf(l.err) == callerr.Denied {
				budget.readDenied(l.err)
			}
		}
		progress.done(w.need.Target, nil)
	}
	return l
}
