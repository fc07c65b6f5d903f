package main

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// s3Bucket makes a bucket in an S3 server, or skips the test.
func s3Bucket(t *testing.T) (endpoint string) {
	t.Helper()
	endpoint = startMoto(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, endpoint+"/runs", nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Body.Close()
	if made.StatusCode != http.StatusOK {
		t.Fatalf("no bucket was made: %s", made.Status)
	}
	return endpoint
}

// A history in a bucket, by the same commands as one in a folder.
func TestHistoryInABucket(t *testing.T) {
	endpoint := s3Bucket(t)
	retries := 1
	world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f", Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: &retries}}}), nil)
	t.Setenv("AWS_ENDPOINT_URL_S3", endpoint)
	t.Setenv("EVENTINVOKE_HISTORY", "s3://runs/team")
	path := write(t, "version: 1\nguard: { max_changes: 100% }\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n")
	holds := func(want string) {
		t.Helper()
		if r, _ := world.Record(account, region, "f", "$LATEST"); printRecord(r) != want {
			t.Errorf("the record is %s, want %s", printRecord(r), want)
		}
	}
	for _, step := range []struct {
		why    string
		args   []string
		code   int
		says   string
		record string
	}{
		{"a run is remembered", []string{"apply", "--yes", "--run-id", "one", path}, exitOK, "eventinvoke rollback one --history s3://runs/team", "retries=0"},
		{"it is listed", []string{"history"}, exitOK, "one", "retries=0"},
		{"it is shown", []string{"history", "latest"}, exitOK, "Run one: apply, finished", "retries=0"},
		{"it is undone from its journal", []string{"rollback", "one", "--yes"}, exitOK, "Applied: 0 created, 1 changed", "retries=1"},
		{"its lease was given back each time", []string{"apply", "--yes", path}, exitOK, "Applied: 0 created, 1 changed", "retries=0"},
		{"a bucket that is not there stops a run before its first write", []string{"apply", "--yes", "--history", "s3://nowhere/team", path}, exitError, "cannot be written", "retries=0"},
	} {
		code, out, errs := eventinvoke(context.Background(), step.args...)
		if code != step.code || !strings.Contains(out+errs, step.says) {
			t.Errorf("%s: %v ended with %d, want %d and %q\n%s%s", step.why, step.args, code, step.code, step.says, out, errs)
		}
		holds(step.record)
	}
}

// TestTenAppliesAtOnceOnABucket: one writes, nine find the lease and have read nothing,
// and all ten are in one chain that holds.
func TestTenAppliesAtOnceOnABucket(t *testing.T) {
	endpoint := s3Bucket(t)
	retries := 1
	release := make(chan struct{})
	var reads atomic.Int64
	world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f", Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: &retries}}}), func(r *http.Request) {
		switch {
		case !strings.Contains(r.URL.Path, "/event-invoke-config"):
		case r.Method == http.MethodGet:
			reads.Add(1)
		default:
			<-release
		}
	})
	t.Setenv("AWS_ENDPOINT_URL_S3", endpoint)
	t.Setenv("EVENTINVOKE_HISTORY", "s3://runs/team")
	path := write(t, "version: 1\nguard: { max_changes: 100% }\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n")
	const applies = 10
	codes := make(chan int, applies)
	for range applies {
		go func() {
			code, _, _ := eventinvoke(context.Background(), "apply", "--yes", "--quiet", path)
			codes <- code
		}()
	}
	for range applies - 1 {
		if code := <-codes; code != exitHeld {
			t.Errorf("an apply that found the lease ended with %d, want %d", code, exitHeld)
		}
	}
	if n := reads.Load(); n != 1 {
		t.Errorf("%d reads were made, want that of the one who writes", n)
	}
	close(release)
	if code := <-codes; code != exitOK {
		t.Errorf("the one who had the lease ended with %d", code)
	}
	if r, _ := world.Record(account, region, "f", "$LATEST"); printRecord(r) != "retries=0" {
		t.Errorf("the record is %s", printRecord(r))
	}
	code, out, errs := eventinvoke(context.Background(), "history", "verify")
	if code != exitOK || strings.Count(out, ": verified\n") != applies {
		t.Errorf("history verify ended with %d:\n%s%s", code, out, errs)
	}
}

