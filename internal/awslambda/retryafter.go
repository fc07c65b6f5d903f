package awslambda

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter is how long an answer asks to wait: the longer of the two headers
// that AWS uses. The SDK hands out neither. What cannot be read counts as
// absent, and so does a time that is over.
func retryAfter(h http.Header, now time.Time) time.Duration {
	return max(retryAfterStandard(h.Get("Retry-After"), now), retryAfterMillis(h.Get("X-Amz-Retry-After")))
}

// longestWait keeps nonsense such as 1e300 within a Duration; the limiter has a
// far lower cap of its own.
const longestWait = 24 * time.Hour

// retryAfterStandard reads RFC 9110: seconds or an HTTP date.
func retryAfterStandard(s string, now time.Time) time.Duration {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return wait(n, time.Second)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(at.Sub(now), longestWait) // below 0 when it is over: the other header is not
	}
	return 0
}

// retryAfterMillis reads AWS's own header, in milliseconds.
func retryAfterMillis(s string) time.Duration {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return 0
	}
	return wait(n, time.Millisecond)
}

func wait(n float64, unit time.Duration) time.Duration {
	if !(n > 0) { // NaN too
		return 0
	}
	return time.Duration(min(n*float64(unit), float64(longestWait)))
}
