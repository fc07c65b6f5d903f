package pacetest

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

var defaults = awslambda.Pace(0, 0)

// Rows 1, 2 and 3 alone: all of the ceiling, and not one refusal, whatever shape
// the quota has. Lambda's is not documented.
func TestRow01To03Alone(t *testing.T) {
	for _, tt := range []struct {
		why   string
		calls int
		quota awssim.Quota
		share float64
	}{
		{"one second's worth, the likely shape", 1500, usualQuota(), 0.9},
		{"a small bucket shows any burst of ours", 600, awssim.Quota{Rate: 15, Burst: 2}, 0.9},
		{"a large bucket", 600, awssim.Quota{Rate: 15, Burst: 45}, 0.9},
		{"a fixed second that admits 15", 600, awssim.Quota{Rate: 15, Shape: "window"}, 0.95},
	} {
		t.Run(tt.why, func(t *testing.T) {
			s := alone(tt.calls)
			s.quota, s.ideal = tt.quota, seconds(float64(tt.calls)/(15*tt.share)+slowStart)
			f := s.play(t, 1, ours(awslambda.Pace(0, tt.share)))
			if f.efficiency < 0.99 || f.refused != 0 || f.perCall != 1 {
				t.Error("want efficiency 0.99, no refusal, one request per call")
			}
		})
	}
}

// With the whole quota for itself, 400 calls take 1.02 of what the quota alone would, its
// own burst left aside, and none is refused.
func TestAllOfTheQuota(t *testing.T) {
	for _, burst := range []float64{2, 15, 45} {
		s := alone(400)
		s.quota, s.ideal = awssim.Quota{Rate: 15, Burst: burst}, seconds(400.0/15)
		if f := s.play(t, 1, ours(awslambda.Pace(0, 1))); f.efficiency < 1/1.02 || f.refused != 0 {
			t.Errorf("a bucket of %v: efficiency %.4f, %.4f refused", burst, f.efficiency, f.refused)
		}
	}
}

// Rows 3, 4 and 5: beside a neighbour who takes 40 % of the quota.
func TestRow03To05BesideASteadyNeighbour(t *testing.T) {
	f := besideSteady(3000, 2*time.Minute).play(t, seeds(manySeeds), ours(defaults))
	if f.efficiency < 0.94-slack(0.04) || f.refused > 0.005 || f.perCall > 1.005 {
		t.Error("ours: want efficiency 0.94, at most 0.5 % refused and 1.005 requests per call")
	}
	if f.theirs > 0.025+slack(0.02) || f.failed > 1+slack(1) {
		t.Error("theirs: want at most 2.5 % refused and one operation of 720 lost")
	}
}

// The shapes in which a neighbour is harder to see or dearer to disturb. A
// short run scatters widely; ratelimit's own tests hold these and other shapes to
// closer bounds, over longer runs and with more seeds.
func TestShapesBesideANeighbour(t *testing.T) {
	for _, tt := range []struct {
		why             string
		quota           awssim.Quota
		efficiency, own float64
	}{
		{"refused calls charged: whoever pushes is never admitted", awssim.Quota{Rate: 15, Burst: 15, ChargeRejected: true}, 0.85, 0.008},
		{"Retry-After of 3 s on every refusal, obeyed at little cost", awssim.Quota{Rate: 15, Burst: 15, RetryAfter: 3 * time.Second}, 0.85, 0.008},
		{"a bucket of 2, where the neighbour alone has 7 % refused", awssim.Quota{Rate: 15, Burst: 2}, 0.65, 0.02},
	} {
		t.Run(tt.why, func(t *testing.T) {
			s := besideSteady(1200, time.Minute)
			s.quota = tt.quota
			f := s.play(t, seeds(4), ours(defaults))
			if f.efficiency < tt.efficiency || f.refused > tt.own {
				t.Errorf("want efficiency %v and at most %v refused", tt.efficiency, tt.own)
			}
		})
	}
}

// Row 6: Terraform hardly notices, and we lose little to it.
func TestRow06BesideTerraform(t *testing.T) {
	undisturbed := terraformAlone(t, max(4, seeds(12)))
	f := besideTerraform(3000).play(t, seeds(8), ours(defaults))
	slowdown := f.terraform.Seconds() / undisturbed.Seconds()
	t.Logf("terraform alone %.1f s, slowdown %.2f", undisturbed.Seconds(), slowdown)
	if slowdown > 1.25+slack(0.2) || f.efficiency < 0.92 {
		t.Errorf("terraform takes %.2f times as long, want 1.25; efficiency %.3f, want 0.92", slowdown, f.efficiency)
	}
}

// terraformAlone is how long Terraform takes with nobody else about. Its last
// call may sit in a backoff of 20 s, so that only a mean says something.
func terraformAlone(t *testing.T, runs uint64) time.Duration {
	var mean time.Duration
	for seed := range runs {
		synctest.Test(t, func(t *testing.T) {
			n := newAccount(t, usualQuota(), seed).caller(2).neighbour(25)
			mean += n.Terraform(terraformCalls) / time.Duration(runs)
		})
	}
	return mean
}

// Row 7: a long run settles.
func TestRow07TenMinutesOfCompany(t *testing.T) {
	if raceDetector {
		t.Skip("the same code as in rows 3 to 5, for 30,000 calls; ratelimit plays it under the race detector, on its leaner model")
	}
	f := besideSteady(30000, 10*time.Minute).play(t, 2, ours(defaults))
	if f.efficiency < 0.97 || f.refused > 0.001 || f.theirs > 0.01 {
		t.Error("want efficiency 0.97, at most 0.1 % refused, and 1 % of theirs")
	}
}

// Row 8: the default share leaves the server's bucket full for people.
func TestRow08ConsoleStaysQuick(t *testing.T) {
	for _, tt := range []struct {
		calls int
		every time.Duration
	}{{12, 20 * time.Second}, {13, 10 * time.Second}} {
		t.Run(fmt.Sprintf("%d every %v", tt.calls, tt.every), func(t *testing.T) {
			f := besideConsole(1000, tt.calls, tt.every).play(t, seeds(4), ours(defaults))
			if f.slow > 0 || f.refused > 0 {
				t.Error("want no call of the console slowed, and none of ours refused")
			}
		})
	}
}
