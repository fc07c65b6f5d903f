package awssim_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

const pluginsVariable = "EVENTINVOKE_TEST_TERRAFORM_PLUGINS"

// The life of an aws_lambda_function_event_invoke_config: create, no drift,
// change, import, destroy. It needs terraform and a folder with a mirror of the
// AWS provider, and takes a minute of CPU. The provider block is the documented one.
func TestTerraform(t *testing.T) {
	plugins := os.Getenv(pluginsVariable)
	if plugins == "" {
		t.Skipf("%s does not name a Terraform provider mirror", pluginsVariable)
	}
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("terraform is not on the PATH")
	}
	w := newWorld(t, awssim.Fleet(account, region, awssim.Function{Name: "orders", Versions: []string{"1"}, Aliases: []string{"live"}}))
	server := httptest.NewServer(w)
	defer server.Close()
	dir := t.TempDir()
	tf := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "terraform", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "cli.tfrc"), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		t.Logf("terraform %s: %d calls so far", args[0], w.Counts().Total)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("cli.tfrc", `
provider_installation {
  filesystem_mirror { path = "`+plugins+`" }
}`)
	provider := regexp.MustCompile("(?s)```hcl\n(.*?)```").FindStringSubmatch(simulateDoc(t))
	if provider == nil {
		t.Fatal("docs/simulate.md shows no provider block")
	}
	write("provider.tf", strings.NewReplacer("http://127.0.0.1:4566", server.URL, "eu-west-1", region).Replace(provider[1])+`
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}`)
	config := func(retries string) {
		write("main.tf", `
resource "aws_lambda_function_event_invoke_config" "it" {
  function_name          = "orders"
  qualifier              = "live"
  maximum_retry_attempts = `+retries+`
  destination_config {
    on_failure { destination = "arn:aws:sqs:`+region+`:`+account+`:dlq" }
  }
}`)
	}
	retries := func(want int) {
		t.Helper()
		r, ok := w.Record(account, region, "orders", "live")
		if !ok || r.MaximumRetryAttempts == nil || *r.MaximumRetryAttempts != want {
			t.Fatalf("record %+v, %v; want %d retries", r, ok, want)
		}
	}
	resource := "aws_lambda_function_event_invoke_config.it"

	config("1")
	tf("init", "-input=false")
	tf("apply", "-auto-approve", "-input=false")
	retries(1)
	tf("plan", "-detailed-exitcode", "-input=false")

	config("0")
	tf("apply", "-auto-approve", "-input=false")
	retries(0)

	tf("state", "rm", resource)
	tf("import", "-input=false", resource, "orders:live")
	tf("plan", "-detailed-exitcode", "-input=false")

	tf("destroy", "-auto-approve", "-input=false")
	if _, there := w.Record(account, region, "orders", "live"); there {
		t.Fatal("destroy left the record behind")
	}
}
