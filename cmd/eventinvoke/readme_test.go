package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/report"
)

const readmePage = "../../README.md"

// The README's own words for what a block holds, above the block.
var (
	outputBlock = regexp.MustCompile("(?s)(<!-- output(?: of|, (\\d+) lines of its head and (\\d+) of its tail): eventinvoke ([^\n]*) \\(in examples/([a-z-]+)\\) -->\n```text\n)(.*?)(```\n)")
	fileBlock   = regexp.MustCompile("(?s)(<!-- file: (\\S+) -->\n```yaml\n)(.*?)(```\n)")
)

// TestReadme regenerates what the README shows: files, and the
// output of the program, whose run ids and times may differ.
func TestReadme(t *testing.T) {
	have, err := os.ReadFile(readmePage)
	if err != nil {
		t.Fatal(err)
	}
	want := fileBlock.ReplaceAllStringFunc(string(have), func(block string) string {
		m := fileBlock.FindStringSubmatch(block)
		text, err := os.ReadFile(filepath.Join("../..", m[2]))
		if err != nil {
			t.Fatal(err)
		}
		return m[1] + string(text) + m[4]
	})
	blocks := 0
	want = outputBlock.ReplaceAllStringFunc(want, func(block string) string {
		blocks++
		m := outputBlock.FindStringSubmatch(block)
		return m[1] + "$ eventinvoke " + m[4] + "\n" + cut(shown(t, m[5], strings.Fields(m[4])), m[2], m[3]) + m[7]
	})
	if blocks != 2 {
		t.Errorf("%d blocks of output were found in the README, want 2: is a marker misspelt?", blocks)
	}
	if *update {
		want = runID.ReplaceAllString(want, "20260301T053702Z-5e0c9a17")
		if err := os.WriteFile(readmePage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(normal(want), normal(string(have))); diff != "" {
		t.Errorf("the README shows what the program does not say; go test ./cmd/eventinvoke -update mends it (-program +README):\n%s", diff)
	}
}

// shown is the output of a command in the folder of an example.
func shown(t *testing.T, folder string, args []string) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(examplesFolder, folder))
	defer t.Chdir(here)
	var out string
	synctest.Test(t, func(t *testing.T) {
		var errs string
		_, out, errs = eventinvoke(t.Context(), append(args, "--quiet")...)
		if errs != "" {
			t.Errorf("eventinvoke %v: %s", args, errs)
		}
	})
	return out
}

// cut keeps so many lines of the head and of the tail; all, when they are "".
func cut(text, head, tail string) string {
	if head == "" {
		return text
	}
	h, _ := strconv.Atoi(head)
	n, _ := strconv.Atoi(tail)
	lines := strings.SplitAfter(text, "\n")
	lines = lines[:len(lines)-1]
	return strings.Join(lines[:h], "") + "...\n" + strings.Join(lines[len(lines)-n:], "")
}

var (
	runID    = regexp.MustCompile(`\d{8}T\d{6}Z-[0-9a-f]{8}`)
	duration = regexp.MustCompile(`\b(\d+m)?\d+(\.\d+)?s\b`)
)

func normal(text string) string {
	return duration.ReplaceAllString(runID.ReplaceAllString(text, "RUN"), "TIME")
}

// TestLinks: each relative link of the pages leads somewhere, to a heading where it
// names one, and each page of docs/ is in its index.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile("../../docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, readmePage, "../../examples/README.md", "../../ARCHITECTURE.md", "../../CONTRIBUTING.md", "../../SECURITY.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			to := page
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: the link %s leads nowhere", filepath.Base(page), m[1])
			} else if m[2] != "" && !slices.Contains(anchors(t, to), m[2]) {
				t.Errorf("%s: %s has no heading #%s", filepath.Base(page), filepath.Base(to), m[2])
			}
		}
	}
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" && !strings.Contains(string(index), "]("+name+")") {
			t.Errorf("docs/README.md does not list %s: add a row that says when one needs it", name)
		}
	}
}

// anchors are the names that GitHub gives to the headings of a page.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(string(m[1])), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// TestTheRecordingIsOfThisDemo: the picture in the README is whole, asks no host
// for anything, and begins and ends as the demo does.
func TestTheRecordingIsOfThisDemo(t *testing.T) {
	picture, err := os.ReadFile("../../docs/demo.svg")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for d := xml.NewDecoder(bytes.NewReader(picture)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
		case xml.StartElement:
			for _, a := range token.Attr {
				if a.Name.Local != "xmlns" && strings.Contains(a.Value, "//") {
					t.Errorf("<%s %s=%q> names a host", token.Name.Local, a.Name.Local, a.Value)
				}
			}
		}
	}
	own := linesOf(t, demoIntroduction, helpColumns) + linesOf(t, demoEnd, helpColumns)
	for line := range strings.Lines(own + "\nPlan: 0 to create, 0 to change, 0 to delete, 1 ignored, 0 unreadable.\n") {
		if !strings.Contains(text.String(), strings.TrimSpace(line)) {
			t.Errorf("the recording lacks %q: make recording", line)
		}
	}
}

// What the demo says itself breaks between words, on a terminal of any width.
func TestTheDemoFitsATerminal(t *testing.T) {
	for _, said := range []string{demoIntroduction, demoEnd} {
		for _, width := range []int{40, 60, 80} {
			got := linesOf(t, said, width)
			if !slices.Equal(strings.Fields(got), strings.Fields(said)) {
				t.Errorf("at %d columns words differ:\n%s", width, got)
			}
			for line := range strings.Lines(got) {
				if line = strings.TrimSuffix(line, "\n"); len(line) > width || strings.TrimSpace(line) != line {
					t.Errorf("%d of %d columns: %q", len(line), width, line)
				}
			}
		}
	}
	if got, want := linesOf(t, "a bc d", 1), "a\nbc\nd\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func linesOf(t *testing.T, text string, width int) string {
	var out strings.Builder
	if err := report.Lines(&out, 0, text, report.TextOptions{Width: width}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
