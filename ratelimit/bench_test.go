package ratelimit

import (
	"context"
	"sync"
	"testing"

	"golang.org/x/time/rate"
)

// fast is a limiter whose rate never is the bottleneck.
func fast(b *testing.B) *Limiter {
	l := New(Settings{Quota: 1e9, Share: 1})
	b.Cleanup(l.Close)
	return l
}

// A token that is there at once.
func BenchmarkAcquire(b *testing.B) {
	l := fast(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		g, err := l.Acquire(ctx, Scan)
		if err != nil {
			b.Fatal(err)
		}
		g.Done(OK, 0)
	}
}

// A token that has to be waited for, through the queue and the dispatcher.
func BenchmarkAcquireQueued(b *testing.B) {
	for _, waiters := range []int{1, 8, 1000} {
		b.Run(map[int]string{1: "1", 8: "8", 1000: "1000"}[waiters], func(b *testing.B) {
			l := newQueueing(b)
			ctx := b.Context()
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for i := range waiters {
				n := b.N / waiters
				if i < b.N%waiters {
					n++
				}
				all.Go(func() {
					for range n {
						l.queued(ctx)
					}
				})
			}
			all.Wait()
		})
	}
}

// queueing is a limiter that takes every caller through its queue.
type queueing struct{ *Limiter }

func newQueueing(b *testing.B) queueing { return queueing{fast(b)} }

func (l queueing) queued(ctx context.Context) {
	l.mu.Lock()
	w := l.queue.push(Scan)
	if w.index == 0 {
		l.rouse()
	}
	l.mu.Unlock()
	if g, err := l.await(ctx, w); err == nil {
		g.Done(OK, 0)
	}
}

// What a bare rate.Limiter costs, to compare.
func BenchmarkBareWait(b *testing.B) {
	l := rate.NewLimiter(1e9, 1000)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Wait(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	l := fast(b)
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Snapshot()
	}
}

// What Run costs for each job, token included.
func BenchmarkRun(b *testing.B) {
	l := fast(b)
	b.ReportAllocs()
	one := &instant{l: l}
	Run(b.Context(), l, Policy{}, func(yield func(Job) bool) {
		for range b.N {
			if !yield(parkedOnce{one.parker(), new(bool)}) {
				return
			}
		}
	})
}

type instant struct{ l *Limiter }

func (i *instant) parker() *parker {
	return &parker{call: func() error {
		g, err := i.l.Acquire(context.Background(), Scan)
		g.Done(OutcomeOf(err))
		return err
	}, settle: func() {}}
}
