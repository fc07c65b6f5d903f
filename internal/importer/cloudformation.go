package importer

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/desired"
)

// template is a template of CloudFormation or SAM.
type template struct {
	resources *yaml.Node
	stack     string
	looked    int // values so far: what refers to many that refer to many grows without end
}

const maxLooked = 1 << 14

// readTemplate finds what AWS::Lambda::EventInvokeConfig and SAM's functions declare.
func readTemplate(path string, root *yaml.Node, o Options) []declaration {
	t := &template{resources: get(root, "Resources"), stack: o.Stack}
	globals := get(root, "Globals", "Function")
	var all []declaration
	each(t.resources, func(key, resource *yaml.Node) {
		properties := get(resource, "Properties")
		d := declaration{from: fmt.Sprintf("%s:%d %s", path, key.Line, key.Value)}
		if c := get(resource, "Condition"); c != nil {
			d.doubt = fmt.Sprintf("it is there only where the condition %s holds", c.Value)
		}
		switch kindOf(resource) {
		case "AWS::Lambda::EventInvokeConfig":
			d.function = t.functionOf(&d, get(properties, "FunctionName"))
			if q := t.value(get(properties, "Qualifier"), maxDepth); q.written != desired.Latest {
				d.qualifier = q
			}
			t.settings(&d, []*yaml.Node{properties})
		case "AWS::Serverless::Function":
			// What a function does not say itself, Globals says.
			configs := []*yaml.Node{get(properties, "EventInvokeConfig"), get(globals, "EventInvokeConfig")}
			if isNull(configs[0]) && isNull(configs[1]) {
				return
			}
			d.function = t.named(&d, key.Value, resource)
			d.qualifier = t.value(cmp.Or(get(properties, "AutoPublishAlias"), get(globals, "AutoPublishAlias")), maxDepth)
			t.settings(&d, configs)
		default:
			return
		}
		all = append(all, d)
	})
	return all
}

func kindOf(resource *yaml.Node) string {
	if kind := get(resource, "Type"); kind != nil {
		return kind.Value
	}
	return ""
}

// templateSettings are the properties of the settings. It does not compile while a setting
// has no row.
var templateSettings [desired.NumSettings][]string = [...][]string{
	desired.MaximumRetryAttempts:     {"MaximumRetryAttempts"},
	desired.MaximumEventAgeInSeconds: {"MaximumEventAgeInSeconds"},
	desired.OnSuccess:                {"DestinationConfig", "OnSuccess", "Destination"},
	desired.OnFailure:                {"DestinationConfig", "OnFailure", "Destination"},
}

// settings reads the settings from the first place that has each.
func (t *template) settings(d *declaration, places []*yaml.Node) {
	first := func(keys ...string) *yaml.Node {
		for _, p := range places {
			if v := get(p, keys...); !isNull(v) {
				return v
			}
		}
		return nil
	}
	for s, keys := range templateSettings {
		if d.settings[s] = t.value(first(keys...), maxDepth); desired.Setting(s).IsNumber() {
			d.settings[s] = number(d.settings[s])
			continue
		}
		kind := first(append(slices.Clone(keys[:len(keys)-1]), "Type")...)
		if kind != nil && d.settings[s].isZero() {
			d.settings[s] = text{wrong: fmt.Sprintf("SAM makes an %s destination up when it deploys; its ARN is not known offline", kind.Value)}
		}
	}
}

// functionOf is the function that a property names, by name or by reference.
func (t *template) functionOf(d *declaration, n *yaml.Node) text {
	if id, ok := reference(n); ok {
		if resource := get(t.resources, id); strings.HasSuffix(kindOf(resource), "::Function") {
			return t.named(d, id, resource)
		}
	}
	return nameOf(t.value(n, maxDepth))
}

// named is the name of a function of the template. CloudFormation makes up one that is
// not given; its own tags then find the function where the stack is known.
func (t *template) named(d *declaration, id string, resource *yaml.Node) text {
	if name := get(resource, "Properties", "FunctionName"); !isNull(name) {
		return nameOf(t.value(name, maxDepth))
	}
	if t.stack != "" {
		d.tags = []tag{{"aws:cloudformation:logical-id", id}, {"aws:cloudformation:stack-name", t.stack}}
	}
	return variable(id, "the name that CloudFormation makes up for "+id+" (--stack NAME finds it by its tags)")
}

// nameOf is a text as a name: only destinations have the places of the target.
func nameOf(t text) text {
	for _, place := range []string{"account", "region", "partition"} {
		if strings.Contains(t.written, "${"+place+"}") {
			v := variable(place, "the "+place)
			t = join(text{written: strings.ReplaceAll(t.written, "${"+place+"}", v.written), unknown: t.unknown, because: t.because}, text{unknown: v.unknown, because: v.because})
		}
	}
	return t
}

// reference is the resource that !Ref or !GetAtt X.Arn means.
func reference(n *yaml.Node) (id string, ok bool) {
	name, arg := intrinsic(n)
	switch {
	case name == "Ref" && arg.Kind == yaml.ScalarNode:
		return arg.Value, true
	case name == "GetAtt":
		id, attribute := getAtt(arg)
		return id, attribute == "Arn"
	}
	return "", false
}

// intrinsic takes a function of CloudFormation apart: !Name argument, or the mapping
// {Fn::Name: argument}.
func intrinsic(n *yaml.Node) (name string, arg *yaml.Node) {
	if n = follow(n); n == nil {
		return "", nil
	}
	if name, ok := strings.CutPrefix(n.Tag, "!"); ok && name != "" && name[0] != '!' {
		return name, n
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		if arg := follow(n.Content[1]); arg != nil && (n.Content[0].Value == "Ref" || strings.HasPrefix(n.Content[0].Value, "Fn::")) {
			return strings.TrimPrefix(n.Content[0].Value, "Fn::"), arg
		}
	}
	return "", nil
}

