package ratelimit

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/pacetest"
)

// result is a scenario's figures, as a mean over seeds.
type result struct {
	efficiency float64       // ideal wall time over the real one
	own        float64       // part of our requests refused
	perCall    float64       // our requests per call done
	theirs     float64       // part of the neighbour's requests refused
	failed     float64       // neighbour's operations that failed for good
	slow       float64       // part of the neighbour's operations that were not served at once
	terraform  time.Duration // how long the Terraform-like neighbour took
}

func (r *result) add(o result, of int) {
	w := 1 / float64(of)
	r.efficiency += w * o.efficiency
	r.own += w * o.own
	r.perCall += w * o.perCall
	r.theirs += w * o.theirs
	r.failed += w * o.failed
	r.slow += w * o.slow
	r.terraform += time.Duration(w * float64(o.terraform))
}

// scenario is our calls in somebody's company.
type scenario struct {
	calls    int
	options  Options
	server   func() quota
	charged  bool
	retry    time.Duration // Retry-After of each refusal
	ideal    time.Duration // wall time if everything were known beforehand
	attempts int           // the neighbour's, for each operation
	seeds    int           // runs to take the mean of; 3 at least
	company  func(n *pacetest.Neighbour) time.Duration
}

func (s scenario) play(t *testing.T) result {
	t.Helper()
	var mean result
	runs := max(s.seeds, 3)
	for seed := range uint64(runs) {
		synctest.Test(t, func(t *testing.T) { mean.add(s.once(t, seed), runs) })
	}
	t.Logf("efficiency %.4f, own 429 %.3f %%, requests per call %.4f; neighbour: 429 %.2f %%, failed %.1f, slow %.2f %%, terraform %v",
		mean.efficiency, 100*mean.own, mean.perCall, 100*mean.theirs, mean.failed, 100*mean.slow, mean.terraform.Round(100*time.Millisecond))
	return mean
}

func (s scenario) once(t *testing.T, seed uint64) result {
	server := newModel(s.server())
	server.charged, server.retryAfter = s.charged, s.retry
	s.options.Quota = 15
	l := newLimiter(s.options, randOf(seed))
	defer l.Close()
	n := neighbourOn(server, s.attempts, seed)
	took := make(chan time.Duration, 1)
	go func() { took <- s.company(n) }()

	stats := countTotals(t.Context(), l, Policy{}, errands(s.calls, errand{limiter: l, server: server, who: "us"}), randOf(seed+200))
	if stats.Done != s.calls {
		t.Errorf("%d of %d calls done: %+v", stats.Done, s.calls, stats)
	}
	r := result{terraform: <-took}
	lot := n.Lot()
	us, them := server.traffic("us"), server.traffic("neighbour")
	r.efficiency = s.ideal.Seconds() / stats.Elapsed.Seconds()
	r.own, r.perCall = us.ratio(), float64(us.requests)/float64(s.calls)
	if them.requests > 0 {
		r.theirs = them.ratio()
		r.failed, r.slow = lot.Failed, lot.Slow
	}
	snapshot := l.Snapshot()
	if got, want := snapshot.Efficiency(), float64(us.requests)/(snapshot.Ceiling*stats.Elapsed.Seconds()); math.Abs(got-want) > 0.01 {
		t.Errorf("the limiter says that its efficiency is %.3f, and it is %.3f", got, want)
	}
	if snapshot.Throttled != int64(us.throttled) {
		t.Errorf("%d refused, and %+v", us.throttled, snapshot)
	}
	if granted := snapshot.Granted(); granted != int64(us.requests) {
		t.Errorf("%d tokens for %d requests: every attempt pays one", granted, us.requests)
	}
	return r
}

// neighbourOn is somebody else who calls a server.
func neighbourOn(server *model, attempts int, seed uint64) *pacetest.Neighbour {
	var mu sync.Mutex
	d := rng(seed + 100)
	drawn := func(draw func() float64) func() float64 {
		return func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return draw()
		}
	}
	return &pacetest.Neighbour{
		Attempts: attempts, Call: func() bool { return server.call("neighbour", "") == nil },
		Uniform: drawn(d.Float64), Exponential: drawn(d.ExpFloat64),
	}
}

func bucketOf(burst float64) func() quota {
	return func() quota { return newBucket(15, burst) }
}

func secondsOf15() quota { return &window{limit: 15} }

// steady is a neighbour that needs 6 requests per second for a time, from the
// first minute on.
func steady(length time.Duration) func(*pacetest.Neighbour) time.Duration {
	return func(n *pacetest.Neighbour) time.Duration {
		time.Sleep(time.Minute)
		n.Poisson(6, length)
		return 0
	}
}

func nobody(*pacetest.Neighbour) time.Duration { return 0 }

// idealBeside is the wall time of calls at the default ceiling when a neighbour takes
// 6 per second for a time.
func idealBeside(calls int, length time.Duration) time.Duration {
	const ceiling, left = 13.5, 15 - 6
	return length + seconds((float64(calls)-left*length.Seconds())/ceiling)
}

