package pacetest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// crew is what several processes on one quota came to together.
type crew struct {
	use      float64 // part of the quota
	refused  float64 // part of their requests
	fairness float64 // Jain's index over what each got done
}

// siblings lets k processes, none of which knows of the others, call for a time.
func siblings(t *testing.T, k int, length time.Duration, seed uint64, pace pacer) crew {
	at := newAccount(t, usualQuota(), seed)
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(length, cancel).Stop()
	defer cancel()
	most := int(16 * length.Seconds()) // more than the whole quota
	var all sync.WaitGroup
	callers := make([]*caller, k)
	for i := range callers {
		callers[i] = at.caller(uint64(i))
		all.Go(func() { pace(ctx, callers[i], most) })
	}
	all.Wait()
	var sum traffic
	var squares float64
	for _, c := range callers {
		seen := c.traffic()
		sum.requests += seen.requests
		sum.served += seen.served
		sum.throttled += seen.throttled
		squares += float64(seen.served) * float64(seen.served)
	}
	return crew{
		use: float64(sum.served) / (15 * length.Seconds()), refused: sum.refused(),
		fairness: float64(sum.served) * float64(sum.served) / (float64(k) * squares),
	}
}

func siblingsMean(t *testing.T, k int, length time.Duration, seeds uint64, pace pacer) crew {
	var mean crew
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			c := siblings(t, k, length, seed, pace)
			mean.use += c.use / float64(seeds)
			mean.refused += c.refused / float64(seeds)
			mean.fairness += c.fairness / float64(seeds)
		})
	}
	t.Logf("%d processes: use %.3f, refused %.2f %%, Jain fairness %.3f", k, mean.use, 100*mean.refused, mean.fairness)
	return mean
}

// knownToEachOther is eventinvoke in processes that keep their history in one place.
func knownToEachOther(s ratelimit.Options, place history.Store) pacer {
	return func(ctx context.Context, c *caller, calls int) int {
		p := startProcess(c, s)
		var peers history.Peers
		targets, err := peers.Opener(opened{p}, place, slog.New(slog.DiscardHandler)).Open(ctx, reconcile.OpenRequest{RunID: fmt.Sprintf("run-%p", c)})
		if err != nil {
			c.account.t.Error(err)
		}
		defer targets.Close()
		return p.read(ctx, calls).Done
	}
}

// opened is a process as a reconcile.Opener.
type opened struct{ *process }

func (o opened) Open(context.Context, reconcile.OpenRequest) (reconcile.Opened, error) {
	return reconcile.Opened{Ambient: here, Targets: []reconcile.OpenTarget{{Target: here, Limiter: o.conn.Limiter()}}}, nil
}

// Row 15a: processes that know of each other divide the quota, and hardly any call of theirs
// is refused. Without that, five of them have 4 % refused.
func TestRow15aProcessesThatKnowOfEachOther(t *testing.T) {
	length := 5 * time.Minute
	if raceDetector {
		length = 2 * time.Minute
	}
	for _, tt := range []struct {
		processes int
		share     float64
	}{{2, 0}, {5, 0}, {5, 1}, {12, 1}} {
		place, err := history.OpenStore(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		c := siblingsMean(t, tt.processes, length, seeds(2), knownToEachOther(awslambda.Pace(0, tt.share), place))
		if whole := cmp.Or(tt.share, 0.9); c.use < whole*(0.97-slack(0.05)) || c.refused > 0.001+slack(0.001) || c.fairness < 0.95-slack(0.1) {
			t.Errorf("share %v: want %.2f of the quota used, at most 0.1 %% refused, fairness 0.95", whole, 0.97*whole)
		}
	}
}

// Row 15: three of our processes, each of which may use all of the quota.
func TestRow15ThreeProcesses(t *testing.T) {
	length := 5 * time.Minute
	if raceDetector {
		length = 2 * time.Minute
	}
	c := siblingsMean(t, 3, length, seeds(4), ours(awslambda.Pace(0, 1)))
	if c.use < 0.93-slack(0.05) || c.refused > 0.03+slack(0.01) || c.fairness < 0.90-slack(0.1) {
		t.Error("want 0.93 of the quota used, at most 3 % refused, fairness 0.90")
	}
}

// Two profiles of one account are one quota, and in one process one pace: full
// speed together, and no refusal.
func TestTwoProfilesOfOneAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newAccount(t, usualQuota(), 1).caller(1)
		p := startProcess(c, defaults)
		second := awslambda.NewReader(awslambda.NewConn(aws.Config{Credentials: keys(), HTTPClient: c}, here, p.limiters))
		const each = 300
		start := time.Now()
		var both sync.WaitGroup
		for _, reader := range []*awslambda.Reader{p.reader, second} {
			both.Go(func() {
				if stats := p.run(t.Context(), reads(reader, each)); stats.Done != each {
					t.Errorf("%+v", stats)
				}
			})
		}
		both.Wait()
		ideal, wall := 2*each/ceiling+slowStart, time.Since(start).Seconds()
		if seen := c.traffic(); seen.throttled > 0 || seen.requests != 2*each {
			t.Errorf("%+v: want one request per call and no refusal", seen)
		}
		if wall > ideal/0.99 || wall < ideal*0.99 {
			t.Errorf("took %.1f s, want %.1f: one ceiling for both", wall, ideal)
		}
	})
}
