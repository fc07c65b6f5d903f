package desired

import (
	"fmt"
	"slices"
)

// SettingHistory is everything that was said about one field of one key.
type SettingHistory struct {
	Setting Setting
	Sources []Source // weakest layer first; empty when the field is unmanaged
}

// Applied is the statement that decides the field; nil when none does.
func (h SettingHistory) Applied() *Source {
	if i := slices.IndexFunc(h.Sources, func(s Source) bool { return s.Applied }); i >= 0 {
		return &h.Sources[i]
	}
	return nil
}

// Source is what one place says about a field.
type Source struct {
	Origin  Origin
	Value   Value // as this target has it
	Applied bool  // at most one of a field; none when the key is to be removed
}

// Explain tells, for every field of a key, which places spoke about it and
// which one won. The key must be one of the resolved fleet; Fleet.Find makes
// keys from what a person types.
func (d *Document) Explain(ambient Target, inv Inventory, key Key) ([]SettingHistory, error) {
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
	for _, id := range r.rulesFor(s, key.Function, s.inventory.Tags[key.Function]) {
		if d.rules[id].covers(key.Qualifier) {
			r.ids = append(r.ids, id)
		}
	}
	return r.histories(s, decl), nil
}

func (r *resolver) histories(s *scope, decl *functionDecl) []SettingHistory {
	sources := slices.Clone(r.speakers(decl))
	var all []SettingHistory
	for _, f := range Settings() {
		h := SettingHistory{Setting: f}
		winner, _ := r.decide(s, sources, f)
		if decl != nil && decl.remove {
			winner = nil
		}
		for _, src := range sources {
			if src.set[f].set {
				h.Sources = append(h.Sources, Source{
					Origin: src.fieldOrigin(f),
					Value:  s.value(&src.set[f]).config(), Applied: src == winner,
				})
			}
		}
		all = append(all, h)
	}
	return all
}
