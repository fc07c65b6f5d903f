package export

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// rule says for all functions whose names have a form, or that have a tag, what entries
// would say for each. It holds without exception: every function that exists under its
// patterns, and is not excluded by name, has a record that says exactly this.
type rule struct {
	functions, exclude, targets []string
	tag                         tag // in place of functions
	qualifier                   string
	lines                       [desired.NumSettings]string
	covers                      []string
}

// tag is a key and its value.
type tag struct{ key, value string }

// A rule takes about five lines. One with more exceptions than one in four is no rule.
const (
	leastCovered  = 4
	mostException = 4
)

// propose makes rules of entries that say the same, where the names of their functions
// have something in common, and gives what is left.
func propose(targets []ObservedTarget, bunches []bunch) (rules []rule, left []bunch) {
	indexes := map[string]*names{}
	for _, b := range bunches {
		if b.notes != nil { // a remark is about one entry
			left = append(left, b)
			continue
		}
		type kind struct{ targets, qualifier string }
		kindOf := func(e entry) kind { return kind{strings.Join(e.targets, "\x00"), e.Qualifier} }
		type config struct {
			kind
			function string
		}
		covered := map[config]bool{}
		named := slice.Filter(b.entries, func(e entry) bool { return e.arn == "" })
		for k, group := range slice.Group(named, kindOf) {
			if len(group) < leastCovered {
				continue
			}
			if indexes[k.targets] == nil {
				indexes[k.targets] = existing(targets, group[0].targets)
			}
			for _, r := range rulesOf(indexes[k.targets], group) {
				r.targets, r.qualifier, r.lines = group[0].targets, k.qualifier, b.lines
				for _, name := range r.covers {
					covered[config{k, name}] = true
				}
				rules = append(rules, r)
			}
		}
		b.entries = slices.DeleteFunc(slices.Clone(b.entries), func(e entry) bool {
			return e.arn == "" && covered[config{kindOf(e), e.Function}]
		})
		if len(b.entries) > 0 {
			left = append(left, b)
		}
	}
	slices.SortStableFunc(left, func(a, b bunch) int { return cmp.Compare(min(2, len(b.entries)), min(2, len(a.entries))) })
	return rules, left
}

// rulesOf are the rules for some entries. Names come first, as they are at hand and cost
// no call. A tag takes their place where it tells the whole in one word and they need several,
// and has what they leave.
func rulesOf(exist *names, group []entry) (rules []rule) {
	open := slice.Set(slice.Map(group, func(e entry) string { return e.Function }))
	byName := rule{}
	byName.choose(exist, open)
	byTag := exist.tagOf(open, open)
	if len(byTag.covers) == len(open) && len(byName.functions)+len(byName.exclude) != 1 {
		return []rule{byTag}
	}
	left, next := maps.Clone(open), byName
	if len(byName.covers) == 0 {
		next = byTag
	}
	for ; len(next.covers) > 0; next = exist.tagOf(open, left) {
		rules = append(rules, next)
		for _, name := range next.covers {
			delete(left, name)
		}
	}
	return rules
}

// names are the functions that exist in some targets, by the forms of their names, and
// where the tags of all are known by each tag.
type names struct {
	by     map[string][]string
	tagged map[tag][]string // wherever a function of this name has it
	lacked map[tag]bool     // by one of these, in a target where there is such a function
}

// tagOf is the rule of the tag that says most of what is left, of those that only functions
// have which are wanted.
func (n *names) tagOf(wanted, left map[string]bool) (best rule) {
	for _, t := range slices.SortedFunc(maps.Keys(n.tagged), func(a, b tag) int { return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.value, b.value)) }) {
		covers := slice.Filter(n.tagged[t], func(name string) bool { return left[name] })
		alien := func(name string) bool { return !wanted[name] }
		if len(covers) >= max(leastCovered, len(best.covers)+1) && !n.lacked[t] && !slices.ContainsFunc(n.tagged[t], alien) {
			best = rule{tag: t, covers: covers}
		}
	}
	return best
}

// tellable reports whether a rule can name a tag, and a person would: AWS's own tell of
// stacks, and patterns and placeholders mean something else there.
func tellable(t tag) bool {
	return t.key != "" && t.value != "" && !strings.HasPrefix(t.key, "aws:") && !strings.ContainsAny(t.value, "*?$")
}

// existing lists every function that a rule for some labels could choose: also those
// without a record, and those that were not read.
func existing(targets []ObservedTarget, labels []string) *names {
	places := map[string]int{} // in how many targets there is a function of a name
	tagged, known := map[tag]map[string]int{}, true
	for i := range targets {
		if labels != nil && !slices.Contains(labels, targets[i].Label) {
			continue
		}
		here := slice.Set(targets[i].Exists)
		for f := range slice.Pointers(targets[i].Functions) {
			if f.State != reconcile.FunctionAbsent {
				here[f.Function] = true
			}
		}
		for name := range here {
			places[name]++
		}
		known = known && targets[i].Tags != nil
		for name, tags := range targets[i].Tags {
			for key, value := range tags {
				t := tag{key, value}
				if here[name] && tellable(t) {
					if tagged[t] == nil {
						tagged[t] = map[string]int{}
					}
					tagged[t][name]++
				}
			}
		}
	}
	n := &names{by: map[string][]string{}, tagged: map[tag][]string{}, lacked: map[tag]bool{}}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		for _, form := range formsOf(name) {
			n.by[form] = append(n.by[form], name)
		}
	}
	for t, in := range tagged {
		if !known {
			break
		}
		n.tagged[t] = slices.Sorted(maps.Keys(in))
		for name, count := range in {
			n.lacked[t] = n.lacked[t] || count < places[name]
		}
	}
	return n
}

