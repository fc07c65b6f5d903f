package metrics

import (
	"os"
	"regexp"
	"slices"
	"testing"
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
