package metrics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

var metricName = regexp.MustCompile("`(eventinvoke_[a-z_]+)`")

// TestTheDocumentationNamesTheMetrics keeps the table in docs/worker.md equal to
// what is served.
func TestTheDocumentationNamesTheMetrics(t *testing.T) {
	data, err := os.ReadFile("../../../docs/worker.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range metricName.FindAllStringSubmatch(string(data), -1) {
		documented = append(documented, m[1])
	}
	families, err := filled().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, f := range families {
		served = append(served, f.GetName())
		if !slices.Contains(documented, f.GetName()) {
			t.Errorf("%s is served and not in docs/worker.md", f.GetName())
		}
	}
	for _, name := range documented {
		if !slices.Contains(served, name) {
			t.Errorf("%s is in docs/worker.md and not served", name)
		}
	}
}

// What is counted in JSON has the same names here: a target's are among those of its form in
// JSON, and an outcome is a column of its calls, in the singular. The page names all of them.
func TestNamesAreThoseOfJSON(t *testing.T) {
	page, err := os.ReadFile("../../../docs/worker.md")
	if err != nil {
		t.Fatal(err)
	}
	var columns, outcomes []string
	for f := range reflect.TypeFor[reconcile.OperationCount]().Fields() {
		if f.Name != "Name" && f.Name != "Calls" {
			columns = append(columns, strings.TrimSuffix(f.Tag.Get("json"), "s"))
		}
	}
	for o := ratelimit.OK; o < ratelimit.Cancelled; o++ {
		outcomes = append(outcomes, o.String())
	}
	if slices.Sort(columns); !slices.Equal(columns, slices.Sorted(slices.Values(outcomes))) {
		t.Errorf("JSON counts %q, and outcomes are %q", columns, outcomes)
	}
	if line := "by `operation` and `outcome`: `" + strings.Join(outcomes, "`, `") + "`\n"; !strings.Contains(string(page), line) {
		t.Errorf("docs/worker.md lacks %q", line)
	}
	if labels := "With labels `label` (its name in the fleet file), `account` and `region`:"; !strings.Contains(string(page), labels) {
		t.Errorf("docs/worker.md lacks %q", labels)
	}
	for _, emf := range []bool{false, true} {
		has := map[string]string{}
		if emf {
			var out bytes.Buffer
			if err := (EMF{Out: &out}).Passed(aPass()); err != nil {
				t.Fatal(err)
			}
			var line map[string]any
			if err := json.Unmarshal(bytes.Split(out.Bytes(), []byte("\n"))[1], &line); err != nil {
				t.Fatal(err)
			}
			for name, v := range line {
				if text, ok := v.(string); ok {
					has[name] = text
				}
			}
		} else {
			families, err := filled().registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "eventinvoke_target_up" {
					for _, l := range f.GetMetric()[0].GetLabel() {
						has[l.GetName()] = l.GetValue()
					}
				}
			}
		}
		if has["label"] != "prod" || has["account"] != ireland.Account || has["region"] == "" || has["target"] != "" {
			t.Errorf("EMF: %v: a target has %q", emf, has)
		}
	}
}

// TestAlertRules holds the alarms that are given away to the metrics that are
// served, and rings each in the situation that it is for.
func TestAlertRules(t *testing.T) {
	const rules, situations = "../../../deploy/helm/eventinvoke/files/alerts.yaml", "../../../deploy/prometheus/alerts_test.yaml"
	data, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	rung, err := os.ReadFile(situations)
	if err != nil {
		t.Fatal(err)
	}
	checkServed(t, rules, data)
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(data), -1) {
		if !strings.Contains(string(rung), `alertname="`+m[1]+`"`) {
			t.Errorf("no situation rings %s", m[1])
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: apt-get install prometheus")
	}
	if out, err := exec.Command(promtool, "test", "rules", situations).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheDashboardShowsWhatIsServed holds each query of the Grafana dashboard to the
// metrics and labels that there are.
func TestTheDashboardShowsWhatIsServed(t *testing.T) {
	const file = "../../../deploy/helm/eventinvoke/files/dashboard.json"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
			GridPos struct{ X, Y, W, H int }
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil || len(dashboard.Panels) < 10 {
		t.Fatalf("%d panels, %v", len(dashboard.Panels), err)
	}
	taken := map[[2]int]string{}
	var queries, legends strings.Builder
	for _, p := range dashboard.Panels {
		if len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s: %d queries, at %+v", p.Title, len(p.Targets), p.GridPos)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, q := range p.Targets {
			queries.WriteString(q.Expr + "\n")
			legends.WriteString(q.LegendFormat + "\n")
		}
	}
	checkServed(t, file, []byte(queries.String()+legends.String()))
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: apt-get install prometheus")
	}
	var rules strings.Builder
	rules.WriteString("groups: [{ name: dashboard, rules: [\n")
	for i, q := range strings.Split(strings.TrimSpace(queries.String()), "\n") {
		fmt.Fprintf(&rules, "{ record: q%d, expr: %q },\n", i, strings.ReplaceAll(q, "$__rate_interval", "5m"))
	}
	path := filepath.Join(t.TempDir(), "queries.yaml")
	if err := os.WriteFile(path, []byte(rules.String()+"]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// checkServed fails for a metric that is not served, and for a label that none has.
func checkServed(t *testing.T, file string, text []byte) {
	t.Helper()
	families, err := filled().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]bool{"job": true, "instance": true, "le": true}
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
			if m.Histogram != nil {
				for _, part := range []string{"_bucket", "_sum", "_count"} {
					names[f.GetName()+part] = true
				}
			}
		}
	}
	for _, name := range regexp.MustCompile(`\beventinvoke_[a-z_]+\b`).FindAllString(string(text), -1) {
		if !names[name] {
			t.Errorf("%s: %s is not served", file, name)
		}
	}
	for _, m := range regexp.MustCompile(`(?:by|on) \(([a-z_, ]+)\)|\b([a-z_]+)=~?\"|\{\{ *(?:\$labels\.)?([a-z_]+) *\}\}`).FindAllStringSubmatch(string(text), -1) {
		for _, label := range strings.FieldsFunc(strings.Join(m[1:], ","), func(r rune) bool { return r == ',' || r == ' ' }) {
			if !labels[label] {
				t.Errorf("%s: no metric has the label %s", file, label)
			}
		}
	}
}
