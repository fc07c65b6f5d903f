package desired

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// walker decodes the nodes of one file. It never descends below what the
// tables know, so the depth of the input does not matter to it; what could
// still explode is a list of aliases of lists, and the budget bounds that.
//
// A walker reads one file and is used once. It goes on after every problem.
type walker struct {
	doc  *Document
	file *fileDecl
	out  *collector

	budget    int  // nodes that may still be looked at
	variables bool // a text with some was read
	// Destinations are checked once each: a file of 100,000 entries names a few.
	checks map[destinationUse]*problem
}

// exhausted reports that the budget is spent; loops end then.
func (w *walker) exhausted() bool { return w.budget <= 0 }

// follow counts a node and resolves an alias to what it stands for.
//
// Every value that is read passes here, so that the budget bounds the time of a load as
// well. The problem is reported once, where the budget reaches zero.
func (w *walker) follow(n *yaml.Node) *yaml.Node {
	if w.budget--; w.budget == 0 {
		w.report(codeTooManyAliases, n, "the aliases of this file expand to too many values",
			"write the values out, or move them to defaults or a rule")
	}
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// at is where a node stands, from 1, in half the memory of two ints: a large fleet keeps
// several places for each entry.
func at(n *yaml.Node) place { return place{int32(n.Line), int32(n.Column)} }

func (w *walker) pos(n *yaml.Node) Pos { return w.file.pos(at(n)) }

// source begins a source at a node.
func (w *walker) source(n *yaml.Node, layer Layer) *source {
	s := &source{file: w.file, place: at(n), layer: layer, index: w.file.counts[layer]}
	w.file.counts[layer]++
	return s
}

// report adds a problem at a node. Message says what is wrong with what was written, and
// hint what to write.
func (w *walker) report(code string, n *yaml.Node, message, hint string) {
	w.out.report(w.pos(n), code, message, hint)
}

// collection checks that a node is a list or a mapping with something in it.
//
// An empty one is an error, as a key without a value is: nobody can tell whether something
// was forgotten, and "functions:" with its lines commented out would be a fleet of nothing.
// Expected is a function, since most nodes are right and need no text.
func (w *walker) collection(n *yaml.Node, kind yaml.Kind, what string, expected func() string) (*yaml.Node, bool) {
	n = w.follow(n)
	switch {
	case n.Kind != kind || n.Style&yaml.TaggedStyle != 0:
		w.wrongType(n, what, expected())
		return n, false
	case len(n.Content) == 0:
		w.report(codeEmptyValue, n, what+" is empty", "fill it, or delete the key")
		return n, false
	}
	return n, true
}

// eachItem visits the items of a list that are not empty, in order, up to the budget. One that is
// empty is an error and not passed over: it may have been an item whose lines were commented out.
func (w *walker) eachItem(n *yaml.Node, what string, visit func(*yaml.Node)) {
	n, ok := w.collection(n, yaml.SequenceNode, what, func() string { return "a list" })
	if !ok {
		return
	}
	for _, item := range n.Content {
		switch {
		case w.exhausted():
			return
		case isNull(item):
			w.report(codeEmptyValue, item, "an item of "+what+" is empty", "fill it, or delete the line")
		default:
			visit(item)
		}
	}
}

// eachOnce is eachItem for texts, none of which may stand there twice: mostly a line was copied and
// then not changed.
func (w *walker) eachOnce(n *yaml.Node, what, item string, rule textRule, visit func(text)) {
	first := map[string]place{}
	w.eachItem(n, what, func(n *yaml.Node) {
		t, ok := w.text(n, item, rule)
		if !ok {
			return
		}
		if earlier, twice := first[t.value]; twice {
			w.twice(codeDuplicateItem, n, fmt.Sprintf("%s lists %q", what, t.value), earlier)
			return
		}
		first[t.value] = t.place
		visit(t)
	})
}

// mapping reads a mapping whose keys the writer chooses.
//
// Keys come in the order of the file, each once; a second one is a problem, where many
// readers of YAML take the first or the last.
func (w *walker) mapping(n *yaml.Node, what, item string, rule textRule, visit func(key text, value *yaml.Node)) {
	n, ok := w.collection(n, yaml.MappingNode, what, func() string { return "a mapping of " + item + " keys to values" })
	if !ok {
		return
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content) && !w.exhausted(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		k, ok := w.text(key, "a "+item+" key", rule)
		switch {
		case !ok:
		case first[k.value] != nil:
			w.twice(codeDuplicateKey, key, k.value+" is here", at(first[k.value]))
		default:
			first[k.value] = key
			if !w.empty(key, value) {
				visit(k, value)
			}
		}
	}
}

// twice refuses the second of two that may stand there once, and points to the first.
func (w *walker) twice(code string, n *yaml.Node, what string, first place) {
	w.out.report(w.pos(n), code, fmt.Sprintf("%s twice, first at line %d", what, first.line), "keep one of them", w.file.pos(first))
}

// empty reports a key that has no value. It is an error everywhere: nobody can
// tell "nothing" from "forgotten".
func (w *walker) empty(key, value *yaml.Node) bool {
	if !isNull(value) {
		return false
	}
	hint := "give it a value, or delete the key"
	if key.Value == OnSuccess.String() || key.Value == OnFailure.String() {
		hint = "write none for no destination, or delete the key to leave the setting alone"
	}
	w.report(codeEmptyValue, key, key.Value+" has no value", hint)
	return true
}

// isNull holds for a value that was left out, and for null and ~ as well.
func isNull(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// unknownKey refuses a key that the table does not have: a misspelt key that is passed over
// would be a setting that nobody gets.
//
// The hint is the first of these that applies: what another tool's word is called here, the
// nearest key, all keys. Merge keys have an answer of their own. They are not read, since
// what an entry then holds would depend on an order that few know.
func (w *walker) unknownKey(key, value *yaml.Node, what string, known []string) {
	if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
		w.report(codeMergeKey, key, "merge keys (<<) are not read",
			"use defaults or a rule for what entries share, or alias whole values")
		return
	}
	name := "a key that is not a plain word"
	hint := "use " + strings.Join(known, ", ")
	if key.Kind == yaml.ScalarNode {
		name = fmt.Sprintf("%.60q", key.Value)
		hint = suggest(key.Value, known, hint)
		if answer := foreignWord(key.Value, value); answer != "" && !strings.EqualFold(key.Value, nearest(key.Value, known)) {
			hint = answer // else, capitals aside, it may be ours
		}
	}
	w.report(codeUnknownKey, key, fmt.Sprintf("%s is not a key of %s", name, what), hint)
}

// missing reports a key that has to be there, at the mapping that lacks it.
func (w *walker) missing(n *yaml.Node, what, key string) {
	w.report(codeMissingKey, n, what+" has no "+key, "add "+key)
}

// wrongType says what is there and what should be. Two mistakes are known by their form:
// the mapping that the API has around a destination, and the functions of serverless.yml.
func (w *walker) wrongType(n *yaml.Node, what, expected string) {
	// Whoever writes these from habit is told what is meant here, and not only what is expected.
	hint := "write " + expected
	switch {
	case n.Kind == yaml.MappingNode && (what == OnSuccess.String() || what == OnFailure.String()):
		hint = "write the ARN itself, or none, without a mapping around it"
	case n.Kind == yaml.MappingNode && what == "functions" && expected == "a list":
		hint = "write a list, each item with - name: NAME; in serverless.yml functions is a mapping"
	}
	if n.Style&yaml.TaggedStyle != 0 {
		hint = fmt.Sprintf("remove the tag %.40s", n.Tag)
	}
	kind, _, _ := strings.Cut(expected, " with ") // its keys, the hint names
	w.report(codeWrongType, n, fmt.Sprintf("%s is %s, not %s", what, describe(n), kind), hint)
}

// yamlKinds are what YAML takes a plain scalar for, by its tag.
var yamlKinds = map[string]string{"!!str": "string", "!!int": "number", "!!float": "number", "!!bool": "boolean", "!!timestamp": "date"}

// describe names what a node holds, in words for a message, cut short: a value may be as
// long as the file.
func describe(n *yaml.Node) string {
	kind := yamlKinds[n.Tag]
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind != yaml.ScalarNode || kind == "":
		return "a value with the tag " + n.Tag
	case kind == "string":
		return fmt.Sprintf("the string %.40q", n.Value)
	}
	return fmt.Sprintf("the %s %.40s", kind, n.Value)
}

