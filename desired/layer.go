package desired

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// The layers of one config, weakest first. Each setting is decided by itself, so that
// one config can have its age from the defaults and its retries from an entry.
//
//	defaults of the fleet          what one file says for all, where it says so
//	defaults of the rules' files   what a rule's author left to his own file
//	defaults of the entry's file   an entry's own file is nearer than a rule's
//	rules, in the order of a file  the later one wins within a file
//	the entry                      named outright, so that it wins
//
// Between two files nobody can see an order: they are read sorted by name today, and
// a file that is renamed would change what is declared. So two files have to agree,
// and it is the winner of each that is compared:
//
//	f0: b-* → 1              f1: * → 1, *-1 → 2       b-1: 1 and 2, refused (EI062)
//	f0: b-* → 1              f1: *-1 → 2, * → 1       b-1: 1 and 1, one value
//	f0: defaults 1, rule b-* f1: defaults 2, rule *   b-1: 1 and 2, refused
//	f0: defaults 1, rule b-* f1: defaults 2, entry b-1       2, the entry's own file

// merged is what the layers make of one config. Functions that the same rules choose
// share it, but for the destinations that have ${function} in them: these stand in want
// as templates, and each entry of such a function has a config of its own.
type merged struct {
	ownConfig
	origins   *Origins
	templates []edge // to is not known yet
}

// ownConfig is a config, and those of its destinations that are functions.
type ownConfig struct {
	want  *Config
	calls []edge
}

// resolveFunction makes the entries of one function: its exact ones, and, when
// it was discovered, those that rules choose.
//
// An ignored function has no entries at all, whatever the rules say: ignore is stronger
// than every layer, and an exact entry beside it is an error.
func (r *resolver) resolveFunction(s *scope, name string, exact []exactEntry, present bool) {
	rules, required, by := r.rulesFor(s, name)
	if by != nil {
		r.ignore(s, name, exact, rules, by, present)
		return
	}
	for _, rule := range rules {
		r.chosen[rule.id] = r.chosen[rule.id] || present
	}
	for _, q := range s.qualifiersOf(name, exact, rules, present) {
		var decl *functionDecl
		if i := slices.IndexFunc(exact, func(e exactEntry) bool { return e.Qualifier == q }); i >= 0 {
			decl = exact[i].decl
		}
		ids := idsFor(rules, q)
		for _, id := range ids {
			r.chosen[id] = true
		}
		r.addEntry(s, Name{name, q}, decl, ids)
	}
	r.judge(s, name, required, exact, present)
}

// idsFor are the rules that are for a qualifier. Ids and not rules: the forms of a rule in several
// targets share its settings, and a set of ids is what layer looks up.
func idsFor(rules []*ruleDecl, qualifier string) (ids []int) {
	for _, rule := range rules {
		if rule.covers(qualifier) {
			ids = append(ids, rule.id)
		}
	}
	return ids
}

// rulesFor lists the rules and the requirements that choose a function, in the order of the
// files, and the first item that ignores it.
//
// All items of ignore are tried, though one is enough: one that never takes out anything is
// to be told of. Items stand by layer, so that ignore is known before any requirement is met.
func (r *resolver) rulesFor(s *scope, name string) (rules, required []*ruleDecl, by *ruleDecl) {
	tags := s.inventory.Tags[name]
	for _, item := range s.local.rules {
		if !item.chooses(name, tags) {
			continue
		}
		switch item.layer {
		case LayerRule:
			rules = append(rules, item)
		case LayerRequire:
			required = append(required, item)
			r.chosen[item.id] = r.chosen[item.id] || by == nil
		case LayerIgnore:
			r.chosen[item.id] = true
			by = cmp.Or(by, item)
		}
	}
	return rules, required, by
}

