package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/internal/events"
)

// memberActions are the Lambda and tagging actions in a text that grants some.
func memberActions(text []byte) []string {
	all := regexp.MustCompile(`\b(lambda|tag):[A-Z][A-Za-z]+`).FindAllString(string(text), -1)
	slices.Sort(all)
	return slices.Compact(all)
}

// TestMemberRoles: template and module make one role, which may do what any fleet
// needs, and forward the same events.
func TestMemberRoles(t *testing.T) {
	template, module := deployFile(t, "accounts/member.yaml"), deployFile(t, "terraform/member/main.tf")
	if a, b := memberActions(template), memberActions(module); !slices.Equal(a, b) {
		t.Errorf("the template grants %q, the module %q", a, b)
	}
	fleet := write(t, "version: 1\nundeclared: delete\ntargets: [{ name: a, account: \"111111111111\", regions: [eu-west-1] }]\nrules: [{ match: { functions: [\"*\"], tags: { a: b }, qualifiers: [\"live\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	code, stdout, stderr := eventinvoke(t.Context(), "iam-policy", fleet, "--mode", "apply")
	if code != exitOK {
		t.Fatal(stderr)
	}
	for _, action := range memberActions([]byte(stdout)) {
		if !slices.Contains(memberActions(template), action) {
			t.Errorf("a fleet may need %s, which the role does not grant", action)
		}
	}
	matches := regexp.MustCompile(`(?:- |\{ )?(prefix)?[:= ]*"?((?:Put|Update|Delete|Create|Publish|Tag|Untag)[A-Z][A-Za-z]*2?)"? ?\}?,?\n`)
	var patterns [2][]string
	for i, text := range [][]byte{template, module} {
		for _, m := range matches.FindAllSubmatch(text, -1) {
			patterns[i] = append(patterns[i], string(m[1])+" "+string(m[2]))
		}
	}
	if !slices.Equal(patterns[0], patterns[1]) || len(patterns[0]) < 10 {
		t.Errorf("events of the template %q, of the module %q", patterns[0], patterns[1])
	}
}

// terraformSays is Terraform's own opinion of some files, where it and the provider are at hand.
func terraformSays(t *testing.T, files map[string][]byte, formatted bool) {
	t.Helper()
	folder := t.TempDir()
	run := terraformIn(t, folder)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := run("fmt", "-check", "-diff"); err != nil && formatted {
		t.Errorf("%v\n%s", err, out)
	}
	plugins := terraformPlugins(t)
	if out, err := run("init", "-backend=false", "-input=false", "-plugin-dir="+plugins); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := run("validate"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// terraformIn runs terraform in a folder, with nothing of this machine's settings.
func terraformIn(t *testing.T, folder string) func(args ...string) ([]byte, error) {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("terraform is not installed")
	}
	return func(args ...string) ([]byte, error) {
		c := exec.CommandContext(t.Context(), "terraform", append([]string{"-chdir=" + folder}, args...)...)
		c.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "TF_CLI_CONFIG_FILE=") }), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
		return c.CombinedOutput()
	}
}

// terraformPlugins is the folder with the AWS provider, without which a test is skipped.
func terraformPlugins(t *testing.T) string {
	t.Helper()
	plugins := os.Getenv("EVENTINVOKE_TEST_TERRAFORM_PLUGINS")
	if plugins == "" {
		t.Skip("EVENTINVOKE_TEST_TERRAFORM_PLUGINS names no folder with the AWS provider (terraform providers mirror)")
	}
	return plugins
}

func TestTerraformModule(t *testing.T) {
	files := map[string][]byte{}
	for _, name := range []string{"main.tf", "variables.tf"} {
		files[name] = deployFile(t, "terraform/member/"+name)
	}
	terraformSays(t, files, true)
}

