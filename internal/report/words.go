package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count is "1 key" or "3 keys".
func count[N int | int64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// lasting is a duration as a person says it: "0.4s", "31s", "1m28s", "2h05m".
func lasting(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return trimZero(math.Round(d.Seconds()*10)/10) + "s"
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%ds", int(d.Round(time.Second).Seconds()))
	case d.Round(time.Second) < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// perSecond is a rate: "13.5/s".
func perSecond(rate float64) string { return trimZero(math.Round(rate*10)/10) + "/s" }

func trimZero(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// listed joins the parts that say something.
func listed(parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ", ")
}

// some is "3 throttled", or "" for none.
func some[N int | int64](n N, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", n, what)
}

// times is "once" or "3 times".
func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
