package desired

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"
)

// fleetFile is one YAML document of a fleet file. What it holds lands in the walker's Document.
//
// A fleet may be split into any number of files, and a file into YAML documents, which are
// read as if they were one. What may be said in how many places:
//
//	version                               in every document: each says which format it is
//	rules, functions, ignore, require     anywhere; they add up
//	defaults                              once in a file, for that file; with scope: fleet for all
//	targets, guard, undeclared, missing_* once in all files: they are about the whole fleet
//
// Order counts within the rules of one file and nowhere else.
var fleetFile = object[walker]{
	what: "a fleet file",
	doc:  "What the asynchronous-invocation settings of a fleet of AWS Lambda functions should be.",
	fields: []field[walker]{
		value("version", "The version of this format: 1.", version, func(*walker, int) {}).must(),
		single(list("targets", "The accounts and regions. Left out: those of the credentials. In one file only.", &targetItem, readTarget)),
		single(nested("defaults", "For the rules and entries of this file that do not say otherwise.", &defaultsObject,
			func(w *walker) *source { return &w.file.defaults })),
		rules("rules", "Settings for the functions that match. A later rule wins.", LayerRule, &ruleItem),
		list("functions", "Settings of single functions. They win over rules.", &functionItem, readFunction),
		rules("ignore", "Functions that are never read and never written.", LayerIgnore, &ignoreItem),
		rules("require", "What must hold of functions. Reported, never written.", LayerRequire, &requireItem),
		single(nested("guard", "A plan beyond it writes nothing. In one file only.", &guardObject,
			func(w *walker) *Limits { return &w.doc.guard })),
		single(value("undeclared", "Records of a declared function under other qualifiers. Default report. In one file only.",
			oneOf[UndeclaredPolicy]("report", "delete"), func(w *walker, p UndeclaredPolicy) { w.doc.undeclared = p })),
		single(value("missing_functions", "A declared function that does not exist. Default error. In one file only.",
			oneOf[MissingPolicy](missingPolicies...), func(w *walker, p MissingPolicy) { w.doc.missing = p })),
		single(value("missing_qualifiers", "A declared alias or version that its function does not have. Default error. In one file only.",
			oneOf[MissingPolicy](missingPolicies...), func(w *walker, p MissingPolicy) { w.doc.missingQualifiers = p })),
	},
}

// single makes a section one that may be found only once: defaults in a file,
// the others in all files together.
//
// A second one is not read. Nobody can say which of two was meant, and to lay one over the
// other would let the order of the files decide.
func single(f field[walker]) field[walker] {
	read := f.read
	f.read = func(w *walker, n *yaml.Node, into *walker) {
		at := Pos{w.file.info.Path, n.Line, n.Column}
		found := w.doc.sections
		if f.key == "defaults" {
			found = w.file.sections
		}
		if first, twice := found[f.key]; twice {
			w.out.report(at, codeSecondSection, fmt.Sprintf("a second %s, the first is at %s", f.key, first), "keep one of them", first)
			return
		}
		found[f.key] = at
		read(w, n, into)
	}
	return f
}

// version accepts the plain number 1. A quoted "1" is refused, so that there is one spelling,
// and every other number, because a later format may mean other things by the same keys.
var version = kind[int]{schema{"const": 1}, func(w *walker, n *yaml.Node, what string) (int, bool) {
	n = w.follow(n)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Value != "1" || n.Style != 0 {
		w.report(codeVersion, n, "version is "+describe(n)+", and only 1 is known", "write version: 1")
	}
	return 1, true
}}

// settingFields are the settings, as they stand in defaults, in set and in an
// entry of functions.
//
// They are made from settingTable, so that a setting of that table can be written wherever
// settings can.
func settingFields[T any](to func(*T) *settings) []field[T] {
	var fields []field[T]
	for _, f := range AllSettings() {
		fields = append(fields, value(f.String(), settingTable[f].doc, settingKind(f), func(into *T, s setting) { to(into)[f] = s }))
	}
	return fields
}

// settingKind is the number or the destination that a setting takes. A destination follows no
// textRule, which has one message for everything that is wrong.
func settingKind(f Setting) kind[setting] {
	if f.IsNumber() {
		number := integer(f.Bounds())
		return kind[setting]{number.schema, func(w *walker, n *yaml.Node, what string) (setting, bool) {
			v, ok := number.read(w, n, what)
			return setting{Number(v), at(n)}, ok
		}}
	}
	return kind[setting]{destinationShape(f).schema(), func(w *walker, n *yaml.Node, what string) (setting, bool) {
		t, ok := w.text(n, what, textRule{})
		if !ok {
			return setting{}, false
		}
		// The setting is a part of the key: what is right on failure may be wrong on success.
		use := destinationUse{f, t.value}
		wrong, known := w.checks[use] // equal ones of a file are checked once
		if !known {
			wrong = use.check()
			w.checks[use] = wrong
		}
		if wrong != nil {
			w.out.add(wrong.at(w.pos(n)))
		}
		return setting{destinationValue(t.value), t.place}, wrong == nil
	}}
}

