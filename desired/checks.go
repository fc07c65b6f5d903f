package desired

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// What can be said only when all is resolved: what has no effect, which destinations send events
// in circles, whether anything was chosen at all. It is asked of the scopes, and of what the
// resolver noted on its way (chosen, applied, edges), so that a check cannot judge by
// other rules than those that made the fleet.

// checkIdle warns of what was written and has no effect: a file in which a rule, a
// pattern or a default does nothing says something else than its reader believes.
// What can only be known from the functions that exist is left alone until all of
// them are.
//
//	what                              without effect if                              known
//	a rule, a requirement             it chooses no function                         after discovery
//	the set of a rule                 each of its settings is set again, or ignored  after discovery
//	an item of ignore                 there are no rules                             at once
//	                                  it takes out no function                       after discovery
//	a pattern or value among several  no function has it                             after discovery
//	one under exclude                 it leaves out nothing that would be chosen     after discovery
//	defaults                          nothing leaves a setting to them               at once, or after discovery
//	a variable of a target            nothing that is for the target uses it         at once: see fillIn
//
// All of these are warnings: a rule for functions that are to come is legitimate, and the
// fleet is the same without it. Only a fleet of nothing at all is an error: see checkEntries.
func (r *resolver) checkIdle() {
	for i, rule := range r.doc.rules {
		looked, ignores := r.looked(rule.targets), rule.layer == LayerIgnore
		what := map[Layer]string{LayerRule: "the rule ", LayerRequire: "the requirement ", LayerIgnore: "the item "}[rule.layer] + rule.describe()
		switch {
		case ignores && !r.chosen[i] && r.doc.rules[0].layer != LayerRule:
			r.out.idle(rule.pos(), what, "there are no rules, so that nothing is chosen which it could take out")
		case !looked:
		case !r.chosen[i] && ignores:
			r.out.idle(rule.pos(), what, "it takes out no function")
		case !r.chosen[i]:
			r.out.report(rule.pos(), codeIdleRule, what+" chooses no function", "check its patterns, tags and targets, or delete it")
		default:
			if r.checkAliasPatterns(rule) && !rule.set.isZero() && !r.applied[rule.source] { // without set it is there for the defaults
				r.out.idle(rule.pos(), what, "all that it sets is set again by later rules or entries, or ignored")
			}
			r.checkPatterns(rule)
		}
	}
	for _, file := range r.doc.files {
		rules, whose := int(file.counts[LayerRule]), "the entries and rules of their own file, and"
		if file.defaults.fleet {
			rules, whose = len(r.doc.rules), "all entries and rules, and"
		}
		if !file.defaults.set.isZero() && !r.applied[&file.defaults] && (rules == 0 || r.looked(nil)) {
			r.out.idle(file.defaults.pos(), "the defaults of this file", "they are for "+whose+" none of these leaves a setting to them")
		}
	}
}

// checkPatterns warns of single patterns and values without effect in an item that
// has one: those under functions that are no function's name, values of a tag that no
// chosen function has, and what under exclude leaves out nothing which the selector would
// choose without it.
//
// Targets have forms of their own of an item with variables, whose patterns and values are as
// many and in the same order.
func (r *resolver) checkPatterns(rule *ruleDecl) {
	effective := map[int]bool{} // by index of a part
	parts := rule.parts()
	for _, s := range r.scopes {
		own := s.local.rule(rule.id)
		if own == nil {
			continue
		}
		for i, p := range own.parts() {
			effective[i] = effective[i] || slices.ContainsFunc(s.inventory.Functions, func(name string) bool { return p.effect(name, s.inventory.Tags[name]) })
		}
	}
	for i, p := range parts {
		if !effective[i] {
			r.out.idle(rule.file.pos(p.place), "the "+p.what, p.why)
		}
	}
}

// part is a pattern or value of a selector that may be without effect.
type part struct {
	text
	what, why string // what it is, and why it has no effect when it has none
	effect    func(name string, tags map[string]string) bool
}

