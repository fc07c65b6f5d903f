package pacetest

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// settle makes the limiter climb to its ceiling, which takes ten seconds of calls.
func (p *process) settle() {
	p.read(p.account.t.Context(), 120)
	if s := p.snapshot(); s.Rate != s.Ceiling {
		p.account.t.Errorf("the rate is %v after the slow start, and the ceiling %v", s.Rate, s.Ceiling)
	}
}

// crowd is many callers at once, each with one read. One of so many gives up
// when leave is called.
type crowd struct {
	all   sync.WaitGroup
	leave context.CancelFunc
}

func (p *process) crowd(size, oneOf int) *crowd {
	leaving, leave := context.WithCancel(p.account.t.Context())
	c := &crowd{leave: leave}
	for i := range size {
		ctx := p.account.t.Context()
		if i%oneOf == 0 {
			ctx = leaving
		}
		c.all.Go(func() { p.reader.ListConfigs(ctx, functionName(i), "") })
	}
	return c
}

// Row 9, first half: callers who give up leave no hole in the pace.
func TestRow09CancelHalfOfAThousandWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startProcess(newAccount(t, usualQuota(), 1).caller(1), defaults)
		p.settle()
		before, start := p.traffic().requests, time.Now()
		c := p.crowd(1000, 2)
		time.Sleep(time.Second)
		c.leave()
		c.all.Wait()
		wall, requests := time.Since(start), p.traffic().requests-before
		efficiency := float64(requests) / ceiling / wall.Seconds()
		t.Logf("%d requests in %v, efficiency %.4f", requests, wall, efficiency)
		if requests < 500 || requests > 520 || efficiency < 0.99 {
			t.Errorf("%d requests at efficiency %.4f, want those of the 500 who stayed, and 0.99", requests, efficiency)
		}
	})
}

// Row 9, second half: a change of rate reaches a thousand waiters within two
// tokens.
func TestRow09RateChangeUnderAThousandWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startProcess(newAccount(t, usualQuota(), 1).caller(1), defaults)
		p.settle()
		c := p.crowd(1000, 1)
		time.Sleep(20 * time.Second)
		refuseOne(p)
		s := p.snapshot()
		if s.Decreases != 1 || s.Rate != ceiling/2 {
			t.Fatalf("after one refusal: %d cuts, rate %v", s.Decreases, s.Rate)
		}
		time.Sleep(time.Until(s.PausedUntil))
		// The rate holds for 2 s from the refusal, and the pause took up to
		// 0.75 s of them.
		granted := p.snapshot().Granted()
		const span = 1200 * time.Millisecond
		time.Sleep(span)
		got := float64(p.snapshot().Granted() - granted)
		if want := ceiling / 2 * span.Seconds(); got < want-2 || got > want+2 {
			t.Errorf("%v tokens in %v after the cut, want %.1f: within two", got, span, want)
		}
		c.leave()
		c.all.Wait()
	})
}

// refuseOne makes the quota refuse the next call that arrives, and waits for the
// limiter to learn of it.
func refuseOne(p *process) {
	if err := p.account.world.SetFaults(awssim.Faults{Throttle: 1}); err != nil {
		p.account.t.Fatal(err)
	}
	for p.traffic().throttled == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := p.account.world.SetFaults(awssim.Faults{}); err != nil {
		p.account.t.Fatal(err)
	}
	for p.snapshot().Throttled == 0 {
		time.Sleep(time.Millisecond)
	}
}

// Row 12: a write is sent with the next token, however many reads wait for one.
func TestRow12WriteBehindAThousandReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startProcess(newAccount(t, usualQuota(), 1).caller(1), defaults)
		p.settle()
		writer := awslambda.NewWriter(p.conn)
		c := p.crowd(1000, 1)
		ctx := ratelimit.WithPriority(t.Context(), ratelimit.Write)
		var worst time.Duration
		for i := range 30 {
			time.Sleep(237 * time.Millisecond)
			start := p.account.at()
			name := desired.Name{Function: functionName(i), Qualifier: desired.Latest}
			if _, err := writer.Put(ctx, name, desired.Config{desired.MaximumRetryAttempts: desired.Number(1)}); err != nil {
				t.Fatal(err)
			}
			worst = max(worst, p.lastWrite().left-start)
		}
		t.Logf("a write waited at most %v", worst)
		if limit := seconds(1/ceiling) + 5*time.Millisecond; worst > limit {
			t.Errorf("a write waited %v, want at most %v", worst, limit)
		}
		c.leave()
		c.all.Wait()
	})
}
