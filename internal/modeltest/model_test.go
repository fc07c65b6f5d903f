package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// prediction is what the pages say a fleet means in a world.
type prediction struct {
	errors     []string // codes; with one of them nothing else counts
	disputed   bool     // a config with several entries, one of which files disagree over
	atOnce     []string // those that need no look at AWS: they are told, and the rest may not be
	wishes     map[string]wish
	inSync     []string
	changes    map[string]change // by config
	skipped    []string
	missing    map[string]string // by config: function_missing or qualifier_missing
	unreadable []string
	ignored    []string // functions, as target/function
	undeclared []string // records under an alias or version that is there
	orphans    []string // records whose alias or version went away
	base       int      // what a share is taken of
	judged     int      // functions that requirements choose and that could be read
	unjudged   []string // and that could not, as target/function
	breaches   []string
	limits     map[string]int
	refused    bool // by the guard
}

// wish is what one config is to be.
type wish struct {
	set    settings
	remove bool
}

// change is one write.
type change struct {
	action        string // create, change or delete
	before, after settings
	at            *function
	qualifier     string
}

func (m match) chooses(p place, name string, tags map[string]string) bool {
	if m.targets != nil && !slices.Contains(m.targets, p.label) && !slices.Contains(m.targets, p.String()) {
		return false
	}
	if m.functions != nil && !anyGlob(p.fill(m.functions), name) || anyGlob(m.exclude, name) || m.excludeTags != nil && p.hasAll(m.excludeTags, tags) {
		return false
	}
	return p.hasAll(m.tags, tags)
}

// fill puts in the target's variable.
func (p place) fill(patterns []string) []string {
	filled := make([]string, len(patterns))
	for i, pattern := range patterns {
		filled[i] = strings.ReplaceAll(pattern, "${vars.team}", p.team())
	}
	return filled
}

func (p place) hasAll(wanted map[string][]string, tags map[string]string) bool {
	for key, patterns := range wanted {
		if value, there := tags[key]; !there || !anyGlob(p.fill(patterns), value) {
			return false
		}
	}
	return true
}

// unlooked stands for a function of which nobody knows yet whether it is there: no rule
// and no item of ignore that needs its tags says anything of it.
var unlooked = &function{}

func (m match) asksForTags() bool { return m.tags != nil || m.excludeTags != nil }

// covers says whether a rule is for a qualifier: named outright, or an alias that one of
// its patterns matches, and of "*" also $LATEST.
func (r rule) covers(q string) bool {
	alias := q != "$LATEST" && strings.Trim(q, "0123456789") != ""
	return r.qualifiers == nil && q == "$LATEST" || slices.Contains(r.qualifiers, q) ||
		slices.Contains(r.qualifiers, "*") && q == "$LATEST" || alias && anyGlob(r.qualifiers, q)
}

// names says whether a rule gives a function a config under a qualifier: patterns do so
// for what exists.
func (r rule) names(q string, fn *function) bool {
	if r.qualifiers == nil {
		return q == "$LATEST"
	}
	return slices.Contains(r.qualifiers, q) || r.covers(q) && fn.has(q)
}

func anyGlob(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, text) })
}

// glob knows *, ?, [ab], [!ab] and {one,other}.
func glob(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	rest := pattern[1:]
	switch pattern[0] {
	case '*':
		for i := range len(text) + 1 {
			if glob(rest, text[i:]) {
				return true
			}
		}
		return false
	case '{':
		choices, after, _ := strings.Cut(rest, "}")
		for choice := range strings.SplitSeq(choices, ",") {
			if glob(choice+after, text) {
				return true
			}
		}
		return false
	case '[':
		set, after, _ := strings.Cut(rest, "]")
		set, not := strings.CutPrefix(set, "!")
		return text != "" && strings.Contains(set, text[:1]) != not && glob(after, text[1:])
	}
	return text != "" && (pattern[0] == '?' || pattern[0] == text[0]) && glob(rest, text[1:])
}

