package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A comparison is worth what it compares: among the drawn fleets each kind of
// thing that the model knows must be frequent enough to be met in a hundred.
func TestTheDrawnFleetsAreOfEveryKind(t *testing.T) {
	const drawn = 1000
	seen := map[string]int{}
	fleets := rapid.Custom(func(t *rapid.T) map[string]bool {
		places, sections := drawPlaces(t)
		w := drawWorld(t, places)
		f := drawFleet(t, places, sections)
		return kinds(f, predict(f, w))
	})
	for seed := range drawn {
		for kind := range fleets.Example(seed) {
			seen[kind]++
		}
	}
	for _, kind := range []string{
		"EI018", "EI019", "EI034", "EI062", "EI064", "EI072", "defaults of the fleet", "breaches", "unjudged", "ignored", "skipped", "function_missing", "qualifier_missing", "unreadable", "undeclared", "orphans",
		"in sync", "create", "change", "delete", "refused by AWS", "no way back", "stopped by the guard", "applied", "several files, applied", "exit 0", "exit 1", "exit 3", "exit 4",
	} {
		if seen[kind] < drawn/100 {
			t.Errorf("%s: %d of %d fleets, want one in a hundred", kind, seen[kind], drawn)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%5d %s", seen[kind], kind)
	}
}

// kinds names what a fleet comes to in its world.
func kinds(f fleet, p prediction) map[string]bool {
	is := map[string]bool{fmt.Sprint("exit ", p.code(f, true)): true}
	for _, code := range p.errors {
		is[code] = true
	}
	if p.errors != nil {
		return is
	}
	is["ignored"] = len(p.ignored) > 0
	is["skipped"] = len(p.skipped) > 0
	is["unreadable"] = len(p.unreadable) > 0
	is["undeclared"] = len(p.undeclared) > 0
	is["orphans"] = len(p.orphans) > 0
	is["in sync"] = len(p.inSync) > 0
	is["stopped by the guard"] = p.refused
	is["applied"] = !p.refused && len(p.changes) > 0
	is["several files, applied"] = is["applied"] && len(f.files) > 1
	is["breaches"] = len(p.breaches) > 0
	is["unjudged"] = len(p.unjudged) > 0
	is["defaults of the fleet"] = slices.ContainsFunc(f.files, func(x file) bool { return x.forAll })
	for _, reason := range p.missing {
		is[reason] = true
	}
	for _, c := range p.changes {
		is[c.action] = true
		is["refused by AWS"] = is["refused by AWS"] || is["applied"] && c.fails()
		is["no way back"] = is["no way back"] || is["applied"] && !c.fails() && c.wayBackFails()
	}
	maps.DeleteFunc(is, func(_ string, yes bool) bool { return !yes })
	return is
}