// parts lists them. The only one of a list has effect, or all of the selector has none.
//
// A pattern under functions is held against names alone, whatever the tags leave of them, and
// a value of a tag against functions that are chosen. The order follows from the item and not
// from the target, so that a row has the same index everywhere: see checkPatterns.
func (s *selector) parts() (all []part) {
	for _, g := range s.functions {
		if len(s.functions) > 1 {
			all = append(all, part{g.text, fmt.Sprintf("pattern %q under functions", g.value), "no function has such a name",
				func(name string, _ map[string]string) bool { return g.match(name) }})
		}
	}
	const nothing = "it leaves out no function that would be chosen"
	for _, g := range s.exclude.functions {
		all = append(all, part{g.text, fmt.Sprintf("pattern %q under exclude", g.value), nothing,
			func(name string, tags map[string]string) bool { return g.match(name) && s.matches(name, tags) }})
	}
	// A single value is looked at only where alone asks for it: without it all of the selector would
	// choose nothing, which is said of the item as a whole.
	values := func(tags []tagPattern, where, why string, alone bool) {
		for _, t := range tags {
			for _, v := range t.values {
				if alone || len(t.values) > 1 {
					all = append(all, part{v.text, fmt.Sprintf("value %q of the tag %q%s", v.value, t.key, where), why,
						func(name string, has map[string]string) bool {
							return v.match(has[t.key]) && matchAll(tags, has) && s.matches(name, has)
						}})
				}
			}
		}
	}
	values(s.tags, "", "no function that is chosen has it", false)
	values(s.exclude.tags, " under exclude", nothing, len(s.exclude.tags) == 1)
	return all
}

// UnusedQualifiers warns of qualifiers of rules that none of the functions has which the rule
// chooses: usually a typo. gone says of a config whether its qualifier is known not to exist,
// and then which aliases its function has.
func (f Fleet) UnusedQualifiers(gone func(Key) (aliases []string, gone bool)) Problems {
	// An item is told of only if every function that it chooses lacks the qualifier: that some
	// do is what rules are for. What was not read counts as there.
	type item struct {
		rule      Origin
		qualifier string
	}
	chosen, missing, aliases := map[item]int{}, map[item]int{}, map[item][]string{}
	for t := range slice.Pointers(f.Targets) {
		for e := range slice.Pointers(t.Entries) {
			// An exact entry says for itself what is to be there, and what a rollback removes was
			// declared by no rule.
			if !e.Optional || e.Remove {
				continue
			}
			at := item{e.Origins.Entry, e.Qualifier}
			chosen[at]++
			if has, gone := gone(Key{t.Target, e.Name}); gone {
				missing[at]++
				aliases[at] = append(aliases[at], has...)
			}
		}
	}
	var warnings Problems
	for at, n := range missing {
		if n == chosen[at] {
			warnings = append(warnings, withoutQualifier(at.rule, at.qualifier, n, aliases[at]))
		}
	}
	warnings.sort()
	return warnings
}

// withoutQualifier is the warning of one qualifier. The place is the rule's, which is all that
// a Fleet tells; whoever knows the item's own puts it in.
func withoutQualifier(rule Origin, qualifier string, functions int, aliases []string) Problem {
	p := Problem{
		Pos: Pos{File: rule.File, Line: rule.Line, Column: 1}, Code: codeNoEffect,
		Message: fmt.Sprintf("without effect: the qualifier %q of %s: none of the functions has it that the rule chooses (%d)", qualifier, rule.LayerName(), functions),
		Hint:    "correct it, or delete it; aliases are case-sensitive",
	}
	// Of all functions that the rule chooses: a slip is near to what others have.
	slices.Sort(aliases)
	if near := nearest(qualifier, slices.Compact(aliases)); near != "" {
		p.Hint = fmt.Sprintf("did you mean %s? Aliases are case-sensitive", near)
	}
	return p
}

