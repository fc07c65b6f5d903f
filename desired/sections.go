package desired

import (
	"fmt"
	"time"
	"unique"

	"gopkg.in/yaml.v3"
)

// document is one YAML document while it is being read. It is only the
// decoder's view: everything lands in the walker's Document.
type document struct{ w *walker }

var fleetFile = object[document]{
	what: "a fleet file",
	doc:  "What the asynchronous-invocation settings of a fleet of AWS Lambda functions should be.",
	fields: []field[document]{
		{key: "version", doc: "The version of this format: 1.", required: true, shape: constantShape(1),
			read: func(w *walker, n *yaml.Node, _ *document) { w.version(n) }},
		single(list("targets", "The accounts and regions the fleet lives in. Left out: those of the current credentials. In one file only.", &targetItem, readTarget),
			func(w *walker) *section { return &w.doc.sections.targets }),
		single(nested("defaults", "Settings of every rule and entry of this file that does not say otherwise.", &defaultsObject,
			func(d *document) *source { return &d.w.file.defaults }),
			func(w *walker) *section { return &w.file.defaultsAt }),
		list("rules", "Settings for every function that matches. A later rule of a file wins over an earlier one.", &ruleItem, readRule),
		list("functions", "Settings of functions that are named outright. They win over rules.", &functionItem, readFunction),
		list("ignore", "Functions that are never read and never written.", &ignoreItem, readIgnore),
		list("require", "What must hold of functions, whatever the exact values. What breaks it is told; nothing is written for it.", &requireItem, readRequire),
		single(nested("guard", "What one run may do. A plan beyond it writes nothing. In one file only.", &guardObject,
			func(d *document) *Guard { return &d.w.doc.guard }),
			func(w *walker) *section { return &w.doc.sections.guard }),
		single(choice("undeclared", "Records of a declared function under a qualifier that nobody declared. Default report. In one file only.",
			undeclaredWords, func(d *document, i int) { d.w.doc.undeclared = UndeclaredPolicy(i) }),
			func(w *walker) *section { return &w.doc.sections.undeclared }),
		single(choice("missing_functions", "A declared function that does not exist. Default error. In one file only.",
			missingWords, func(d *document, i int) { d.w.doc.missing = MissingPolicy(i) }),
			func(w *walker) *section { return &w.doc.sections.missing }),
		single(choice("missing_qualifiers", "A declared alias or version that its function does not have. Default error. In one file only.",
			missingWords, func(d *document, i int) { d.w.doc.missingQualifiers = MissingPolicy(i) }),
			func(w *walker) *section { return &w.doc.sections.missingQualifiers }),
	},
}

// The words of the two policies, in the order of their constants.
var (
	undeclaredWords = []string{"report", "delete"}
	missingWords    = []string{"error", "warn"}
)

// single makes a section one that may be found only once: defaults in a file,
// the others in all files together.
func single(f field[document], where func(*walker) *section) field[document] {
	read := f.read
	f.read = func(w *walker, n *yaml.Node, into *document) {
		first := where(w)
		if first.found() {
			pos := first.file.pos(first.place)
			w.out.add(Problem{
				Pos: w.pos(n), Code: codeSecondSection, Related: []Pos{pos},
				Message: fmt.Sprintf("a second %s, the first is at %s", f.key, pos),
				Hint:    "keep one of them",
			})
			return
		}
		*first = section{w.file, at(n)}
		read(w, n, into)
	}
	return f
}

// version accepts the plain number 1. A quoted "1" is refused, so that there is one spelling,
// and every other number, because a later format may mean other things by the same keys.
func (w *walker) version(n *yaml.Node) {
	n = w.follow(n)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Value != "1" || n.Style != 0 {
		w.report(codeVersion, n, "version is "+describe(n)+", and only 1 is known", "write version: 1")
	}
}

