package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// readConn is the way to read one target.
//
// Reader and Limiter are needed where anything is to be read; without a Reader the target
// counts as one that could not be opened.
type readConn struct {
	Reader  Reader
	Finder  Finder // only rules that choose need one
	Limiter *ratelimit.Limiter
	// Err is set where the target could not be opened, and nothing of it is read.
	Err error
	// Aliases are those that were listed before, by function; Unlisted says why those
	// of a function could not be.
	Aliases  map[string][]string
	Unlisted map[string]error
}

// survey reads the records that the fleet talks about: one ListConfigs per
// declared function, and its aliases or versions where one of them is declared,
// since a record outlives both.
//
// Targets are read at the same time, each at the pace of its own limiter, and a
// failure stays within its function. A target whose failures pass the guard's
// error limit stops taking work. When ctx ends, calls in flight are finished
// and the rest is FunctionNotExamined.
func survey(ctx context.Context, fleet desired.Fleet, conns map[desired.Target]readConn, observe func(Step), orphans bool) Observed {
	observed := Observed{Targets: make([]ObservedTarget, len(fleet.Targets))}
	progress := newProgress(PhaseSurvey, observe)
	orphans = orphans || fleet.Undeclared == desired.UndeclaredDelete
	var wg sync.WaitGroup
	groups := make([][][]desired.Entry, len(fleet.Targets))
	for i := range fleet.Targets {
		groups[i] = slices.Collect(ByFunction(fleet.Targets[i].Entries))
		progress.expect(fleet.Targets[i].Target, len(groups[i]))
	}
	for i := range fleet.Targets {
		wg.Go(func() {
			target := fleet.Targets[i].Target
			observed.Targets[i] = surveyTarget(ctx, target, groups[i], conns[target], fleet.Limits.MaxErrors, progress, orphans)
		})
	}
	wg.Wait()
	return observed
}

// surveyTarget reads one target. Functions are yielded as fast as the limiter takes
// them, so that what is learnt from the first answers still changes the order of the
// rest; results go to fixed places, so that the order of calls reaches no output.
func surveyTarget(ctx context.Context, target desired.Target, groups [][]desired.Entry, conn readConn, limit desired.Limit, progress *progress, orphans bool) ObservedTarget {
	out := ObservedTarget{Target: target, Err: conn.Err}
	if conn.Err == nil && conn.Reader == nil {
		out.Err = notConfigured(target, "Reader")
	}
	if out.Err != nil {
		return out
	}
	out.Functions = make([]ObservedFunction, len(groups))
	for i := range groups {
		out.Functions[i].Function = groups[i][0].Function
	}
	budget := newErrorBudget(ctx, limit.Allowed(len(out.Functions)), len(out.Functions))
	defer budget.release()

	shared := &interner{known: map[Settings]*Settings{}}
	jobs := func(yield func(ratelimit.Job) bool) {
		next := func(i int) bool {
			known, listed := conn.Aliases[out.Functions[i].Function]
			out.Functions[i].UnlistedErr = conn.Unlisted[out.Functions[i].Function]
			return yield(&surveyJob{
				known: known, listed: listed,
				reader: conn.Reader, shared: shared, budget: budget, progress: progress,
				target: target, entries: groups[i], observed: &out.Functions[i],
				orphans: orphans,
			})
		}
		// In order, until a function may not be read: then the rest in an order that
		// soon shows whether any may.
		i := 0
		for ; i < len(groups) && !budget.anyDenied(); i++ {
			if !next(i) {
				return
			}
		}
		for j := range spread(len(groups) - i) {
			if !next(i + j) {
				return
			}
		}
	}
	ratelimit.Run(budget.ctx, conn.Limiter, ratelimit.Policy{}, jobs)
	out.Stopped = budget.cause()
	return out
}

// ByFunction cuts sorted entries into groups of one function, each of which is one listing.
func ByFunction(entries []desired.Entry) iter.Seq[[]desired.Entry] {
	return chunksBy(entries, func(e *desired.Entry) string { return e.Function })
}

