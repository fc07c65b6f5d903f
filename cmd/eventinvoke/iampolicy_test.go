package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// policyFleet needs every permission that there is: a record to create, change
// and remove, an alias and a version to look up, rules by name and by tag.
const policyFleet = `version: 1
targets:
  - { name: here, account: "111111111111", regions: [eu-west-1] }
guard: { max_changes: 100%, max_deletes: 100% }
rules:
  - match: { functions: ["payments-*"] }
    set: { maximum_retry_attempts: 0 }
  - match: { functions: ["payments-*"], tags: { tier: critical } }
    set: { maximum_event_age_in_seconds: 60 }
functions:
  - { name: create, maximum_retry_attempts: 0 }
  - { name: change, maximum_retry_attempts: 0 }
  - { name: gone, remove: true }
  - { name: "aliased:live", maximum_retry_attempts: 0 }
  - { name: "numbered:1", maximum_retry_attempts: 0 }
`

const policyWorld = `version: 1
quota: { rate: 0 }
accounts:
  - account: "111111111111"
    regions:
      eu-west-1:
        functions:
          - name: create
          - { name: change, records: { $LATEST: { maximum_retry_attempts: 1 } } }
          - { name: gone, records: { $LATEST: { maximum_retry_attempts: 1 } } }
          - { name: aliased, aliases: [live] }
          - { name: numbered, versions: ["1"] }
          - { name: payments-a, tags: { tier: critical } }
          - { name: unrelated }
`

// limitedWorld is a fresh world of a scenario, and the environment that of credentials which
// may do there what a policy says and nothing else.
func limitedWorld(t *testing.T, world string, policy []byte) *awssim.World {
	t.Helper()
	scenario, err := awssim.ParseScenario("world.yaml", strings.NewReader(world))
	if err != nil {
		t.Fatal(err)
	}
	limited, err := awssim.New(scenario)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(limited)
	t.Cleanup(server.Close)
	form := url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {"arn:aws:iam::111111111111:role/limited"}, "RoleSessionName": {"test"}, "Policy": {string(policy)}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+limited.DefaultAccessKeyID()+"/20260101/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("AssumeRole: %d %s %v", response.StatusCode, body, err)
	}
	field := func(name string) string {
		return string(regexp.MustCompile("<" + name + ">([^<]*)<").FindSubmatch(body)[1])
	}
	for name, value := range map[string]string{
		"XDG_STATE_HOME": t.TempDir(), "AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-west-1", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"),
		"AWS_ACCESS_KEY_ID": field("AccessKeyId"), "AWS_SECRET_ACCESS_KEY": field("SecretAccessKey"), "AWS_SESSION_TOKEN": field("SessionToken"),
	} {
		t.Setenv(name, value)
	}
	limited.ResetCounts()
	return limited
}

// denials runs the program and counts the requests that a policy refused.
func denials(t *testing.T, policy []byte, args ...string) int {
	t.Helper()
	n, _ := denialsIn(t, policyWorld, policy, args...)
	return n
}

// denialsIn is denials in a world of some scenario, and how often each operation was asked for.
func denialsIn(t *testing.T, scenario string, policy []byte, args ...string) (int, map[string]int) {
	t.Helper()
	world := limitedWorld(t, scenario, policy)
	var out bytes.Buffer
	run(t.Context(), args, streams{in: strings.NewReader(""), out: &out, err: &out})
	n := 0
	for outcome, times := range world.Counts().ByOutcome {
		if strings.Contains(outcome, "AccessDenied") { // 403, and 400 from the tagging API
			n += times
		}
	}
	if world.Counts().Total == 0 {
		t.Fatalf("%q asked nothing: %s", args, out.String())
	}
	return n, world.Counts().ByOperation
}

// document is a policy, to be taken apart.
type document struct {
	Version   string
	Statement []struct {
		Sid, Effect      string
		Action, Resource []string
	}
}