func getAtt(arg *yaml.Node) (id, attribute string) {
	if arg.Kind == yaml.SequenceNode && len(arg.Content) == 2 {
		return arg.Content[0].Value, arg.Content[1].Value
	}
	id, attribute, _ = strings.Cut(arg.Value, ".")
	return id, attribute
}

// value is a property as a fleet file can say it.
func (t *template) value(n *yaml.Node, depth int) text {
	if n = follow(n); isNull(n) {
		return text{}
	}
	if t.looked++; depth <= 0 || t.looked > maxLooked {
		return text{wrong: "it refers to itself, or to too much"}
	}
	name, arg := intrinsic(n)
	switch name {
	case "":
		if n.Kind != yaml.ScalarNode {
			return text{wrong: "it is not a text"}
		}
		return literalOr(n.Value)
	case "Ref":
		return t.ref(arg.Value, depth)
	case "GetAtt":
		id, attribute := getAtt(arg)
		return t.attribute(id, attribute, depth)
	case "Sub":
		return t.sub(arg, depth)
	case "Join":
		if arg.Kind != yaml.SequenceNode || len(arg.Content) != 2 || follow(arg.Content[1]) == nil || follow(arg.Content[1]).Kind != yaml.SequenceNode {
			break
		}
		var parts []text
		for i, part := range follow(arg.Content[1]).Content {
			if i > 0 {
				parts = append(parts, literal(arg.Content[0].Value))
			}
			parts = append(parts, t.value(part, depth-1))
		}
		return join(parts...)
	case "ImportValue":
		if arg.Kind == yaml.ScalarNode {
			return variable(arg.Value, "!ImportValue "+arg.Value)
		}
	}
	return text{wrong: "what !" + name + " comes to is not known offline"}
}

// literalOr lets $LATEST pass, which is no placeholder.
func literalOr(s string) text {
	if s == desired.Latest {
		return text{written: s}
	}
	return literal(s)
}

// pseudo are the parameters that every template has, as the fleet file has them.
var pseudo = map[string]string{"AWS::AccountId": "${account}", "AWS::Region": "${region}", "AWS::Partition": "${partition}"}

// arns are the ARNs of what has a name in the template: they are where the stack is.
var arns = map[string]struct{ property, attribute, before string }{
	"AWS::SQS::Queue":           {"QueueName", "Arn", "arn:${partition}:sqs:${region}:${account}:"},
	"AWS::SNS::Topic":           {"TopicName", "TopicArn", "arn:${partition}:sns:${region}:${account}:"},
	"AWS::Events::EventBus":     {"Name", "Arn", "arn:${partition}:events:${region}:${account}:event-bus/"},
	"AWS::S3::Bucket":           {"BucketName", "Arn", "arn:${partition}:s3:::"},
	"AWS::Lambda::Function":     {"FunctionName", "Arn", "arn:${partition}:lambda:${region}:${account}:function:"},
	"AWS::Serverless::Function": {"FunctionName", "Arn", "arn:${partition}:lambda:${region}:${account}:function:"},
}

func (t *template) ref(name string, depth int) text {
	switch {
	case pseudo[name] != "":
		return text{written: pseudo[name]}
	case name == "AWS::NoValue":
		return text{}
	case name == "AWS::StackName" && t.stack != "":
		return literal(t.stack)
	}
	resource := get(t.resources, name)
	switch kind := kindOf(resource); kind {
	case "AWS::SNS::Topic": // whose reference is its ARN
		return t.attribute(name, "TopicArn", depth)
	case "AWS::Lambda::Function", "AWS::Serverless::Function", "AWS::S3::Bucket", "AWS::Events::EventBus":
		if v := t.value(get(resource, "Properties", arns[kind].property), depth-1); !v.isZero() {
			return v
		}
	}
	return variable(name, "!Ref "+name)
}

func (t *template) attribute(id, attribute string, depth int) text {
	resource := get(t.resources, id)
	if of, known := arns[kindOf(resource)]; known && attribute == of.attribute {
		if name := t.value(get(resource, "Properties", of.property), depth-1); !name.isZero() {
			return join(text{written: of.before}, name)
		}
	}
	return variable(id+attribute, "!GetAtt "+id+"."+attribute)
}

var substitution = regexp.MustCompile(`\$\{(!?)([^{}]*)\}`)

// sub fills in what !Sub has in its text.
func (t *template) sub(arg *yaml.Node, depth int) text {
	var own *yaml.Node
	if arg.Kind == yaml.SequenceNode && len(arg.Content) == 2 {
		own = follow(arg.Content[1])
		arg = follow(arg.Content[0])
	}
	if arg == nil || arg.Kind != yaml.ScalarNode {
		return text{wrong: "what !Sub comes to is not known offline"}
	}
	var parts []text
	at := 0
	for _, m := range substitution.FindAllStringSubmatchIndex(arg.Value, -1) {
		parts = append(parts, literal(arg.Value[at:m[0]]))
		name := strings.TrimSpace(arg.Value[m[4]:m[5]])
		id, attribute, dotted := strings.Cut(name, ".")
		switch given := get(own, name); {
		case m[2] != m[3]:
			parts = append(parts, text{wrong: "it has a literal ${" + name + "}"})
		case given != nil:
			parts = append(parts, t.value(given, depth-1))
		case dotted:
			parts = append(parts, t.attribute(id, attribute, depth-1))
		default:
			parts = append(parts, t.ref(name, depth-1))
		}
		at = m[1]
	}
	return join(append(parts, literal(arg.Value[at:]))...)
}
