package desired

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

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
	globRule = textRule{low: 1, high: maxGlob, code: codeBadGlob, what: "a pattern", hint: "use at most 512 characters", vars: true}
	// Tag keys have at most 128 and values 256 characters in every AWS service.
	tagRules = mappingShape{
		key:   textRule{low: 1, high: 128, code: codeBadTag, what: "a tag key", hint: "use 1 to 128 characters"},
		value: textRule{low: 1, high: 256, code: codeBadTag, what: "a tag value", hint: `use 1 to 256 characters, or "*" for any value`, vars: true},
	}
)

// settingFields are the settings, as they stand in defaults, in set and in an
// entry of functions.
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

// selectorFields are the keys that choose functions.
func selectorFields[T any](to func(*T) *selector) []field[T] {
	return []field[T]{
		globs("functions", "Patterns for function names: *, ?, [a-z] and {one,other}.", func(t *T) *[]glob { return &to(t).functions }),
		globs("exclude", "Patterns for function names that are left out again.", func(t *T) *[]glob { return &to(t).exclude }),
		{key: "tags", doc: `Tags that must all be there, key: value. * and ? in a value stand for any text and any character.`, shape: tagRules,
			read: func(w *walker, n *yaml.Node, into *T) { w.tags(n, to(into)) }},
		words("targets", "Labels of the targets this is limited to. Left out: all of them.", labelUse,
			func(t *T) *[]text { return &to(t).targets }),
	}
}

func globs[T any](key, doc string, to func(*T) *[]glob) field[T] {
	inner := words(key, doc, globRule, func(t *[]text) *[]text { return t })
	return field[T]{
		key: key, doc: doc, shape: inner.shape,
		read: func(w *walker, n *yaml.Node, into *T) {
			var written []text
			inner.read(w, n, &written)
			for _, t := range written {
				if hasVariables(t.value) { // filled in and compiled for each target
					*to(into) = append(*to(into), glob{text: t})
					continue
				}
				g, wrong := compileGlob(t)
				if wrong != nil {
					w.out.add(wrong.at(w.file.pos(t.place)))
					continue
				}
				*to(into) = append(*to(into), g)
			}
		},
	}
}

func (w *walker) tags(n *yaml.Node, into *selector) {
	w.mapping(n, "tags", "tag", tagRules, func(key, value text) {
		into.tags = append(into.tags, compileTag(key.value, value))
	})
	slices.SortFunc(into.tags, func(a, b tagPattern) int { return strings.Compare(a.Key, b.Key) })
}

// mapping reads a mapping whose keys the writer chooses.
func (w *walker) mapping(n *yaml.Node, what, item string, shape mappingShape, add func(key, value text)) {
	n, ok := w.collection(n, yaml.MappingNode, what, func() string { return "a mapping of " + item + " keys to values" })
	if !ok {
		return
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content) && !w.exhausted(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		k, ok := w.text(key, "a "+item+" key", shape.key)
		if !ok {
			continue
		}
		if first[k.value] != nil {
			w.duplicateKey(key, first[k.value])
			continue
		}
		first[k.value] = key
		if w.empty(key, value) {
			continue
		}
		if v, ok := w.text(value, fmt.Sprintf("the %s %q", item, k.value), shape.value); ok {
			add(k, v)
		}
	}
}

// says refuses a selector that names nothing to choose by.
func (s *selector) says(w *walker, n *yaml.Node, what string) bool {
	if len(s.functions) == 0 && len(s.tags) == 0 {
		w.report(codeEmptyMatch, n, what+" has neither functions nor tags",
			`add functions or tags; for every function write functions: ["*"]`)
		return false
	}
	return true
}
