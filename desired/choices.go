package desired

import "slices"

// Matcher is what one rule may choose in one target, whatever exists there.
type Matcher struct {
	// Functions are patterns for names, sorted, in which * stands for any text
	// and ? for any character, and nothing else is special. Together they match
	// at least what the rule matches: a class such as [a-z] has become ?.
	Functions []string
	// Qualifiers are those that the rule gives entries to; never empty.
	Qualifiers []string
}

// Matchers lists what each rule may choose, by target, in the order of the rules.
// A permission has to be given for that before it is known what exists.
func (d *Document) Matchers(ambient Target) map[Target][]Matcher {
	all := map[Target][]Matcher{}
	for _, t := range d.places(ambient) {
		for i := range d.rules {
			if rule := &d.rules[i]; covers(rule.selector.targets, t.Label) {
				all[t.Target] = append(all[t.Target], rule.choice())
			}
		}
	}
	return all
}

func (r *ruleDecl) choice() Matcher {
	c := Matcher{Qualifiers: []string{Latest}}
	if len(r.qualifiers) > 0 {
		c.Qualifiers = nil
		for _, q := range r.qualifiers {
			c.Qualifiers = append(c.Qualifiers, q.value)
		}
	}
	for _, g := range r.selector.functions {
		for i := range g.alternatives {
			c.Functions = append(c.Functions, class.ReplaceAllLiteralString(g.alternatives[i].written, "?"))
		}
	}
	if len(r.selector.functions) == 0 {
		c.Functions = []string{"*"} // a rule by tags alone
	}
	slices.Sort(c.Functions)
	c.Functions = slices.Compact(c.Functions)
	return c
}