// chunksBy cuts a sorted slice into runs whose elements have one key.
//
// Each run's capacity ends with it, so that an append to one cannot overwrite the next.
func chunksBy[E any](all []E, key func(*E) string) iter.Seq[[]E] {
	return func(yield func([]E) bool) {
		for len(all) > 0 {
			n := 1
			for n < len(all) && key(&all[n]) == key(&all[0]) {
				n++
			}
			if !yield(all[:n:n]) {
				return
			}
			all = all[n:]
		}
	}
}

// interner keeps one copy of each distinct Settings of a target. A survey is held in
// memory whole, since the guard judges all of it, and the functions of a fleet
// share a handful of settings.
type interner struct {
	mu    sync.Mutex
	known map[Settings]*Settings
}

// intern gives the one copy of s. Whoever gets it must not change it.
func (in *interner) intern(s Settings) *Settings {
	in.mu.Lock()
	defer in.mu.Unlock()
	if p, ok := in.known[s]; ok {
		return p
	}
	p := &s
	in.known[s] = p
	return p
}

// surveyStep is the listing that a surveyJob makes next. Most functions need the
// first alone: aliases and versions are listed only where an answer depends on them.
type surveyStep uint8

const (
	stepConfigs surveyStep = iota
	stepAliases
	stepVersions
	stepDone
)

// operation is the API's name of the listing.
func (s surveyStep) operation() string {
	switch s {
	case stepAliases:
		return "ListAliases"
	case stepVersions:
		return "ListVersionsByFunction"
	}
	return "ListFunctionEventInvokeConfigs"
}

// kind is what a step lists.
func (s surveyStep) kind() func(string) bool {
	if s == stepVersions {
		return isVersion
	}
	return isAlias
}

// surveyJob reads one function, one page a call.
type surveyJob struct {
	reader   Reader
	shared   *interner
	budget   *errorBudget
	progress *progress
	target   desired.Target
	entries  []desired.Entry // of this function
	observed *ObservedFunction
	orphans  bool // asked to look for them
	known    []string
	listed   bool // the aliases are known: these

	step    surveyStep
	marks   markers      // of this step's listing
	configs Page[Record] // the answers of the last call
	names   Page[string]
	exists  map[string]bool // qualifiers that the current step has seen
}

// Next implements ratelimit.Job.
// Aliases and versions are a Lookup: the plan waits for them, and the function's records
// are in memory until they come.
func (j *surveyJob) Next() (ratelimit.Priority, bool) {
	switch j.step {
	case stepConfigs:
		return ratelimit.Scan, true
	case stepAliases, stepVersions:
		return ratelimit.Lookup, true
	}
	return 0, false
}

// Call implements ratelimit.Job.
func (j *surveyJob) Call(ctx context.Context) (err error) {
	switch j.step {
	case stepConfigs:
		j.configs, err = j.reader.ListConfigs(ctx, j.observed.Function, j.marks.current)
	case stepAliases:
		j.names, err = j.reader.ListAliases(ctx, j.observed.Function, j.marks.current)
	case stepVersions:
		j.names, err = j.reader.ListVersions(ctx, j.observed.Function, j.marks.current)
	}
	return err
}

// Done implements ratelimit.Job.
//
// An error in the first listing makes the function unreadable: without its records nothing
// can be said. One in a later listing leaves them known, and only the question open
// whether a qualifier exists. A function that is missing is an answer and no failure.
func (j *surveyJob) Done(err error, _ ratelimit.CallStats) {
	if err == nil {
		err = j.take()
	}
	switch {
	case err == nil:
		return
	case isCancelled(err):
		j.observed.State, j.observed.Records = FunctionNotExamined, nil
	case j.step == stepConfigs && callerr.KindOf(err) == callerr.FunctionMissing:
		j.observed.State, j.observed.Records, j.observed.Seen = FunctionAbsent, nil, time.Now().UnixMilli()
	case j.step == stepConfigs:
		j.observed.State, j.observed.Records, j.observed.Err = FunctionUnreadable, nil, err
		j.budget.failure(err)
		if callerr.KindOf(err) == callerr.Denied {
			j.budget.readDenied(err)
		}
	default:
		// The records are known; only the existence of some qualifiers is not. Nothing
		// waits for the answer where it was asked about orphans alone.
		j.observed.QualifierErr = err
		if j.pending(j.step.kind()) {
			j.budget.failure(err)
		}
		if j.turn(); j.step != stepDone {
			return
		}
	}
	j.finish()
}

