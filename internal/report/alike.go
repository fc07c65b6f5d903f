package report

import (
	"strings"
)

// functionName stands for the name of each function in a text that many share.
const functionName = "{function}"

// generalise puts functionName for a function's name where it stands as a word
// of its own, so that texts that differ by nothing else become equal.
func generalise(text, function string) string {
	if function == "" || !strings.Contains(text, function) {
		return text
	}
	var b strings.Builder
	rest := text
	before := byte(' ')
	for {
		i := strings.Index(rest, function)
		if i < 0 {
			b.WriteString(rest)
			return b.String()
		}
		if i > 0 {
			before = rest[i-1]
		}
		after := byte(' ')
		if end := i + len(function); end < len(rest) {
			after = rest[end]
		}
		b.WriteString(rest[:i])
		if isWord(before) || isWord(after) {
			b.WriteString(function)
		} else {
			b.WriteString(functionName)
		}
		rest = rest[i+len(function):]
		before = function[len(function)-1]
	}
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// gather groups rows by a key, in order of first appearance.
func gather[R any, K comparable, G any](rows []R, key func(R) K, group func(K, []R) G) []G {
	index := map[K]int{}
	var keys []K
	var members [][]R
	for _, r := range rows {
		k := key(r)
		i, known := index[k]
		if !known {
			i = len(keys)
			index[k] = i
			keys, members = append(keys, k), append(members, nil)
		}
		members[i] = append(members[i], r)
	}
	groups := make([]G, len(keys))
	for i := range keys {
		groups[i] = group(keys[i], members[i])
	}
	return groups
}

// alike reports whether all rows have one text.
func alike[R any, T comparable](rows []R, text func(R) T) bool {
	for i := 1; i < len(rows); i++ {
		if text(rows[i]) != text(rows[0]) {
			return false
		}
	}
	return true
}
