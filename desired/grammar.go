package desired

import (
	"regexp"

	"gopkg.in/yaml.v3"
)

// The rules that plain strings follow. Limits of roles and external ids are
// those of STS AssumeRole.
var (
	anyName   = textRule{low: 1, high: 128, code: codeOutOfRange, what: "of 1 to 128 characters", hint: "use 1 to 128 characters"}
	labelRule = textRule{pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`), code: codeBadLabel,
		what: "a label", hint: "use 1 to 64 letters, digits, hyphens, underscores and dots"}
	labelUse    = textRule{low: 1, code: codeUnknownLabel, what: "a label", hint: "name a target of the targets section"}
	accountRule = textRule{pattern: accountWord, code: codeBadAccount,
		what: "an account id", hint: `write its twelve digits in quotes, such as "111111111111"`}
	regionRule = textRule{pattern: regionWord, code: codeBadRegion,
		what: "a region", hint: "write it as AWS does, such as eu-west-1", known: knownRegions}
	roleRule = textRule{pattern: regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`), low: 20, high: 2048,
		code: codeBadRole, what: "the ARN of a role", hint: "write arn:PARTITION:iam::ACCOUNT:role/NAME"}
	externalIDRule = textRule{pattern: regexp.MustCompile(`^[\w+=,.@:/-]*$`), low: 2, high: 1224,
		code: codeBadExternalID, what: "an external id", hint: "use 2 to 1224 letters, digits and +=,.@:/_-"}
	functionRule  = textRule{low: 1, code: codeBadFunctionName, vars: true}
	qualifierRule = textRule{pattern: regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|([a-zA-Z0-9_-]|` + variableForm + `)+)$`), high: maxQualifier, code: codeBadQualifier,
		what: "a qualifier", hint: "use an alias, a version number or $LATEST, which is case-sensitive", vars: true}
	reasonRule = textRule{low: 1, high: 256, code: codeOutOfRange, what: "of 1 to 256 characters", hint: "use 1 to 256 characters"}
	dateRule   = textRule{pattern: regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])`), code: codeBadDate}
	globRule   = textRule{low: 1, high: maxGlob, code: codeBadGlob, what: "a pattern", hint: "use at most 512 characters", vars: true}
)

// settingFields are the settings, as they stand in defaults, in set and in an
// entry of functions.
//
// They are made from settingTable, so that a setting of that table can be written wherever
// settings can.
func settingFields[T any](to func(*T) *settings) []field[T] {
	var fields []field[T]
	for _, f := range Settings() {
		row := field[T]{key: f.String(), doc: settingTable[f].doc}
		if f.IsNumber() {
			low, high := f.Bounds()
			bounds := integerShape{low, high}
			row.shape = bounds
			row.read = func(w *walker, n *yaml.Node, into *T) {
				if v, ok := w.integer(n, f.String(), bounds); ok {
					to(into)[f] = setting{number: int32(v), place: at(n), set: true}
				}
			}
		} else {
			row.shape = destinationRule(f)
			row.read = func(w *walker, n *yaml.Node, into *T) {
				if s, ok := w.destination(n, f); ok {
					to(into)[f] = setting{destination: s, place: at(n), set: true}
				}
			}
		}
		fields = append(fields, row)
	}
	return fields
}

// destination reads and checks a destination. Equal ones of a file are
// checked once.
func (w *walker) destination(n *yaml.Node, f Setting) (string, bool) {
	t, ok := w.text(n, f.String(), textRule{})
	if !ok {
		return "", false
	}
	use := destinationUse{f, t.value}
	wrong, known := w.checks[use]
	if !known {
		wrong = use.check()
		w.checks[use] = wrong
	}
	if wrong != nil {
		w.out.add(wrong.at(w.pos(n)))
		return "", false
	}
	return t.value, true
}
