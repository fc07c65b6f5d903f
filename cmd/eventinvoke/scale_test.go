package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// estate is so many targets, one to an account, with so many functions each, and
// the fleet file that declares them all, in sync.
func estate(targets, functions int) (*awssim.Scenario, string) {
	s := &awssim.Scenario{Version: 1, Latency: 40 * time.Millisecond, Quota: awssim.Quota{Rate: 15, Burst: 15}}
	var fleet strings.Builder
	fleet.WriteString("version: 1\ntargets:\n")
	for i := range targets {
		id := fmt.Sprintf("%012d", 100_000_000_000+i)
		s.Accounts = append(s.Accounts, awssim.Account{Account: id, Regions: map[string]awssim.Region{
			region: {Functions: []awssim.Function{{Name: "service-%05d", Count: functions}}},
		}})
		fmt.Fprintf(&fleet, "  - { name: target-%02d, account: %q, regions: [%s], role_arn: \"arn:aws:iam::%s:role/fleet\" }\n", i, id, region, id)
	}
	fleet.WriteString("functions:\n")
	for i := range functions {
		fmt.Fprintf(&fleet, "  - { name: service-%05d, maximum_retry_attempts: 2 }\n", i)
	}
	return s, fleet.String()
}

// ownIdeal is what a target takes when nothing but its quota holds it up: 0.9 of
// 15 calls a second, the default share, and 0.43 s that the limiter's slow start
// costs once.
func ownIdeal(calls int) time.Duration {
	return time.Duration(float64(calls)/13.5*float64(time.Second)) + 430*time.Millisecond
}

// Forty targets of 250 functions are surveyed at once, each at its own pace, from
// one process: the last call of each is within 1.05 times of its own ideal, the
// roles that had to be assumed included, and none is refused.
func TestFortyTargetsAtOnce(t *testing.T) {
	const targets, functions = 40, 150
	scenario, fleet := estate(targets, functions)
	path := write(t, fleet)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, scenario)
		started := time.Now()
		code, got := through(t, w, "audit", path)
		if code != exitOK || got.Summary.InSync != targets*functions {
			t.Fatalf("exit code %d, %+v", code, got.Summary)
		}
		last := map[string]time.Duration{}
		calls := map[string]int{}
		for _, c := range w.Calls() {
			if c.Operation == "ListFunctionEventInvokeConfigs" {
				last[c.Account] = c.Time.Sub(started)
				calls[c.Account]++
			}
		}
		if len(last) != targets {
			t.Fatalf("%d targets were called, want %d", len(last), targets)
		}
		var slowest time.Duration
		for account, end := range last {
			if calls[account] != functions {
				t.Errorf("%s: %d calls, want one for each of %d functions", account, calls[account], functions)
			}
			slowest = max(slowest, end)
		}
		ideal := ownIdeal(functions)
		t.Logf("ideal %v, slowest %v: %.3f", ideal, slowest, slowest.Seconds()/ideal.Seconds())
		if slowest > ideal*105/100 {
			t.Errorf("the slowest target took %v, want at most 1.05 of %v", slowest, ideal)
		}
		if n := w.Counts().Throttled; n > 0 {
			t.Errorf("%d calls were refused by the quota", n)
		}
	})
}