var defaultsObject = object[source]{
	what: "defaults",
	fields: append([]field[source]{
		choice("scope", "file: for the rules and entries of this file. fleet: for those of all files, below their own; one file only. Default file.",
			scopeWords, func(s *source, i int) { s.fleet = i == 1 }),
	}, settingFields(func(s *source) *settings { return &s.set })...),
}

var scopeWords = []string{"file", "fleet"}

var guardObject = object[Guard]{
	what: "guard",
	fields: []field[Guard]{
		limit("max_changes", "Most writes of any kind: a number, or a share of the configs (never fewer than 10). Default 30%.",
			shareFloor, func(g *Guard) *Limit { return &g.MaxChanges }),
		limit("max_deletes", "Most deletes: a number, or a share of the configs. Default 0.",
			0, func(g *Guard) *Limit { return &g.MaxDeletes }),
		limit("max_errors", "Calls that AWS failed beyond which a target takes no new work: a number, or a share (never fewer than 10). Default 10%.",
			shareFloor, func(g *Guard) *Limit { return &g.MaxErrors }),
	},
}

// shareFloor is the fewest that a share allows, so that the size of a small
// fleet does not block it. Deletes have no such floor.
const shareFloor = 10

// limit is a field of the guard. One with a problem leaves the default in its place; the file
// is refused anyway.
func limit(key, doc string, floor int, to func(*Guard) *Limit) field[Guard] {
	return field[Guard]{
		key: key, doc: doc, shape: limitShape{},
		read: func(w *walker, n *yaml.Node, into *Guard) {
			if l, ok := w.limit(n, key, floor); ok {
				*to(into) = l
			}
		},
	}
}

// The items of the four lists, and how each is read into the Document. An item
// with a problem is left out, so that nothing is said about it twice.

var targetItem = object[targetDecl]{
	what: "a target",
	fields: []field[targetDecl]{
		word("name", "A label for output, rules and --target.", labelRule, func(t *targetDecl) *text { return &t.name }).must(),
		word("account", "The twelve digits of the account, in quotes. Checked against the credentials before anything else.",
			accountRule, func(t *targetDecl) *text { return &t.account }),
		words("regions", "The regions, each a target of its own.", regionRule, func(t *targetDecl) *[]text { return &t.regions }),
		word("role_arn", "The role to assume from the base credentials. Left out: the base credentials themselves.",
			roleRule, func(t *targetDecl) *text { return &t.role }),
		{key: "organization", shape: &organizationObject, doc: "In place of account, regions and role_arn: the accounts that AWS Organizations lists, each a target in each region.",
			read: func(w *walker, n *yaml.Node, t *targetDecl) {
				t.organization = &organizationDecl{place: at(n)}
				organizationObject.read(w, n, t)
			}},
		word("external_id", "The external id that the role asks for.", externalIDRule, func(t *targetDecl) *text { return &t.externalID }),
		{key: "vars", doc: "Text for ${vars.NAME} in names, patterns, tag values, qualifiers and destinations.", shape: mappingShape{varName, varValue},
			read: func(w *walker, n *yaml.Node, into *targetDecl) {
				w.mapping(n, "vars", "variable", varName, func(name text, n *yaml.Node) {
					if value, ok := w.text(n, fmt.Sprintf("the variable %q", name.value), varValue); ok {
						into.vars = append(into.vars, variableDecl{name, value})
					}
				})
			}},
		decimal("quota", "The control-plane quota of each region in requests a second, where it is not 15.",
			decimalShape{low: 0, open: true}, func(t *targetDecl) *float64 { return &t.quota }),
		decimal("rate_share", "The share of the quota that a run may use, 0.1 to 1.",
			decimalShape{low: 0.1, high: 1}, func(t *targetDecl) *float64 { return &t.rateShare }),
	},
	oneOf: [][]string{{"account", "regions"}, {"organization"}},
}

// readTarget reads a target. One with a problem is left out and remembered, because what
// depends on labels and places then cannot be checked.
func readTarget(w *walker, n *yaml.Node, _ *document) {
	t := targetDecl{file: w.file, place: at(n)}
	if targetItem.read(w, n, &t) && t.says(w, n) {
		w.doc.targets = append(w.doc.targets, t)
		return
	}
	w.doc.damagedTargets = true
}

