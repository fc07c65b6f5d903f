package ratelimit

import (
	"time"

	"golang.org/x/time/rate"
)

// dispatch hands out tokens to the waiters until the limiter is closed.
//
// It is the only goroutine of a limiter, and sleeps while nobody waits. The lock is not
// held while it sleeps; whatever changes what it waits for calls wakeDispatcher.
func (l *Limiter) dispatch() {
	defer close(l.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.mu.Lock()
		next := l.serve(time.Now())
		l.mu.Unlock()

		var due <-chan time.Time
		if next > 0 {
			timer.Reset(next)
			due = timer.C
		}
		select {
		case <-due:
		case <-l.wake:
		case <-l.closing:
			return
		}
	}
}

// serve answers every waiter whose token is there, and returns when to look
// again; 0 means not before wakeDispatcher.
//
// Nothing stays booked while everybody is held back, nor once the queue is empty: a
// reservation taken before a pause would be at the rate of before it.
func (l *Limiter) serve(now time.Time) time.Duration {
	for l.queue.len() > 0 && !l.closed {
		if wait, blocked := l.blocked(now); blocked {
			l.release(now)
			return wait
		}
		if l.refunded {
			l.refunded = false
		} else if wait := l.reserve(now); wait > 0 {
			return wait
		}
		l.learn(now)
		w := l.queue.pop()
		w.answer <- l.grant(w.priority, w.alone, now)
		l.retune(now)
	}
	if l.queue.len() == 0 {
		l.release(now)
		l.stats.unwanted(now, l.bucket.TokensAt(now))
	}
	return 0
}

// learn lets the rate grow for the time since the last token, since somebody
// waited for this one. A pause and an outage teach nothing.
//
// The time is left out by skip, so that ten seconds of standing still are not followed by
// ten seconds' worth of growth at once.
func (l *Limiter) learn(now time.Time) {
	l.control.skip(earlier(l.paused, now))
	if l.breaker.state == Closed {
		l.control.grow(now)
	} else {
		l.control.skip(now)
	}
}

// blocked tells whether a pause or the breaker holds everybody back, and for
// how long; 0 means until the probe is answered.
func (l *Limiter) blocked(now time.Time) (time.Duration, bool) {
	if l.paused.After(now) {
		return l.paused.Sub(now), true
	}
	admitted, until := l.breaker.admits(now)
	if admitted || until.IsZero() {
		return 0, !admitted
	}
	return until.Sub(now), true
}

// take takes a token that is there now, if there is one and nothing blocks.
//
// It is called with an empty queue only: nobody who came earlier is passed over.
func (l *Limiter) take(now time.Time) bool {
	if _, blocked := l.blocked(now); blocked {
		return false
	}
	if l.refunded {
		l.refunded = false
		return true
	}
	if !l.bucket.AllowN(now, 1) {
		return false
	}
	l.stats.unwanted(now, l.bucket.TokensAt(now))
	return true
}

// reserve books the next token, or keeps the booking there is, and returns how
// long until it is there. At 0 the token is taken.
func (l *Limiter) reserve(now time.Time) time.Duration {
	if l.reserved == nil {
		l.reserved = l.bucket.ReserveN(now, 1)
	}
	wait := l.reserved.DelayFrom(now)
	if wait == 0 {
		l.reserved = nil
	}
	return wait
}

// release gives the booked token back. A booking that is due is a token that
// is there, and is kept for the next waiter.
func (l *Limiter) release(now time.Time) {
	if l.reserved == nil {
		return
	}
	if l.reserved.DelayFrom(now) == 0 {
		l.refunded = true
	} else {
		l.reserved.CancelAt(now)
	}
	l.reserved = nil
}

// retune gives the bucket the controller's rate. Nothing may be booked, or the
// booking would keep the old rate.
//
// SetLimitAt advances the bucket's clock, and so is left out where nothing changes.
func (l *Limiter) retune(now time.Time) {
	if l.bucket.Limit() != rate.Limit(l.control.rate) {
		l.bucket.SetLimitAt(now, rate.Limit(l.control.rate))
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
