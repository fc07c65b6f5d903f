package desired

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gopkg.in/yaml.v3"
)

// bigFleet is a fleet of exact entries over many files.
func bigFleet(fileCount, perFile int) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := range fileCount {
		var b strings.Builder
		b.WriteString("version: 1\n")
		if i == 0 {
			b.WriteString("targets:\n  - name: prod\n    account: \"111111111111\"\n    regions: [us-east-1]\n")
		}
		b.WriteString("defaults:\n  on_failure: arn:${partition}:sqs:${region}:${account}:async-dlq\nfunctions:\n")
		for j := range perFile {
			fmt.Fprintf(&b, "  - name: team%03d-service%03d\n    qualifier: live\n    maximum_retry_attempts: %d\n    maximum_event_age_in_seconds: %d\n",
				i, j, j%3, 60+j%50)
		}
		fsys[fmt.Sprintf("team%03d.yaml", i)] = &fstest.MapFile{Data: []byte(b.String())}
	}
	return fsys
}

// parseOnly is what yaml.v3 alone takes for the same bytes.
func parseOnly(b *testing.B, fsys fstest.MapFS) time.Duration {
	start := time.Now()
	for _, f := range fsys {
		var n yaml.Node
		if err := yaml.NewDecoder(bytes.NewReader(f.Data)).Decode(&n); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

// BenchmarkLoad reports, besides the time, how many times that is of parsing
// alone. Linear means that the time per entry does not grow with the fleet.
func BenchmarkLoad(b *testing.B) {
	for _, fileCount := range []int{2, 20, 200} {
		const perFile = 500
		b.Run(fmt.Sprint(fileCount*perFile), func(b *testing.B) {
			fsys := bigFleet(fileCount, perFile)
			var parsing time.Duration
			for b.Loop() {
				b.StopTimer()
				parsing += parseOnly(b, fsys)
				b.StartTimer()
				mustLoad(b, fsys)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(parsing), "x-parse")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*fileCount*perFile), "ns/entry")
		})
	}
}

// BenchmarkResolve is a thousand rules over a hundred thousand functions. The
// shapes are the kinds of pattern people write; "inside" and "gap" are the worst,
// where no rule can be ruled out by how a name begins or ends.
func BenchmarkResolve(b *testing.B) {
	const functions, rules = 100_000, 1000
	inv := TargetInventory{}
	for i := range functions {
		inv.Functions = append(inv.Functions, fmt.Sprintf("team%03d-service-%05d", i%1000, i))
	}
	for _, shape := range []struct{ name, pattern string }{
		{"prefix", "team%03d-*"},
		{"exact", "team%03[1]d-service-%05[1]d"},
		{"suffix", "*%03d"},
		{"inside", "*%03d-service*"},
		{"gap", "*service-?%03d*"},
	} {
		b.Run(shape.name, func(b *testing.B) {
			var y strings.Builder
			y.WriteString("version: 1\ndefaults: { maximum_event_age_in_seconds: 3600 }\nrules:\n")
			for i := range rules {
				pattern := strings.Split(fmt.Sprintf(shape.pattern, i), "%!")[0]
				fmt.Fprintf(&y, "  - match: { functions: [%q] }\n    set: { maximum_retry_attempts: %d }\n", pattern, i%3)
			}
			d := mustLoad(b, oneFile(y.String()))
			for b.Loop() {
				mustResolve(b, d, east, Inventory{east: inv})
			}
		})
	}
}
