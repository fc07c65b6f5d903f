package desired

import (
	"fmt"
	"slices"
	"strings"
	"unique"

	"gopkg.in/yaml.v3"
)

// Requirement is what must hold of the functions that it chooses, whatever the exact
// values. It is read only: what breaks it is told, and nothing is written for its sake.
type Requirement struct {
	Origin Origin
	// Failure says whether failed events must go somewhere.
	Failure FailurePolicy
	// Bounds are the least and the most of each number.
	Bounds [NumSettings]Bounds

	destinations []tagValue // allowed ones; none allows all
}

// FailurePolicy says whether failed events must go somewhere.
type FailurePolicy uint8

// The policies; the zero value asks for nothing.
const (
	FailureAnyhow       FailurePolicy = iota
	FailureDestination                // on_failure
	FailureOrDeadLetter               // on_failure, or the dead-letter queue of the function itself
)

var failureWords = []string{"required", "or_dead_letter_queue"}

// Bounds are the least and the most that a number may be.
type Bounds struct {
	Min, Max int
	Set      bool // else there are none
}

// Judged is one function that requirements choose.
type Judged struct {
	Function string
	By       []*Requirement // in the order of the files; never empty
}

// Violation is one thing in which a record breaks a requirement.
type Violation struct {
	Setting Setting
	Message string // such as "maximum_retry_attempts is 2, and at most 1 is allowed"
}

// Violations holds a record's effective values, with no destination as NoDestination,
// against the requirement. deadLetter is that of the function, "" for none.
//
// They come in the order of the settings, at most one for each. Destinations are compared as
// text, with the patterns as this target has them.
func (q *Requirement) Violations(effect [NumSettings]Value, deadLetter string) (all []Violation) {
	say := func(s Setting, format string, args ...any) {
		all = append(all, Violation{s, fmt.Sprintf(format, args...)})
	}
	for _, s := range Settings() {
		v := effect[s]
		switch b := q.Bounds[s]; {
		case s.IsNumber() && b.Set && v.Int() < b.Min:
			say(s, "%s is %d, and at least %d is required", s, v.Int(), b.Min)
		case s.IsNumber() && b.Set && v.Int() > b.Max:
			say(s, "%s is %d, and at most %d is allowed", s, v.Int(), b.Max)
		case s.IsNumber():
		case v != NoDestination && len(q.destinations) > 0 &&
			!slices.ContainsFunc(q.destinations, func(d tagValue) bool { return d.match(v.Text()) }):
			say(s, "%s is %s, which is none of the allowed destinations", s, v.Text())
		case v != NoDestination || s != OnFailure:
		case q.Failure == FailureDestination:
			say(s, "failed events go nowhere: there is no on_failure")
		case q.Failure == FailureOrDeadLetter && deadLetter == "":
			say(s, "failed events go nowhere: there is no on_failure, and the function has no dead-letter queue")
		}
	}
	return all
}

// requireDecl is one item of require.
type requireDecl struct {
	*source
	id           int // among those of the document
	name         text
	selector     selector
	failure      FailurePolicy
	destinations []text
	bounds       [NumSettings]Bounds
}

// describe is the item's name in quotes, or where it stands when it has none.
func (q *requireDecl) describe() string {
	if q.name.value != "" {
		return fmt.Sprintf("%q", q.name.value)
	}
	return q.origin().LayerName()
}

// says reports whether the item asks for anything.
func (q *requireDecl) says() bool {
	return q.failure != FailureAnyhow || len(q.destinations) > 0 || q.bounds != [NumSettings]Bounds{}
}

