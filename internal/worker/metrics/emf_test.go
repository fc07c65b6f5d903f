package metrics

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEMF(t *testing.T) {
	part := aPass()
	part.Scope, part.Result.Outcome = worker.ScopeOf([]worker.Trigger{{Object: worker.Object{Target: ireland, Function: "a"}}}), nil
	part.Result.Plan = &reconcile.Plan{Targets: part.Result.Plan.Targets[:1]}
	var out bytes.Buffer
	for _, r := range []worker.Report{aPass(), part, {Scope: worker.Scope{All: true}, Started: ten, Finished: ten, Result: worker.Result{Err: os.ErrPermission}}} {
		if err := (EMF{Out: &out, Function: "eventinvoke"}).Passed(r); err != nil {
			t.Fatal(err)
		}
	}
	const golden = "testdata/emf.jsonl"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the lines are\n%s\nwant\n%s", out.String(), want)
	}
	lines := bufio.NewScanner(&out)
	for lines.Scan() {
		checkEMF(t, lines.Bytes())
	}
}

// units are those of the metrics here, of the many that CloudWatch knows.
var units = []string{"Count", "Seconds"}

// checkEMF holds one line to the rules of CloudWatch's specification: what must be
// there, how much of it, and that every name leads to a value of the right kind.
func checkEMF(t *testing.T, line []byte) {
	t.Helper()
	var root map[string]json.RawMessage
	if err := json.Unmarshal(line, &root); err != nil || len(line) > 256<<10 {
		t.Fatalf("%d bytes, %v", len(line), err)
	}
	var metadata struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(root["_aws"]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&metadata); err != nil || metadata.Timestamp <= 0 || len(metadata.CloudWatchMetrics) == 0 {
		t.Fatalf("_aws: %v: %s", err, line)
	}
	for _, d := range metadata.CloudWatchMetrics {
		if n := len(d.Namespace); n < 1 || n > 1024 || len(d.Dimensions) == 0 || len(d.Metrics) == 0 || len(d.Metrics) > 100 {
			t.Errorf("namespace %q, %d sets of dimensions, %d metrics", d.Namespace, len(d.Dimensions), len(d.Metrics))
		}
		for _, set := range d.Dimensions {
			if len(set) > 30 {
				t.Errorf("a set of %d dimensions", len(set))
			}
			for _, key := range set {
				var value string
				// The bound on what one account pays for: nothing that grows with the fleet's functions.
				if json.Unmarshal(root[key], &value) != nil || value == "" || len(value) > 1024 || !slices.Contains([]string{"function", "account", "region"}, key) {
					t.Errorf("the dimension %q is %s", key, root[key])
				}
			}
		}
		for _, m := range d.Metrics {
			var one float64
			var many []float64
			if json.Unmarshal(root[m.Name], &one) != nil && json.Unmarshal(root[m.Name], &many) != nil || len(many) > 100 {
				t.Errorf("the metric %q is %s", m.Name, root[m.Name])
			}
			if len(m.Name) > 1024 || !slices.Contains(units, m.Unit) {
				t.Errorf("the metric %q in %q", m.Name, m.Unit)
			}
		}
	}
}

// TestEMFNamesAreThoseOfPrometheus: a metric here is one there, with the value of a
// label behind it.
func TestEMFNamesAreThoseOfPrometheus(t *testing.T) {
	families, err := filled().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/emf.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`"Name":"(\w+)"`).FindAllStringSubmatch(string(golden), -1) {
		known := name[1] == "eventinvoke_passes_complete" || name[1] == "eventinvoke_passes_incomplete" // outcomes
		for _, f := range families {
			base := strings.TrimSuffix(f.GetName(), "_total")
			known = known || name[1] == base
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					known = known || name[1] == base+"_"+l.GetValue()
				}
			}
		}
		for _, s := range statuses() {
			known = known || name[1] == "eventinvoke_corrections_"+s
		}
		for _, a := range []reconcile.Action{reconcile.Create, reconcile.Update, reconcile.Delete} {
			known = known || name[1] == "eventinvoke_drift_found_"+a.String()
		}
		if !known {
			t.Errorf("%s has no counterpart", name[1])
		}
	}
}

func statuses() []string {
	var all []string
	for s := reconcile.NotAttempted; s <= reconcile.AlreadySo; s++ {
		all = append(all, s.String())
	}
	return all
}
