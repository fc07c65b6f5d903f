package ratelimit

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// model is a server with a quota, as far as its callers can tell. It lives in
// a synctest bubble: no sockets, and every wait is virtual.
type model struct {
	quota      quota
	charged    bool          // a refused call costs what is left of a token
	retryAfter time.Duration // on each refusal
	down       func(at time.Duration) bool
	busyUntil  map[string]time.Duration // subjects that answer 409 until then

	start time.Time
	mu    sync.Mutex
	rng   *rand.Rand
	seen  map[string]*traffic
}

// traffic is what one caller sent.
type traffic struct {
	requests, served, throttled, faults, conflicts int
	at                                             []time.Duration // of each request, if wanted
}

var (
	errThrottled = errors.New("rate exceeded")
	errDown      = errors.New("ServiceException")
	errBusy      = errors.New("ResourceConflictException")
)

// fastest is the least time a request and its answer are under way, and slowest
// the most. It varies, because callers of one fixed latency fall into step:
// one of them may then find the last token for ever.
const (
	fastest = 45 * time.Millisecond
	slowest = 85 * time.Millisecond
)

func newModel(q quota) *model {
	return &model{quota: q, rng: rng(1), start: time.Now(), seen: map[string]*traffic{}}
}

// call is one request by caller who about a subject.
func (m *model) call(who, subject string) error {
	time.Sleep(m.way())
	err := m.answer(who, subject)
	time.Sleep(m.way())
	return err
}

// way is how long a message takes one way.
func (m *model) way() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return (fastest + time.Duration(m.rng.Int64N(int64(slowest-fastest)))) / 2
}

func (m *model) answer(who, subject string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := time.Since(m.start)
	seen := m.traffic(who)
	seen.requests++
	seen.at = append(seen.at, at)
	switch {
	case m.down != nil && m.down(at):
		seen.faults++
		return WithResult(errDown, ServerError, 0)
	case !m.quota.take(at, m.charged):
		seen.throttled++
		return WithResult(errThrottled, Throttled, m.retryAfter)
	case at < m.busyUntil[subject]:
		seen.conflicts++
		return WithResult(errBusy, Conflict, 0)
	}
	seen.served++
	return nil
}

func (m *model) traffic(who string) *traffic {
	if m.seen[who] == nil {
		m.seen[who] = &traffic{}
	}
	return m.seen[who]
}

// throttled is the part of a caller's requests that were refused.
func (t *traffic) ratio() float64 { return float64(t.throttled) / float64(t.requests) }

// quota is a shape of enforcement. Lambda's is not documented.
type quota interface {
	take(at time.Duration, charged bool) bool
}

// bucket is a token bucket that starts full.
type bucket struct {
	rate, burst float64
	tokens      float64
	last        time.Duration
}

func newBucket(rate, burst float64) *bucket { return &bucket{rate: rate, burst: burst, tokens: burst} }

func (b *bucket) take(at time.Duration, charged bool) bool {
	b.tokens = min(b.burst, b.tokens+b.rate*(at-b.last).Seconds())
	b.last = at
	if b.tokens < 1 {
		if charged {
			b.tokens = 0
		}
		return false
	}
	b.tokens--
	return true
}

// window counts the calls of each whole second.
type window struct {
	limit  int
	second int64
	count  int
}

func (w *window) take(at time.Duration, charged bool) bool {
	if second := int64(at / time.Second); second != w.second {
		w.second, w.count = second, 0
	}
	if w.count >= w.limit {
		if charged {
			w.count++
		}
		return false
	}
	w.count++
	return true
}

// errand is a job of ours with some calls about one subject.
type errand struct {
	limiter  *Limiter
	server   *model
	who      string
	subject  string
	priority Priority
	calls    int
	settled  func(err error, e CallStats) // may be nil
}

func (e *errand) Next() (Priority, bool) { return e.priority, e.calls > 0 }

func (e *errand) Call(ctx context.Context) error {
	g, err := e.limiter.Acquire(ctx, PriorityFrom(ctx))
	if err != nil {
		return err
	}
	err = e.server.call(e.who, e.subject)
	g.Done(ResultOf(err))
	return err
}

func (e *errand) Done(err error, effort CallStats) {
	e.calls--
	if e.settled != nil {
		e.settled(err, effort)
	}
}

// errands is n jobs of one call each.
func errands(n int, of errand) func(yield func(Job) bool) {
	return func(yield func(Job) bool) {
		for range n {
			e := of
			e.calls = 1
			if !yield(&e) {
				return
			}
		}
	}
}

// rng returns chance that is the same in every run of a test.
func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// randOf makes rng safe for use by a limiter and a run at once.
func randOf(seed uint64) func() float64 {
	var mu sync.Mutex
	d := rng(seed)
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return d.Float64()
	}
}

// newLimiter is New with a source of the jitter.
func newLimiter(s Options, rand func() float64) *Limiter {
	s.Rand = rand
	return New(s)
}
