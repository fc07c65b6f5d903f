package desired

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// An object is the one table of what a mapping may hold. The decoder reads by
// it and Schema prints it, so that an editor and the loader cannot disagree
// about keys, types and limits.
type object[T any] struct {
	what   string // how messages call it: "a functions entry"
	doc    string
	fields []field[T]
	// anyOf names keys of which at least one must be there.
	anyOf []string
	// oneOf are sets of keys of which exactly one is there, whole, and nothing of the others.
	oneOf [][]string
}

// field is one row: the key, what it means, what it may hold, and how a value
// gets into T.
type field[T any] struct {
	key      string
	doc      string
	required bool
	shape    shape
	read     func(w *walker, n *yaml.Node, into *T)
}

// must is the field as one that has to be there.
func (f field[T]) must() field[T] { f.required = true; return f }

// keys lists the keys in the order of the table, which is the order of messages and docs.
func (o *object[T]) keys() []string {
	keys := make([]string, len(o.fields))
	for i := range o.fields {
		keys[i] = o.fields[i].key
	}
	return keys
}

// read decodes a mapping into T and reports whether nothing was wrong with it.
// It goes on after a problem, so that one load shows them all.
func (o *object[T]) read(w *walker, n *yaml.Node, into *T) bool {
	before := w.out.errors.total
	n, ok := w.collection(n, yaml.MappingNode, o.what, o.expected)
	if !ok {
		return false
	}
	var seen [16]*yaml.Node // more than any object has fields
	for i := 0; i+1 < len(n.Content) && !w.exhausted(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		row := o.row(key)
		switch {
		case row < 0:
			w.unknownKey(key, value, o.what, o.keys())
		case seen[row] != nil:
			w.duplicateKey(key, seen[row])
		default:
			seen[row] = key
			if !w.empty(key, value) {
				o.fields[row].read(w, value, into)
			}
		}
	}
	for i := range o.fields {
		if o.fields[i].required && seen[i] == nil {
			w.missingKey(n, o.what, o.fields[i].key)
		}
	}
	return w.out.errors.total == before
}

func (o *object[T]) expected() string { return "a mapping with " + strings.Join(o.keys(), ", ") }

// row is the field that a key names, or -1. Keys are case-sensitive; a key in quotes is the
// same key.
func (o *object[T]) row(key *yaml.Node) int {
	if key.Kind != yaml.ScalarNode {
		return -1
	}
	for i := range o.fields {
		if o.fields[i].key == key.Value {
			return i
		}
	}
	return -1
}

// schema is the object as JSON Schema.
//
// Unknown keys and empty objects are refused, as read refuses them. Required keys stand in
// the order of the table.
func (o *object[T]) schema() map[string]any {
	properties := map[string]any{}
	var required []string
	for i := range o.fields {
		f := &o.fields[i]
		property := f.shape.schema()
		property["description"] = f.doc
		properties[f.key] = property
		if f.required {
			required = append(required, f.key)
		}
	}
	s := map[string]any{
		"type":                 "object",
		"additionalProperties": false,
		"minProperties":        1,
		"properties":           properties,
	}
	if o.doc != "" {
		s["description"] = o.doc
	}
	if required != nil {
		s["required"] = required
	}
	if o.anyOf != nil {
		var choices []any
		for _, key := range o.anyOf {
			choices = append(choices, map[string]any{"required": []string{key}})
		}
		s["anyOf"] = choices
	}
	if o.oneOf != nil {
		var choices []any
		for i, set := range o.oneOf {
			refused := map[string]any{}
			for _, other := range slices.Concat(slices.Delete(slices.Clone(o.oneOf), i, i+1)...) {
				refused[other] = false
			}
			choices = append(choices, map[string]any{"required": set, "properties": refused})
		}
		s["oneOf"] = choices
	}
	return s
}

// list is a field that holds a sequence, each item an object of its own.
func list[T, I any](key, doc string, item *object[I], add func(w *walker, n *yaml.Node, into *T)) field[T] {
	return field[T]{
		key: key, doc: doc, shape: listShape{item},
		read: func(w *walker, n *yaml.Node, into *T) {
			w.eachItem(n, key, func(n *yaml.Node) { add(w, n, into) })
		},
	}
}

// nested is a field that holds one object, put where to says.
func nested[T, I any](key, doc string, inner *object[I], to func(*T) *I) field[T] {
	return field[T]{
		key: key, doc: doc, shape: inner,
		read: func(w *walker, n *yaml.Node, into *T) { inner.read(w, n, to(into)) },
	}
}

// word is a field that holds one string which follows a rule.
func word[T any](key, doc string, rule textRule, to func(*T) *text) field[T] {
	return field[T]{
		key: key, doc: doc, shape: rule,
		read: func(w *walker, n *yaml.Node, into *T) {
			if t, ok := w.text(n, key, rule); ok {
				*to(into) = t
			}
		},
	}
}

