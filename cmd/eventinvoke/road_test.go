package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

const (
	account = "111111111111"
	region  = "eu-west-1"
)

// serve puts a world behind a real socket and points the environment at it.
// Before is called with each request, several at a time, and may be nil.
func serve(t *testing.T, s *awssim.Scenario, before func(*http.Request)) *awssim.World {
	t.Helper()
	world, err := awssim.New(s)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil {
			before(r)
		}
		world.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": region, "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": world.DefaultAccessKeyID(), "AWS_SECRET_ACCESS_KEY": "simulated", "AWS_SESSION_TOKEN": "",
		"XDG_STATE_HOME": t.TempDir(), "AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"),
	} {
		t.Setenv(name, value)
	}
	return world
}

// write makes a fleet file and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleet.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// eventinvoke runs the program in this process.
func eventinvoke(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, streams{in: strings.NewReader(""), out: &out, err: &errs})
	return code, out.String(), errs.String()
}

// summary is the part of the JSON output that these tests look at.
type summary struct {
	Summary struct {
		InSync       int `json:"in_sync"`
		Created      int `json:"created"`
		Changed      int `json:"changed"`
		Deleted      int `json:"deleted"`
		Failed       int `json:"failed"`
		NotAttempted int `json:"not_attempted"`
	} `json:"summary"`
	API struct {
		Calls     int `json:"calls"`
		Retries   int `json:"retries"`
		Throttled int `json:"throttled"`
	} `json:"api"`
	Stopped string `json:"stopped"`
}

func decode(t *testing.T, stdout string) summary {
	t.Helper()
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("the output is not JSON: %v\n%s", err, stdout)
	}
	return s
}

// Five hundred functions, some busy, some calls failing, some connections
// broken: one apply converges all, a second writes nothing, audit is content,
// and not one call more was made than the road needs.
func TestAFleetOfFiveHundredConverges(t *testing.T) {
	const functions = 500
	retries := 1
	scenario := awssim.Fleet(account, region,
		awssim.Function{Name: "new-%03d", Count: 250},
		awssim.Function{Name: "drifted-%03d", Count: 150, Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: &retries}}},
		awssim.Function{Name: "insync-%03d", Count: 100, Records: map[string]awssim.Record{"$LATEST": {OnFailure: "arn:aws:sqs:eu-west-1:111111111111:dlq"}}},
	)
	scenario.Seed = 11
	scenario.Quota = awssim.Quota{Rate: 500, Burst: 500}
	scenario.Faults = awssim.Faults{Conflict: 0.05, ServerError: 0.03, Reset: 0.02}

	var fleet strings.Builder
	fleet.WriteString("version: 1\nguard: { max_changes: 100% }\ndefaults:\n  maximum_retry_attempts: 2\n  on_failure: arn:aws:sqs:eu-west-1:111111111111:dlq\nfunctions:\n")
	for _, series := range []struct {
		name  string
		count int
	}{{"new", 250}, {"drifted", 150}, {"insync", 100}} {
		for i := range series.count {
			fmt.Fprintf(&fleet, "  - name: %s-%03d\n", series.name, i)
		}
	}
	path := write(t, fleet.String())

	synctest.Test(t, func(t *testing.T) {
		world, err := awssim.New(scenario)
		if err != nil {
			t.Fatal(err)
		}
		code, stdout := within(t, world, "apply", path)
		first := decode(t, stdout)
		if code != exitOK || first.Summary.Created != 250 || first.Summary.Changed != 150 || first.Summary.Failed != 0 {
			t.Fatalf("apply ended with %d: %+v", code, first.Summary)
		}
		counts := world.Counts()
		lists := counts.ByOperation["ListFunctionEventInvokeConfigs"]
		sent := lists + counts.Writes
		// A Put is repeated only after another look at its function.
		looks := counts.ByOperation["PutFunctionEventInvokeConfig"] - 250
		if want := functions + 400 + first.API.Retries + looks; sent < want || sent > want+5 || looks == 0 {
			t.Errorf("%d calls were sent, want %d Lists, 400 writes, %d retries, and %d looks before a repeated Put", sent, functions, first.API.Retries, looks)
		}
		if first.API.Calls != sent {
			t.Errorf("the report says %d calls, the simulator saw %d", first.API.Calls, sent)
		}
		if first.API.Retries == 0 {
			t.Error("nothing was retried: the faults did not happen, and this test shows nothing")
		}

		before := world.Counts().Writes
		for _, verb := range []string{"apply", "audit"} {
			if code, stdout := within(t, world, verb, path); code != exitOK {
				t.Errorf("%s of a fleet in sync ended with %d:\n%s", verb, code, stdout)
			}
		}
		if after := world.Counts().Writes; after != before {
			t.Errorf("%d writes were sent to a fleet in sync", after-before)
		}
	})
}

