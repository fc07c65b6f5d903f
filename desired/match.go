package desired

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// selector chooses functions in some of the targets: those that match, and that exclude
// does not leave out. Rules and ignore have one; whatever else is about some of the
// functions is to have one as well, so that a reader learns it once.
//
//	functions: [a-*, b]     one of the patterns is the name's
//	tags: { k: [v, w] }     all of the keys are there, each with one of its values
//	functions and tags      both
//	exclude                 either: one of its patterns, or all of its tags
type selector struct {
	criteria
	exclude criteria
	targets []text // their labels
}

// criteria are patterns for names, and tags.
type criteria struct {
	functions []glob
	tags      []tagPattern // sorted by key
}

// isZero reports whether there is nothing to choose by.
func (c *criteria) isZero() bool { return len(c.functions) == 0 && len(c.tags) == 0 }

// tagPattern is one demand on a function's tags: the key, and the values of which it
// has one.
type tagPattern struct {
	key    string
	values []tagValue
}

// tagValue is a value, in which * and ? are wildcards: AWS allows neither in a tag.
type tagValue struct {
	text
	wild *regexp.Regexp // nil: the text as it stands
}

// compileTag compiles a value. Everything but * and ? stands for itself, line breaks too. The
// problem is always nil: whoever reads a list of texts asks for one.
func compileTag(t text) (tagValue, *problem) {
	v := tagValue{text: t}
	if strings.ContainsAny(t.value, "*?") {
		pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(t.value))
		v.wild = regexp.MustCompile("^(?s:" + pattern + ")$")
	}
	return v, nil
}

// match reports whether a tag's value is the pattern's, which is the whole of it. The text as
// it stands is tried first, and is what nearly every value is.
func (v *tagValue) match(value string) bool {
	return v.value == value || v.value == "*" || v.wild != nil && v.wild.MatchString(value)
}

// match holds for functions that have the key, with one of the values. The value "*" asks for
// the key alone; a function without the key never matches.
func (t *tagPattern) match(tags map[string]string) bool {
	value, has := tags[t.key]
	return has && slices.ContainsFunc(t.values, func(v tagValue) bool { return v.match(value) })
}

// chooses reports whether the selector takes in a function.
func (s *selector) chooses(name string, tags map[string]string) bool {
	return s.matches(name, tags) && !s.excludes(name, tags)
}

// matches is chooses without regard to exclude.
func (s *selector) matches(name string, tags map[string]string) bool {
	return (len(s.functions) == 0 || matchAny(s.functions, name)) && matchAll(s.tags, tags)
}

// excludes reports whether exclude leaves the function out. An exclude without tags must not
// be taken for one whose tags are all there.
func (s *selector) excludes(name string, tags map[string]string) bool {
	return matchAny(s.exclude.functions, name) || len(s.exclude.tags) > 0 && matchAll(s.exclude.tags, tags)
}

// usesTags reports whether nothing can be said of a function whose tags are not known.
func (s *selector) usesTags() bool { return len(s.tags)+len(s.exclude.tags) > 0 }

// matchAny is false for no patterns, and matchAll true for none: see selector.matches.
func matchAny(globs []glob, name string) bool {
	for i := range globs {
		if globs[i].match(name) {
			return true
		}
	}
	return false
}

func matchAll(patterns []tagPattern, tags map[string]string) bool {
	for i := range patterns {
		if !patterns[i].match(tags) {
			return false
		}
	}
	return true
}

// search is what to ask AWS for to find all functions that may have the tags. It finds
// whole values only, and a few of them at a time.
//
// A key whose values cannot be asked for is asked for alone. The answer is then more than the
// pattern chooses, and chooses looks at it again.
func search(patterns []tagPattern) []Tag {
	var all []Tag
	for _, p := range patterns {
		t := Tag{Key: p.key}
		for _, v := range p.values {
			t.Values = append(t.Values, v.value)
		}
		if len(t.Values) > maxSearched || slices.ContainsFunc(p.values, func(v tagValue) bool { return v.wild != nil }) {
			t.Values = nil
		}
		all = append(all, t)
	}
	return all
}

// maxSearched is how many values of one key a search takes, from the reference of
// the tagging API, GetResources.
const maxSearched = 20

// Tag keys have at most 128 and values 256 characters in every AWS service.
var (
	tagKeyRule   = textRule{low: 1, high: 128, code: codeBadTag, what: "a tag key", hint: "use 1 to 128 characters"}
	tagValueRule = textRule{low: 1, high: 256, code: codeBadTag, what: "a tag value", hint: `use 1 to 256 characters, or "*" for any value`, vars: true}
)

// criteriaFields are the keys of criteria.
func criteriaFields[T any](to func(*T) *criteria) []field[T] {
	return []field[T]{
		texts("functions", "Patterns for function names: *, ?, [a-z] and {one,other}.", globRule, compileGlob, func(t *T) *[]glob { return &to(t).functions }),
		{
			key: "tags", schema: mapping(tagKeyRule.schema(), eitherOf(tagValueRule.schema(), listOf(tagValueRule.schema()))),
			doc:  "Tags that must all be there: key: value, or key: [value, other] for any of them. Values may have * and ?.",
			read: func(w *walker, n *yaml.Node, into *T) { w.tags(n, to(into)) },
		},
	}
}

var excludeObject = object[criteria]{
	what:   "exclude",
	fields: criteriaFields(func(c *criteria) *criteria { return c }),
}

// selectorFields are the keys that choose functions.
func selectorFields[T any](to func(*T) *selector) []field[T] {
	plain := texts("exclude", "", globRule, compileGlob, func(c *criteria) *[]glob { return &c.functions })
	return append(criteriaFields(func(t *T) *criteria { return &to(t).criteria }),
		field[T]{
			key: "exclude", schema: eitherOf(plain.schema, excludeObject.schema()),
			doc: "Functions to leave out again: patterns, or functions and tags. One pattern, or all of the tags, is enough.",
			read: func(w *walker, n *yaml.Node, into *T) {
				if n.Kind == yaml.MappingNode || n.Kind == yaml.AliasNode && n.Alias.Kind == yaml.MappingNode {
					excludeObject.read(w, n, &to(into).exclude)
					return
				}
				plain.read(w, n, &to(into).exclude) // the short form, of patterns alone
			},
		},
		texts("targets", "Labels of its targets. Left out: all.", labelUse, asWritten,
			func(t *T) *[]text { return &to(t).targets }),
	)
}

// tags reads demands on tags, sorted by key: two selectors that demand the same are equal
// whatever the order in which they were written.
func (w *walker) tags(n *yaml.Node, into *criteria) {
	w.mapping(n, "tags", "tag", tagKeyRule, func(key text, n *yaml.Node) {
		p, what := tagPattern{key: key.value}, fmt.Sprintf("the tag %q", key.value)
		add := func(t text) {
			v, _ := compileTag(t)
			p.values = append(p.values, v)
		}
		if n.Kind == yaml.SequenceNode {
			w.eachOnce(n, what, what, tagValueRule, add)
		} else if t, ok := w.text(n, what, tagValueRule); ok {
			add(t)
		}
		into.tags = append(into.tags, p)
	})
	slices.SortFunc(into.tags, func(a, b tagPattern) int { return strings.Compare(a.key, b.key) })
}