// predict reads the fleet with a finger on the page.
func predict(f fleet, w world) prediction {
	p := prediction{changes: map[string]change{}, missing: map[string]string{}, wishes: map[string]wish{}, limits: map[string]int{}}
	p.checkEntries(f)
	if p.errors == nil && f.expired() {
		p.errors = []string{"EI072"} // files that are right, and that no run begins with
	}
	p.atOnce = p.errors
	p.errors = nil
	if slices.Contains(p.atOnce, "EI072") {
		if p.errors = p.atOnce; f.hasBareEntry() {
			p.errors, p.atOnce = []string{"EI019", "EI072"}, nil // files with an empty entry are not right
		}
		return p
	}
	if slices.Contains(p.atOnce, "EI034") && f.hasBareEntry() {
		p.fail("EI019") // of two entries for one config the empty one may be told as well
	}
	if p.disputed {
		p.fail("EI062") // as may what either of them would come to
	}
	examined := 0
	for _, at := range f.places {
		for _, name := range names {
			fn := w.function(at, name)
			examined += p.predictFunction(f, at, name, fn) + p.require(f, at, name, fn)
		}
	}
	if len(p.errors) == 0 && examined == 0 {
		p.fail("EI018")
	}
	p.errors = append(p.errors, p.atOnce...)
	slices.Sort(p.errors)
	p.errors = slices.Compact(p.errors)
	p.guard(f)
	return p
}

func (p *prediction) fail(code string) { p.errors = append(p.errors, code) }

// checkEntries finds what is wrong with the files whatever AWS holds.
func (p *prediction) checkEntries(f fleet) {
	declared := map[string]int{}
	disputed := map[string]bool{}
	some := false
	for i, x := range f.files {
		some = some || len(x.rules)+len(x.entries)+len(x.requires) > 0
		for j, e := range x.entries {
			for _, at := range f.places {
				if !e.isAt(at) {
					continue
				}
				name := e.nameAt(at)
				key := config(at, name, e.qualifier)
				if declared[key]++; declared[key] > 1 {
					p.fail("EI034")
				}
				ignored := false
				for _, y := range f.files {
					for _, ignore := range y.ignores {
						if !ignore.asksForTags() && ignore.chooses(at, name, nil) {
							ignored = true
							p.fail("EI064")
						}
					}
				}
				// Rules that choose by name alone may be held against each other at once,
				// but nobody asks what an ignored function is to be.
				if _, conflict := f.alone(i, j, at).resolve(at, name, e.qualifier, unlooked); conflict && !ignored {
					disputed[key] = true
				}
			}
		}
	}
	for key := range disputed {
		if declared[key] == 1 {
			p.fail("EI062")
		} else {
			p.disputed = true // which of its entries counts is not known
		}
	}
	if !some {
		p.fail("EI018")
	}
	slices.Sort(p.errors)
	p.errors = slices.Compact(p.errors)
}

// alone is the fleet with one of its entries, and no other for the same config.
func (f fleet) alone(file, entry int, at place) fleet {
	e := f.files[file].entries[entry]
	f.files = slices.Clone(f.files)
	for i := range f.files {
		own := f.files[i].entries
		f.files[i].entries = nil
		for j, o := range own {
			if i == file && j == entry || o.nameAt(at) != e.nameAt(at) || o.qualifier != e.qualifier {
				f.files[i].entries = append(f.files[i].entries, o)
			}
		}
	}
	return f
}

// expired says whether the last day of an exception is over.
func (f fleet) expired() bool {
	return slices.ContainsFunc(f.files, func(x file) bool {
		return slices.ContainsFunc(x.ignores, func(e exception) bool { return e.until != "" && e.until < "2026" })
	})
}

func (f fleet) hasBareEntry() bool {
	return slices.ContainsFunc(f.files, func(x file) bool {
		return slices.ContainsFunc(x.entries, func(e entry) bool { return !e.remove && e.set == (settings{}) })
	})
}

func (e entry) isAt(p place) bool {
	return e.targets == nil || slices.Contains(e.targets, p.label) || slices.Contains(e.targets, p.String())
}

func (e entry) nameAt(p place) string { return strings.ReplaceAll(e.name, "${vars.team}", p.team()) }

