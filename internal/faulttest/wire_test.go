package faulttest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// weather is what goes wrong between the program and AWS, as chances.
type weather struct {
	lostBefore float64 // the connection breaks on the way there
	lostAfter  float64 // it breaks on the way back, when the call was done
	silent     float64 // the call is done, and no answer ever comes
	slow       float64 // either way takes up to 14 seconds; an attempt has ten
	expired    float64 // the token is refused at the door
	garbage    float64 // errors carry a Retry-After that means nothing
}

func drawWeather(t *rapid.T) (weather, awssim.Faults, awssim.Quota) {
	chance := rapid.SampledFrom([]float64{0, 0, 0.05, 0.3})
	w := weather{
		lostBefore: chance.Draw(t, "lost before"), lostAfter: chance.Draw(t, "lost after"), silent: chance.Draw(t, "silent"),
		slow: chance.Draw(t, "slow"), expired: chance.Draw(t, "expired"), garbage: chance.Draw(t, "garbage"),
	}
	f := awssim.Faults{
		Throttle: chance.Draw(t, "throttle"), Conflict: chance.Draw(t, "conflict"), ServerError: chance.Draw(t, "5xx"),
		Reset: chance.Draw(t, "reset"), Truncate: chance.Draw(t, "truncate"), ShortPage: chance.Draw(t, "short page"),
	}
	q := rapid.SampledFrom([]awssim.Quota{
		{}, {Rate: 15, ThrottlingException: 0.5}, {Rate: 5, Burst: 2, ThrottlingException: 0.5, RetryAfter: 2 * time.Second},
	}).Draw(t, "quota")
	return w, f, q
}

// attempt is one request of a run to Lambda, as the wire saw it.
type attempt struct {
	target  desired.Target
	op      string
	name    desired.Name // of a write; else only the function, if any
	body    string
	at      time.Time
	reached bool // AWS saw it
	applied bool // and changed a record, or deleted one
	before  *image
	after   *image
	seen    map[string]*image // by a listing of records: what there was, by qualifier
	status  int
	end     end
	over    bool // nothing of it changes any more
}

func (a *attempt) key() desired.Key { return desired.Key{Target: a.target, Name: a.name} }

func (a *attempt) writes() bool { return strings.HasSuffix(a.op, "EventInvokeConfig") }

func (a *attempt) String() string {
	s := fmt.Sprintf("%s %s %v %s -> %s", a.at.Format("15:04:05.000"), a.op, a.key(), a.body, a.end)
	if !a.reached {
		return s + ", did not reach AWS"
	}
	if a.writes() {
		s += fmt.Sprintf(" (%d), applied: %v, %v => %v", a.status, a.applied, a.before, a.after)
	}
	return s
}

// end is what the program was told, in the words of its statistics.
type end string

const (
	endOK        end = "ok"
	endThrottled end = "throttled"
	endConflict  end = "conflict"
	endFault     end = "fault"
	endExpired   end = "expired"
	endRefused   end = "refused"
)

// wire carries the requests of one run, badly.
type wire struct {
	planet *planet
	weather
	run *run

	mu      sync.Mutex
	tries   map[string]uint64
	sent    []*attempt
	writing map[place]*attempt
	wrongs  []string
}

var errReset = &url.Error{Op: "Get", URL: "https://lambda", Err: syscall.ECONNRESET}

// Do implements aws.HTTPClient.
func (w *wire) Do(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.Header.Get("Authorization"), "/sts/") {
		w.planet.mu.Lock()
		defer w.planet.mu.Unlock()
		return w.planet.world.Do(r)
	}
	a, err := read(r)
	if err != nil {
		w.wrong("%v", err)
		return nil, err
	}
	if w.run.dead.Load() {
		return nil, errReset
	}
	rng := w.begin(a)
	defer w.finish(a)
	res, err := w.carry(r, a, rng)
	if err != nil {
		a.end = endFault
		if r.Context().Err() != nil { // as with others that were sent at the same instant
			w.run.wait("end of " + a.op + a.key().String())
		}
		return nil, err
	}
	return res, nil
}

