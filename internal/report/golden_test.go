package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
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
				if cells.StringWidth(line) > defaultColumns {
					t.Errorf("%d columns: %q", cells.StringWidth(line), line)
				}
				if strings.TrimRight(line, " ") != line {
					t.Errorf("trailing spaces: %q", line)
				}
			}
		})
	}
}

// Below 100 columns a line is too wide only where it is one to look for, or where a name has no
// room.
func TestTextFitsANarrowPage(t *testing.T) {
	stable := regexp.MustCompile(`^(Plan|Applied): |^Undo it with: `)
	fits := func(name string, width int, page []byte) {
		for line := range strings.Lines(string(page)) {
			line, longest := strings.TrimSuffix(line, "\n"), 0
			for _, word := range strings.Fields(line) {
				longest = max(longest, cells.StringWidth(word))
			}
			if w := cells.StringWidth(line); w > width && longest < width-20 && !stable.MatchString(line) {
				t.Errorf("%s: %d of %d columns: %q", name, w, width, line)
			}
		}
	}
	for _, width := range []int{60, 80} {
		for _, s := range scenarios {
			fits(s.name, width, textBytes(t, s.run(t), TextOptions{Full: s.full, Width: width}))
		}
		for _, past := range pastRuns {
			var page bytes.Buffer
			if err := RunText(&page, past.run, TextOptions{Width: width}); err != nil {
				t.Fatal(err)
			}
			fits(past.name, width, page.Bytes())
		}
		var runs, trends bytes.Buffer
		if err := errors.Join(RunsText(&runs, allRuns(), TextOptions{Width: width}), TrendsText(&trends, "audit", pastTrends()[:1], nil, TextOptions{Width: width})); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("history-list.%d.txt", width), runs.Bytes())
		fits("history", width, runs.Bytes())
		fits("history trend", width, trends.Bytes())
	}
}

// What stood before is not padded behind the longest name of a setting where the
// value would end beyond the page: an ARN is up to 53 columns here.
func TestTextFitsLongValuesBefore(t *testing.T) {
	f := resolve(t, "version: 1\nrules:\n  - match: {functions: [\"*\"]}\n    set: {maximum_retry_attempts: 0, maximum_event_age_in_seconds: 120, on_success: none, on_failure: "+dlq+"}\n",
		desired.Inventory{prod: {Functions: []string{"payments"}}})
	for _, name := range []string{"paid", "payments-paid", "payments-succeeded"} {
		topic := "arn:aws:sns:eu-west-1:111111111111:" + name
		r := newRun("plan", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) {
			holding(l, reconcile.Settings{desired.OnSuccess: desired.Text(topic), desired.OnFailure: desired.Text(topic)})
		}))
		for _, width := range []int{60, 80} {
			page := string(textBytes(t, r, TextOptions{Width: width}))
			if !strings.Contains(page, topic) {
				t.Errorf("%s is not shown:\n%s", topic, page)
			}
			for line := range strings.Lines(page) {
				if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "Plan: ") && cells.StringWidth(line) > max(width, rowIndent+2+len(topic)) {
					t.Errorf("%d of %d columns: %q", cells.StringWidth(line), width, line)
				}
			}
		}
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

func TestTheReadersTerminal(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			r := s.run(t)
			for _, row := range []struct{ width, same int }{{0, 100}, {1, 60}, {5000, 200}} {
				if diff := cmp.Diff(string(textBytes(t, r, TextOptions{Width: row.same})), string(textBytes(t, r, TextOptions{Width: row.width}))); diff != "" {
					t.Errorf("a width of %d is not taken for %d (-want +got):\n%s", row.width, row.same, diff)
				}
			}
			for line := range strings.Lines(string(textBytes(t, r, TextOptions{Width: 200}))) {
				if w := cells.StringWidth(strings.TrimSuffix(line, "\n")); w > 200 {
					t.Errorf("%d columns of 200: %q", w, line)
				}
			}
			for _, c := range textBytes(t, r, TextOptions{ASCII: true, Color: true, Full: s.full}) {
				if c >= 0x80 {
					t.Fatalf("byte %#x on a terminal that shows ASCII", c)
				}
			}
			if s.name == "drift" {
				golden(t, "drift.60.txt", textBytes(t, r, TextOptions{Width: 60}))
				golden(t, "drift.200.txt", textBytes(t, r, TextOptions{Width: 200}))
				golden(t, "drift.ascii.txt", textBytes(t, r, TextOptions{ASCII: true}))
			}
		})
	}
}

func TestWidthOfEveryScript(t *testing.T) {
	for _, row := range []struct {
		text, ascii string
		width       int
	}{
		{"orders", "orders", 6},
		{"注文", `\u6ce8\u6587`, 4},
		{"e\u0301te\u0301", `e\u0301te\u0301`, 3},
		{"0 → 2 …", "0 -> 2 ...", 7},
		{`a "b" \x1b`, `a "b" \x1b`, 10},
	} {
		p, a := newPrinter(nil, &Run{}, TextOptions{}), newPrinter(nil, &Run{}, TextOptions{ASCII: true})
		if got := p.width(row.text); got != row.width {
			t.Errorf("%q is %d columns wide, want %d", row.text, got, row.width)
		}
		if got := a.clean(row.text); got != row.ascii || a.width(row.text) != len(row.ascii) {
			t.Errorf("%q in ASCII is %q of %d columns, want %q", row.text, got, a.width(row.text), row.ascii)
		}
	}
}