var defaultsObject = object[source]{
	what: "defaults",
	fields: append([]field[source]{
		value("scope", "fleet: for all files, below their own defaults; one file only. Default file.",
			oneOf[uint8]("file", "fleet"), func(s *source, i uint8) { s.fleet = i == 1 }),
	}, settingFields(func(s *source) *settings { return &s.set })...),
}

var guardObject = object[Limits]{
	what: "guard",
	fields: []field[Limits]{
		value("max_changes", "Most writes of one run. Default 30%, never fewer than 10.",
			limit(shareFloor), func(g *Limits, l Limit) { g.MaxChanges = l }),
		value("max_deletes", "Most deletes. Default 0.",
			limit(0), func(g *Limits, l Limit) { g.MaxDeletes = l }),
		value("max_errors", "Calls that AWS or the network failed, after which a target takes no new work. Default 10%, never fewer than 10.",
			limit(shareFloor), func(g *Limits, l Limit) { g.MaxErrors = l }),
	},
}

// shareFloor is the fewest that a share allows, so that the size of a small
// fleet does not block it: 30 % of five configs would be one. Deletes have no such floor, since
// a delete is never routine.
const shareFloor = 10

// The items of the lists, and how each is read into the Document. An item
// with a problem is left out, so that nothing is said about it twice. What depends on several
// items is then checked without it, and what depends on targets not at all: a file with one
// error is not to be given ten that follow from it.

// What a target lacks is asked by says, since account and regions are needed only without
// organization; the schema says it by oneOf.
var targetItem = object[targetDecl]{
	what: "a target",
	fields: []field[targetDecl]{
		value("name", "A label for output, rules and --target.", word(labelRule), func(t *targetDecl, s text) { t.name = s }).must(),
		value("account", "The twelve digits, in quotes.",
			word(accountRule), func(t *targetDecl, s text) { t.account = s }),
		texts("regions", "The regions, each a target of its own.", regionRule, asWritten, func(t *targetDecl) *[]text { return &t.regions }),
		value("role_arn", "The role to assume. Left out: the base credentials.",
			word(roleRule), func(t *targetDecl, s text) { t.role = s }),
		value("organization", "Accounts that AWS Organizations lists, in place of account, regions and role_arn.",
			organization, func(t *targetDecl, o *organizationDecl) { t.organization = o }),
		value("external_id", "The external id that the role asks for.", word(externalIDRule), func(t *targetDecl, s text) { t.externalID = s }),
		{key: "vars", doc: "Text for ${vars.NAME}.", schema: mapping(varName.schema(), varValue.schema()),
			read: func(w *walker, n *yaml.Node, into *targetDecl) {
				w.mapping(n, "vars", "variable", varName, func(name text, n *yaml.Node) {
					if value, ok := w.text(n, fmt.Sprintf("the variable %q", name.value), varValue); ok {
						into.vars = append(into.vars, variableDecl{name, value})
					}
				})
			}},
		value("quota", "Requests a second in each region. Default 15.",
			decimal(0, 0), func(t *targetDecl, v float64) { t.quota = v }),
		value("rate_share", "The share of the quota that a run may use. Default 0.9.",
			decimal(0.1, 1), func(t *targetDecl, v float64) { t.rateShare = v }),
	},
	oneOf: [][]string{{"account", "regions"}, {"organization"}},
}

// readTarget reads a target. One with a problem is left out and remembered, because what
// depends on labels and places then cannot be checked.
func readTarget(w *walker, n *yaml.Node, _ *walker) {
	t := targetDecl{file: w.file, place: at(n)}
	if targetItem.read(w, n, &t) && t.says(w, n) {
		w.doc.targets = append(w.doc.targets, t)
		return
	}
	w.doc.damagedTargets = true
}

// rules is a section of one layer whose items choose functions. An item's index counts those
// of the file, wrong ones included, so that messages number them as a reader does.
func rules(key, doc string, layer Layer, item *object[ruleDecl]) field[walker] {
	return list(key, doc, item, func(w *walker, n *yaml.Node, _ *walker) {
		r := &ruleDecl{source: w.source(n, layer)}
		w.variables = false
		if item.read(w, n, r) && r.check(w, n, item.what) {
			r.variables = w.variables
			w.doc.rules = append(w.doc.rules, r)
		}
	})
}

// check finds what is wrong with an item by itself.
func (r *ruleDecl) check(w *walker, n *yaml.Node, what string) bool {
	if r.criteria.isZero() {
		w.report(codeEmptyMatch, n, what+" has neither functions nor tags",
			`add functions or tags; for every function write functions: ["*"]`)
		return false
	}
	return r.layer != LayerRequire || r.require.check(w, n)
}

// The fields that several of the three layers have.

func nameField(doc string) field[ruleDecl] {
	return value("name", doc, word(anyName), func(r *ruleDecl, t text) { r.rule = t.value })
}

