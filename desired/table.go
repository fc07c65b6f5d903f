package desired

import (
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

func (f field[T]) must() field[T] { f.required = true; return f }

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
			w.unknownKey(key, o.what, o.keys())
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
			first := map[string]text{}
			w.eachItem(n, key, func(n *yaml.Node) {
				t, ok := w.text(n, "an item of "+key, rule)
				if !ok {
					return
				}
				if earlier, twice := first[t.value]; twice {
					w.duplicateItem(n, key, earlier)
					return
				}
				first[t.value] = t
				*to(into) = append(*to(into), t)
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
