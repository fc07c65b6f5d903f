package ratelimit

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/pacetest"
)

// oracle is a caller who need not find out what a neighbour uses: it knows his mean rate
// from the first call to the last, and when he comes and goes. It holds what he leaves,
// less a slack, and lets the server's bucket fill again after a refusal, as a controller
// does. It is what any pacing that hears of nothing but its own refusals can hope for.
type oracle struct {
	room  float64 // what the neighbour leaves of the quota
	slack float64
}

// beside makes calls for a time beside a neighbour, and returns how many were served.
func (o oracle) beside(server *model, length time.Duration) (served int) {
	const quota = 15
	start, cut := time.Now(), time.Time{}
	for time.Since(start) < length {
		rate := o.room - o.slack
		switch since := time.Since(cut); {
		case cut.IsZero():
		case since < holdFor:
			rate *= cutTo
		default:
			rate = min(rate, cutTo*rate+0.9*quota*startSlope*(since-holdFor).Seconds())
		}
		if server.answer("us", "") == nil {
			served++
		} else {
			cut = time.Now()
		}
		time.Sleep(seconds(1 / rate))
	}
	return served
}

// play is an hour beside a neighbour, as a scenario tells it: what is left then is done alone.
func (o oracle) play(t *testing.T, s scenario, length time.Duration, use, ceiling float64) result {
	var mean result
	for seed := range uint64(s.seeds) {
		synctest.Test(t, func(t *testing.T) {
			server := newModel(s.server())
			n := neighbourOn(server, s.attempts, seed)
			var theirs sync.WaitGroup
			theirs.Go(func() { n.Poisson(use, length) })
			took := length + seconds(float64(s.calls-o.beside(server, length))/ceiling)
			theirs.Wait()
			n.Lot()
			us, them := server.traffic("us"), server.traffic("neighbour")
			own := us.ratio() * float64(us.requests) / float64(s.calls)
			mean.add(result{efficiency: s.ideal.Seconds() / took.Seconds(), own: own, theirs: them.ratio()}, s.seeds)
		})
	}
	t.Logf("an oracle with a slack of %.2f: efficiency %.4f, own 429 %.3f %%; neighbour: 429 %.2f %%",
		o.slack, mean.efficiency, 100*mean.own, 100*mean.theirs)
	return mean
}

// Beside one who stays for an hour the limiter is within four hundredths of the efficiency of
// an oracle that is refused as often, and no dearer to the neighbour. The oracle itself has to
// leave half a call a second unused to be refused once in a thousand calls: then it is below
// 0.97, the goal for the efficiency, because of the random bursts of the neighbour.
func TestCloseToAnOracle(t *testing.T) {
	const length, use, ceiling = time.Hour, 6, 13.5
	room := 15.0 - use
	s := scenario{
		calls: int(room*length.Seconds() + ceiling*600), server: bucketOf(15), attempts: 3, seeds: 4,
		company: func(n *pacetest.Neighbour) time.Duration {
			time.Sleep(time.Minute)
			n.Poisson(use, length)
			return 0
		},
	}
	s.ideal = idealBeside(s.calls, length)
	ours := s.play(t)

	alike := oracle{room, 0.35}.play(t, s, length, use, ceiling)
	if ours.efficiency < alike.efficiency-0.04 || ours.own > 1.1*alike.own || ours.theirs > 1.1*alike.theirs {
		t.Error("want the efficiency of an oracle less 0.04, and its refusals, the neighbour's too, times 1.1")
	}
	rare := oracle{room, 0.5}.play(t, s, length, use, ceiling)
	if rare.own > 0.0011 || rare.efficiency < alike.efficiency-0.01 || rare.efficiency > 0.97 {
		t.Error("the oracle is not what BOUNDS.md says of it: 0.96 with one call in a thousand refused")
	}
}
