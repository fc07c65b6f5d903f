package ratelimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter gives out the tokens of one quota: one per attempt, to the waiter of
// the highest priority, at a rate that it finds by itself below a ceiling.
// A Limiter is made by New, and is safe for use by many goroutines.
type Limiter struct {
	rand func() float64 // in [0,1)

	wake    chan struct{} // holds one: look at the state again
	closing chan struct{}
	ended   chan struct{} // the dispatcher has returned

	mu     sync.Mutex
	closed bool
	// Waiters queue here and not in the bucket, where each would book an instant in the
	// future: a change of rate would not reach them, and each that gives up would leave a
	// hole. At most one reservation is outstanding.
	queue    queue
	bucket   *rate.Limiter
	reserved *rate.Reservation // of the best waiter; nil: none
	refunded bool              // a token was paid for, and its waiter left
	ceiling  float64           // of the options
	divided  divided           // with others
	control  controller
	breaker  breaker
	// Pauses and the breaker hold back every waiter; the queue keeps their order meanwhile.
	paused   time.Time // no grant before then
	stats    stats
	backlogs []*Backlog // of the runs
}

// New returns a limiter for one quota and starts its dispatcher, which runs
// until Close. It panics on options that Validate refuses.
func New(s Options) *Limiter {
	ceiling, now := s.ceiling(), time.Now()
	l := &Limiter{
		rand:    s.Rand,
		wake:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
		ceiling: ceiling,
		control: newController(ceiling, now),
	}
	if l.rand == nil {
		l.rand = rand.Float64
	}
	burst := burstFor(ceiling)
	l.bucket = rate.NewLimiter(rate.Limit(l.control.rate), burst)
	l.bucket.AllowN(now, burst-1) // a full bucket would be an opening burst
	go l.dispatch()
	return l
}

// setOptions changes the quota or the share of it; see [Registry.Refresh]. It panics on options
// that Validate refuses.
func (l *Limiter) setOptions(s Options) {
	ceiling := s.ceiling()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ceiling = ceiling
	l.adjust(time.Now())
}

// adjust puts the ceiling into force that follows from the options and from what is
// divided with others.
func (l *Limiter) adjust(now time.Time) {
	ceiling := l.ceiling
	if l.divided.most > 0 {
		ceiling = min(ceiling, l.divided.most)
	}
	// A worker calls this on every pass, nearly always with what is in force already.
	if ceiling == l.control.ceiling {
		return
	}
	l.release(now)
	l.control.limit(ceiling)
	l.bucket.SetBurstAt(now, burstFor(ceiling))
	l.retune(now)
	l.wakeDispatcher()
}

// Acquire waits for the token of one attempt. Whoever gets a grant must call
// its Done exactly once, with what the attempt came to.
//
// An error is always marked Cancelled: ctx ended, or ended too early for any
// token to arrive in time (which is known at once, without waiting), or the
// limiter was closed.
func (l *Limiter) Acquire(ctx context.Context, p Priority) (Grant, error) {
	isAlone := p == alone
	if isAlone {
		p = Scan
	}
	p = min(p, Probe)
	if ctx.Err() != nil {
		return Grant{}, cancelled(context.Cause(ctx))
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return Grant{}, cancelled(ErrClosed)
	}
	now := time.Now()
	l.stats.arrive(now)
	// The fast path: nobody is before this caller and a token is there. With a waiter in
	// the queue the dispatcher decides, or a newcomer would pass those who came first.
	if l.queue.len() == 0 && l.take(now) {
		l.control.skip(now)
		g := l.grant(p, isAlone, now)
		l.mu.Unlock()
		return g, nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		if earliest := l.earliest(p, now); earliest.After(deadline) {
			l.mu.Unlock()
			return Grant{}, cancelled(fmt.Errorf("no token before %v, and the deadline is in %v: %w",
				earliest.Sub(now).Round(time.Millisecond), deadline.Sub(now).Round(time.Millisecond), ErrNoTime))
		}
	}
	// Only a new first in line changes what the dispatcher has to wait for.
	w := l.queue.push(p, isAlone)
	if w.index == 0 {
		l.wakeDispatcher()
	}
	l.mu.Unlock()
	return l.await(ctx, w)
}