func (d document) text(t *testing.T) []byte {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// printedPolicies are the documents that iam-policy prints for a fleet file.
func printedPolicies(t *testing.T, args ...string) []document {
	t.Helper()
	var out, errors bytes.Buffer
	if code := run(t.Context(), append([]string{"iam-policy"}, args...), streams{in: strings.NewReader(""), out: &out, err: &errors}); code != exitOK {
		t.Fatalf("iam-policy ended with %d: %s", code, errors.String())
	}
	var all []document
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var d document
		if err := decoder.Decode(&d); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func fleetIn(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleet.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestThePolicyIsEnoughAndNoneOfItTooMuch runs under exactly the printed policy,
// enforced by action and resource, and then without each action, and without
// each function, in turn.
func TestThePolicyIsEnoughAndNoneOfItTooMuch(t *testing.T) {
	path := fleetIn(t, policyFleet)
	for _, row := range []struct {
		mode string
		args []string
	}{
		{"audit", []string{"audit", path, "--quota", "1000", "--quiet", "--insights", "off"}},
		{"apply", []string{"apply", path, "--yes", "--quota", "1000", "--quiet", "--insights", "off"}},
	} {
		informed := printedPolicies(t, path, "--mode", row.mode, "--insights")[0]
		if n := denials(t, informed.text(t), append(row.args, "--insights", "on")...); n != 0 {
			t.Errorf("%s with insights under its own policy met %d denials", row.mode, n)
		}
		policies := printedPolicies(t, path, "--mode", row.mode)
		if len(policies) != 1 {
			t.Fatalf("%d documents for one target", len(policies))
		}
		whole := policies[0]
		if n := denials(t, whole.text(t), row.args...); n != 0 {
			t.Errorf("%s under its own policy met %d denials", row.mode, n)
		}
		for i, s := range whole.Statement {
			for j, action := range s.Action {
				less := whole
				less.Statement = slices.Clone(whole.Statement)
				less.Statement[i].Action = slices.Delete(slices.Clone(s.Action), j, j+1)
				if len(less.Statement[i].Action) == 0 {
					less.Statement = slices.Delete(less.Statement, i, i+1)
				}
				if denials(t, less.text(t), row.args...) == 0 {
					t.Errorf("%s does not need %s of statement %s", row.mode, action, s.Sid)
				}
			}
			for j, resource := range s.Resource {
				if strings.HasSuffix(resource, ":*") || len(s.Resource) == 1 {
					continue // the simulator knows a function by its unqualified ARN alone
				}
				less := whole
				less.Statement = slices.Clone(whole.Statement)
				less.Statement[i].Resource = slices.Delete(slices.Clone(s.Resource), j, j+1)
				if denials(t, less.text(t), row.args...) == 0 {
					t.Errorf("%s does not need %s of statement %s", row.mode, resource, s.Sid)
				}
			}
		}
	}
}

// informed are a fleet file and a world for which a run with insights asks all that it may
// ask: for queues of its own account, which are so many that they are listed, and of another
// one, for a topic, a bus and a bucket, for who changed what, and for the stack that owns
// what CloudFormation changed.
func informed() (fleet, world string) {
	fleet = `version: 1
targets:
  - { name: here, account: "111111111111", regions: [eu-west-1] }
functions:
`
	world = `version: 1
quota: { rate: 0 }
accounts:
  - account: "111111111111"
    regions:
      eu-west-1:
        functions:
          - name: stacked
            tags: { "aws:cloudformation:stack-name": shop }
            records: { $LATEST: { maximum_retry_attempts: 1, age: 2h, by: role/deploy, agent: cloudformation.amazonaws.com } }
`
	destinations := map[string]string{
		"stacked": "sqs:eu-west-1:222222222222:theirs", "topic": "sns:eu-west-1:111111111111:ours",
		"bus": "events:eu-west-1:111111111111:event-bus/ours", "bucket": "s3:::our-bucket",
	}
	for _, n := range strings.Split("abcdefghij", "") {
		destinations["queue-"+n] = "sqs:eu-west-1:111111111111:" + n
	}
	for name, arn := range destinations {
		fleet += fmt.Sprintf("  - { name: %s, maximum_retry_attempts: 0, on_failure: \"arn:aws:%s\" }\n", name, arn)
		if name != "stacked" {
			world += "          - name: " + name + "\n"
		}
	}
	return fleet, world
}

// TestTheInsightsOfThePolicy runs under the printed policy: what a run asks that the policy
// lacks would be a denial, and what the policy has for insights the run asks for.
func TestTheInsightsOfThePolicy(t *testing.T) {
	fleet, world := informed()
	path := fleetIn(t, fleet)
	for _, mode := range []string{auditMode, applyMode} {
		policy := printedPolicies(t, path, "--mode", mode, "--insights")[0]
		args := []string{mode, path, "--quota", "1000", "--quiet", "--insights", "on"}
		if mode == applyMode {
			args = append(args, "--yes")
		}
		n, asked := denialsIn(t, world, policy.text(t), args...)
		if n != 0 {
			t.Errorf("%s with insights under its own policy met %d denials", mode, n)
		}
		last := policy.Statement[len(policy.Statement)-1]
		if last.Sid != "Insights" {
			t.Fatalf("the last statement is %+v", last)
		}
		for _, action := range last.Action {
			_, operation, _ := strings.Cut(strings.Replace(action, "s3:ListBucket", "s3:HeadBucket", 1), ":")
			if asked[operation] == 0 {
				t.Errorf("%s with insights does not need %s: it asked for %v", mode, action, asked)
			}
		}
	}
}

// TestTheBasePolicyAssumesTheRoles: with roles, the first document is for the
// credentials that assume them, and they need nothing else.
func TestTheBasePolicyAssumesTheRoles(t *testing.T) {
	path := fleetIn(t, strings.Replace(policyFleet, "regions: [eu-west-1]", `regions: [eu-west-1], role_arn: "arn:aws:iam::111111111111:role/fleet"`, 1))
	base := printedPolicies(t, path)[0]
	audit := []string{"audit", path, "--quota", "1000", "--quiet"}
	if n := denials(t, base.text(t), audit...); n != 0 {
		t.Errorf("audit under the base policy met %d denials", n)
	}
	base.Statement[0].Resource = []string{"arn:aws:iam::111111111111:role/other"}
	if denials(t, base.text(t), audit...) == 0 {
		t.Error("the role was assumed by a policy for another one")
	}
}