// carry takes a request there and its answer back.
func (w *wire) carry(r *http.Request, a *attempt, rng *rand.Rand) (*http.Response, error) {
	if err := w.travel(r, rng); err != nil {
		return nil, err
	}
	switch {
	case rng.Float64() < w.lostBefore, w.run.dead.Load():
		return nil, errReset
	case rng.Float64() < w.expired:
		a.end = endExpired
		return expiredToken(r), nil
	}
	res, err := w.deliver(r, a)
	if err != nil {
		return nil, err
	}
	if rng.Float64() < w.garbage && res.StatusCode >= 400 {
		res.Header.Set("Retry-After", garbage[rng.IntN(len(garbage))])
	}
	if err := w.travel(r, rng); err != nil {
		return nil, err
	}
	switch {
	case rng.Float64() < w.lostAfter:
		return nil, errReset
	case rng.Float64() < w.silent:
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return res, nil
}

// garbage holds times to wait that mean nothing, or a year.
var garbage = []string{"", "-5", "banana", "NaN", "1e300", "31536000", "0.0001", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Oct"}

// travel is one way. A caller who gives up meanwhile never gets there.
func (w *wire) travel(r *http.Request, rng *rand.Rand) error {
	takes := time.Duration(5+rng.IntN(40))*time.Millisecond + time.Duration(rng.IntN(1e6))
	if rng.Float64() < w.slow {
		takes += time.Duration(rng.IntN(14000)) * time.Millisecond
	}
	select {
	case <-time.After(takes):
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

// deliver hands the request to AWS, and notes what it did there.
func (w *wire) deliver(r *http.Request, a *attempt) (*http.Response, error) {
	p := w.planet
	p.mu.Lock()
	defer p.mu.Unlock()
	a.reached = true
	applied := p.world.Counts().Applied
	if a.writes() {
		a.before = p.look(a.key())
	} else if a.op == "ListFunctionEventInvokeConfigs" {
		a.seen = map[string]*image{}
		for _, q := range qualifiers {
			a.seen[q] = p.look(desired.Key{Target: a.target, Name: desired.Name{Function: a.name.Function, Qualifier: q}})
		}
	}
	res, err := p.world.Do(r)
	if a.writes() {
		a.after = p.look(a.key())
		a.applied = p.world.Counts().Applied > applied
	}
	if err != nil {
		return nil, err
	}
	body, broken := io.ReadAll(res.Body)
	a.status, a.end = res.StatusCode, endOf(res, broken)
	res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{broken}))
	return res, nil
}

// failing ends a body the way it ended before.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func endOf(res *http.Response, broken error) end {
	code := res.Header.Get("X-Amzn-Errortype")
	switch {
	case broken != nil, res.StatusCode >= 500:
		return endFault
	case code == "TooManyRequestsException", code == "ThrottlingException":
		return endThrottled
	case code == "ResourceConflictException":
		return endConflict
	case code == "ExpiredTokenException":
		return endExpired
	case res.StatusCode >= 400:
		return endRefused
	}
	return endOK
}

// begin notes a request and holds it against what may be sent at all.
func (w *wire) begin(a *attempt) *rand.Rand {
	w.mu.Lock()
	defer w.mu.Unlock()
	subject := a.op + a.key().String()
	w.tries[subject]++
	w.sent = append(w.sent, a)
	if a.writes() {
		at := place{a.target, a.name.Function}
		if w.writing[at] != nil {
			w.wrongs = append(w.wrongs, fmt.Sprintf("two writes of one function at once: %v and %v", w.writing[at], a))
		}
		w.writing[at] = a
		w.checkIntent(a)
		if w.run.leases[a.target].Err() != nil {
			w.wrongs = append(w.wrongs, fmt.Sprintf("a write without the right to it: %v", a))
		}
	}
	return w.run.storm.seed.rng(subject, w.tries[subject])
}

// count is how many requests there were.
func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sent)
}

func (w *wire) finish(a *attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a.over = true
	if a.writes() {
		delete(w.writing, place{a.target, a.name.Function})
	}
}

func (w *wire) wrong(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrongs = append(w.wrongs, fmt.Sprintf(format, args...))
}

func expiredToken(r *http.Request) *http.Response {
	body := `{"message":"The security token included in the request is expired"}`
	return &http.Response{
		StatusCode: http.StatusForbidden, Request: r, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{"X-Amzn-Errortype": {"ExpiredTokenException"}, "Content-Type": {"application/json"}},
	}
}
