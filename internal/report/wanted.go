package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// located is a change and the target that it is made in.
type located struct {
	target *desired.Target
	*reconcile.Change
}

func (c located) key() desired.Key { return desired.Key{Target: *c.target, Name: c.Name} }

// targetChanges is a target with changes, and what the words for them are.
type targetChanges struct {
	desired.Target
	*verbs
	label   string
	rest    string // what else is said of it
	unmade  string // why the changes were not made
	changes []located
}

// toMake are the targets with the changes that are planned, or that were applied.
func (r *Run) toMake() (all []targetChanges) {
	if r.Outcome != nil {
		return r.ended(&outcomeVerbs, "", reconcile.Applied)
	}
	for i := range r.plans() {
		t := &r.Plan.Targets[i]
		at := targetChanges{Target: t.Target, verbs: &planVerbs, label: t.Label}
		if !r.ChangesOnly {
			at.rest = fmt.Sprintf("; %d in sync", t.InSync)
		}
		for j := range t.Changes {
			at.changes = append(at.changes, located{&t.Target, &t.Changes[j]})
		}
		if len(at.changes) > 0 {
			all = append(all, at)
		}
	}
	return all
}

// unmade are the targets with the changes that were not made, those that failed first.
func (r *Run) unmade() []targetChanges {
	return slices.Concat(r.ended(&planVerbs, "; failed", reconcile.Failed, reconcile.Mismatched),
		r.ended(&planVerbs, "; stale", reconcile.Stale), r.ended(&planVerbs, "; not attempted", reconcile.NotAttempted))
}

// ended are the targets with the changes that ended in one of some ways.
func (r *Run) ended(v *verbs, unmade string, as ...reconcile.Status) (all []targetChanges) {
	for i := range r.outcomes() {
		o := &r.Outcome.Targets[i]
		at := targetChanges{Target: o.Target, verbs: v, label: o.Label, rest: unmade, unmade: unmade}
		for j := range o.Results {
			if slices.Contains(as, o.Results[j].Status) {
				at.changes = append(at.changes, located{&o.Target, &o.Results[j].Change})
			}
		}
		if len(at.changes) > 0 {
			all = append(all, at)
		}
	}
	return all
}

// changeSet is changes with what is worked out of them, once, however often a page is begun anew
// in less detail.
type changeSet struct {
	targets []targetChanges
	all     []located
	blocks  func() [][]block // of each target
	wishes  func() []wish
}

func newChangeSet(targets []targetChanges) *changeSet {
	s := &changeSet{targets: targets}
	if len(targets) == 1 {
		s.all = targets[0].changes
	} else {
		for _, at := range targets {
			s.all = append(s.all, at.changes...)
		}
	}
	s.blocks = sync.OnceValue(func() [][]block {
		return slice.Map(targets, func(at targetChanges) []block { return blocks(at.changes) })
	})
	s.wishes = sync.OnceValue(func() []wish { return wishesOf(s.all) })
	return s
}

// maxKinds is how many kinds of change a page for browsers lists: of more it says first what is
// wanted, as near alike kinds say little each.
const maxKinds = 12

// kinds writes what is changed, each kind of change once: target by target, as long as
// that leaves room for the rest of the page, else by what is wanted.
func (p *printer) kinds(s *changeSet, rest string) {
	if len(s.targets) == 0 {
		return
	}
	if p.detail.wishes == 0 {
		for i, at := range s.targets {
			p.gap()
			p.flow(0, 2, colored(bold, where(at.label, at.Target)), text(": "+at.sum(at.changes)+at.rest))
			for _, b := range s.blocks()[i] {
				p.block(b, at.verbs)
			}
		}
		return
	}
	title := where(s.targets[0].label, s.targets[0].Target)
	if len(s.targets) > 1 {
		title = count(len(s.targets), "target")
	}
	p.gap()
	p.flow(0, 2, colored(bold, title), text(": "+s.targets[0].sum(s.all)+rest))
	p.wishes(s)
}

