package awssim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

func faulty(faults awssim.Faults, count int) *awssim.Scenario {
	s := awssim.Fleet(account, region, awssim.Function{Name: "f-%03d", Count: count})
	s.Seed, s.Faults = 7, faults
	return s
}

// outcomes makes several calls to each function and tells what came of them.
func outcomes(c client, order []int, inParallel bool) map[string]string {
	var mu sync.Mutex
	var wg sync.WaitGroup
	result := map[string]string{}
	for _, i := range order {
		one := func() {
			name := fmt.Sprintf("f-%03d", i)
			for attempt := range 4 {
				r, err := c.try("PUT", path(name, ""), both)
				mu.Lock()
				result[fmt.Sprintf("%s #%d", name, attempt)] = fmt.Sprint(r.status, r.code(), err)
				mu.Unlock()
			}
		}
		if inParallel {
			wg.Go(one)
		} else {
			one()
		}
	}
	wg.Wait()
	return result
}

// The same seed gives the same answers, in whatever order they are asked.
func TestFaultsAreReproducible(t *testing.T) {
	all := awssim.Faults{Throttle: 0.1, Conflict: 0.1, ServerError: 0.1, Reset: 0.1, Truncate: 0.1}
	forward, backward := make([]int, 100), make([]int, 100)
	for i := range 100 {
		forward[i], backward[99-i] = i, i
	}
	first := outcomes(by(t, newWorld(t, faulty(all, 100))), forward, false)
	for _, row := range []struct {
		why      string
		order    []int
		parallel bool
	}{{"again", forward, false}, {"the other way round", backward, false}, {"all at once", forward, true}} {
		got := outcomes(by(t, newWorld(t, faulty(all, 100))), row.order, row.parallel)
		if d := cmp.Diff(first, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", row.why, d)
		}
	}
	s := faulty(all, 100)
	s.Seed = 8
	if maps.Equal(first, outcomes(by(t, newWorld(t, s)), forward, false)) {
		t.Error("another seed gives the same answers")
	}
}

// Each kind of fault comes as often as asked, and in all its forms.
func TestFaultShares(t *testing.T) {
	const n = 1500
	for _, row := range []struct {
		why    string
		faults awssim.Faults
		want   map[string]float64
	}{
		{"none", awssim.Faults{}, map[string]float64{"200": 1}},
		{"throttle", awssim.Faults{Throttle: 0.2}, map[string]float64{"200": 0.8, "429 TooManyRequestsException": 0.2}},
		{"conflict", awssim.Faults{Conflict: 0.3}, map[string]float64{"200": 0.7, "409 ResourceConflictException": 0.3}},
		{"server errors of four kinds", awssim.Faults{ServerError: 0.4}, map[string]float64{"200": 0.6, "500 ServiceException": 0.1, "502": 0.1, "503": 0.1, "504": 0.1}},
		{"resets", awssim.Faults{Reset: 0.25}, map[string]float64{"200": 0.75, "reset": 0.25}},
		{"cut bodies", awssim.Faults{Truncate: 0.1}, map[string]float64{"200": 0.9, "truncate": 0.1}},
	} {
		w := newWorld(t, faulty(row.faults, n))
		c := by(t, w)
		for i := range n {
			c.try("PUT", path(fmt.Sprintf("f-%03d", i), ""), both)
		}
		counts := w.Counts()
		for outcome, share := range row.want {
			// Four standard deviations of a fair draw are 0.052.
			if got := float64(counts.ByOutcome[outcome]) / n; got < share-0.052 || got > share+0.052 {
				t.Errorf("%s: %s in %.3f of the calls, want %.3f", row.why, outcome, got, share)
			}
		}
		if len(counts.ByOutcome) != len(row.want) || counts.Writes != n {
			t.Errorf("%s: %+v", row.why, counts)
		}
	}
}

// What was done although its caller saw it fail.
func TestWritesBehindFailures(t *testing.T) {
	for _, row := range []struct {
		why     string
		faults  awssim.Faults
		applied func(status int) (sure, want bool)
	}{
		{"half of the resets come after the write", awssim.Faults{Reset: 1}, func(int) (bool, bool) { return false, false }},
		{"of the server errors only 504 comes after it", awssim.Faults{ServerError: 1}, func(s int) (bool, bool) { return true, s == 504 }},
		{"a truncated answer comes after it", awssim.Faults{Truncate: 1}, func(int) (bool, bool) { return true, true }},
		{"a throttled call is not carried out", awssim.Faults{Throttle: 1}, func(int) (bool, bool) { return true, false }},
		{"nor is a conflict", awssim.Faults{Conflict: 1}, func(int) (bool, bool) { return true, false }},
	} {
		const n = 400
		w := newWorld(t, faulty(row.faults, n))
		c := by(t, w)
		there := 0
		for i := range n {
			name := fmt.Sprintf("f-%03d", i)
			r, _ := c.try("PUT", path(name, ""), both)
			_, ok := w.Record(account, region, name, "")
			if ok {
				there++
			}
			if sure, want := row.applied(r.status); sure && ok != want {
				t.Errorf("%s: %s answered %d, record there: %v", row.why, name, r.status, ok)
			}
		}
		if row.faults.Reset == 1 && (there < n/2-40 || there > n/2+40) {
			t.Errorf("%s: %d of %d", row.why, there, n)
		}
		if applied := w.Counts().Applied; applied != there {
			t.Errorf("%s: %d records, %d counted", row.why, there, applied)
		}
	}
}

