package ratelimit

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestEvenPart(t *testing.T) {
	for _, tt := range []struct {
		why   string
		wants []float64
		want  float64
		even  float64
	}{
		{"all that two could use", []float64{10, 10}, 10, 5},
		{"the room that a modest one leaves", []float64{2, 10, 10}, 10, 4},
		{"a modest one gets what it wants", []float64{2, 10, 10}, 2, 2},
		{"enough for all", []float64{1, 2, 3}, 3, 3},
		{"two modest ones, of which one is less so", []float64{1, 4, 10}, 10, 5},
		{"all alike, and none modest", []float64{15, 15, 15, 15, 15}, 15, 2},
	} {
		if got := evenPart(tt.wants, 10, tt.want); math.Abs(got-tt.even) > 1e-9 {
			t.Errorf("%s: %v of %v, want %v", tt.why, got, tt.wants, tt.even)
		}
	}
}

// What one wants is all while somebody waits or nothing is known, else twice what it used
// since it was last asked, and what it is told to want less a hundredth of the whole.
func TestWhatAPeerWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyLimiter(t, 10)
		others := []Peer{{Rate: 5, Want: 10}}
		asked := func(want float64, why string) {
			t.Helper()
			if mine, _ := l.Divide(others); math.Abs(mine.Want-want) > 1e-9 {
				t.Errorf("wants %v, not %v: %s", mine.Want, want, why)
			}
		}
		asked(10, "it has just begun")
		time.Sleep(10 * time.Second)
		asked(0.1, "nothing was used")
		for range 15 {
			g, err := l.Acquire(t.Context(), Scan)
			if err != nil {
				t.Fatal(err)
			}
			g.Done(OK, 0)
		}
		time.Sleep(time.Second - time.Since(l.divided.at)%time.Second)
		span := time.Since(l.divided.at).Seconds()
		asked(2*15/span+0.1, "twice what was used")
		asked(2*15/span+0.1, "too short to tell")
		time.Sleep(time.Second)
		asked(0.1, "one second is enough")
		go l.Acquire(t.Context(), Scan)
		go l.Acquire(t.Context(), Scan)
		go l.Acquire(t.Context(), Scan)
		synctest.Wait()
		asked(10, "somebody waits")
	})
}

// A rate that nothing but its part held down begins below a larger part where every limiter
// begins; one that was refused, or has not yet come up to its part, climbs.
func TestARateBelowALargerPart(t *testing.T) {
	for _, tt := range []struct {
		why        string
		rate, want float64
		refused    bool
	}{
		{"held down by its part", 5, 6.5, false},
		{"refused as well", 5, 5, true},
		{"on its way up", 4, 4, false},
		{"on its way up, and refused", 4, 4, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := steadyLimiter(t, 10)
			l.Divide([]Peer{{Rate: 5, Want: 10}})
			l.control.rate = tt.rate
			if tt.refused {
				l.control.refused = time.Now()
			}
			mine, even := l.Divide(nil)
			if mine.Rate != 10 || even != 10 || math.Abs(l.control.rate-tt.want) > 1e-9 {
				t.Errorf("%s: alone again it may use %v of %v and begins at %v, want %v", tt.why, mine.Rate, even, l.control.rate, tt.want)
			}
		})
	}
}

// Whoever comes, goes, is busy or idle, and in whatever order they tell each other: all
// together never use more than the quota, but for the least part of each. Once nothing
// changes any more each has its even part after two rounds.
func TestPeersStayWithinTheQuota(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			type process struct {
				l    *Limiter
				told Peer
				busy context.CancelFunc
			}
			const quota = 20
			var all []*process
			defer func() {
				for _, p := range all {
					p.busy()
					p.l.Close()
				}
			}()
			divide := func(i int) {
				var others []Peer
				for j, o := range all {
					if j != i {
						others = append(others, o.told)
					}
				}
				p := all[i]
				var even float64
				p.told, even = p.l.Divide(others)
				if p.told.Rate > even || p.told.Rate != p.l.Snapshot().Ceiling || p.told.Rate <= 0 {
					rt.Fatalf("told %+v of an even part of %v, with a ceiling of %v", p.told, even, p.l.Snapshot().Ceiling)
				}
				sum := 0.0
				for _, o := range all {
					sum += o.told.Rate
				}
				if most := quota * (1 + leastShare*float64(len(all))); sum > most+1e-9 {
					rt.Fatalf("%d processes use %v", len(all), sum)
				}
			}
			work := func(p *process) {
				ctx, cancel := context.WithCancel(t.Context())
				p.busy = cancel
				for range 2 {
					go func() {
						for {
							g, err := p.l.Acquire(ctx, Scan)
							if err != nil {
								return
							}
							g.Done(OK, 0)
						}
					}()
				}
			}
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				time.Sleep(time.Duration(rapid.IntRange(0, 20).Draw(rt, "seconds")) * time.Second)
				synctest.Wait()
				n := len(all)
				switch what := rapid.IntRange(0, 9).Draw(rt, "what"); {
				case n == 0 || what == 0 && n < 8:
					p := &process{l: New(Options{Quota: quota, Share: float64(rapid.IntRange(1, 10).Draw(rt, "share")) / 10}), busy: func() {}}
					all = append(all, p)
					divide(n)
				case what == 1 && n > 1:
					i := rapid.IntRange(0, n-1).Draw(rt, "leaves")
					all[i].busy()
					all[i].l.Close()
					all = append(all[:i], all[i+1:]...)
				case what == 2:
					p := all[rapid.IntRange(0, n-1).Draw(rt, "idle")]
					p.busy()
					if rapid.Bool().Draw(rt, "busy") {
						work(p)
					}
				default:
					divide(rapid.IntRange(0, n-1).Draw(rt, "tells"))
				}
			}
			for range 3 {
				time.Sleep(20 * time.Second)
				synctest.Wait()
				for i := range all {
					divide(i)
				}
			}
			for i, p := range all {
				if before := p.told.Rate; before > 0 {
					if divide(i); p.told.Rate < before-1e-9 {
						rt.Errorf("still comes down, from %v to %v", before, p.told.Rate)
					}
				}
			}
		})
	})
}