// wish is one value that configs are to have, however they differ from it: what stands in
// the fleet file once. Deletes are one as well.
//
// Changes that differ in two settings have four kinds before a third is looked at, and
// five thousand changes have as many kinds as there are combinations. They have only as
// many wishes as somebody wrote.
type wish struct {
	wishKey
	after   string
	origin  // where it is written
	changes []located
	befores []string // "2400 from (unset, so 2)", most first
	risks   [numRisks]int
}

type wishKey struct {
	setting desired.Setting // NumSettings: the record is to go
	after   desired.Value
	file    string
	layer   desired.Layer
	final   bool
}

// wished is one setting of a change.
type wished struct {
	located
	reconcile.SettingChange
	many bool // targets
}

func manyTargets(changes []located) bool {
	return !allEqual(changes, func(c located) desired.Target { return *c.target })
}

func wishesOf(changes []located) []wish {
	var all []wished
	many := manyTargets(changes)
	for _, c := range changes {
		if c.Action == reconcile.Delete {
			w := wished{c, reconcile.SettingChange{Setting: desired.NumSettings}, many}
			if c.Origins != nil {
				w.Origin = c.Origins.Entry
			}
			all = append(all, w)
			continue
		}
		for _, s := range c.SettingChanges() {
			all = append(all, wished{c, s, many})
		}
	}
	found := groupBy(all, func(w wished) wishKey {
		return wishKey{w.Setting, w.general(w.After), w.Origin.File, w.Origin.Layer, w.Final}
	}, newWish)
	slices.SortStableFunc(found, func(a, b wish) int {
		return cmp.Or(b.deletes()-a.deletes(), cmp.Compare(len(b.changes), len(a.changes)), a.worst()-b.worst())
	})
	return found
}

func newWish(k wishKey, of []wished) wish {
	w := wish{wishKey: k}
	var befores []string
	same := allEqual(of, func(c wished) desired.Value { return c.Before })
	for _, c := range of {
		w.changes = append(w.changes, c.located)
		if k.setting == desired.NumSettings {
			w.risks[riskOf(c.Change)]++
			continue
		}
		w.risks[riskOfSetting(c.SettingChange)]++
		before := c.Before
		if !same {
			before = c.general(before)
		}
		befores = append(befores, c.Setting.Format(before))
	}
	w.origin = sharedOrigin(of, func(c wished) desired.Origin { return c.Origin })
	if k.setting == desired.NumSettings {
		if of[0].Want == nil {
			w.origin = origin{at: "undeclared: delete"}
		}
		return w
	}
	w.after = k.setting.Format(k.after)
	if allEqual(of, func(c wished) desired.Value { return c.After }) {
		w.after = k.setting.Format(of[0].After)
	}
	w.at = strings.TrimSuffix(w.at, " from "+w.after) // it stands before it
	type before struct {
		text string
		n    int
	}
	all := groupBy(befores, func(s string) string { return s }, func(s string, of []string) before { return before{s, len(of)} })
	slices.SortFunc(all, func(a, b before) int { return cmp.Or(b.n-a.n, strings.Compare(a.text, b.text)) })
	for i, b := range all {
		switch {
		case len(all) == 1:
			w.befores = []string{"from " + b.text}
		case i < 2, len(all) == 3:
			w.befores = append(w.befores, fmt.Sprintf("%d from %s", b.n, b.text))
		default:
			w.befores = append(w.befores[:2], fmt.Sprintf("%d from %s", len(of)-all[0].n-all[1].n, count(len(all)-2, "other value")))
		}
	}
	return w
}

// general is a value without what follows from the config it is of: the name of its function, its
// account and its region, as far as a template of the fleet file does not say better.
func (w wished) general(v desired.Value) desired.Value {
	if t := w.Origin.Template; v == w.After && strings.Contains(t, "${") {
		return desired.Text(t)
	}
	if !w.many {
		return shape(v, w.Function, nil)
	}
	return shape(v, w.Function, w.target)
}

