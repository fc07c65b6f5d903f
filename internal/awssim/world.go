// Package awssim is a pretend AWS that answers at the level of the wire: the
// event invoke part of Lambda, with the little of STS, of the tagging API and of
// CloudTrail that a fleet tool needs, for several accounts and regions at once.
//
// What comes in: a [Scenario], from YAML or built in Go, and HTTP requests, over
// a socket ([World.ServeHTTP]) or without one ([World.Do]).
// What goes out: responses with the statuses, headers, texts and odd number
// formats that AWS was recorded to send, and a record of what was asked
// ([World.Calls], [World.Counts]). It never opens a connection, never writes a
// file, and starts no goroutine, so that it can live in a testing/synctest
// bubble. It imports nothing else of this module, so that it cannot share the
// mistakes of the code it tests.
//
// The same scenario and seed give the same answers to the same requests: each
// chance is a function of the seed, the account, the region, the operation, its
// subject and how often that was asked before. Requests about other functions,
// and the order in which they arrive, do not change it.
//
// # What goes wrong
//
// Faults by chance ([Faults]) come and go: throttles, 409s, server errors, broken
// connections, lost and truncated answers, short pages. Faults that stay are for
// what no repetition mends: deny, of an account, a role, a region or a function,
// refuses IAM actions; throttled, of a function, answers as an exceeded quota
// does for ever; refuse, of a function or a role, says no to a write or to
// AssumeRole; merge: replace is a server whose Update loses the destinations
// that it was not told of; endless_pages is a listing without an end. A request
// suffers one fault at most, and a call that the quota or throttled turns away
// is not drawn for.
//
// # Where a request belongs
//
// The credential scope of the Authorization header names the region and the
// service; the host name is only a fall-back. The access key id names the
// account: AKIA or ASIA and 12 digits select that account, any other key the
// scenario's first. A session token handed out by AssumeRole selects that
// session with its policy and its expiry.
//
// # Inferred
//
// LookupEvents follows CloudTrail's service model, its documented limits and records of
// other Lambda calls. No public record of an event invoke call is known, so the names
// and the request parameters of those are inferred, and that deletes are recorded at
// all. How late events appear and how many never do is the scenario's to say
// ([Trail]); AWS promises neither. What the quota or a fault turned away is not
// recorded; what was refused for another reason is, without parameters.
//
// # Not modelled
//
//   - Signatures are not verified, nor is the clock of the caller.
//   - Invocation, delivery to a destination, and the lag between storing a
//     setting and its effect on deliveries.
//   - Creating, updating and deleting functions, versions and aliases over the
//     wire. Tests do that with the methods of World.
//   - IAM, but for refusals that the scenario declares and the actions and resources
//     of a session policy. A function is always its unqualified ARN. Conditions are
//     not evaluated, and managed session policies (PolicyArns) are refused.
//   - Whether an execution role may call a destination, unless the scenario
//     says so with senders or refuse. Whoever writes finds all queues, topics and buses, and
//     buckets unless they are listed as missing; whoever looks them up finds what
//     the scenario has under destinations, or all where it has none. Only Lambda destinations of the same account
//     and region are looked up.
//   - FIFO topics are accepted: their refusal at write was never recorded.
//   - A function as destination of another qualifier of itself is accepted: only
//     the exact same function and qualifier was recorded to be refused.
//   - JSON null in an update is read as "left out": what AWS makes of it is not known.
//   - The order of several messages in one ValidationException, the text of a
//     SerializationException, and what a bad Marker answers outside the event
//     invoke listing. MasterRegion of ListFunctions is ignored.
//   - Events of reads, of other services, and CloudTrail Insights.
//   - Rate limits of STS and of the tagging API, and the Lambda limit of GetPolicy.
//   - How AWS counts its rate limit is not documented: a bucket and a fixed
//     window are offered, and neither is claimed to be the one.
//   - Eventual consistency: a write is seen by the next read.
package awssim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// World is a running scenario. It is safe for concurrent use, and never holds a
// lock while it waits.
type World struct {
	seed     uint64
	latency  time.Duration
	started  time.Time
	callLog  callLog
	attempts attempts
	ids      atomic.Uint64 // of requests
	// Never changed after New:
	accounts []*Account
	trail    Trail
	buckets  map[string]bool // the missing ones
	// destinations are those that exist; nil is all.
	destinations map[string]bool

	mu         sync.RWMutex // of all below
	conditions conditions
	states     map[target]*regionState
	sessions   map[string]session // by token
}

// target is one account in one region.
type target struct{ account, region string }

var _ http.Handler = (*World)(nil)

// New starts a world. Windows such as busy_for count from now. The scenario is
// not used afterwards.
func New(s *Scenario) (*World, error) {
	if s == nil {
		return nil, errors.New("awssim: no scenario; use Fleet or ParseScenario")
	}
	if found := check(s); len(found) > 0 {
		var err error
		for _, p := range found {
			err = errors.Join(err, fmt.Errorf("scenario: %w", p))
		}
		return nil, err
	}
	w := &World{
		seed: s.Seed, latency: s.Latency, started: time.Now(),
		conditions: conditions{s.Faults, s.Quota}, trail: s.Trail,
		buckets: map[string]bool{}, states: map[target]*regionState{}, sessions: map[string]session{},
		attempts: attempts{seen: map[attemptKey]uint32{}},
	}
	if w.callLog.limit = max(s.CallLog, 0); s.CallLog == 0 {
		w.callLog.limit = defaultCallLog
	}
	for _, b := range s.MissingBuckets {
		w.buckets[b] = true
	}
	if s.Destinations != nil {
		w.destinations = map[string]bool{}
	}
	for _, arn := range s.Destinations {
		w.destinations[arn] = true
	}
	for _, a := range s.Accounts {
		a.Deny, a.Roles, a.Senders, a.Regions = slices.Clone(a.Deny), slices.Clone(a.Roles), slices.Clone(a.Senders), maps.Clone(a.Regions)
		w.accounts = append(w.accounts, &a)
		for region, content := range a.Regions {
			here := w.state(target{a.Account, region})
			here.deny = slices.Clone(content.Deny)
			for _, f := range content.Functions {
				here.add(f, w.started, false)
			}
		}
	}
	return w, nil
}

