package desired

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Requirement is what must hold of the functions that it chooses, whatever the exact values.
// What breaks it is told, and nothing is written for its sake.
type Requirement struct {
	Origin  Origin
	demands *requirement
	allowed []tagValue // destinations, as the target has them; none allows all
}

// requirement is what an item of require asks for. It is held against effects, and so against
// functions without any record as well:
//
//	maximum_retry_attempts: { max: 1 }          broken by no record: Lambda retries twice
//	failure_destination: required               broken by no on_failure, whatever else there is
//	failure_destination: or_dead_letter_queue   the same, unless the function has a queue of its own
//	destinations: [PATTERN]                     broken by any other; none at all breaks nothing
//
// A requirement never makes a wish: what ought to be written is for rules and entries to say,
// and two sources of wishes could contradict each other.
type requirement struct {
	failure      failurePolicy
	bounds       [NumSettings]bounds
	destinations []text // patterns, with their placeholders
}

// failurePolicy says whether failed events must go somewhere.
type failurePolicy uint8

const (
	failureAnyhow       failurePolicy = iota
	failureDestination                // on_failure
	failureOrDeadLetter               // on_failure, or the dead-letter queue of the function itself
)

// bounds are the least and the most that a number may be.
type bounds struct {
	min, max int
	set      bool // else there are none
}

// Judged is one function that requirements choose.
type Judged struct {
	Function string
	By       []*Requirement // in the order of the files; never empty
}

// Violation is one thing in which a record breaks a requirement.
type Violation struct {
	Setting    Setting
	Message    string // such as "maximum_retry_attempts is 2, and at most 1 is allowed"
	DeadLetter bool   // a dead-letter queue of the function itself would be enough
}

// Violations holds a record's effective values, with NoDestination for none, and the dead-letter
// queue of the function, "" for none, against the requirement: at most one for each setting,
// in their order.
func (q *Requirement) Violations(effect [NumSettings]Value, deadLetter string) (all []Violation) {
	// Destinations are compared as text, with the patterns as this target has them.
	say := func(s Setting, format string, args ...any) {
		all = append(all, Violation{Setting: s, Message: fmt.Sprintf(format, args...)})
	}
	// One thing for each setting: a destination that is none cannot be a wrong one as well.
	for _, s := range AllSettings() {
		v := effect[s]
		switch b := q.demands.bounds[s]; {
		case b.set && v.Int() < b.min:
			say(s, "%s is %d, and at least %d is required", s, v.Int(), b.min)
		case b.set && v.Int() > b.max:
			say(s, "%s is %d, and at most %d is allowed", s, v.Int(), b.max)
		case s.IsNumber():
		case v != NoDestination && len(q.allowed) > 0 &&
			!slices.ContainsFunc(q.allowed, func(d tagValue) bool { return d.match(v.Text()) }):
			say(s, "%s is %s, which is none of the allowed destinations", s, v.Text())
		case v != NoDestination || s != OnFailure:
		case q.demands.failure == failureDestination:
			say(s, "failed events go nowhere: there is no on_failure")
		case q.demands.failure == failureOrDeadLetter && deadLetter == "":
			say(s, "failed events go nowhere: there is no on_failure, and the function has no dead-letter queue")
			all[len(all)-1].DeadLetter = true
		}
	}
	return all
}

var requireItem = object[ruleDecl]{
	what: "an item of require",
	fields: slices.Concat([]field[ruleDecl]{
		nameField("What it is for; shown beside what breaks it."),
		matchField("The functions it is for."),
		value("failure_destination", "Failed events must go somewhere: to on_failure, or also to the function's own dead-letter queue.",
			oneOf[failurePolicy]("required", "or_dead_letter_queue"), func(r *ruleDecl, p failurePolicy) { r.require.failure = failureDestination + p }), // no word stands for the first of the policies
		texts("destinations", "Allowed destinations, as patterns with * and ?; placeholders are filled in.",
			allowedRule, allowedDestination, func(r *ruleDecl) *[]text { return &r.require.destinations }),
	}, boundsFields()),
}

// allowedRule is the pattern of an allowed destination.
var allowedRule = textRule{low: 1, high: maxDestination, code: codeBadARN, what: "a pattern of destinations", hint: "write one such as arn:aws:sqs:*:*:*-dlq"}

