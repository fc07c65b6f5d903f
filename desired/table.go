package desired

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/internal/slice"
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
//
//	value("qualifier", "An alias, a version or $LATEST.", word(qualifierRule),
//		func(f *functionDecl, t text) { f.writtenQualifier = t })
//
// From that row come the decoding and its messages, the line of the JSON Schema with its
// bounds and its description, the list of keys that an unknown one is compared with, and the
// place of every problem. A key that is in no row does not exist.
type field[T any] struct {
	key      string
	doc      string
	required bool
	schema   schema
	read     func(w *walker, n *yaml.Node, into *T)
}

// must is the field as one that has to be there.
func (f field[T]) must() field[T] { f.required = true; return f }

// kind is what a value may be, as far as that can be said of one value alone. A value of
// another kind is reported by read, which then returns false.
type kind[V any] struct {
	schema schema
	read   func(w *walker, n *yaml.Node, what string) (V, bool)
}

// value is a field that holds one value.
func value[T, V any](key, doc string, k kind[V], put func(into *T, v V)) field[T] {
	return field[T]{key: key, doc: doc, schema: k.schema, read: func(w *walker, n *yaml.Node, into *T) {
		if v, ok := k.read(w, n, key); ok {
			put(into, v)
		}
	}}
}

// texts is a field that holds a list of strings which follow a rule, none of them twice.
// They are compiled while the file is read, so that a wrong one is told of at its own line.
func texts[T, V any](key, doc string, rule textRule, compile func(text) (V, *problem), to func(*T) *[]V) field[T] {
	return field[T]{key: key, doc: doc, schema: listOf(rule.schema()), read: func(w *walker, n *yaml.Node, into *T) {
		w.eachOnce(n, key, "an item of "+key, rule, func(t text) {
			v, wrong := compile(t)
			if wrong != nil {
				w.out.add(wrong.at(w.file.pos(t.place)))
				return
			}
			*to(into) = append(*to(into), v)
		})
	}}
}

// asWritten is for lists of strings that need no compiling.
func asWritten(t text) (text, *problem) { return t, nil }

// list is a field that holds a sequence, each item an object of its own. add reads it by the
// item's table: it knows the place, and what becomes of an item with a problem.
func list[T, I any](key, doc string, item *object[I], add func(w *walker, n *yaml.Node, into *T)) field[T] {
	return field[T]{key: key, doc: doc, schema: listOf(item.schema()), read: func(w *walker, n *yaml.Node, into *T) {
		w.eachItem(n, key, func(n *yaml.Node) { add(w, n, into) })
	}}
}

// nested is a field that holds one object, put where to says.
func nested[T, I any](key, doc string, inner *object[I], to func(*T) *I) field[T] {
	return field[T]{key: key, doc: doc, schema: inner.schema(), read: func(w *walker, n *yaml.Node, into *T) { inner.read(w, n, to(into)) }}
}

// keys lists the keys in the order of the table, which is the order of messages and docs.
func (o *object[T]) keys() []string {
	return slice.Map(o.fields, func(f field[T]) string { return f.key })
}

// read decodes a mapping into T and reports whether nothing was wrong with it.
// It goes on after a problem, so that one load shows them all.
//
// Keys are case-sensitive; a key in quotes is the same key.
func (o *object[T]) read(w *walker, n *yaml.Node, into *T) bool {
	// Errors alone count: an item with a warning is as good as any other.
	before := w.out.errors.total
	n, ok := w.collection(n, yaml.MappingNode, o.what, func() string { return "a mapping with " + strings.Join(o.keys(), ", ") })
	if !ok {
		return false
	}
	seen := make([]*yaml.Node, len(o.fields))
	for i := 0; i+1 < len(n.Content) && !w.exhausted(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		row := slices.IndexFunc(o.fields, func(f field[T]) bool { return f.key == key.Value && key.Kind == yaml.ScalarNode })
		switch {
		case row < 0:
			w.unknownKey(key, value, o.what, o.keys())
		case seen[row] != nil:
			w.twice(codeDuplicateKey, key, key.Value+" is here", at(seen[row]))
		default:
			seen[row] = key
			if !w.empty(key, value) {
				o.fields[row].read(w, value, into)
			}
		}
	}
	for i, f := range o.fields {
		if f.required && seen[i] == nil {
			w.missing(n, o.what, f.key)
		}
	}
	return w.out.errors.total == before
}

// schema is a part of a JSON Schema.
type schema map[string]any

func listOf(item schema) schema { return schema{"type": "array", "minItems": 1, "items": item} }

func eitherOf(some ...schema) schema { return schema{"anyOf": some} }

// schema is the object as JSON Schema.
//
// Unknown keys and empty objects are refused, as read refuses them. Required keys stand in
// the order of the table. Each set of oneOf refuses the keys of the others by name: to require
// its own would let them stand beside it.
func (o *object[T]) schema() schema {
	properties := schema{}
	var required []string
	for f := range slice.Pointers(o.fields) {
		property := maps.Clone(f.schema)
		property["description"] = f.doc
		properties[f.key] = property
		if f.required {
			required = append(required, f.key)
		}
	}
	s := schema{"type": "object", "additionalProperties": false, "minProperties": 1, "properties": properties}
	if o.doc != "" {
		s["description"] = o.doc
	}
	if required != nil {
		s["required"] = required
	}
	if o.anyOf != nil {
		s["anyOf"] = slice.Map(o.anyOf, func(key string) schema { return schema{"required": []string{key}} })
	}
	if o.oneOf != nil {
		var choices []schema
		for i, set := range o.oneOf {
			refused := schema{}
			for _, other := range slices.Concat(slices.Delete(slices.Clone(o.oneOf), i, i+1)...) {
				refused[other] = false
			}
			choices = append(choices, schema{"required": set, "properties": refused})
		}
		s["oneOf"] = choices
	}
	return s
}

// mapping is a mapping whose keys the writer chooses, such as tags.
func mapping(key, value schema) schema {
	return schema{"type": "object", "minProperties": 1, "propertyNames": key, "additionalProperties": value}
}

// schemaID names the schema; it changes with the version of the format.
const schemaID = "https://github.com/eventinvoke/eventinvoke/schema/v1/fleet.json"

// Schema is the JSON Schema (2020-12) of a fleet file, for editors, made from the tables
// that Load decodes by. What one value alone cannot tell, such as duplicates, is not in it.
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
