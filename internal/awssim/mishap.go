package awssim

import (
	"math"
	"strconv"
	"sync"
)

// mishap is what goes wrong with one call, besides what the API itself refuses.
type mishap int

const (
	mishapNone mishap = iota
	mishapThrottle
	mishap500
	mishap502
	mishap503
	mishapReset      // before the call was done
	mishap504        // the call was done
	mishapResetAfter // the call was done
	mishapLost       // the call was done
	mishapTruncate   // the call was done
)

var mishapNames = [...]string{"", "throttle", "500", "502", "503", "reset", "504", "reset after", "lost", "truncate"}

func (m mishap) String() string { return mishapNames[m] }

// prevents says whether the call is not carried out.
func (m mishap) prevents() bool { return m >= mishapThrottle && m <= mishapReset }

// draw decides what goes wrong. A call suffers one mishap at most; where several
// are drawn, the first of the list below.
func draw(d dice, f Faults) mishap {
	switch {
	case d.falls("throttle", f.Throttle):
		return mishapThrottle
	case d.falls("server_error", f.ServerError):
		kinds := [...]mishap{mishap500, mishap502, mishap503, mishap504}
		return kinds[int(d.share("which server_error")*float64(len(kinds)))]
	case d.falls("reset", f.Reset):
		if d.falls("reset after", 0.5) {
			return mishapResetAfter
		}
		return mishapReset
	case d.falls("lost", f.Lost):
		return mishapLost
	case d.falls("truncate", f.Truncate):
		return mishapTruncate
	}
	return mishapNone
}

// mishapAnswer is what a mishap answers in place of the API.
func (w *World) mishapAnswer(q *request, m mishap) *answer {
	var a *answer
	switch m {
	case mishapThrottle:
		a = w.throttle(q)
	case mishap500:
		a = q.refuse(serviceFault())
	case mishap502:
		a = gateway(q, 502, "Bad Gateway")
	case mishap503:
		a = gateway(q, 503, "Service Unavailable")
	case mishap504:
		a = gateway(q, 504, "Gateway Timeout")
	default:
		a = &answer{requestID: q.requestID}
	}
	a.mishap = m
	return a
}

// gateway is an error from in front of the API: half of the time a page of HTML,
// without the headers that the API would set.
func gateway(q *request, status int, text string) *answer {
	if q.dice.falls("html", 0.5) {
		title := strconv.Itoa(status) + " " + text
		return &answer{
			status: status, contentType: "text/html",
			body: []byte("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n</body>\r\n</html>\r\n"),
		}
	}
	return q.refuse(&refusal{status, "", text, styleBare})
}

// throttle is the answer to a call beyond the quota.
func (w *World) throttle(q *request) *answer {
	quota := w.currentQuota()
	var a *answer
	switch {
	case q.service == "tagging":
		a = q.refuse(&refusal{400, "ThrottledException", "Rate exceeded", styleBare})
	case q.dice.falls("throttle form", quota.ThrottlingException):
		a = q.refuse(throttling())
	default:
		a = q.refuse(tooManyRequests())
	}
	if quota.RetryAfter > 0 {
		a.retryAfter = strconv.Itoa(int(math.Ceil(quota.RetryAfter.Seconds())))
	}
	return a
}

// tries counts how often each call was made, so that a repetition draws anew.
type tries struct {
	mu   sync.Mutex
	seen map[try]uint32
}

type try struct {
	place
	op, subject string
}

// next makes the dice of a call.
func (t *tries) next(seed uint64, q *request) dice {
	key := try{q.place(), q.op.name, q.subject()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = map[try]uint32{}
	}
	t.seen[key]++
	return roll(seed, "call", key.account, key.region, key.op, key.subject).nth(t.seen[key])
}

// subject tells calls of one operation apart.
func (q *request) subject() string {
	if q.service == "tagging" {
		return string(q.body)
	}
	return q.function + "\n" + q.qualifier + "\n" + q.query.Get("Marker")
}
