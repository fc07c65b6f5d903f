package adopt

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

// need is what is to be declared of a config.
type need struct {
	settings desired.Config
	whole    bool // so far nothing is declared of it, or that it have no record
}

// round is one pass over what still differs. What it decides:
//
//	the value was decided by   and its line speaks for                    then
//	an entry                   this config, or all come to say the same   the line is changed
//	an entry                   others that differ                         the entry is split
//	a rule or defaults         configs that all come to say the same      the line is changed
//	a rule or defaults         others that differ                         a line in the config's entry, or an entry of its own
type round struct {
	*patcher
	document *desired.Document
	fleet    desired.Fleet
	sources  map[string]*source
	lines    bool // whether lines of rules and defaults may be changed
	complete bool // whether every config is known that they speak for
	unseen   map[desired.Target]bool

	needs   map[desired.Key]need
	entries map[desired.Key]*desired.Entry
	decided map[decision][]desired.Key // what each line decides that is to be changed
	owned   map[desired.Origin][]desired.Key
	edited  map[desired.Origin]bool // entries that have an edit in this round
}

// decision is a line that decides a setting.
type decision struct {
	origin  desired.Origin
	setting desired.Setting
}

func (p *patcher) newRound(document *desired.Document, fleet desired.Fleet, files map[string][]byte, wanted map[desired.Key]bool, lines bool) (*round, error) {
	r := &round{
		patcher: p, document: document, fleet: fleet, lines: lines, complete: true,
		sources: map[string]*source{}, unseen: map[desired.Target]bool{}, needs: map[desired.Key]need{}, entries: map[desired.Key]*desired.Entry{},
		decided: map[decision][]desired.Key{}, owned: map[desired.Origin][]desired.Key{}, edited: map[desired.Origin]bool{},
	}
	for _, d := range document.Discoveries(p.in.Ambient, desired.Selection{}) {
		if _, seen := p.in.Inventory[d.Target]; !seen && !d.IsZero() {
			r.unseen[d.Target], r.complete = true, false
		}
	}
	for t := range slice.Pointers(fleet.Targets) {
		for j := range t.Entries {
			r.entries[desired.Key{Target: t.Target, Name: t.Entries[j].Name}] = &t.Entries[j]
		}
	}
	for _, t := range reconcile.NewPlan(fleet, p.in.Observed).Targets {
		for i := range t.Changes {
			key := desired.Key{Target: t.Target, Name: t.Changes[i].Name}
			if !wanted[key] {
				continue
			}
			if err := r.want(key, &t.Changes[i]); err != nil {
				return nil, err
			}
		}
	}
	r.index()
	for path, data := range files {
		s, err := newSource(path, data)
		if err != nil {
			return nil, err
		}
		r.sources[path] = s
	}
	return r, nil
}

// want notes what has to be declared for a change to be none.
func (r *round) want(key desired.Key, c *reconcile.Change) error {
	var live reconcile.Settings
	if c.Before != nil {
		live = *c.Before
	}
	n := need{whole: c.Action == reconcile.Delete}
	for _, f := range desired.AllSettings() {
		if n.whole && live[f].IsSet() || !n.whole && c.Want[f].IsSet() && c.Want[f] != live.Effect(f) {
			n.settings[f] = live.Effect(f)
		}
	}
	if n.settings.IsZero() { // an empty record acts like none, and an entry has to manage something
		n.settings[desired.MaximumRetryAttempts] = desired.MaximumRetryAttempts.Default()
	}
	for _, f := range desired.AllSettings() {
		if !n.settings[f].IsSet() {
			continue
		}
		if why := r.probe.Setting(key, f, n.settings[f]); why != "" {
			return &Refusal{key, fmt.Errorf("%s %s cannot be declared: %s", f, n.settings[f], why)}
		}
	}
	r.needs[key] = n
	return nil
}