// ignore records a function as ignored, by the first item that takes it out, under each
// qualifier that rules would have declared.
func (r *resolver) ignore(s *scope, name string, exact []exactEntry, rules []*ruleDecl, by *ruleDecl, present bool) {
	for _, e := range exact {
		pos := by.pos()
		r.out.reportOnce(e.decl.pos(), codeIgnoreDeclared, fmt.Sprintf("%s is declared here and ignored at %s", e.Name, pos),
			"say one or the other", pos)
	}
	// A rule is not to blame for what was taken out of it: it does choose functions.
	for _, rule := range rules {
		r.chosen[rule.id] = true
	}
	// Nobody lists the aliases of what is ignored.
	for _, q := range s.qualifiersOf(name, nil, rules, present) {
		if q != everyQualifier {
			s.fleet.Ignored = append(s.fleet.Ignored, Ignored{Name: Name{name, q}, By: by.origin(), Reason: by.reason, Until: by.until.value})
		}
	}
}

// addEntry makes one entry from decl, which may be nil, and the rules of some ids.
//
// An entry that only rules declare, for an alias or version, is Optional: the rule may be
// meant for those functions which have it. An entry with remove takes nothing from the
// layers below.
func (r *resolver) addEntry(s *scope, name Name, decl *functionDecl, ids []int) {
	entry := Entry{Name: name, Optional: decl == nil && name.Qualifier != Latest, Pattern: isPattern(name.Qualifier)}
	if decl != nil && decl.remove {
		entry.Remove, entry.Want = true, &Config{}
		entry.Origins = &Origins{Entry: decl.origin()}
		s.fleet.Entries = append(s.fleet.Entries, entry)
		return
	}
	r.current = name
	l := r.layer(s, decl, ids)
	if l.want.IsZero() && decl != nil && !s.undecided {
		r.out.reportOnce(decl.pos(), codeManagesNothing, fmt.Sprintf("%s has no settings: there is nothing to manage", name),
			"set a field, or write remove: true, or delete the entry")
	}
	own := l.ownConfig
	if l.templates != nil {
		own = r.fillFunction(s, l, name.Function)
	}
	entry.Want, entry.Origins = own.want, l.origins
	s.fleet.Entries = append(s.fleet.Entries, entry)
	r.checkCalls(Key{s.fleet.Target, name}, own.calls)
}

// fillFunction puts a function's name into the templates of its config. What the name makes wrong
// is said at the line of the template, once.
func (r *resolver) fillFunction(s *scope, l *merged, function string) ownConfig {
	own := ownConfig{new(*l.want), l.calls}
	for _, t := range l.templates {
		to, wrong := s.value(&t.by.set[t.f]).to.of(t.f, function, s.fleet.Target)
		if wrong != nil {
			wrong.message = fmt.Sprintf("for %s: %s", function, wrong.message)
			r.out.addOnce(wrong.at(t.pos()))
		}
		own.want[t.f] = Text(to.text)
		if to.function != nil {
			own.calls = append(slices.Clip(own.calls), edge{*to.function, t.by, t.f})
		}
	}
	return own
}

// layer merges the layers for one key. Functions that the same rules choose
// share one result.
//
// That is what keeps a fleet of 100,000 functions small: it has as many configs as there
// are combinations of rules. Those with an entry of their own are never shared.
func (r *resolver) layer(s *scope, decl *functionDecl, ids []int) *merged {
	if decl != nil {
		return r.merge(s, decl, ids)
	}
	var key []byte
	for _, id := range ids {
		key = binary.AppendUvarint(key, uint64(id))
	}
	l, known := s.layers[string(key)]
	if !known {
		l = r.merge(s, nil, ids)
		s.layers[string(key)] = l
	}
	return l
}

// merge decides each setting by itself among all who speak about the key, and notes who
// won it. A source that wins nothing anywhere is told of by checkIdle.
func (r *resolver) merge(s *scope, decl *functionDecl, ids []int) *merged {
	sources := r.doc.speakers(decl, ids)
	// What a setting sends to is checked where it wins: a destination that a later
	// layer replaces harms nobody, and is told of as a rule without effect.
	l := &merged{ownConfig: ownConfig{want: new(Config)}, origins: new(Origins)}
	for _, f := range AllSettings() {
		winner, v := r.decide(s, sources, f)
		if winner == nil {
			continue
		}
		// Where it was written goes along with what it is: nobody could find it out later without
		// to resolve again.
		l.want[f] = v.Value
		r.applied[winner] = true
		l.origins.Settings[f] = winner.fieldOrigin(f)
		if v.to != nil {
			if wrong := v.to.wrong; wrong != nil {
				r.out.reportOnce(winner.file.pos(winner.set[f].place), wrong.code, f.String()+" "+wrong.message, wrong.hint)
			}
			if v.to.template() {
				l.templates = append(l.templates, edge{by: winner, f: f})
			}
			if v.to.function != nil {
				l.calls = append(l.calls, edge{*v.to.function, winner, f})
			}
		}
	}
	l.origins.Entry = sources[len(sources)-1].origin()
	return l
}

