package adopt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// newEntries are entries for a config that has none, at the targets where it needs
// one. Settings whose line was changed need no words of their own.
func (r *round) newEntries(keys []desired.Key, done map[decision]bool) []fleetfile.Entry {
	missing := func(key desired.Key) (c desired.Config) {
		for f, v := range r.needs[key].settings {
			if e := r.entries[key]; v.IsSet() && (e == nil || !done[decision{e.Origins.Settings[f], desired.Setting(f)}]) {
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
	for _, group := range slice.Group(keys, missing) {
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
	type groupKey struct {
		need
		desired.Name
	}
	var groups [][]desired.Key
	for of, group := range slice.Group(keys, func(key desired.Key) (group groupKey) {
		if n, needed := r.needs[key]; needed {
			group = groupKey{n, key.Name}
		}
		return group // one group of all others: their words stay
	}) {
		if of == (groupKey{}) {
			groups = slices.Insert(groups, 0, group)
		} else {
			groups = append(groups, group)
		}
	}
	old := fleetfile.Entry{Name: keys[0].Name, Remove: r.entries[keys[0]].Remove}
	for _, f := range desired.AllSettings() {
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

func flow(n *yaml.Node) bool { return n.Style&yaml.FlowStyle != 0 }

// styleOf is how the keys and values of a mapping are written.
func styleOf(mapping *yaml.Node) fleetfile.Style {
	return fleetfile.Style{Flow: flow(mapping), Quoted: flow(mapping) && len(mapping.Content) > 0 && mapping.Content[0].Style&yaml.DoubleQuotedStyle != 0}
}

// setValue writes a value in place of another, in the quotes that the other has.
func (s *source) setValue(mapping, value *yaml.Node, f desired.Setting, text string) error {
	if s.used[value] {
		return s.problemAt(value, shared)
	}
	from, to, err := s.span(value)
	if err != nil {
		return err
	}
	written := styleOf(mapping).Value(f, text)
	switch {
	case f.IsNumber():
	case value.Style&yaml.DoubleQuotedStyle != 0:
		written = strconv.Quote(text)
	case value.Style&yaml.SingleQuotedStyle != 0 && !strings.Contains(text, "'"):
		written = "'" + text + "'"
	}
	s.replace(from, to, written)
	return nil
}

// addPairs writes further keys into an entry, behind its last setting or else its
// name: there a value ends where one can see it.
func (s *source) addPairs(item *yaml.Node, pairs []string) error {
	var last *yaml.Node
	for i := 0; i+1 < len(item.Content); i += 2 {
		if item.Content[i].Value != "targets" { // which may be a list over several lines
			last = item.Content[i+1]
		}
	}
	_, to, err := s.span(last)
	if err != nil {
		return err
	}
	if flow(item) {
		s.replace(to, to, ", "+strings.Join(pairs, ", "))
		return nil
	}
	indent := strings.Repeat(" ", item.Content[0].Column-1)
	next, before := s.lineAfter(to)
	s.insertLines(next, before, indent, pairs)
	return nil
}

// insertLines puts lines where one begins; before is the break that the line before
// them still needs.
func (s *source) insertLines(at int, before, indent string, lines []string) {
	var b strings.Builder
	for _, line := range lines {
		if before != "" {
			b.WriteString(before + indent + line)
			continue
		}
		b.WriteString(indent + line + s.eol)
	}
	s.replace(at, at, b.String())
}

// addItem writes an entry behind another one of a list.
func (s *source) addItem(list, after *yaml.Node, e *fleetfile.Entry) error {
	if flow(after) && flow(list) {
		_, end, err := s.flowEnd(after)
		if err != nil {
			return err
		}
		between := " "
		if s.data[s.lines[after.Line-1]] == ' ' && strings.TrimSpace(string(s.data[s.lines[after.Line-1]:s.offset(after)])) == "" {
			between = s.eol + strings.Repeat(" ", after.Column-1) // each item has its line
		}
		s.replace(end, end, ","+between+"{"+strings.Join(styleOf(after).Pairs(e), ", ")+"}")
		return nil
	}
	dash := s.offset(after) - 1
	for dash >= 0 && (s.data[dash] == ' ' || s.data[dash] == '\t') {
		dash--
	}
	if dash < 0 || s.data[dash] != '-' {
		return s.problemAt(after, "this item does not stand behind its dash; put both on one line")
	}
	begin := s.lines[after.Line-1]
	indent := dash - begin
	if strings.Trim(string(s.data[begin:dash]), " ") != "" {
		return s.problemAt(after, "the list of this item shares its line; begin it on a line of its own")
	}
	at, before := s.itemEnd(after, indent)
	if flow(after) { // its brackets may close further out
		_, end, err := s.flowEnd(after)
		if err != nil {
			return err
		}
		at, before = s.lineAfter(end - 1)
	}
	first := string(s.data[dash:s.offset(after)])
	y := styleOf(after)
	pairs := y.Pairs(e)
	if y.Flow {
		pairs = []string{"{ " + strings.Join(pairs, ", ") + " }"}
	}
	lines := make([]string, len(pairs))
	for i, p := range pairs {
		lines[i] = first + p
		first = strings.Repeat(" ", len(first))
	}
	s.insertLines(at, before, strings.Repeat(" ", indent), lines)
	return nil
}

// itemEnd is where the line after an item of a list with dashes begins: the item has
// all lines that are further in than its dash, comments among them.
func (s *source) itemEnd(item *yaml.Node, indent int) (at int, before string) {
	at, before = s.lineAfter(s.offset(item))
	for _, begin := range s.lines[min(item.Line, len(s.lines)):] {
		next, without := s.lineAfter(begin)
		line := strings.TrimRight(string(s.data[begin:next]), " \t\r\n")
		switch {
		case line == "":
			continue
		case len(line)-len(strings.TrimLeft(line, " ")) <= indent:
			return at, before
		}
		at, before = next, without
	}
	return at, before
}

// addSection writes the first entry of a file that has none, at the end of its last
// document.
func (s *source) addSection(e *fleetfile.Entry) error {
	if len(s.roots) == 0 {
		return fmt.Errorf("%s: it has no mapping to add functions to", s.path)
	}
	root := s.roots[len(s.roots)-1]
	y := styleOf(root)
	if y.Flow {
		last, end, err := s.flowEnd(root)
		if err != nil {
			return err
		}
		comma := ", "
		if s.data[last-1] == ',' {
			comma = " "
		}
		s.replace(end-1, end-1, comma+y.Key("functions")+": [{"+strings.Join(y.Pairs(e), ", ")+"}]")
		return nil
	}
	at, before := len(s.data), s.eol
	if s.lines[len(s.lines)-1] == len(s.data) {
		before = ""
	}
	for _, begin := range s.lines[root.Line:] {
		if rest := s.data[begin:]; len(rest) >= 3 && (string(rest[:3]) == "---" || string(rest[:3]) == "...") {
			at, before = begin, ""
			break
		}
	}
	lines := []string{"functions:"}
	for i, p := range (fleetfile.Style{}).Pairs(e) {
		lines = append(lines, [2]string{"  - ", "    "}[min(i, 1)]+p)
	}
	s.insertLines(at, before, strings.Repeat(" ", root.Content[0].Column-1), lines)
	return nil
}

// addEntry writes a new entry behind the last one of the file.
func (s *source) addEntry(e *fleetfile.Entry) error {
	var list cursor
	var last *yaml.Node
	for _, root := range s.roots {
		if _, v := pair(root, "functions"); v != nil {
			list = s.step(cursor{}, v)
			last = list.node.Content[len(list.node.Content)-1]
			switch {
			case last.Kind == yaml.AliasNode:
				return s.problemAt(last, shared)
			case list.shared != nil:
				return s.problemAt(list.shared, shared)
			}
		}
	}
	if last == nil {
		return s.addSection(e)
	}
	return s.addItem(list.node, last, e)
}
