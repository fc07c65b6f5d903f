package desired

import (
	"regexp"
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
		{"any number of stars is one", "a***", []string{"a", "ab"}, []string{"b"}},
		{"stars that braces bring together", "a{*,-*}*", []string{"a", "a-", "ab"}, []string{"b"}},
		{"a hyphen at the end of a class", "a[b-]", []string{"ab", "a-"}, []string{"ac"}},
		{"everything", "*", []string{"a", "a.b"}, nil},
		{"a dot is a dot", "a.b*", []string{"a.bc"}, []string{"axbc"}},
		{"as many alternatives as there may be", strings.Repeat("{a,b}", 8), []string{"aaaaaaaa", "abababab", "bbbbbbbb"}, []string{"aaaaaaa"}},
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
		{"a range that excludes nothing", "a[!]", "has an empty [ ]"},
		{"a range backwards between others", "[a-cz-x]", "has the range z-x, which is empty"},
		{"an end without a range", "a]", `has "]", which no function name has`},
		{"a comma outside of braces", "a,b", `has ",", which no function name has`},
		{"a class of what no name has", "a[b/]", `has "/", which no function name has`},
		{"an escape", `a\*`, `has "\\", which no function name has`},
		{"an escape in a class", `a[\]]`, `has "\\", which no function name has`},
		{"a letter that no name has", "bestellungen-für-*", `has "ü", which no function name has`},
		{"a path", "orders/*", `has "/", which no function name has`},
		{"more alternatives than memory is worth", strings.Repeat("{a,b}", 20), "stands for more than 256 patterns"},
		{"one in two more than there may be", strings.Repeat("{a,b}", 7) + "{a,b,c}", "stands for more than 256 patterns"},
		{"a pattern without end", strings.Repeat("a", 600), "is too long"},
	} {
		t.Run(row.why, func(t *testing.T) {
			if _, wrong := compileGlob(text{value: row.pattern}); wrong == nil || !strings.Contains(wrong.message, row.message) {
				t.Errorf("%q: %+v", row.pattern, wrong)
			}
		})
	}
}

// asRegexp is what a glob means, said in another language.
func asRegexp(glob string) *regexp.Regexp {
	return regexp.MustCompile("^(?:" + strings.NewReplacer(
		"*", ".*", "?", ".", "[!", "[^", ".", `\.`, "{", "(?:", "}", ")", ",", "|").Replace(glob) + ")$")
}

// TestGlobsMeanWhatRegexpsSay: whatever is accepted matches what it says, its sample
// too where nothing is negated, and the matcher finds nothing wrong with it.
func TestGlobsMeanWhatRegexpsSay(t *testing.T) {
	patterns := rapid.StringMatching(`(a|b|-|\.|\*|\?|\[ab\]|\[!a\]|\[a-c\.\]|\{a,b\*\}|\{\*,\{b,\?\}-,\}){1,7}`)
	names := rapid.StringMatching(`[ab.-]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		written := rapid.SliceOfN(patterns, 1, 5).Draw(t, "patterns")
		name := names.Draw(t, "name")
		for _, p := range written {
			g, wrong := compileGlob(text{value: p})
			if wrong != nil {
				if !strings.Contains(wrong.message, "stands for more than") {
					t.Fatal(wrong.message)
				}
				continue
			}
			for _, a := range g.alternatives {
				if !doublestar.ValidatePattern(a.written) {
					t.Fatalf("the matcher does not take %q of %q", a.written, p)
				}
			}
			if sample := g.sample(); !strings.Contains(p, "!") && !g.match(sample) {
				t.Fatalf("%q does not match its sample %q", p, sample)
			}
			expected := asRegexp(p).MatchString(name)
			if got := g.match(name); got != expected {
				t.Fatalf("%q on %q: %v, the regexp %s says %v", p, name, got, asRegexp(p), expected)
			}
		}
	})
}
