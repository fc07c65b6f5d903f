package slice

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestMapOfNoneIsNoNull(t *testing.T) {
	if got, _ := json.Marshal(Map([]string(nil), strings.ToUpper)); string(got) != "[]" {
		t.Errorf("in JSON it is %s", got)
	}
}

func TestNothingChangesWhatItIsGiven(t *testing.T) {
	given := []string{"b", "a", "b"}
	Filter(given, func(s string) bool { return s == "a" })
	if got := Unique(given); !slices.Equal(got, []string{"a", "b"}) || !slices.Equal(given, []string{"b", "a", "b"}) {
		t.Errorf("%q comes of what is now %q", got, given)
	}
}

func TestGroupIsInOrderOfFirstAppearance(t *testing.T) {
	var got []string
	for k, of := range Group([]string{"beta", "alpha", "bravo", "charlie"}, func(s string) byte { return s[0] }) {
		if got = append(got, string(k)+"="+strings.Join(of, "+")); k == 'a' {
			break
		}
	}
	if want := []string{"b=beta+bravo", "a=alpha"}; !slices.Equal(got, want) {
		t.Errorf("the groups are %q, want %q", got, want)
	}
}

// A fleet of 100,000 entries is filtered in each run.
func TestFilterAllocatesOnceAtMost(t *testing.T) {
	all := make([]int, 1000)
	for i := range all {
		all[i] = i
	}
	for least, want := range map[int]float64{0: 1, 500: 1, 999: 1, 1000: 0} {
		var kept []int
		if n := testing.AllocsPerRun(10, func() { kept = Filter(all, func(i int) bool { return i >= least }) }); n != want || (kept == nil) != (want == 0) {
			t.Errorf("from %d on: %v allocations for %d kept, want %v", least, n, len(kept), want)
		}
	}
}