var requireItem = object[requireDecl]{
	what: "an item of require",
	fields: slices.Concat([]field[requireDecl]{
		word("name", "What it is for; shown beside what breaks it.", anyName, func(q *requireDecl) *text { return &q.name }),
		nested("match", "The functions it is for.", &requireMatch, func(q *requireDecl) *selector { return &q.selector }).must(),
		choice("failure_destination", "Failed events must go somewhere: required is on_failure; or_dead_letter_queue lets the function's own dead-letter queue count too.",
			failureWords, func(q *requireDecl, i int) { q.failure = FailurePolicy(i + 1) }),
		words("destinations", "The destinations that are allowed, as patterns with * and ?. ${account}, ${region}, ${partition} and ${vars.NAME} are filled in.",
			allowedRule, func(q *requireDecl) *[]text { return &q.destinations }),
	}, boundsFields()),
}

var requireMatch = object[selector]{
	what:   "match",
	fields: selectorFields(func(s *selector) *selector { return s }),
	anyOf:  []string{"functions", "tags"},
}

// allowedRule is the pattern of an allowed destination.
var allowedRule = textRule{low: 1, high: maxDestination, code: codeBadARN, what: "a pattern of destinations", hint: "write one such as arn:aws:sqs:*:*:*-dlq"}

// boundsFields are the numbers among the settings, by their table: a new number can be
// required without another line here. A bound that is left out is that of the API.
func boundsFields() (all []field[requireDecl]) {
	for _, s := range Settings() {
		if !s.IsNumber() {
			continue
		}
		low, high := s.Bounds()
		inner := object[Bounds]{what: "the bounds of " + s.String(), fields: []field[Bounds]{
			bound("min", "The least that is allowed.", integerShape{low, high}, func(b *Bounds) *int { return &b.Min }),
			bound("max", "The most that is allowed.", integerShape{low, high}, func(b *Bounds) *int { return &b.Max }),
		}}
		all = append(all, field[requireDecl]{
			key: s.String(), doc: "The least and the most that " + s.String() + " may be. What is not set counts as Lambda's default.", shape: &inner,
			read: func(w *walker, n *yaml.Node, into *requireDecl) {
				b := Bounds{low, high, true}
				if !inner.read(w, n, &b) {
					return
				}
				if b.Min > b.Max {
					w.report(codeOutOfRange, n, fmt.Sprintf("min %d is above max %d", b.Min, b.Max), "swap them, or leave one out")
					return
				}
				into.bounds[s] = b
			},
		})
	}
	return all
}

// bound is one of the two keys of Bounds.
func bound(key, doc string, shape integerShape, to func(*Bounds) *int) field[Bounds] {
	return field[Bounds]{
		key: key, doc: doc, shape: shape,
		read: func(w *walker, n *yaml.Node, into *Bounds) {
			if v, ok := w.integer(n, key, shape); ok {
				*to(into) = v
			}
		},
	}
}

// readRequire reads an item of require, and numbers it as readRule does. The placeholders of
// destinations are tried with a made-up target, so that a misspelt one is found while the
// file is read; ${function} is not among them, since a pattern says it with *.
func readRequire(w *walker, n *yaml.Node, _ *document) {
	q := requireDecl{source: &source{file: w.file, location: w.file.location, place: at(n), layer: LayerRequire, index: w.file.requires}, id: len(w.doc.requires)}
	w.file.requires++
	if !requireItem.read(w, n, &q) || !q.selector.says(w, n, "an item of require") {
		return
	}
	ok := true
	for _, d := range q.destinations {
		sample := strings.ReplaceAll(expand(variable.ReplaceAllString(d.value, "x"), Target{Account: "123456789012", Region: "us-east-1"}), functionPlaceholder, "$")
		if strings.Contains(sample, "$") {
			w.out.add(Problem{Pos: w.file.pos(d.place), Code: codeUnknownPlaceholder, Message: fmt.Sprintf("%q has a $ that begins no placeholder", shorten(d.value)),
				Hint: "use ${account}, ${region}, ${partition} or ${vars.NAME}, and * for the function's name"})
			ok = false
		}
	}
	if !q.says() {
		w.report(codeManagesNothing, n, "an item of require asks for nothing",
			"add failure_destination, destinations, or the bounds of a number")
		ok = false
	}
	if ok {
		q.location = unique.Make(location{file: w.file.info.Path, rule: q.name.value})
		w.doc.requires = append(w.doc.requires, q)
	}
}

