package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/observed"
)

var (
	changedOf  = flag.Int("changed-of", 2000, "how many functions TestReadingOnlyWhatChanged has")
	changedDay = flag.Bool("changed-day", false, "TestReadingOnlyWhatChanged audits once a minute for a day")
)

// evidenceOf is the part of the JSON output that tells read from carried.
type evidenceOf struct {
	Summary struct {
		InSync   int `json:"in_sync"`
		ToChange int `json:"to_change"`
		ToCreate int `json:"to_create"`
	} `json:"summary"`
	Targets []struct {
		Evidence *struct {
			Functions, Read, Carried, Scrubbed int
			Full                               string `json:"read_all_because"`
			TooOld                             bool   `json:"too_old"`
		} `json:"evidence"`
	} `json:"targets"`
}

// auditChanged is audit --read changed, the Lambda calls that it made, and how long it took.
func auditChanged(t *testing.T, w *awssim.World, path, place string) (code int, got evidenceOf, calls int, took time.Duration) {
	t.Helper()
	var out bytes.Buffer
	a := &app{streams: streams{in: strings.NewReader(""), out: &out, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
	o := readOptions{
		simulate: "world", simulator: w, outputOptions: outputOptions{format: "json", color: "never", quiet: true},
		reading:    readChoice{read: readChanged, maxAge: observed.DefaultMaxAge, delay: observed.DefaultDelay},
		remembered: historyOptions{location: place},
	}
	began, before := time.Now(), len(w.Calls())
	end := a.audit(t.Context(), []string{path}, &o)
	code, show := codeOf(end)
	took = time.Since(began)
	if show && !errors.As(end, new(closingLine)) {
		t.Fatalf("exit code %d", code)
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%.300s", err, out.String())
	}
	for _, c := range w.Calls()[before:] {
		if strings.HasPrefix(c.Operation, "List") {
			calls++
		}
	}
	return code, got, calls, took
}

// A fleet is read once, and then what changed costs what changed: 25 changed functions
// of however many are found with at most 40 calls of Lambda, in 12 s at the real quota.
func TestReadingOnlyWhatChanged(t *testing.T) {
	const account = "100000000000"
	functions := *changedOf
	path := write(t, "version: 1\nrules:\n  - { match: { functions: [\"service-*\"] }, set: { maximum_retry_attempts: 2 } }\n")
	place := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &awssim.Scenario{
			Version: 1, Latency: 40 * time.Millisecond, Quota: awssim.Quota{Rate: 15, Burst: 15},
			Accounts: []awssim.Account{{Account: account, Regions: map[string]awssim.Region{
				region: {Functions: []awssim.Function{{Name: "service-%05d", Count: functions}}},
			}}},
		})
		_, got, calls, took := auditChanged(t, w, path, place)
		full := calls
		if got.Summary.InSync != functions || got.Targets[0].Evidence.Full == "" || got.Targets[0].Evidence.Read != functions {
			t.Fatalf("the first audit: %+v", got)
		}
		t.Logf("%d functions, read whole: %d calls of Lambda, %v", functions, calls, took.Round(100*time.Millisecond))
		changed := 0
		for _, n := range []int{0, 25, min(2500, functions/2)} {
			time.Sleep(time.Minute)
			for ; changed < n; changed++ {
				retries := 0
				if err := w.SetRecord(account, region, fmt.Sprintf("service-%05d", changed*7%functions), "", awssim.Record{MaximumRetryAttempts: &retries}); err != nil {
					t.Fatal(err)
				}
			}
			code, got, calls, took := auditChanged(t, w, path, place)
			t.Logf("%d changed: %d calls of Lambda, %.4f of a full read, %v", n, calls, float64(calls)/float64(full), took.Round(100*time.Millisecond))
			e := got.Targets[0].Evidence
			if got.Summary.InSync != functions-n || got.Summary.ToChange != n || e.Read+e.Carried != functions || e.Full != "" || e.TooOld {
				t.Errorf("%d changed: %+v, %+v", n, got.Summary, e)
			}
			if want := map[bool]int{true: exitDifferences, false: exitOK}[n > 0]; code != want {
				t.Errorf("%d changed: exit code %d", n, code)
			}
			if n == 25 && (calls > 40 || took > 12*time.Second) {
				t.Errorf("25 changed: %d calls and %v", calls, took)
			}
		}
		if !*changedDay {
			return
		}
		for n := range changed { // as declared again, so that all are unchanged for the day
			if err := w.DeleteRecord(account, region, fmt.Sprintf("service-%05d", n*7%functions), ""); err != nil {
				t.Fatal(err)
			}
		}
		auditChanged(t, w, path, place)
		before, days := len(w.Calls()), 2
		var longest time.Duration
		for end := time.Now().Add(time.Duration(days) * 24 * time.Hour); time.Now().Before(end); {
			next := time.Now().Add(time.Minute)
			code, got, _, took := auditChanged(t, w, path, place)
			if longest = max(longest, took); code != exitOK || got.Targets[0].Evidence.Full != "" {
				t.Fatalf("exit code %d, %+v", code, got)
			}
			time.Sleep(time.Until(next))
		}
		lists := 0
		for _, c := range w.Calls()[before:] {
			if strings.HasPrefix(c.Operation, "List") {
				lists++
			}
		}
		each := float64(lists) / float64(functions) / float64(days)
		t.Logf("once a minute: %.4f calls of Lambda for each function and day, the longest audit took %v", each, longest.Round(100*time.Millisecond))
		if each > 1.05 {
			t.Errorf("%.4f calls for each unchanged function and day", each)
		}
	})
}
