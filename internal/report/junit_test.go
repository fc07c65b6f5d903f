package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func asJUnit(t interface{ Fatal(...any) }, r *Run) []byte {
	var b bytes.Buffer
	if err := JUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJUnit(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { golden(t, s.name+".junit.xml", opening(asJUnit(t, s.run(t)))) })
	}
}

// opening is the first lines of a long output and the number of the others: 400
// tests that differ by a number are as good as ten, and easier to review.
func opening(out []byte) []byte {
	lines := bytes.SplitAfter(out, []byte("\n"))
	if len(lines) <= 50 {
		return out
	}
	return fmt.Appendf(bytes.Join(lines[:40], nil), "… and %d lines more\n", len(lines)-40)
}

type readSuite struct {
	Name     string `xml:"name,attr"`
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Skipped  int    `xml:"skipped,attr"`
	Cases    []struct {
		Class   string    `xml:"classname,attr"`
		Name    string    `xml:"name,attr"`
		Failure *readText `xml:"failure"`
		Error   *readText `xml:"error"`
		Skipped *readText `xml:"skipped"`
	} `xml:"testcase"`
}

type readText struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func readJUnit(t interface{ Fatalf(string, ...any) }, out []byte) []readSuite {
	var doc struct {
		Suites []readSuite `xml:"testsuite"`
	}
	if err := xml.Unmarshal(out, &doc); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return doc.Suites
}

// drawHostile is any text that AWS or a file could send.
func drawHostile(t *rapid.T) string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"\x00", "]]>", "<!--", "&#0;", "a\r\n::error::b", "\x1b[2J", "\ufffe", "\u202e", "\xff\xfe", "%0A,:", "a b/../ü#?"}),
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	).Draw(t, "text")
}

// hostileRuns are the runs of hostile: a plan, an outcome, and a file that cannot be used.
func hostileRuns(text string) []*Run {
	plan, done, none := hostile(text), hostile(text), hostile(text)
	none.Plan, none.Err = nil, desired.Problems{{Pos: desired.Pos{File: text, Line: 3, Column: 1}, Code: text, Message: text, Hint: text}}
	return []*Run{plan, outcomeOfAll(done, done.Refused), none}
}

func TestJUnitIsWellFormedWhateverThingsAreCalled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawHostile(t)
		for _, r := range hostileRuns(text) {
			for _, s := range readJUnit(t, asJUnit(t, r)) {
				for _, c := range s.Cases {
					for _, m := range []*readText{{Message: c.Name}, c.Failure, c.Error, c.Skipped} {
						if m != nil && (Clean(m.Message) != m.Message || strings.Contains(m.Message, "\ufffd") && !strings.Contains(text, "\ufffd")) {
							t.Fatalf("%q was made of %q", m.Message, text)
						}
					}
				}
			}
		}
	})
}

func TestJUnitCountsWhatItHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		suites := readJUnit(t, asJUnit(t, r))
		if n := len(suites); n != len(r.Plan.Targets) {
			t.Fatalf("%d suites of %d targets, and nothing is said about the run", n, len(r.Plan.Targets))
		}
		for i, s := range suites {
			p := &r.Plan.Targets[i]
			inSync := max(0, p.InSync-1) // of which one test stands for all
			failures, errs, skips := 0, 0, 0
			seen := map[string]bool{}
			for _, c := range s.Cases {
				if seen[c.Name] || c.Class != s.Name {
					t.Fatalf("test %s of %s is there twice, or elsewhere:\n%+v", c.Name, c.Class, s)
				}
				seen[c.Name] = true
				switch {
				case c.Failure != nil:
					failures++
				case c.Error != nil:
					errs++
				case c.Skipped != nil:
					skips++
				}
			}
			if s.Tests != inSync+len(s.Cases) || s.Failures != failures || s.Errors != errs || s.Skipped != skips {
				t.Fatalf("tests=%d failures=%d errors=%d skipped=%d, and it holds %d, %d, %d, %d", s.Tests, s.Failures, s.Errors, s.Skipped, inSync+len(s.Cases), failures, errs, skips)
			}
			for _, c := range p.Changes {
				if !seen[c.Name.String()] {
					t.Fatalf("%s is not there", c.Name)
				}
			}
			counts := p.Counts()
			if r.Outcome == nil && failures != counts.Changes()+counts.MissingFunctions+counts.MissingQualifiers {
				t.Fatalf("%d failures of %+v", failures, counts)
			}
			if o := r.Outcome.Of(p.Target); o != nil {
				one := reconcile.Outcome{Targets: []reconcile.TargetOutcome{*o}}
				if n := one.Counts(); errs < n.Failed+n.NotAttempted+n.Stale {
					t.Fatalf("%d errors of %+v", errs, n)
				}
			}
		}
	})
}

// full is a writer that has room for so many bytes.
type full struct{ room int }

var errFull = errors.New("disk full")

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.room {
		return 0, errFull
	}
	f.room -= len(b)
	return len(b), nil
}

func TestJUnitTellsWhenItCannotWrite(t *testing.T) {
	r := scenarios[0].run(t)
	whole := len(asJUnit(t, r))
	for _, room := range []int{0, 10, 100, whole - 1} {
		if err := JUnit(&full{room}, r); !errors.Is(err, errFull) || !strings.HasPrefix(fmt.Sprint(err), "write the JUnit report: ") {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
	}
}
