package ratelimit

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func after(s float64) time.Time { return epoch.Add(seconds(s)) }

func TestControllerGrowth(t *testing.T) {
	for _, tt := range []struct {
		rate           float64
		refused        float64 // seconds; negative: never
		from, to, want float64
		why            string
	}{
		{6.75, -1, 0, 1, 8.75, "slow start: 2 per second each second"},
		{6.75, -1, 0, 3.375, 13.5, "at the ceiling after 3.4 s"},
		{6.75, -1, 0, 99, 13.5, "never above the ceiling"},
		{5, 0, 0, 2, 5, "hold for 2 s"},
		{5, 0, 0, 3, 5.2, "then climb 0.2 per second each second"},
		{5, 0, 4, 9, 6, "wherever one starts"},
		{5, 0, 2, 10, 6.6, "up to 10 s after the refusal"},
		{5, 0, 9, 12, 7.2, "then 1 per second each second"},
		{5, 0, 20, 25, 10, "nobody else is there any more"},
		{13.5, 0, 20, 99, 13.5, "never above the ceiling"},
	} {
		for _, scale := range []float64{1, 10, 100} {
			c := controller{ceiling: 13.5 * scale, rate: tt.rate * scale, grown: after(tt.from)}
			if tt.refused >= 0 {
				c.refused = after(tt.refused)
			}
			c.grow(after(tt.to))
			if math.Abs(c.rate-tt.want*scale) > 1e-9*scale {
				t.Errorf("ceiling %v: from %v s to %v s the rate became %v, want %v: %s", c.ceiling, tt.from, tt.to, c.rate, tt.want*scale, tt.why)
			}
		}
	}
}

// Beside a neighbour who leaves 9 a second, with a probe after 12 s.
func TestControllerGrowthToTheRoom(t *testing.T) {
	for _, tt := range []struct {
		rate, from, to float64
		want           float64
		why            string
	}{
		{4.5, 0, 2, 4.5, "hold for 2 s"},
		{4.5, 0, 3, 6.5, "back at 2 per second each second"},
		{4.5, 0, 12, 9, "to the room and no further"},
		{4.5, 3, 3.5, 5.5, "wherever one starts"},
		{9, 2, 14, 11, "then 1 per second each second"},
		{4.5, 0, 14, 11, "both at once"},
		{10, 2, 12, 10, "what is above the room stays there"},
		{9, 12, 99, 13.5, "never above the ceiling"},
	} {
		for _, scale := range []float64{1, 10, 100} {
			c := controller{ceiling: 13.5 * scale, rate: tt.rate * scale, room: 9 * scale, probe: 12 * time.Second, refused: after(0), grown: after(tt.from)}
			c.grow(after(tt.to))
			if math.Abs(c.rate-tt.want*scale) > 1e-9*scale {
				t.Errorf("ceiling %v: from %v s to %v s the rate became %v, want %v: %s", c.ceiling, tt.from, tt.to, c.rate, tt.want*scale, tt.why)
			}
		}
	}
}

func TestControllerCuts(t *testing.T) {
	c := newController(13.5, epoch)
	c.rate = 12
	first := c.epoch
	for _, tt := range []struct {
		epoch uint64
		cut   bool
		rate  float64
		why   string
	}{
		{first, true, 6, "half"},
		{first, false, 6, "sent before the cut: it says nothing about the new rate"},
		{first + 1, true, 3, "sent after the cut: half again"},
		{first + 2, true, 1.5, "and again"},
		{first + 3, true, 0.75, "and again"},
		{first + 4, true, 0.5, "down to the floor"},
		{first + 5, true, 0.5, "and no further"},
	} {
		if cut := c.refuse(after(1), tt.epoch, 0); cut != tt.cut || c.rate != tt.rate {
			t.Errorf("cut %v to %v, want %v to %v: %s", cut, c.rate, tt.cut, tt.rate, tt.why)
		}
	}
}

