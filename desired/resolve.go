package desired

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Resolve lays defaults under rules under exact entries, for every target, and narrows the
// result to sel. ambient is the target of the current credentials, used where the files
// declare none; while it is the zero Target, entries are checked as far as that goes, with
// their placeholders left in. The error is Problems, or names what sel missed.
//
// A Document may be resolved any number of times, by several goroutines. Entries of a fleet
// share their Configs, which are not to be changed.
func (d *Document) Resolve(ambient Target, inv Inventory, sel Selection) (Fleet, error) {
	out := &collector{}
	r := newResolver(d, ambient, inv, out)
	r.run()
	if ps := out.errors.problems(); ps != nil {
		return Fleet{}, ps
	}
	for _, w := range d.warnings {
		// What rules might say of functions that may not exist is of no interest once it is
		// known which do.
		if w.Code != codeMayDisagree || !r.looked(nil) {
			out.add(w)
		}
	}
	fleet := r.fleet()
	fleet.Warnings = out.warnings.problems()
	return sel.Narrow(fleet)
}

// fleet is what a resolution came to.
func (r *resolver) fleet() Fleet {
	d := r.doc
	return Fleet{
		Limits: d.guard, Undeclared: d.undeclared, MissingFunctions: d.missing, MissingQualifiers: d.missingQualifiers,
		Targets: slice.Map(r.scopes, func(s *scope) TargetSpec { return s.fleet }),
	}
}

// checkOffline resolves without an inventory, so that Load finds what entries
// say about each other along with everything else. Warnings of the resolution
// are left to Resolve, which knows more.
//
// Where the files have errors already the document is incomplete, and the resolution is
// told so by partial: it does not complain of what was left out.
func (d *Document) checkOffline(out *collector) {
	check := &collector{}
	r := newResolver(d, Target{}, nil, check)
	r.partial = out.errors.total > 0
	r.run()
	for _, p := range check.errors.list {
		out.add(p)
	}
	d.checkDisagreement(out)
}

// maxSupposed bounds the rules that are tried on each other's patterns, maxCombined
// the patterns of which two are put together.
// Both are bounds of time. The samples of 100 patterns and their pairs are some 10,000
// functions, each of which is matched with every rule.
const (
	maxSupposed = 2000
	maxCombined = 100
)

// checkDisagreement resolves the rules for made-up functions, one for each of their
// patterns, so that a file which is only right as long as no such function exists
// does not pass for valid.
//
// It finds less than it could: patterns are tried by one sample each, and rules by tags
// are left out. What it says is a warning, and only Resolve, with the functions that
// there are, refuses a file for it. One file alone cannot disagree with itself, since
// within a file the later rule wins.
func (d *Document) checkDisagreement(out *collector) {
	if len(d.files) < 2 || len(d.rules) > maxSupposed {
		return
	}
	// A copy that lacks the entries: all else is shared, and not changed by a resolution.
	rules := *d
	// Entries are left out: they are exact, and checkOffline has them.
	rules.functions = nil
	inv := Inventory{}
	for _, t := range d.specs(Target{}) {
		var names []string
		for _, rule := range d.local(t.Label).rules {
			if rule.layer == LayerRule && !rule.usesTags() {
				for _, g := range rule.functions {
					names = append(names, g.sample())
				}
			}
		}
		if n := len(names); n <= maxCombined { // b-* and *-1 meet in what begins as one and ends as the other
			for _, a := range names[:n] {
				for _, b := range names[:n] {
					names = append(names, a+b)
				}
			}
		}
		names = slice.Unique(names)
		inv[t.Target] = TargetInventory{Functions: names, Aliases: d.local(t.Label).sampleAliases(names)}
	}
	check := &collector{}
	r := newResolver(&rules, Target{}, inv, check)
	r.partial, r.supposed = true, true
	r.run()
	for _, p := range check.warnings.list {
		if p.Code == codeMayDisagree {
			out.add(p)
		}
	}
}

