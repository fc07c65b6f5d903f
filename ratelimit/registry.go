package ratelimit

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

const (
	// DefaultQuota is Lambda's control-plane quota in requests per second, per
	// account and region, across all operations (Service Quotas L-B2AA0F47). It
	// cannot be raised.
	DefaultQuota = 15

	// DefaultShare is how much of the quota is used at most. Below 1 the
	// server's own bucket can refill, and people find it full: at 0.9 a bucket
	// of 15 refills in 10 s. At 1.0 it never does, and half of the calls of a
	// person in the console are refused.
	DefaultShare = 0.9

	minShare = 0.1
)

// Settings say what the quota is and how much of it to use. The zero value
// means the defaults.
type Settings struct {
	// Quota is the server's limit in requests per second. 0 means DefaultQuota.
	Quota float64
	// Share is the part of Quota to use at most, 0.1 to 1.0. 0 means DefaultShare.
	Share float64
}

// Validate tells what is wrong with s, everything at once.
func (s Settings) Validate() error {
	var problems []error
	if math.IsNaN(s.Quota) || math.IsInf(s.Quota, 0) || s.Quota < 0 || (s.Quota > 0 && s.Quota < 1) {
		problems = append(problems, fmt.Errorf("quota %v requests per second: use a number of at least 1 (0 means %v)", s.Quota, DefaultQuota))
	}
	if math.IsNaN(s.Share) || s.Share > 1 || s.Share < 0 || (s.Share > 0 && s.Share < minShare) {
		problems = append(problems, fmt.Errorf("rate share %v: use %v to 1.0 (0 means %v)", s.Share, minShare, DefaultShare))
	}
	return errors.Join(problems...)
}

// ceiling is the highest rate these settings allow, in requests per second.
func (s Settings) ceiling() float64 {
	if err := s.Validate(); err != nil {
		panic("ratelimit: " + err.Error())
	}
	return cmp.Or(s.Quota, DefaultQuota) * cmp.Or(s.Share, DefaultShare)
}

// Scope names one quota. Callers under different names (profiles, roles) who
// share an account and region share its quota, so the account id is the name.
type Scope struct {
	Partition, Account, Region string
	// Class tells apart the quotas of one account and region, which cover
	// different operations.
	Class string
}

// Compare orders scopes by partition, account, region and class.
func (s Scope) Compare(o Scope) int {
	return cmp.Or(
		cmp.Compare(s.Partition, o.Partition),
		cmp.Compare(s.Account, o.Account),
		cmp.Compare(s.Region, o.Region),
		cmp.Compare(s.Class, o.Class),
	)
}

// Registry holds one limiter per scope. Scopes are independent: a slow account
// never holds back another.
type Registry struct {
	settings func(Scope) Settings

	mu       sync.Mutex
	limiters map[Scope]*Limiter
	closed   bool
}

// NewRegistry returns a registry without limiters. Settings is asked for
// a scope when its limiter is first wanted and at each Refresh, and must return
// settings that Validate accepts; nil means the defaults for all. It must not use
// the registry.
func NewRegistry(settings func(Scope) Settings) *Registry {
	if settings == nil {
		settings = func(Scope) Settings { return Settings{} }
	}
	return &Registry{settings: settings, limiters: map[Scope]*Limiter{}}
}

// For returns the limiter of a scope, always the same. After Close it returns
// a limiter that is closed.
func (r *Registry) For(s Scope) *Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.limiters[s]
	if !ok {
		l = New(r.settings(s))
		r.limiters[s] = l
		if r.closed {
			l.Close()
		}
	}
	return l
}

// Refresh asks for the settings of every scope again. See [Limiter.SetSettings].
func (r *Registry) Refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for scope, l := range r.limiters {
		l.SetSettings(r.settings(scope))
	}
}

// Snapshots returns the state of every limiter, in the order of their scopes.
func (r *Registry) Snapshots() []Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Snapshot, 0, len(r.limiters))
	for scope, l := range r.limiters {
		snapshot := l.Snapshot()
		snapshot.Scope = scope
		all = append(all, snapshot)
	}
	slices.SortFunc(all, func(a, b Snapshot) int { return a.Scope.Compare(b.Scope) })
	return all
}

// Close closes every limiter.
func (r *Registry) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, l := range r.limiters {
		l.Close()
	}
}
