package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A command in a text is in backticks: they are what keeps it in one row, so that it can be copied.
// A text that is a command, or has it on a row further in, is no prose; and a file says which verb
// it was written by.
func TestCommandsAreInBackticks(t *testing.T) {
	var verbs []string
	for _, cmd := range newRoot(&app{}).Commands() {
		verbs = append(verbs, regexp.QuoteMeta(cmd.Name()))
	}
	bare := regexp.MustCompile(`(?:(\S+) +|\n)eventinvoke (?:` + strings.Join(verbs, "|") + `)\b`)
	seen := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && (d.Name() == "testdata" || d.Name() == "tools" || strings.HasPrefix(d.Name(), ".g")) {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, _ := strconv.Unquote(literal.Value)
			seen += strings.Count(text, "`eventinvoke ")
			for _, m := range bare.FindAllStringSubmatch(text, -1) {
				if !strings.Contains(m[1], "=") && m[1] != "by" {
					t.Errorf("%s: a command without backticks: %q", path, m[0])
				}
			}
			return true
		})
		return nil
	})
	if err != nil || seen < 10 {
		t.Fatalf("%d commands in backticks, %v: are they no longer found?", seen, err)
	}
}
