package adopt

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
)

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
