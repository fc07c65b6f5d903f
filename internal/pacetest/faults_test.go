package pacetest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// Row 13: an outage of a minute. When it ends is up to chance: in the middle of a
// pause of up to ten seconds, or at its end.
func TestRow13Outage(t *testing.T) {
	const calls = 2000
	var efficiency float64
	runs := seeds(8)
	for seed := range runs {
		synctest.Test(t, func(t *testing.T) {
			at := newAccount(t, usualQuota(), seed)
			set := func(f awssim.Faults) func() {
				return func() {
					if err := at.world.SetFaults(f); err != nil {
						t.Error(err)
					}
				}
			}
			time.AfterFunc(time.Minute, set(awssim.Faults{ServerError: 1}))
			time.AfterFunc(2*time.Minute, set(awssim.Faults{}))
			p := startProcess(at.caller(1), defaults)
			stats := p.read(t.Context(), calls)
			wasted := p.traffic().faults
			one := (seconds(calls/ceiling+slowStart) + time.Minute).Seconds() / stats.Elapsed.Seconds()
			efficiency += one / float64(runs)
			t.Logf("%d calls wasted, efficiency %.3f", wasted, one)
			if stats.Done != calls || wasted > 25 {
				t.Errorf("%d of %d calls done, %d wasted, want at most 25", stats.Done, calls, wasted)
			}
		})
	}
	if efficiency < 0.96-slack(0.02) {
		t.Errorf("efficiency %.3f, want 0.96", efficiency)
	}
}

// Row 14: a function that is being updated costs at most six tokens, and holds
// nobody else back.
func TestRow14BusyFunction(t *testing.T) {
	for _, busy := range []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, 90 * time.Second} {
		var tokens, late float64
		for seed := range 4 * seeds(4) {
			synctest.Test(t, func(t *testing.T) {
				at := newAccount(t, usualQuota(), seed)
				p := startProcess(at.caller(1), defaults)
				if err := at.world.SetBusy(here.Account, here.Region, functionName(0), busy); err != nil {
					t.Fatal(err)
				}
				writer := awslambda.NewWriter(p.conn)
				const others = 20
				stats := p.run(t.Context(), func(yield func(ratelimit.Job) bool) {
					for i := range 1 + others {
						name := desired.Name{Function: functionName(i), Qualifier: desired.Latest}
						if !yield(&job{priority: ratelimit.Write, call: func(ctx context.Context) error {
							_, err := writer.Put(ctx, name, desired.Config{desired.MaximumRetryAttempts: desired.Number(1)})
							return err
						}}) {
							return
						}
					}
				})
				n := p.traffic().requests - others
				if stats.Done != 1+others || n > 6 {
					t.Errorf("busy for %v: %d tokens, want at most 6; %+v", busy, n, stats)
				}
				tokens += float64(n) / float64(4*seeds(4))
				late += (stats.Elapsed - busy).Seconds() / float64(4*seeds(4))
			})
		}
		t.Logf("busy for %v: %.1f tokens, done %.1f s after it was free", busy, tokens, late)
	}
}

// A Retry-After on a refusal holds back every caller of the quota, and not only
// the one who was refused.
func TestRetryAfterHoldsEverybody(t *testing.T) {
	const asked = 7 * time.Second
	synctest.Test(t, func(t *testing.T) {
		q := usualQuota()
		q.RetryAfter = asked
		p := startProcess(newAccount(t, q, 1).caller(1), defaults)
		p.settle()
		c := p.crowd(100, 1)
		time.Sleep(time.Second)
		refuseOne(p)
		told := p.account.at()
		time.Sleep(asked + 2*time.Second)
		c.leave()
		c.all.Wait()
		first := time.Duration(0)
		for _, a := range p.sent {
			if a.left > told {
				first = a.left - told
				break
			}
		}
		if first < asked-time.Millisecond || first > asked+time.Second {
			t.Errorf("the next request left %v after a refusal that asked for %v", first, asked)
		}
	})
}
