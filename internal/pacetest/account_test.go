package pacetest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

var here = desired.Target{Account: "111111111111", Region: "us-east-1"}

// functions is how many there are; calls go round them.
const functions = 100

func functionName(i int) string { return fmt.Sprintf("f-%03d", i%functions) }

// account is one account in one region, with its quota and all who call there. It
// lives in a synctest bubble.
type account struct {
	t     *testing.T
	world *awssim.World
	start time.Time
	seed  uint64
}

// The quota's usual shape: 15 per second with a bucket of one second's worth. A
// third of the refusals take the other form that AWS was seen to use.
func usualQuota() awssim.Quota {
	return awssim.Quota{Rate: 15, Burst: 15, ThrottlingException: 1. / 3}
}

func newAccount(t *testing.T, q awssim.Quota, seed uint64) *account {
	t.Helper()
	scenario := awssim.Fleet(here.Account, here.Region, awssim.Function{Name: "f-%03d", Count: functions})
	scenario.Seed, scenario.Quota, scenario.CallLog = seed, q, -1
	w, err := awssim.New(scenario)
	if err != nil {
		t.Fatal(err)
	}
	return &account{t: t, world: w, start: time.Now(), seed: seed}
}

// at is the time since the account was opened.
func (s *account) at() time.Duration { return time.Since(s.start) }

// caller is one party's way to the account: an HTTP client that takes its time, and
// notes what it carried.
type caller struct {
	account *account

	mu   sync.Mutex
	rng  *rand.Rand
	sent []attempt
}

// attempt is one request, and the answer that it got.
type attempt struct {
	left   time.Duration // the caller
	at     time.Duration // the server
	status int
	code   string
	write  bool
}

func (a attempt) throttled() bool {
	return a.code == "TooManyRequestsException" || a.code == "ThrottlingException"
}

func (s *account) caller(number uint64) *caller {
	return &caller{account: s, rng: rand.New(rand.NewPCG(s.seed, number))}
}

// fastest is the least time a request and its answer are under way, and slowest
// the most. It varies, because callers of one fixed latency fall into step: one
// of them may then find the last token for ever.
const (
	fastest = 45 * time.Millisecond
	slowest = 85 * time.Millisecond
)

// Do implements aws.HTTPClient.
func (c *caller) Do(r *http.Request) (*http.Response, error) {
	a := attempt{left: c.account.at(), write: r.Method != http.MethodGet}
	time.Sleep(c.way())
	a.at = c.account.at()
	res, err := c.account.world.Do(r)
	if err == nil {
		a.status, a.code = res.StatusCode, res.Header.Get("X-Amzn-Errortype")
	}
	c.mu.Lock()
	c.sent = append(c.sent, a)
	c.mu.Unlock()
	time.Sleep(c.way())
	return res, err
}

// way is how long a message takes one way.
func (c *caller) way() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (fastest + time.Duration(c.rng.Int64N(int64(slowest-fastest)))) / 2
}

// lastWrite is the latest change that was answered.
func (c *caller) lastWrite() attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range slices.Backward(c.sent) {
		if a.write {
			return a
		}
	}
	c.account.t.Fatal("no write was sent")
	return attempt{}
}

func (c *caller) chance() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.Float64()
}

// neighbour is a caller as somebody else on the quota.
func (c *caller) neighbour(attempts int) *Neighbour {
	return &Neighbour{Attempts: attempts, Call: c.request, Uniform: c.chance, Exponential: func() float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.rng.ExpFloat64()
	}}
}

// request makes one request of a neighbour's, and tells whether it was served.
func (c *caller) request() bool {
	r, err := http.NewRequest(http.MethodGet, "https://lambda."+here.Region+".amazonaws.com/2019-09-25/functions/"+functionName(0)+"/event-invoke-config/list", nil)
	if err != nil {
		panic(err)
	}
	// The pretend AWS reads who asks, and does not verify the signature.
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA"+here.Account+"/20260131/"+here.Region+"/lambda/aws4_request, SignedHeaders=host, Signature=00")
	res, err := c.Do(r)
	return err == nil && res.StatusCode == http.StatusOK
}

// traffic is the sum of what a caller sent.
type traffic struct{ requests, served, throttled, faults, conflicts int }

func (c *caller) traffic() traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	var t traffic
	for _, a := range c.sent {
		t.requests++
		switch {
		case a.throttled():
			t.throttled++
		case a.status == 0, a.status >= 500:
			t.faults++
		case a.status == 409:
			t.conflicts++
		default:
			t.served++
		}
	}
	return t
}

// refused is the part of the requests that the quota refused.
func (t traffic) refused() float64 {
	if t.requests == 0 {
		return 0
	}
	return float64(t.throttled) / float64(t.requests)
}
