package importer

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/desired"
)

// service is a serverless.yml.
type service struct {
	template // of its own resources
	root     *yaml.Node
}

// serviceSettings are the keys of the settings. It does not compile while a setting has no
// row.
var serviceSettings [desired.NumSettings][]string = [...][]string{
	desired.MaximumRetryAttempts:     {"maximumRetryAttempts"},
	desired.MaximumEventAgeInSeconds: {"maximumEventAge"},
	desired.OnSuccess:                {"destinations", "onSuccess"},
	desired.OnFailure:                {"destinations", "onFailure"},
}

// readServerless finds what the functions of a service declare. A function without a
// name of its own is called service-stage-key.
// https://www.serverless.com/framework/docs/providers/aws/guide/functions
func readServerless(path string, root *yaml.Node, o Options) []declaration {
	s := &service{template: template{resources: get(root, "resources", "Resources"), stack: o.Stack}, root: root}
	var all []declaration
	for _, functions := range s.functions() {
		each(functions, func(key, function *yaml.Node) {
			d := declaration{from: fmt.Sprintf("%s:%d functions.%s", path, key.Line, key.Value), function: s.nameOf(key.Value, function)}
			for f, keys := range serviceSettings {
				if value := get(function, keys...); desired.Setting(f).IsNumber() {
					d.settings[f] = number(s.value(value))
				} else {
					d.settings[f] = s.destination(value)
				}
			}
			d.qualifier = aliasOf(function)
			if slices.ContainsFunc(d.settings[:], func(t text) bool { return !t.isZero() }) {
				all = append(all, d)
			}
		})
	}
	return all
}

// functions are the mappings of functions: one, or a list of them.
func (s *service) functions() []*yaml.Node {
	n := get(s.root, "functions")
	if n != nil && n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

// aliasOf is the alias that the framework publishes a function under.
func aliasOf(function *yaml.Node) text {
	if v := get(function, "snapStart"); v != nil && v.Value != "false" {
		return variable("alias", "the alias that snapStart makes")
	}
	if v := get(function, "provisionedConcurrency"); v != nil && v.Value != "0" {
		return text{written: "provisioned"}
	}
	return text{}
}

func (s *service) nameOf(key string, function *yaml.Node) text {
	if name := get(function, "name"); !isNull(name) {
		return nameOf(s.value(name))
	}
	service := get(s.root, "service")
	if inner := get(service, "name"); inner != nil {
		service = inner
	}
	return nameOf(join(s.value(service), literal("-"), s.stage(), literal("-"), literal(key)))
}

func (s *service) stage() text { return variable("stage", "the stage") }

// destination is an ARN, the key of a function of the same service, or {type, arn}.
func (s *service) destination(n *yaml.Node) text {
	if arn := get(n, "arn"); arn != nil {
		return s.value(arn)
	}
	if n != nil && n.Kind == yaml.ScalarNode {
		for _, functions := range s.functions() {
			function := get(functions, n.Value)
			if function == nil {
				continue
			}
			if alias := aliasOf(function); !alias.isZero() {
				return text{wrong: "whether the alias of " + n.Value + " is meant is not known offline"}
			}
			return join(text{written: arns["AWS::Lambda::Function"].before}, s.nameOf(n.Value, function))
		}
	}
	return s.value(n)
}

// value fills in the variables of the framework in what is no intrinsic function.
func (s *service) value(n *yaml.Node) text {
	if n = follow(n); isNull(n) {
		return text{}
	}
	if name, _ := intrinsic(n); name != "" || n.Kind != yaml.ScalarNode {
		return s.template.value(n, maxDepth)
	}
	return s.fill(n.Value, maxDepth)
}

func (s *service) fill(written string, depth int) text {
	if s.looked++; depth <= 0 || s.looked > maxLooked {
		return text{wrong: "it refers to itself, or to too much"}
	}
	var parts []text
	for {
		before, after, found := strings.Cut(written, "${")
		parts = append(parts, literal(before))
		if !found {
			return join(parts...)
		}
		end := closing(after)
		if end < 0 {
			return text{wrong: fmt.Sprintf("%q has a variable without an end", written)}
		}
		parts = append(parts, s.variable(strings.TrimSpace(after[:end]), depth))
		written = after[end+1:]
	}
}

// closing is where the bracket closes that is open at the start; -1 where it does not.
func closing(s string) int {
	depth := 1
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// variable is one variable of the framework. What stands in the same file is filled
// in, and the stage, the region and the account are the target's. A default behind a
// comma may be overruled when somebody deploys, so that it says nothing.
func (s *service) variable(expression string, depth int) text {
	source, _, _ := strings.Cut(expression, ",")
	source = strings.TrimSpace(source)
	switch source {
	case "self:provider.stage", "sls:stage", "opt:stage":
		return s.stage()
	case "self:provider.region", "opt:region", "aws:region", "AWS::Region":
		return text{written: "${region}"}
	case "aws:accountId", "AWS::AccountId":
		return text{written: "${account}"}
	case "AWS::Partition":
		return text{written: "${partition}"}
	}
	if path, own := strings.CutPrefix(source, "self:"); own && !strings.Contains(path, "${") {
		n := s.root
		for _, key := range strings.Split(path, ".") {
			n = get(n, key)
		}
		if n != nil && path == "service" && n.Kind == yaml.MappingNode {
			n = get(n, "name")
		}
		if n != nil && n.Kind == yaml.ScalarNode && !isNull(n) {
			return s.fill(n.Value, depth-1)
		}
	}
	name := source[strings.LastIndexAny(source, ":./")+1:]
	return variable(name, "${"+expression+"}")
}
