package desired

import "slices"

// selectorIndex finds the selectors that choose a function without trying them
// all: a thousand rules over a hundred thousand functions are a hundred million
// pairs. Each pattern is filed under its literal beginning, or else its literal
// end; a selector with tags alone is filed under its first tag. Only patterns
// such as *x* are tried on every name.
type selectorIndex struct {
	selectors []*selector

	exact, prefix, suffix     map[string][]indexed
	prefixLengths, sufLengths []int
	everywhere                []indexed
	byTag                     map[Tag][]int // value AnyValue for "any"

	found []int // scratch
}

type indexed struct {
	selector int
	pattern  *pattern
}

func newSelectorIndex() *selectorIndex {
	return &selectorIndex{
		exact: map[string][]indexed{}, prefix: map[string][]indexed{}, suffix: map[string][]indexed{},
		byTag: map[Tag][]int{},
	}
}

func (x *selectorIndex) add(s *selector) {
	id := len(x.selectors)
	x.selectors = append(x.selectors, s)
	if len(s.functions) == 0 {
		x.byTag[s.tags[0]] = append(x.byTag[s.tags[0]], id)
		return
	}
	for i := range s.functions {
		for j := range s.functions[i].alternatives {
			p := &s.functions[i].alternatives[j]
			entry := indexed{id, p}
			switch {
			case !p.wild:
				x.exact[p.prefix] = append(x.exact[p.prefix], entry)
			case p.prefix != "":
				file(x.prefix, &x.prefixLengths, p.prefix, entry)
			case p.suffix != "":
				file(x.suffix, &x.sufLengths, p.suffix, entry)
			default:
				x.everywhere = append(x.everywhere, entry)
			}
		}
	}
}

func file(under map[string][]indexed, lengths *[]int, key string, entry indexed) {
	under[key] = append(under[key], entry)
	if i, found := slices.BinarySearch(*lengths, len(key)); !found {
		*lengths = slices.Insert(*lengths, i, len(key))
	}
}

// find returns the selectors that choose a function, by number, ascending. The
// slice is good until the next call.
func (x *selectorIndex) find(name string, tags map[string]string) []int {
	x.found = x.found[:0]
	x.try(x.exact[name], name, tags)
	for _, n := range x.prefixLengths {
		if n > len(name) {
			break
		}
		x.try(x.prefix[name[:n]], name, tags)
	}
	for _, n := range x.sufLengths {
		if n > len(name) {
			break
		}
		x.try(x.suffix[name[len(name)-n:]], name, tags)
	}
	x.try(x.everywhere, name, tags)
	if len(x.byTag) > 0 {
		for key, value := range tags {
			x.tryTagged(x.byTag[Tag{key, value}], name, tags)
			if value != AnyValue {
				x.tryTagged(x.byTag[Tag{key, AnyValue}], name, tags)
			}
		}
	}
	slices.Sort(x.found)
	x.found = slices.Compact(x.found)
	return x.found
}

func (x *selectorIndex) try(entries []indexed, name string, tags map[string]string) {
	for _, e := range entries {
		if e.pattern.match(name) && x.selectors[e.selector].admits(name, tags) {
			x.found = append(x.found, e.selector)
		}
	}
}

func (x *selectorIndex) tryTagged(ids []int, name string, tags map[string]string) {
	for _, id := range ids {
		if x.selectors[id].admits(name, tags) {
			x.found = append(x.found, id)
		}
	}
}

// admits holds a name that a pattern chose against exclude and tags.
func (s *selector) admits(name string, tags map[string]string) bool {
	for _, t := range s.tags {
		if value, has := tags[t.Key]; !has || (t.Value != AnyValue && value != t.Value) {
			return false
		}
	}
	for i := range s.exclude {
		if s.exclude[i].match(name) {
			return false
		}
	}
	return true
}
