package ratelimit

import (
	"cmp"
	"slices"
	"sync"
)

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

// NewRegistry returns a registry without limiters. Settings is asked once for
// each scope, when its limiter is first wanted, and must return settings that
// Validate accepts; nil means the defaults for all.
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
