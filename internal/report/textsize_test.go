package report

import (
	"runtime"
	"testing"
)

// The whole list of names is written as it is found: beside the plan there is an
// index of it, and no text.
func TestTextHoldsNoSecondCopy(t *testing.T) {
	const changes, most = 30_000, 64 // bytes held for each change
	r := large(t, changes)
	g := &gauge{next: 64 << 10, base: liveHeap()}
	if err := Text(g, r, TextOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(r)
	if g.total < changes*len("function-000000") {
		t.Fatalf("the text has %d bytes: not every function is in it", g.total)
	}
	if g.peak > g.base+changes*most {
		t.Errorf("%d bytes for each change were live, want at most %d", (g.peak-g.base)/changes, most)
	}
	if g.largest > 64<<10 {
		t.Errorf("a single write of %d KiB: the text was gathered before it was written", g.largest>>10)
	}
}
