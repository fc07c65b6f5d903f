package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// What the real terraform has applied and says of it is imported as a fleet file of which
// nothing differs: the state as terraform show tells it, and the state file.
func TestImportOfWhatTerraformApplied(t *testing.T) {
	dir := t.TempDir()
	terraform, plugins := terraformIn(t, dir), terraformPlugins(t)
	serve(t, awssim.Fleet("111111111111", region,
		awssim.Function{Name: "orders", Versions: []string{"1"}, Aliases: []string{"live"}},
		awssim.Function{Name: "mail-%d", Count: 2}), nil)
	tf := func(args ...string) {
		t.Helper()
		if out, err := terraform(args...); err != nil {
			t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	for name, text := range map[string]string{
		"main.tf": `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  skip_metadata_api_check = true
}
resource "aws_lambda_function_event_invoke_config" "live" {
  function_name                = "orders"
  qualifier                    = "live"
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 3600
  destination_config {
    on_failure { destination = "arn:aws:sqs:eu-west-1:111111111111:dlq" }
    on_success { destination = "arn:aws:sns:eu-west-1:111111111111:done" }
  }
}
resource "aws_lambda_function_event_invoke_config" "bare" {
  function_name = "arn:aws:lambda:eu-west-1:111111111111:function:orders"
}
module "mail" {
  source = "./mail"
}
`,
		"mail/main.tf": `
resource "aws_lambda_function_event_invoke_config" "each" {
  for_each      = toset(["mail-0", "mail-1"])
  function_name = each.key
  destination_config {
    on_failure { destination = "arn:aws:sqs:eu-west-1:111111111111:${each.key}-dlq" }
  }
}
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tf("init", "-input=false", "-plugin-dir="+plugins)
	tf("apply", "-auto-approve", "-input=false")
	shown, err := terraform("show", "-json")
	if err != nil {
		t.Fatalf("%v\n%s", err, shown)
	}
	state := filepath.Join(dir, "state.json")
	if err := os.WriteFile(state, shown, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{state, filepath.Join(dir, "terraform.tfstate")} {
		fleet := from + ".yaml"
		if code, _, stderr := eventinvoke(t.Context(), "import", from, "--output-file", fleet); code != exitOK {
			t.Fatalf("import of %s: exit code %d\n%s", from, code, stderr)
		}
		code, stdout, stderr := eventinvoke(t.Context(), "audit", fleet, "--history", "none", "--insights", "off", "--quiet")
		if code != exitOK || !strings.Contains(stdout, "Nothing differs: 4 configs checked") {
			t.Errorf("audit of what came of %s: exit code %d\n%s%s", from, code, stdout, stderr)
		}
	}
}
