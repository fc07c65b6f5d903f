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
// A Limiter is safe for use by many goroutines.
//
// Waiters queue here and not in the rate.Limiter below, where each would book
// an instant in the future: a change of rate would not reach them, and each
// that gives up would leave a hole. At most one reservation is outstanding.
type Limiter struct {
	settings Settings
	chance   func() float64 // in [0,1)

	wake    chan struct{} // holds one: look at the state again
	closing chan struct{}
	ended   chan struct{} // the dispatcher has returned

	mu       sync.Mutex
	closed   bool
	queue    queue
	bucket   *rate.Limiter
	reserved *rate.Reservation // of the best waiter; nil: none
	spare    bool              // a token was paid for, and its waiter left
	pace     controller
	breaker  breaker
	paused   time.Time // no grant before then
	tally    tally
	waiting  Backlog
}

// New returns a limiter for one quota and starts its dispatcher, which runs
// until Close. It panics on settings that Validate refuses.
func New(s Settings) *Limiter { return newLimiter(s, rand.Float64) }

func newLimiter(s Settings, chance func() float64) *Limiter {
	if err := s.Validate(); err != nil {
		panic("ratelimit.New: " + err.Error())
	}
	s = s.withDefaults()
	now := time.Now()
	l := &Limiter{
		settings: s,
		chance:   chance,
		wake:     make(chan struct{}, 1),
		closing:  make(chan struct{}),
		ended:    make(chan struct{}),
		pace:     newController(s.ceiling(), now),
	}
	burst := burstFor(s.ceiling())
	l.bucket = rate.NewLimiter(rate.Limit(l.pace.rate), burst)
	l.bucket.AllowN(now, burst-1) // a full bucket would be an opening burst
	go l.dispatch()
	return l
}

// Acquire waits for the token of one attempt. Whoever gets a grant must call
// its Done exactly once, with what the attempt came to.
//
// An error is always marked Cancelled: ctx ended, or ended too early for any
// token to arrive in time (which is known at once, without waiting), or the
// limiter was closed.
func (l *Limiter) Acquire(ctx context.Context, p Priority) (Grant, error) {
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
	l.tally.arrive(now, l.pace.rate, float64(l.bucket.Burst()))
	if l.queue.len() == 0 && l.take(now) {
		l.pace.skip(now)
		g := l.grant(p, now)
		l.mu.Unlock()
		return g, nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		if earliest := l.earliest(p, now); earliest.After(deadline) {
			l.mu.Unlock()
			return Grant{}, cancelled(fmt.Errorf("no token before %v, and the deadline is in %v: %w",
				earliest.Sub(now).Round(time.Millisecond), deadline.Sub(now).Round(time.Millisecond), context.DeadlineExceeded))
		}
	}
	w := l.queue.push(p)
	if w.index == 0 {
		l.rouse()
	}
	l.mu.Unlock()
	return l.await(ctx, w)
}

// await blocks until w is answered or ctx ends.
func (l *Limiter) await(ctx context.Context, w *waiter) (Grant, error) {
	select {
	case g := <-w.answer:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.queue.recycle(w)
		if g.limiter == nil {
			return Grant{}, cancelled(ErrClosed)
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
	l.rouse()
	return Grant{}, cancelled(context.Cause(ctx))
}

// rouse makes the dispatcher look at the state again.
func (l *Limiter) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// earliest is the first instant at which a new waiter of priority p could get
// a token if all went well: nothing is refused, and nobody comes before it.
func (l *Limiter) earliest(p Priority, now time.Time) time.Time {
	at := now
	if l.reserved != nil {
		at = now.Add(l.reserved.DelayFrom(now))
	} else if missing := 1 - l.bucket.TokensAt(now); missing > 0 && !l.spare {
		at = now.Add(seconds(missing / l.pace.ceiling))
	}
	if l.paused.After(at) {
		at = l.paused
	}
	if admitted, until := l.breaker.admits(now); !admitted && until.After(at) {
		at = until
	}
	return at.Add(seconds(float64(l.queue.ahead(p)) / l.pace.ceiling))
}

// Close stops the dispatcher and waits for it. Whoever waits for a token gets
// an error marked Cancelled; grants that were given stay good.
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

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
