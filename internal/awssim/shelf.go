package awssim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// latest is the qualifier of the unpublished code, and of a function named
// without a qualifier.
const latest = "$LATEST"

// shelf holds the functions of one account in one region.
type shelf struct {
	place
	meter *meter
	seed  uint64
	deny  []string // IAM actions; set before anybody asks

	mu        sync.Mutex
	functions map[string]*function
	order     []*function // as listings show them: by rank
	sorted    bool
}

// function is one function. Its lists and maps are shared between the functions
// of a series, so they are replaced and never changed in place.
type function struct {
	name     string
	rank     string // place in the listings
	versions []string
	aliases  []alias
	tags     map[string]string // nil: never tagged
	refuse   string
	deny     []string  // IAM actions
	throttle []string  // IAM actions
	busy     time.Time // until when writes answer 409
	writing  bool      // a write is under way
	records  []stored  // in listing order
}

type alias struct{ name, version string }

type stored struct {
	qualifier string
	Record
}

func newShelf(seed uint64, at place, q Quota, now time.Time) *shelf {
	return &shelf{place: at, seed: seed, meter: newMeter(q, now), functions: map[string]*function{}}
}

// stock puts the functions that f stands for on the shelf, over any of the same name.
func (s *shelf) stock(f Function, now time.Time) {
	versions := slices.Clone(f.Versions)
	slices.SortFunc(versions, byNumber)
	aliases := make([]alias, len(f.Aliases))
	for i, name := range f.Aliases {
		aliases[i] = alias{name, newest(versions)}
	}
	var busy time.Time
	if f.BusyFor > 0 {
		busy = now.Add(f.BusyFor)
	}
	tags := maps.Clone(f.Tags)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range f.names() {
		fn := &function{
			name: name, rank: s.rank(name), versions: versions, aliases: aliases,
			tags: tags, refuse: f.Refuse, busy: busy,
			deny: slices.Clone(f.Deny), throttle: slices.Clone(f.Throttled),
		}
		for q, r := range f.Records {
			s.put(fn, q, r, now)
		}
		s.functions[name] = fn
	}
	s.sorted = false
}

// newest is what an alias points at.
func newest(versions []string) string {
	if len(versions) == 0 {
		return latest
	}
	return versions[len(versions)-1]
}

func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// rank is the sort key of a listing: seeded, so that nobody relies on an order
// that AWS does not promise, and unique, so that a marker can name a place in it.
func (s *shelf) rank(words ...string) string {
	h := roll(s.seed, "order", s.account, s.region).with(words...).sum()
	return strconv.FormatUint(h, 36) + "/" + strings.Join(words, ":")
}

// listed returns the functions in listing order. The caller holds the lock.
func (s *shelf) listed() []*function {
	if !s.sorted {
		s.order = slices.AppendSeq(s.order[:0], maps.Values(s.functions))
		slices.SortFunc(s.order, func(a, b *function) int { return strings.Compare(a.rank, b.rank) })
		s.sorted = true
	}
	return s.order
}

// put stores a record as it is, in its place of the listing. A zero LastModified
// becomes now, and later than that of the record it replaces.
func (s *shelf) put(f *function, qualifier string, r Record, now time.Time) Record {
	i := f.find(qualifier)
	if r.LastModified.IsZero() {
		r.LastModified = now.Truncate(time.Millisecond)
		if i >= 0 && !r.LastModified.After(f.records[i].LastModified) {
			r.LastModified = f.records[i].LastModified.Add(time.Millisecond)
		}
	}
	if i >= 0 {
		f.records[i].Record = r
		return r
	}
	rank := s.rank(f.name, qualifier)
	at := slices.IndexFunc(f.records, func(o stored) bool { return s.rank(f.name, o.qualifier) > rank })
	if at < 0 {
		at = len(f.records)
	}
	f.records = slices.Insert(f.records, at, stored{qualifier, r})
	return r
}

// find is the index of the record of a qualifier, or -1.
func (f *function) find(qualifier string) int {
	return slices.IndexFunc(f.records, func(r stored) bool { return r.qualifier == qualifier })
}

// knows says whether the qualifier is $LATEST, a version or an alias of f.
func (f *function) knows(qualifier string) bool {
	if qualifier == latest || slices.Contains(f.versions, qualifier) {
		return true
	}
	return slices.ContainsFunc(f.aliases, func(a alias) bool { return a.name == qualifier })
}
