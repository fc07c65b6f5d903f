package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// heapGauge looks at the live heap now and then while a run asks it for answers
// and writes its report. Everybody who calls waits meanwhile: what is allocated
// during a garbage collection counts as live.
type heapGauge struct {
	*awssim.World
	looking        sync.RWMutex
	calls, written atomic.Int64
	peak           uint64
}

func (g *heapGauge) Do(r *http.Request) (*http.Response, error) {
	if g.calls.Add(1)%20_000 == 0 {
		g.look()
	}
	g.looking.RLock()
	defer g.looking.RUnlock()
	return g.World.Do(r)
}

func (g *heapGauge) Write(b []byte) (int, error) {
	if before := g.written.Load() >> 24; g.written.Add(int64(len(b)))>>24 != before {
		g.look()
	}
	return len(b), nil
}

func (g *heapGauge) look() {
	g.looking.Lock()
	defer g.looking.Unlock()
	runtime.GC() // by its end all callers have come to their wait
	g.peak = max(g.peak, liveHeap())
}

// BenchmarkHundredThousandFunctions plans 100,000 functions of forty targets,
// all of which differ, and writes the plan as JSON. live-MB is the most that the
// process held, less what the simulator had at its start; the promise is 200.
// "same" declares 2,500 functions for all targets, "own" each function by an
// entry of its own. There is no quota: what is measured is memory, not pace.
func BenchmarkHundredThousandFunctions(b *testing.B) {
	const targets, functions = 40, 2500
	for _, row := range []struct {
		name  string
		entry func(target, function int) string
	}{
		{"same", func(target, function int) string {
			if target > 0 {
				return ""
			}
			return fmt.Sprintf("  - { name: service-%05d, maximum_retry_attempts: 0 }\n", function)
		}},
		{"own", func(target, function int) string {
			return fmt.Sprintf("  - { name: service-%05d, targets: [target-%02d], maximum_retry_attempts: 0 }\n", function, target)
		}},
	} {
		b.Run(row.name, func(b *testing.B) {
			scenario, fleet := estate(targets, functions)
			scenario.Latency, scenario.Quota, scenario.CallLog = 0, awssim.Quota{}, -1
			fleet, _, _ = strings.Cut(fleet, "functions:\n")
			path := filepath.Join(b.TempDir(), "fleet.yaml")
			f, err := os.Create(path)
			if err != nil {
				b.Fatal(err)
			}
			fmt.Fprint(f, fleet, "guard: { max_changes: 100% }\nfunctions:\n")
			for i := range targets {
				for j := range functions {
					fmt.Fprint(f, row.entry(i, j))
				}
			}
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				world, err := awssim.New(scenario)
				if err != nil {
					b.Fatal(err)
				}
				g := &heapGauge{World: world}
				before := liveHeap()
				a := &app{streams: streams{in: strings.NewReader(""), out: g, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
				o := &readOptions{
					simulate: "world", simulator: g,
					paceOptions:   paceOptions{quota: 100_000, share: 1},
					outputOptions: outputOptions{format: "json", color: "never", quiet: true},
				}
				if err := a.plan(b.Context(), []string{path}, o, false, ""); err != nil {
					b.Fatal(err)
				}
				if n := g.calls.Load(); n < targets*functions {
					b.Fatalf("%d calls were made: not all was read", n)
				}
				b.ReportMetric(float64(g.peak-before)/1e6, "live-MB")
			}
		})
	}
}
