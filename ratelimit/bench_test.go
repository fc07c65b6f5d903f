package ratelimit

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/time/rate"
)

// fast is a limiter whose rate never is the bottleneck.
func fast(t testing.TB) *Limiter {
	l := New(Options{Quota: 1e9, Share: 1})
	t.Cleanup(l.Close)
	return l
}

func TestATokenCostsOneAllocation(t *testing.T) {
	l := fast(t)
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { queued(ctx, l) }); n > 1 {
		t.Errorf("%v allocations for a token that is waited for, want 1, the reservation", n)
	}
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
		b.Run(strconv.Itoa(waiters), func(b *testing.B) {
			l := fast(b)
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
						queued(ctx, l)
					}
				})
			}
			all.Wait()
		})
	}
}

// queued takes a token as if others were waiting for one.
func queued(ctx context.Context, l *Limiter) {
	l.mu.Lock()
	w := l.queue.push(Scan, false)
	if w.index == 0 {
		l.wakeDispatcher()
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
	ctx := b.Context()
	one := &parker{settle: func(error, CallStats) {}, call: func() error {
		g, err := l.Acquire(ctx, Scan)
		g.Done(ResultOf(err))
		return err
	}}
	b.ReportAllocs()
	Run(ctx, l, Policy{}, func(yield func(Job) bool) {
		for range b.N {
			if !yield(parkedOnce{one, new(bool)}) {
				return
			}
		}
	})
}