// take adds a page to what is known and chooses the next call.
//
// An answer whose marker leads in a circle is an error like any other: half a listing
// would make records look absent that are there.
func (j *surveyJob) take() error {
	next := j.configs.Next
	j.budget.success()
	if j.step == stepConfigs {
		if j.observed.Seen == 0 {
			j.observed.Seen = time.Now().UnixMilli() // of the first page
		}
		for _, r := range j.configs.Items {
			j.add(r)
		}
	} else {
		next = j.names.Next
		for _, name := range j.names.Items {
			j.exists[name] = true
		}
	}
	subject := desired.Key{Target: j.target, Name: desired.Name{Function: j.observed.Function, Qualifier: desired.Latest}}
	if err := j.marks.turn(j.step.operation(), subject.String(), next); err != nil || next != "" {
		return err
	}
	if j.step == stepConfigs {
		slices.SortFunc(j.observed.Records, func(a, b ObservedRecord) int { return cmp.Compare(a.Qualifier, b.Qualifier) })
		j.observed.State = FunctionPresent
	} else {
		j.noteQualifiers()
	}
	if j.turn(); j.step == stepDone {
		j.finish()
	}
	return nil
}

// turn goes on to the next listing.
func (j *surveyJob) turn() {
	j.step, j.marks = j.following(), markers{}
	j.exists = map[string]bool{}
}

// add keeps a record. A listing that shifts between two pages may repeat one:
// the later answer is the truer.
func (j *surveyJob) add(r Record) {
	seen := ObservedRecord{Qualifier: r.Qualifier, Settings: j.shared.intern(r.Settings), Modified: r.modified()}
	if old := j.observed.record(r.Qualifier); old != nil {
		*old = seen
		return
	}
	j.observed.Records = append(j.observed.Records, seen)
}

// finish ends the job, however it went: progress counts functions, not successes.
func (j *surveyJob) finish() {
	j.step = stepDone
	j.progress.done(j.target, nil)
}

// isCancelled reports whether a call did not happen or was cut short because
// the run ended, which says nothing about the function.
func isCancelled(err error) bool {
	if errors.Is(err, context.Canceled) {
		return true
	}
	outcome, _ := ratelimit.ResultOf(err)
	return outcome == ratelimit.Cancelled
}

// maxPages bounds a listing that gives a new marker for ever: half a million
// functions, where the largest accounts have tens of thousands.
const maxPages = 10000

// markers follows the pages of one listing, and refuses one that goes in
// circles or never ends.
type markers struct {
	current string // of the page to fetch; "" is the first, or the end
	seen    map[string]bool
}

// turn goes on to the page that next marks.
//
// At the end of the listing current is "" again. The error is a callerr.Error of op and subject,
// of the kind that no repeat mends.
func (m *markers) turn(op, subject, next string) error {
	endless := ""
	switch {
	case m.seen[next]:
		endless = fmt.Sprintf("AWS gave the page marker %q twice, so the listing would never end", next)
	case next != "" && len(m.seen) == maxPages:
		endless = fmt.Sprintf("the listing did not end after %d pages", maxPages)
	}
	if endless != "" {
		return &callerr.Error{
			Service: "lambda", Op: op, Subject: subject, Kind: callerr.BadAnswer, Message: endless,
			Hint: "run again; if it stays, check that AWS_ENDPOINT_URL leads to AWS, and report it to AWS support",
		}
	}
	if next != "" {
		if m.seen == nil {
			m.seen = map[string]bool{}
		}
		m.seen[next] = true
	}
	m.current = next
	return nil
}
