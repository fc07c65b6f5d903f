package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/internal/shard"
)

const deployFolder = "../../deploy"

func deployFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// documents decodes the YAML documents of a manifest. A key that T does not have
// is an error: T lists what may be said, so a misspelt key is not overlooked.
func documents[T any](t *testing.T, name string) []T {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(deployFile(t, name)))
	decoder.KnownFields(true)
	var all []T
	for {
		var one T
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, one)
	}
}

// started parses a command line and an environment as the process would that a
// manifest starts. Each variable has to be one that this very verb takes.
func started(t *testing.T, where string, args []string, env map[string]string) *cobra.Command {
	t.Helper()
	verb, rest, err := newRoot(&app{}).Find(args)
	if err == nil {
		err = verb.ParseFlags(rest)
	}
	if err != nil || !verb.HasParent() {
		t.Fatalf("%s: eventinvoke %s: %v", where, strings.Join(args, " "), err)
	}
	known := map[string]bool{shard.EnvIndex: true, shard.EnvCount: true, fleetVariable: true}
	verb.Flags().VisitAll(func(f *pflag.Flag) { known[variableOf(f.Name)] = true })
	for name := range env {
		if strings.HasPrefix(name, "EVENTINVOKE_") && !known[name] {
			t.Errorf("%s: %s is no variable of %s", where, name, verb.Name())
		}
	}
	err = fromEnvironment(verb.Flags(), func(name string) (string, bool) { value, ok := env[name]; return value, ok })
	if err != nil {
		t.Errorf("%s: %v", where, err)
	}
	return verb
}

func flagOf(verb *cobra.Command, name string) string { return verb.Flags().Lookup(name).Value.String() }

// TestEveryDeployFileIsExplained: docs/deploy.md links each, and each variable
// and command on the page exists.
func TestEveryDeployFileIsExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	err = filepath.WalkDir(deployFolder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "package" {
			return fs.SkipDir // what the page says to build there
		}
		if err == nil && entry.IsDir() && strings.Contains(page, "]("+strings.TrimPrefix(filepath.ToSlash(path), "../")+")") {
			return fs.SkipDir // a chart, a module: explained as one
		}
		if link := "](" + strings.TrimPrefix(filepath.ToSlash(path), "../") + ")"; err == nil && !entry.IsDir() && !strings.Contains(page, link) {
			t.Errorf("docs/deploy.md has no link %s", link)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{shard.EnvIndex: true, shard.EnvCount: true, fleetVariable: true}
	for _, verb := range newRoot(&app{}).Commands() {
		verb.Flags().VisitAll(func(f *pflag.Flag) { known[variableOf(f.Name)] = true })
		verb.InheritedFlags().VisitAll(func(f *pflag.Flag) { known[variableOf(f.Name)] = true })
	}
	for _, name := range regexp.MustCompile(`EVENTINVOKE_[A-Z_]+`).FindAllString(page, -1) {
		if !known[name] {
			t.Errorf("docs/deploy.md: no flag has the variable %s", name)
		}
	}
}

// TestStatementsOnThePage: what docs/deploy.md grants to queue and history is
// what iam-policy prints for the command above it.
func TestStatementsOnThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "<!-- statements -->\n```json\n")
	block, _, _ = strings.Cut(block, "```")
	var shown []map[string]any
	if err := json.Unmarshal([]byte(block), &shown); err != nil {
		t.Fatalf("the statements: %v", err)
	}
	command := regexp.MustCompile(`(?m)^eventinvoke (iam-policy) fleet\.yaml (--mode serve .*)$`).FindSubmatch(page)
	if command == nil {
		t.Fatal("the command is gone")
	}
	fleet := write(t, "version: 1\ntargets: [{ name: a, account: \"111111111111\", regions: [eu-west-1] }]\nfunctions: [{ name: f, maximum_retry_attempts: 0 }]\n")
	code, stdout, stderr := eventinvoke(t.Context(), append([]string{"iam-policy", fleet}, strings.Fields(string(command[2]))...)...)
	if code != exitOK {
		t.Fatal(stderr)
	}
	var policy struct{ Statement []map[string]any }
	if err := json.Unmarshal([]byte(stdout), &policy); err != nil {
		t.Fatal(err)
	}
	printed := slices.DeleteFunc(policy.Statement, func(s map[string]any) bool { return s["Sid"] == "ReadWrite" })
	if diff := cmp.Diff(printed, shown); diff != "" {
		t.Errorf("docs/deploy.md (-printed +shown):\n%s", diff)
	}
}
