package ratelimit

import (
	"sync"
	"time"
)

// Meter shows how far a run is, to whoever draws a progress line. Put one in
// Policy.Meter and read it from any goroutine; it serves one run at a time.
type Meter struct {
	mu       sync.Mutex
	limiter  *Limiter
	progress Progress
}

// Progress is how far a run is.
type Progress struct {
	Settled  int // calls that are over
	InFlight int // calls at work, or waiting for their token
	Waiting  int // calls that wait for another attempt
	// Left is how long the rest takes at the rate of now.
	Left time.Duration
}

// Read returns the state now. Calls is how many calls the run will make in
// all, as far as is known: Run itself learns of a job only when it is due.
func (m *Meter) Read(calls int) Progress {
	m.mu.Lock()
	p, l := m.progress, m.limiter
	m.mu.Unlock()
	if l != nil {
		p.Left = l.forecast(max(calls-p.Settled, p.InFlight+p.Waiting), time.Now())
	}
	return p
}

func (m *Meter) set(l *Limiter, p Progress) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.limiter, m.progress = l, p
	m.mu.Unlock()
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
