package awssim

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// ParseScenario reads a scenario file. It is strict: an unknown key, a wrong type
// or a value out of range is an error. The error names every such place as
// name:line, with what to write there. A file without a quota gets AWS's own: 15
// calls a second.
func ParseScenario(name string, r io.Reader) (*Scenario, error) {
	dec := yaml.NewDecoder(r)
	var root yaml.Node
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s:1: the scenario is empty; start with version: 1 and accounts", name)
		}
		return nil, fmt.Errorf("%s: %w; mend the YAML", name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one YAML document; a scenario is one document, so delete the ---", name)
	}
	p := parser{name: name, lines: map[string]int{}}
	s := &Scenario{Quota: Quota{Rate: 15, Burst: 15}}
	top := root.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: a scenario is a mapping of keys; start with version: 1 and accounts", name, top.Line)
	}
	p.walk(top, reflect.TypeFor[Scenario](), "")
	if _, own := p.lines["quota"]; own {
		s.Quota = Quota{}
	}
	if _, stated := p.lines["version"]; !stated {
		p.say(top.Line, "version: 1 is missing; add it as the first line")
	}
	if len(p.errs) == 0 {
		p.decode(top, s)
	}
	if len(p.errs) == 0 {
		p.flaws(check(s))
	}
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	return s, nil
}

type parser struct {
	name  string
	lines map[string]int // the line of each key, by path
	errs  []error
}

func (p *parser) say(line int, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.name, line, fmt.Sprintf(format, args...)))
}

// walk checks the keys of n against the fields of t, and notes their lines. The
// decoder's own strictness names Go types and stops short of a cure.
func (p *parser) walk(n *yaml.Node, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.AliasNode:
		p.walk(n.Alias, t, path)
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			p.lines[at] = item.Line
			p.walk(item, t.Elem(), at)
		}
	case n.Kind == yaml.MappingNode:
		p.mapping(n, t, path)
	}
}

func (p *parser) mapping(n *yaml.Node, t reflect.Type, path string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		p.lines[at] = key.Line
		switch t.Kind() {
		case reflect.Map:
			p.walk(value, t.Elem(), at)
		case reflect.Struct:
			field, known := keys(t)[key.Value]
			if !known {
				p.say(key.Line, "key %q is not known here; known are %s", key.Value, strings.Join(names(t), ", "))
				continue
			}
			if value.Tag == "!!null" {
				p.say(key.Line, "%s has no value; give it one or delete the key", key.Value)
				continue
			}
			p.walk(value, field, at)
		}
	}
}

// keys maps the YAML keys of a struct to the types of their fields.
func keys(t reflect.Type) map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for i := range t.NumField() {
		m[t.Field(i).Tag.Get("yaml")] = t.Field(i).Type
	}
	return m
}

// names lists the YAML keys of a struct in the order of its fields.
func names(t reflect.Type) []string {
	var list []string
	for i := range t.NumField() {
		list = append(list, t.Field(i).Tag.Get("yaml"))
	}
	return list
}

var typeError = regexp.MustCompile("^line (\\d+): cannot unmarshal !!(\\w+) (?:`(.*)` )?into (.*)$")

// kinds says in a reader's words what a field of a Go type wants.
var kinds = map[string]string{
	"time.Duration": "a duration such as 40ms or 3s", "time.Time": "a time such as 2026-01-31T12:00:00Z",
	"int": "a whole number", "uint64": "a whole number of 0 or more", "float64": "a number", "bool": "true or false", "string": "a text in quotes",
}

func (p *parser) decode(n *yaml.Node, s *Scenario) {
	err := n.Decode(s)
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		if err != nil {
			p.errs = append(p.errs, fmt.Errorf("%s: %w; mend the YAML", p.name, err))
		}
		return
	}
	for _, text := range wrong.Errors {
		m := typeError.FindStringSubmatch(text)
		if m == nil {
			p.errs = append(p.errs, fmt.Errorf("%s: %s", p.name, text))
			continue
		}
		line, _ := strconv.Atoi(m[1])
		want, known := kinds[m[4]]
		switch {
		case known:
		case strings.HasPrefix(m[4], "[]"):
			want = "a list"
		default:
			want = "a mapping of keys"
		}
		p.say(line, "%s does not fit here; write %s", strings.TrimSpace(m[2]+" "+m[3]), want)
	}
}

// flaws reports what check found, at the line of the nearest key that is there.
func (p *parser) flaws(found []flaw) {
	for _, f := range found {
		line, path := 1, f.path
		for path != "" {
			if at, ok := p.lines[path]; ok {
				line = at
				break
			}
			path = path[:max(strings.LastIndexAny(path, ".["), 0)]
		}
		p.say(line, "%s: %s", f.path, f.text)
	}
}