// index notes which configs each line and each entry speaks for, of those that are
// to be changed.
func (r *round) index() {
	for _, key := range r.keys() {
		e := r.entries[key]
		if e == nil {
			continue
		}
		for _, f := range desired.AllSettings() {
			if r.needs[key].settings[f].IsSet() && !r.needs[key].whole {
				r.decided[decision{e.Origins.Settings[f], f}] = nil
			}
		}
		if e.Origins.Entry.Layer == desired.LayerFunction {
			r.owned[e.Origins.Entry] = nil
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(r.entries), desired.Key.Compare) {
		o := r.entries[key].Origins
		for _, f := range desired.AllSettings() {
			if _, of := r.decided[decision{o.Settings[f], f}]; of {
				r.decided[decision{o.Settings[f], f}] = append(r.decided[decision{o.Settings[f], f}], key)
			}
		}
		if _, of := r.owned[o.Entry]; of {
			r.owned[o.Entry] = append(r.owned[o.Entry], key)
		}
	}
}

// keys are the configs to be changed, sorted.
func (r *round) keys() []desired.Key {
	return slices.SortedFunc(maps.Keys(r.needs), desired.Key.Compare)
}

// will is what a config is to say about a setting after this round. It is unset
// where nobody knows, or nobody says.
func (r *round) will(key desired.Key, f desired.Setting) desired.Value {
	if v := r.needs[key].settings[f]; v.IsSet() {
		return v
	}
	e := r.entries[key]
	if r.unseen[key.Target] && e.Origins.Settings[f].Layer != desired.LayerFunction {
		return desired.Value{} // a rule may say something else of it
	}
	return e.Want[f]
}

// write decides about every need and makes the edits.
func (r *round) write() (map[string][]byte, error) {
	lines := map[desired.Origin][]desired.Setting{} // that entries have to get
	fresh := map[newPlace][]desired.Key{}
	done := map[decision]bool{}
	for _, key := range r.keys() {
		e := r.entries[key]
		if e == nil { // nobody declares it: it goes where its function is declared
			place := newPlace{r.fileOf(key), key.Name}
			fresh[place] = append(fresh[place], key)
			continue
		}
		own := e.Origins.Entry.Layer == desired.LayerFunction
		if r.needs[key].whole {
			lines[e.Origins.Entry] = nil
			continue
		}
		alone := false // the config needs words of its own
		for _, f := range desired.AllSettings() {
			if !r.needs[key].settings[f].IsSet() {
				continue
			}
			d := decision{e.Origins.Settings[f], f}
			changed, decided := done[d]
			if !decided {
				var err error
				if changed, err = r.changeLine(d); err != nil {
					return nil, err
				}
				done[d] = changed
			}
			if !changed && own && !slices.Contains(lines[e.Origins.Entry], f) {
				lines[e.Origins.Entry] = append(lines[e.Origins.Entry], f)
			}
			alone = alone || !changed && !own
		}
		if alone {
			place := newPlace{e.Origins.Entry.File, key.Name}
			fresh[place] = append(fresh[place], key)
		}
	}
	for _, o := range slices.SortedFunc(maps.Keys(lines), compareOrigins) {
		if r.edited[o] {
			continue // the next round sees what is left
		}
		if err := r.changeEntry(o, lines[o]); err != nil {
			return nil, err
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(fresh), newPlace.compare) {
		for _, e := range r.newEntries(fresh[at], done) {
			if err := r.sources[at.file].addEntry(&e); err != nil {
				return nil, err
			}
		}
	}
	files := map[string][]byte{}
	for path, s := range r.sources {
		data, err := s.result()
		if err != nil {
			return nil, err
		}
		files[path] = data
	}
	return files, nil
}

// newPlace is the file that gets an entry, and the config it is for.
type newPlace struct {
	file string
	desired.Name
}

func (a newPlace) compare(b newPlace) int {
	return cmp.Or(strings.Compare(a.file, b.file), a.Name.Compare(b.Name))
}

func compareOrigins(a, b desired.Origin) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.LayerName(), b.LayerName()))
}

// fileOf is the file that declares another config of the function.
func (r *round) fileOf(key desired.Key) string {
	if t := reconcile.FindTarget(r.fleet.Targets, key.Target); t != nil {
		for i := range t.Entries {
			if t.Entries[i].Function == key.Function {
				return t.Entries[i].Origins.Entry.File
			}
		}
	}
	return r.document.Files()[0].Path
}

