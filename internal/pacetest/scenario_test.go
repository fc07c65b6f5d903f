package pacetest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// pacer makes calls through c until all are done or ctx ends, and returns how
// many were done.
type pacer func(ctx context.Context, c *caller, calls int) int

// ours is eventinvoke with the given settings.
func ours(s ratelimit.Options) pacer {
	return func(ctx context.Context, c *caller, calls int) int {
		p := startProcess(c, s)
		stats := p.read(ctx, calls)
		if granted, requests := p.snapshot().Granted(), c.traffic().requests; granted != int64(requests) {
			c.account.t.Errorf("%d tokens for %d requests: every attempt pays one", granted, requests)
		}
		return stats.Done
	}
}

// scenario is somebody's calls in somebody else's company.
type scenario struct {
	calls    int
	quota    awssim.Quota
	ideal    time.Duration // wall time if everything were known beforehand
	attempts int           // the neighbour's, for each operation
	company  func(*Neighbour) time.Duration
}

// manySeeds is how many runs the mean of a random scenario is taken of: one run
// beside a neighbour scatters by 0.014 in efficiency around a mean that is 0.014
// above its bound.
const manySeeds = 20

// seeds is how many runs there are to be, of the many that would be right.
func seeds(many uint64) uint64 {
	if raceDetector {
		return 1
	}
	return many
}

// slack widens a bound under the race detector, where one run stands for the mean.
func slack(by float64) float64 {
	if raceDetector {
		return by
	}
	return 0
}

// figures are what came of a scenario, as a mean over seeds.
type figures struct {
	wall       time.Duration
	efficiency float64 // the ideal wall time over the real one
	refused    float64 // part of our requests
	perCall    float64 // our requests per call done
	theirs     float64 // part of the neighbour's requests that were refused
	failed     float64 // neighbour's operations that failed for good
	slow       float64 // part of the neighbour's operations that were not served at once
	p99        time.Duration
	terraform  time.Duration // how long the Terraform-like neighbour took
}

func (f *figures) add(o figures, of uint64) {
	w := 1 / float64(of)
	f.wall += o.wall / time.Duration(of)
	f.efficiency += w * o.efficiency
	f.refused += w * o.refused
	f.perCall += w * o.perCall
	f.theirs += w * o.theirs
	f.failed += w * o.failed
	f.slow += w * o.slow
	f.p99 += o.p99 / time.Duration(of)
	f.terraform += o.terraform / time.Duration(of)
}

// play runs the scenario once per seed, each in a bubble of its own.
func (s scenario) play(t *testing.T, seeds uint64, pace pacer) figures {
	t.Helper()
	var mean figures
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			f, _, _ := s.once(newAccount(t, s.quota, seed), pace)
			mean.add(f, seeds)
		})
	}
	t.Logf("wall %.1f s, efficiency %.4f, refused %.3f %%, requests per call %.4f; neighbour: refused %.2f %%, failed %.1f, slow %.2f %%, p99 %.2f s, terraform %.1f s",
		mean.wall.Seconds(), mean.efficiency, 100*mean.refused, mean.perCall, 100*mean.theirs, mean.failed, 100*mean.slow, mean.p99.Seconds(), mean.terraform.Seconds())
	return mean
}

func (s scenario) once(at *account, pace pacer) (figures, *caller, *caller) {
	us, them := at.caller(1), at.caller(2)
	other := them.neighbour(s.attempts)
	took := make(chan time.Duration, 1)
	go func() { took <- s.company(other) }()
	start := time.Now()
	if done := pace(at.t.Context(), us, s.calls); done != s.calls {
		at.t.Errorf("%d of %d calls done", done, s.calls)
	}
	wall := time.Since(start)
	terraform, lot := <-took, other.Lot()
	t := us.traffic()
	return figures{
		wall: wall, efficiency: s.ideal.Seconds() / wall.Seconds(),
		refused: t.refused(), perCall: float64(t.requests) / float64(s.calls),
		theirs: them.traffic().refused(), failed: lot.Failed, slow: lot.Slow, p99: lot.P99, terraform: terraform,
	}, us, them
}

// The least times that the scenarios can take at the default ceiling of 13.5 per
// second; 0.43 s is what the slow start costs.
const (
	ceiling   = 13.5
	slowStart = 0.43
)

func alone(calls int) scenario {
	return scenario{
		calls: calls, quota: usualQuota(), ideal: seconds(float64(calls)/ceiling + slowStart),
		company: func(*Neighbour) time.Duration { return 0 },
	}
}

// besideSteady is a neighbour who needs 6 requests per second, 40 % of the quota,
// for a time from the first minute on.
func besideSteady(calls int, length time.Duration) scenario {
	const left = 15 - 6
	return scenario{
		calls: calls, quota: usualQuota(), attempts: 3,
		ideal: length + seconds((float64(calls)-left*length.Seconds())/ceiling),
		company: func(n *Neighbour) time.Duration {
			time.Sleep(time.Minute)
			n.Poisson(6, length)
			return 0
		},
	}
}

// terraformCalls is what the Terraform-like neighbour has to make.
const terraformCalls = 500

// besideTerraform is a neighbour who pushes with ten workers and 25 attempts.
// In the ideal its 500 calls are served at the full quota's speed beside ours.
func besideTerraform(calls int) scenario {
	return scenario{
		calls: calls, quota: usualQuota(), attempts: 25, ideal: 255 * time.Second,
		company: func(n *Neighbour) time.Duration {
			time.Sleep(time.Minute)
			return n.Terraform(terraformCalls)
		},
	}
}

// besideConsole is a person who opens a page that makes so many calls at once.
func besideConsole(calls, burst int, every time.Duration) scenario {
	s := alone(calls)
	s.attempts = 3
	s.company = func(n *Neighbour) time.Duration {
		n.Console(burst, every, int(seconds(float64(calls)/15)/every))
		return 0
	}
	return s
}