// within runs a verb against a world in this process, in virtual time, with the
// quota lifted to 500 requests a second.
func within(t *testing.T, world *awssim.World, verb, path string) (code int, stdout string) {
	t.Helper()
	var out bytes.Buffer
	a := &app{streams: streams{in: strings.NewReader(""), out: &out, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
	o := &readOptions{
		simulate: "world", simulator: world,
		paceOptions:   paceOptions{quota: 500},
		outputOptions: outputOptions{format: "json", color: "never"},
	}
	var err error
	if verb == "apply" {
		err = a.apply(t.Context(), []string{path}, &writeOptions{readOptions: *o, yes: true})
	} else {
		err = a.audit(t.Context(), []string{path}, o)
	}
	code, show := codeOf(err)
	if show && !errors.As(err, new(closingLine)) {
		t.Error(err)
	}
	return code, out.String()
}

// A signal in the middle of an apply: calls in flight finish, the report is
// whole and true, and the exit code names the signal.
func TestASignalEndsAnApplyInOrder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send itself these signals there")
	}
	for _, row := range []struct {
		signal syscall.Signal
		code   int
	}{
		{syscall.SIGINT, exitInterrupted},
		{syscall.SIGTERM, exitTerminated},
	} {
		t.Run(row.signal.String(), func(t *testing.T) {
			ctx := signalContext()
			var writes atomic.Int32
			world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f-%02d", Count: 60}), func(r *http.Request) {
				if r.Method == http.MethodPut && writes.Add(1) == 5 {
					signalSelf(t, row.signal)
					<-ctx.Done()
				}
			})
			var fleet strings.Builder
			fleet.WriteString("version: 1\nguard: { max_changes: 100% }\ndefaults: { maximum_retry_attempts: 0 }\nfunctions:\n")
			for i := range 60 {
				fmt.Fprintf(&fleet, "  - name: f-%02d\n", i)
			}
			code, stdout, _ := eventinvoke(ctx, "apply", "--yes", "--quota", "200", "-o", "json", write(t, fleet.String()))
			got := decode(t, stdout)
			if code != row.code {
				t.Errorf("exit code %d, want %d", code, row.code)
			}
			if got.Summary.Created != world.Counts().Applied {
				t.Errorf("%d reported created, %d were", got.Summary.Created, world.Counts().Applied)
			}
			if got.Summary.Created < 5 || got.Summary.Failed != 0 || got.Summary.Created+got.Summary.NotAttempted != 60 {
				t.Errorf("summary is %+v\n%s", got.Summary, stdout)
			}
			if got.Stopped == "" {
				t.Error("the report does not say that it was stopped")
			}
		})
	}
}

// BenchmarkPlanOfOneFunction is the start-up cost: one function, one endpoint
// on loopback. It should stay well under 150 ms.
func BenchmarkPlanOfOneFunction(b *testing.B) {
	world, err := awssim.New(awssim.Fleet(account, region, awssim.Function{Name: "f"}))
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(world)
	defer server.Close()
	b.Setenv("AWS_ENDPOINT_URL", server.URL)
	b.Setenv("AWS_REGION", region)
	b.Setenv("AWS_ACCESS_KEY_ID", world.DefaultAccessKeyID())
	b.Setenv("AWS_SECRET_ACCESS_KEY", "simulated")
	path := filepath.Join(b.TempDir(), "fleet.yaml")
	if err := os.WriteFile(path, []byte("version: 1\nfunctions: [{name: f, maximum_retry_attempts: 0}]\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if code, _, stderr := eventinvoke(b.Context(), "plan", path); code != exitOK {
			b.Fatal(stderr)
		}
	}
}
