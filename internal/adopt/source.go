package adopt

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// source is one fleet file as bytes and as nodes that know their places. Edits are
// made to the bytes: a file that is written anew from its nodes loses what its
// author put there for readers.
type source struct {
	path  string
	data  []byte
	eol   string
	lines []int        // where each line begins
	roots []*yaml.Node // the mapping of each YAML document
	used  map[*yaml.Node]bool
	edits []edit
}

// edit replaces some bytes, which may be none.
type edit struct {
	from, to int
	text     string
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func newSource(path string, data []byte) (*source, error) {
	s := &source{path: path, data: data, eol: "\n", used: map[*yaml.Node]bool{}}
	s.findLines()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
			return s, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		s.findAliases(&doc)
		if len(doc.Content) == 1 && doc.Content[0].Kind == yaml.MappingNode {
			s.roots = append(s.roots, doc.Content[0])
		}
	}
}

// findLines finds where lines begin, with every line break that YAML knows.
func (s *source) findLines() {
	begin := 0
	if bytes.HasPrefix(s.data, byteOrderMark) {
		begin = len(byteOrderMark)
	}
	s.lines = append(s.lines, begin)
	for i := begin; i < len(s.data); {
		n := breakAt(s.data[i:])
		if n == 0 {
			i++
			continue
		}
		if len(s.lines) == 1 && s.data[i] == '\r' {
			s.eol = string(s.data[i : i+n])
		}
		i += n
		s.lines = append(s.lines, i)
	}
}

// breakAt is the length of the line break that a text begins with, or 0.
func breakAt(b []byte) int {
	for _, br := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if bytes.HasPrefix(b, []byte(br)) {
			return len(br)
		}
	}
	return 0
}

func (s *source) findAliases(n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		s.used[n.Alias] = true
		return
	}
	for _, c := range n.Content {
		s.findAliases(c)
	}
}

// at is the offset of a place, whose column counts characters.
func (s *source) at(line, column int) int {
	i := s.lines[line-1]
	for range column - 1 {
		_, n := utf8.DecodeRune(s.data[i:])
		i += n
	}
	return i
}

func (s *source) offset(n *yaml.Node) int { return s.at(n.Line, n.Column) }

// lineAfter is where the line after an offset begins, and the line break that text
// put there needs before it: the last line of a file may have none.
func (s *source) lineAfter(offset int) (next int, before string) {
	i, _ := slices.BinarySearch(s.lines, offset+1)
	if i < len(s.lines) {
		return s.lines[i], ""
	}
	return len(s.data), s.eol
}

// problemAt is an error about a node that cannot be edited.
func (s *source) problemAt(n *yaml.Node, why string) error {
	return fmt.Errorf("%s:%d: %s", s.path, n.Line, why)
}

// cursor is a node, and the first node on the way to it through which a change
// would reach other places of the file as well.
type cursor struct{ node, shared *yaml.Node }

func (s *source) step(c cursor, n *yaml.Node) cursor {
	if n.Kind == yaml.AliasNode {
		return cursor{n.Alias, cmp.Or(c.shared, n)}
	}
	if s.used[n] {
		c.shared = cmp.Or(c.shared, n)
	}
	return cursor{n, c.shared}
}

const shared = "an anchor or alias makes other places of the file say the same; write its value out here"

// pair finds a key of a mapping; nil where it is not there.
func pair(m *yaml.Node, key string) (k, v *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i], m.Content[i+1]
		}
	}
	return nil, nil
}

// section finds a section that a file has once.
func (s *source) section(key string) (cursor, bool) {
	for _, root := range s.roots {
		if _, v := pair(root, key); v != nil {
			return s.step(cursor{}, v), true
		}
	}
	return cursor{}, false
}

// item finds an item of a list section, counted over all documents of the file as
// the loader does, and the list that it is in.
func (s *source) item(key string, index int) (item, list cursor, err error) {
	for _, root := range s.roots {
		_, v := pair(root, key)
		if v == nil {
			continue
		}
		list = s.step(cursor{}, v)
		if index < len(list.node.Content) {
			return s.step(list, list.node.Content[index]), list, nil
		}
		index -= len(list.node.Content)
	}
	return item, list, fmt.Errorf("%s: there is no such item of %s; was the file changed?", s.path, key)
}

// span is where a scalar stands. Only what is written on one line, without a tag or
// an anchor, is edited.
func (s *source) span(n *yaml.Node) (from, to int, err error) {
	from = s.offset(n)
	rest := s.data[from:]
	switch {
	case n.Kind == yaml.AliasNode:
		if text := "*" + n.Value; bytes.HasPrefix(rest, []byte(text)) {
			return from, from + len(text), nil
		}
	case n.Kind != yaml.ScalarNode || n.Anchor != "":
	case n.Style == 0 && bytes.HasPrefix(rest, []byte(n.Value)):
		return from, from + len(n.Value), nil
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && len(rest) > 0 && (rest[0] == '"' || rest[0] == '\''):
		if end := quotedEnd(rest); end > 0 {
			return from, from + end, nil
		}
	}
	return 0, 0, s.problemAt(n, "this value cannot be edited; write it on one line, without an anchor or a tag")
}

// quotedEnd is the length of the quoted text that b begins with; 0 where it goes on
// over the end of the line.
func quotedEnd(b []byte) int {
	quote := b[0]
	for i := 1; i < len(b); i++ {
		switch {
		case breakAt(b[i:]) > 0:
			return 0
		case quote == '"' && b[i] == '\\':
			i++
		case b[i] == quote && quote == '\'' && i+1 < len(b) && b[i+1] == '\'':
			i++
		case b[i] == quote:
			return i + 1
		}
	}
	return 0
}

// flowEnd is where the list or mapping in brackets ends that begins at from, and
// where the last of what is in it ends.
func (s *source) flowEnd(n *yaml.Node) (last, end int, err error) {
	depth := 0
	from := s.offset(n)
	for i := from; i < len(s.data); i++ {
		c, before := s.data[i], byte(' ')
		if i > from {
			before = s.data[i-1]
		}
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			continue
		case c == '#' && strings.IndexByte(" \t\r\n", before) >= 0:
			next, _ := s.lineAfter(i)
			i = next - 1
			continue
		case (c == '"' || c == '\'') && strings.IndexByte(" \t\r\n[{,:", before) >= 0:
			length := quotedEnd(s.data[i:])
			if length == 0 {
				return 0, 0, s.problemAt(n, "text in quotes goes over several lines in these brackets; write it on one")
			}
			i += length - 1
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return last, i + 1, nil
			}
		}
		last = i + 1
	}
	return 0, 0, s.problemAt(n, "the end of these brackets was not found")
}

func (s *source) replace(from, to int, text string) { s.edits = append(s.edits, edit{from, to, text}) }

// result is the bytes with all edits made. What is put at one place stands in the
// order of the edits.
func (s *source) result() ([]byte, error) {
	slices.SortStableFunc(s.edits, func(a, b edit) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var out []byte
	at := 0
	for _, e := range s.edits {
		if e.from < at {
			return nil, fmt.Errorf("%s: two edits meet at one place", s.path)
		}
		out = append(append(out, s.data[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, s.data[at:]...), nil
}