// TestPoliciesForThoseWhoMakeTheirRolesSo: each document is a managed policy with just
// what JSON has.
func TestPoliciesForThoseWhoMakeTheirRolesSo(t *testing.T) {
	fleet := write(t, companyFleet)
	print := func(form string) string {
		t.Helper()
		code, stdout, stderr := eventinvoke(t.Context(), "iam-policy", fleet, "--mode", "apply", "--target", "home", "-o", form)
		if code != exitOK {
			t.Fatal(stderr)
		}
		return stdout
	}
	var plain any
	var template struct {
		Resources struct {
			Policy struct {
				Type       string
				Properties struct{ PolicyDocument any }
			}
		}
	}
	if err := json.Unmarshal([]byte(print("json")), &plain); err != nil {
		t.Fatal(err)
	}
	text := print("cloudformation")
	if err := json.Unmarshal([]byte(text), &template); err != nil || template.Resources.Policy.Type != "AWS::IAM::ManagedPolicy" ||
		fmt.Sprint(template.Resources.Policy.Properties.PolicyDocument) != fmt.Sprint(plain) {
		t.Errorf("%v: %s", err, text)
	}
	module := print("terraform")
	_, document, _ := strings.Cut(module, "jsonencode(")
	var inner any
	if err := json.Unmarshal([]byte(document[:strings.LastIndex(document, ")")]), &inner); err != nil || fmt.Sprint(inner) != fmt.Sprint(plain) {
		t.Errorf("%v: %s", err, module)
	}
	if code, _, stderr := eventinvoke(t.Context(), "iam-policy", fleet, "-o", "pulumi"); code != exitError || !strings.Contains(stderr, "use json, cloudformation or terraform") {
		t.Errorf("another form: %d, %s", code, stderr)
	}
	file := filepath.Join(t.TempDir(), "policy.template.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("terraform", func(t *testing.T) { terraformSays(t, map[string][]byte{"policy.tf": []byte(module)}, false) })
	lint(t, "cfn-lint", "pip install cfn-lint", file)
}

// TestDistributedMap: what `targets` prints are items that the function understands.
// The definition itself is checked by cfn-lint, beside the other templates.
func TestDistributedMap(t *testing.T) {
	fleet := write(t, "version: 1\ntargets: [{ name: a, account: \"111111111111\", regions: [eu-west-1, us-east-1] }]\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n")
	code, stdout, stderr := eventinvoke(t.Context(), "targets", fleet, "-o", "json")
	var items []json.RawMessage
	if err := json.Unmarshal([]byte(stdout), &items); code != exitOK || err != nil || len(items) != 2 {
		t.Fatalf("%d items: %v %s", len(items), err, stderr)
	}
	for _, item := range items {
		hints, err := events.Decode(item)
		if err != nil || len(hints) != 1 || hints[0].Kind != events.Target || !hints[0].Asked() {
			t.Errorf("%s is understood as %+v, %v", item, hints, err)
		}
	}
}

// TestHelmChart renders the chart and holds it to what the manifests are held to.
func TestHelmChart(t *testing.T) {
	program, err := exec.LookPath("helm")
	if err != nil {
		t.Skip("helm is not installed: go install helm.sh/helm/v3/cmd/helm@latest")
	}
	helm := func(args ...string) (string, error) {
		// A helm that go install built takes an old Kubernetes for the newest.
		out, err := exec.CommandContext(t.Context(), program, append(args, "--kube-version", "1.30.0")...).CombinedOutput()
		return string(out), err
	}
	chart := filepath.Join(deployFolder, "helm/eventinvoke")
	if out, err := helm("lint", "--strict", chart, "--set", "fleet.locations={s3://b/fleet.yaml}"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, refused := range []struct{ why, set string }{
		{"there is no fleet", "apply=false"},
		{"what is written could not be rolled back", "fleet.locations={s3://b/f.yaml},apply=true"},
		{"shards would share a queue", "fleet.locations={s3://b/f.yaml},shards=3,queueUrl=https://q"},
	} {
		if out, err := helm("template", "e", chart, "--set", refused.set); err == nil {
			t.Errorf("%s, and it was rendered:\n%s", refused.why, out)
		}
	}
	fleet := write(t, "version: 1\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n")
	out, err := helm("template", "e", chart, "--set-file", "fleet.file="+fleet, "--set", "shards=3,queueUrl=https://sqs.eu-west-1.amazonaws.com/111111111111/e-$(EVENTINVOKE_SHARD_INDEX)",
		"--set", "serviceMonitor.enabled=true,alerts.enabled=true,dashboard.enabled=true")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kinds := map[string]map[string]any{}
	decoder := yaml.NewDecoder(strings.NewReader(out))
	for {
		var object map[string]any
		if decoder.Decode(&object) != nil {
			break
		}
		kinds[object["kind"].(string)+"/"+object["metadata"].(map[string]any)["name"].(string)] = object
	}
	for _, want := range []string{"ServiceAccount/eventinvoke", "ConfigMap/e-fleet", "Service/e", "StatefulSet/e", "ServiceMonitor/e", "PrometheusRule/e", "ConfigMap/e-dashboard"} {
		if kinds[want] == nil {
			t.Errorf("there is no %s in\n%s", want, out)
		}
	}
	if t.Failed() {
		return
	}
	var m manifest
	text, _ := yaml.Marshal(kinds["StatefulSet/e"])
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&m); err != nil {
		t.Fatal(err)
	}
	p := m.Spec.Template.Spec
	p.Volumes[0].ConfigMap.Name = "eventinvoke-fleet" // of this release here
	checkPod(t, "helm", p)
	c := p.Containers[0]
	verb := started(t, "helm", c.Args, c.environment(t))
	if flagOf(verb, "apply") != "false" || flagOf(verb, "listen") != ":8080" || flagOf(verb, "queue-url") == "" {
		t.Errorf("started with %q and %v", c.Args, c.environment(t))
	}
	var rules struct{ Spec, Groups any }
	alerts, _ := yaml.Marshal(kinds["PrometheusRule/e"]["spec"])
	var want any
	if err := yaml.Unmarshal(deployFile(t, "helm/eventinvoke/files/alerts.yaml"), &want); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(alerts, &rules.Spec); err != nil || fmt.Sprint(rules.Spec) != fmt.Sprint(want) {
		t.Errorf("the rules are not those of the file: %v", err)
	}
	dashboard, _ := kinds["ConfigMap/e-dashboard"]["data"].(map[string]any)["eventinvoke.json"].(string)
	if !json.Valid([]byte(dashboard)) {
		t.Errorf("the dashboard is not JSON: %.200s", dashboard)
	}
}
