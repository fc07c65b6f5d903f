package pacetest

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
)

// crew is what several processes on one quota came to together.
type crew struct {
	use      float64 // part of the quota
	refused  float64 // part of their requests
	fairness float64 // Jain's index over what each got done
}

// siblings lets k processes, none of which knows of the others, call for a time.
func siblings(t *testing.T, k int, length time.Duration, seed uint64, pace pacer) crew {
	at := newSite(t, usualQuota(), seed)
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
		c := newSite(t, usualQuota(), 1).caller(1)
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
