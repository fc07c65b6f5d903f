package ratelimit

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync"
)

// Below a share of 1 the server's own bucket can refill, and people find it full: at 0.9 a bucket
// of one second's worth refills in 10 s. At 1.0 it never does, and half of the calls of a person
// in a console are refused.
const (
	defaultShare = 0.9
	minShare     = 0.1
)

// Options say what the quota is and how much of it to use.
type Options struct {
	Quota float64 // the server's limit in requests per second, above 0
	Share float64 // the part of Quota to use at most, 0.1 to 1.0; 0 means 0.9
	// Rand gives the jitter of the limiter and its runs, from [0,1), so that a
	// simulation can be repeated. It must be safe for use by many goroutines. Nil is
	// math/rand/v2.
	Rand func() float64
}

// Validate tells what is wrong with s, everything at once.
func (s Options) Validate() error {
	var problems []error
	if !(s.Quota > 0) || math.IsInf(s.Quota, 0) { // NaN is not above 0
		problems = append(problems, fmt.Errorf("quota %v requests per second: use a number above 0", s.Quota))
	}
	if s.Share != 0 && !(s.Share >= minShare && s.Share <= 1) {
		problems = append(problems, fmt.Errorf("rate share %v: use %v to 1.0 (0 means %v)", s.Share, minShare, defaultShare))
	}
	return errors.Join(problems...)
}

// ceiling is the highest rate these options allow, in requests per second.
func (s Options) ceiling() float64 {
	if err := s.Validate(); err != nil {
		panic("ratelimit: " + err.Error())
	}
	return s.Quota * cmp.Or(s.Share, defaultShare)
}

// Registry holds one limiter per quota, of which K is the name: whatever all
// callers have in common who are counted together, and no others. Quotas are
// independent: a slow one never holds back another. A Registry is made by NewRegistry, and is
// safe for use by many goroutines.
type Registry[K comparable] struct {
	options func(K) Options

	mu       sync.Mutex
	limiters map[K]*Limiter
	closed   bool
}

// NewRegistry returns a registry without limiters. The function options is called with a quota
// when its limiter is first wanted and at each Refresh, and must return options
// that Validate accepts. It must not use the registry.
func NewRegistry[K comparable](options func(K) Options) *Registry[K] {
	return &Registry[K]{options: options, limiters: map[K]*Limiter{}}
}

// For returns the limiter of a quota, always the same. After Close it returns
// a limiter that is closed.
func (r *Registry[K]) For(quota K) *Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.limiters[quota]
	if !ok {
		l = New(r.options(quota))
		r.limiters[quota] = l
		if r.closed {
			l.Close()
		}
	}
	return l
}

// Refresh asks for the options of every quota again, with effect from the next token. What a
// limiter has learnt of its quota stays: a rate above the new ceiling comes down at once, and
// one below climbs as it would have. Rand stays as it was.
func (r *Registry[K]) Refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for quota, l := range r.limiters {
		l.setOptions(r.options(quota))
	}
}

// Keep closes and forgets the limiters of all other quotas, as Close does with all.
func (r *Registry[K]) Keep(quota func(K) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, l := range r.limiters {
		if !quota(k) {
			l.Close()
			delete(r.limiters, k)
		}
	}
}

// Snapshots returns the state of every limiter.
func (r *Registry[K]) Snapshots() map[K]Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[K]Snapshot, len(r.limiters))
	for quota, l := range r.limiters {
		all[quota] = l.Snapshot()
	}
	return all
}

// Close closes every limiter, and those that are asked for later. It may be called again.
func (r *Registry[K]) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, l := range r.limiters {
		l.Close()
	}
}
