package worker

import (
	"context"
	"errors"
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

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
			left := &reconcile.CallError{Subject: w.target.String() + "/" + function, Message: ErrSuperseded.Error(), Err: ErrSuperseded}
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
