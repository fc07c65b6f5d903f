package desired

import (
	"slices"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	keys := fleetFile.keys()
	for _, row := range []struct{ why, word, want string }{
		{"a letter left out", "rles", "rules"},
		{"two letters swapped", "funcitons", "functions"},
		{"a plural forgotten", "target", "targets"},
		{"capitals", "Guard", "guard"},
		{"a hyphen for an underscore", "missing-functions", "missing_functions"},
		{"another word altogether", "lambdas", ""},
		{"nothing", "", ""},
	} {
		// What is too long to be compared is no reason not to look at what comes after it.
		for _, among := range [][]string{keys, slices.Insert(slices.Clone(keys), 0, strings.Repeat("x", longestWord+1))} {
			if got := nearest(row.word, among); got != row.want {
				t.Errorf("%s: nearest(%q) = %q, want %q", row.why, row.word, got, row.want)
			}
		}
	}
}
