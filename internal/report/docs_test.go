package report

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

const docs = "../../docs/output.md"

func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// contract says which type each section of the document describes.
var contract = map[string]any{
	"fleet":        FleetInfo{},
	"summary":      summaryJSON{},
	"targets":      targetSummaryJSON{},
	"items":        itemJSON{},
	"fields":       fieldJSON{},
	"origin":       OriginJSON{},
	"error":        callerr.Error{},
	"unreadable":   findingJSON{},
	"breaches":     breachJSON{},
	"unjudged":     unjudgedJSON{},
	"destinations": destinationJSON{},
	"uses":         useJSON{},
	"unavailable":  unavailableJSON{},
	"undeclared":   undeclaredJSON{},
	"ignored":      ignoredJSON{},
	"guard":        guardJSON{},
	"warnings":     desired.Problem{},
	"api":          apiJSON{},
	"api.targets":  targetAPIJSON{},
	"authors":      authorJSON{},
	"unsearched":   unsearchedJSON{},
	"fights":       fightJSON{},
}

// tags are the JSON names of a struct's fields, in order.
func tags(t reflect.Type) []string {
	if t == reflect.TypeFor[desired.Problem]() { // spells itself
		text, _ := json.Marshal(desired.Problem{})
		var names []string
		for _, m := range regexp.MustCompile(`"([a-z]+)":`).FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
		return names
	}
	var names []string
	for f := range t.Fields() {
		switch {
		case f.Anonymous:
			names = append(names, tags(f.Type)...)
		case f.IsExported() && f.Tag.Get("json") != "-":
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

// A section is a list. An item names one or several fields; those of a config are
// named once for all sections.
var (
	fieldItem    = regexp.MustCompile("^- (`[a-z0-9_]+`(?:, `[a-z0-9_]+`)*)(?::|$)")
	fieldName    = regexp.MustCompile("`([a-z0-9_]+)`")
	configFields = "- [config](#config)"
)

// section is the field names in the list below a heading.
func section(text, heading string) []string {
	_, rest, _ := strings.Cut(text, "\n### "+heading+"\n")
	rest, _, _ = strings.Cut(rest, "\n#")
	var names []string
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		if line == configFields {
			names = append(names, section(text, "config")...)
		} else if m := fieldItem.FindStringSubmatch(line); m != nil {
			for _, name := range fieldName.FindAllStringSubmatch(m[1], -1) {
				names = append(names, name[1])
			}
		}
	}
	return names
}

func TestDocsListEveryField(t *testing.T) {
	text := readDocs(t)
	for heading, v := range contract {
		if diff := cmp.Diff(tags(reflect.TypeOf(v)), section(text, heading)); diff != "" {
			t.Errorf("%s, section %s (-code +docs):\n%s", docs, heading, diff)
		}
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^  "([a-z_]+)": `).FindAllSubmatch(asJSON(t, example(t)), -1) {
		names = append(names, string(m[1]))
	}
	if diff := cmp.Diff(names, section(text, "document")); diff != "" {
		t.Errorf("%s, section document (-code +docs):\n%s", docs, diff)
	}
}

// example is the run that the docs show.
func example(t testing.TB) *Run {
	f := resolve(t, `version: 1
targets:
  - name: prod
    account: "111111111111"
    regions: [eu-west-1]
rules:
  - match: {functions: ["*"]}
    set:
      maximum_retry_attempts: 0
      on_failure: arn:aws:sqs:eu-west-1:111111111111:async-dlq
ignore:
  - functions: ["*-canary"]
`, desired.Inventory{prod: {Functions: []string{"billing", "checkout", "mailer", "orders-canary"}}})
	r := newRun("apply", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) {
		switch l.Function {
		case "billing":
			l.Records = nil
		case "checkout":
			holding(l, reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(0)})
		}
	}))
	r = applied(r, func(result *reconcile.ChangeResult) {
		if result.Function == "checkout" {
			result.Status, result.Err = reconcile.Failed, refusedDestination(result.Name, 1)
		}
	})
	r.Surveyed, r.Finished = r.Started.Add(240*time.Millisecond), r.Started.Add(410*time.Millisecond)
	r.API[0].Operations = []reconcile.OperationCount{
		{Name: "ListFunctionEventInvokeConfigs", Calls: 4, OK: 3, Throttled: 1},
		{Name: "PutFunctionEventInvokeConfig", Calls: 1, OK: 1},
		{Name: "UpdateFunctionEventInvokeConfig", Calls: 1, Refused: 1},
	}
	r.API[0].Limiter = ratelimit.Snapshot{
		Rate: 10.8, Ceiling: 13.5, Decreases: 1, Throttled: 1, Busy: 500 * time.Millisecond, Tokens: [4]int64{3, 1, 2},
	}
	return r
}

var fence = regexp.MustCompile("(?s)(<!-- (example\\.[a-z]+) -->\n```[a-z]+\n)(.*?)(```)")

func TestDocsShowWhatIsPrinted(t *testing.T) {
	text := readDocs(t)
	printed := map[string][]byte{
		"example.json": asJSON(t, example(t)),
	}
	var seen []string
	fresh := fence.ReplaceAllStringFunc(text, func(block string) string {
		m := fence.FindStringSubmatch(block)
		seen = append(seen, m[2])
		return m[1] + string(printed[m[2]]) + m[4]
	})
	slices.Sort(seen)
	if diff := cmp.Diff([]string{"example.json"}, seen); diff != "" {
		t.Fatalf("%s has other examples (-want +got):\n%s", docs, diff)
	}
	if *update {
		if err := os.WriteFile(docs, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, fresh); diff != "" {
		t.Errorf("%s shows other output (-docs +printed); run: go test ./internal/report -update\n%s", docs, diff)
	}
}

func TestDocsShowTheStableLines(t *testing.T) {
	text := readDocs(t)
	for _, line := range []string{
		planLine(reconcile.PlanCounts{Creates: 3, Updates: 412, Ignored: 9}, false),
		outcomeLine(reconcile.OutcomeCounts{Created: 3, Updated: 412}),
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%s does not show %q", docs, line)
		}
	}
	long := planLine(reconcile.PlanCounts{NotExamined: 2, MissingFunctions: 1}, false)
	if !strings.HasSuffix(long, ", 2 not examined.") {
		t.Errorf("%q does not end as %s says", long, docs)
	}
}

func TestEveryKindIsInTheDocs(t *testing.T) {
	text := readDocs(t)
	for kind := callerr.Unknown; kind <= callerr.BadAnswer; kind++ {
		if !strings.Contains(text, "`"+kind.String()+"`") {
			t.Errorf("%s does not name the kind %s", docs, kind)
		}
	}
}

func TestNoListIsEverNull(t *testing.T) {
	for _, s := range scenarios {
		r := s.run(t)
		r.Fleet.Files, r.API, r.Guard = nil, nil, nil
		// The number of unreadable configs may be null, for unknown; their list may not.
		out := bytes.ReplaceAll(asJSON(t, r), []byte(`"unreadable":null,"unreadable_targets"`), nil)
		for _, name := range []string{"files", "targets", "items", "fields", "unreadable", "missing", "undeclared", "orphans", "latest_only", "ignored", "guard", "warnings", "operations", "related"} {
			if bytes.Contains(out, []byte(`"`+name+`":null`)) || bytes.Contains(out, []byte(`"`+name+`": null`)) {
				t.Errorf("%s: %s is null", s.name, name)
			}
		}
	}
}
