package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func asSARIF(t interface{ Fatal(...any) }, r *Run) []byte {
	var b bytes.Buffer
	if err := SARIF(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSARIF(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { golden(t, s.name+".sarif", opening(asSARIF(t, s.run(t)))) })
	}
}

type readSARIF struct {
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Rules []struct {
					ID                                      string
					ShortDescription, FullDescription, Help struct{ Text string }
				}
			}
		}
		Invocations []struct {
			ToolExecutionNotifications []struct{ Message struct{ Text string } }
		}
		Results []readResult
	}
}

type readResult struct {
	RuleID    string
	Level     string
	Message   struct{ Text string }
	Locations []struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI, URIBaseID string }
			Region           struct{ StartLine int }
		}
	}
	PartialFingerprints map[string]string
}

func parseSARIF(t interface{ Fatalf(string, ...any) }, out []byte) readSARIF {
	var doc readSARIF
	if err := json.Unmarshal(out, &doc); err != nil || doc.Version != "2.1.0" || len(doc.Runs) != 1 {
		t.Fatalf("%v:\n%s", err, out)
	}
	return doc
}

func TestSARIFHoldsWhateverThingsAreCalled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawHostile(t)
		for _, r := range append(hostileRuns(text), drawRun(t)) {
			out := asSARIF(t, r)
			run := parseSARIF(t, out).Runs[0]
			rules, prints := map[string]bool{}, map[string]bool{}
			for _, rule := range run.Tool.Driver.Rules {
				if rule.ShortDescription.Text == "" || rule.FullDescription.Text == "" || rule.Help.Text == "" {
					t.Fatalf("rule %q says nothing", rule.ID)
				}
				rules[rule.ID] = true
			}
			for _, result := range run.Results {
				mark := result.PartialFingerprints["primaryLocationLineHash"]
				if !rules[result.RuleID] || result.Message.Text == "" && text != "" || Clean(result.Message.Text) != result.Message.Text || prints[mark] || mark == "" {
					t.Fatalf("%+v", result)
				}
				prints[mark] = true
				for _, l := range result.Locations {
					at := l.PhysicalLocation
					u, err := url.Parse(at.ArtifactLocation.URI)
					if err != nil || at.Region.StartLine < 1 || (at.ArtifactLocation.URIBaseID == "") != (u.Scheme == "file") {
						t.Fatalf("%v: %+v", err, at)
					}
					if want := path.Clean(text); u.Path != want && u.Path != "./"+want && u.Path != "/"+strings.TrimPrefix(want, "/") {
						t.Fatalf("%q is in %q", text, at.ArtifactLocation.URI)
					}
				}
			}
		}
	})
}

func scenarioOf(t *testing.T, name string) *Run {
	for _, s := range scenarios {
		if s.name == name {
			return s.run(t)
		}
	}
	t.Fatalf("no scenario is called %s", name)
	return nil
}

func TestSARIFLevelIsTheRisk(t *testing.T) {
	for of, levels := range map[string]map[string]string{
		"drift":             {"checkout:live": "error", "legacy-report": "error", "orders-007": "note"},
		"undeclared-delete": {"orders-000:blue": "warning"},
		"missing":           {"mailer": "error", "checkout:live": "error", "orders-003:old": "note"},
	} {
		for _, result := range parseSARIF(t, asSARIF(t, scenarioOf(t, of))).Runs[0].Results {
			name, _, _ := strings.Cut(result.Message.Text, " ")
			if level, ok := levels[name]; ok && level != result.Level {
				t.Errorf("%s: %s is of level %s, want %s: %s", of, name, result.Level, level, result.Message.Text)
			}
			delete(levels, name)
		}
		if len(levels) > 0 {
			t.Errorf("%s: no result about %v", of, levels)
		}
	}
}

// prints are the fingerprints of a run with their lines.
func prints(t *testing.T, r *Run) (marks []string, lines []int) {
	for _, result := range parseSARIF(t, asSARIF(t, r)).Runs[0].Results {
		marks = append(marks, result.PartialFingerprints["primaryLocationLineHash"])
		lines = append(lines, result.Locations[0].PhysicalLocation.Region.StartLine)
	}
	return marks, lines
}

func TestFingerprintsStayWhenLinesMove(t *testing.T) {
	run := func(yaml string) *Run {
		f := resolve(t, yaml, desired.Inventory{prod: {Functions: []string{"checkout", "legacy-report", "mailer", "orders-1", "orders-2"}}})
		f.Warnings = desired.Problems{{Pos: desired.Pos{File: "fleet.yaml", Line: strings.Count(yaml, "\n")}, Code: "EI031", Message: "m"}}
		return newRun("plan", f, inAWS(f, drifted))
	}
	before, at := prints(t, run(fleetYAML))
	after, moved := prints(t, run(strings.Replace(fleetYAML, "version: 1\n", "version: 1\n\n\n", 1)))
	if diff := cmp.Diff(before, after); diff != "" || len(before) != 6 {
		t.Errorf("two empty lines change %d fingerprints:\n%s", len(before), diff)
	}
	for i := range at {
		if moved[i] != at[i]+2 {
			t.Errorf("a result at line %d is now at %d", at[i], moved[i])
		}
	}
}

func TestSARIFKeepsTheMostSevere(t *testing.T) {
	r := hostile("f")
	mild := reconcile.Change{Action: reconcile.Create, Want: &desired.Config{desired.OnFailure: desired.Text(dlq)}}
	bad := reconcile.Change{Action: reconcile.Create, Want: &desired.Config{desired.MaximumRetryAttempts: desired.Number(0)}}
	r.Warnings, r.Stopped, r.Refused = nil, "", nil
	r.Plan.Targets[0].Findings, r.Plan.Targets[0].Stopped = nil, nil
	for hidden, told := range map[int]string{1: "1 more result,", 7: "7 more results,"} {
		r.Plan.Targets[0].Changes = slices.Concat(slices.Repeat([]reconcile.Change{mild}, maxResults), slices.Repeat([]reconcile.Change{bad}, hidden))
		run := parseSARIF(t, asSARIF(t, r)).Runs[0]
		errs := 0
		for _, result := range run.Results {
			if result.Level == "error" {
				errs++
			}
		}
		if len(run.Results) != maxResults || errs != hidden {
			t.Errorf("%d results, %d of them errors; want %d and %d", len(run.Results), errs, maxResults, hidden)
		}
		if n := run.Invocations[0].ToolExecutionNotifications; len(n) != 1 || !strings.HasPrefix(n[0].Message.Text, "There is no room here for "+told) {
			t.Errorf("what has no room is counted as %+v", n)
		}
	}
}

func TestSARIFTellsWhenItCannotWrite(t *testing.T) {
	if err := SARIF(&full{10}, scenarios[0].run(t)); !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), "write the SARIF report: ") {
		t.Error(err)
	}
}