// changeLine changes the line that decides a setting, where all that it decides
// come to say the same.
func (r *round) changeLine(d decision) (bool, error) {
	entry := d.origin.Layer == desired.LayerFunction
	if !entry && (!r.lines || !r.complete) {
		return false, nil
	}
	text, same := r.common(r.decided[d], d.setting)
	if !same {
		return false, nil
	}
	s := r.sources[d.origin.File]
	mapping, err := s.settingsOf(d.origin)
	if err != nil {
		return false, err
	}
	_, value := pair(mapping.node, d.setting.String())
	if value == nil || value.Line != d.origin.Line {
		return false, fmt.Errorf("%s:%d: %s is not there; was the file changed?", s.path, d.origin.Line, d.setting)
	}
	if mapping.shared != nil {
		if !entry {
			return false, nil
		}
		return false, s.problemAt(mapping.shared, shared)
	}
	if err := s.setValue(mapping.node, value, d.setting, text); err != nil {
		if !entry {
			return false, nil
		}
		return false, err
	}
	if entry {
		r.edited[r.entries[r.decided[d][0]].Origins.Entry] = true
	}
	return true, nil
}

// settingsOf is the mapping of defaults, of a rule's set or of an entry.
func (s *source) settingsOf(o desired.Origin) (cursor, error) {
	switch o.Layer {
	case desired.LayerDefaults:
		if c, ok := s.section("defaults"); ok {
			return c, nil
		}
	case desired.LayerRule:
		rule, _, err := s.item("rules", o.Index)
		if err != nil {
			return rule, err
		}
		if _, set := pair(rule.node, "set"); set != nil {
			return s.step(rule, set), nil
		}
	case desired.LayerFunction:
		item, _, err := s.item("functions", o.Index)
		return item, err
	}
	return cursor{}, fmt.Errorf("%s: %s has no settings; was the file changed?", s.path, o.LayerName())
}

// common is one text that says for each of some configs what it is to say: a value
// that they share, or a destination with placeholders.
func (r *round) common(keys []desired.Key, f desired.Setting) (string, bool) {
	var texts []string
	for i, key := range keys {
		v := r.will(key, f)
		if !v.IsSet() {
			return "", false
		}
		of := []string{v.String()}
		if v.Text() != "" {
			of = fleetfile.Spellings(v.Text(), key.Target, key.Function)
		}
		if i == 0 {
			texts = of
			continue
		}
		texts = slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return !slices.Contains(of, t) })
	}
	if len(texts) == 0 {
		return "", false
	}
	return slices.MinFunc(texts, func(a, b string) int { return cmp.Compare(strings.Count(a, "$"), strings.Count(b, "$")) }), true
}

// changeEntry gives an entry lines for settings that it did not have, or settings in
// place of remove. Where the configs that it speaks for come to differ it is split.
func (r *round) changeEntry(o desired.Origin, settings []desired.Setting) error {
	s := r.sources[o.File]
	item, list, err := s.item("functions", o.Index)
	switch {
	case err != nil:
		return err
	case item.shared != nil:
		return s.problemAt(item.shared, shared)
	}
	keys := r.owned[o]
	e := fleetfile.Entry{Name: desired.Name{Qualifier: desired.Latest}}
	removed := r.entries[keys[0]].Remove
	if removed {
		for _, key := range keys {
			if managed(r.needs[key].settings) != managed(r.needs[keys[0]].settings) {
				return r.split(s, item, list, keys)
			}
		}
		for _, f := range desired.AllSettings() {
			if r.needs[keys[0]].settings[f].IsSet() {
				settings = append(settings, f)
			}
		}
	}
	for _, f := range settings {
		text, same := r.common(keys, f)
		if _, value := pair(item.node, f.String()); !same || value != nil {
			return r.split(s, item, list, keys)
		}
		e.Settings[f] = text
	}
	y := styleOf(item.node)
	pairs := y.Pairs(&e)[1:] // without the name
	if !removed {
		return s.addPairs(item.node, pairs)
	}
	key, value := pair(item.node, "remove")
	_, to, err := s.span(value)
	if err != nil {
		return err
	}
	from := s.offset(key)
	if y.Flow {
		s.replace(from, to, strings.Join(pairs, ", "))
		return nil
	}
	s.replace(from, to, strings.Join(pairs, s.eol+strings.Repeat(" ", item.node.Content[0].Column-1)))
	return nil
}
