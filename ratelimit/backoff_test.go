package ratelimit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDelays(t *testing.T) {
	p := DefaultPolicy()
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, tt := range []struct {
		name      string
		got, want time.Duration
		why       string
	}{
		{"first fault, lowest", p.FaultDelay(1, 0), 0, "full jitter begins at nothing"},
		{"first fault, middle", p.FaultDelay(1, 0.5), ms(500), "half of 1 s"},
		{"fourth fault", p.FaultDelay(4, 0.5), ms(4000), "half of 8 s"},
		{"sixth fault", p.FaultDelay(6, 0.5), ms(10000), "half of the cap"},
		{"far fault", p.FaultDelay(5000, 0.5), ms(10000), "no overflow"},
		{"first conflict", p.ConflictDelay(1, 0.5), ms(5000), "5 s"},
		{"first conflict, lowest", p.ConflictDelay(1, 0), ms(4000), "less a fifth"},
		{"third conflict, high", p.ConflictDelay(3, 0.75), ms(22000), "20 s and a tenth"},
		{"fifth conflict", p.ConflictDelay(5, 0.5), ms(60000), "the last step"},
		{"ninth conflict", p.ConflictDelay(9, 0.5), ms(60000), "it repeats"},
		{"own steps", Policy{ConflictSteps: []time.Duration{ms(10)}}.ConflictDelay(3, 0.5), ms(10), "a caller may choose"},
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

func TestBudgetSlides(t *testing.T) {
	b := newBudget(DefaultPolicy())
	for range 10 {
		if !b.allows(0) {
			t.Fatal("the floor is 10 repeats")
		}
		b.attempt(0, true)
	}
	for i, tt := range []struct {
		at   time.Duration
		more int // attempts that follow no fault, made now
		want bool
		why  string
	}{
		{time.Second, 0, true, "a tenth of the 10 repeats is one more"},
		{time.Second, 0, true, "and a tenth of the 11th"},
		{time.Second, 0, false, "used"},
		{30 * time.Second, 8, false, "a tenth of 20 is 2, and 12 were made"},
		{31 * time.Second, 1, true, "a tenth of 21 is more"},
		{59 * time.Second, 0, false, "the first ten still count"},
		{61 * time.Second, 0, true, "they are a minute ago"},
		{10 * time.Minute, 0, true, "all is long ago"},
	} {
		for range tt.more {
			b.attempt(tt.at, false)
		}
		got := b.allows(tt.at)
		if got != tt.want {
			t.Errorf("step %d at %v: allowed %v, want %v: %s", i, tt.at, got, tt.want, tt.why)
		}
		if got {
			b.attempt(tt.at, true)
		}
	}
}

func TestBudgetIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultPolicy()
		b := newBudget(p)
		type event struct {
			at    time.Duration
			retry bool
		}
		var seen []event
		at := time.Duration(0)
		for range rapid.IntRange(1, 200).Draw(t, "events") {
			at += time.Duration(rapid.Int64Range(0, int64(4*time.Second)).Draw(t, "passes"))
			retry := rapid.Bool().Draw(t, "retry")
			if retry && !b.allows(at) {
				continue
			}
			b.attempt(at, retry)
			seen = append(seen, event{at, retry})
			attempts, retries := 0, 0
			for _, e := range seen {
				// The window moves in slots, and the oldest may be cut short.
				if e.at > at-p.BudgetWindow+p.BudgetWindow/budgetSlots && e.retry {
					retries++
				}
				if e.at > at-p.BudgetWindow {
					attempts++
				}
			}
			if retry && float64(retries) > float64(p.BudgetFloor)+p.BudgetShare*float64(attempts)+1 {
				t.Fatalf("%d repeats among %d attempts in a minute", retries, attempts)
			}
		}
	})
}
