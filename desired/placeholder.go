package desired

import (
	"fmt"
	"slices"
	"strings"
)

// placeholders are the only words that may follow a $ in a destination.
var placeholders = []string{"account", "region", "partition"}

// checkPlaceholders refuses every $ that does not begin a known placeholder.
func checkPlaceholders(s string) *flaw {
	const cure = "use ${account}, ${region} or ${partition}"
	for rest := s; ; {
		_, after, found := strings.Cut(rest, "$")
		if !found {
			return nil
		}
		name, tail, closed := strings.Cut(strings.TrimPrefix(after, "{"), "}")
		if !strings.HasPrefix(after, "{") || !closed {
			return &flaw{codeUnknownPlaceholder, fmt.Sprintf("%q has a $ that begins no placeholder", shorten(s)), cure}
		}
		if !slices.Contains(placeholders, name) {
			f := &flaw{codeUnknownPlaceholder, fmt.Sprintf("${%s} is not a placeholder", shorten(name)), cure}
			if near := nearest(name, placeholders); near != "" {
				f.cure = fmt.Sprintf("did you mean ${%s}?", near)
			}
			return f
		}
		rest = tail
	}
}

// expand fills the placeholders from a target. What the target does not know,
// offline without declared targets, stays as it is written.
func expand(s string, t Target) string {
	if !strings.Contains(s, "$") {
		return s
	}
	if t.Account != "" {
		s = strings.ReplaceAll(s, "${account}", t.Account)
	}
	if t.Region != "" {
		s = strings.ReplaceAll(s, "${region}", t.Region)
		s = strings.ReplaceAll(s, "${partition}", t.Partition())
	}
	return s
}
