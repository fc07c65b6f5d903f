package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/eventinvoke/eventinvoke/internal/iampolicy"
)

// policyForms are the forms of a policy document: as IAM takes it, or as a managed
// policy in a template or a module of those who make their roles that way.
var policyForms = map[string]struct {
	ending string
	render func(*iampolicy.Document, string) []byte
}{
	"json":           {".json", func(d *iampolicy.Document, _ string) []byte { return d.JSON() }},
	"cloudformation": {".template.json", policyTemplate},
	"terraform":      {".tf", policyResource},
}

// policyTemplate is a CloudFormation template of its own.
func policyTemplate(d *iampolicy.Document, _ string) []byte {
	template := map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Description":              "eventinvoke: " + policyOwner(d),
		"Resources": map[string]any{"Policy": map[string]any{
			"Type": "AWS::IAM::ManagedPolicy", "Properties": map[string]any{"PolicyDocument": json.RawMessage(d.JSON())},
		}},
		"Outputs": map[string]any{"PolicyArn": map[string]any{"Value": map[string]any{"Ref": "Policy"}}},
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(template) // maps of texts, and JSON that was made a line before
	return out.Bytes()
}

// policyResource is a Terraform resource. JSON is an expression of Terraform's, but
// for the two openings of its templates.
func policyResource(d *iampolicy.Document, file string) []byte {
	name := strings.NewReplacer("-", "_").Replace("eventinvoke-" + file)
	document := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strings.TrimSpace(string(d.JSON())))
	return []byte("# " + policyOwner(d) + "\nresource \"aws_iam_policy\" \"" + name + "\" {\n  name   = \"eventinvoke-" + file + "\"\n  policy = jsonencode(" +
		strings.ReplaceAll(document, "\n", "\n  ") + ")\n}\n")
}