var ruleItem = object[ruleDecl]{
	what: "a rule",
	fields: []field[ruleDecl]{
		word("name", "What the rule is for; shown beside what it decided, where there is room.", anyName, func(r *ruleDecl) *text { return &r.name }),
		nested("match", "The functions the rule is for.", &matchObject, func(r *ruleDecl) *ruleDecl { return r }).must(),
		nested("set", "The settings they get.", &setObject, func(r *ruleDecl) *source { return r.source }),
	},
}

var matchObject = object[ruleDecl]{
	what: "match",
	fields: append(selectorFields(func(r *ruleDecl) *selector { return &r.selector }),
		field[ruleDecl]{
			key: "qualifiers", shape: listShape{ruleQualifierRule},
			doc:  "Aliases, versions or $LATEST, or patterns for aliases: \"live*\"; \"*\" is $LATEST and every alias. Left out: $LATEST. A function without one that is named is skipped.",
			read: func(w *walker, n *yaml.Node, r *ruleDecl) { readQualifiers(w, n, &r.qualifiers) },
		}),
	anyOf: []string{"functions", "tags"},
}

var setObject = object[source]{
	what:   "set",
	fields: settingFields(func(s *source) *settings { return &s.set }),
}

// readRule reads a rule. Its index counts the rules of the file, wrong ones included, so that
// messages number them as a reader does; its id counts those of the document.
func readRule(w *walker, n *yaml.Node, _ *document) {
	r := ruleDecl{source: &source{file: w.file, location: w.file.location, place: at(n), layer: LayerRule, index: w.file.rules}, id: len(w.doc.rules)}
	w.file.rules++
	if ruleItem.read(w, n, &r) && r.selector.says(w, n, "a rule") {
		r.location = unique.Make(location{file: w.file.info.Path, rule: r.name.value})
		w.doc.rules = append(w.doc.rules, r)
	}
}

var functionItem = object[functionDecl]{
	what: "an entry of functions",
	fields: append([]field[functionDecl]{
		word("name", "The function: name, name:qualifier, account:function:name or a full ARN.", functionRule,
			func(f *functionDecl) *text { return &f.writtenName }).must(),
		word("qualifier", "An alias, a version or $LATEST. Left out: $LATEST.", qualifierRule,
			func(f *functionDecl) *text { return &f.writtenQualifier }),
		words("targets", "Labels of the targets it lives in. Left out: all of them, or those that an ARN names.", labelUse,
			func(f *functionDecl) *[]text { return &f.targets }),
		{key: "remove", doc: "true: there must be no record at all.", shape: booleanShape{},
			read: func(w *walker, n *yaml.Node, into *functionDecl) {
				if v, ok := w.boolean(n, "remove"); ok {
					into.remove = v
				}
			}},
	}, settingFields(func(f *functionDecl) *settings { return &f.set })...),
}

// readFunction reads an entry of functions. What it says alone is checked here, what it says
// beside others when all files are read.
func readFunction(w *walker, n *yaml.Node, _ *document) {
	f := &functionDecl{source: source{file: w.file, location: w.file.location, place: at(n), layer: LayerFunction, index: w.file.entries}}
	w.file.entries++
	if functionItem.read(w, n, f) && f.check(w) {
		w.doc.functions = append(w.doc.functions, f)
	}
}

