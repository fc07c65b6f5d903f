package adopt

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
)

// newEntries are entries for a config that has none, at the targets where it needs
// one. Settings whose line was changed need no words of their own.
func (r *round) newEntries(keys []desired.Key, done map[decision]bool) []fleetfile.Entry {
	missing := func(key desired.Key) (c desired.Config) {
		for f, v := range r.needs[key].settings {
			if e := r.entries[key]; v.IsSet() && (e == nil || !done[decision{e.Origins.Fields[f], desired.Setting(f)}]) {
				c[f] = v
			}
		}
		return c
	}
	// One entry says it for all where one text does for each setting.
	entry := func(keys []desired.Key) (e fleetfile.Entry, same bool) {
		e, same = fleetfile.Entry{Name: keys[0].Name}, true
		for _, key := range keys {
			same = same && managed(missing(key)) == managed(missing(keys[0]))
		}
		for f, v := range missing(keys[0]) {
			if v.IsSet() && same {
				e.Settings[f], same = r.common(keys, desired.Setting(f))
			}
		}
		return e, same
	}
	if e, same := entry(keys); same {
		return r.located(keys, e)
	}
	var all []fleetfile.Entry
	for _, group := range fleetfile.GroupBy(keys, missing) {
		e, _ := entry(group) // they miss the same
		all = append(all, r.located(group, e)...)
	}
	return all
}

// located are the entries that say the same for one name at some targets.
func (r *round) located(keys []desired.Key, e fleetfile.Entry) []fleetfile.Entry {
	at := map[desired.Target]string{}
	for _, key := range keys {
		at[key.Target] = key.Function
	}
	return fleetfile.Located(e, r.fleet.Targets, at)
}

// split makes several entries of one, each for targets that come to say the same.
// The old one keeps its words, for those that are not adopted where there are some;
// what it says of others is changed in the next round.
func (r *round) split(s *source, item, list cursor, keys []desired.Key) error {
	type saying struct {
		need
		desired.Name
	}
	groups := fleetfile.GroupBy(keys, func(key desired.Key) (said saying) {
		if n, needed := r.needs[key]; needed {
			said = saying{n, key.Name}
		}
		return said // one group of all others: their words stay
	})
	needed := func(group []desired.Key) int { // those that are not adopted come first
		if _, is := r.needs[group[0]]; is {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(groups, func(a, b []desired.Key) int { return needed(a) - needed(b) })
	old := fleetfile.Entry{Name: keys[0].Name, Remove: r.entries[keys[0]].Remove}
	for _, f := range desired.Settings() {
		if _, v := pair(item.node, f.String()); v != nil {
			if v.Kind == yaml.AliasNode {
				v = v.Alias
			}
			old.Settings[f] = v.Value
		}
	}
	var parts []fleetfile.Entry
	for _, group := range groups {
		e := old
		if n, needed := r.needs[group[0]]; needed {
			e.Name, e.Remove = group[0].Name, false
			for f, v := range n.settings {
				if v.IsSet() {
					e.Settings[f] = v.String()
				}
			}
		}
		parts = append(parts, r.located(group, e)...)
	}
	if len(parts) < 2 {
		return s.problemAt(item.node, "this entry cannot be split")
	}
	if err := s.restrict(item.node, &parts[0]); err != nil {
		return err
	}
	for i := range parts[1:] {
		if err := s.addItem(list.node, item.node, &parts[1+i]); err != nil {
			return err
		}
	}
	return nil
}

// restrict limits an entry to the targets that another one names.
func (s *source) restrict(item *yaml.Node, to *fleetfile.Entry) error {
	y := styleOf(item)
	if to.ARN != "" {
		_, name := pair(item, "name")
		from, end, err := s.span(name)
		if err != nil {
			return err
		}
		written := to.ARN
		if strings.HasSuffix(name.Value, ":"+to.Qualifier) {
			written += ":" + to.Qualifier
		}
		s.replace(from, end, y.Text(written))
		return nil
	}
	_, targets := pair(item, "targets")
	switch {
	case targets == nil:
		return s.addPairs(item, []string{y.Key("targets") + ": " + y.List(to.Targets)})
	case targets.Kind != yaml.SequenceNode || targets.Anchor != "":
		return s.problemAt(targets, shared)
	case flow(targets):
		_, end, err := s.flowEnd(targets)
		if err != nil {
			return err
		}
		s.replace(s.offset(targets), end, y.List(to.Targets))
		return nil
	}
	for _, label := range targets.Content {
		if label.Kind != yaml.ScalarNode || label.Anchor != "" {
			return s.problemAt(label, shared)
		}
		if !slices.Contains(to.Targets, label.Value) {
			next, before := s.lineAfter(s.offset(label))
			if line := s.data[s.lines[label.Line-1]:s.offset(label)]; before != "" || strings.Trim(string(line), " -") != "" {
				return fmt.Errorf("%s:%d: this label cannot be taken out; write targets on one line", s.path, label.Line)
			}
			s.replace(s.lines[label.Line-1], next, "")
		}
	}
	return nil
}
