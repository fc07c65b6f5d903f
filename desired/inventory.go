package desired

import (
	"cmp"
	"slices"
	"strings"
)

// Inventory is what discovery found in each target. A target that is not in it
// was not looked at, or could not be read: rules say nothing there.
type Inventory map[Target]TargetInventory

// TargetInventory is what exists in one target.
type TargetInventory struct {
	Functions []string                     // names, sorted
	Tags      map[string]map[string]string // by function; only functions that have tags
}

// AnyValue is the tag value that stands for every value.
const AnyValue = "*"

// Tag is one demand on a function's tags. Value may be AnyValue.
type Tag struct{ Key, Value string }

// Discovery is what must be discovered in one target before Resolve can decide
// everything there. A Need that asks for nothing costs nothing: exact entries
// are known from the file.
type Discovery struct {
	Target
	// ListFunctions asks for the names of all functions: some rule chooses
	// among them.
	ListFunctions bool
	// Tags are the sets of tags that rules and ignore ask for, sorted, each set
	// once. A function is of interest when it has all tags of one set. Tags of
	// other functions may be left out.
	Tags [][]Tag
	// Functions, when not empty, are those whose tags are wanted, in place of a search
	// by Tags: of all others it is known what an earlier run discovered.
	Functions []string
	// Reason are the rules and ignore items that ask for it.
	Reason []Origin
}

// IsZero reports whether nothing needs to be discovered.
func (n Discovery) IsZero() bool { return !n.ListFunctions && len(n.Tags) == 0 }

// Discoveries says, for every target, what has to be discovered.
func (d *Document) Discoveries(ambient Target) []Discovery {
	var needs []Discovery
	for _, t := range d.places(ambient) {
		n := Discovery{Target: t.Target}
		ask := func(s *selector, o Origin, list bool) {
			if !covers(s.targets, t.Label) || (!list && len(s.tags) == 0) {
				return
			}
			n.ListFunctions = n.ListFunctions || list
			if len(s.tags) > 0 {
				var set []Tag
				for _, t := range s.tags {
					if t.wild != nil {
						t.Value = AnyValue // AWS searches for whole values only
					}
					set = append(set, t.Tag)
				}
				n.Tags = append(n.Tags, set)
			}
			n.Reason = append(n.Reason, o)
		}
		for i := range d.rules {
			ask(&d.rules[i].selector, d.rules[i].origin(), true)
		}
		for i := range d.ignores {
			ask(&d.ignores[i].selector, d.ignores[i].origin(), false)
		}
		slices.SortFunc(n.Tags, compareTags)
		n.Tags = slices.CompactFunc(n.Tags, func(a, b []Tag) bool { return compareTags(a, b) == 0 })
		needs = append(needs, n)
	}
	return needs
}

func compareTags(a, b []Tag) int {
	return slices.CompareFunc(a, b, func(x, y Tag) int {
		return cmp.Or(strings.Compare(x.Key, y.Key), strings.Compare(x.Value, y.Value))
	})
}
