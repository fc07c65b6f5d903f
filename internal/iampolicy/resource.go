package iampolicy

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
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
	patterns = slice.Unique(patterns)
	wild := slice.Filter(patterns, func(p string) bool { return strings.ContainsAny(p, "*?") })
	return slices.DeleteFunc(patterns, func(p string) bool {
		return slices.ContainsFunc(wild, func(w string) bool {
			// Of two that imply each other, such as * and **, the first stays.
			return w != p && covers(w, p) && (w < p || !covers(p, w))
		})
	})
}

// covers reports whether a pattern matches whatever another one matches. A ? is not
// tried on a *, which may stand for more than it: then both stay.
func covers(wide, narrow string) bool {
	if strings.Contains(wide, "?") && strings.Contains(narrow, "*") {
		return wide == narrow
	}
	matched, err := path.Match(wide, narrow)
	return matched && err == nil
}

// Limits of IAM: the characters of a managed policy, white space not counted,
// and the managed policies that a role may have unless its quota was raised.
const (
	MaxCharacters      = 6144
	MaxPoliciesPerRole = 10
)

// split cuts a document that is too long into several, which together allow the
// same. The ARN of a function and that of its qualifiers stay together.
func split(d Policy) []Policy {
	parts := [][]Statement{nil}
	size := overhead
	for _, s := range d.Statements {
		empty := length(s) - resourcesLength(s.Resource) + 1
		open := false // whether the last part has a statement of s
		for _, pair := range pairs(s.Resource) {
			last := len(parts) - 1
			more := resourcesLength(pair)
			if !open {
				more += empty
			}
			if size+more > MaxCharacters && len(parts[last]) > 0 {
				parts, size, open = append(parts, nil), overhead, false
				last++
				more = empty + resourcesLength(pair)
			}
			if !open {
				head := s
				head.Resource = nil
				parts[last], open = append(parts[last], head), true
			}
			current := &parts[last][len(parts[last])-1]
			current.Resource = append(current.Resource, pair...)
			size += more
		}
	}
	all := make([]Policy, len(parts))
	for i := range parts {
		all[i] = d
		all[i].Statements, all[i].Part, all[i].Parts = parts[i], i+1, len(parts)
	}
	return all
}

// overhead is the length of a document without statements.
var overhead = length(policy([]Statement{}))

// length is how many characters IAM counts.
func length(v any) int {
	text, err := json.Marshal(v)
	if err != nil {
		panic("iampolicy: a document holds texts alone: " + err.Error())
	}
	return len(text)
}

// resourcesLength is the room of resources in a list, with quotes and commas.
func resourcesLength(resources []string) int {
	n := 0
	for _, r := range resources {
		n += len(r) + len(`"",`)
	}
	return n
}

// pairs cuts resources so that NAME:* follows NAME.
func pairs(resources []string) [][]string {
	var all [][]string
	for i, r := range resources {
		if i > 0 && strings.TrimSuffix(r, ":*") == resources[i-1] {
			all[len(all)-1] = append(all[len(all)-1], r)
			continue
		}
		all = append(all, []string{r})
	}
	return all
}
