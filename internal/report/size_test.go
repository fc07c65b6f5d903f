package report

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// large is a run whose plan changes n functions alike.
func large(t testing.TB, n int) *Run {
	f := resolve(t, "version: 1\nrules:\n  - match: {functions: [\"*\"]}\n    set: {maximum_retry_attempts: 0, on_failure: "+dlq+"}\n",
		desired.Inventory{prod: {Functions: func() []string {
			names := make([]string, n)
			for i := range names {
				names[i] = fmt.Sprintf("function-%06d", i)
			}
			return names
		}()}})
	r := newRun("plan", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) { l.Records = nil }))
	if got := r.Plan.Counts().Creates; got != n {
		t.Fatalf("the plan has %d changes, want %d", got, n)
	}
	return r
}

// gauge measures the live heap while a document of some megabytes passes by.
type gauge struct {
	total, largest int
	next           int
	base, peak     uint64
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (g *gauge) Write(b []byte) (int, error) {
	g.total += len(b)
	g.largest = max(g.largest, len(b))
	if g.total >= g.next {
		g.next += 4 << 20
		g.peak = max(g.peak, liveHeap())
	}
	return len(b), nil
}

func TestJSONHoldsNoSecondCopy(t *testing.T) {
	r := large(t, 30_000)
	g := &gauge{next: 2 << 20, base: liveHeap()}
	if err := JSON(g, r); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(r)
	if g.total < 8<<20 {
		t.Fatalf("the document has %d bytes: too small to tell anything", g.total)
	}
	if g.peak > g.base+1<<20 {
		t.Errorf("%d KiB more were live while %d MiB were written, want less than 1 MiB", (g.peak-g.base)>>10, g.total>>20)
	}
	if g.largest > 64<<10 {
		t.Errorf("a single write of %d KiB: the document was gathered before it was written", g.largest>>10)
	}
}

func BenchmarkJSON100k(b *testing.B) {
	r := large(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := JSON(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkText100k(b *testing.B) {
	r := large(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := Text(io.Discard, r, TextOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTextMixed50k(b *testing.B) {
	r := mixed(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := Text(io.Discard, r, TextOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// However often a page is begun anew in less detail, its changes are compared once.
func TestTextComparesChangesOnce(t *testing.T) {
	const each, most = 2000, 40 // allocations for each change: 62 where each page compared them
	r := mixed(t, each)
	allocations := testing.AllocsPerRun(3, func() {
		if err := Text(io.Discard, r, TextOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	if n := allocations / (5 * each); n > most {
		t.Errorf("%.0f allocations for each change, want at most %d", n, most)
	}
}