func TestFaultsLookReal(t *testing.T) {
	html, plain := 0, 0
	w := newWorld(t, faulty(awssim.Faults{ServerError: 1}, 1))
	c := by(t, w)
	for range 200 {
		r := c.call("GET", path("f-000", ""), "")
		switch {
		case r.header.Get("Content-Type") == "text/html" && strings.HasPrefix(r.body, "<html>"):
			html++
		case r.status != 500 && r.header.Get("Content-Type") == "application/json":
			plain++
		}
	}
	if html == 0 || plain == 0 {
		t.Errorf("gateway errors: %d of HTML, %d of JSON, want both", html, plain)
	}

	c = by(t, newWorld(t, faulty(awssim.Faults{Reset: 1}, 1)))
	_, err := c.try("GET", path("f-000", ""), "")
	var op *net.OpError
	if !errors.As(err, &op) || !errors.Is(err, syscall.ECONNRESET) || !strings.HasSuffix(err.Error(), "read: connection reset by peer") {
		t.Errorf("a reset is %v", err)
	}

	c = by(t, newWorld(t, faulty(awssim.Faults{Truncate: 1}, 1)))
	r, err := c.try("PUT", path("f-000", ""), both)
	if !errors.Is(err, io.ErrUnexpectedEOF) || r.status != 200 || r.body == "" {
		t.Errorf("a truncated answer is %d %q %v", r.status, r.body, err)
	}
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faulty(awssim.Faults{}, 1)
		s.Latency = 40 * time.Millisecond
		w := newWorld(t, s)
		c := by(t, w)
		p := path("f-000", "")

		start := time.Now()
		c.call("PUT", p, both)
		if took := time.Since(start); took != s.Latency {
			t.Errorf("a call took %v", took)
		}
		for _, row := range []struct {
			why     string
			after   time.Duration
			deleted bool
		}{
			{"given up on its way there: not done", 10 * time.Millisecond, false},
			{"given up on its way back: done", 30 * time.Millisecond, true},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), row.after)
			start := time.Now()
			_, err := send(w, c.request("DELETE", p, "").WithContext(ctx))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != row.after {
				t.Errorf("%s: %v after %v", row.why, err, time.Since(start))
			}
			if _, there := w.Record(account, region, "f-000", ""); there == row.deleted {
				t.Errorf("%s: record there: %v", row.why, there)
			}
		}
		if r := c.call("PUT", p, both); r.status != 200 {
			t.Errorf("a write that was given up still occupies its function: %d", r.status)
		}

		if err := w.SetFaults(awssim.Faults{Lost: 1}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := send(w, c.request("DELETE", p, "").WithContext(ctx))
		if _, there := w.Record(account, region, "f-000", ""); there || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a lost answer: %v, record there: %v", err, there)
		}
		start = time.Now()
		if _, err = c.try("GET", p, ""); !errors.Is(err, syscall.ECONNRESET) || time.Since(start) < time.Minute {
			t.Errorf("a lost answer without a deadline: %v after %v", err, time.Since(start))
		}
	})
}

// Faults that stay: a refusal of one region or function, an operation that is
// throttled for ever, an Update that loses a destination, a listing without end.
func TestStandingFaults(t *testing.T) {
	s := awssim.Fleet(account, region,
		awssim.Function{Name: "denied", Deny: []string{"lambda:ListFunctionEventInvokeConfigs"}},
		awssim.Function{Name: "slow", Throttled: []string{"lambda:ListFunctionEventInvokeConfigs"}},
		awssim.Function{Name: "f", Records: map[string]awssim.Record{"$LATEST": {OnSuccess: "arn:aws:sns:us-east-1:111111111111:t"}}})
	here := s.Accounts[0].Regions[region]
	here.Deny = []string{"lambda:ListFunctions"}
	s.Accounts[0].Regions[region] = here
	s.Faults = awssim.Faults{Merge: "replace", EndlessPages: true}
	w := newWorld(t, s)
	c := by(t, w)
	for _, row := range []struct {
		path string
		want int
	}{
		{"/2015-03-31/functions", 403}, {path("denied", "") + "/list", 403}, {path("slow", "") + "/list", 429},
		{path("slow", ""), 404}, {path("f", "") + "/list", 200},
	} {
		for range 3 {
			if r := c.call("GET", row.path, ""); r.status != row.want {
				t.Errorf("GET %s is answered %d, want %d: %s", row.path, r.status, row.want, r.body)
			}
		}
	}
	if r := c.call("GET", path("f", "")+"/list", ""); strings.Contains(r.body, `"NextMarker":null`) {
		t.Errorf("the listing ends: %s", r.body)
	}
	c.call("POST", path("f", ""), `{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:111111111111:q"}}}`)
	if r, _ := w.Record(account, region, "f", ""); r.OnSuccess != "" || r.OnFailure == "" {
		t.Errorf("the update kept the other destination: %+v", r)
	}
	s.Faults.Merge = "guess"
	if _, err := awssim.New(s); err == nil || !strings.Contains(err.Error(), "write replace") {
		t.Errorf("an unknown merge is taken: %v", err)
	}
}
