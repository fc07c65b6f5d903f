package awssim

import (
	"math"
	"sync"
	"time"
)

// getFunctionRate is Lambda's documented limit of GetFunction, apart from the 15
// of the other control calls.
const getFunctionRate = 100

// meter decides which calls of one account and region are admitted.
type meter struct {
	mu      sync.Mutex
	control limit
	details limit // GetFunction
}

func newMeter(q Quota, now time.Time) *meter {
	m := &meter{}
	m.set(q, now)
	return m
}

func (m *meter) set(q Quota, now time.Time) {
	details := q.GetFunctionRate
	if details == 0 {
		details = getFunctionRate
	}
	if q.Rate == 0 {
		details = 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.control = newLimit(q, q.Rate, q.Burst, now)
	m.details = newLimit(q, details, 0, now)
}

// admit takes a token for one call.
func (m *meter) admit(getFunction bool, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if getFunction {
		return m.details.admit(now)
	}
	return m.control.admit(now)
}

// limit is a token bucket, or a window of one second that starts full.
type limit struct {
	rate, burst    float64
	window         bool
	chargeRejected bool
	tokens         float64
	last           time.Time // of the latest refill
}

func newLimit(q Quota, rate, burst float64, now time.Time) limit {
	if burst == 0 {
		burst = max(1, math.Ceil(rate))
	}
	l := limit{rate: rate, burst: burst, window: q.Shape == "window", chargeRejected: q.ChargeRejected, last: now}
	if l.window {
		l.burst = math.Floor(rate)
	}
	l.tokens = l.burst
	return l
}

func (l *limit) admit(now time.Time) bool {
	if l.rate == 0 {
		return true
	}
	l.refill(now)
	// A millionth of grace: fractions of a token and of a nanosecond round, and a
	// caller at exactly the rate must not pay for it.
	if l.tokens+1e-6 >= 1 {
		l.tokens--
		return true
	}
	if l.chargeRejected {
		l.tokens = 0 // what had come back of the next token is spent
	}
	return false
}

func (l *limit) refill(now time.Time) {
	passed := now.Sub(l.last)
	if l.window {
		if whole := passed.Truncate(time.Second); whole > 0 {
			l.tokens, l.last = l.burst, l.last.Add(whole)
		}
		return
	}
	if passed > 0 {
		l.tokens, l.last = min(l.burst, l.tokens+passed.Seconds()*l.rate), now
	}
}
