package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make it with: go test ./internal/report -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); where the change is meant, run: go test ./internal/report -update\n%s", path, diff)
	}
}

func textBytes(t testing.TB, r *Run, o TextOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJSON(t testing.TB, r *Run) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestText(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Log(s.why)
			golden(t, s.name+".txt", textBytes(t, s.run(t), TextOptions{Full: s.full}))
		})
	}
}

func TestTextInColour(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			r := s.run(t)
			coloured := textBytes(t, r, TextOptions{Color: true, Full: s.full})
			if s.name == "drift" || s.name == "partial" {
				golden(t, s.name+".colour.txt", coloured)
			}
			bare := string(coloured)
			for _, code := range []color{bold, dim, red, green, yellow} {
				bare = strings.ReplaceAll(bare, "\x1b["+string(code)+"m", "")
			}
			bare = strings.ReplaceAll(bare, "\x1b[0m", "")
			if diff := cmp.Diff(string(textBytes(t, r, TextOptions{Full: s.full})), bare); diff != "" {
				t.Errorf("colour changes more than the colour (-plain +coloured without codes):\n%s", diff)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			golden(t, s.name+".json", asJSON(t, s.run(t)))
		})
	}
}

func TestTextFitsThePage(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			for line := range strings.Lines(string(textBytes(t, s.run(t), TextOptions{Full: s.full}))) {
				line = strings.TrimSuffix(line, "\n")
				if width(line) > columns {
					t.Errorf("%d columns: %q", width(line), line)
				}
				if strings.TrimRight(line, " ") != line {
					t.Errorf("trailing spaces: %q", line)
				}
			}
		})
	}
}

func TestTheSameRunGivesTheSameBytes(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			if a, b := textBytes(t, s.run(t), TextOptions{}), textBytes(t, s.run(t), TextOptions{}); !bytes.Equal(a, b) {
				t.Errorf("text differs between two renderings:\n%s", cmp.Diff(string(a), string(b)))
			}
			if a, b := asJSON(t, s.run(t)), asJSON(t, s.run(t)); !bytes.Equal(a, b) {
				t.Errorf("JSON differs between two renderings:\n%s", cmp.Diff(string(a), string(b)))
			}
		})
	}
}