// looked reports whether all functions are known of the targets that labels name.
//
// One target that was not discovered is enough for no: what a rule does not choose here it
// may choose there. Labels that no target has are not looked at either.
func (r *resolver) looked(labels []text) bool {
	looked := false
	for _, s := range r.scopes {
		if covers(labels, s.fleet.Label) {
			if looked = s.discovered; !looked {
				return false
			}
		}
	}
	return looked
}

// checkEmptyTargets warns of a target in which nothing is chosen while something is
// in others: mostly a wrong region.
//
// Ignored functions count as chosen. Where nothing is chosen anywhere checkEntries has an
// error for it.
func (r *resolver) checkEmptyTargets() {
	some := slices.ContainsFunc(r.scopes, func(s *scope) bool { return len(s.fleet.Entries)+len(s.fleet.Ignored) > 0 })
	for _, s := range r.scopes {
		if !some || !s.discovered || len(byLayer(s.local.rules, LayerRule)) == 0 || len(s.fleet.Entries)+len(s.fleet.Ignored) > 0 {
			continue
		}
		at := r.doc.files[0].pos(place{1, 1})
		if t := r.doc.target(s.fleet.Label); t != nil {
			if t.organization != nil {
				continue // many an account has nothing in many a region
			}
			at = t.file.pos(t.place)
		}
		r.out.report(at, codeEmptyTarget,
			fmt.Sprintf("nothing is declared in %s: no rule chooses any of its %d functions", s.fleet.Target, len(s.inventory.Functions)),
			"check the region, or take it out of the target")
	}
}

// checkEntries refuses a fleet of nothing, which is what a truncated file looks
// like. While rules wait for discovery nothing can be said yet.
//
// The cases are told apart by what a person has to look at: an organization without accounts,
// an ignore that takes everything, aliases that nobody has, patterns that match nothing. A
// wrong account is the last: it looks like wrong patterns, but for the number of functions.
//
// It is silent where there is another error: the entries may be missing because of it.
func (r *resolver) checkEntries() {
	if r.partial || r.out.errors.total > 0 {
		return
	}
	if slices.ContainsFunc(r.scopes, func(s *scope) bool { return len(s.fleet.Entries)+len(s.fleet.Judged) > 0 || s.waiting }) {
		return
	}
	p := Problem{Pos: r.doc.files[0].pos(place{1, 1}), Code: codeNoEntries,
		Message: "the fleet has no entries", Hint: "add functions, or rules that choose some; check that the file is whole"}
	if i := slices.IndexFunc(r.doc.warnings, func(p Problem) bool { return p.Code == codeEmptyTarget }); i >= 0 && len(r.scopes) == 0 {
		p = r.doc.warnings[i] // an organization without accounts
		p.Code = codeNoEntries
	}
	// A wrong account or region looks like a wrong pattern. How many functions there
	// are tells the two apart.
	var there []string
	ignored, by := 0, ""
	for _, s := range r.scopes {
		if s.discovered {
			there = append(there, fmt.Sprintf("%d in %s", len(s.inventory.Functions), s.fleet.Target))
		}
		if ignored += len(s.fleet.Ignored); by == "" && ignored > 0 {
			by = s.fleet.Ignored[0].By.String()
		}
	}
	rules := slice.Map(byLayer(r.doc.rules, LayerRule), func(rule *ruleDecl) string { return rule.origin().String() })
	switch {
	case len(there) == 0 || len(rules) == 0:
	case ignored > 0:
		p.Message = fmt.Sprintf("everything that the rules choose is ignored: %d configs, the first by %s", ignored, by)
		p.Hint = "take out of ignore what should be kept as declared"
	case slices.Contains(r.chosen[:len(rules)], true): // rules have the first ids
		p.Message = fmt.Sprintf("none of the functions that the rules choose has an alias that they ask for: %s", listSome(rules))
		p.Hint = "check the patterns under qualifiers: aliases are case-sensitive"
	default:
		p.Message = fmt.Sprintf("no rule chooses any of the functions that exist (%s): %s", listSome(there), listSome(rules))
		p.Hint = "check the account and region first, then the patterns and tags of the rules"
	}
	r.out.add(p)
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
		matches, functions := q.pattern == nil || q.value == everyQualifier, 0
		var aliases []string
		for _, s := range r.scopes {
			own := s.local.rule(rule.id)
			if own == nil || matches {
				continue
			}
			for _, name := range s.inventory.Functions {
				if own.chooses(name, s.inventory.Tags[name]) {
					has, listed := s.inventory.Aliases[name]
					functions++
					aliases = append(aliases, has...)
					if !listed || slices.ContainsFunc(has, own.qualifiers[i].covers) {
						matches = true // as far as anybody knows
						break
					}
				}
			}
		}
		if matches {
			effective = true
			continue
		}
		p := withoutQualifier(rule.origin(), q.value, functions, aliases)
		p.Pos = rule.file.pos(q.place)
		r.out.add(p)
	}
	return effective
}

