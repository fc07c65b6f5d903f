package awssim_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// The aws command, unchanged, over a socket. Each call costs a second of CPU, so
// there are only as many as it takes to send and parse each shape.
func TestAWSCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("five runs of the aws command take seconds")
	}
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command is not on the PATH")
	}
	w := newWorld(t, awssim.Fleet(account, region, awssim.Function{Name: "orders", Versions: []string{"1"}}))
	server := httptest.NewServer(w)
	defer server.Close()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), aws, append([]string{"lambda", "--endpoint-url", server.URL, "--output", "json"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+w.DefaultAccessKeyID(), "AWS_SECRET_ACCESS_KEY=simulated",
			"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws lambda %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	holds := func(out string, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(out, p) {
				t.Errorf("%q is not in:\n%s", p, out)
			}
		}
	}
	f := []string{"--function-name", arn + "orders:1"}
	holds(run(append([]string{"put-function-event-invoke-config", "--maximum-retry-attempts", "1"}, f...)...),
		`"MaximumRetryAttempts": 1`, `"FunctionArn": "`+arn+`orders:1"`)
	holds(run(append([]string{"update-function-event-invoke-config", "--maximum-event-age-in-seconds", "60"}, f...)...),
		`"MaximumRetryAttempts": 1`, `"MaximumEventAgeInSeconds": 60`)
	holds(run(append([]string{"get-function-event-invoke-config"}, f...)...), `"DestinationConfig"`)
	holds(run("list-function-event-invoke-configs", "--function-name", "orders"), `"MaximumEventAgeInSeconds": 60`)
	run(append([]string{"delete-function-event-invoke-config"}, f...)...)
	if _, there := w.Record(account, region, "orders", "1"); there {
		t.Error("delete left the record behind")
	}
}
