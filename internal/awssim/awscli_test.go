package awssim_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

func simulateDoc(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/simulate.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

// environment is that of a program which is to ask a world and nobody else.
func environment(url, region string, w *awssim.World) []string {
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	return append(own, "AWS_ENDPOINT_URL="+url, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region,
		"AWS_ACCESS_KEY_ID="+w.DefaultAccessKeyID(), "AWS_SECRET_ACCESS_KEY=simulated",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true")
}

// The aws command, unchanged, over a socket, as the documentation shows it. Each
// call costs a second of CPU, so there are only as many as there are shapes.
func TestAWSCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("six runs of the aws command take seconds")
	}
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command is not on the PATH")
	}
	const demo, arn = "../../examples/demo/scenario.yaml", "arn:aws:lambda:eu-west-1:111111111111:function:" // what the page says it talks to
	file, err := os.Open(demo)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	scenario, err := awssim.ParseScenario(demo, file)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, scenario)
	region := w.DefaultRegion()
	server := httptest.NewServer(w)
	defer server.Close()
	env := append(environment(server.URL, region, w), "AWS_DEFAULT_OUTPUT=json", "AWS_PAGER=")
	wants := [][]string{
		{`"MaximumRetryAttempts": 1`, `"FunctionArn": "` + arn + `payments-00:1"`},
		{`"MaximumRetryAttempts": 1`, `"MaximumEventAgeInSeconds": 60`},
		{`"MaximumEventAgeInSeconds": 60`, `"DestinationConfig"`},
		{`"FunctionArn": "` + arn + `payments-00:1"`, `"FunctionArn": "` + arn + `payments-00:$LATEST"`},
		{},
		{`"EventName": "DeleteFunctionEventInvokeConfig"`, `"Username": "simulated"`, `aws-cli/`},
	}
	lines := regexp.MustCompile(`(?m)^aws (.*)$`).FindAllStringSubmatch(simulateDoc(t), -1)
	if len(lines) != len(wants) {
		t.Fatalf("the documentation shows %d calls, this test knows %d", len(lines), len(wants))
	}
	for i, line := range lines {
		cmd := exec.CommandContext(t.Context(), aws, strings.Fields(line[1])...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line[0], err, out)
		}
		for _, part := range wants[i] {
			if !strings.Contains(string(out), part) {
				t.Errorf("%s: %q is not in:\n%s", line[0], part, out)
			}
		}
	}
	if _, there := w.Record(account, region, "payments-00", "1"); there {
		t.Error("delete left the record behind")
	}
}
