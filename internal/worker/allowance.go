package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// allowance is what targeted passes may write. Events come from outside, and the
// guard sees one pass at a time: without it, 200 changes that the guard refuses a
// sweep would be written by four passes over fifty events each.
//
//   - All targeted passes within one period share what the guard lets one run write.
//   - While the last sweep stands refused by the guard, only configs that were as
//     declared in that sweep may be written: they have drifted since.
//
// It is a value of instants and results; the worker guards it. A process that starts
// anew has spent nothing.
type allowance struct {
	period  time.Duration
	spent   []spending // in the order of time
	refused *refusal   // nil unless the last sweep stands refused
}

type spending struct {
	at time.Time
	n  int
}

// refusal is a sweep, or a pass over targets, that the guard stopped.
type refusal struct {
	sweep bool
	fleet desired.Fleet        // what it compared with
	open  map[desired.Key]bool // what it would have changed, or could not read
}

// spend notes the writes of a targeted pass, those that failed included.
func (a *allowance) spend(r *Result, now time.Time) {
	n := 0
	for _, result := range r.Outcome.All() {
		if result.Status != reconcile.NotAttempted && result.Status != reconcile.Stale {
			n++
		}
	}
	if n > 0 {
		a.spent = append(a.spent, spending{now, n})
	}
}

// within is how many writes were made within the last period.
func (a *allowance) within(now time.Time) int {
	a.spent = slices.DeleteFunc(a.spent, func(s spending) bool { return !s.at.After(now.Add(-a.period)) })
	n := 0
	for _, s := range a.spent {
		n += s.n
	}
	return n
}

// looked takes in how a pass over targets ended. A refusal stands until the targets
// that it was about were seen again and the pass was let pass: one that left them to another
// run, or failed for another reason, says nothing.
func (a *allowance) looked(s Scope, fleet desired.Fleet, r *Result) {
	switch {
	case r.Plan == nil || !s.Targets():
	case errors.As(r.Err, new(*reconcile.GuardError)):
		if a.refused != nil && !s.All {
			return // it stands
		}
		a.refused = &refusal{sweep: s.All, fleet: fleet, open: map[desired.Key]bool{}}
		for t := range slice.Pointers(r.Plan.Targets) {
			for j := range t.Changes {
				a.refused.open[desired.Key{Target: t.Target, Name: t.Changes[j].Name}] = true
			}
			for j := range t.Findings {
				a.refused.open[desired.Key{Target: t.Target, Name: t.Findings[j].Name}] = true
			}
		}
	case r.Err == nil && a.refused != nil && a.refused.seenAgain(s, r):
		a.refused = nil
	}
}

// seenAgain reports whether a pass came to the end of every target that the refusal is
// about. One that has left the fleet needs no look.
func (f *refusal) seenAgain(s Scope, r *Result) bool {
	about := map[desired.Target]bool{}
	for k := range f.open {
		about[k.Target] = true
	}
	for t := range about {
		planned := reconcile.FindTarget(r.Plan.Targets, t) != nil
		if !planned && !s.All || planned && (!s.Whole(t) || r.TargetErr(t) != nil) {
			return false
		}
	}
	return true
}

// mayWrite says which configs may be written; nil means all.
func (a *allowance) mayWrite() func(desired.Key) bool {
	if a.refused == nil {
		return nil
	}
	return a.refused.wasInSync
}

// wasInSync reports whether a config was as declared in the sweep that was refused.
// A config that the sweep did not know was not, in a target that it was about.
func (r *refusal) wasInSync(k desired.Key) bool {
	t := reconcile.FindTarget(r.fleet.Targets, k.Target)
	if t == nil {
		return !r.sweep // a pass over other targets says nothing of this one
	}
	if r.open[k] {
		return false
	}
	_, known := slices.BinarySearchFunc(t.Entries, k.Name, desired.Entry.Compare)
	return known
}

// ErrSuperseded is why a sweep left a change alone: a targeted pass has looked at
// the function since the sweep read it, and knows better. It is no failure.
var ErrSuperseded = errors.New("an event's pass has looked at this function since the sweep read it")

// claims keep a sweep and the targeted pass beside it from working on one function
// at a time. The targeted pass goes first:
//
//	the sweep is writing to it            the targeted pass reads it afterwards
//	the sweep has read it, or reads it    the sweep writes nothing to it
//	the sweep reads it afterwards         both count
type claims struct {
	mu       sync.Mutex
	turn     int
	targeted *Scope                   // of the targeted pass under way
	let      map[Object]int           // the turn at which a targeted pass let go of an object
	read     map[Object]int           // the turn at which the sweep read it again
	writing  map[Object]chan struct{} // the sweep's writes in flight
}

func newClaims() *claims {
	return &claims{let: map[Object]int{}, read: map[Object]int{}, writing: map[Object]chan struct{}{}}
}

// begin notes a pass; end is to be called when it is over.
func (c *claims) begin(s Scope) (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.All {
		clear(c.let)
		clear(c.read)
		return func() {}
	}
	c.targeted = &s
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.targeted = nil
		c.turn++
		for _, o := range s.Objects {
			c.let[o] = c.turn
		}
	}
}

// sweepReads notes that the sweep begins to read a function. What no targeted pass
// has let go of needs no note, so that a large fleet costs no memory here.
func (c *claims) sweepReads(o Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.letGo(o) > 0 {
		c.read[o] = c.turn
	}
}

