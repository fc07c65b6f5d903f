package awssim_test

import (
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// boto3, unchanged, over a socket: it checks what it sends and reads by Amazon's own models
// of the services, and pages by its own paginators.
const boto3Script = `
import boto3
functions, trail = boto3.client("lambda"), boto3.client("cloudtrail")
for i in range(60):
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=i % 3)
pages = list(trail.get_paginator("lookup_events").paginate(
    LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutFunctionEventInvokeConfig"}]))
events = [e for p in pages for e in p["Events"]]
print(len(pages), len(events), events[0]["Username"], events[0]["EventName"], "Boto3/" in events[0]["CloudTrailEvent"])
held = [c for p in functions.get_paginator("list_function_event_invoke_configs").paginate(FunctionName="f") for c in p["FunctionEventInvokeConfigs"]]
print(len(held), held[0]["MaximumRetryAttempts"])
try:
    trail.lookup_events(MaxResults=51)
except trail.exceptions.InvalidMaxResultsException as e:
    print(type(e).__name__)
try:
    trail.lookup_events(NextToken="none")
except trail.exceptions.InvalidNextTokenException as e:
    print(type(e).__name__)
`

func TestBoto3(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH")
	}
	if testing.Short() {
		t.Skip("a run of boto3 takes seconds")
	}
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import boto3").CombinedOutput(); err != nil {
		t.Skipf("boto3 is not installed (pip install boto3): %s", out)
	}
	s := awssim.Fleet(account, region, awssim.Function{Name: "f"})
	s.Quota = awssim.Quota{Rate: 1000, Burst: 1000}
	w := newWorld(t, s)
	server := httptest.NewServer(w)
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), python, "-c", boto3Script)
	cmd.Env = append(environment(server.URL, region, w), "AWS_MAX_ATTEMPTS=10")
	out, err := cmd.CombinedOutput()
	const want = "2 60 simulated PutFunctionEventInvokeConfig True\n1 2\nInvalidMaxResultsException\nInvalidNextTokenException\n"
	if err != nil || strings.ReplaceAll(string(out), "\r", "") != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}