// checkCalls holds the functions that an entry calls against the entry itself,
// and remembers them for the search for loops.
//
// A function that sends to itself is an error, because Lambda refuses it; one that sends to
// another of its qualifiers is a warning, because that can be meant.
func (r *resolver) checkCalls(from Key, calls []edge) {
	for _, c := range calls {
		switch {
		case c.to == from:
			r.out.reportOnce(c.pos(), codeOwnDestination, fmt.Sprintf("%s of %s is the function itself", c.f, from.Name),
				"name another destination, or leave the function out with exclude: Lambda refuses this")
		case c.to.Target == from.Target && c.to.Function == from.Function:
			r.out.reportOnce(c.pos(), codeSameFunction,
				fmt.Sprintf("%s of %s is the same function under another qualifier, %s", c.f, from.Name, c.to.Qualifier),
				"check it: an event that fails in both may never end")
		}
		r.edges[from] = append(r.edges[from], c)
	}
}

// edge is a destination of an entry that is itself a function: to gets the
// events, and the field f of by says so.
type edge struct {
	to Key
	by *source
	f  Setting
}

func (e edge) pos() Pos { return e.by.file.pos(e.by.set[e.f].place) }

// maxNamed bounds how many functions of a loop a message lists.
const maxNamed = 6

// checkLoops warns of functions that send events round in a circle. Each
// circle is told once, at its first function in key order.
//
// Only functions of this fleet are followed: what others do with an event is not known.
// Circles across targets are found, since the keys have account and region. The search goes
// depth first; chains of destinations can be as long as the fleet, which Go's stacks bear.
func (r *resolver) checkLoops() {
	var path []Key             // from the start to where the search stands: to meet one of these again closes a circle
	stands := map[Key]int{}    // where on the path, from 1
	finished := map[Key]bool{} // with all that they lead to
	var search func(Key)
	search = func(k Key) {
		path = append(path, k)
		stands[k] = len(path)
		for _, e := range r.edges[k] {
			switch at := stands[e.to]; {
			case e.to == k || finished[e.to] || len(r.edges[e.to]) == 0: // the first is an error of its own
			case at == 0:
				search(e.to)
			default:
				r.out.reportOnce(e.pos(), codeDestinationLoop, "events go round: "+describeLoop(path[at-1:]),
					"break the circle: each turn is an invocation that is paid for")
			}
		}
		path = path[:len(path)-1]
		finished[k] = true
	}
	for _, k := range slices.SortedFunc(maps.Keys(r.edges), Key.Compare) {
		if !finished[k] {
			search(k)
		}
	}
}

// describeLoop is "a → b → a"; a long loop is cut.
func describeLoop(loop []Key) string {
	var names []string
	for i, k := range loop {
		if i == maxNamed {
			names = append(names, fmt.Sprintf("%d more", len(loop)-i))
			break
		}
		names = append(names, k.Name.String())
	}
	return strings.Join(append(names, loop[0].Name.String()), " → ")
}
