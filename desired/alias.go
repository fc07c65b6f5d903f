package desired

import (
	"regexp"
	"slices"
	"strings"
)

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
func (r *resolver) qualifiersOf(s *scope, name string, exact []exactEntry, rules []*ruleDecl, present bool) []string {
	var all []string
	for _, e := range exact {
		all = append(all, e.Qualifier)
	}
	if !present {
		rules = nil
	}
	aliases, listed := s.inventory.Aliases[name]
	for _, rule := range rules {
		if len(rule.qualifiers) == 0 {
			all = append(all, Latest)
		}
		for i := range rule.qualifiers {
			q := &rule.qualifiers[i]
			switch {
			case q.pattern == nil:
				all = append(all, q.value)
				continue
			case q.value == everyQualifier:
				all = append(all, Latest)
			}
			if !listed {
				all = append(all, q.value)
				r.effective[item{rule.source, i}] = true // as far as anybody knows
			}
			for _, alias := range aliases {
				if q.covers(alias) {
					all = append(all, alias)
					r.effective[item{rule.source, i}] = true
				}
			}
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

// item is one of the qualifiers of a rule.
type item struct {
	of *source
	at int
}

// checkAliasPatterns warns of patterns that match no alias of the functions that their
// rule chooses. That a rule with "*" finds no alias is no fault of it.
//
// It reports whether the rule has an effect as far as its qualifiers go. Where it has none,
// nothing else is said of the rule: that its settings come to nothing has the same cause.
func (r *resolver) checkAliasPatterns(rule *ruleDecl) (effective bool) {
	effective = len(rule.qualifiers) == 0
	for i := range rule.qualifiers {
		q := &rule.qualifiers[i]
		if q.pattern == nil || q.value == everyQualifier || r.effective[item{rule.source, i}] {
			effective = true
			continue
		}
		functions := 0
		var aliases []string
		for _, s := range r.scopes {
			own := s.local.rule(rule.id)
			if own == nil {
				continue
			}
			for _, name := range s.inventory.Functions {
				if own.chooses(name, s.inventory.Tags[name]) {
					functions++
					aliases = append(aliases, s.inventory.Aliases[name]...)
				}
			}
		}
		p := withoutQualifier(rule.origin(), q.value, functions, aliases)
		p.Pos = rule.file.pos(q.place)
		r.out.add(p)
	}
	return effective
}

// askAliases makes a discovery ask for the aliases of those functions for which a rule
// needs them. Each costs a call.
//
// Functions that are ignored are left out. The demand is a function, because what it needs,
// names and tags, is known only after the listing.
func (d *Discovery) askAliases(l *local) {
	if !slices.ContainsFunc(l.rules, (*ruleDecl).usesAliases) {
		return
	}
	d.Aliases = func(function string, tags map[string]string) bool {
		chosen := func(by func(*ruleDecl) bool) bool {
			return slices.ContainsFunc(l.rules, func(r *ruleDecl) bool { return by(r) && r.chooses(function, tags) })
		}
		return chosen((*ruleDecl).usesAliases) && !chosen(func(r *ruleDecl) bool { return r.layer == LayerIgnore })
	}
}

// only is the part of a demand for aliases that is about the functions which the
// selection names: those of others are not worth a call.
func (s Selection) only(aliases func(function string, tags map[string]string) bool) func(string, map[string]string) bool {
	if aliases == nil || len(s.Functions) == 0 {
		return aliases
	}
	var globs []glob
	for _, written := range s.Functions {
		g, wrong := compileGlob(text{value: written})
		if wrong != nil {
			return nil // Narrow tells of it
		}
		globs = append(globs, g)
	}
	return func(function string, tags map[string]string) bool {
		return matchAny(globs, function) && aliases(function, tags)
	}
}
