package desired

import (
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"pgregory.net/rapid"
)

func TestGlobs(t *testing.T) {
	for _, row := range []struct {
		why, pattern string
		yes, no      []string
	}{
		{"a name is itself", "orders", []string{"orders"}, []string{"orders-eu", "my-orders", "Orders"}},
		{"a star is any text, also none", "orders-*", []string{"orders-", "orders-eu"}, []string{"orders"}},
		{"a star in front", "*-canary", []string{"a-canary", "-canary"}, []string{"canary", "a-canary-b"}},
		{"stars around", "*pay*", []string{"pay", "repay-all"}, []string{"pa-y"}},
		{"beginning and end may not overlap", "ab*ba", []string{"abba", "ab-ba"}, []string{"aba"}},
		{"a question mark is one character", "job-?", []string{"job-1"}, []string{"job-", "job-12"}},
		{"a range", "job-[0-9]", []string{"job-7"}, []string{"job-x", "job-77"}},
		{"none of", "job-[!0-9]*", []string{"job-x1"}, []string{"job-1"}},
		{"one of", "{orders,payments}-*", []string{"orders-a", "payments-b"}, []string{"refunds-a"}},
		{"braces in braces", "a{b,c{d,e}}f", []string{"abf", "acdf", "acef"}, []string{"acf"}},
		{"a star that has to try again", "*a*ab", []string{"aab", "xaxaab"}, []string{"ab", "aaba"}},
		{"two stars are one", "a**b", []string{"ab", "axb"}, []string{"a"}},
		{"a dot is a dot", "a.b*", []string{"a.bc"}, []string{"axbc"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			g, wrong := compileGlob(text{value: row.pattern})
			if wrong != nil {
				t.Fatal(wrong.message)
			}
			for _, name := range row.yes {
				if !g.match(name) {
					t.Errorf("%q does not match %q", row.pattern, name)
				}
			}
			for _, name := range row.no {
				if g.match(name) {
					t.Errorf("%q matches %q", row.pattern, name)
				}
			}
		})
	}
	for _, row := range []struct{ why, pattern, message string }{
		{"an open range", "a[b", "has [ without ]"},
		{"an empty range", "a[]b", "has an empty [ ]"},
		{"a range backwards", "[z-a]", "has the range z-a, which is empty"},
		{"an open brace", "{a,b", "has { without }"},
		{"a brace that was never opened", "a,b}", "has } without {"},
		{"a qualifier", "orders:live", "has a colon, which no function name has"},
		{"a path", "orders/*", `has "/", which no function name has`},
		{"more alternatives than memory is worth", strings.Repeat("{a,b}", 20), "stands for more than 256 patterns"},
		{"a pattern without end", strings.Repeat("a", 600), "is too long"},
	} {
		t.Run(row.why, func(t *testing.T) {
			if _, wrong := compileGlob(text{value: row.pattern}); wrong == nil || !strings.Contains(wrong.message, row.message) {
				t.Errorf("%q: %+v", row.pattern, wrong)
			}
		})
	}
}

// The matcher agrees with a matcher that somebody else wrote, and the index
// finds exactly what trying every pattern finds.
func TestGlobsAgreeWithDoublestar(t *testing.T) {
	patterns := rapid.StringMatching(`(a|b|-|\*|\?|\[ab\]|\[!a\]|\{a,b\*\}){1,7}`)
	names := rapid.StringMatching(`[ab-]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		written := rapid.SliceOfN(patterns, 1, 5).Draw(t, "patterns")
		name := names.Draw(t, "name")
		index := newSelectorIndex()
		var want []int
		for i, p := range written {
			g, wrong := compileGlob(text{value: p})
			if wrong != nil {
				t.Fatal(wrong.message)
			}
			// doublestar gives ** a meaning of its own.
			single := p
			for strings.Contains(single, "**") {
				single = strings.ReplaceAll(single, "**", "*")
			}
			expected, err := doublestar.Match(single, name)
			if err != nil {
				t.Fatal(err)
			}
			if got := g.match(name); got != expected {
				t.Fatalf("%q on %q: %v, doublestar says %v", p, name, got, expected)
			}
			if expected {
				want = append(want, i)
			}
			index.add(&selector{functions: []glob{g}})
		}
		got := index.find(name, nil)
		if len(got) != len(want) {
			t.Fatalf("the index finds %v of %q for %q, want %v", got, written, name, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("the index finds %v of %q for %q, want %v", got, written, name, want)
			}
		}
	})
}