// matchField has no struct of its own: what match chooses by are fields of the item.
func matchField(doc string, more ...field[ruleDecl]) field[ruleDecl] {
	match := &object[ruleDecl]{what: "match", fields: append(selectorFields(selectorOf), more...), anyOf: []string{"functions", "tags"}}
	return nested("match", doc, match, func(r *ruleDecl) *ruleDecl { return r }).must()
}

func selectorOf(r *ruleDecl) *selector { return &r.selector }

var ruleItem = object[ruleDecl]{
	what: "a rule",
	fields: []field[ruleDecl]{
		nameField("What the rule is for, for reports."),
		matchField("The functions it is for.", texts("qualifiers",
			"Aliases, versions or $LATEST, or patterns for aliases: \"live*\"; \"*\" is $LATEST and every alias. Left out: $LATEST. A function without one that is named is skipped.",
			ruleQualifierRule, compileQualifier, func(r *ruleDecl) *[]qualifier { return &r.qualifiers })),
		nested("set", "The settings they get.", &object[source]{
			what: "set", fields: settingFields(func(s *source) *settings { return &s.set }),
		}, func(r *ruleDecl) *source { return r.source }),
	},
}

var ignoreItem = object[ruleDecl]{
	what: "an item of ignore",
	fields: append(selectorFields(selectorOf),
		value("reason", "Why they are left alone; shown in reports.", word(reasonRule), func(r *ruleDecl, t text) { r.reason = t.value }),
		value("until", "The last day, in UTC: 2027-03-31. After it the item is an error.", date,
			func(r *ruleDecl, t text) { r.until = t })),
	anyOf: []string{"functions", "tags"},
}

// Expired are the Problems of what was to hold until a day that is over at now, in UTC; nil for
// none.
func (d *Document) Expired(now time.Time) error {
	// Nothing else depends on the time, and whoever begins a run asks: a worker reads its files
	// once and runs for months.
	// Days are compared as texts: YEAR-MONTH-DAY sorts as time does.
	var expired Problems
	today := now.UTC().Format(time.DateOnly)
	for _, g := range d.rules {
		if g.until.value != "" && g.until.value < today {
			message := fmt.Sprintf("the item %s was to hold until %s, which is over", g.origin().LayerName(), g.until.value)
			if g.reason != "" {
				message += fmt.Sprintf(" (%s)", shorten(g.reason))
			}
			expired = append(expired, Problem{Pos: g.file.pos(g.until.place), Code: codeExpired, Message: message, Hint: "delete the item, or set a later day"})
		}
	}
	if expired == nil {
		return nil
	}
	expired.sort()
	return expired
}

var functionItem = object[functionDecl]{
	what: "an entry of functions",
	fields: append([]field[functionDecl]{
		value("name", "The function: name, name:qualifier, account:function:name or a full ARN.", word(functionRule),
			func(f *functionDecl, t text) { f.writtenName = t }).must(),
		value("qualifier", "An alias, a version or $LATEST. Left out: $LATEST.", word(qualifierRule),
			func(f *functionDecl, t text) { f.writtenQualifier = t }),
		texts("targets", "Labels of its targets. Left out: all, or that of the ARN.", labelUse, asWritten,
			func(f *functionDecl) *[]text { return &f.targets }),
		value("remove", "true: there must be no record at all.", boolean, func(f *functionDecl, v bool) { f.remove = v }),
	}, settingFields(func(f *functionDecl) *settings { return &f.set })...),
}

// readFunction reads an entry of functions. What it says alone is checked here, what it says
// beside others when all files are read.
func readFunction(w *walker, n *yaml.Node, _ *walker) {
	f := &functionDecl{source: *w.source(n, LayerFunction)}
	if functionItem.read(w, n, f) && f.check(w) {
		w.doc.functions = append(w.doc.functions, f)
	}
}

// check finds what is wrong with an entry by itself. A name with variables is taken
// apart once they are filled in.
//
// It reports whether the entry can be used, which a long name alone does not prevent.
func (f *functionDecl) check(w *walker) bool {
	pos := w.file.pos(f.writtenName.place)
	if !hasVariables(f.writtenName.value + f.writtenQualifier.value) {
		name, wrong, at := identify(f.writtenName, f.writtenQualifier)
		if wrong != nil {
			p := wrong.at(w.file.pos(at))
			if wrong.code == codeQualifiersDisagree {
				p.Related = []Pos{pos}
			}
			w.out.add(p)
			return false
		}
		f.name = name
	}
	if f.remove && !f.set.isZero() {
		w.out.report(f.pos(), codeRemoveWithSettings, fmt.Sprintf("%s is to be removed and has settings as well", f.writtenName.value),
			"delete remove, or delete the settings")
		return false
	}
	if len(f.name.Function) > documentedFunctionName { // a warning: such a function may exist
		w.out.report(pos, codeLongFunctionName, fmt.Sprintf("the function name has %d characters", len(f.name.Function)),
			fmt.Sprintf("use at most %d, Lambda's limit", documentedFunctionName))
	}
	return true
}