// resolver is one resolution in progress. It has four users, so that none of them
// can say of a file what another one denies:
//
//	Resolve             what is declared, given what exists
//	checkOffline        in Load: what entries alone have wrong, without an inventory
//	checkDisagreement   in Load: what rules would have wrong, for made-up functions
//	ResolveFor, Explain one config, as if its function existed
//
// It goes on after a problem, to find them all, and says each once per line, however
// many configs meet it: a wrong default of a large fleet is one problem.
//
// A resolver is used once, by one goroutine.
type resolver struct {
	doc    *Document
	inv    Inventory
	out    *collector
	open   bool // no target is known: entries that name one get it
	scopes []*scope

	partial  bool             // some entries are missing because they have problems
	supposed bool             // the functions are made up
	chosen   []bool           // by id of an item: whether it chose anything
	applied  map[*source]bool // whether anything that it says counts

	edges map[Key][]edge

	current Name // whose layers are being merged; for messages
}

// scope is the resolution of one target. Targets are resolved apart from each other:
// nothing that exists in one has a say in another, only problems and the question
// whether a rule did anything at all are common to them.
type scope struct {
	fleet      TargetSpec
	local      *local
	inventory  TargetInventory
	discovered bool
	undecided  bool // some rule chooses by tags that are not known, or could not be filled in
	waiting    bool // rules choose among functions that are not known
	exact      []exactEntry

	destinations map[string]*destination
	layers       map[string]*merged
	required     map[int]*Requirement
}

// exactEntry is an entry of functions in one target, with its name as it is there.
type exactEntry struct {
	Name
	decl *functionDecl
}

// newResolver prepares a resolution of d, with a scope for each target that is declared,
// or one for the ambient target where none is. That may be the zero Target, and is
// replaced by what entries bring with them: see place.
func newResolver(d *Document, ambient Target, inv Inventory, out *collector) *resolver {
	r := &resolver{
		doc: d, inv: inv, out: out,
		open:   len(d.targets) == 0 && (ambient.Account == "" || ambient.Region == ""),
		chosen: make([]bool, len(d.rules)), edges: map[Key][]edge{}, applied: map[*source]bool{},
	}
	for _, t := range d.specs(ambient) {
		r.addScope(t)
	}
	return r
}

// addScope adds a target. One that the inventory does not have counts as not discovered,
// which is not the same as a target without functions.
func (r *resolver) addScope(t TargetSpec) *scope {
	s := &scope{
		fleet: t, local: r.doc.local(t.Label), destinations: map[string]*destination{}, layers: map[string]*merged{}, required: map[int]*Requirement{},
	}
	s.undecided = s.local.wrong > 0
	s.inventory, s.discovered = r.inv[t.Target]
	if !s.discovered {
		s.withoutTags()
	}
	r.scopes = append(r.scopes, s)
	return s
}

// withoutTags leaves out what chooses by tags, where they are not known.
//
// The scope gets a copy of its part of the document, which other resolutions share. What
// was left out is remembered, so that nobody says of a rule that it chooses nothing, or of
// an entry that it manages nothing, while that is not known.
func (s *scope) withoutTags() {
	own := *s.local
	own.rules = slices.DeleteFunc(slices.Clone(own.rules), func(r *ruleDecl) bool {
		s.waiting = s.waiting || r.layer != LayerIgnore
		s.undecided = s.undecided || r.layer == LayerRule && r.usesTags()
		return r.usesTags()
	})
	s.local = &own
}

// run places the entries first, because without known targets they bring theirs
// along, and asks last what was never used.
func (r *resolver) run() {
	for _, f := range r.doc.functions {
		r.assign(f)
	}
	if r.open {
		r.dropUnused()
	}
	for _, s := range r.scopes {
		r.resolveScope(s)
	}
	// Across targets: a circle may lead through several accounts, and a rule that chooses nothing
	// here may choose something there.
	r.checkLoops()
	r.checkIdle()
	r.checkEntries()
	r.checkEmptyTargets()
}

