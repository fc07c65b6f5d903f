package desired

import (
	"fmt"
	"slices"
	"strings"

	edlib "github.com/hbollon/go-edlib"
)

// Selection narrows a run to a part of the fleet. An empty list narrows
// nothing. A label or pattern that matches nothing is an error: a run over
// nothing must not look like success.
type Selection struct {
	Targets   []string `json:"targets,omitempty"`   // labels, or ACCOUNT/REGION
	Functions []string `json:"functions,omitempty"` // patterns for function names
}

// Narrow is the part of a fleet that the selection names.
//
// The fleet that was given stays as it is. Targets come first, so that a pattern that matches
// only in a target that was left out is an error too.
func (s Selection) Narrow(f Fleet) (Fleet, error) {
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
	names := func(t TargetSpec, asked string) bool { return asked == t.Label || asked == t.Target.String() }
	for _, asked := range s.Targets {
		if !slices.ContainsFunc(f.Targets, func(t TargetSpec) bool { return asked != "" && names(t, asked) }) {
			return fmt.Errorf("no target is called %q; %s", asked, s.known(f, asked))
		}
	}
	f.Targets = slices.DeleteFunc(slices.Clone(f.Targets), func(t TargetSpec) bool {
		return !slices.ContainsFunc(s.Targets, func(asked string) bool { return names(t, asked) })
	})
	return nil
}

// known says what could have been asked for.
func (s Selection) known(f *Fleet, asked string) string {
	var all []string
	for _, t := range f.Targets {
		if t.Label != "" {
			all = append(all, t.Label)
		}
	}
	for _, t := range f.Targets {
		all = append(all, t.Target.String())
	}
	all = slices.Compact(all)
	return suggest(asked, all, "there are "+listSome(all))
}

// narrowFunctions keeps the functions that one of the patterns matches, with all their
// qualifiers, in entries, requirements and ignored ones alike. Every pattern has to match
// something.
func (s Selection) narrowFunctions(f *Fleet) error {
	if len(s.Functions) == 0 {
		return nil
	}
	globs := make([]glob, len(s.Functions))
	for i, written := range s.Functions {
		g, wrong := compileGlob(text{value: written})
		if wrong != nil {
			if name, err := ParseName(written); err == nil { // as reports print a config
				wrong.hint = fmt.Sprintf("write %s, which stands for all its qualifiers", name.Function)
			}
			return fmt.Errorf("%s; %s", wrong.message, wrong.hint)
		}
		globs[i] = g
	}
	used := make([]bool, len(globs))
	keep := func(name string) bool {
		matched := false
		for i := range globs {
			if globs[i].match(name) {
				used[i], matched = true, true
			}
		}
		return matched
	}
	var names []string
	targets := slices.Clone(f.Targets)
	for i := range targets {
		t := &targets[i]
		for _, e := range t.Entries {
			if len(names) == 0 || names[len(names)-1] != e.Function {
				names = append(names, e.Function)
			}
		}
		t.Entries = slices.DeleteFunc(slices.Clone(t.Entries), func(e Entry) bool { return !keep(e.Function) })
		for _, j := range t.Judged {
			names = append(names, j.Function)
		}
		t.Judged = slices.DeleteFunc(slices.Clone(t.Judged), func(j Judged) bool { return !keep(j.Function) })
		t.Ignored = slices.DeleteFunc(slices.Clone(t.Ignored), func(e Ignored) bool { return !keep(e.Function) })
	}
	for i, ok := range used {
		if ok {
			continue
		}
		slices.Sort(names)
		names = slices.Compact(names)
		return fmt.Errorf("no function matches %q; %s", s.Functions[i], suggest(s.Functions[i], names, "there are "+listSome(names)))
	}
	f.Targets = targets
	return nil
}

// listSome lists a few of many.
//
// It is "none" for none, and ten at most: messages are for one screen.
func listSome(all []string) string {
	const some = 10
	if len(all) == 0 {
		return "none"
	}
	if len(all) <= some {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:some], ", "), len(all)-some)
}

// longestWord bounds what is compared: a long junk word means no key, and the comparison
// takes time in proportion to both lengths.
const longestWord = 64

// nearest is the candidate that a misspelt word most likely means, or "" when none
// is near: at most a third of the letters may differ. Swapped neighbours count as
// one, being the commonest slip of all.
//
//	reties → retries      one letter is missing
//	lvie → live           two neighbours are swapped
//	prod → dev            nothing: a wrong suggestion costs more than none
//
// Case makes no difference to it, though it does to every key and name: a wrong case is a slip
// like any other. Of two that are equally near the first wins, and candidates come sorted or
// in the order of a table, so that the same file gives the same hint.
func nearest(word string, candidates []string) string {
	if len(word) > longestWord {
		return ""
	}
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if len(c) > longestWord {
			continue
		}
		if d := edlib.OSADamerauLevenshteinDistance(strings.ToLower(word), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// suggest is a hint that names what a misspelt word most likely means, or else the other one.
func suggest(word string, candidates []string, hint string) string {
	if near := nearest(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return hint
}
