package main

import (
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

func TestPaceIsBoundedAndLosesNoThrottling(t *testing.T) {
	target := desired.Target{Account: "111111111111", Region: "eu-west-1"}
	now := map[desired.Target]ratelimit.Snapshot{}
	started := time.Now()
	p := startPace(started, func() map[desired.Target]ratelimit.Snapshot { return now })
	p.close() // this test looks by itself
	p.look(started)
	if p.of(target) != nil || (*paceSampler)(nil).of(target) != nil {
		t.Error("there are points of a limiter that let nothing go")
	}
	const looks = 1000
	for i := range int64(looks) {
		now[target] = ratelimit.Snapshot{Rate: 13.5, Ceiling: 13.5, Tokens: [4]int64{i + 1}, Throttled: i / 10}
		p.look(started.Add(time.Duration(i) * time.Second))
		if len(p.of(target)) > maxSamples {
			t.Fatalf("%d points after %d looks, want at most %d", len(p.of(target)), i, maxSamples)
		}
	}
	points, throttled := p.of(target), int64(0)
	for i, point := range points {
		throttled += point.Throttled
		if i > 0 && point.AtMS <= points[i-1].AtMS {
			t.Errorf("point %d is not after the one before", i)
		}
	}
	if want := int64(looks-1) / 10; throttled != want || len(points) < maxSamples/2 {
		t.Errorf("%d points say throttled %d times, want %d", len(points), throttled, want)
	}
}