// await blocks until w is answered or ctx ends.
//
// When ctx ends at the moment of the grant, the token is paid for and nobody is there to
// use it: it goes back, for the next waiter. The index tells the two cases apart under
// the lock: -1 means that the waiter was taken from the queue and its answer is in the channel.
//
// Err is asked at the grant as well: a process that was stopped while it waited may have its
// token before it hears that the context is over.
func (l *Limiter) await(ctx context.Context, w *waiter) (Grant, error) {
	select {
	case g := <-w.answer:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.queue.recycle(w)
		if g.limiter == nil {
			return Grant{}, cancelled(ErrClosed)
		}
		if ctx.Err() != nil {
			l.giveBack(g)
			l.wakeDispatcher()
			return Grant{}, cancelled(context.Cause(ctx))
		}
		return g, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.index >= 0 {
		l.queue.remove(w)
	} else if g := <-w.answer; g.limiter != nil {
		l.giveBack(g)
	}
	l.queue.recycle(w)
	l.wakeDispatcher()
	return Grant{}, cancelled(context.Cause(ctx))
}

// wakeDispatcher makes the dispatcher look at the state again.
//
// It never blocks: one signal is remembered, and a second one would tell nothing new.
func (l *Limiter) wakeDispatcher() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// earliest is the first instant at which a new waiter of priority p could get
// a token if all went well: nothing is refused, and nobody comes before it.
//
// It is a bound from below: what is not booked yet is reckoned with the ceiling and not
// with the present rate, so that no call is refused at once that would have been served after all.
func (l *Limiter) earliest(p Priority, now time.Time) time.Time {
	at := now
	if l.reserved != nil {
		at = now.Add(l.reserved.DelayFrom(now))
	} else if missing := 1 - l.bucket.TokensAt(now); missing > 0 && !l.refunded {
		at = now.Add(seconds(missing / l.ceiling))
	}
	if l.paused.After(at) {
		at = l.paused
	}
	if admitted, until := l.breaker.admits(now); !admitted && until.After(at) {
		at = until
	}
	return at.Add(seconds(float64(l.queue.ahead(p)) / l.ceiling))
}

// forecast is how long n tokens take at the rate of now.
//
// Unlike earliest it is an estimate: Run uses it to take on no more than gets done. A part
// of the quota that others are about to leave counts.
func (l *Limiter) forecast(n int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	rate := l.control.rate
	if l.divided.even > l.control.ceiling {
		rate = l.divided.even
	}
	wait := seconds(float64(n) / rate)
	if blocked, is := l.blocked(now); is {
		wait += blocked
	}
	return wait
}

// Close stops the dispatcher and waits for it. Whoever waits for a token gets an error marked
// Cancelled, which is ErrClosed; grants that were given stay good. It may be called again.
func (l *Limiter) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.closing)
		for l.queue.len() > 0 {
			l.queue.pop().answer <- Grant{}
		}
	}
	l.mu.Unlock()
	<-l.ended
}

// Grant is the right to make one attempt now. The zero Grant is none, and its Done does nothing.
type Grant struct {
	limiter  *Limiter
	epoch    uint64 // of the controller when it was given
	priority Priority
	probe    bool // the breaker waits for its result
	alone    bool
}

// grant accounts for a token that goes to a caller of priority p.
func (l *Limiter) grant(p Priority, alone bool, now time.Time) Grant {
	g := Grant{limiter: l, epoch: l.control.epoch, priority: p, alone: alone, probe: l.breaker.grant()}
	l.stats.grant(p, now)
	return g
}

// giveBack takes a grant whose caller left before it could learn of it.
//
// The epoch and the rate stay as they are: nothing was sent, so nothing was learnt. If
// it was to be the breaker's probe, the next grant is.
func (l *Limiter) giveBack(g Grant) {
	now := time.Now()
	l.release(now)
	l.refunded = true
	l.stats.ungrant(g.priority)
	l.breaker.report(Cancelled, g.probe, now, 0)
}

// Done says what the attempt came to, and how long the server asked to wait (0:
// it did not ask). It must be called exactly once.
//
// Throttled cuts the rate and pauses every caller of this quota. Five times ServerError in
// a row opens the breaker. The other results do not change the pace: a conflict
// is one subject's matter.
func (g Grant) Done(o Result, retryAfter time.Duration) {
	l := g.limiter
	if l == nil {
		return
	}
	u := l.rand()
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.stats.done(o)
	was := l.breaker.state
	l.breaker.report(o, g.probe, now, u)
	if was != BreakerClosed && l.breaker.state == BreakerClosed {
		l.control.skip(now)
	}
	// What is refused alone says nothing about the quota: to slow down for it would
	// make all others pay, for as long as it is tried.
	if o == Throttled && !g.alone {
		l.slow(g.epoch, retryAfter, now, u)
	}
	if o == Throttled || l.breaker.state != was {
		l.wakeDispatcher()
	}
}

// slow is the answer to a refusal by the quota.
//
// Attempts that were on their way when the rate was cut are refused too, as a rule. Their
// grants are of an older epoch, and the controller takes all of them for one refusal; a
// Retry-After is heeded even then, because it is about the time and not about the rate.
func (l *Limiter) slow(epoch uint64, retryAfter time.Duration, now time.Time, u float64) {
	cut := l.control.refuse(now, epoch, sum(l.stats.tokens))
	if cut {
		l.stats.decreases++
		l.release(now)
		l.retune(now)
	}
	if !cut && retryAfter <= 0 {
		return
	}
	if until := now.Add(pauseFor(retryAfter, u)); until.After(l.paused) {
		l.stats.paused += until.Sub(now) - max(0, l.paused.Sub(now))
		l.paused = until
	}
}

// pauseFor is how long everybody waits after a refusal: what the server asked
// for, or else a moment that differs between processes.
//
// The moment is 250 to 750 ms, and nothing lasts longer than maxRetryAfter: a server that
// asks for an hour would otherwise stop a run for good.
func pauseFor(retryAfter time.Duration, u float64) time.Duration {
	return max(min(retryAfter, maxRetryAfter), jittered(500*time.Millisecond, 0.5, u))
}

// seconds is at most a century, which can be added to an instant.
func seconds(s float64) time.Duration {
	return time.Duration(min(s, 100*365*24*3600) * float64(time.Second))
}
