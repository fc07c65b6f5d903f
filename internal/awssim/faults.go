package awssim

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// fault is what goes wrong with one call, besides what the API itself refuses, as
// Call.Fault names it.
type fault string

const (
	faultNone     fault = ""
	faultThrottle fault = "throttle"
	fault500      fault = "500"
	fault502      fault = "502"
	fault503      fault = "503"
	faultReset    fault = "reset" // before the call was done
	// With these the call was done.
	fault504        fault = "504"
	faultResetAfter fault = "reset after"
	faultLost       fault = "lost"
	faultTruncate   fault = "truncate"
)

// prevents says whether the call is not carried out.
func (f fault) prevents() bool {
	return slices.Contains([]fault{faultThrottle, fault500, fault502, fault503, faultReset}, f)
}

// drawFault decides what goes wrong. A call suffers one fault at most; where several
// are drawn, the first of the list below.
func drawFault(d rng, f Faults) fault {
	switch {
	case d.hits("throttle", f.Throttle):
		return faultThrottle
	case d.hits("server_error", f.ServerError):
		kinds := [...]fault{fault500, fault502, fault503, fault504}
		return kinds[int(d.fraction("which server_error")*float64(len(kinds)))]
	case d.hits("reset", f.Reset):
		if d.hits("reset after", 0.5) {
			return faultResetAfter
		}
		return faultReset
	case d.hits("lost", f.Lost):
		return faultLost
	case d.hits("truncate", f.Truncate):
		return faultTruncate
	}
	return faultNone
}

// faultAnswer is what a fault answers in place of the API.
func (w *World) faultAnswer(q *request, m fault) *answer {
	var a *answer
	switch m {
	case faultThrottle:
		a = w.throttle(q)
	case fault500:
		a = q.refuse(serviceFault)
	case fault502, fault503, fault504:
		a = q.gateway(m)
	default:
		a = q.answer(0, "", "", nil)
	}
	a.fault = m
	return a
}

// gateway is an error from in front of the API: half of the time a page of HTML,
// without the headers that the API would set.
func (q *request) gateway(m fault) *answer {
	status, _ := strconv.Atoi(string(m))
	if !q.rng.hits("html", 0.5) {
		return q.refuse(&apiError{status, "", http.StatusText(status), bodyBare})
	}
	title := string(m) + " " + http.StatusText(status)
	return &answer{
		status: status, header: http.Header{"Content-Type": {"text/html"}},
		body: []byte("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n</body>\r\n</html>\r\n"),
	}
}

// throttle is the answer to a call beyond the quota.
func (w *World) throttle(q *request) *answer {
	quota := w.now().quota
	var a *answer
	switch {
	case q.service == "tagging":
		a = q.refuse(throttledTagging)
	case q.service == "cloudtrail":
		a = q.refuse(throttling)
	case q.rng.hits("throttle form", quota.ThrottlingException):
		a = q.refuse(throttling)
	default:
		a = q.refuse(tooManyRequests)
	}
	if quota.RetryAfter > 0 {
		a.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(quota.RetryAfter.Seconds()))))
	}
	return a
}

// attempts counts how often each call was made, so that a repetition draws anew.
type attempts struct {
	mu   sync.Mutex
	seen map[attemptKey]uint32
}

type attemptKey struct {
	target
	op, subject string
}

// next makes the generator of a call.
func (t *attempts) next(seed uint64, q *request) rng {
	key := attemptKey{q.target(), q.op.name, q.subject()}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[key]++
	return newRNG(seed, "call", key.account, key.region, key.op, key.subject).nth(t.seen[key])
}

// subject tells calls of one operation apart.
func (q *request) subject() string {
	if q.json11() {
		return string(q.body)
	}
	return q.function + "\n" + q.qualifier + "\n" + q.query.Get("Marker")
}

// getFunctionRate is Lambda's documented limit of GetFunction, apart from the 15
// of the other control calls.
const getFunctionRate = 100

// meter decides which calls of one account and region are admitted.
type meter struct {
	mu      sync.Mutex
	control limit
	details limit // GetFunction
	lookups limit // LookupEvents: whatever the scenario says of Lambda's quota
}

func (m *meter) set(q Quota, now time.Time) {
	details := 0.0
	if q.Rate > 0 {
		details = cmp.Or(q.GetFunctionRate, getFunctionRate)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.control = newLimit(q, q.Rate, q.Burst, now)
	m.details = newLimit(q, details, 0, now)
	m.lookups = newLimit(Quota{}, lookupRate, 0, now)
}

// admit takes a token for one call. The tagging API has no limit here.
func (m *meter) admit(q *request) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case q.service == "tagging":
		return true
	case q.service == "cloudtrail":
		return m.lookups.admit(q.now)
	case q.op.name == "GetFunction":
		return m.details.admit(q.now)
	}
	return m.control.admit(q.now)
}

// limit is a token bucket, or a window of one second that starts full.
type limit struct {
	Quota  // its rate and burst are those of the limit
	tokens float64
	last   time.Time // of the latest refill
}

func newLimit(q Quota, rate, burst float64, now time.Time) limit {
	q.Rate, q.Burst = rate, cmp.Or(burst, max(1, math.Ceil(rate)))
	if q.Shape == "window" {
		q.Burst = math.Floor(rate)
	}
	return limit{q, q.Burst, now}
}

func (l *limit) admit(now time.Time) bool {
	if l.Rate == 0 {
		return true
	}
	l.refill(now)
	// A millionth of grace: fractions of a token and of a nanosecond round, and a
	// caller at exactly the rate must not pay for it.
	if l.tokens+1e-6 >= 1 {
		l.tokens--
		return true
	}
	if l.ChargeRejected {
		l.tokens = 0 // what had come back of the next token is spent
	}
	return false
}

func (l *limit) refill(now time.Time) {
	passed := now.Sub(l.last)
	if l.Shape == "window" {
		if whole := passed.Truncate(time.Second); whole > 0 {
			l.tokens, l.last = l.Burst, l.last.Add(whole)
		}
		return
	}
	if passed > 0 {
		l.tokens, l.last = min(l.Burst, l.tokens+passed.Seconds()*l.Rate), now
	}
}

// rng draws the chances of one call. It holds no state: the same seed and the
// same words give the same draw.
type rng uint64

// The parameters of FNV-1a, 64 bit, as in RFC 9923.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// newRNG makes the generator of a seed and a list of words. Words are kept apart, so
// that "ab","c" and "a","bc" differ.
func newRNG(seed uint64, words ...string) rng {
	return rng(fnvOffset ^ seed*fnvPrime).with(words...)
}

func (d rng) with(words ...string) rng {
	h := uint64(d)
	for _, w := range words {
		for i := range len(w) {
			h = (h ^ uint64(w[i])) * fnvPrime
		}
		h = (h ^ 0xff) * fnvPrime
	}
	return rng(h)
}

func (d rng) nth(n uint32) rng {
	return rng((uint64(d) ^ uint64(n)) * fnvPrime)
}

// value is the well mixed number: FNV alone leaves neighbours alike in
// their high bits. The finaliser is that of SplitMix64.
func (d rng) value() uint64 {
	z := uint64(d) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// fraction is a draw from 0 up to 1 for one question about the call.
func (d rng) fraction(question string) float64 {
	return float64(d.with(question).value()>>11) / (1 << 53)
}

// hits says whether a thing of this chance happens.
func (d rng) hits(question string, chance float64) bool {
	return chance > 0 && d.fraction(question) < chance
}