// words is a field that holds a list of strings which follow a rule.
func words[T any](key, doc string, rule textRule, to func(*T) *[]text) field[T] {
	return field[T]{
		key: key, doc: doc, shape: listShape{rule},
		read: func(w *walker, n *yaml.Node, into *T) {
			w.eachOnce(n, key, func(n *yaml.Node) (text, bool) {
				t, ok := w.text(n, "an item of "+key, rule)
				if ok {
					*to(into) = append(*to(into), t)
				}
				return t, ok
			})
		},
	}
}

// choice is a field that holds one of a few words; take gets its index.
func choice[T any](key, doc string, options []string, take func(into *T, index int)) field[T] {
	return field[T]{
		key: key, doc: doc, shape: choiceShape(options),
		read: func(w *walker, n *yaml.Node, into *T) {
			if i, ok := w.choice(n, key, options); ok {
				take(into, i)
			}
		},
	}
}

// decimal is a field that holds a number between two bounds.
func decimal[T any](key, doc string, shape decimalShape, to func(*T) *float64) field[T] {
	return field[T]{
		key: key, doc: doc, shape: shape,
		read: func(w *walker, n *yaml.Node, into *T) {
			if v, ok := w.decimal(n, key, shape); ok {
				*to(into) = v
			}
		},
	}
}

// shape is what a value may hold, as far as it can be said of one value alone.
type shape interface{ schema() map[string]any }

// integerShape is a whole number from low to high, both included.
type integerShape struct{ low, high int }

func (s integerShape) schema() map[string]any {
	return map[string]any{"type": "integer", "minimum": s.low, "maximum": s.high}
}

// decimalShape is a number from low to high; open leaves low itself out, and a
// zero high means no bound.
type decimalShape struct {
	low, high float64
	open      bool
}

func (s decimalShape) schema() map[string]any {
	m := map[string]any{"type": "number", "minimum": s.low}
	if s.open {
		delete(m, "minimum")
		m["exclusiveMinimum"] = s.low
	}
	if s.high > 0 {
		m["maximum"] = s.high
	}
	return m
}

// textRule is what a string must look like. code, what and hint are for the
// message when it does not.
type textRule struct {
	pattern    *regexp.Regexp // nil: anything
	low, high  int            // length in characters; a zero high means no bound
	code       string
	what, hint string
	known      []string // what a misspelt one may have been meant to be
	vars       bool     // variables may stand in it
}

func (r textRule) schema() map[string]any {
	m := map[string]any{"type": "string", "minLength": max(1, r.low)}
	if r.high > 0 {
		m["maxLength"] = r.high
	}
	if r.pattern != nil {
		m["pattern"] = r.pattern.String()
	}
	return m
}

// allows counts in characters, as JSON Schema and the AWS reference do, and not in bytes.
func (r textRule) allows(s string) bool {
	n := len([]rune(s))
	return n >= r.low && (r.high == 0 || n <= r.high) && (r.pattern == nil || r.pattern.MatchString(s))
}

// choiceShape is one of the words.
type choiceShape []string

func (s choiceShape) schema() map[string]any {
	return map[string]any{"type": "string", "enum": []string(s)}
}

// booleanShape is true or false.
type booleanShape struct{}

func (booleanShape) schema() map[string]any { return map[string]any{"type": "boolean"} }

// listShape is a list of at least one item.
type listShape struct{ item shape }

func (s listShape) schema() map[string]any {
	return map[string]any{"type": "array", "minItems": 1, "items": s.item.schema()}
}

// constantShape is the one number that is allowed.
type constantShape int

func (s constantShape) schema() map[string]any { return map[string]any{"const": int(s)} }

// oneOrMore is a value, or a list of values.
type oneOrMore struct{ item shape }

func (s oneOrMore) schema() map[string]any { return either{s.item, listShape(s)}.schema() }

// either is one of two shapes.
type either [2]shape

func (s either) schema() map[string]any {
	return map[string]any{"anyOf": []any{s[0].schema(), s[1].schema()}}
}

// mappingShape is a mapping whose keys the writer chooses, such as tags.
type mappingShape struct {
	key   textRule
	value shape
}

func (s mappingShape) schema() map[string]any {
	return map[string]any{
		"type":                 "object",
		"minProperties":        1,
		"propertyNames":        s.key.schema(),
		"additionalProperties": s.value.schema(),
	}
}

// limitShape is a number, or a share such as 30%.
type limitShape struct{}

// percentWord has few enough digits for a float64 to give back what was written.
var percentWord = regexp.MustCompile(`^(100(\.0{1,9})?|[0-9]{1,2}(\.[0-9]{1,9})?)%$`)

func (limitShape) schema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "integer", "minimum": 0, "maximum": maxLimit},
		map[string]any{"type": "string", "pattern": percentWord.String()},
	}}
}

// schemaID names the schema; it changes with the version of the format.
const schemaID = "https://github.com/eventinvoke/eventinvoke/schema/v1/fleet.json"

// Schema is the JSON Schema (2020-12) of a fleet file, for editors. It is made
// from the tables that Load decodes by. What one value alone cannot tell, such
// as duplicates, is Load's to find.
func Schema() []byte {
	s := fleetFile.schema()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["$id"] = schemaID
	s["title"] = "eventinvoke fleet file"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("desired: the key tables hold a value that JSON cannot: " + err.Error())
	}
	return append(text, '\n')
}
