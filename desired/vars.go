package desired

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Variables are how a target's own words get into what the file says of all targets:
// a stage, a prefix, the account of the queues. They stand under their target, so that
// a file means the same wherever it is read; the environment is never asked.
//
// They are filled in when the files are loaded, once for each label: what comes after
// meets names, patterns and tags that have none. A destination is filled in later, with
// the account, the region and the function, which are known only then.
//
//	written in              filled in with                                        when
//	names, patterns, tags   ${vars.NAME}                                          by Load, for each label
//	destinations            that, ${account}, ${region} and ${partition}          by Resolve, for each target
//	                        and ${function}                                       by Resolve, for each function
//
// Nothing is filled in twice: what a variable holds has no $, so that no order of filling in
// can matter, and no value can reach for another one.
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
	label string
	vars  map[string]string
	rules []*ruleDecl                  // without variables they are the document's own
	names map[*functionDecl]ParsedName // of entries whose names have variables
	wrong int                          // what could not be filled in, or was wrong then; all is a problem, so that no fleet comes of it
}

// name is the function and qualifier that an entry means under this label.
func (l *local) name(f *functionDecl) ParsedName {
	if n, filled := l.names[f]; filled {
		return n
	}
	return f.name
}

// fill is a text with the variables in their places, and whether they are all there.
func (l *local) fill(s string) (filled string, complete bool) {
	complete = true
	filled = variable.ReplaceAllStringFunc(s, func(written string) string {
		value, known := l.vars[variableName(written)]
		complete = complete && known
		return value
	})
	return filled, complete
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
	out     *collector
	to      *local
	used    map[string]bool // by the label at hand
	missing map[missingVariable][]string
}

// fillIn makes the locals of a document, and finds variables that are missing, that
// make something wrong, and that nothing uses.
//
// It runs for every label, also where there is no variable: the resolver asks the
// locals for what a target has, and not the document.
func (d *Document) fillIn(out *collector) {
	f := &filler{out: out, missing: map[missingVariable][]string{}}
	d.locals = map[string]*local{}
	if len(d.targets) == 0 {
		f.label(d, &targetDecl{}) // every variable is missing there
	}
	for i := range d.targets {
		f.label(d, &d.targets[i])
	}
	for at, labels := range f.missing { // in any order: problems are sorted in the end
		f.out.add(d.withoutVariable(at, labels))
	}
}

// label makes the local of one label.
//
// Only what is for this label is filled in, so that a variable has to be known where it is
// used and nowhere else. Defaults of a file
// count where a rule or an entry of it does, and those of the fleet where any does.
func (f *filler) label(d *Document, target *targetDecl) {
	label := target.name.value
	f.to = &local{label: label, vars: map[string]string{}, names: map[*functionDecl]ParsedName{}}
	f.used = map[string]bool{}
	d.locals[label] = f.to
	for _, v := range target.vars {
		f.to.vars[v.name.value] = v.value.value
	}
	spoken := map[*fileDecl]bool{} // files whose defaults count here
	for _, rule := range d.rules {
		if covers(rule.targets, label) {
			f.rule(rule)
			if rule.layer == LayerRule {
				spoken[rule.file] = true
			}
		}
	}
	for _, entry := range d.functions {
		if covers(entry.targets, label) {
			f.entry(entry)
			spoken[entry.file] = true
		}
	}
	for _, file := range d.files {
		if spoken[file] || file.defaults.fleet && len(spoken) > 0 {
			f.settings(&file.defaults)
		}
	}
	for _, v := range target.vars {
		if !f.used[v.name.value] {
			f.out.idle(target.file.pos(v.name.place), fmt.Sprintf("the variable %q of the target %s", v.name.value, label),
				"nothing that is for this target uses it")
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
			f.to.wrong++
		}
		f.used[name] = true
		return value
	})
	return t, complete
}

// say reports what a variable made wrong, for the first of the targets that have it.
func (f *filler) say(file *fileDecl, at place, wrong *problem) {
	f.to.wrong++
	p := wrong.at(file.pos(at))
	if f.to.label != "" {
		p.Message = fmt.Sprintf("in the target %s: %s", f.to.label, p.Message)
	}
	f.out.addOnce(p)
}

// rule adds an item to the label's, as a copy where it has variables. The source, with its
// settings, stays shared: destinations are filled in later. One that cannot be filled in is left
// out: of half an item nobody knows what it chooses, and all that is in a local has been compiled.
func (f *filler) rule(rule *ruleDecl) {
	f.settings(rule.source)
	if rule.variables {
		own, before := *rule, f.to.wrong
		for _, c := range []*criteria{&own.criteria, &own.exclude} {
			c.functions = fill(f, rule.file, c.functions, compileGlob)
			c.tags = slices.Clone(c.tags)
			for i := range c.tags {
				c.tags[i].values = fill(f, rule.file, c.tags[i].values, compileTag)
			}
		}
		own.qualifiers = fill(f, rule.file, own.qualifiers, compileQualifier)
		own.require.destinations = fill(f, rule.file, own.require.destinations, asWritten)
		if f.to.wrong > before {
			return
		}
		rule = &own
	}
	f.to.rules = append(f.to.rules, rule)
}

// fill is a list with its variables filled in, and compiled again: what is filled in may hold
// * and ? as well, and may be wrong only with the value of this target. Lists keep their
// length and order, so that what is said of an item can be asked of every target.
func fill[T interface{ written() text }](f *filler, file *fileDecl, list []T, compile func(text) (T, *problem)) []T {
	list = slices.Clone(list)
	for i := range list {
		t, complete := f.text(file, list[i].written())
		if !complete || t == list[i].written() {
			continue
		}
		own, wrong := compile(t)
		if wrong != nil {
			f.say(file, t.place, wrong)
		}
		list[i] = own
	}
	return list
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
		written := text{s.set[i].Text(), s.set[i].place}
		if filled, ok := f.text(s.file, written); ok && filled != written {
			if wrong := (destinationUse{Setting(i), filled.value}).check(); wrong != nil {
				f.say(s.file, written.place, wrong)
			}
		}
	}
}

// withoutVariable is the problem of a variable that some targets do not have.
//
// Each case is mended in another way: there are no targets to have it, some of them lack it,
// its name is a slip, or nobody has given it a value.
func (d *Document) withoutVariable(at missingVariable, labels []string) Problem {
	p := Problem{Pos: at.file.pos(at.place), Code: codeUnknownVariable}
	// Of all labels, and not only of those that lack it: a slip is near to what others have.
	var known []string
	for _, l := range d.locals {
		known = slices.AppendSeq(known, maps.Keys(l.vars))
	}
	known = slice.Unique(known)
	has := slices.Contains(known, at.name)
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
