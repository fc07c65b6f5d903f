package desired

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The same input gives the same fleet, whatever order maps and lists come in.
func TestResolveIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDocument(t)
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "x-1", "x-2"}), 1, 5).Draw(t, "found")
		tags := drawTags(t)
		forward, backward := TargetInventory{Functions: names, Tags: tags}, TargetInventory{Functions: slices.Clone(names), Tags: tags}
		slices.Reverse(backward.Functions)
		f, errF := d.Resolve(Target{}, Inventory{east: forward, west: forward}, Selection{})
		g, errG := d.Resolve(Target{}, Inventory{east: backward, west: backward}, Selection{})
		if fmt.Sprint(errF) != fmt.Sprint(errG) {
			t.Fatalf("%v\n%v", errF, errG)
		}
		if diff := cmp.Diff(lines(f), lines(g)); diff != "" {
			t.Fatal(diff)
		}
		for _, target := range f.Targets {
			if !slices.IsSortedFunc(target.Entries, func(a, b Entry) int { return a.Name.Compare(b.Name) }) {
				t.Fatalf("not sorted: %v", lines(f))
			}
		}
	})
}

// A model of the layers that anybody can check by eye: the entry, else the last
// rule that matches, else the defaults.
func TestLayersAgreeWithTheModel(t *testing.T) {
	patterns := []string{"*", "a*", "*b", "?b", "{a,b}", "[!a]*"}
	rapid.Check(t, func(t *rapid.T) {
		retries := rapid.IntRange(0, 2)
		fallback := retries.Draw(t, "defaults")
		rules := rapid.SliceOfN(rapid.SampledFrom(patterns), 1, 6).Draw(t, "rules")
		exact := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "ab"}), retries, 0, 3).Draw(t, "exact")
		yaml := fmt.Sprintf("version: 1\ndefaults: { maximum_retry_attempts: %d, on_failure: none }\nrules:\n", fallback)
		set := map[int]int{}
		for i, p := range rules {
			line := "on_success: none"
			if rapid.Bool().Draw(t, "sets") {
				set[i] = retries.Draw(t, "retries")
				line = fmt.Sprintf("maximum_retry_attempts: %d", set[i])
			}
			yaml += fmt.Sprintf("  - match: { functions: [%q] }\n    set: { %s }\n", p, line)
		}
		if len(exact) > 0 {
			yaml += "functions:\n"
		}
		for name, v := range exact {
			yaml += fmt.Sprintf("  - { name: %s, maximum_retry_attempts: %d }\n", name, v)
		}
		names := []string{"a", "ab", "b", "ca"}
		d, err := Load(oneFile(yaml), "fleet.yaml")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{}
		for _, name := range names {
			v, declared := exact[name]
			matched := false
			if !declared {
				v = fallback
			}
			for i, p := range rules {
				if asRegexp(p).MatchString(name) {
					matched = true
					if by, sets := set[i]; sets && !declared {
						v = by
					}
				}
			}
			if matched || declared {
				want[name] = v
			}
		}
		f, err := d.Resolve(east, Inventory{east: found(names...)}, Selection{})
		if err != nil {
			if len(want) > 0 {
				t.Fatal(err)
			}
			return
		}
		got := map[string]int{}
		for _, e := range f.Targets[0].Entries {
			got[e.Function] = e.Want[MaximumRetryAttempts].Or(Number(-1)).Int()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\n%s", diff, yaml)
		}
	})
}
