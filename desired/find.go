package desired

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// A person names a part of a fleet in two ways: a run by a Selection, whose patterns may match
// much, and one config by a KeyQuery, in any spelling of AWS. Both refuse what means nothing,
// with what is near: a slip would else be a run over nothing, which looks like success.

// Selection narrows a run to a part of the fleet. An empty list narrows nothing. What matches
// nothing is an error: a run over nothing must not look like success.
type Selection struct {
	Targets   []string `json:"targets,omitempty"`   // labels, or ACCOUNT/REGION
	Functions []string `json:"functions,omitempty"` // patterns for function names
}

// Narrow is the part of a fleet that the selection names; the fleet itself stays as it is.
func (s Selection) Narrow(f Fleet) (Fleet, error) {
	// Targets come first, so that a pattern that matches only in a target that was left out is an
	// error too.
	if err := s.narrowTargets(&f); err != nil {
		return Fleet{}, err
	}
	if err := s.narrowFunctions(&f); err != nil {
		return Fleet{}, err
	}
	return f, nil
}

// narrowTargets keeps the targets that are asked for, by label or as ACCOUNT/REGION. One
// label may stand for several regions, and the target of the current credentials has none,
// so that it can be asked for by its account and region alone.
func (s Selection) narrowTargets(f *Fleet) error {
	if len(s.Targets) == 0 {
		return nil
	}
	for _, asked := range s.Targets {
		if !slices.ContainsFunc(f.Targets, func(t TargetSpec) bool { return asked != "" && t.called(asked) }) {
			return fmt.Errorf("no target is called %q; %s", asked, s.known(f, asked))
		}
	}
	f.Targets = slice.Filter(f.Targets, s.HasTarget)
	return nil
}

// HasTarget reports whether a target is in the selection, by its label or as ACCOUNT/REGION.
func (s Selection) HasTarget(t TargetSpec) bool {
	return len(s.Targets) == 0 || slices.ContainsFunc(s.Targets, t.called)
}

// called reports whether a name that was typed means the target.
func (t TargetSpec) called(name string) bool { return name == t.Label || name == t.Target.String() }

// known says what could have been asked for.
func (s Selection) known(f *Fleet, asked string) string {
	var all []string // labels first, which are what people type
	for _, t := range f.Targets {
		if t.Label != "" {
			all = append(all, t.Label)
		}
	}
	all = append(slices.Compact(all), slice.Map(f.Targets, func(t TargetSpec) string { return t.Target.String() })...)
	return suggest(asked, all, "there are "+listSome(all))
}

// globs are the patterns for function names.
func (s Selection) globs() (globs []glob, err error) {
	for _, written := range s.Functions {
		g, wrong := compileGlob(text{value: written})
		if wrong != nil {
			if name, err := ParseName(written); err == nil { // as reports print a config
				wrong.hint = fmt.Sprintf("write %s, which stands for all its qualifiers", name.Function)
			}
			return nil, fmt.Errorf("%s; %s", wrong.message, wrong.hint)
		}
		globs = append(globs, g)
	}
	return globs, nil
}

// narrowFunctions keeps the functions that one of the patterns matches, with all their
// qualifiers, in entries, requirements and ignored ones alike. Every pattern has to match
// something.
func (s Selection) narrowFunctions(f *Fleet) error {
	if len(s.Functions) == 0 {
		return nil
	}
	globs, err := s.globs()
	if err != nil {
		return err
	}
	used := make([]bool, len(globs)) // each has to match something in some target
	keep := func(name string) bool {
		matched := false
		for i := range globs {
			if globs[i].match(name) {
				used[i], matched = true, true
			}
		}
		return matched
	}
	// Every list is made anew: the fleet is the caller's, who may narrow it again for another part.
	var names []string // for the hint: of what the fleet knows, ignored ones apart
	targets := slices.Clone(f.Targets)
	for t := range slice.Pointers(targets) {
		for _, e := range t.Entries {
			if len(names) == 0 || names[len(names)-1] != e.Function {
				names = append(names, e.Function)
			}
		}
		for _, j := range t.Judged {
			names = append(names, j.Function)
		}
		t.Entries = slice.Filter(t.Entries, func(e Entry) bool { return keep(e.Function) })
		t.Judged = slice.Filter(t.Judged, func(j Judged) bool { return keep(j.Function) })
		t.Ignored = slice.Filter(t.Ignored, func(e Ignored) bool { return keep(e.Function) })
	}
	for i, ok := range used {
		if ok {
			continue
		}
		names = slice.Unique(names)
		return fmt.Errorf("no function matches %q; %s", s.Functions[i], suggest(s.Functions[i], names, "there are "+listSome(names)))
	}
	f.Targets = targets
	return nil
}

