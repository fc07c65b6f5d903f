package report

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func linesAt(t testing.TB, text string, width int) string {
	t.Helper()
	var out strings.Builder
	if err := Lines(&out, 2, text, TextOptions{Width: width}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// parts are the pieces of a row that cannot break: it can at each space outside backticks.
func parts(row string) []string {
	inside := false
	return strings.FieldsFunc(row, func(r rune) bool {
		inside = inside != (r == '`')
		return r == ' ' && !inside
	})
}

// A line loses no word and gains no row that it could do without, and no row is wider than the
// terminal unless nothing in it can break.
func TestLinesFit(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "config", "設定", "支払いは二回", "👩‍👩‍👧", "عربي", "`eventinvoke plan fleet.yaml`,", "arn:aws:sqs:eu-west-1:111111111111:async-dlq", ">", "!", ""})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Repeat(" ", rapid.IntRange(0, 6).Draw(t, "indent")) + strings.Join(rapid.SliceOf(word).Draw(t, "words"), " ")
		width := rapid.IntRange(1, maxColumns).Draw(t, "width")
		var out strings.Builder
		if err := Lines(&out, 2, text, TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if strings.Join(strings.Fields(out.String()), " ") != strings.Join(strings.Fields(Clean(text)), " ") {
			t.Fatalf("words differ:\n%q\n%q", text, got)
		}
		for i, row := range got {
			if cells.StringWidth(strings.TrimRight(row, " ")) > width && len(parts(row)) > 1 {
				t.Fatalf("%d columns have room for less than %q", width, row)
			}
			if i > 0 && !strings.Contains(strings.TrimSpace(text), "  ") { // whose room may be what there is none for
				next := append(parts(row), "")[0]
				if strings.TrimSpace(got[i-1]) != "" && cells.StringWidth(got[i-1]+" "+next) <= width {
					t.Fatalf("%d columns have room for %q behind %q", width, next, got[i-1])
				}
			}
		}
	})
}

// The stable lines of a run are one each for whoever searches them, and fit for whoever reads them.
func TestStableLinesFitATerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawLarge(t)
		width := rapid.IntRange(minColumns, maxColumns).Draw(t, "width")
		for _, fold := range []bool{false, true} {
			var out strings.Builder
			if err := Text(&out, r, TextOptions{Width: width, Fold: fold}); err != nil {
				t.Fatal(err)
			}
			_, text, _ := strings.Cut(out.String(), r.Headline()[:strings.Index(r.Headline(), ":")+1])
			wide := cells.StringWidth(r.Headline()) > width
			if one := strings.Contains(out.String(), "\n"+r.Headline()+"\n"); one != (!fold || !wide) {
				t.Fatalf("folded %v at %d columns: it says %q", fold, width, text)
			}
			for _, row := range strings.Split(text, "\n") {
				if fold && cells.StringWidth(row) > width && len(parts(row)) > 1 {
					t.Fatalf("%d columns have no room for %q", width, row)
				}
			}
			if words := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(words, r.Headline()) {
				t.Fatalf("it does not end with %s:\n%s", r.Headline(), out.String())
			}
		}
	})
}

func TestLines(t *testing.T) {
	for _, row := range []struct {
		why, text string
		width     int
		want      string
	}{
		{"later rows are further in", "  declared at fleet.yaml:4", 20, "  declared at\n    fleet.yaml:4\n"},
		{"and further in than a mark", "  > 2  fleet.yaml:4 rules[0]", 20, "  > 2  fleet.yaml:4\n      rules[0]\n"},
		{"the room of a column does not begin a row", "none          fleet.yaml:4", 12, "none\n  fleet.yaml:4\n"},
		{"a command stays whole", "wrong; see `eventinvoke history verify`, and then go on", 24, "wrong; see\n  `eventinvoke history verify`,\n  and then go on\n"},
		{"also at the end", "apply it with: `eventinvoke apply plan.json`", 24, "apply it with:\n  `eventinvoke apply plan.json`\n"},
		{"prose around it is no part of it", "try: eventinvoke keeps them; all", 24, "try: eventinvoke keeps\n  them; all\n"},
		{"each line is one where nobody knows the width", strings.Repeat("word ", 50) + "end\n\nend", 0, strings.Repeat("word ", 50) + "end\n\nend\n"},
		{"what a terminal would act on is spelt out", "a\x1b[2Jb", 60, "a\\x1b[2Jb\n"},
	} {
		if got := linesAt(t, row.text, row.width); got != row.want {
			t.Errorf("%s:\n got %q\nwant %q", row.why, got, row.want)
		}
	}
}