// predictFunction predicts all configs of one function and returns how many it
// declares. The function is nil when it does not exist.
func (p *prediction) predictFunction(f fleet, at place, name string, fn *function) (declared int) {
	var tags map[string]string
	if fn != nil {
		tags = fn.tags
	}
	ignored := f.ignores(at, name, fn)
	for _, x := range f.files {
		for _, r := range x.rules {
			// Nobody asks which aliases an ignored function has, so it counts by its pattern.
			if ignored && fn != nil && r.chooses(at, name, tags) && slices.ContainsFunc(r.qualifiers, func(q string) bool { return strings.ContainsAny(q, "*?") }) {
				p.ignored = append(p.ignored, at.String()+"/"+name)
			}
		}
	}
	wishes := map[string]wish{}
	chosen := map[string]bool{} // skipped ones included
	for _, q := range qualifiers {
		spoken, found, conflict := f.wish(at, name, q, fn)
		switch {
		case !found:
			continue
		case ignored && spoken:
			p.fail("EI064")
			if want, _ := f.resolve(at, name, q, fn); want == (wish{}) {
				p.fail("EI019") // wrong in two ways, of which one may be told
			}
			continue
		case ignored:
			p.ignored = append(p.ignored, at.String()+"/"+name)
			continue
		case conflict:
			p.fail("EI062")
		}
		key := config(at, name, q)
		want, _ := f.resolve(at, name, q, fn)
		chosen[q] = true
		if want == (wish{}) {
			p.fail("EI019")
		}
		switch {
		case fn == nil:
			p.missing[key] = "function_missing"
		case fn.denyRead:
			p.unreadable = append(p.unreadable, key)
			p.base++
		case fn.lacks(q, want) && spoken:
			p.missing[key] = "qualifier_missing"
		case fn.lacks(q, want):
			p.skipped = append(p.skipped, key)
			if _, held := fn.records[q]; held {
				p.orphans = append(p.orphans, key)
			}
			continue
		default:
			p.base++
			p.compare(key, fn, q, want)
		}
		wishes[q] = want
		p.wishes[key] = want
	}
	if fn == nil || fn.denyRead || len(chosen) == 0 {
		return len(chosen)
	}
	for q, r := range fn.records {
		key := config(at, name, q)
		switch {
		case chosen[q]:
		case f.undeclared == "delete" && len(wishes) > 0: // a function that was skipped was not chosen
			p.changes[key] = change{action: "delete", before: r, at: fn, qualifier: q}
		case fn.has(q):
			p.undeclared = append(p.undeclared, key)
		default:
			p.orphans = append(p.orphans, key)
		}
	}
	return len(chosen)
}

func (f fleet) ignores(at place, name string, fn *function) (ignored bool) {
	var tags map[string]string
	if fn != nil {
		tags = fn.tags
	}
	for _, x := range f.files {
		for _, ignore := range x.ignores {
			ignored = ignored || (fn != nil || ignore.tags == nil) && ignore.chooses(at, name, tags)
		}
	}
	return ignored
}

// require judges a function by what it holds and by what the plan makes of that, and
// returns how many are judged. A requirement is for functions that exist.
func (p *prediction) require(f fleet, at place, name string, fn *function) int {
	var by []requirement
	for _, x := range f.files {
		for _, r := range x.requires {
			if fn != nil && r.chooses(at, name, fn.tags) && !f.ignores(at, name, fn) {
				by = append(by, r)
			}
		}
	}
	switch {
	case by == nil:
		return 0
	case fn.denyRead:
		p.unjudged = append(p.unjudged, at.String()+"/"+name)
		return 1
	}
	p.judged++
	planned := maps.Clone(fn.records)
	for _, c := range p.changes {
		switch {
		case c.at != fn:
		case c.action == "delete":
			delete(planned, c.qualifier)
		default:
			planned[c.qualifier] = c.after
		}
	}
	breaches := map[string][2]bool{}
	for i, records := range []map[string]settings{fn.records, planned} {
		if len(records) == 0 {
			records = map[string]settings{"$LATEST": {}}
		}
		for q, have := range records {
			for _, r := range by {
				for _, setting := range r.brokenBy(at, fn, have) {
					key := config(at, name, q) + " " + r.name + " " + setting
					both := breaches[key]
					both[i] = true
					breaches[key] = both
				}
			}
		}
	}
	for key, both := range breaches {
		p.breaches = append(p.breaches, fmt.Sprint(key, " now ", both[0], " planned ", both[1]))
	}
	return 1
}