// putObject stores a text in the bucket of s3Bucket.
func putObject(t *testing.T, endpoint, key, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, endpoint+"/runs/"+key, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	// An object that is there may be replaced by somebody with a name only.
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261125/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s was not stored: %s", key, answer.Status)
	}
}

// TestFleetInABucket: a fleet file may be in S3 wherever one can be named.
func TestFleetInABucket(t *testing.T) {
	endpoint := s3Bucket(t)
	world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f"}, awssim.Function{Name: "g"}), nil)
	t.Setenv("AWS_ENDPOINT_URL_S3", endpoint)
	t.Setenv("EVENTINVOKE_HISTORY", "none")
	putObject(t, endpoint, "one/fleet.yaml", "version: 1\nguard: { max_changes: 100% }\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n")
	putObject(t, endpoint, "typo.yaml", "version: 1\nfunctions: [{ nam: f }]\n")
	local := write(t, "version: 1\nfunctions: [{ name: g, maximum_retry_attempts: 1 }]\n")
	for _, step := range []struct {
		why  string
		args []string
		code int
		says string
	}{
		{"it is checked", []string{"validate", "s3://runs/one/fleet.yaml"}, exitOK, ""},
		{"its problems have their place", []string{"plan", "s3://runs/typo.yaml"}, exitError, "s3://runs/typo.yaml:2:15"},
		{"a prefix, beside a file", []string{"audit", "s3://runs/one/", local}, exitDifferences, "2 to create"},
		{"what is not there is told at once", []string{"apply", "--yes", "s3://runs/two/fleet.yaml"}, exitError, "s3://runs/two/fleet.yaml: no such object"},
		{"the worker does not start without", []string{"serve", "s3://nowhere/fleet.yaml"}, exitError, "there is no such bucket"},
		{"it is applied", []string{"apply", "--yes", "s3://runs/one/fleet.yaml"}, exitOK, "Applied: 1 created"},
	} {
		code, out, errs := eventinvoke(t.Context(), step.args...)
		if code != step.code || !strings.Contains(out+errs, step.says) {
			t.Errorf("%s: %v ended with %d, want %d and %q\n%s%s", step.why, step.args, code, step.code, step.says, out, errs)
		}
	}
	t.Setenv("EVENTINVOKE_FLEET", "s3://runs/one/fleet.yaml")
	if code, out, errs := eventinvoke(t.Context(), "audit"); code != exitOK {
		t.Errorf("the variable: %d\n%s%s", code, out, errs)
	}
	// The function follows the bucket, whether the event reached this process or not.
	function := startLambda(t, "version: 1\nfunctions: [{ name: nobody, maximum_retry_attempts: 0 }]\n")
	for _, step := range []struct {
		why, put, event string
		retries         int
		keys            int
	}{
		{"another object is nothing to do", "", s3Event("runs", "typo.yaml"), 0, 0},
		{"the fleet file is everything", "1", s3Event("runs", "one/fleet.yaml"), 1, 1},
		{"an event after a change that nobody told of", "2", cloudTrail(account, "f"), 2, 1},
	} {
		if step.put != "" {
			putObject(t, endpoint, "one/fleet.yaml", "version: 1\nguard: { max_changes: 100% }\nfunctions: [{ name: f, maximum_retry_attempts: "+step.put+" }]\n")
		}
		got, ok := function.call(t, step.event, time.Minute)
		if r, _ := world.Record(account, region, "f", "$LATEST"); !ok || got.Keys != step.keys || *r.MaximumRetryAttempts != step.retries {
			t.Errorf("%s: %+v, the record is %s", step.why, got, printRecord(r))
		}
	}
}

func s3Event(bucket, key string) string {
	return `{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"` + bucket + `"},"object":{"key":"` + key + `"}}}`
}
