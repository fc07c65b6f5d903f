package awssim

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// World is a running scenario. It is safe for concurrent use, and never holds a
// lock while it waits.
type World struct {
	seed    uint64
	latency time.Duration
	started time.Time
	ledger  ledger
	tries   tries
	ids     atomic.Uint64 // of requests

	mu       sync.RWMutex // of all below
	faults   Faults
	quota    Quota
	buckets  map[string]bool // the missing ones
	accounts []*account
	places   map[place]*shelf
	sessions sessions
}

// place is one account in one region.
type place struct{ account, region string }

// account is what does not depend on the region.
type account struct {
	id      string
	deny    []string
	roles   []Role
	regions []string // as declared, sorted
}

var _ http.Handler = (*World)(nil)

// New starts a world. Windows such as busy_for count from now. The scenario is
// not used afterwards.
func New(s *Scenario) (*World, error) {
	if s == nil {
		return nil, errors.New("awssim: no scenario; use Fleet or ParseScenario")
	}
	if found := check(s); len(found) > 0 {
		errs := make([]error, len(found))
		for i, f := range found {
			errs[i] = fmt.Errorf("scenario: %s: %s", f.path, f.text)
		}
		return nil, errors.Join(errs...)
	}
	w := &World{
		seed: s.Seed, latency: s.Latency, started: time.Now(),
		faults: s.Faults, quota: s.Quota,
		buckets: map[string]bool{}, places: map[place]*shelf{},
	}
	w.ledger.limit = s.CallLog
	for _, b := range s.MissingBuckets {
		w.buckets[b] = true
	}
	for _, a := range s.Accounts {
		w.accounts = append(w.accounts, &account{
			id: a.Account, deny: slices.Clone(a.Deny), roles: slices.Clone(a.Roles),
			regions: slices.Sorted(maps.Keys(a.Regions)),
		})
		for region, content := range a.Regions {
			shelf := w.shelf(place{a.Account, region})
			shelf.deny = slices.Clone(content.Deny)
			for _, f := range content.Functions {
				shelf.stock(f, w.started)
			}
		}
	}
	return w, nil
}

// AccountInfo is an account of the scenario and the regions it declares.
type AccountInfo struct {
	Account string
	Regions []string
}

// Accounts lists the accounts in the scenario's order, their regions sorted.
func (w *World) Accounts() []AccountInfo {
	w.mu.RLock()
	defer w.mu.RUnlock()
	list := make([]AccountInfo, len(w.accounts))
	for i, a := range w.accounts {
		list[i] = AccountInfo{a.id, slices.Clone(a.regions)}
	}
	return list
}

// DefaultAccessKeyID is the access key id that selects the first account.
func (w *World) DefaultAccessKeyID() string { return "AKIA" + w.accounts[0].id }

// DefaultRegion is the first region of the first account, us-east-1 when it
// declares none.
func (w *World) DefaultRegion() string {
	if r := w.accounts[0].regions; len(r) > 0 {
		return r[0]
	}
	return "us-east-1"
}

// account returns the account of that id, or nil.
func (w *World) account(id string) *account {
	i := slices.IndexFunc(w.accounts, func(a *account) bool { return a.id == id })
	if i < 0 {
		return nil
	}
	return w.accounts[i]
}

// shelf returns the functions of a place, and makes room for them when nobody
// asked for it before.
func (w *World) shelf(at place) *shelf {
	w.mu.RLock()
	s := w.places[at]
	w.mu.RUnlock()
	if s != nil {
		return s
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.places[at] == nil {
		w.places[at] = newShelf(w.seed, at, w.quota, time.Now())
	}
	return w.places[at]
}

func (w *World) currentFaults() Faults {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.faults
}

func (w *World) currentQuota() Quota {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.quota
}