func TestAlone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		server func() quota
		share  float64
		why    string
	}{
		{"bucket of 2", bucketOf(2), 0.9, "a small bucket shows any burst of ours"},
		{"bucket of 15", bucketOf(15), 0.9, "one second's worth, the likely shape"},
		{"bucket of 45", bucketOf(45), 0.9, "a large bucket"},
		{"windows of a second", secondsOf15, 0.9, "another way to enforce"},
		{"bucket of 2, share 0.95", bucketOf(2), 0.95, "close to the quota"},
		{"windows of a second, share 0.95", secondsOf15, 0.95, "close to the quota"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := scenario{
				calls: 1500, server: tt.server, options: Options{Quota: 15, Share: tt.share},
				ideal: seconds(1500/(15*tt.share) + 0.85), company: nobody,
			}.play(t)
			if r.efficiency < 0.999 || r.own != 0 || r.perCall != 1 {
				t.Errorf("want efficiency 0.999, no refusal: %s", tt.why)
			}
		})
	}
}

func TestBesideASteadyNeighbour(t *testing.T) {
	for _, tt := range []struct {
		name                    string
		scenario                scenario
		efficiency, own, theirs float64
		failed                  float64
		why                     string
	}{
		{
			"bucket of 15", scenario{calls: 3000, server: bucketOf(15), ideal: idealBeside(3000, 2*time.Minute)},
			0.94, 0.003, 0.02, 1, "40 % of the quota is theirs, and stays theirs",
		}, {
			"ten minutes", scenario{calls: 30000, server: bucketOf(15), ideal: idealBeside(30000, 10*time.Minute)},
			0.97, 0.001, 0.01, 2, "a long run remembers what he leaves",
		}, {
			"bucket of 45", scenario{calls: 3000, server: bucketOf(45), ideal: idealBeside(3000, 2*time.Minute)},
			0.94, 0.005, 0.025, 1, "a large bucket hides an overload for longer",
		}, {
			"bucket of 2", scenario{calls: 3000, server: bucketOf(2), ideal: idealBeside(3000, 2*time.Minute)},
			0.75, 0.01, 0.15, 4, "the neighbour alone has 7 % of refusals here",
		}, {
			"windows of a second", scenario{calls: 3000, server: secondsOf15, ideal: idealBeside(3000, 2*time.Minute)},
			0.85, 0.005, 0.03, 2, "another way to enforce",
		}, {
			"refused calls charged", scenario{calls: 3000, server: bucketOf(15), charged: true, ideal: idealBeside(3000, 2*time.Minute)},
			0.94, 0.005, 0.04, 2, "unpaced callers collapse here",
		}, {
			"Retry-After of 3 s", scenario{calls: 3000, server: bucketOf(15), retry: 3 * time.Second, ideal: idealBeside(3000, 2*time.Minute)},
			0.92, 0.005, 0.025, 1, "obeyed, at little cost",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.scenario
			s.attempts, s.seeds = 3, 16
			s.company = steady(2 * time.Minute)
			if s.calls > 10000 {
				s.company, s.seeds = steady(10*time.Minute), 3
			}
			r := s.play(t)
			if r.efficiency < tt.efficiency || r.own > tt.own || r.theirs > tt.theirs || r.failed > tt.failed {
				t.Errorf("want efficiency %v, at most %v own and %v neighbour's 429s, %v failures: %s",
					tt.efficiency, tt.own, tt.theirs, tt.failed, tt.why)
			}
		})
	}
}

func TestBesideTerraform(t *testing.T) {
	s := scenario{
		calls: 3000, server: bucketOf(15), ideal: 255 * time.Second, attempts: 25,
		company: func(n *pacetest.Neighbour) time.Duration {
			time.Sleep(time.Minute)
			return n.Terraform(500)
		},
	}
	// Terraform's last call may sit in a backoff of 20 s, with us or without,
	// so that only means over many runs can be compared.
	s.seeds = 12
	var undisturbed time.Duration
	for seed := range uint64(s.seeds) {
		synctest.Test(t, func(t *testing.T) {
			n := neighbourOn(newModel(newBucket(15, 15)), 25, seed)
			undisturbed += n.Terraform(500) / time.Duration(s.seeds)
		})
	}
	r := s.play(t)
	t.Logf("terraform alone %v", undisturbed.Round(100*time.Millisecond))
	if slowdown := r.terraform.Seconds() / undisturbed.Seconds(); slowdown > 1.25 || r.efficiency < 0.92 {
		t.Errorf("terraform takes %.2f times as long, want 1.25; efficiency %.3f, want 0.92", slowdown, r.efficiency)
	}
}

func TestConsoleStaysQuick(t *testing.T) {
	for _, tt := range []struct {
		name  string
		calls int
		every time.Duration
		why   string
	}{
		{"12 every 20 s", 12, 20 * time.Second, "somebody clicks"},
		{"13 every 10 s", 13, 10 * time.Second, "somebody clicks faster"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := scenario{
				calls: 2000, server: bucketOf(15), ideal: seconds(2000/13.5 + 0.85), attempts: 3,
				company: func(n *pacetest.Neighbour) time.Duration {
					n.Console(tt.calls, tt.every, int(140*time.Second/tt.every))
					return 0
				},
			}
			if r := s.play(t); r.slow > 0 || r.own > 0 {
				t.Errorf("%.1f %% of the console's calls were slow, and %.2f %% of ours refused: %s", 100*r.slow, 100*r.own, tt.why)
			}
		})
	}
}
