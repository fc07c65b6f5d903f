package desired

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

// hostile is a file that is made while it is read, so that it takes no memory of
// its own: a part, said so often, between a head and a tail.
func hostile(head, part string, times int, tail string) io.Reader {
	return io.MultiReader(strings.NewReader(head), &repeated{part: part, left: len(part) * times}, strings.NewReader(tail))
}

type repeated struct {
	part string
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && r.left > 0 {
		at := len(r.part) - 1 - (r.left-1)%len(r.part)
		c := copy(p[n:], r.part[at:])
		n, r.left = n+c, r.left-c
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// peak is the most live heap, by the reckoning of the collector's every cycle,
// that work held beyond what was there before.
func peak(t *testing.T, work func()) uint64 {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtime.GC()
	metrics.Read(live)
	before := live[0].Value.Uint64()
	var most atomic.Uint64
	var done atomic.Bool
	var onCycle func()
	onCycle = func() {
		if done.Load() {
			return
		}
		now := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(now)
		most.Store(max(most.Load(), now[0].Value.Uint64()))
		runtime.SetFinalizer(new([16]byte), func(*[16]byte) { onCycle() })
	}
	onCycle()
	work()
	runtime.GC()
	done.Store(true)
	return most.Load() - min(before, most.Load())
}

// Files that were made to hurt, or by a generator gone wrong, end soon, in
// bounded memory, with a problem that says what to do.
func TestHostileFilesEndInBoundedMemory(t *testing.T) {
	if raceDetector {
		t.Skip("memory is measured without the race detector: go test ./desired, which CI runs as well")
	}
	const valid = "version: 1\nfunctions:\n  - { name: f, maximum_retry_attempts: 0 }\n"
	for _, tt := range []struct {
		why  string
		file io.Reader
		code string
		most uint64 // MiB
	}{
		{"50 MB of entries", hostile("version: 1\nfunctions:\n", "  - { name: f, maximum_retry_attempts: 0 }\n", 50<<20/43, ""), codeTooLarge, 64},
		{"50 MB without a line end", hostile("version: 1\nx: ", "y", 50<<20, ""), codeTooLarge, 64},
		{"15 MB of the smallest values", hostile("version: 1\nfunctions: [", "a,", 15<<19, "]\n"), codeTooLarge, 64},
		{"15 MB of the smallest lines", hostile("version: 1\nfunctions:\n", "- a\n", 15<<18, ""), codeTooLarge, 64},
		{"15 MB of lists in a list", hostile("version: 1\nfunctions: [", "[],", 5<<20, "]\n"), codeTooLarge, 64},
		{"an eighth of the values that are read at most", hostile("version: 1\nfunctions: {", "a,", maxValues/16, "}\n"), codeWrongType, 125},
		{"10,000 lists in lists", hostile("version: 1\nfunctions: ", "[", 10_000, ""), codeSyntax, 64},
		{"10,000 lists in lists, closed", hostile("version: 1\nfunctions: "+strings.Repeat("[", 9990), "]", 9990, "\n"), codeWrongType, 64},
		{"100,000 mappings in mappings", hostile("version: 1\nfunctions: ", "{a: ", 100_000, ""), codeSyntax, 64},
		{"10,000 lists by dashes", hostile("version: 1\nfunctions:\n", "- ", 10_001, "x\n"), codeSyntax, 64},
		{"aliases of aliases, a billion values", strings.NewReader(laughs()), codeUnknownKey, 64},
		{"one long list, named 5,000 times", strings.NewReader(namedOften()), codeTooManyAliases, 64},
		{"100,000 problems", hostile("version: 1\nfunctions:\n", "  - { name: f, maximum_retry_attempts: 9 }\n", 100_000, ""), codeTooManyProblems, 200},
		{"100,000 unknown keys", hostile(valid, "unknown: 1\n", 100_000, ""), codeTooManyProblems, 200},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var err error
			used := peak(t, func() { _, err = Loader{Stdin: tt.file}.LoadFiles(stdinPath) })
			t.Logf("%d MiB", used>>20)
			ps, ok := err.(Problems)
			if !ok {
				t.Fatalf("the error is %T: %.300v", err, err)
			}
			found := false
			for _, p := range ps {
				found = found || p.Code == tt.code
				if p.Hint == "" || len(p.Message) > 500 {
					t.Errorf("a problem of no use: %.600v", p)
				}
			}
			if !found || len(ps) > maxShown+1 {
				t.Errorf("%d problems, without %s: %.500v", len(ps), tt.code, err)
			}
			if used > tt.most<<20 {
				t.Errorf("%d MiB were live at once, want at most %d", used>>20, tt.most)
			}
		})
	}
}

// laughs is the billion laughs: ten lists of ten of the one before.
func laughs() string {
	var b strings.Builder
	b.WriteString("version: 1\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	b.WriteString("functions: *a9\n")
	return b.String()
}

func namedOften() string {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n  - &r { set: { maximum_retry_attempts: 0 }, match: { functions: [x")
	for i := range 5000 {
		fmt.Fprintf(&b, ",f%d", i)
	}
	b.WriteString("] } }\n" + strings.Repeat("  - *r\n", 5000))
	return b.String()
}

// The estimate may be too high, never too low: it is what bounds the memory.
func TestValuesAreNeverUnderestimated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("a0 \n\t[]{},:-?\"'&*!|>#%")), 0, 40, -1).Draw(t, "text")
		nodes := 0
		_ = parse([]byte(text), func(root *yaml.Node) { nodes += countNodes(root) - 1 })
		if got := values([]byte(text)); got < nodes {
			t.Fatalf("%q has %d values, and %d were expected", text, nodes, got)
		}
	})
}

func countNodes(n *yaml.Node) int {
	sum := 1
	for _, c := range n.Content {
		sum += countNodes(c)
	}
	return sum
}