// require fills in the variables of an item.
//
// It is always copied: what is missing is in the filler's list, and refuses the files.
func (f *filler) require(q *requireDecl) {
	filled := *q
	f.selector(q.file, &filled.selector)
	filled.destinations = slices.Clone(q.destinations)
	for i, d := range q.destinations {
		filled.destinations[i], _ = f.text(q.file, d)
	}
	f.to.requires = append(f.to.requires, &filled)
}

// requirement is an item as a target has it. It is made once for each target.
//
// All functions that it chooses share that one, which is not changed after.
func (s *scope) requirement(q *requireDecl) *Requirement {
	if made := s.required[q.id]; made != nil {
		return made
	}
	made := &Requirement{Origin: q.origin(), Failure: q.failure, Bounds: q.bounds}
	for _, d := range q.destinations {
		d.value = expand(d.value, s.fleet.Target)
		made.destinations = append(made.destinations, compileTag(d))
	}
	if s.required == nil {
		s.required = map[int]*Requirement{}
	}
	s.required[q.id] = made
	return made
}

// judge notes which requirements choose a function. One that is not known to exist is
// not judged; but what entries declare of it is held against them all the same.
func (r *resolver) judge(s *scope, name string, tags map[string]string, exact []exactEntry, present bool) {
	var by []*Requirement
	for _, q := range s.local.requires {
		if !q.selector.chooses(name, tags) {
			continue
		}
		r.judged[q.id] = true
		by = append(by, s.requirement(q))
	}
	if len(by) == 0 {
		return
	}
	for _, e := range exact {
		r.checkDeclared(s, e, by)
	}
	if present {
		s.fleet.Judged = append(s.fleet.Judged, Judged{Function: name, By: by})
	}
}

// checkDeclared warns of an entry that declares what a requirement forbids.
//
// Only what the fleet manages is held against it: what is left to AWS is known when it is
// read, and a dead-letter queue too, so that its absence is not guessed at.
func (r *resolver) checkDeclared(s *scope, exact exactEntry, by []*Requirement) {
	i, found := slices.BinarySearchFunc(s.fleet.Entries, exact.Name, func(e Entry, n Name) int { return e.Name.Compare(n) })
	if !found || s.fleet.Entries[i].Remove {
		return
	}
	managed, effect := s.fleet.Entries[i].Want, [NumSettings]Value{}
	for _, f := range Settings() {
		effect[f] = managed[f].Or(f.Default())
	}
	for _, q := range by {
		for _, v := range q.Violations(effect, "") {
			if !managed[v.Setting].IsSet() || q.Failure == FailureOrDeadLetter && managed[v.Setting] == NoDestination {
				continue
			}
			r.say(exact.decl.file, exact.decl.place, Problem{
				Code:    codeAgainstRequirement,
				Message: fmt.Sprintf("%s: %s, by %s", exact.Name, v.Message, q.Origin),
				Hint:    "declare what is required, or leave the function out of the requirement with exclude",
			})
		}
	}
}

// checkIdleRequires warns of items that choose nothing.
func (r *resolver) checkIdleRequires() {
	for i := range r.doc.requires {
		q := &r.doc.requires[i]
		if !r.looked(q.selector.targets) {
			continue
		}
		if !r.judged[i] {
			r.out.add(Problem{Pos: q.pos(), Code: codeIdleRule,
				Message: fmt.Sprintf("the requirement %s chooses no function", q.describe()),
				Hint:    "check its patterns, tags and targets, or delete it"})
			continue
		}
		r.checkPatterns(&q.selector, q.file, func(s *scope) *selector {
			at := slices.IndexFunc(s.local.requires, func(own *requireDecl) bool { return own.id == q.id })
			if at < 0 {
				return nil
			}
			return &s.local.requires[at].selector
		})
	}
}
