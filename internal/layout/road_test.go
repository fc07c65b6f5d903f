package layout

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The picture of a run, in ARCHITECTURE.md and above Engine.Run, and the method that walks it
// can be read side by side: each step stands in the method under its word, in that order.
func TestRoadIsThePicture(t *testing.T) {
	picture := steps(t, read(t, "../../ARCHITECTURE.md"))
	if len(picture) < 10 {
		t.Fatalf("ARCHITECTURE.md has no picture of a run, only %q", picture)
	}
	text := read(t, "../../reconcile/run.go")
	if said := steps(t, text); !slices.Equal(said, picture) {
		t.Errorf("the comment of Engine.Run says\n%q, and ARCHITECTURE.md\n%q", said, picture)
	}
	for _, f := range packages(t)["reconcile"] {
		if f.path != "reconcile/run.go" {
			continue
		}
		// Run itself has what comes last, however far walk came.
		walked := append(headings(f.syntax, "walk", picture), headings(f.syntax, "Run", picture)...)
		if !slices.Equal(walked, picture) {
			t.Errorf("the steps of Engine.walk and Engine.Run are\n%q, in the picture\n%q", walked, picture)
		}
	}
}

// What calls AWS Lambda for a run is a step of the engine: there it is paced, counted, in the
// result, and over before the targets are released. A verb that takes the way to a target out
// of a result could call whenever it likes.
func TestNothingInCmdCallsATarget(t *testing.T) {
	for _, f := range packages(t)["cmd/eventinvoke"] {
		imported := map[string]bool{}
		for _, spec := range f.syntax.Imports {
			name := path.Base(strings.Trim(spec.Path.Value, `"`))
			if spec.Name != nil {
				name = spec.Name.Name
			}
			imported[name] = true
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Finder", "Reader", "Writer"}, sel.Sel.Name) {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); !ok || !imported[pkg.Name] {
				t.Errorf("%s takes the %s of an opened target; ask for what it would tell in the Wishes, so that the engine makes the call", f.path, sel.Sel.Name)
			}
			return true
		})
	}
}

// steps are the words of the first picture in a text.
func steps(t *testing.T, text string) []string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^.*open .*─►.*$`).FindString(text)
	words := strings.Split(strings.Trim(line, "/ \t"), "─►")
	for i, w := range words {
		words[i] = strings.Fields(w)[0]
	}
	return words
}

// headings are the comments of a method that begin with one of some words: these words.
func headings(f *ast.File, method string, words []string) (found []string) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != method {
			continue
		}
		for _, c := range f.Comments {
			if fn.Body.Pos() < c.Pos() && c.End() < fn.Body.End() {
				if w := regexp.MustCompile(`^\w+`).FindString(c.Text()); slices.Contains(words, w) {
					found = append(found, w)
				}
			}
		}
	}
	return found
}
