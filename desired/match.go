package desired

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/internal/slice"
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

// compileTag compiles a value, whose pattern knows less than one for names: tags of other tools hold
// brackets and braces, which mean nothing in them. Everything but * and ? stands for itself, line breaks too. The
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

// Every rule meets every function, a hundred million times for a large fleet. That is fast enough
// without an index as long as most pairs are settled by a look at the texts of a pattern: see
// pattern.match, and BenchmarkResolve for what the kinds of patterns cost.
//
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
		// One value may stand without brackets, as most do.
		if n.Kind == yaml.SequenceNode {
			w.eachOnce(n, what, what, tagValueRule, add)
		} else if t, ok := w.text(n, what, tagValueRule); ok {
			add(t)
		}
		into.tags = append(into.tags, p)
	})
	slices.SortFunc(into.tags, func(a, b tagPattern) int { return strings.Compare(a.key, b.key) })
}

// qualifier is an item of a rule's qualifiers: a qualifier, or a pattern for aliases.
//
//	live     the alias; a function without it is skipped, and counted
//	live*    every alias that exists and matches
//	*        $LATEST, and every alias that exists
//
// A pattern is for aliases only. Versions never change and come with every release, so
// whoever means one names it; and $LATEST, which always exists, is named too, or meant
// by "*" alone.
type qualifier struct {
	text
	pattern *glob // nil: the text as it stands
}

// everyQualifier is the pattern that takes in $LATEST too.
const everyQualifier = "*"

// isPattern reports whether a qualifier has a character that only patterns have: none of
// these may stand in an alias.
func isPattern(s string) bool { return strings.ContainsAny(s, "*?[{") }

// compileQualifier takes a qualifier or a pattern; one with variables stays as it stands, and
// is compiled for each target. Patterns for aliases are those for function names, so that there
// is one kind to learn; messages call them what they are.
func compileQualifier(t text) (qualifier, *problem) {
	switch {
	case hasVariables(t.value):
		return qualifier{text: t}, nil
	case !isPattern(t.value):
		return qualifier{text: t}, checkQualifier(t.value)
	}
	g, wrong := compileGlob(t)
	if wrong != nil {
		wrong.code, wrong.message = codeBadQualifier, strings.ReplaceAll(wrong.message, "function name", "alias")
		wrong.hint = `use an alias, a version number, $LATEST, or a pattern for aliases such as "live*"`
	}
	return qualifier{text: t, pattern: &g}, wrong
}

// isAlias reports whether a qualifier is an alias's name: it begins like neither $LATEST
// nor its published form, and AWS allows no alias of digits alone, so that no version can be
// mistaken for one.
func isAlias(q string) bool {
	return !strings.HasPrefix(q, "$") && strings.Trim(q, "0123456789") != ""
}

// covers reports whether an entry under this qualifier is the item's. A pattern never covers
// a version, also where its digits would match.
func (q *qualifier) covers(name string) bool {
	switch {
	case q.value == name, q.value == everyQualifier && name == Latest:
		return true
	case q.pattern == nil || !isAlias(name):
		return false
	}
	return q.pattern.match(name)
}

// covers reports whether the rule speaks about a qualifier; without any it is for $LATEST.
func (r *ruleDecl) covers(name string) bool {
	if len(r.qualifiers) == 0 {
		return name == Latest
	}
	return slices.ContainsFunc(r.qualifiers, func(q qualifier) bool { return q.covers(name) })
}

// usesAliases reports whether it has to be known which aliases a function has.
func (r *ruleDecl) usesAliases() bool {
	return slices.ContainsFunc(r.qualifiers, func(q qualifier) bool { return q.pattern != nil })
}

// ruleQualifierRule is what stands under qualifiers of a rule.
var ruleQualifierRule = textRule{
	pattern: regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|([a-zA-Z0-9_*?{},!^\[\]-]|` + variableForm + `)+)$`), low: 1, high: maxGlob,
	code: codeBadQualifier, what: "a qualifier or a pattern for aliases",
	hint: `use an alias, a version number, $LATEST, which is case-sensitive, or a pattern for aliases such as "live*"`, vars: true,
}

// qualifiersOf lists, sorted, under which qualifiers a function has entries. Rules add
// some only to functions that exist. A pattern whose function's aliases could not be
// listed stands for itself: that nobody knows what it chooses is not to pass for nothing.
func (s *scope) qualifiersOf(name string, exact []exactEntry, rules []*ruleDecl, present bool) []string {
	all := slice.Map(exact, func(e exactEntry) string { return e.Qualifier })
	// A rule speaks about what exists. An exact entry of a function that does not exist stays, since
	// that its function is missing is for the run to say.
	if !present {
		rules = nil
	}
	aliases, listed := s.inventory.Aliases[name]
	for _, rule := range rules {
		if len(rule.qualifiers) == 0 {
			all = append(all, Latest)
		}
		for q := range slice.Pointers(rule.qualifiers) {
			if q.value == everyQualifier {
				all = append(all, Latest)
			}
			if q.pattern == nil || !listed {
				all = append(all, q.value)
			}
			all = append(all, slice.Filter(aliases, q.covers)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sampleAliases gives every made-up function the aliases that show whether rules disagree:
// one for each pattern.
func (l *local) sampleAliases(functions []string) map[string][]string {
	var all []string
	for _, rule := range l.rules { // items of other layers have none
		for _, q := range rule.qualifiers {
			if q.pattern != nil {
				all = append(all, q.pattern.sample())
			}
		}
	}
	aliases := map[string][]string{}
	for _, f := range functions {
		aliases[f] = all
	}
	return aliases
}
