package iampolicy

import (
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// resourcesOf is the ARNs of functions, given by name or pattern: each with and
// without a qualifier, since a call may be about either. A pattern that ends in *
// covers both in one.
func resourcesOf(t desired.Target, functions []string) []string {
	prefix := "arn:" + t.Partition() + ":lambda:" + t.Region + ":" + t.Account + ":function:"
	var all []string
	for _, f := range withoutCovered(functions) {
		all = append(all, prefix+f)
		if !strings.HasSuffix(f, "*") {
			all = append(all, prefix+f+":*")
		}
	}
	return all
}

// withoutCovered sorts patterns and leaves out those that another one implies.
func withoutCovered(patterns []string) []string {
	patterns = slices.Clone(patterns)
	slices.Sort(patterns)
	patterns = slices.Compact(patterns)
	wild := slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return !strings.ContainsAny(p, "*?") })
	return slices.DeleteFunc(patterns, func(p string) bool {
		return slices.ContainsFunc(wild, func(w string) bool {
			// Of two that imply each other, such as * and **, the first stays.
			return w != p && covers(w, p) && (w < p || !covers(p, w))
		})
	})
}

// covers reports whether a pattern matches whatever another one matches. What is
// a * in the other one only a * can match, what is a ? a ? or a *.
func covers(wide, narrow string) bool {
	w, n, star, mark := 0, 0, -1, 0
	for n < len(narrow) {
		switch {
		case w < len(wide) && wide[w] == '*':
			star, mark = w, n
			w++
		case w < len(wide) && narrow[n] != '*' && (wide[w] == '?' || wide[w] == narrow[n]):
			w++
			n++
		case star >= 0:
			mark++
			w, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(wide[w:], "*") == ""
}