// brokenBy lists the settings in which a record breaks a requirement.
func (r requirement) brokenBy(at place, fn *function, have settings) (broken []string) {
	for i, bounds := range r.numbers {
		value, _ := strconv.Atoi(effective(i, have[i]))
		least, _ := strconv.Atoi(bounds[0])
		most, err := strconv.Atoi(bounds[1])
		if value < least || err == nil && value > most {
			broken = append(broken, settingNames[i])
		}
	}
	for i := 2; i < 4; i++ {
		to := effective(i, have[i])
		allowed := slices.Clone(r.destinations)
		for j := range allowed {
			allowed[j] = at.here(allowed[j])
		}
		if to != "none" && allowed != nil && !anyGlob(allowed, to) {
			broken = append(broken, settingNames[i])
		}
	}
	if effective(3, have[3]) == "none" && (r.failure == "required" || r.failure != "" && fn.deadLetter == "") {
		broken = append(broken, settingNames[3])
	}
	return broken
}

// lacks says whether a config cannot be, because its alias or version is not
// there, whatever record was left under it. What must have no record needs none.
func (f *function) lacks(q string, want wish) bool { return !f.has(q) && !want.remove }

func (w wish) differs(have settings) bool {
	for i, v := range w.set {
		if v != "" && effective(i, have[i]) != v {
			return true
		}
	}
	return false
}

// compare says what closes the difference between a wish and what AWS holds.
func (p *prediction) compare(key string, fn *function, q string, want wish) {
	have, held := fn.records[q]
	after := have
	for i, v := range want.set {
		switch {
		case v == "none":
			after[i] = ""
		case v != "" && (!held || effective(i, have[i]) != v):
			after[i] = v // a new record says all that is asked, what AWS does by itself included
		}
	}
	switch {
	case want.remove && held:
		p.changes[key] = change{action: "delete", before: have, at: fn, qualifier: q}
	case want.remove, !want.differs(have):
		p.inSync = append(p.inSync, key)
	case held:
		p.changes[key] = change{action: "change", before: have, after: after, at: fn, qualifier: q}
	default:
		p.changes[key] = change{action: "create", after: after, at: fn, qualifier: q}
	}
}

// wish says whether an entry or a rule speaks of a config at all.
func (f fleet) wish(at place, name, q string, fn *function) (entry, found, conflict bool) {
	for _, x := range f.files {
		for _, e := range x.entries {
			if e.nameAt(at) == name && e.qualifier == q && e.isAt(at) {
				entry, found = true, true
			}
		}
		for _, r := range x.rules {
			found = found || fn != nil && r.isFor(at, name, q, fn) && r.names(q, fn)
		}
	}
	_, conflict = f.resolve(at, name, q, fn)
	return entry, found, conflict
}

func (r rule) isFor(at place, name, q string, fn *function) bool {
	switch {
	case !r.covers(q):
		return false
	case fn == unlooked:
		return !r.asksForTags() && r.chooses(at, name, nil)
	case fn == nil: // it may come to be, and has no tags so far
		return r.chooses(at, name, nil)
	}
	return r.chooses(at, name, fn.tags)
}

// of puts in the function's name. Two files are compared before that.
func of(text, function string) string { return strings.ReplaceAll(text, "${function}", function) }