// allowedDestination tries the placeholders of a pattern with a made-up target, so that a
// misspelt one is found while the file is read. ${function} is not among them, since a
// pattern says it with *.
func allowedDestination(t text) (text, *problem) {
	if strings.Contains(expand(variable.ReplaceAllString(t.value, "x"), someTarget), "$") {
		return t, &problem{codeUnknownPlaceholder, fmt.Sprintf("%q has a $ that begins no placeholder", shorten(t.value)),
			"use ${account}, ${region}, ${partition} or ${vars.NAME}, and * for the function's name"}
	}
	return t, nil
}

// boundsFields are the numbers among the settings, by their table: a new number can be
// required without another line here. A bound that is left out is that of the API.
//
// Both lie within the API's own, and the least is not above the most, so that every
// requirement is one that some record can meet.
func boundsFields() (all []field[ruleDecl]) {
	for _, s := range AllSettings() {
		if !s.IsNumber() {
			continue
		}
		low, high := s.Bounds()
		inner := object[bounds]{what: "the bounds of " + s.String(), fields: []field[bounds]{
			value("min", "The least that is allowed.", integer(low, high), func(b *bounds, v int) { b.min = v }),
			value("max", "The most that is allowed.", integer(low, high), func(b *bounds, v int) { b.max = v }),
		}}
		asked := kind[bounds]{inner.schema(), func(w *walker, n *yaml.Node, _ string) (bounds, bool) {
			b := bounds{low, high, true}
			ok := inner.read(w, n, &b)
			if ok && b.min > b.max {
				w.report(codeOutOfRange, n, fmt.Sprintf("min %d is above max %d", b.min, b.max), "swap them, or leave one out")
			}
			return b, ok && b.min <= b.max
		}}
		all = append(all, value(s.String(), "Its bounds. What is not set counts as Lambda's default.", asked,
			func(r *ruleDecl, b bounds) { r.require.bounds[s] = b }))
	}
	return all
}

// check refuses an item that asks for nothing.
func (q *requirement) check(w *walker, n *yaml.Node) bool {
	asks := q.failure != failureAnyhow || len(q.destinations) > 0 || q.bounds != [NumSettings]bounds{}
	if !asks {
		w.report(codeManagesNothing, n, "an item of require asks for nothing",
			"add failure_destination, destinations, or the bounds of a number")
	}
	return asks
}

// requirement is an item as a target has it. It is made once for each target.
//
// All functions that it chooses share that one, which is not changed after.
func (s *scope) requirement(q *ruleDecl) *Requirement {
	made := s.required[q.id]
	if made == nil {
		made = &Requirement{Origin: q.origin(), demands: &q.require}
		for _, d := range q.require.destinations {
			d.value = expand(d.value, s.fleet.Target)
			v, _ := compileTag(d)
			made.allowed = append(made.allowed, v)
		}
		s.required[q.id] = made
	}
	return made
}

// judge notes which requirements choose a function. One that is not known to exist is
// not judged; but what entries declare of it is held against them all the same.
func (r *resolver) judge(s *scope, name string, chosen []*ruleDecl, exact []exactEntry, present bool) {
	by := slice.Map(chosen, s.requirement)
	if len(by) == 0 {
		return
	}
	// What is declared and forbidden at once can never be in order: said when the files are
	// resolved, and not only when AWS has been read.
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
	i, found := slices.BinarySearchFunc(s.fleet.Entries, exact.Name, Entry.Compare)
	if !found || s.fleet.Entries[i].Remove {
		return
	}
	managed, effect := s.fleet.Entries[i].Want, [NumSettings]Value{}
	for _, f := range AllSettings() {
		effect[f] = managed[f].Or(f.Default())
	}
	for _, q := range by {
		for _, v := range q.Violations(effect, "") {
			if !managed[v.Setting].IsSet() || v.DeadLetter {
				continue
			}
			r.out.reportOnce(exact.decl.pos(), codeAgainstRequirement, fmt.Sprintf("%s: %s, by %s", exact.Name, v.Message, q.Origin),
				"declare what is required, or leave the function out of the requirement with exclude")
		}
	}
}