// KeyQuery is a key as a person types it, in any of these forms:
//
//	orders                           $LATEST, in every target
//	orders:live                      the alias, in every target
//	prod/orders:live                 in each region of the label prod
//	111111111111/eu-west-1/orders    in that target, as output prints it
//	arn:aws:lambda:eu-west-1:...     in the target of the ARN
type KeyQuery struct {
	ParsedName        // Qualifier is never empty
	Where      string // the target, as a Selection takes it; "" when several may be meant
	typed      string
}

// ParseKey takes apart what a person typed. The error is ParseName's.
func ParseKey(typed string) (KeyQuery, error) {
	// What stands before the last slash names a target, and is not looked at here: only a fleet
	// knows its labels.
	q, written := KeyQuery{typed: typed}, typed
	if i := strings.LastIndexByte(typed, '/'); i >= 0 {
		q.Where, written = typed[:i], typed[i+1:]
	}
	var err error
	if q.ParsedName, err = ParseName(written); err != nil {
		return KeyQuery{}, err
	}
	q.Qualifier = cmp.Or(q.Qualifier, Latest)
	if q.Where == "" && q.Account != "" && q.Region != "" { // an ARN
		q.Where = Target{q.Account, q.Region}.String()
	}
	return q, nil
}

// Target is the account and region that the query names; zero for a label or none.
func (q KeyQuery) Target() Target {
	account, region, _ := strings.Cut(q.Where, "/")
	if t := (Target{account, region}); t.Valid() {
		return t
	}
	return Target{}
}

// matches reports whether the query may mean a function of this target: an account and region
// in the name, as in an ARN, have to be the target's as well as what stands before the slash.
func (q KeyQuery) matches(t *TargetSpec) bool {
	return (q.Where == "" || q.Where == t.Label || q.Where == t.Target.String()) && q.in(t.Target)
}

// NotDeclaredError is about a key that no entry and no rule declares.
type NotDeclaredError struct {
	Typed string
	Hint  string // names the nearest declared keys
}

// Error names what was typed, and what comes near.
func (e *NotDeclaredError) Error() string {
	return fmt.Sprintf("no declared config is called %q; %s", e.Typed, e.Hint)
}

// Find turns what a person types, see KeyQuery, into the keys of the fleet that it means. For
// none the error says which line ignores it, or is a *NotDeclaredError.
func (f Fleet) Find(typed string) ([]Key, error) {
	q, err := ParseKey(typed)
	if err != nil {
		return nil, err
	}
	return f.find(q)
}

// find looks in every target that the query may mean. A key that is declared in one of them
// and ignored in another is found; one that is ignored and declared nowhere is an error.
func (f Fleet) find(q KeyQuery) ([]Key, error) {
	if q.Where != "" {
		if err := (Selection{Targets: []string{q.Where}}).narrowTargets(&f); err != nil {
			return nil, err
		}
	}
	// Entries are sorted, and a fleet has many; of ignored keys there are few.
	name := Name{q.Function, q.Qualifier}
	var keys []Key
	var ignored error
	for t := range slice.Pointers(f.Targets) {
		if !q.matches(t) {
			continue
		}
		// An error about an ignored key waits: another target may declare it.
		if _, found := slices.BinarySearchFunc(t.Entries, name, Entry.Compare); found {
			keys = append(keys, Key{t.Target, name})
		}
		if j := slices.IndexFunc(t.Ignored, func(g Ignored) bool { return g.Name == name }); j >= 0 && ignored == nil {
			ignored = fmt.Errorf("%s is ignored by %s", Key{t.Target, name}, t.Ignored[j].By)
		}
	}
	switch {
	case len(keys) > 0:
		return keys, nil
	case ignored != nil:
		return nil, ignored
	}
	return nil, f.noSuchKey(q)
}

