package report

import (
	"bytes"
	"encoding/json"
	"html"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// drawAnyRun is a run of which every kind of remark may be made.
func drawAnyRun(t *rapid.T) *Run {
	r := drawRun(t)
	some := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
	for i := range r.Plan.Targets {
		p := &r.Plan.Targets[i]
		var names []desired.Name
		for j := range p.Findings {
			f := &p.Findings[j]
			f.Kind = reconcile.FindingKind(rapid.IntRange(0, int(reconcile.FindingLatestOnly)).Draw(t, "kind"))
			names = append(names, f.Name)
		}
		if r.Outcome != nil {
			results := r.Outcome.Targets[i].Results
			for j := range results {
				results[j].Status = reconcile.Status(rapid.IntRange(0, 5).Draw(t, "status"))
				names = append(names, results[j].Name)
			}
			r.Outcome.Targets[i].Stopped = drawError(t)
		} else if n := len(p.Changes); n > 0 && some("stale") {
			p.Stale = append(p.Stale, reconcile.StaleChange{Change: p.Changes[n-1]})
			p.Changes = p.Changes[:n-1]
		}
		for _, name := range names {
			if some("breach") {
				p.Breaches = append(p.Breaches, reconcile.Breach{Name: name, Requirement: &desired.Requirement{}, Violation: desired.Violation{Message: "it is 1"}, Now: true, Planned: some("planned")})
			}
			if some("unjudged") {
				p.Unjudged = append(p.Unjudged, reconcile.Unjudged{Function: name.Function, Err: drawError(t)})
			}
		}
		p.Unknown = p.Err != nil && some("unknown")
	}
	if some("warning") {
		r.Warnings = append(r.Warnings, desired.Problem{Pos: desired.Pos{File: "fleet.yaml", Line: 3}, Code: "EI031", Message: "something is odd"})
	}
	if some("unavailable") {
		r.Insights.Unavailable = append(r.Insights.Unavailable, insight.Unavailable{What: "who made it so", Err: denied(desired.Name{Function: "f"}, 1)})
	}
	if some("stopped") {
		r.Stopped = "interrupted"
	}
	if some("refused") && r.Outcome == nil {
		r.Refused = reconcile.ErrStrict
	}
	return r
}

// told is what a document says about configs, and about what is no config: how often which rule.
type told map[string]int

func (d told) add(target, name, rule string) {
	name, _, _ = strings.Cut(name, " (") // beside what is said about the config
	if target == "" || strings.HasPrefix(name, "(") || name == "" {
		name = "" // of the target or the run
	}
	d[target+" "+name+" "+rule]++
}

// toldByJSON is what the lists of a document hold that is not as it should be.
func toldByJSON(t *rapid.T, r *Run) (summary map[string]int, all told) {
	type key struct{ Account, Region, Function, Qualifier, Action, Status, Reason, Code string }
	var d struct {
		Summary                                                                       map[string]int
		Items, Unreadable, Missing, Undeclared, Orphans, Breaches, Unjudged, Warnings []key
		LatestOnly                                                                    []key `json:"latest_only"`
		Unavailable                                                                   []any
	}
	var b bytes.Buffer
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	statuses := map[string]int{}
	for _, item := range d.Items {
		statuses[item.Status]++
	}
	for status, want := range map[string]int{
		"planned": d.Summary["to_create"] + d.Summary["to_change"] + d.Summary["to_delete"], "applied": d.Summary["created"] + d.Summary["changed"] + d.Summary["deleted"],
		"stale": d.Summary["stale"], "not_attempted": d.Summary["not_attempted"],
	} {
		if got := statuses[status]; got != want && (status != "planned" || r.Outcome == nil) { // what was planned has ended by then
			t.Fatalf("%d items are %s, and the summary is %v", got, status, d.Summary)
		}
	}
	all = told{}
	put := func(list []key, rule func(key) string) {
		for _, k := range list {
			name := desired.Name{Function: k.Function, Qualifier: k.Qualifier}
			if name.Qualifier == "" {
				name.Qualifier = desired.Latest
			}
			if rule := rule(k); rule != "" {
				all.add(k.Account+"/"+k.Region, name.String(), rule)
			}
		}
	}
	of := func(rule string) func(key) string { return func(key) string { return rule } }
	put(d.Items, func(k key) string {
		switch k.Status {
		case "planned":
			return k.Action
		case "applied", "in_sync":
			return ""
		}
		return k.Status
	})
	for _, list := range [][]key{d.Unreadable, d.Missing, d.LatestOnly} {
		put(list, func(k key) string { return k.Reason })
	}
	put(d.Undeclared, of("undeclared"))
	put(d.Orphans, of("orphan"))
	put(d.Breaches, of("requirement"))
	put(d.Unjudged, of("unjudged"))
	return d.Summary, all
}

// Every format of one run tells the same numbers, and the same about the same configs.
func TestFormatsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawAnyRun(t)
		summary, want := toldByJSON(t, r)
		same := func(format string, got told) {
			got = maps.Clone(got)
			maps.DeleteFunc(got, func(k string, _ int) bool { return strings.Contains(k, "  ") }) // of no config
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s tells another thing than JSON (-json +it):\n%s", format, diff)
			}
		}

		junit := told{}
		failed := map[string]int{}
		for _, s := range readJUnit(t, asJUnit(t, r)) {
			for _, c := range s.Cases {
				for _, m := range []*readText{c.Failure, c.Error, c.Skipped} {
					if m != nil {
						junit.add(strings.Replace(s.Name, "eventinvoke", "", 1), c.Name, m.Type)
						failed[m.Type]++
					}
				}
			}
		}
		same("JUnit", junit)

		sarif, levels := told{}, map[string]int{}
		for _, result := range parseSARIF(t, asSARIF(t, r)).Runs[0].Results {
			name, rest, _ := strings.Cut(result.Message.Text, " in ")
			target, _, of := strings.Cut(rest, ": ")
			if !of || !strings.Contains(target, "/eu-west-1") {
				name, target = "()", ""
			}
			sarif.add(target, name, result.RuleID)
			if slices.Contains([]string{"create", "change", "delete"}, result.RuleID) {
				levels[result.Level]++
			}
		}
		same("SARIF", sarif)
		if diff := cmp.Diff(junit, sarif); diff != "" {
			t.Fatalf("SARIF tells another thing than JUnit (-junit +sarif):\n%s", diff)
		}

		document := asHTML(t, r)
		data, names := readRows(t, document)
		rows := 0
		for i := range names {
			if data.Kinds[int(data.Texts[data.Text[i]][0].(float64))][1] != "good" {
				rows++
			}
		}
		for _, n := range junit {
			rows -= n
		}
		if rows != 0 {
			t.Fatalf("the page has %d rows more than JUnit has tests that did not pass", rows)
		}

		// The numbers in words are those of the summary.
		n := func(names ...string) (sum int) {
			for _, name := range names {
				sum += summary[name]
			}
			return sum
		}
		if got := failed["failed"] + failed["mismatch"]; got != n("failed") {
			t.Fatalf("%d tests failed, and %d changes", got, n("failed"))
		}
		markdown := asMarkdown(t, r)
		_, headline, _ := strings.Cut(markdown, "**")
		headline, _, _ = strings.Cut(headline, "**")
		if !strings.Contains(document, `<p class="lead">`+headline+"</p>") || !strings.Contains(textOf(t, r), "\n"+headline+"\n") {
			t.Fatalf("Markdown says %q, and HTML or text another thing", headline)
		}
		numbers := regexp.MustCompile(`(\d+|unknown) ([a-z ]+)`).FindAllStringSubmatch(headline, -1)
		for _, number := range numbers {
			is := strconv.Itoa(n(strings.ReplaceAll(number[2], " ", "_")))
			if number[1] != is && number[1] != "unknown" {
				t.Fatalf("%q, and the summary of JSON says %v", headline, summary)
			}
		}
		if len(numbers) < 5 {
			t.Fatalf("%q has too few numbers", headline)
		}
		if risk := listed(some(levels["error"], "may lose events"), some(levels["warning"], "may run events twice"), some(levels["note"], "harmless")); r.Outcome == nil && risk != "" && !strings.Contains(markdown, "\nRisk: "+risk+".\n") {
			t.Fatalf("SARIF knows of %s, and Markdown of another risk:\n%s", risk, markdown)
		}
		kinds := map[string]int{}
		for _, m := range regexp.MustCompile(`<summary>.*: (create|change|delete|restore), (\d+) configs?(; [a-z ]+)?(?:: [a-z_, ]+)?</summary>`).FindAllStringSubmatch(markdown, -1) {
			configs, _ := strconv.Atoi(m[2])
			kinds[m[1]] += configs
			kinds[m[3]] += configs
		}
		if r.Outcome == nil && (kinds["create"] != n("to_create") || kinds["change"] != n("to_change") || kinds["delete"] != n("to_delete")) ||
			r.Outcome != nil && (kinds[""] != n("created", "changed", "deleted") || kinds["; failed"] != n("failed") || kinds["; stale"] != n("stale") || kinds["; not attempted"] != n("not_attempted")) {
			t.Fatalf("Markdown has %v, and the summary of JSON is %v", kinds, summary)
		}

		// A row of the page's table of targets is the sum of that target; all of them are the run's.
		cells := map[string]int{}
		for _, m := range regexp.MustCompile(`data-label="([A-Za-z ]+)">(\d+)<`).FindAllStringSubmatch(html.UnescapeString(document), -1) {
			number, _ := strconv.Atoi(m[2])
			cells[m[1]] += number
		}
		for label, want := range map[string]int{
			"To write": n("to_create", "to_change", "to_delete"), "Written": n("created", "changed", "deleted"), "Failed": n("failed"), "Not read": n("unreadable", "not_examined"),
		} {
			if cells[label] != want && !slices.ContainsFunc(r.Plan.Targets, func(t reconcile.TargetPlan) bool { return t.Unknown }) {
				t.Fatalf("%s: the page says %d, and JSON %d: %v", label, cells[label], want, summary)
			}
		}
	})
}