// formsOf are the patterns that a name suggests: how it begins, how it ends, both, and
// all names. Words end at a hyphen, an underscore or a dot.
func formsOf(name string) []string {
	var begins, ends []string
	for i := range len(name) {
		if strings.IndexByte("-_.", name[i]) < 0 {
			continue
		}
		if len(begins) < 3 && i+1 < len(name) {
			begins = append(begins, name[:i+1])
		}
		if i > 0 {
			ends = append(ends, name[i:])
		}
	}
	ends = ends[max(0, len(ends)-3):]
	forms := []string{"*"}
	for _, b := range begins {
		forms = append(forms, b+"*")
		for _, e := range ends {
			if len(b)+len(e) <= len(name) {
				forms = append(forms, b+"*"+e)
			}
		}
	}
	return append(forms, slice.Map(ends, func(e string) string { return "*" + e })...)
}

// choose finds patterns for some functions, the most telling first. What a pattern chooses
// beside them is excluded by name.
func (r *rule) choose(exist *names, wanted map[string]bool) {
	open := maps.Clone(wanted)
	forms := map[string]bool{}
	for name := range wanted {
		for _, form := range formsOf(name) {
			forms[form] = true
		}
	}
	candidates := slices.Sorted(maps.Keys(forms))
	exclude := map[string]bool{}
	for {
		best, gain, lost := "", 0, 0
		for _, form := range candidates {
			more, others := 0, 0
			for _, name := range exist.by[form] {
				switch {
				case open[name]:
					more++
				case !wanted[name]:
					others++
				}
			}
			if more < leastCovered || others*mostException > more {
				continue
			}
			if better := cmp.Or(cmp.Compare(more-others, gain-lost), cmp.Compare(lost, others), cmp.Compare(len(best), len(form))); best == "" || better > 0 {
				best, gain, lost = form, more, others
			}
		}
		if best == "" {
			break
		}
		r.functions = append(r.functions, best)
		for _, name := range exist.by[best] {
			if !wanted[name] {
				exclude[name] = true
			} else if open[name] {
				delete(open, name)
				r.covers = append(r.covers, name)
			}
		}
	}
	r.exclude = slices.Sorted(maps.Keys(exclude))
}

func (f file) rules(rules []rule) {
	if len(rules) == 0 {
		return
	}
	f.Linef("\nrules:")
	for r := range slice.Pointers(rules) {
		b := bunch{lines: r.lines}
		f.Comment("  ", fmt.Sprintf("%d functions: %s", len(r.covers), b.describe()))
		f.Linef("  - match:")
		f.list("functions", r.functions)
		if r.tag.key != "" {
			f.Linef("      tags: { %s: %s }", fleetfile.Scalar(r.tag.key), fleetfile.Scalar(r.tag.value))
		}
		f.list("exclude", r.exclude)
		f.list("targets", r.targets)
		if r.qualifier != desired.Latest {
			f.list("qualifiers", []string{r.qualifier})
		}
		if r.lines != [desired.NumSettings]string{} { // else they follow the defaults
			f.Linef("    set:")
		}
		for j, field := range desired.AllSettings() {
			if r.lines[j] != "" {
				f.Linef("      %s: %s", field, fleetfile.Style{}.Value(field, r.lines[j]))
			}
		}
	}
}

// list writes a list of match, over several lines where it is long.
func (f file) list(key string, texts []string) {
	if len(texts) == 0 {
		return
	}
	line := "      " + key + ": ["
	for i, t := range texts {
		word := fleetfile.Scalar(t)
		if i+1 < len(texts) {
			word += ","
		}
		if len(line)+len(word) > 120 {
			f.Linef("%s", strings.TrimRight(line, " "))
			line = "        "
		}
		line += word + " "
	}
	f.Linef("%s]", strings.TrimRight(line, " "))
}

// setAside takes functions out of the file whose destination no fleet file can declare,
// where they are few and most others share one: a default would speak for them too, and
// to do without it would be a line more for every other entry.
func setAside(targets []ObservedTarget, items []item) (kept []item, lost []string) {
	type function struct {
		target int
		name   string
	}
	aside := map[function]string{}
	for f := range desired.AllSettings() {
		common, most := map[string]int{}, 0
		refusing := map[function]string{}
		for i := range items {
			c := &items[i].cells[f]
			if c.refused {
				refusing[function{items[i].target, items[i].Function}] = strings.Join(items[i].notes, "; ")
			} else if c.value != "" {
				common[c.value]++
				most = max(most, common[c.value])
			}
		}
		if 2*most > len(items) && len(refusing)*10 <= len(items) {
			for which, why := range refusing {
				aside[which] = why
			}
		}
	}
	for i := range items {
		why, is := aside[function{items[i].target, items[i].Function}]
		if !is {
			kept = append(kept, items[i])
			continue
		}
		key := desired.Key{Target: targets[items[i].target].Target, Name: items[i].Name}
		lost = append(lost, fmt.Sprintf("%s is not declared, because defaults would speak for it: %s", key, why))
	}
	return kept, lost
}
