package desired

import "testing"

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
		if got := nearest(row.word, keys); got != row.want {
			t.Errorf("%s: nearest(%q) = %q, want %q", row.why, row.word, got, row.want)
		}
	}
}
