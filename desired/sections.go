package desired

import (
	"fmt"

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
			func(w *walker) *once { return &w.doc.sections.targets }),
		single(nested("defaults", "Settings of every rule and entry of this file that does not say otherwise.", &defaultsObject,
			func(d *document) *source { return &d.w.file.defaults }),
			func(w *walker) *once { return &w.file.defaultsAt }),
		list("rules", "Settings for every function that matches. A later rule of a file wins over an earlier one.", &ruleItem, readRule),
		list("functions", "Settings of functions that are named outright. They win over rules.", &functionItem, readFunction),
		list("ignore", "Functions that are never read and never written.", &ignoreItem, readIgnore),
		single(nested("guard", "What one run may do. A plan beyond it writes nothing. In one file only.", &guardObject,
			func(d *document) *Guard { return &d.w.doc.guard }),
			func(w *walker) *once { return &w.doc.sections.guard }),
		single(choice("undeclared", "Records of a declared function under a qualifier that nobody declared. In one file only.",
			undeclaredWords, func(d *document, i int) { d.w.doc.undeclared = UndeclaredPolicy(i) }),
			func(w *walker) *once { return &w.doc.sections.undeclared }),
		single(choice("missing_functions", "A declared function that does not exist. In one file only.",
			missingWords, func(d *document, i int) { d.w.doc.missing = MissingPolicy(i) }),
			func(w *walker) *once { return &w.doc.sections.missing }),
		single(choice("missing_qualifiers", "A declared alias or version that its function does not have. In one file only.",
			missingWords, func(d *document, i int) { d.w.doc.missingQualifiers = MissingPolicy(i) }),
			func(w *walker) *once { return &w.doc.sections.missingQualifiers }),
	},
}

// The words of the two policies, in the order of their constants.
var (
	undeclaredWords = []string{"report", "delete"}
	missingWords    = []string{"error", "warn"}
)

// single makes a section one that may be found only once: defaults in a file,
// the others in all files together.
func single(f field[document], where func(*walker) *once) field[document] {
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
		*first = once{w.file, at(n)}
		read(w, n, into)
	}
	return f
}

func (w *walker) version(n *yaml.Node) {
	n = w.follow(n)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Value != "1" || n.Style != 0 {
		w.report(codeVersion, n, "version is "+describe(n)+", and only 1 is known", "write version: 1")
	}
}

var defaultsObject = object[source]{
	what:   "defaults",
	fields: settingFields(func(s *source) *settings { return &s.set }),
}

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
