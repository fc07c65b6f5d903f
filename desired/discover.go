package desired

import (
	"cmp"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Discovery is the question and Inventory the answer. They are apart from Resolve, so that the
// package needs no network, and whoever asks decides how: by a listing, by the tagging API, or
// from what an earlier run saw. A question may be answered with too much and never with too
// little: chooses looks at every function again.

// Inventory is what discovery found in each target. One that is not in it was not looked at, or
// could not be read: rules say nothing there.
type Inventory map[Target]TargetInventory

// TargetInventory is what exists in one target.
type TargetInventory struct {
	Functions []string                     // names, sorted
	Tags      map[string]map[string]string // by function; only functions that have tags
	Details   map[string]FunctionDetails   // by function, of those that were listed just now
	Aliases   map[string][]string          // by function; of one that is not there they are not known
	TagsErr   error                        // why there is nothing of what Discovery.AllTags asked for
}

// FunctionDetails are what a listing of functions tells beside the name.
type FunctionDetails struct {
	Role       string // the execution role, an ARN
	DeadLetter string // the dead-letter queue or topic of the function itself, an ARN; "" for none
}

// Tag is one demand on a function's tags: the key, with one of the values, or with any
// where there are none.
type Tag struct {
	Key    string
	Values []string
}

// Discovery is what must be discovered in one target before Resolve can decide
// everything there. One that asks for nothing costs nothing: exact entries
// are known from the file.
type Discovery struct {
	Target
	ListFunctions bool     // the names of all functions
	Tags          [][]Tag  // sorted; of interest is a function that has all tags of one set
	Functions     []string // when not empty: whose tags are wanted, in place of a search by Tags
	// Aliases, when not nil, says of which functions, with these tags, the aliases are to
	// be listed: some rule chooses among them.
	Aliases   func(function string, tags map[string]string) bool
	AllTags   bool      // also the tags of every function, where they may be read; see TargetInventory.TagsErr
	MaxErrors Limit     // how many of these calls may fail before the target is given up
	Reason    []Origin  // the rules and ignore items that ask for it
	Matchers  []Matcher // what each rule, and then each item of require, may choose
}

// IsZero reports whether neither names nor tags need to be discovered.
func (n Discovery) IsZero() bool { return !n.ListFunctions && len(n.Tags) == 0 && !n.AllTags }

// Discoveries says, for every target, what has to be discovered. sel narrows what costs a call
// for each function, aliases, and nothing else: names and tags come by the page.
func (d *Document) Discoveries(ambient Target, sel Selection) []Discovery {
	// Rules and requirements choose among all names there are. Ignore takes out of what these have
	// chosen, so that it needs tags at most, and alone it asks for no listing.
	var needs []Discovery
	for _, t := range d.specs(ambient) {
		n := Discovery{Target: t.Target, MaxErrors: d.guard.MaxErrors}
		n.askAliases(d.local(t.Label))
		n.Aliases = sel.only(n.Aliases)
		for _, rule := range d.local(t.Label).rules {
			if rule.layer != LayerIgnore {
				n.ListFunctions, n.Matchers = true, append(n.Matchers, rule.matcher())
			} else if !rule.usesTags() {
				continue
			}
			for _, tags := range [][]tagPattern{rule.tags, rule.exclude.tags} {
				if len(tags) > 0 {
					n.Tags = append(n.Tags, search(tags))
				}
			}
			n.Reason = append(n.Reason, rule.origin())
		}
		slices.SortFunc(n.Tags, compareTags)
		n.Tags = slices.CompactFunc(n.Tags, func(a, b []Tag) bool { return compareTags(a, b) == 0 })
		needs = append(needs, n)
	}
	return needs
}

// compareTags orders sets of tags, so that what two rules ask for is asked once.
func compareTags(a, b []Tag) int {
	return slices.CompareFunc(a, b, func(x, y Tag) int {
		return cmp.Or(strings.Compare(x.Key, y.Key), slices.Compare(x.Values, y.Values))
	})
}

// search is what to ask AWS for to find all functions that may have the tags. It finds
// whole values only, and a few of them at a time.
//
// A key whose values cannot be asked for is asked for alone. The answer is then more than the
// pattern chooses, and chooses looks at it again.
func search(patterns []tagPattern) []Tag {
	var all []Tag
	for _, p := range patterns {
		t := Tag{Key: p.key}
		if len(p.values) <= maxSearched && !slices.ContainsFunc(p.values, func(v tagValue) bool { return v.wild != nil }) {
			t.Values = slice.Map(p.values, func(v tagValue) string { return v.value })
		}
		all = append(all, t)
	}
	return all
}

// maxSearched is how many values of one key a search takes, from the reference of
// the tagging API, GetResources.
const maxSearched = 20

// askAliases makes a discovery ask for the aliases of those functions for which a rule
// needs them. Each costs a call.
//
// Functions that are ignored are left out. The demand is a function, because what it needs,
// names and tags, is known only after the listing.
func (d *Discovery) askAliases(l *local) {
	if !slices.ContainsFunc(l.rules, (*ruleDecl).usesAliases) {
		return
	}
	d.Aliases = func(function string, tags map[string]string) bool {
		chosen := func(by func(*ruleDecl) bool) bool {
			return slices.ContainsFunc(l.rules, func(r *ruleDecl) bool { return by(r) && r.chooses(function, tags) })
		}
		return chosen((*ruleDecl).usesAliases) && !chosen(func(r *ruleDecl) bool { return r.layer == LayerIgnore })
	}
}

// only is the part of a demand for aliases that is about the functions which the
// selection names: those of others are not worth a call.
func (s Selection) only(aliases func(function string, tags map[string]string) bool) func(string, map[string]string) bool {
	if aliases == nil || len(s.Functions) == 0 {
		return aliases
	}
	globs, err := s.globs()
	if err != nil {
		return nil // Narrow tells of it
	}
	return func(function string, tags map[string]string) bool {
		return matchAny(globs, function) && aliases(function, tags)
	}
}

// Matcher is what one rule may choose in one target, whatever exists there. A permission has to
// be given for that before it is known; what ignore takes out again is in it.
type Matcher struct {
	Functions  []string // patterns for names with * and ?, sorted; at least what the rule matches
	Qualifiers []string // that it gives entries to, patterns for aliases among them; never empty
	ReadOnly   bool     // of an item of require, which writes nothing
}

// matcher is the item as a Matcher: what IAM can say of it. IAM knows * and ? alone, and so it is
// told more than the rule chooses where there is a class such as [a-z], which becomes ?, or an
// exclude. "*" stands for $LATEST and for every alias, which are two
// patterns to whoever compares qualifiers.
func (r *ruleDecl) matcher() Matcher {
	c := Matcher{Qualifiers: []string{Latest}, ReadOnly: r.layer == LayerRequire}
	if len(r.qualifiers) > 0 {
		c.Qualifiers = nil
		for _, q := range r.qualifiers {
			if q.value == everyQualifier {
				c.Qualifiers = append(c.Qualifiers, Latest)
			}
			c.Qualifiers = append(c.Qualifiers, q.value)
		}
	}
	for _, g := range r.functions {
		for i := range g.alternatives {
			c.Functions = append(c.Functions, class.ReplaceAllLiteralString(g.alternatives[i].written, "?"))
		}
	}
	if len(r.functions) == 0 {
		c.Functions = []string{"*"} // a rule by tags alone
	}
	c.Functions = slice.Unique(c.Functions)
	return c
}
