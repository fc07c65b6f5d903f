package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// TestPagesShowCommandsThatExist: each command in a shell block names a verb and
// flags of it.
func TestPagesShowCommandsThatExist(t *testing.T) {
	for _, page := range []string{"accounts.md", "export.md", "iam.md"} {
		text, err := os.ReadFile(filepath.Join("../../docs", page))
		if err != nil {
			t.Fatal(err)
		}
		commands := 0
		for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(block[1]) {
				args := strings.Fields(strings.ReplaceAll(line, "'", ""))
				if len(args) == 0 || args[0] != "eventinvoke" {
					t.Errorf("%s: %q is no command of ours", page, line)
					continue
				}
				root := newRoot(&app{log: slog.New(slog.DiscardHandler)})
				verb, rest, err := root.Find(args[1:])
				if err == nil {
					err = verb.ParseFlags(rest)
				}
				if err != nil || verb == root {
					t.Errorf("%s: %q: %v", page, line, err)
				}
				commands++
			}
		}
		if commands == 0 {
			t.Errorf("%s shows no command", page)
		}
	}
}

var exportedBlock = regexp.MustCompile("(?s)(<!-- exported -->\n```yaml\n)(.*?)(```\n)")

// TestThePageShowsWhatExportWrites: the file on the page is the one that the
// script export.txtar gets.
func TestThePageShowsWhatExportWrites(t *testing.T) {
	const path = "../../docs/export.md"
	script, err := txtar.ParseFile("testdata/script/export.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var exported string
	for _, f := range script.Files {
		if f.Name == "want.yaml" {
			exported = string(f.Data)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := exportedBlock.ReplaceAllStringFunc(string(page), func(block string) string {
		m := exportedBlock.FindStringSubmatch(block)
		return m[1] + exported + m[3]
	})
	if exported == "" || !exportedBlock.Match(page) {
		t.Fatal("the page or the script has lost its file")
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(page)); diff != "" {
		t.Errorf("go test ./cmd/eventinvoke -update mends it (-script +page):\n%s", diff)
	}
}