// assign puts an exact entry into the targets it lives in.
//
// An entry without an ARN is in every target that its labels allow; one with an ARN in the
// target that the ARN names, and it is a problem if none is that. While no target is
// known an ARN makes the target it names.
func (r *resolver) assign(f *functionDecl) {
	assigned, labelled := false, false
	for _, s := range r.scopes {
		if !covers(f.targets, s.fleet.Label) {
			continue
		}
		labelled = true
		name := s.local.name(f)
		if r.open && s.fleet.Target != (Target{name.Account, name.Region}) {
			continue // in truth there is one target, and each entry lives there once
		}
		switch {
		case name.Function == "": // a variable is missing, or wrong: a problem of its own
			assigned = true
		case name.mayBeIn(s.fleet.Target, r.doc.target(s.fleet.Label)):
			s.exact = append(s.exact, exactEntry{Name{name.Function, name.Qualifier}, f})
			assigned = true
		}
	}
	switch {
	case assigned: // in some target, which is enough: an ARN names one of those that the labels allow
	case !labelled: // no target has the label, which is a problem of its own
	case r.open:
		s := r.addScope(TargetSpec{Target: Target{f.name.Account, f.name.Region}})
		s.exact = append(s.exact, exactEntry{Name{f.name.Function, f.name.Qualifier}, f})
	case r.doc.known() && r.doc.leftBy(f) != "":
		r.out.idle(f.file.pos(f.writtenName.place), f.writtenName.value, "AWS Organizations lists no such account or region for "+r.doc.leftBy(f))
	default: // only an ARN can fail to be in a target
		r.out.report(f.file.pos(f.writtenName.place), codeNotATarget,
			fmt.Sprintf("%s is not in a declared target%s", shorten(f.writtenName.value), r.among(f)),
			"declare its account and region under targets, or write the plain name")
	}
}

// known reports whether the accounts of organizations are.
func (d *Document) known() bool {
	return !slices.ContainsFunc(d.targets, func(t targetDecl) bool { return t.unlisted() })
}

// among lists the targets that an entry could have been in.
//
// It is "" where there are more than a message should list.
func (r *resolver) among(f *functionDecl) string {
	var names []string
	for _, s := range r.scopes {
		if covers(f.targets, s.fleet.Label) {
			at := s.fleet.Target
			if s.fleet.Unlisted {
				at.Account = "any account"
			}
			names = append(names, at.String())
		}
	}
	if len(names) > 5 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// dropUnused sorts the targets that entries brought with them, and leaves out
// the unknown one when nothing lives there.
func (r *resolver) dropUnused() {
	r.scopes = slices.DeleteFunc(r.scopes, func(s *scope) bool {
		return s.fleet.Target == Target{} && len(s.exact) == 0 && len(r.scopes) > 1
	})
	slices.SortFunc(r.scopes, func(a, b *scope) int { return a.fleet.Target.Compare(b.fleet.Target) })
}

// resolveScope walks the discovered and the declared functions of a target
// together, in order, so that the entries of the fleet come out sorted, and each function is
// looked at once, with its exact entries and its rules together.
func (r *resolver) resolveScope(s *scope) {
	slices.SortStableFunc(s.exact, func(a, b exactEntry) int { return a.Name.Compare(b.Name) })
	r.checkDuplicates(s)
	names := slices.Clone(s.inventory.Functions)
	for _, e := range s.exact {
		names = append(names, e.Function)
	}
	slices.Sort(names)
	// Whether a function exists is asked for each name: a set of 100,000 would cost more than
	// to sort what came unsorted.
	found := s.inventory.Functions
	if !slices.IsSorted(found) {
		found = slices.Sorted(slices.Values(found))
	}
	s.fleet.Entries = make([]Entry, 0, len(s.exact))
	exact := s.exact
	for _, name := range slices.Compact(names) { // a listing that shifted between two pages may have a name twice
		n := 0
		for n < len(exact) && exact[n].Function == name {
			n++
		}
		_, present := slices.BinarySearch(found, name)
		r.resolveFunction(s, name, exact[:n], present)
		exact = exact[n:]
	}
}

// checkDuplicates finds keys that two entries declare, however they spell them,
// and keeps the first. Entries of one key stand in file order: the sort is
// stable and files were read in order.
func (r *resolver) checkDuplicates(s *scope) {
	kept := s.exact[:0] // in place: what is read is never behind what is written
	for _, e := range s.exact {
		if len(kept) == 0 || kept[len(kept)-1].Name != e.Name {
			kept = append(kept, e)
			continue
		}
		first := kept[len(kept)-1].decl.pos()
		r.out.reportOnce(e.decl.pos(), codeDuplicateEntry, fmt.Sprintf("%s is declared at %s already", e.Name, first), "keep one entry", first)
	}
	s.exact = kept
}
