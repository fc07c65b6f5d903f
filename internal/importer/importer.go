// Package importer reads declarations that were made for other tools, and writes
// them as a fleet file: state of Terraform, templates of CloudFormation and SAM,
// serverless.yml.
//
// In come the bytes of such files; out comes a fleet file that desired loads, in which
// a comment says of each entry where it came from. What a file does not say by itself
// (a parameter, the name that a service is going to make up) becomes a variable, and
// the line stays a comment until somebody gives the variable. Nothing is guessed, neither
// a value nor an account and region, and what the source leaves out is left alone. The package reads no network, no
// environment and no other file, and never panics.
package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Source is a file to import.
type Source struct {
	Path string // as it is shown
	Data []byte
}

// Options are what the sources do not say.
type Options struct {
	Targets []desired.Target  // where the functions live; none leaves it to the credentials
	Vars    map[string]string // variables of the targets
	Stack   string            // the name of CloudFormation's stack
}

// declaration is one event invoke config as a source declares it.
type declaration struct {
	from      string // the file and line, or the address, that declares it
	function  text
	qualifier text  // zero for $LATEST
	tags      []tag // that choose it, where its name is made up
	settings  [desired.NumSettings]text
	doubt     string // why nobody knows whether it is there at all
	where     where
}

// config names the function and the qualifier.
func (d *declaration) config() string { return d.function.written + "\x00" + d.qualifier.written }

type tag struct{ key, value string }

// text is a value in the words of the fleet file, as far as the source alone can say
// it. The zero text is one that the source does not give.
type text struct {
	written string
	unknown []string // the variables in it, sorted
	because string   // what cannot be said offline; "" where everything can
	wrong   string   // why it is no value at all
}

func (t text) isZero() bool { return t.written == "" && t.because == "" && t.wrong == "" }

// literal is a value that the source gives itself.
func literal(s string) text {
	if strings.Contains(s, "$") {
		return text{wrong: fmt.Sprintf("%q has a $, which begins a placeholder in a fleet file", s)}
	}
	return text{written: s}
}

// variable is what only somebody who knows the deployment can say.
func variable(name, because string) text {
	name = noVariable.ReplaceAllString(name, "")
	if name == "" || len(name) > 64 {
		return text{wrong: because + " is not known offline"}
	}
	return text{written: "${vars." + name + "}", unknown: []string{name}, because: because}
}

// noVariable is what the name of a variable cannot have.
var noVariable = regexp.MustCompile(`[^a-zA-Z0-9_-]+`)

// maxText is longer than any name or destination.
const maxText = 2000

// join is some texts one after the other.
func join(parts ...text) text {
	var all text
	for _, p := range parts {
		if p.wrong != "" {
			return p
		}
		if all.written += p.written; len(all.written) > maxText {
			return text{wrong: "it is too long"}
		}
		all.unknown = append(all.unknown, p.unknown...)
		if p.because != "" && !strings.Contains(all.because, p.because) {
			all.because = strings.TrimPrefix(all.because+", "+p.because, ", ")
		}
	}
	all.unknown = slice.Unique(all.unknown)
	return all
}

// number is the text of a setting that is a number: a variable cannot stand for one.
func number(t text) text {
	if t.because != "" {
		return text{wrong: t.because + " is not known offline"}
	}
	return t
}

// Import is what was found.
type Import struct {
	Entries int // declarations in the file that hold as they are
	Open    int // declarations and settings that are comments, because something is missing
	Text    []byte
}

// Run reads all sources and writes the fleet file.
func Run(sources []Source, o Options) (Import, error) {
	var all []declaration
	for _, s := range sources {
		found, err := read(s, o)
		if err != nil {
			return Import{}, fmt.Errorf("%s: %w", s.Path, err)
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return Import{}, fmt.Errorf("%s: no event invoke config is declared there: no maximum age, no retries and no destination of any function", pathsOf(sources))
	}
	return write(all, sources, o)
}

func pathsOf(sources []Source) string {
	return strings.Join(slice.Map(sources, func(s Source) string { return s.Path }), ", ")
}

// read tells the kinds of files apart by what is in them.
func read(s Source, o Options) ([]declaration, error) {
	var top map[string]json.RawMessage
	if json.Unmarshal(s.Data, &top) == nil {
		switch {
		case top["planned_values"] != nil:
			return nil, fmt.Errorf("this is a plan of Terraform, which leaves out what is not known yet; apply it, and give the state: terraform show -json")
		case top["values"] != nil || top["format_version"] != nil:
			return readShown(s.Path, s.Data)
		case top["resources"] != nil || top["terraform_version"] != nil:
			return readState(s.Path, s.Data)
		}
	}
	root, err := parse(s.Data)
	if text := bytes.TrimSpace(s.Data); err != nil && bytes.HasPrefix(text, []byte("{")) {
		return nil, notJSON(json.Unmarshal(text, &top), err)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case get(root, "Resources") != nil:
		return readTemplate(s.Path, root, o), nil
	case get(root, "version") != nil && get(root, "service") == nil:
		return nil, fmt.Errorf("this looks like a fleet file, which needs no import")
	case get(root, "functions") != nil || get(root, "service") != nil:
		return readServerless(s.Path, root, o), nil
	}
	return nil, fmt.Errorf("this is no state of Terraform (terraform.tfstate, terraform show -json), no template of CloudFormation or SAM, and no serverless.yml")
}

// notJSON is what is wrong with what begins as JSON does, and is no YAML either.
func notJSON(json, yaml error) error {
	switch {
	case json == nil:
		return yaml
	case strings.Contains(json.Error(), "unexpected end of JSON input"):
		return fmt.Errorf("the JSON is cut short: the file ends in the middle of it; write the file again")
	}
	return fmt.Errorf("the file is not JSON: %w", json)
}

// parse reads a YAML or JSON document. The parser is known to panic on some malformed
// input; that is bad input like any other.
func parse(data []byte) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML parser failed: %v", r)
		}
	}()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("the file is not a mapping")
	}
	return doc.Content[0], nil
}

// maxDepth bounds what refers to itself: aliases, variables, resources.
const maxDepth = 12

// get is the value of a key, also of one that << merges in; nil where it is not there.
func get(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		n = getKey(n, key, 4)
	}
	return n
}

func getKey(n *yaml.Node, key string, depth int) *yaml.Node {
	n = follow(n)
	if n == nil || n.Kind != yaml.MappingNode || depth == 0 {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i].Kind == yaml.ScalarNode {
			return follow(n.Content[i+1])
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		merged := []*yaml.Node{n.Content[i+1]}
		if list := follow(merged[0]); list != nil && list.Kind == yaml.SequenceNode {
			merged = list.Content
		}
		for _, m := range merged {
			if v := getKey(m, key, depth-1); v != nil {
				return v
			}
		}
	}
	return nil
}

func follow(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

// each visits the entries of a mapping in the order of the file.
func each(n *yaml.Node, visit func(key, value *yaml.Node)) {
	if n = follow(n); n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if v := follow(n.Content[i+1]); v != nil && n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Tag != "!!merge" {
			visit(n.Content[i], v)
		}
	}
}

func isNull(n *yaml.Node) bool { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