// Words of other tools. Whoever moves here from Terraform, CloudFormation, SAM, the CDK or
// the Serverless Framework writes them from habit, and a spelling guess would answer with
// something near that is meant for something else.
var foreign = []struct{ words, hint string }{
	{"functionname function lambdafunctionname", "write name: the function's, in an item of functions"},
	{"functionarn", "write name: a full ARN is a name too"},
	{"eventinvokeconfig asyncinvokeconfig", "write the settings themselves, such as maximum_retry_attempts and on_failure, without a mapping around them"},
	{"destinationconfig destinations", "write on_success and on_failure themselves, without a mapping around them"},
	{"onfailure", "write on_failure: and the ARN itself, or none"},
	{"onsuccess", "write on_success: and the ARN itself, or none"},
	{"destination", "write the ARN itself behind on_success or on_failure"},
	{"deadletterqueue deadletterconfig", "write on_failure: it is asked for each event that failed for good, and has more to say than a dead-letter queue"},
	{"retryattempts maximumretryattempts maxretryattempts retries", "write maximum_retry_attempts: 0 to 2"},
	{"maximumeventage maxeventage maximumeventageinseconds", "write maximum_event_age_in_seconds: 60 to 21600"},
	{"resources", "this looks like a CloudFormation template: write an item of functions for each AWS::Lambda::EventInvokeConfig in it"},
	{"awstemplateformatversion", "this looks like a CloudFormation template: write version: 1, and an item of functions for each AWS::Lambda::EventInvokeConfig in it"},
	{"transform", "this looks like a SAM template: write an item of functions for each EventInvokeConfig in it"},
	{"properties type", "write the settings themselves, without Type and Properties around them"},
	{"resource", "this looks like Terraform: write an item of functions for each aws_lambda_function_event_invoke_config"},
	{"awslambdafunctioneventinvokeconfig", "this looks like Terraform: write an item of functions for each of these resources"},
	{"service", "this looks like serverless.yml: write an item of functions for each function that has destinations, maximumRetryAttempts or maximumEventAge"},
	{"provider", "this looks like serverless.yml: accounts and regions stand under targets"},
	{"alias", "write qualifier: the alias's name"},
	{"region", "write regions: [...], in an item of targets"},
	{"accountid", "write account: its twelve digits in quotes, in an item of targets"},
}

// foreignWord answers a word of another tool, or is "". With a duration behind it the
// answer has the seconds.
func foreignWord(key string, value *yaml.Node) string {
	// As others spell it: camel case, hyphens and underscores, and the colons of namespaces.
	plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", ":", "").Replace(key))
	i := slices.IndexFunc(foreign, func(f struct{ words, hint string }) bool { return slices.Contains(strings.Fields(f.words), plain) })
	if i < 0 {
		return ""
	}
	hint := foreign[i].hint
	if strings.HasPrefix(hint, "write maximum_event_age_in_seconds") && value != nil {
		if s, ok := asSeconds(value.Value); ok {
			return fmt.Sprintf("write maximum_event_age_in_seconds: %d", s)
		}
	}
	return hint
}

// asSeconds reads a duration such as 2h.
//
// Fractions of a second, and nothing or less, are refused: an age takes neither.
func asSeconds(s string) (int, bool) {
	d, err := time.ParseDuration(s)
	if seconds := d.Seconds(); err == nil && seconds == math.Trunc(seconds) && seconds > 0 && seconds < 1e9 {
		return int(seconds), true
	}
	return 0, false
}
