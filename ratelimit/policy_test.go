package ratelimit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDelays(t *testing.T) {
	p := Policy{}.withDefaults()
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, tt := range []struct {
		name      string
		got, want time.Duration
		why       string
	}{
		{"first fault, lowest", faultDelay(1, 0), 0, "full jitter begins at nothing"},
		{"first fault, middle", faultDelay(1, 0.5), ms(500), "half of 1 s"},
		{"fourth fault", faultDelay(4, 0.5), ms(4000), "half of 8 s"},
		{"sixth fault", faultDelay(6, 0.5), ms(10000), "half of the cap"},
		{"far fault", faultDelay(5000, 0.5), ms(10000), "no overflow"},
		{"first conflict", p.conflictDelay(1, 0.5), ms(5000), "5 s"},
		{"first conflict, lowest", p.conflictDelay(1, 0), ms(4000), "less a fifth"},
		{"third conflict, high", p.conflictDelay(3, 0.75), ms(22000), "20 s and a tenth"},
		{"fifth conflict", p.conflictDelay(5, 0.5), ms(60000), "the last step"},
		{"ninth conflict", p.conflictDelay(9, 0.5), ms(60000), "it repeats"},
		{"own steps", (&Policy{ConflictSteps: []time.Duration{ms(10)}}).conflictDelay(3, 0.5), ms(10), "a caller may choose"},
		{"first refusal", throttleDelay(1, 0.5), 0, "the limiter makes everybody wait"},
		{"second refusal", throttleDelay(2, 0.5), ms(1000), "let the others go first"},
		{"third refusal, low", throttleDelay(3, 0), ms(1600), "2 s less a fifth"},
		{"ninth refusal", throttleDelay(9, 0.5), ms(60000), "a minute at most"},
		{"far refusal", throttleDelay(5000, 0.5), ms(60000), "no overflow"},
		{"pause, nothing asked", pauseFor(0, 0.5), ms(500), "a moment"},
		{"pause, lowest", pauseFor(0, 0), ms(250), "not nothing"},
		{"pause, asked", pauseFor(ms(3000), 0.9), ms(3000), "what was asked"},
		{"pause, little asked", pauseFor(ms(100), 0.5), ms(500), "the moment is longer"},
		{"pause, too much asked", pauseFor(time.Hour, 0.5), time.Minute, "at most a minute"},
		{"break, first", breakFor(1, 0.5), ms(1000), "1 s"},
		{"break, third, low", breakFor(3, 0), ms(3000), "4 s less a quarter"},
		{"break, ninth", breakFor(9, 0.5), ms(8000), "8 s at most"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %v, want %v: %s", tt.name, tt.got, tt.want, tt.why)
		}
	}
}

func TestBudget(t *testing.T) {
	b := newBudget()
	for i, tt := range []struct {
		at       time.Duration
		attempts int           // that follow no fault, made now
		repeats  int           // made now
		free     time.Duration // when the next repeat may be made
		why      string
	}{
		{0, 0, 9, 0, "it starts with ten, and each attempt earns a tenth"},
		{0, 0, 1, 0, "those nine earned nearly one"},
		{0, 0, 1, 900 * time.Millisecond, "a tenth is left, and one comes each second"},
		{900 * time.Millisecond, 0, 1, 1800 * time.Millisecond, "as soon as it is free, and not before"},
		{1700 * time.Millisecond, 9, 0, 1700 * time.Millisecond, "nine attempts earn what was missing"},
		{time.Hour, 0, 60, time.Hour, "a long time earns sixty"},
		{time.Hour, 0, 6, time.Hour + 500*time.Millisecond, "and no more"},
	} {
		for range tt.attempts {
			b.attempt(tt.at, false)
		}
		for range tt.repeats {
			b.attempt(tt.at, true)
		}
		if free := max(b.free(), tt.at); (free - tt.free).Abs() > time.Microsecond {
			t.Errorf("step %d at %v: free at %v, want %v: %s", i, tt.at, free, tt.free, tt.why)
		}
	}
}

func TestBudgetIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBudget()
		type event struct {
			at     time.Duration
			repeat bool
		}
		var seen []event
		at := time.Duration(0)
		for range rapid.IntRange(1, 300).Draw(t, "events") {
			at += time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "passes"))
			repeat := rapid.Bool().Draw(t, "repeat")
			if repeat && at < b.free() {
				continue
			}
			b.attempt(at, repeat)
			seen = append(seen, event{at, repeat})
			// In no span of time are there more than the cap, what was earned in it and one a second.
			attempts, repeats := 0.0, 0.0
			for i := len(seen) - 1; i >= 0; i-- {
				if attempts++; seen[i].repeat {
					repeats++
				}
				if most := budgetCap + budgetShare*attempts + budgetPerSecond*(at-seen[i].at).Seconds(); repeats > most+1e-6 {
					t.Fatalf("%v repeats among %v attempts in %v", repeats, attempts, at-seen[i].at)
				}
			}
		}
	})
}