// letGo is the turn at which a targeted pass last let go of a function; 0 for none.
func (c *claims) letGo(o Object) int { return max(c.let[o], c.let[Object{Target: o.Target}]) }

// sweepWrites reports whether the sweep may write to a function, and if so
// what to call when the write is over.
func (c *claims) sweepWrites(o Object) (end func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.targeted != nil && c.targeted.covers(o.Target, o.Function) || c.letGo(o) > c.read[o] {
		return nil, false
	}
	over := make(chan struct{})
	c.writing[o] = over
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(over)
		delete(c.writing, o)
	}, true
}

// await waits until the sweep has ended its write to a function, if there is one.
func (c *claims) await(ctx context.Context, o Object) error {
	c.mu.Lock()
	over := c.writing[o]
	c.mu.Unlock()
	if over == nil {
		return nil
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ratelimit.WithResult(context.Cause(ctx), ratelimit.Cancelled, 0)
	}
}

// work is what a pass and its worker tell each other while the pass runs.
type work struct {
	claims *claims
	alive  func()              // a sign of life
	sees   func(desired.Fleet) // the whole fleet, resolved
}

// Alive tells the worker that the pass goes on. A pass that is silent for too long
// is ended; the calls of targets that it opened by [Scope.Open] are signs of
// life by themselves.
func (s Scope) Alive() {
	if s.work != nil {
		s.work.alive()
	}
}

// Open makes opened targets ready for a pass over the scope: calls of a targeted
// pass go before those of a sweep that runs beside it, the two never work on one
// function at a time, and every answer is a sign of life. The targets themselves
// are not changed.
func (s Scope) Open(targets []reconcile.OpenTarget) []reconcile.OpenTarget {
	if s.work == nil {
		return targets
	}
	out := make([]reconcile.OpenTarget, len(targets))
	for i, t := range targets {
		if t.Reader != nil {
			t.Reader = claimedReader{t.Reader, s, t.Target}
		}
		if t.Writer != nil {
			t.Writer = claimedWriter{t.Writer, s, t.Target}
		}
		out[i] = t
	}
	return out
}

// call is the context of one call, and what to do when it has been answered.
// Among the calls that wait for a token of the account's quota those of a targeted
// pass go first, whether they read or write: a sweep has many at any time, and
// waits hours for the last of them anyway.
func (s Scope) call(ctx context.Context) (context.Context, func()) {
	if !s.All {
		ctx = ratelimit.WithPriority(ctx, ratelimit.Probe)
	}
	return ctx, s.Alive
}

type claimedReader struct {
	reconcile.Reader
	scope  Scope
	target desired.Target
}

// Unwrap gives the Reader as it was opened.
func (r claimedReader) Unwrap() reconcile.Reader { return r.Reader }

func (r claimedReader) ListConfigs(ctx context.Context, function, marker string) (reconcile.Page[reconcile.Record], error) {
	o := Object{r.target, function}
	if !r.scope.All {
		if err := r.scope.work.claims.await(ctx, o); err != nil {
			return reconcile.Page[reconcile.Record]{}, err
		}
	} else if marker == "" {
		r.scope.work.claims.sweepReads(o)
	}
	ctx, answered := r.scope.call(ctx)
	defer answered()
	return r.Reader.ListConfigs(ctx, function, marker)
}

func (r claimedReader) ListAliases(ctx context.Context, function, marker string) (reconcile.Page[string], error) {
	ctx, answered := r.scope.call(ctx)
	defer answered()
	return r.Reader.ListAliases(ctx, function, marker)
}

func (r claimedReader) ListVersions(ctx context.Context, function, marker string) (reconcile.Page[string], error) {
	ctx, answered := r.scope.call(ctx)
	defer answered()
	return r.Reader.ListVersions(ctx, function, marker)
}

type claimedWriter struct {
	writer reconcile.Writer
	scope  Scope
	target desired.Target
}

// claim makes one write, unless the function is a targeted pass's.
func (w claimedWriter) claim(ctx context.Context, function string, write func(context.Context) error) error {
	if w.scope.All {
		end, ok := w.scope.work.claims.sweepWrites(Object{w.target, function})
		if !ok {
			left := &callerr.Error{Subject: w.target.String() + "/" + function, Message: ErrSuperseded.Error(), Err: ErrSuperseded}
			return ratelimit.WithResult(left, ratelimit.Cancelled, 0)
		}
		defer end()
	}
	ctx, answered := w.scope.call(ctx)
	defer answered()
	return write(ctx)
}

func (w claimedWriter) Put(ctx context.Context, name desired.Name, c desired.Config) (r reconcile.Record, err error) {
	err = w.claim(ctx, name.Function, func(ctx context.Context) error {
		r, err = w.writer.Put(ctx, name, c)
		return err
	})
	return r, err
}

func (w claimedWriter) Update(ctx context.Context, name desired.Name, c desired.Config) (r reconcile.Record, err error) {
	err = w.claim(ctx, name.Function, func(ctx context.Context) error {
		r, err = w.writer.Update(ctx, name, c)
		return err
	})
	return r, err
}

func (w claimedWriter) Delete(ctx context.Context, name desired.Name) error {
	return w.claim(ctx, name.Function, func(ctx context.Context) error { return w.writer.Delete(ctx, name) })
}
