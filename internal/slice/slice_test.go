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
