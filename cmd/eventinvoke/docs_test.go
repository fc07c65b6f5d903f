package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the generated pages instead of comparing with them")

const cliPage = "../../docs/cli.md"

// TestCommandLinePage holds docs/cli.md to the verbs' own help.
func TestCommandLinePage(t *testing.T) {
	want := commandLinePage()
	if *update {
		if err := os.WriteFile(cliPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(cliPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, string(have)); diff != "" {
		t.Errorf("docs/cli.md is not what the verbs say; go test ./cmd/eventinvoke -update writes it (-verbs +page):\n%s", diff)
	}
}

// TestEveryVerbHelpsItself: two examples that begin with the verb and, for every flag,
// a usage. Help says first what the verb is for, names its exit codes, and fits into 80
// columns.
func TestEveryVerbHelpsItself(t *testing.T) {
	root := newRoot(&app{})
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			continue
		}
		var help bytes.Buffer
		cmd.SetOut(&help)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(help.String()) {
			if len(strings.TrimRight(line, "\n")) > helpColumns {
				t.Errorf("%s: a line of its help is wider than %d columns: %s", cmd.Name(), helpColumns, line)
			}
		}
		if begin, _, _ := strings.Cut(help.String(), "\n"); strings.Contains(cmd.Example, begin) {
			t.Errorf("%s: its help begins with an example: %s", cmd.Name(), begin)
		}
		if !strings.Contains(help.String(), "\nExit codes: 0, 1") {
			t.Errorf("%s: its help names no exit codes", cmd.Name())
		}
		examples := strings.Split(continued.ReplaceAllString(cmd.Example, " "), "\n")
		if len(examples) < 2 {
			t.Errorf("%s has %d examples, want at least two", cmd.Name(), len(examples))
		}
		for _, e := range examples {
			if !strings.Contains(e, cmd.CommandPath()) && !strings.HasPrefix(strings.TrimSpace(e), "#") {
				t.Errorf("%s: the example %q does not show it", cmd.Name(), e)
			}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s says nothing of itself", cmd.Name(), f.Name)
			}
		})
	}
}

// TestExitCodesAreExplained: the constants and what help says of them are one list.
func TestExitCodesAreExplained(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared, explained []int
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "exit") && len(spec.Values) == 1 {
			if code, err := strconv.Atoi(spec.Values[0].(*ast.BasicLit).Value); err == nil {
				declared = append(declared, code)
			}
		}
		return true
	})
	for _, e := range exitMeanings {
		explained = append(explained, e.code)
	}
	if diff := gocmp.Diff(declared, explained); diff != "" {
		t.Errorf("main.go and exitMeanings in help.go differ (-declared +explained):\n%s", diff)
	}
}

