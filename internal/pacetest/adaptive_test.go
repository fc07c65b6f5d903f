package pacetest

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

// adaptive restates the arithmetic of the SDK's adaptive retry mode (package
// aws/retry, adaptive_ratelimit.go). The SDK's own cannot be played in virtual
// time: what is left to wait is cut to whole nanoseconds, and at 0 it asks again
// and again without time passing. Here at least a microsecond passes.
type adaptive struct {
	*retry.Standard

	mu           sync.Mutex
	enabled      bool // by the first refusal
	fill         float64
	tokens       float64
	refilled     time.Time
	measured     float64 // requests per second
	halfSecond   float64 // the latest that was measured
	requests     float64 // since then
	lastMax      float64
	lastThrottle time.Time
}

const (
	adaptiveSmooth = 0.8
	adaptiveBeta   = 0.7
	adaptiveScale  = 0.4
	adaptiveFloor  = 0.5
)

var _ aws.RetryerV2 = (*adaptive)(nil)

func newAdaptive() *adaptive {
	now := time.Now()
	return &adaptive{Standard: retry.NewStandard(), refilled: now, lastThrottle: now, halfSecond: math.Floor(unixSeconds(now))}
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// GetAttemptToken implements aws.RetryerV2. The SDK calls it for each attempt,
// and what it returns with the attempt's outcome.
func (a *adaptive) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	for {
		wait := a.take()
		if wait == 0 {
			return a.learn, nil
		}
		select {
		case <-time.After(max(wait, time.Microsecond)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take takes a token, or returns how long to wait for one.
func (a *adaptive) take() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.enabled {
		return 0
	}
	a.refill(time.Now())
	if a.tokens < 1 {
		return max(seconds((1-a.tokens)/a.fill), 1)
	}
	a.tokens--
	return 0
}

// The bucket holds one second's worth, and one token at least.
func (a *adaptive) refill(now time.Time) {
	a.tokens = min(a.tokens+now.Sub(a.refilled).Seconds()*a.fill, max(a.fill, 1))
	a.refilled = now
}

func (a *adaptive) learn(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.measure(now)
	next := 0.0
	if throttle(err) {
		a.lastMax = a.measured
		if a.enabled {
			a.lastMax = min(a.measured, a.fill)
		}
		a.lastThrottle, a.enabled = now, true
		next = a.lastMax * adaptiveBeta
	} else {
		window := math.Cbrt(a.lastMax * (1 - adaptiveBeta) / adaptiveScale)
		next = adaptiveScale*math.Pow(now.Sub(a.lastThrottle).Seconds()-window, 3) + a.lastMax
	}
	a.refill(now)
	a.fill = max(min(next, 2*a.measured), adaptiveFloor)
	a.refill(now)
	return nil
}

// measure counts a request, and smooths the rate over half seconds.
func (a *adaptive) measure(now time.Time) {
	a.requests++
	if half := math.Floor(unixSeconds(now)*2) / 2; half > a.halfSecond {
		a.measured = a.requests/(half-a.halfSecond)*adaptiveSmooth + a.measured*(1-adaptiveSmooth)
		a.requests, a.halfSecond = 0, half
	}
}

func throttle(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && attempt{code: api.ErrorCode()}.throttled()
}
