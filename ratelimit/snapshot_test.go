package ratelimit

import (
	"regexp"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestFormatRate(t *testing.T) {
	for rate, want := range map[float64]string{0: "0", 0.25: "0.25", 0.0123: "0.012", 0.999: "1", 1: "1", 6.75: "6.8", 13.5: "13.5", 99.96: "100", 1350: "1350", 15000.04: "15000", 2500000: "2500000"} {
		if got := FormatRate(rate); got != want {
			t.Errorf("%v is %q, want %q", rate, got, want)
		}
	}
	plain := regexp.MustCompile(`^\d+(\.\d+)?$`)
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0, 1e9).Draw(t, "rate")
		got := FormatRate(rate)
		back, err := strconv.ParseFloat(got, 64)
		if off := back - rate; !plain.MatchString(got) || err != nil || max(off, -off) > min(0.051, 0.051*rate) {
			t.Fatalf("%v is %q", rate, got)
		}
	})
}