// DefaultAccessKeyID is the access key id that selects the first account.
func (w *World) DefaultAccessKeyID() string { return "AKIA" + w.accounts[0].Account }

// DefaultRegion is the first region of the first account, us-east-1 when it
// declares none.
func (w *World) DefaultRegion() string {
	return cmp.Or(append(w.accounts[0].regions(), "us-east-1")...)
}

// regions are those that an account declares, sorted.
func (a *Account) regions() []string { return slices.Sorted(maps.Keys(a.Regions)) }

// account returns the account of that id, or nil.
func (w *World) account(id string) *Account {
	i := slices.IndexFunc(w.accounts, func(a *Account) bool { return a.Account == id })
	if i < 0 {
		return nil
	}
	return w.accounts[i]
}

// state returns the functions of a target, and makes room for them when nobody
// asked for it before.
func (w *World) state(at target) *regionState {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.states[at]
	if s == nil {
		s = &regionState{target: at, seed: w.seed, functions: map[string]*function{}}
		s.meter.set(w.conditions.quota, time.Now())
		w.states[at] = s
	}
	return s
}

// conditions are what may change while a world runs.
type conditions struct {
	faults Faults
	quota  Quota
}

func (w *World) now() conditions {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.conditions
}

// latest is the qualifier of the unpublished code, and of a function named
// without a qualifier.
const latest = "$LATEST"

// regionState holds the functions of one account in one region.
type regionState struct {
	target
	meter meter
	seed  uint64
	deny  []string // IAM actions; set before anybody asks

	mu        sync.Mutex
	functions map[string]*function
	order     []*function // as listings show them: by rank
	sorted    bool
	history   []trailEvent // by time
	events    uint32       // that were noted
}

// function is one function. Its lists and maps are shared between the functions
// of a series, so they are replaced and never changed in place.
type function struct {
	name     string
	rank     string // place in the listings
	versions []string
	aliases  []alias
	tags     map[string]string // nil: never tagged
	role     string            // its name
	dead     string            // the ARN of its dead-letter queue
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

// add puts the functions that f stands for into the region, over any of the same name.
// What is there from the beginning was made before the event history begins, but for
// records that say who wrote them.
func (s *regionState) add(f Function, now time.Time, created bool) {
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
			tags: tags, role: cmp.Or(f.Role, name), dead: f.DeadLetterQueue, refuse: f.Refuse, busy: busy,
			deny: slices.Clone(f.Deny), throttle: slices.Clone(f.Throttled),
		}
		if created {
			s.behind(now, "CreateFunction20150331", name, "", "", "", nil)
		}
		for _, q := range slices.Sorted(maps.Keys(f.Records)) {
			s.write(fn, q, f.Records[q], now, created)
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
	return cmp.Or(len(a)-len(b), strings.Compare(a, b))
}

// rank is the sort key of a listing: seeded, so that nobody relies on an order
// that AWS does not promise, and unique, so that a marker can name a place in it.
func (s *regionState) rank(words ...string) string {
	h := newRNG(s.seed, "order", s.account, s.region).with(words...).value()
	return strconv.FormatUint(h, 36) + "/" + strings.Join(words, ":")
}

// inOrder returns the functions in listing order. The caller holds the lock.
func (s *regionState) inOrder() []*function {
	if !s.sorted {
		s.order = slices.AppendSeq(s.order[:0], maps.Values(s.functions))
		slices.SortFunc(s.order, func(a, b *function) int { return strings.Compare(a.rank, b.rank) })
		s.sorted = true
	}
	return s.order
}

// write stores a record behind the API, and notes it in the event history.
func (s *regionState) write(f *function, qualifier string, r Record, now time.Time, always bool) {
	by, agent := r.By, r.Agent
	if r.By, r.Agent = "", ""; r.Age > 0 && r.LastModified.IsZero() {
		r.LastModified = now.Add(-r.Age).Truncate(time.Millisecond)
	}
	r.Age = 0
	r = s.storeRecord(f, qualifier, r, now)
	if always || by != "" {
		s.behind(r.LastModified, "PutFunctionEventInvokeConfig", f.name, qualifier, by, agent, nil)
	}
}

// storeRecord stores a record as it is, in its place of the listing. A zero LastModified
// becomes now, and later than that of the record it replaces.
func (s *regionState) storeRecord(f *function, qualifier string, r Record, now time.Time) Record {
	i := f.recordIndex(qualifier)
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
	f.records = append(f.records, stored{qualifier, r})
	slices.SortFunc(f.records, func(a, b stored) int {
		return strings.Compare(s.rank(f.name, a.qualifier), s.rank(f.name, b.qualifier))
	})
	return r
}

// recordIndex is the index of the record of a qualifier, or -1.
func (f *function) recordIndex(qualifier string) int {
	return slices.IndexFunc(f.records, func(r stored) bool { return r.qualifier == qualifier })
}

// hasQualifier says whether the qualifier is $LATEST, a version or an alias of f.
func (f *function) hasQualifier(qualifier string) bool {
	return qualifier == latest || slices.Contains(f.versions, qualifier) ||
		slices.ContainsFunc(f.aliases, func(a alias) bool { return a.name == qualifier })
}
