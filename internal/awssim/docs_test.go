package awssim

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The scenario in the documentation is accepted, and shows every key there is.
func TestDocumentedScenario(t *testing.T) {
	doc, err := os.ReadFile("../../docs/simulate.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(doc)
	if m == nil {
		t.Fatal("no scenario in docs/simulate.md")
	}
	s, err := ParseScenario("simulate.md", strings.NewReader(string(m[1])))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(s); err != nil {
		t.Error(err)
	}
	for _, key := range slices.Sorted(maps.Keys(everyKey(reflect.TypeFor[Scenario]()))) {
		if !regexp.MustCompile(`(?m)[\s{]` + key + `:|^` + key + `:`).Match(m[1]) {
			t.Errorf("docs/simulate.md does not show the key %s", key)
		}
	}
}
