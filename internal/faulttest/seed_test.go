package faulttest

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// seed is what all chance of one run comes from that rapid has not drawn itself:
// the wire, the jitter of the limiters, and the order in which calls are made.
type seed uint64

// rng are those of the nth event about a subject. They do not depend on what
// happened to other subjects before, so that goroutines cannot take them from each
// other.
func (s seed) rng(subject string, n uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(subject))
	return rand.New(rand.NewPCG(uint64(s)^h.Sum64(), n))
}

// jitter is the chance of one limiter.
func (s seed) jitter(target desired.Target) func() float64 {
	var mu sync.Mutex
	rng := s.rng("jitter of "+target.String(), 0)
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return rng.Float64()
	}
}

// schedule decides in which order calls begin that would begin at the same
// instant, which otherwise the scheduler of Go did: each waits a moment of its own.
type schedule struct {
	seed seed

	mu    sync.Mutex
	calls map[string]uint64
}

func (s *schedule) wait(subject string) {
	s.mu.Lock()
	s.calls[subject]++
	n := s.calls[subject]
	s.mu.Unlock()
	time.Sleep(time.Duration(s.seed.rng("schedule of "+subject, n).IntN(1e7)))
}

// scheduled is a target whose calls are made in the order of a schedule.
type scheduled struct {
	reconcile.Reader
	reconcile.Finder
	reconcile.Writer
	*schedule
	target string
}

// opener opens the targets of the suite by the SDK, and puts them on a schedule.
type opener struct {
	reconcile.Opener
	*schedule
}

// Open implements reconcile.Opener.
func (o opener) Open(ctx context.Context, req reconcile.OpenRequest) (reconcile.Opened, error) {
	opened, err := o.Opener.Open(ctx, req)
	for i := range opened.Targets {
		t := &opened.Targets[i]
		s := scheduled{t.Reader, t.Finder, t.Writer, o.schedule, t.Target.String()}
		if t.Err == nil {
			t.Reader, t.Finder = s, s
		}
		if t.Writer != nil {
			t.Writer = s
		}
	}
	return opened, err
}

func (s scheduled) ListConfigs(ctx context.Context, function, marker string) (reconcile.Page[reconcile.Record], error) {
	s.wait(s.target + " list " + function)
	return s.Reader.ListConfigs(ctx, function, marker)
}

func (s scheduled) ListAliases(ctx context.Context, function, marker string) (reconcile.Page[string], error) {
	s.wait(s.target + " aliases " + function)
	return s.Reader.ListAliases(ctx, function, marker)
}

func (s scheduled) ListVersions(ctx context.Context, function, marker string) (reconcile.Page[string], error) {
	s.wait(s.target + " versions " + function)
	return s.Reader.ListVersions(ctx, function, marker)
}

func (s scheduled) Put(ctx context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	s.wait(s.target + " put " + name.Function)
	return s.Writer.Put(ctx, name, c)
}

func (s scheduled) Update(ctx context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	s.wait(s.target + " update " + name.Function)
	return s.Writer.Update(ctx, name, c)
}

func (s scheduled) Delete(ctx context.Context, name desired.Name) error {
	s.wait(s.target + " delete " + name.Function)
	return s.Writer.Delete(ctx, name)
}
