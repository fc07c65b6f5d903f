package awssim_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// admitted makes n calls at once and says how many were let in.
func admitted(c client, path string, n int) int {
	c.t.Helper()
	in := 0
	for range n {
		if r := c.call("GET", path, ""); r.status != 429 && r.status != 400 {
			in++
		}
	}
	return in
}

func TestQuota(t *testing.T) {
	type burst struct {
		after time.Duration
		calls int
		in    int
	}
	for _, row := range []struct {
		why    string
		quota  awssim.Quota
		bursts []burst
	}{
		{"no rate is no quota", awssim.Quota{}, []burst{{0, 1000, 1000}}},
		{"a full bucket, then the rate", awssim.Quota{Rate: 15, Burst: 15}, []burst{{0, 40, 15}, {time.Second, 40, 15}, {200 * time.Millisecond, 40, 3}, {time.Hour, 40, 15}}},
		{"a bucket larger than its rate", awssim.Quota{Rate: 10, Burst: 45}, []burst{{0, 100, 45}, {time.Second, 100, 10}}},
		{"no burst is one second's worth", awssim.Quota{Rate: 7}, []burst{{0, 100, 7}, {2 * time.Second, 100, 7}}},
		{"a window forgets nothing and saves nothing", awssim.Quota{Rate: 5, Shape: "window"}, []burst{{0, 20, 5}, {999 * time.Millisecond, 20, 0}, {time.Millisecond, 20, 5}, {10 * time.Second, 20, 5}}},
		{"a window admits whole calls only", awssim.Quota{Rate: 2.5, Shape: "window"}, []burst{{0, 20, 2}, {time.Second, 20, 2}}},
		{"rejected calls may cost as well", awssim.Quota{Rate: 10, Burst: 1, ChargeRejected: true}, []burst{{0, 2, 1}, {60 * time.Millisecond, 1, 0}, {60 * time.Millisecond, 1, 0}, {100 * time.Millisecond, 1, 1}}},
		{"while usually they do not", awssim.Quota{Rate: 10, Burst: 1}, []burst{{0, 2, 1}, {60 * time.Millisecond, 1, 0}, {60 * time.Millisecond, 1, 1}}},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := factsWorld()
				s.Quota = row.quota
				c := by(t, newWorld(t, s))
				for i, b := range row.bursts {
					time.Sleep(b.after)
					if in := admitted(c, fList, b.calls); in != b.in {
						t.Errorf("burst %d: %d of %d calls were let in, want %d", i, in, b.calls, b.in)
					}
				}
			})
		})
	}
}

func TestPacedCallsAreNeverThrottled(t *testing.T) {
	for _, q := range []awssim.Quota{{Rate: 15, Burst: 1}, {Rate: 15, Burst: 15}, {Rate: 15, Shape: "window"}, {Rate: 500, Burst: 2}} {
		t.Run(fmt.Sprintf("%+v", q), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := factsWorld()
				s.Quota = q
				c := by(t, newWorld(t, s))
				for i := range 1000 {
					if in := admitted(c, fList, 1); in != 1 {
						t.Fatalf("call %d was throttled at exactly the rate", i)
					}
					time.Sleep(time.Duration(math.Ceil(float64(time.Second) / q.Rate)))
				}
			})
		})
	}
}

func TestQuotaBelongsToAccountAndRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := twoAccounts()
		s.Quota = awssim.Quota{Rate: 15, Burst: 15}
		w := newWorld(t, s)
		here, elsewhere, others := by(t, w), by(t, w), by(t, w)
		elsewhere.region, others.key = "eu-west-1", "AKIA"+other
		if in := admitted(here, fList, 15); in != 15 {
			t.Fatal(in)
		}
		for _, p := range []string{f, "/2015-03-31/functions", "/2015-03-31/functions/f/aliases", "/2015-03-31/functions/f/versions", "/2017-03-31/tags/" + arn + "f", "/2016-08-19/account-settings"} {
			if r := here.call("GET", p, ""); r.status != 429 {
				t.Errorf("%s does not share the quota: %d", p, r.status)
			}
		}
		if in := admitted(here, "/2015-03-31/functions/f", 150); in != 100 {
			t.Errorf("GetFunction let %d in, want 100 of its own", in)
		}
		if in := admitted(elsewhere, fList, 20); in != 15 {
			t.Errorf("another region let %d in", in)
		}
		if in := admitted(others, fList, 20); in != 15 {
			t.Errorf("another account let %d in", in)
		}
		if r, _ := here.resources(`{}`); r.status != 200 {
			t.Errorf("the tagging API spends Lambda's quota: %d", r.status)
		}
		if status, _ := here.sts("GetCallerIdentity"); status != 200 {
			t.Errorf("STS spends Lambda's quota: %d", status)
		}
		if err := w.SetQuota(awssim.Quota{Rate: 3, GetFunctionRate: 7}); err != nil {
			t.Fatal(err)
		}
		if in := admitted(here, "/2015-03-31/functions/f", 20); in != 7 {
			t.Errorf("GetFunction let %d in, want the 7 of the new quota", in)
		}
		if err := w.SetQuota(awssim.Quota{Rate: 3}); err != nil {
			t.Fatal(err)
		}
		if in := admitted(here, fList, 20); in != 3 {
			t.Errorf("a new quota let %d in, want 3", in)
		}
	})
}

func TestThrottleForms(t *testing.T) {
	for _, row := range []struct {
		why        string
		quota      awssim.Quota
		status     int
		code, body string
		retryAfter string
	}{
		{"the usual form", awssim.Quota{}, 429, "TooManyRequestsException", `{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate exceeded"}`, ""},
		{"the other form", awssim.Quota{ThrottlingException: 1}, 400, "ThrottlingException", `{"message":"Rate exceeded"}`, ""},
		{"with Retry-After, in whole seconds", awssim.Quota{RetryAfter: 2500 * time.Millisecond}, 429, "TooManyRequestsException", `{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate exceeded"}`, "3"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := factsWorld()
			s.Quota = row.quota
			s.Quota.Rate, s.Quota.Burst = 1, 1
			c := by(t, newWorld(t, s))
			admitted(c, fList, 1)
			r := c.call("PUT", f, both)
			if r.status != row.status || r.code() != row.code || r.body != row.body || r.header.Get("Retry-After") != row.retryAfter {
				t.Errorf("%s: %d %s %s %v", row.why, r.status, r.code(), r.body, r.header)
			}
			if n := c.world.Counts(); n.Throttled != 1 || n.Writes != 1 || n.Applied != 0 {
				t.Errorf("%s: counted %+v", row.why, n)
			}
		})
	}
}

func TestTaggingThrottles(t *testing.T) {
	s := factsWorld()
	s.Faults.Throttle = 1
	r, _ := by(t, newWorld(t, s)).resources(`{}`)
	if want := `{"__type":"ThrottledException","message":"Rate exceeded"}`; r.status != 400 || r.body != want {
		t.Errorf("%d %s", r.status, r.body)
	}
}
