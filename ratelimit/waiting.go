package ratelimit

import "time"

// Backlog is what the run on a limiter holds back until another attempt. It
// explains a run that stands still though the quota has room.
type Backlog struct {
	Calls int       // all of them
	Busy  int       // those whose subject was busy: their last outcome is Conflict
	Next  time.Time // when the first of them is tried again; zero when there is none
}

// hold takes what a run holds back. Of several runs on one limiter, the last to
// tell is shown.
func (l *Limiter) hold(w Backlog) {
	l.mu.Lock()
	l.waiting = w
	l.mu.Unlock()
}

// forecast is how long n tokens take at the rate of now.
func (l *Limiter) forecast(n int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := seconds(float64(n) / l.pace.rate)
	if blocked, is := l.blocked(now); is {
		wait += blocked
	}
	return wait
}
