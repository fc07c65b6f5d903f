package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What has a line for each item is the same bytes for a program whatever COLUMNS, which watch, Emacs
// and CI export, and the locale are; and its paths are those of the files.
func TestLinesForPrograms(t *testing.T) {
	t.Chdir(t.TempDir())
	for path, text := range map[string]string{
		"艦隊/broken.yaml": "version: 1\nrules:\n  - match: {functions: [\"a b\", \"支払い 支払い 支払い 支払い 支払い 支払い\"]}\n    set: {maximum_retry_attempts: 7}\n",
		"艦隊/fleet.yaml":  "version: 1\ntargets:\n  - {name: prod, account: \"111111111111\", regions: [eu-west-1], role_arn: \"arn:aws:iam::111111111111:role/platform/eventinvoke-reconciler\"}\nfunctions:\n  - {name: orders, maximum_retry_attempts: 1}\n",
		"a\x1bb.yaml":    "version: 2\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Skip("no such names here: ", err)
		}
	}
	for _, row := range []struct{ args, has string }{
		{"validate 艦隊/broken.yaml", "艦隊/broken.yaml:3:"},
		{"validate a\x1bb.yaml", `a\x1bb.yaml:1`},
		{"validate 艦隊/fleet.yaml", "Valid: "},
		{"targets 艦隊/fleet.yaml", "role/platform/eventinvoke-reconciler"},
		{"version --modules", "github.com/spf13/cobra"},
		{"explain orders 艦隊/fleet.yaml", "艦隊/fleet.yaml:5"},
		{"explain EI017", "EI017 ("},
		{"plan 艦隊/broken.yaml", "艦隊/broken.yaml:3:"},
		{"plan 艦隊/これは存在しないファイルです/これは存在しないファイルです/fleet.yaml", "これは存在しないファイルです/fleet.yaml"},
		{"iam-policy 艦隊/fleet.yaml", "Policy of "},
	} {
		var first string
		for i, env := range [][2]string{{"", ""}, {"60", ""}, {"", "C"}, {"60", "C"}} {
			t.Setenv("COLUMNS", env[0])
			t.Setenv("LC_ALL", env[1])
			_, out, errs := eventinvoke(t.Context(), strings.Split(row.args, " ")...)
			if out += errs; i == 0 {
				first = out
			}
			if out != first || !strings.Contains(out, row.has) {
				t.Errorf("%q with COLUMNS=%s and LC_ALL=%s has not %q, or is not what it is elsewhere:\n%s\nwant\n%s", row.args, env[0], env[1], row.has, out, first)
			}
		}
	}
}