// TestExitCodesOfVerbs: the help of a verb names every code with which a script ends it,
// and the table knows no verb that is not there.
func TestExitCodesOfVerbs(t *testing.T) {
	root := newRoot(&app{})
	for _, e := range exitMeanings {
		for _, verb := range e.verbs {
			if cmd, _, err := root.Find(strings.Fields(verb)); err != nil || cmd.CommandPath() != "eventinvoke "+verb {
				t.Errorf("exit code %d is said to be one of %q, which is no verb", e.code, verb)
			}
		}
	}
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^exits (\d+) eventinvoke (.*)$`).FindAllStringSubmatch(string(text), -1) {
			cmd, _, err := root.Find(strings.Fields(m[2]))
			if err != nil || cmd == root {
				continue // the script is about verbs that do not exist
			}
			seen++
			if line := exitCodesOf(cmd); !slices.Contains(strings.FieldsFunc(line, func(r rune) bool { return r < '0' || r > '9' }), m[1]) {
				t.Errorf("%s: %s ends with %s, and its help says %q", script, m[0], m[1], line)
			}
		}
	}
	if seen < 200 {
		t.Errorf("the scripts have %d exit codes: are they no longer found?", seen)
	}
}

// commandLinePage is docs/cli.md.
func commandLinePage() string {
	root := newRoot(&app{})
	root.InitDefaultCompletionCmd()
	var b strings.Builder
	b.WriteString("# The command line\n\n<!-- made from the verbs' own help by: go test ./cmd/eventinvoke -update -->\n<!-- world: cmd/eventinvoke/testdata/script/cli.txtar -->\n\n")
	about, _, _ := strings.Cut(root.Long, "\nExit codes:")
	b.WriteString(strings.TrimSpace(about) + "\n\nExit codes: [troubleshooting.md](troubleshooting.md#by-exit-code).\n\n## Flags of every verb\n\n")
	flagList(&b, root.PersistentFlags(), nil)
	b.WriteString("\n## Flags of several verbs\n\nA verb's --help says which of them it has.\n\n")
	several, twice := verbsOfFlags(root), map[string]int{}
	for row, verbs := range several {
		if len(verbs) > 1 {
			twice[strings.Fields(row)[1]]++
		}
	}
	for _, row := range slices.Sorted(maps.Keys(several)) {
		if verbs := several[row]; len(verbs) > 1 {
			name, usage, _ := strings.Cut(row, ": ")
			if twice[strings.Fields(name)[1]] > 1 {
				name += " (" + strings.Join(verbs, ", ") + ")"
			}
			b.WriteString(name + ": " + usage)
		}
	}
	for _, cmd := range documented(root) {
		fmt.Fprintf(&b, "\n## %s\n\n", cmd.Use)
		b.WriteString(cmp.Or(strings.TrimSpace(cmd.Long), cmd.Short+".") + "\n\n")
		if cmd.Example != "" {
			if cmd.Name() == "demo" {
				b.WriteString("<!-- not run: CI does -->\n")
			}
			fmt.Fprintf(&b, "```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
		}
		b.WriteString("\n")
		flagList(&b, cmd.LocalNonPersistentFlags(), several)
		for _, sub := range cmd.Commands() {
			if cmd.Name() == "completion" {
				continue // one for each shell, which its use line names
			}
			fmt.Fprintf(&b, "\n`%s`: %s.\n\n", strings.TrimSuffix(sub.UseLine(), " [flags]"), sub.Short)
			flagList(&b, sub.LocalNonPersistentFlags(), several)
		}
	}
	return b.String()
}

func documented(root *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(root.Commands()), func(c *cobra.Command) bool { return c.Hidden || c.Name() == "help" })
}

// verbsOfFlags says which verbs have a flag, by what the page says of it.
func verbsOfFlags(root *cobra.Command) map[string][]string {
	verbs := map[string][]string{}
	var collect func(*cobra.Command)
	collect = func(of *cobra.Command) {
		for _, cmd := range documented(of) {
			cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
				if f.Name != "help" {
					verbs[flagRow(f)] = append(verbs[flagRow(f)], strings.TrimPrefix(cmd.CommandPath(), root.Name()+" "))
				}
			})
			if cmd.Name() != "completion" { // whose verbs differ by shell only
				collect(cmd)
			}
		}
	}
	collect(root)
	return verbs
}

// flagList writes an item for each flag, save for those that several verbs have.
func flagList(b *strings.Builder, flags *pflag.FlagSet, several map[string][]string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if row := flagRow(f); f.Name != "help" && len(several[row]) < 2 {
			b.WriteString(row)
		}
	})
}

func flagRow(f *pflag.Flag) string {
	value, usage := pflag.UnquoteUsage(f)
	name := "`--" + f.Name
	if f.NoOptDefVal != "" && f.Value.Type() != "bool" {
		name += "[=" + value + "]"
	} else if value != "" {
		name += " " + value
	}
	name += "`"
	if f.Shorthand != "" {
		name += ", `-" + f.Shorthand + "`"
	}
	switch f.DefValue {
	case "", "0", "0s", "false", "[]", "text":
	default:
		usage += " (default `" + f.DefValue + "`)"
	}
	return fmt.Sprintf("- %s: %s\n", name, usage)
}
