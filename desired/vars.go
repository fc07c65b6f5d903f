package desired

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Variables are how a target's own words get into what the file says of all targets:
// a stage, a prefix, the account of the queues. They stand under their target, so that
// a file means the same wherever it is read; the environment is never asked.
//
// They are filled in when the files are loaded, once for each label: what comes after
// meets names, patterns and tags that have none. A destination is filled in later, with
// the account, the region and the function, which are known only then.
const (
	variablePrefix = "${vars."
	variableForm   = `\$\{vars\.[A-Za-z0-9_-]+\}`
)

var (
	variable = regexp.MustCompile(variableForm)
	varName  = textRule{pattern: regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`), code: codeBadVariable, what: "the name of a variable",
		hint: "use 1 to 64 letters, digits, hyphens and underscores"}
	// No $: what was filled in is not looked through again.
	varValue = textRule{pattern: regexp.MustCompile(`^[^$]*$`), low: 1, high: maxDestination, code: codeBadVariable, what: "text that can be filled in",
		hint: "use 1 to 350 characters without $"}
)

// hasVariables reports whether a text has to be filled in.
func hasVariables(s string) bool { return strings.Contains(s, variablePrefix) }

// checkVariables refuses every ${ in a name, a pattern or a tag that begins no variable.
//
// It looks at the form alone. Whether the targets have a variable is for fillIn to say, once
// all files are read.
func checkVariables(s string) *problem {
	for rest := s; ; {
		_, after, found := strings.Cut(rest, "${")
		if !found {
			return nil
		}
		if at := variable.FindStringIndex("${" + after); at == nil || at[0] != 0 {
			name, _, _ := strings.Cut(after, "}")
			wrong := &problem{codeUnknownPlaceholder, fmt.Sprintf("${%s} is not a variable", shorten(name)), "use ${vars.NAME}, with NAME from the vars of a target"}
			if slices.Contains(placeholders, name) {
				wrong.hint = "use it in destinations; here only ${vars.NAME} is filled in"
			} else if varName.allows(name) {
				wrong.hint = fmt.Sprintf("write ${vars.%s}, and %s under the vars of the targets", name, name)
			}
			return wrong
		}
		rest = after
	}
}

// local is the part of a document that is for the targets of one label, as they have it.
type local struct {
	label    string
	vars     map[string]string
	rules    []*ruleDecl // without variables they are the document's own
	requires []*requireDecl
	ignores  []*ignoreDecl
	names    map[*functionDecl]ParsedName // of entries whose names have variables
}

// name is the function and qualifier that an entry means under this label.
func (l *local) name(f *functionDecl) ParsedName {
	if n, filled := l.names[f]; filled {
		return n
	}
	return f.name
}

// fill is a text with the variables in their places; all of them are known to be there.
//
// It is for destinations, whose variables fillIn has found to be there, or reported.
func (l *local) fill(s string) string {
	if !hasVariables(s) {
		return s
	}
	return variable.ReplaceAllStringFunc(s, func(written string) string { return l.vars[variableName(written)] })
}

// variableName is what ${vars.NAME} names.
func variableName(written string) string {
	return strings.TrimSuffix(strings.TrimPrefix(written, variablePrefix), "}")
}

// rule is one of the document's rules as it is here; nil where it is for other targets.
//
// Ids are those of the document, and the rules of a label keep their order, so that the
// same id names the same rule in every target.
func (l *local) rule(id int) *ruleDecl {
	at, here := slices.BinarySearchFunc(l.rules, id, func(r *ruleDecl, id int) int { return r.id - id })
	if !here {
		return nil
	}
	return l.rules[at]
}

// local is never nil once the files are loaded.
func (d *Document) local(label string) *local { return d.locals[label] }

// missingVariable is a variable that some target does not have, at a place that needs it.
type missingVariable struct {
	file *fileDecl
	place
	name string
}

// filler fills in variables for one label after the other, and keeps what is missing
// until all are done: a variable that no target has is one problem, not one a target.
type filler struct {
	doc     *Document
	out     *collector
	to      *local
	used    map[string]bool // by the label at hand
	missing map[missingVariable][]string
	said    map[saying]bool
}

// fillIn makes the locals of a document, and finds variables that are missing, that
// make something wrong, and that nothing uses.
//
// It runs for every label, also where there is no variable: the resolver asks the
// locals for what a target has, and not the document.
func (d *Document) fillIn(out *collector) {
	f := &filler{doc: d, out: out, missing: map[missingVariable][]string{}, said: map[saying]bool{}}
	d.locals = map[string]*local{}
	if len(d.targets) == 0 {
		f.label("", nil)
	}
	for i := range d.targets {
		f.label(d.targets[i].name.value, &d.targets[i])
	}
	for at, labels := range f.missing {
		f.out.add(f.doc.withoutVariable(at, labels))
	}
}

// label makes the local of one label. Target is nil where the files declare no targets, and
// then every variable is missing.
//
// Only what is for this label is filled in, so that a variable has to be known where it is
// used and nowhere else. Defaults of a file
// count where a rule or an entry of it does, and those of the fleet where any does.
func (f *filler) label(label string, target *targetDecl) {
	f.to = &local{label: label, vars: map[string]string{}, names: map[*functionDecl]ParsedName{}}
	f.used = map[string]bool{}
	f.doc.locals[label] = f.to
	if target != nil {
		for _, v := range target.vars {
			f.to.vars[v.name.value] = v.value.value
		}
	}
	spoken := map[*fileDecl]bool{} // files whose defaults count here
	for i := range f.doc.rules {
		if rule := &f.doc.rules[i]; covers(rule.selector.targets, label) {
			f.rule(rule)
			spoken[rule.file] = true
		}
	}
	for i := range f.doc.ignores {
		if ignore := &f.doc.ignores[i]; covers(ignore.selector.targets, label) {
			f.ignore(ignore)
		}
	}
	for i := range f.doc.requires {
		if q := &f.doc.requires[i]; covers(q.selector.targets, label) {
			f.require(q)
		}
	}
	for _, entry := range f.doc.functions {
		if covers(entry.targets, label) {
			f.entry(entry)
			spoken[entry.file] = true
		}
	}
	for _, file := range f.doc.files {
		if spoken[file] || file.defaults.fleet && len(spoken) > 0 {
			f.settings(&file.defaults)
		}
	}
	if target == nil {
		return
	}
	for _, v := range target.vars {
		if !f.used[v.name.value] {
			f.out.add(Problem{Pos: target.file.pos(v.name.place), Code: codeNoEffect,
				Message: fmt.Sprintf("without effect: the variable %q of the target %s: nothing that is for this target uses it", v.name.value, label),
				Hint:    "correct it, or delete it"})
		}
	}
}

// text fills in one text. It reports whether every variable is there.
//
// What is missing is noted with the label, and left out of the text; a caller that gets
// false looks no further at its form, and says nothing more about it.
func (f *filler) text(file *fileDecl, t text) (text, bool) {
	if !hasVariables(t.value) {
		return t, true
	}
	complete := true
	t.value = variable.ReplaceAllStringFunc(t.value, func(written string) string {
		name := variableName(written)
		value, known := f.to.vars[name]
		if !known {
			complete = false
			at := missingVariable{file, t.place, name}
			f.missing[at] = append(f.missing[at], f.to.label)
		}
		f.used[name] = true
		return value
	})
	return t, complete
}

// say reports what a variable made wrong, for the first of the targets that have it.
func (f *filler) say(file *fileDecl, at place, wrong *problem) {
	key := saying{file, at, wrong.code}
	if f.said[key] {
		return
	}
	f.said[key] = true
	p := wrong.at(file.pos(at))
	if f.to.label != "" {
		p.Message = fmt.Sprintf("in the target %s: %s", f.to.label, p.Message)
	}
	f.out.add(p)
}

// rule adds a rule to the label's, as a copy where variables changed its selector
// or its qualifiers. The
// source, with its settings, stays shared: destinations are filled in later.
func (f *filler) rule(rule *ruleDecl) {
	f.settings(rule.source)
	filled := *rule
	changed := f.selector(rule.file, &filled.selector)
	filled.qualifiers = f.qualifiers(rule, &changed)
	if !changed {
		f.to.rules = append(f.to.rules, rule)
		return
	}
	f.to.rules = append(f.to.rules, &filled)
}

// ignore is rule for an item of ignore, which has no settings.
func (f *filler) ignore(ignore *ignoreDecl) {
	filled := *ignore
	if !f.selector(ignore.file, &filled.selector) {
		f.to.ignores = append(f.to.ignores, ignore)
		return
	}
	f.to.ignores = append(f.to.ignores, &filled)
}

// selector fills in a selector and reports whether anything had to be. Lists keep their
// length and order, so that what is said of an item can be asked of every target.
func (f *filler) selector(file *fileDecl, s *selector) (changed bool) {
	for _, c := range []*criteria{&s.criteria, &s.exclude} {
		c.functions = f.globs(file, c.functions, &changed)
		c.tags = f.tags(file, c.tags, &changed)
	}
	return changed
}

// tags fills in the values of tags; keys have no variables. It reports by changed whether
// there were any, and leaves the written patterns as they are.
func (f *filler) tags(file *fileDecl, tags []tagPattern, changed *bool) []tagPattern {
	has := func(v tagValue) bool { return hasVariables(v.value) }
	filled := slices.Clone(tags)
	for i, t := range tags {
		if !slices.ContainsFunc(t.values, has) {
			continue
		}
		*changed = true
		filled[i].values = slices.Clone(t.values)
		for j, v := range t.values {
			if own, ok := f.text(file, v.text); ok {
				filled[i].values[j] = compileTag(own)
			}
		}
	}
	return filled
}

// globs fills in patterns for function names. What is filled in may hold * and ? as well,
// and may be wrong only with the value of this target.
func (f *filler) globs(file *fileDecl, globs []glob, changed *bool) []glob {
	if !slices.ContainsFunc(globs, func(g glob) bool { return hasVariables(g.value) }) {
		return globs
	}
	*changed = true
	filled := slices.Clone(globs)
	for i, g := range globs {
		if !hasVariables(g.value) {
			continue
		}
		if t, ok := f.text(file, g.text); ok {
			made, wrong := compileGlob(t)
			if wrong != nil {
				f.say(file, g.place, wrong)
			}
			filled[i] = made
		}
	}
	return filled
}

// qualifiers fills in those of a rule. A value may make an alias of a pattern or the other
// way round, and so each is compiled again.
func (f *filler) qualifiers(rule *ruleDecl, changed *bool) []qualifier {
	filled := slices.Clone(rule.qualifiers)
	for i, q := range filled {
		if !hasVariables(q.value) {
			continue
		}
		*changed = true
		if t, ok := f.text(rule.file, q.text); ok {
			own, wrong := compileQualifier(t)
			if wrong != nil {
				f.say(rule.file, t.place, wrong)
			}
			filled[i] = own
		}
	}
	return filled
}

// entry settles what an entry with variables in its name means under this label. One
// without any has its name from the file already.
func (f *filler) entry(entry *functionDecl) {
	f.settings(&entry.source)
	name, named := f.text(entry.file, entry.writtenName)
	qualifier, qualified := f.text(entry.file, entry.writtenQualifier)
	if !named || !qualified || name == entry.writtenName && qualifier == entry.writtenQualifier {
		return
	}
	parsed, wrong, at := identify(name, qualifier)
	if wrong != nil {
		f.say(entry.file, at, wrong)
		return
	}
	f.to.names[entry] = parsed
}

// settings checks the destinations of a source as they come to be.
func (f *filler) settings(s *source) {
	for i := range s.set {
		t := text{s.set[i].destination, s.set[i].place}
		if !hasVariables(t.value) {
			continue
		}
		if filled, ok := f.text(s.file, t); ok {
			if wrong := (destinationUse{Setting(i), filled.value}).check(); wrong != nil {
				f.say(s.file, t.place, wrong)
			}
		}
	}
}

// withoutVariable is the problem of a variable that some targets do not have.
func (d *Document) withoutVariable(at missingVariable, labels []string) Problem {
	p := Problem{Pos: at.file.pos(at.place), Code: codeUnknownVariable}
	others, has := map[string]bool{}, false
	for _, l := range d.locals {
		_, here := l.vars[at.name]
		has = has || here
		for name := range l.vars {
			others[name] = true
		}
	}
	known := slices.Sorted(maps.Keys(others))
	near := nearest(at.name, known)
	slices.Sort(labels)
	switch {
	case len(d.targets) == 0:
		p.Message = fmt.Sprintf("there is no variable %q: the file has no targets to give it a value", at.name)
		p.Hint = "add targets, with the variable under vars of each"
	case has:
		p.Message = fmt.Sprintf("the variable %q has no value in %s", at.name, listSome(labels))
		p.Hint = "add it to the vars there, or limit this to other targets with targets"
	case near != "":
		p.Message = fmt.Sprintf("no target has a variable %q", at.name)
		p.Hint = fmt.Sprintf("did you mean ${vars.%s}?", near)
	default:
		p.Message = fmt.Sprintf("no target has a variable %q", at.name)
		p.Hint = fmt.Sprintf("add it to the vars of the targets, which have %s", listSome(known))
	}
	return p
}