// speakers lists who may speak about a key, weakest first: the defaults of the fleet, of
// the rules' files, the defaults of the entry's own file, the rules, the entry.
//
// There is at least one, as what nobody speaks about is no entry; and none is there twice.
func (d *Document) speakers(decl *functionDecl, ids []int) (sources []*source) {
	if d.defaults != nil {
		sources = append(sources, d.defaults)
	}
	for _, id := range ids {
		file := d.rules[id].file
		if (decl == nil || decl.file != file) && !slices.Contains(sources, &file.defaults) {
			sources = append(sources, &file.defaults)
		}
	}
	if decl != nil && !decl.file.defaults.fleet {
		sources = append(sources, &decl.file.defaults)
	}
	for _, id := range ids {
		sources = append(sources, d.rules[id].source)
	}
	if decl != nil {
		sources = append(sources, &decl.source)
	}
	return sources
}

// decide finds who wins a field. Two files may not differ about it within the
// layer of rules, nor within that of defaults where nobody overrules them and
// neither is the entry's own.
//
// Sources come weakest first, so that the last who speaks wins; winner is nil where nobody
// does, and then AWS keeps what it has. A conflict is reported and does not stop the merge.
func (r *resolver) decide(s *scope, sources []*source, f Setting) (*source, setTo) {
	var winner, rival *source
	var won setTo
	var rules []*source // the last rule of each file that speaks about the setting
	for _, src := range sources {
		if !src.set[f].IsSet() {
			continue
		}
		v := s.value(&src.set[f])
		if v.to != nil && v.to.incomplete {
			continue // nobody knows whether it agrees with another
		}
		switch {
		case src.layer == LayerRule && len(rules) > 0 && rules[len(rules)-1].file == src.file:
			rules[len(rules)-1] = src // within a file the later rule wins
		case src.layer == LayerRule:
			rules = append(rules, src)
		case src.layer == LayerDefaults && winner != nil && !winner.fleet && winner.file != src.file && v.Value != won.Value:
			// Remembered, and a problem only if no stronger layer decides: a conflict between
			// defaults that rules overrule harms nobody.
			rival = winner
		}
		winner, won = src, v
	}
	// All are held against the first and not each against the next: that two of them agree
	// with a third is enough.
	for i := 1; i < len(rules); i++ {
		if a, b := s.value(&rules[0].set[f]), s.value(&rules[i].set[f]); a.Value != b.Value {
			r.conflict(rules[0], rules[i], f, a, b)
		}
	}
	// The defaults of the file that holds the exact entry are nearer to it than any others.
	last := sources[len(sources)-1]
	own := last.layer == LayerFunction && winner == &last.file.defaults
	if winner != nil && rival != nil && winner.layer == LayerDefaults && !own {
		r.conflict(rival, winner, f, s.value(&rival.set[f]), won)
	}
	return winner, won
}

// conflict reports that two files say different things of the same setting, at the second
// with a reference to the first. For made-up functions it is a warning.
func (r *resolver) conflict(a, b *source, f Setting, va, vb setTo) {
	first := a.file.pos(a.set[f].place)
	code, name, verb := codeRuleConflict, r.current.String(), "is"
	if r.supposed {
		code, name, verb = codeMayDisagree, "a function such as "+name, "would be"
	}
	r.out.reportOnce(b.file.pos(b.set[f].place), code, fmt.Sprintf("%s of %s %s %s here and %s at %s", f, name, verb, vb, va, first),
		"make them agree, or narrow one rule with exclude, tags or targets", first)
}