// noSuchKey says which declared keys are near. The commonest slip is the right
// function without its alias: callers use the alias, and people the name.
//
// Next come misspelt names, by their distance, and then all that there is, cut short.
func (f Fleet) noSuchKey(q KeyQuery) error {
	var all, siblings []string
	for t := range slice.Pointers(f.Targets) {
		if !q.matches(t) {
			continue
		}
		for _, e := range t.Entries {
			all = append(all, e.Name.String())
			if e.Function == q.Function {
				siblings = append(siblings, e.Name.String())
			}
		}
	}
	// A function is in several targets, and its name is said once.
	sorted := func(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
	hint := suggest(Name{q.Function, q.Qualifier}.String(), all, "there are "+listSome(sorted(all)))
	if len(siblings) > 0 {
		hint = "did you mean " + listSome(sorted(siblings)) + "?"
	}
	return &NotDeclaredError{q.typed, hint}
}

// ResolveFor resolves the fleet as if the function of the query existed wherever it may be
// meant, and no other: what the files say of it, without a listing of all functions. Tags and
// aliases are taken from known. The inventory is the supposed one, for Sources.
func (d *Document) ResolveFor(ambient Target, known Inventory, q KeyQuery) (Fleet, Inventory, error) {
	// Rules that choose by tags are left out where these are not known, and a function whose
	// aliases are not known has the one that was typed.
	supposed := Inventory{}
	for _, t := range d.specs(ambient) {
		if q.matches(&t) {
			aliases := known[t.Target].Aliases
			if _, listed := aliases[q.Function]; !listed {
				aliases = map[string][]string{q.Function: {q.Qualifier}}
			}
			supposed[t.Target] = TargetInventory{Functions: []string{q.Function}, Tags: known[t.Target].Tags, Aliases: aliases}
		}
	}
	out := &collector{}
	r := newResolver(d, ambient, supposed, out)
	// All other functions are left out, which is no fault of the files.
	r.partial = true
	for _, s := range r.scopes {
		if _, tagged := known[s.fleet.Target]; !tagged {
			s.withoutTags()
		}
	}
	r.run()
	if ps := out.errors.problems(); ps != nil {
		return Fleet{}, nil, ps
	}
	return r.fleet(), supposed, nil
}

// SettingSources is everything that was said about one setting of one key.
type SettingSources struct {
	Setting Setting
	Sources []Source // weakest layer first; empty when the setting is unmanaged
}

// Applied is the source that decides the setting; nil when none does.
func (h SettingSources) Applied() *Source {
	if i := slices.IndexFunc(h.Sources, func(s Source) bool { return s.Applied }); i >= 0 {
		return &h.Sources[i]
	}
	return nil
}

// Source is what one place says about a setting.
type Source struct {
	Origin  Origin
	Value   Value // as this target has it
	Applied bool  // of at most one; of none when the key is to be removed
}

// Sources tells, for every setting of a key, which places spoke about it and which one won. The
// arguments are those of Resolve, and the key is one of its fleet: see Fleet.Find.
func (d *Document) Sources(ambient Target, inv Inventory, key Key) ([]SettingSources, error) {
	// The fleet is resolved once more for it. To keep with every config what all layers said of it
	// would cost each run memory, and a person asks about a few.
	r := newResolver(d, ambient, inv, &collector{})
	r.run()
	// What the resolution has to say of the fleet was said when it was resolved.
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
	rules, _, _ := r.rulesFor(s, key.Function)
	return r.settingSources(s, key.Function, decl, idsFor(rules, key.Qualifier)), nil
}

// settingSources lists the sources of each setting as decide had them, so that an explanation
// cannot name another winner than the fleet has. An entry with remove has no winner: what
// other layers say of it is shown, and has no effect.
func (r *resolver) settingSources(s *scope, function string, decl *functionDecl, ids []int) []SettingSources {
	sources := r.doc.speakers(decl, ids)
	var all []SettingSources
	for _, f := range AllSettings() {
		h := SettingSources{Setting: f}
		winner, _ := r.decide(s, sources, f)
		if decl != nil && decl.remove {
			winner = nil
		}
		for _, src := range sources {
			if src.set[f].IsSet() {
				h.Sources = append(h.Sources, Source{
					Origin: src.fieldOrigin(f),
					Value:  s.value(&src.set[f]).of(function), Applied: src == winner,
				})
			}
		}
		all = append(all, h)
	}
	return all
}