// deletes is 1 where the records are to go, else 0.
func (w *wish) deletes() int { return int(w.setting / desired.NumSettings) }

// worst is the worst risk for any config.
func (w *wish) worst() int {
	return slices.IndexFunc(w.risks[:], func(n int) bool { return n > 0 })
}

// riskOfMany says what may happen: to all of so many configs, or to how many of them.
func riskOfMany(risks [numRisks]int, of int) string {
	var parts []string
	for i, text := range riskTexts {
		switch {
		case text == "" || risks[i] == 0:
		case risks[i] == of:
			return text
		default:
			parts = append(parts, fmt.Sprintf("%d %s", risks[i], text))
		}
	}
	return listed(parts...)
}

// wishes writes what is wanted of changes, deletes first and then what concerns most configs, as
// much as there is room for: the rest, which concerns fewest, is counted by setting, with its risks.
func (p *printer) wishes(s *changeSet) {
	all := s.wishes()
	shown := all[:min(len(all), p.detail.wishes)]
	named := func(c located) string { return c.Name.String() }
	if manyTargets(s.all) {
		named = func(c located) string { return c.key().String() }
	}
	for i := range shown {
		p.wish(&shown[i], named)
	}
	for s, of := range slice.Group(all[len(shown):], func(w wish) desired.Setting { return w.setting }) {
		configs := 0
		var risks [numRisks]int
		for _, w := range of {
			configs += len(w.changes)
			for i, n := range w.risks {
				risks[i] += n
			}
		}
		what := " deletes"
		if s < desired.NumSettings {
			what = " " + s.String()
		}
		p.more(2, len(of), fmt.Sprintf(" of%s, on %s%s", what, count(configs, "config"), after(": ", riskOfMany(risks, configs))))
	}
}

func after(sign, text string) string {
	if text == "" {
		return ""
	}
	return sign + text
}

// wish writes one, with configs named as the reader can tell them from all others of the page.
func (p *printer) wish(w *wish, named func(located) string) {
	targets := map[*desired.Target]bool{} // a few, however many changes there are
	for _, c := range w.changes {
		targets[c.target] = true
	}
	says, tone := howMany(w.changes, located.key), plain
	if len(w.changes) == 1 {
		says = named(w.changes[0])
	}
	if len(targets) > 1 {
		says += " in " + count(len(targets), "target")
	}
	if w.risks[losesEvents] > 0 {
		tone = red
	}
	risk := after("; ", riskOfMany(w.risks, len(w.changes)))
	what := []span{colored(yellow, "~ "), text(w.setting.String() + arrow), colored(bold, w.after)}
	if w.setting == desired.NumSettings {
		what = []span{colored(red, "- delete")}
	}
	p.short = p.short || len(w.changes) > 1 && !p.detail.names
	switch {
	case p.detail.brief:
		what[len(what)-1].text += " "
		what = append(what, colored(tone, "on "+says+risk))
		if p.detail.at && w.at != "" {
			what = append(what, colored(dim, " ("+strings.TrimPrefix(w.at, p.folder)+")"))
		}
		p.flow(2, rowIndent, what...)
		return
	case w.setting < desired.NumSettings && p.width("  ~ "+w.setting.String()+arrow+w.after) > p.columns:
		p.line(2, colored(yellow, "~ "), text(w.setting.String()))
		p.declared(rowIndent, rowIndent, w.origin, text("→ "), colored(bold, w.after))
	default:
		p.declared(2, rowIndent, w.origin, what...)
	}
	p.wrapped(rowIndent, span{}, tone, says+after(", ", listed(w.befores...))+risk)
	if w.final {
		p.line(rowIndent, colored(red, finalText))
	}
	if p.detail.names && len(w.changes) > 1 {
		p.names(rowIndent, span{}, len(w.changes), func(i int) string { return named(w.changes[i]) })
		p.authors(rowIndent, w.changes)
	}
}
