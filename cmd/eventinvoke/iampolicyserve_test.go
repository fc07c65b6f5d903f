package main

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTheServePolicyIsEnoughForLambda runs a function that applies under exactly
// the printed policy: a sweep, and an event about one function.
func TestTheServePolicyIsEnoughForLambda(t *testing.T) {
	policies := printedPolicies(t, fleetIn(t, policyFleet), "--mode", "serve", "--insights")
	world := limitedWorld(t, policyWorld, policies[0].text(t))
	function := startLambda(t, policyFleet)
	for _, row := range []struct{ why, event string }{
		{"a schedule", `{"detail-type": "Scheduled Event", "source": "aws.events"}`},
		{"an event about one function", `{"account": "111111111111", "region": "eu-west-1", "function": "payments-a"}`},
	} {
		world.ResetCounts()
		got, ok := function.call(t, row.event, time.Minute)
		if !ok || got.Configs == 0 || got.Failed+got.Unreadable != 0 {
			t.Errorf("%s: %+v", row.why, got)
		}
		for outcome, times := range world.Counts().ByOutcome {
			if strings.Contains(outcome, "AccessDenied") {
				t.Errorf("%s met %s %d times", row.why, outcome, times)
			}
		}
	}
}

// TestAFleetFileInS3IsAllowedToBeRead: whoever follows a fleet file in a bucket reads it
// with the base credentials, whatever the mode.
func TestAFleetFileInS3IsAllowedToBeRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		io.WriteString(w, policyFleet)
	}))
	defer server.Close()
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_S3": server.URL, "AWS_REGION": region, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"} {
		t.Setenv(name, value)
	}
	for path, want := range map[string]string{
		"s3://fleets/fleet.yaml":             "s3:ListBucket s3:GetObject",
		"s3://fleets/fleet.yaml?versionId=7": "s3:ListBucket s3:GetObject s3:GetObjectVersion",
	} {
		var got []string
		for _, s := range printedPolicies(t, path)[0].Statement {
			if strings.HasPrefix(s.Action[0], "s3:") {
				got = append(got, s.Action...)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: allowed is %q, want %s", path, got, want)
		}
	}
}

// TestThePolicyKnowsEveryCallToQueueAndHistory holds the actions of the policy
// against the calls in the code, since the simulator has neither SQS nor S3.
func TestThePolicyKnowsEveryCallToQueueAndHistory(t *testing.T) {
	allowed := map[string]bool{}
	for _, d := range printedPolicies(t, fleetIn(t, policyFleet), "--mode", "serve",
		"--history", "s3://runs/prod", "--queue-url", "https://sqs.eu-west-1.amazonaws.com/111111111111/drift") {
		for _, s := range d.Statement {
			for _, action := range s.Action {
				if strings.HasPrefix(action, "s3:") || strings.HasPrefix(action, "sqs:") {
					allowed[action] = true
				}
			}
		}
	}
	needed := map[string]bool{}
	for folder, service := range map[string]string{"../../internal/history": "s3:", "../../internal/worker/queue": "sqs:"} {
		for _, call := range clientCalls(t, folder) {
			call = strings.TrimSuffix(call, "Batch") // a batch needs what a single one does
			switch call {                            // S3 names these permissions after other calls
			case "ListObjectsV2":
				call = "ListBucket"
			case "HeadObject":
				call = "GetObject"
			}
			needed[service+call] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(needed)), slices.Sorted(maps.Keys(allowed))); diff != "" {
		t.Errorf("calls and actions differ (-called +allowed):\n%s", diff)
	}
}

// clientCalls lists the operations that the code of a folder calls.
func clientCalls(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no code in", folder, err)
	}
	operation := regexp.MustCompile(`\bclient\.(\w+)\(ctx|\.New(\w+)Paginator\(`)
	var calls []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range operation.FindAllSubmatch(code, -1) {
			calls = append(calls, string(m[1])+string(m[2]))
		}
	}
	return calls
}
