package pacetest

import (
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/history"
)

var update = flag.Bool("update", false, "play the whole comparison, which takes a minute, and rewrite COMPARISON.md and docs/pace.svg")

const (
	page = "COMPARISON.md"
	plot = "../../docs/pace.svg"
)

// contest is a scenario of the comparison.
type contest struct {
	title   string
	intro   string
	measure func(t *testing.T) string // what the intro cannot know; may be nil
	columns []string
	row     func(t *testing.T, r rival, seeds uint64) []string
}

func contests() []contest {
	of := func(s scenario, cells func(figures) []string) func(*testing.T, rival, uint64) []string {
		return func(t *testing.T, r rival, seeds uint64) []string { return cells(s.play(t, seeds, r.pace)) }
	}
	return []contest{{
		title:   "Alone",
		intro:   "3,000 calls and nobody else: 200 s at the whole quota, 223 s at the default share.",
		columns: []string{"took", "our 429s", "requests per call"},
		row: of(alone(3000), func(f figures) []string {
			return []string{secs(f.wall), share(f.refused), fmt.Sprintf("%.2f", f.perCall)}
		}),
	}, {
		title:   "A neighbour who needs 40 %",
		intro:   "3,000 calls. From the first minute to the third somebody else makes 6 calls a second, about 720 in all. With\nperfect foresight ours take 262 s at the default share, 248 s at the whole quota. Less is taken from the neighbour.",
		columns: []string{"took", "our 429s", "their 429s", "their operations lost", "their p99"},
		row: of(besideSteady(3000, 2*time.Minute), func(f figures) []string {
			return []string{secs(f.wall), share(f.refused), share(f.theirs), fmt.Sprintf("%.1f", f.failed), fmt.Sprintf("%.1f s", f.p99.Seconds())}
		}),
	}, {
		title: "Terraform",
		intro: "3,000 calls. After a minute somebody runs Terraform: 500 calls, ten at once, 25 attempts each.",
		measure: func(t *testing.T) string {
			return fmt.Sprintf(" Alone, Terraform takes %s.", secs(terraformAlone(t, 12)))
		},
		columns: []string{"took", "our 429s", "Terraform took"},
		row: of(besideTerraform(3000), func(f figures) []string {
			return []string{secs(f.wall), share(f.refused), secs(f.terraform)}
		}),
	}, {
		title:   "Somebody in the console",
		intro:   "2,000 calls. Every 20 s somebody opens a page that makes 12 calls at once.",
		columns: []string{"took", "our 429s", "their calls slowed or failed"},
		row: of(besideConsole(2000, 12, 20*time.Second), func(f figures) []string {
			return []string{secs(f.wall), share(f.refused), share(f.slow)}
		}),
	}, {
		title: "Five of the same",
		intro: "Five processes that know nothing of each other call for five minutes, each as fast as it can. Fairness is Jain's index\nover what each got done: 1 is equal, 0.2 is one has all.",
		measure: func(t *testing.T) string {
			place, err := history.OpenStore(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			c := siblingsMean(t, 5, 5*time.Minute, 4, knownToEachOther(defaults, place))
			return fmt.Sprintf("\nFive eventinvoke with one `--history` know of each other: %s of the quota, %s refused, fairness %.2f.", share(c.use), share(c.refused), c.fairness)
		},
		columns: []string{"of the quota used", "429s", "fairness"},
		row: func(t *testing.T, r rival, seeds uint64) []string {
			c := siblingsMean(t, 5, 5*time.Minute, seeds/2, r.pace)
			return []string{share(c.use), share(c.refused), fmt.Sprintf("%.2f", c.fairness)}
		},
	}}
}

func secs(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }

// share writes a part in per cent, small ones with enough digits to see them.
func share(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.01:
		return fmt.Sprintf("%.2f %%", 100*v)
	case v < 0.1:
		return fmt.Sprintf("%.1f %%", 100*v)
	}
	return fmt.Sprintf("%.0f %%", 100*v)
}

// TestRivals holds the other ways to what the comparison is about, with few
// calls: a rival that is played wrongly would make us look good.
func TestRivals(t *testing.T) {
	if raceDetector {
		t.Skip("what is compared with takes no part in the promises")
	}
	for i, tt := range []struct {
		why         string
		least, most float64 // part of their requests that is refused, with nobody else about
	}{
		{"stays below the quota", 0, 0},
		{"pushes until it is refused, always", 0.2, 0.6},
		{"finds the quota by being refused, now and then", 0.005, 0.2},
		{"stays below the quota while nobody else calls", 0, 0},
		{"stays below the quota while nobody else calls", 0, 0},
	} {
		r := rivals()[i]
		if f := alone(250).play(t, 1, r.pace); f.refused < tt.least || f.refused > tt.most {
			t.Errorf("%s: %.3f of its requests refused, want %v to %v: it %s", r.name, f.refused, tt.least, tt.most, tt.why)
		}
	}
}

// TestComparison plays every scenario with every way to pace. It is the program
// behind the tables of COMPARISON.md and the plot of docs/pace.md.
func TestComparison(t *testing.T) {
	if !*update {
		t.Skip("takes a minute and rewrites COMPARISON.md; run it with -update")
	}
	const seeds = 8
	var out strings.Builder
	for _, c := range contests() {
		intro := c.intro
		if c.measure != nil {
			intro += c.measure(t)
		}
		fmt.Fprintf(&out, "### %s\n\n%s\n\n| | %s |\n|---|%s\n", c.title, intro, strings.Join(c.columns, " | "), strings.Repeat("---:|", len(c.columns)))
		for _, r := range rivals() {
			t.Logf("%s: %s", c.title, r.name)
			fmt.Fprintf(&out, "| %s | %s |\n", r.name, strings.Join(c.row(t, r, seeds), " | "))
		}
		out.WriteString("\n")
	}
	between(t, page, "comparison", out.String())
	if err := os.WriteFile(plot, []byte(drawNeighbourScenario(t)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The page must not show the comparison of other scenarios or rivals than these.
func TestPageShowsTheComparison(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range contests() {
		want = append(want, "### "+c.title, c.intro, "| | "+strings.Join(c.columns, " | ")+" |")
	}
	text := string(content)
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("COMPARISON.md does not show %q: run go test ./internal/pacetest -run '^TestComparison$' -update", w)
		}
	}
	for _, r := range rivals() {
		if got := strings.Count(text, "| "+r.name+" | "); got != len(contests()) {
			t.Errorf("COMPARISON.md has %d rows of %q, want %d: run go test ./internal/pacetest -run '^TestComparison$' -update", got, r.name, len(contests()))
		}
	}
	file, err := os.Open(plot)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for d := xml.NewDecoder(file); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("docs/pace.svg is no whole picture: %v", err)
		}
	}
}

// between replaces what stands between a page's markers of that name.
func between(t *testing.T, file, name, text string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	head, rest, ok := strings.Cut(string(content), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no markers %q and %q to write between", file, strings.TrimSpace(begin), end)
	}
	if err := os.WriteFile(file, []byte(head+begin+"\n"+text+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
