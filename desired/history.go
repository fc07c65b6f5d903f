package desired

import (
	"fmt"
	"slices"
	"strings"
)

// FieldHistory is everything that was said about one field of one key.
type FieldHistory struct {
	Field Field
	Said  []Statement // weakest layer first; empty when the field is unmanaged
}

// Statement is what one place says about a field.
type Statement struct {
	Origin Origin
	Name   string // of the rule, when it has one
	Value  string // as this target has it; "none" for no destination
	Won    bool   // at most one of a field; none when the key is to be removed
}

// Explain tells, for every field of a key, which places spoke about it and
// which one won. The key must be one of the resolved fleet; Fleet.Find makes
// keys from what a person types.
func (d *Document) Explain(ambient Target, inv Inventory, key Key) ([]FieldHistory, error) {
	r := newResolver(d, ambient, inv, &collector{})
	r.run()
	i := slices.IndexFunc(r.scopes, func(s *scope) bool { return s.fleet.Target == key.Target })
	if i < 0 {
		return nil, fmt.Errorf("explain %s: the fleet has no target %s", key, key.Target)
	}
	s := r.scopes[i]
	if j := slices.IndexFunc(s.fleet.Ignored, func(g Ignored) bool { return g.Name == key.Name }); j >= 0 {
		return nil, fmt.Errorf("explain %s: it is ignored by %s", key, s.fleet.Ignored[j].By)
	}
	if !slices.ContainsFunc(s.fleet.Entries, func(e Entry) bool { return e.Name == key.Name }) {
		return nil, fmt.Errorf("explain %s: no entry and no rule declares it", key)
	}
	var decl *functionDecl
	if j := slices.IndexFunc(s.exact, func(e exactEntry) bool { return e.Name == key.Name }); j >= 0 {
		decl = s.exact[j].decl
	}
	r.ids = r.ids[:0]
	for _, id := range s.rules.find(key.Function, s.inventory.Tags[key.Function]) {
		if ruleID := s.ruleIDs[id]; d.rules[ruleID].covers(key.Qualifier) {
			r.ids = append(r.ids, ruleID)
		}
	}
	return r.histories(s, decl), nil
}

func (r *resolver) histories(s *scope, decl *functionDecl) []FieldHistory {
	names := map[*source]string{}
	for _, id := range r.ids {
		names[&r.doc.rules[id].source] = r.doc.rules[id].name.value
	}
	sources := slices.Clone(r.speakers(decl))
	var all []FieldHistory
	for _, f := range Fields() {
		h := FieldHistory{Field: f}
		winner, _ := r.decide(s, sources, f)
		if decl != nil && decl.remove {
			winner = nil
		}
		for _, src := range sources {
			if src.set[f].set {
				h.Said = append(h.Said, Statement{
					Origin: src.fieldOrigin(f), Name: names[src],
					Value: s.value(&src.set[f]).String(), Won: src == winner,
				})
			}
		}
		all = append(all, h)
	}
	return all
}

// Find turns what a person types into the keys of the fleet that it means:
// NAME or NAME:QUALIFIER in every target, either with LABEL/ or ACCOUNT/REGION/
// before it, or any form of function ARN.
func (f Fleet) Find(typed string) ([]Key, error) {
	where, written := "", typed
	if i := strings.LastIndexByte(typed, '/'); i >= 0 {
		where, written = typed[:i], typed[i+1:]
	}
	n, wrong := parseName(written)
	if wrong != nil {
		return nil, fmt.Errorf("%s; %s", wrong.message, wrong.cure)
	}
	if n.qualifier == "" {
		n.qualifier = Latest
	}
	name := Name{n.function, n.qualifier}
	var keys []Key
	var near []string
	for _, t := range f.Targets {
		if (where != "" && where != t.Label && where != t.Target.String()) || !n.in(t.Target) {
			continue
		}
		for _, e := range t.Entries {
			near = append(near, e.Name.String())
		}
		if _, found := slices.BinarySearchFunc(t.Entries, name, func(e Entry, n Name) int { return e.Name.Compare(n) }); found {
			keys = append(keys, Key{t.Target, name})
		}
	}
	if len(keys) > 0 {
		return keys, nil
	}
	if guess := nearest(name.String(), near); guess != "" {
		return nil, fmt.Errorf("no declared key is called %q; did you mean %s?", typed, guess)
	}
	return nil, fmt.Errorf("no declared key is called %q; there are %s", typed, listSome(slices.Compact(slices.Sorted(slices.Values(near)))))
}
