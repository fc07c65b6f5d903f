// Package slice is what the standard library's slices does not have and much of the
// program needs. In come slices, out go new ones; none of the functions changes what it
// is given, and none knows what it holds.
package slice

import (
	"cmp"
	"iter"
	"slices"
)

// Map is what becomes of each of all, and never nil: [] in JSON.
func Map[A, B any](all []A, as func(A) B) []B {
	each := make([]B, len(all))
	for i, a := range all {
		each[i] = as(a)
	}
	return each
}

// Filter are those of all that are to be kept, nil where none is. It allocates once at most, and
// with room for all that may still come.
func Filter[A any](all []A, keep func(A) bool) (kept []A) {
	for i, a := range all {
		if keep(a) {
			if kept == nil {
				kept = make([]A, 0, len(all)-i)
			}
			kept = append(kept, a)
		}
	}
	return kept
}

// Pointers are those to the elements of all, one after the other.
func Pointers[A any](all []A) iter.Seq[*A] {
	return func(yield func(*A) bool) {
		for i := range all {
			if !yield(&all[i]) {
				return
			}
		}
	}
}

// Set is all as a set.
func Set[K comparable](all []K) map[K]bool {
	set := make(map[K]bool, len(all))
	for _, k := range all {
		set[k] = true
	}
	return set
}

// Unique is all sorted, each once.
func Unique[E cmp.Ordered](all []E) []E {
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// Group is all by a key, in order of first appearance.
func Group[A any, K comparable](all []A, key func(A) K) iter.Seq2[K, []A] {
	index := map[K]int{}
	var keys []K
	var groups [][]A
	for _, a := range all {
		k := key(a)
		i, known := index[k]
		if !known {
			i = len(keys)
			index[k], keys, groups = i, append(keys, k), append(groups, nil)
		}
		groups[i] = append(groups[i], a)
	}
	return func(yield func(K, []A) bool) {
		for i := 0; i < len(keys) && yield(keys[i], groups[i]); i++ {
		}
	}
}