// identify takes a name apart and settles the qualifier. What is wrong is at a place.
//
// The qualifier may stand in the name, in a key of its own, or in both if they agree; without
// any it is $LATEST, which is what AWS means then. So one record has one name from here on.
func identify(written, qualifier text) (ParsedName, *problem, place) {
	name, wrong := parseName(written.value)
	if wrong != nil {
		return name, wrong, written.place
	}
	if name.Region != "" && name.Partition != PartitionOf(name.Region) {
		return name, &problem{codeBadFunctionName,
			fmt.Sprintf("the region %s is in the partition %s, not %s", name.Region, PartitionOf(name.Region), shorten(name.Partition)),
			"write the ARN with its own partition"}, written.place
	}
	if q := qualifier.value; q != "" {
		if name.Qualifier != "" && name.Qualifier != q {
			return name, &problem{codeQualifiersDisagree, fmt.Sprintf("qualifier %q does not agree with %q in the name", q, name.Qualifier),
				"keep one of them"}, qualifier.place
		}
		if wrong := checkQualifier(q); wrong != nil {
			return name, wrong, qualifier.place
		}
		name.Qualifier = q
	}
	if name.Qualifier == "" {
		name.Qualifier = Latest
	}
	return name, nil, place{}
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
		w.out.add(Problem{
			Pos: f.pos(), Code: codeRemoveWithSettings,
			Message: fmt.Sprintf("%s is to be removed and has settings as well", f.writtenName.value),
			Hint:    "delete remove, or delete the settings",
		})
		return false
	}
	if len(f.name.Function) > documentedFunctionName {
		w.out.add(Problem{
			Pos: pos, Code: codeLongFunctionName,
			Message: fmt.Sprintf("the function name has %d characters", len(f.name.Function)),
			Hint:    fmt.Sprintf("use at most %d, Lambda's limit", documentedFunctionName),
		})
	}
	return true
}

var ignoreItem = object[ignoreDecl]{
	what: "an item of ignore",
	fields: append(selectorFields(func(i *ignoreDecl) *selector { return &i.selector }),
		field[ignoreDecl]{
			key: "reason", doc: "Why they are left alone; shown in reports.", shape: reasonRule,
			read: func(w *walker, n *yaml.Node, i *ignoreDecl) {
				if t, ok := w.text(n, "reason", reasonRule); ok {
					i.except().Reason = t.value
				}
			},
		},
		field[ignoreDecl]{
			key: "until", doc: "The last day on which the item holds, in UTC: 2027-03-31. After it the item is an error.", shape: dateRule,
			read: func(w *walker, n *yaml.Node, i *ignoreDecl) {
				if v, ok := w.date(n, "until"); ok {
					i.except().Until, i.until = v, at(n)
				}
			},
		}),
	anyOf: []string{"functions", "tags"},
}

// except makes the item's exception when the first of its two keys is read: most items have
// neither, and then there is none.
func (i *ignoreDecl) except() *Exception {
	if i.why == nil {
		i.why = &Exception{}
	}
	return i.why
}

// Expired are the problems of what was to hold until a day that is over. Nothing else
// depends on the time, and whoever begins a run asks: a worker reads its files once and
// runs for months.
func (d *Document) Expired(now time.Time) error {
	var expired Problems
	today := now.UTC().Format(time.DateOnly)
	for i := range d.ignores {
		if g := &d.ignores[i]; g.why != nil && g.why.Until != "" && g.why.Until < today {
			message := fmt.Sprintf("the item %s was to hold until %s, which is over", g.origin().LayerName(), g.why.Until)
			if g.why.Reason != "" {
				message += fmt.Sprintf(" (%s)", shorten(g.why.Reason))
			}
			expired = append(expired, Problem{Pos: g.file.pos(g.until), Code: codeExpired, Message: message, Hint: "delete the item, or set a later day"})
		}
	}
	if expired == nil {
		return nil
	}
	expired.Sort()
	return expired
}

// readIgnore reads an item of ignore, and numbers it as readRule does.
func readIgnore(w *walker, n *yaml.Node, _ *document) {
	i := ignoreDecl{source: &source{file: w.file, location: w.file.location, place: at(n), layer: LayerIgnore, index: w.file.ignores}}
	w.file.ignores++
	if ignoreItem.read(w, n, &i) && i.selector.says(w, n, "an item of ignore") {
		w.doc.ignores = append(w.doc.ignores, i)
	}
}