// Beside a neighbour who leaves 9 of 15 requests a second: what was let go between two
// refusals is remembered, held, and tried again ever more seldom.
func TestControllerRemembersTheRoom(t *testing.T) {
	c := newController(13.5, epoch)
	c.rate = 13.5
	c.refuse(epoch, c.epoch, 1000)
	if c.room != 0 || c.rate != 6.75 {
		t.Fatalf("one refusal tells no more than that it was too much: %+v", c)
	}
	now, sent := epoch, int64(1000)
	pass := func(s float64) {
		for range int(10 * s) { // growth is accounted for with each token
			now = now.Add(100 * time.Millisecond)
			c.grow(now)
		}
	}
	pass(14)
	sent += 9 * 14
	c.refuse(now, c.epoch, sent)
	if math.Abs(c.room-9) > 0.01 || math.Abs(c.rate-4.5) > 0.01 {
		t.Fatalf("9 a second were let go between two refusals: %+v", c)
	}
	for _, wait := range []float64{15, 18.75, 23.4375} {
		pass(wait)
		if math.Abs(c.rate-9) > 0.1 {
			t.Errorf("%v s after a refusal the rate is %.2f, not the room of 9", wait, c.rate)
		}
		pass(4)
		if c.rate < 12.5 {
			t.Errorf("%v s after a refusal no more than %.2f is tried", wait+4, c.rate)
		}
		sent += int64(9 * (wait + 4))
		c.refuse(now, c.epoch, sent)
	}
	pass(29)
	c.refuse(now, c.epoch, sent+3)
	if math.Abs(c.room-8.55) > 0.05 {
		t.Errorf("hardly anything was asked for, and the room became %.2f of 9: want 8.55", c.room)
	}
	held := c.room
	pass(c.probe.Seconds() + 1)
	if c.refuse(now, c.epoch, sent+6); c.room != held {
		t.Errorf("more than the room was refused, and it became %.2f of %.2f", c.room, held)
	}
	for range 20 {
		pass(c.probe.Seconds() + 4)
		c.refuse(now, c.epoch, 0)
	}
	if c.probe != lastProbe {
		t.Errorf("after many refused probes the next one comes after %v, want %v", c.probe, lastProbe)
	}
	pass((lastProbe + forgetAfter).Seconds() - 1)
	if before := c; c.refuse(now, c.epoch, 0) && c.room != before.room {
		t.Errorf("refused %v after the beginning of a probe, the room of %.2f became %.2f", forgetAfter-time.Second, before.room, c.room)
	}
	pass((lastProbe + forgetAfter).Seconds() + 1)
	if c.refuse(now, c.epoch, 0); c.room != 0 || c.probe != firstProbe {
		t.Errorf("a refusal after a long time without is another neighbour's: %+v", c)
	}
}

// What the first two refusals tell of the room.
func TestControllerLearnsTheRoom(t *testing.T) {
	for _, tt := range []struct {
		why  string
		span float64
		sent int64
		room float64
	}{
		{"in the time of one overload nothing is learnt", 2, 18, 0},
		{"what was let go", 4, 36, 9},
		{"of what nobody asked for half is taken", 10, 1, 5},
	} {
		c := newController(13.5, after(0))
		c.rate = 13.5
		c.refuse(after(1), c.epoch, 1000)
		c.rate = 10
		if c.refuse(after(1+tt.span), c.epoch, 1000+tt.sent); c.room != tt.room {
			t.Errorf("%s: a room of %v, want %v", tt.why, c.room, tt.room)
		}
	}
}

func TestControllerStaysBetweenFloorAndCeiling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newController(rapid.Float64Range(0.1, 1500).Draw(t, "ceiling"), epoch)
		now := epoch
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(30*time.Second)).Draw(t, "passes")))
			before := c.rate
			switch rapid.IntRange(0, 2).Draw(t, "event") {
			case 0:
				c.grow(now)
				if c.rate < before {
					t.Fatalf("growth from %v to %v", before, c.rate)
				}
			case 1:
				c.skip(now)
			case 2:
				c.refuse(now, c.epoch, 0)
			}
			if floor := min(floorRate, c.ceiling/2); c.rate > c.ceiling || c.rate < floor {
				t.Fatalf("rate %v is not between %v and %v", c.rate, floor, c.ceiling)
			}
		}
	})
}

// Growth must not depend on how often it is accounted for.
func TestControllerGrowthAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		once := controller{ceiling: 13.5, rate: 1, grown: epoch, refused: epoch}
		many := once
		end := rapid.Float64Range(0, 20).Draw(t, "seconds")
		n := rapid.IntRange(1, 50).Draw(t, "steps")
		once.grow(after(end))
		for i := range n {
			many.grow(after(end * float64(i+1) / float64(n)))
		}
		if math.Abs(once.rate-many.rate) > 1e-6 {
			t.Fatalf("rate %v in one step and %v in %d", once.rate, many.rate, n)
		}
	})
}

func TestBurst(t *testing.T) {
	for _, tt := range []struct {
		rate float64
		want int
		why  string
	}{
		{0.5, 2, "two at least"}, {13.5, 2, "130 ms of lateness"}, {100, 2, "20 ms"}, {101, 3, "rounded up"}, {1350, 27, "20 ms"},
	} {
		if got := burstFor(tt.rate); got != tt.want {
			t.Errorf("burst at %v is %d, want %d: %s", tt.rate, got, tt.want, tt.why)
		}
	}
}