// resolve lays the layers over each other, setting by setting: what an entry
// says, else the rules of all files, else the defaults of its own file, else
// those of all files that speak, else those of the fleet.
func (f fleet) resolve(at place, name, q string, fn *function) (wish, bool) {
	var out wish
	conflict := false
	for i := range settingNames {
		var byEntry, byOwn string // and the defaults of the entry's own file
		var byRules, byDefaults []string
		forAll, spokenOf := "", false
		for _, x := range f.files {
			speaks := false
			byRule := ""
			for _, e := range x.entries {
				if e.nameAt(at) == name && e.qualifier == q && e.isAt(at) {
					if e.remove {
						return wish{remove: true}, false
					}
					speaks = true
					byEntry = e.set[i]
					if !x.forAll {
						byOwn = x.defaults[i]
					}
				}
			}
			for _, r := range x.rules {
				if r.isFor(at, name, q, fn) {
					speaks = true
					if r.set[i] != "" {
						byRule = r.set[i] // the later one wins
					}
				}
			}
			if byRule != "" {
				byRules = append(byRules, at.here(byRule))
			}
			spokenOf = spokenOf || speaks
			if x.forAll {
				forAll = x.defaults[i]
			} else if speaks && x.defaults[i] != "" {
				byDefaults = append(byDefaults, at.here(x.defaults[i]))
			}
		}
		conflict = conflict || len(slices.Compact(slices.Clone(byRules))) > 1 // whoever wins over them
		switch {
		case byEntry != "":
			out.set[i] = of(at.here(byEntry), name)
		case len(byRules) > 0:
			out.set[i] = of(byRules[0], name)
		case byOwn != "":
			out.set[i] = of(at.here(byOwn), name)
		case len(byDefaults) > 0:
			out.set[i] = of(byDefaults[0], name)
			conflict = conflict || len(slices.Compact(byDefaults)) > 1
		case spokenOf:
			out.set[i] = of(at.here(forAll), name)
		}
	}
	return out, conflict
}

// guard counts writes against the limits: a number, or a share of the configs
// that can exist; a share of changes allows ten, unless it is none.
func (p *prediction) guard(f fleet) {
	maxChanges, maxDeletes := f.maxChanges, f.maxDeletes
	if maxChanges == "" {
		maxChanges = "30%"
	}
	if maxDeletes == "" {
		maxDeletes = "0"
	}
	limit := func(text string, floor int) int {
		share, isShare := strings.CutSuffix(text, "%")
		n, err := strconv.Atoi(share)
		if err != nil {
			panic(err)
		}
		switch {
		case !isShare:
			return n
		case n == 0:
			return 0
		}
		return max(floor, p.base*n/100)
	}
	p.limits["max_changes"] = limit(maxChanges, 10)
	p.limits["max_deletes"] = limit(maxDeletes, 0)
	deletes := 0
	for _, c := range p.changes {
		if c.action == "delete" {
			deletes++
		}
	}
	p.refused = len(p.changes) > p.limits["max_changes"] || deletes > p.limits["max_deletes"]
}

// fails says whether AWS refuses the change.
func (c change) fails() bool {
	if c.action == "delete" {
		return c.at.denyDelete
	}
	return c.at.refuse || c.at.denyWrite
}

// wayBackFails says whether AWS refuses to undo it. There is no way back to a
// record whose alias or version is gone: AWS takes no new one there.
func (c change) wayBackFails() bool {
	if c.action == "create" {
		return c.at.denyDelete
	}
	return c.at.refuse || c.at.denyWrite || c.action == "delete" && !c.at.has(c.qualifier)
}

// code of plan and apply, by docs/cli.md and docs/accounts.md: 3 when something
// was read or done and something was not.
func (p prediction) code(f fleet, applied bool) int {
	failed, done := 0, 0
	for _, c := range p.changes {
		if c.fails() {
			failed++
		} else {
			done++
		}
	}
	missing := 0
	for _, reason := range p.missing {
		if reason == "function_missing" && f.missingFunctions != "warn" || reason == "qualifier_missing" && f.missingQualifiers != "warn" {
			missing++
		}
	}
	switch {
	case p.errors != nil:
		return 1
	case len(p.unreadable) > 0 && len(p.unreadable) == len(p.wishes)+len(p.skipped):
		return 1 // none that could be read
	case applied && p.refused:
		return 4
	case len(p.unreadable) > 0, missing > 0, len(p.unjudged) > 0, applied && failed > 0:
		return 3
	case len(p.wishes)+len(p.skipped) == 0 && p.judged > 0:
		return 0 // nothing is declared, and what is required was looked at
	case len(p.missing) == len(p.wishes) && len(p.changes) == 0:
		return 1 // all may be missing, and still nothing was checked
	}
	return 0
}
