package main

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/awstest"
)

// eachBucket runs a test with the history in a bucket, on every S3 server.
func eachBucket(t *testing.T, test func(t *testing.T, bucket string)) {
	awstest.EachS3(t, func(t *testing.T, server awstest.S3) {
		bucket := server.Bucket(t)
		t.Setenv("AWS_ENDPOINT_URL_S3", server.Endpoint)
		t.Setenv("EVENTINVOKE_HISTORY", "s3://"+bucket+"/team")
		test(t, bucket)
	})
}

// A history in a bucket, by the same commands as one in a folder.
func TestHistoryInABucket(t *testing.T) { eachBucket(t, historyInABucket) }

func historyInABucket(t *testing.T, bucket string) {
	retries := 1
	world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f", Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: &retries}}}), nil)
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
		{"a run is remembered", []string{"apply", "--yes", "--run-id", "one", path}, exitOK, "eventinvoke rollback one --history s3://" + bucket + "/team", "retries=0"},
		{"it is listed", []string{"history"}, exitOK, "one", "retries=0"},
		{"it is shown", []string{"history", "latest"}, exitOK, "Run one: apply, finished", "retries=0"},
		{"it is undone from its journal", []string{"rollback", "one", "--yes"}, exitOK, "Applied: 0 created, 1 changed", "retries=1"},
		{"its chain holds", []string{"history", "verify"}, exitOK, "one: verified", "retries=1"},
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
func TestTenAppliesAtOnceOnABucket(t *testing.T) { eachBucket(t, tenAppliesAtOnce) }

func tenAppliesAtOnce(t *testing.T, _ string) {
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

// Kill an apply at any of its requests, those to its history among them: nothing is lost,
// as in TestNothingIsLostInACrash.
func TestNothingIsLostInACrashOnABucket(t *testing.T) {
	awstest.EachS3(t, func(t *testing.T, server awstest.S3) {
		t.Setenv("AWS_ENDPOINT_URL_S3", server.Endpoint)
		t.Setenv("AWS_REGION", region)
		t.Setenv("AWS_ACCESS_KEY_ID", awstest.AccessKeyID)
		t.Setenv("AWS_SECRET_ACCESS_KEY", awstest.SecretAccessKey)
		on := func(t *testing.T, at int, when moment) *crash {
			c := newCrash(t, at, when)
			c.onBucket(t, server)
			return c
		}
		whole := on(t, 0, unheard)
		if err := whole.apply(t); err != nil {
			t.Fatalf("an apply that nobody kills: %v", err)
		}
		crashAll(t, max(1, *crashes/50), whole.seen, on) // each waits out requests that nobody answers
	})
}

// TestFleetInABucket: a fleet file may be in S3 wherever one can be named.
func TestFleetInABucket(t *testing.T) {
	server := awstest.AnyS3(t)
	bucket := server.Bucket(t)
	put := func(key, text string) {
		t.Helper()
		if _, err := server.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f"}, awssim.Function{Name: "g"}), nil)
	t.Setenv("AWS_ENDPOINT_URL_S3", server.Endpoint)
	t.Setenv("EVENTINVOKE_HISTORY", "none")
	put("one/fleet.yaml", "version: 1\nguard: { max_changes: 100% }\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n")
	put("typo.yaml", "version: 1\nfunctions: [{ nam: f }]\n")
	local := write(t, "version: 1\nfunctions: [{ name: g, maximum_retry_attempts: 1 }]\n")
	plan := filepath.Join(t.TempDir(), "plan.json")
	for _, step := range []struct {
		why  string
		args []string
		code int
		says string
	}{
		{"it is checked", []string{"validate", "s3://" + bucket + "/one/fleet.yaml"}, exitOK, ""},
		{"its problems have their place", []string{"plan", "s3://" + bucket + "/typo.yaml"}, exitError, "/typo.yaml:2:15"},
		{"a prefix, beside a file", []string{"audit", "s3://" + bucket + "/one/", local}, exitDifferences, "2 to create"},
		{"what is not there is told at once", []string{"apply", "--yes", "s3://" + bucket + "/two/fleet.yaml"}, exitError, "s3://" + bucket + "/two/fleet.yaml: no such object"},
		{"the worker does not start without", []string{"serve", "s3://nowhere/fleet.yaml"}, exitError, "there is no such bucket"},
		{"a plan of a prefix is saved", []string{"plan", "s3://" + bucket + "/one/", "--out", plan}, exitOK, "1 to create"},
		{"it is of the objects that were there", []string{"apply", "--yes", plan}, exitError, "/one/more.yaml was not there when the plan was made"},
		{"it is applied", []string{"apply", "--yes", "s3://" + bucket + "/one/fleet.yaml"}, exitOK, "Applied: 1 created"},
	} {
		if slices.Contains(step.args, plan) && step.args[0] == "apply" {
			put("one/more.yaml", "version: 1\nfunctions: [{ name: g, maximum_retry_attempts: 1 }]\n")
		}
		code, out, errs := eventinvoke(t.Context(), step.args...)
		if code != step.code || !strings.Contains(out+errs, step.says) {
			t.Errorf("%s: %v ended with %d, want %d and %q\n%s%s", step.why, step.args, code, step.code, step.says, out, errs)
		}
	}
	t.Setenv("EVENTINVOKE_FLEET", "s3://"+bucket+"/one/fleet.yaml")
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
		{"another object is nothing to do", "", s3Event(bucket, "typo.yaml"), 0, 0},
		{"the fleet file is everything", "1", s3Event(bucket, "one/fleet.yaml"), 1, 1},
		{"an event after a change that nobody told of", "2", cloudTrail(account, "f"), 2, 1},
	} {
		if step.put != "" {
			put("one/fleet.yaml", "version: 1\nguard: { max_changes: 100% }\nfunctions: [{ name: f, maximum_retry_attempts: "+step.put+" }]\n")
		}
		got, ok := function.call(t, step.event, time.Minute)
		if r, _ := world.Record(account, region, "f", "$LATEST"); !ok || got.Configs != step.keys || *r.MaximumRetryAttempts != step.retries {
			t.Errorf("%s: %+v, the record is %s", step.why, got, printRecord(r))
		}
	}
}

func s3Event(bucket, key string) string {
	return `{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"` + bucket + `"},"object":{"key":"` + key + `"}}}`
}
