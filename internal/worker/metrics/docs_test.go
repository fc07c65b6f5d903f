package metrics

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
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

// TestAlertRules holds the alarms that are given away to the metrics that are
// served, and rings each in the situation that it is for.
func TestAlertRules(t *testing.T) {
	const rules, situations = "../../../deploy/prometheus/alerts.yaml", "../../../deploy/prometheus/alerts_test.yaml"
	data, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	rung, err := os.ReadFile(situations)
	if err != nil {
		t.Fatal(err)
	}
	families, err := filled().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\beventinvoke_[a-z_]+\b`).FindAllString(string(data), -1) {
		if !slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == m }) {
			t.Errorf("%s is in an alarm and not served", m)
		}
	}
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
