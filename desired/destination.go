package desired

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// A destination is looked at four times, each time with more that is known:
//
//	when its file is read      the form, with a sample in place of what is filled in
//	for each label             the same, with the variables of its targets
//	for each target            where it is: partition, region, account
//	for each function          the same form again, where its name is a part of it
//
// What a later look can tell an earlier one does not guess; and what is wrong from the third on
// counts only where the destination wins.

// noneWord is how the fleet file says NoDestination.
const noneWord = "none"

// maxDestination is the longest destination, from the Lambda API reference. It
// counts with placeholders filled in.
const maxDestination = 350

// placeholders are, beside variables, the only words that may follow a $ in a
// destination. Nothing else is ever filled in: a fleet file means the same wherever it
// is read.
var placeholders = []string{"account", "region", "partition", "function"}

const (
	functionPlaceholder = "${function}"

	placeholderForm = `(\$\{(account|region|partition|function)\}|` + variableForm + `)`
	partitionForm   = `(aws[a-z-]*|\$\{partition\}|` + variableForm + `)`
	placeForm       = `(` + regionForm + `|\$\{region\}|` + variableForm + `):([0-9]{12}|\$\{account\}|` + variableForm + `):`
)

// destinationService is one service that Lambda sends to, and its ARNs as a pattern
// in which placeholders may stand. The loader reads by it and the schema prints it,
// so that an editor refuses what a run would refuse.
type destinationService struct {
	name       string
	what, form string // for messages
	pattern    string // of what follows arn:PARTITION:SERVICE:
	whole      func() *regexp.Regexp
}

var destinationServices = services(
	destinationService{name: "sqs", what: "an SQS queue", form: "REGION:ACCOUNT:QUEUE", pattern: placeForm + letters("A-Za-z0-9_-", 80)},
	destinationService{name: "sns", what: "an SNS topic", form: "REGION:ACCOUNT:TOPIC", pattern: placeForm + letters("A-Za-z0-9_-", 256)},
	destinationService{name: "lambda", what: "a Lambda function", form: "REGION:ACCOUNT:function:NAME",
		pattern: placeForm + "function:" + letters("A-Za-z0-9_.-", documentedFunctionName) + "(:" + letters("A-Za-z0-9_-", maxQualifier) + ")?"},
	destinationService{name: "events", what: "an EventBridge bus", form: "REGION:ACCOUNT:event-bus/NAME", pattern: placeForm + "event-bus/" + letters("A-Za-z0-9_./-", 256)},
	destinationService{name: "s3", what: "an S3 bucket", form: "::BUCKET", pattern: "::" + letters("a-z0-9.-", 63)},
)

// letters are so many characters of a set, each of which may be a placeholder. One counts as
// a single character, whatever it will stand for: check counts again with a sample.
func letters(set string, most int) string {
	return fmt.Sprintf(`([%s]|%s){1,%d}`, set, placeholderForm, most)
}

// services completes the rows: each pattern becomes that of a whole ARN. It is compiled
// where the first such ARN is met: all of them took most of the time that a start takes.
func services(all ...destinationService) []destinationService {
	for i := range all {
		all[i].pattern = "arn:" + partitionForm + ":" + all[i].name + ":" + all[i].pattern
		all[i].whole = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^" + all[i].pattern + "$") })
	}
	return all
}

// destinationShape is what a setting takes, for the schema: S3 is good for one of
// them only.
type destinationShape Setting

// schema lets everything pass that begins with a variable, since any part of the ARN may
// be in it, and holds the rest against the patterns that check uses.
func (f destinationShape) schema() map[string]any {
	patterns := []string{noneWord, variableForm + ".*"}
	for _, s := range destinationServices {
		if s.name != "s3" || Setting(f) != OnSuccess {
			patterns = append(patterns, s.pattern)
		}
	}
	return map[string]any{"type": "string", "minLength": 1, "pattern": "^(" + strings.Join(patterns, "|") + ")$"}
}

// destinationUse is a destination as one of the settings has it.
type destinationUse struct {
	field Setting
	text  string
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	queueURL   = regexp.MustCompile(`^https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com[a-z.]*/([0-9]{12})/([A-Za-z0-9_.-]+)$`)
)

// check finds what is wrong with a destination whatever the target is. Lengths
// are those with a sample in place of the placeholders.
//
// The commonest mistakes, a queue's URL or a FIFO queue, are looked for before the general
// form, so that the message names the mistake and not the form.
func (use destinationUse) check() *problem {
	if use.text == noneWord || use.text == "" {
		return nil
	}
	if f := checkPlaceholders(use.text); f != nil {
		return f
	}
	if hasVariables(use.text) && strings.HasPrefix(use.text, variablePrefix) {
		return nil // any of it may be in the variable
	}
	sample := sampleOf(use.text)
	wrong := func(code, what, hint string) *problem {
		return &problem{code, fmt.Sprintf("%s %q is %s", use.field, shorten(use.text), what), hint}
	}
	switch {
	case strings.HasPrefix(sample, "kafka://"):
		return wrong(codeKafka, "a Kafka topic", "use SQS, SNS, Lambda, EventBridge or S3: kafka:// is for event source mappings only")
	case strings.HasPrefix(sample, "https://"), strings.HasPrefix(sample, "http://"):
		hint := "write the queue's ARN: arn:aws:sqs:REGION:ACCOUNT:NAME"
		if m := queueURL.FindStringSubmatch(sample); m != nil {
			region := m[1] + m[2]
			hint = fmt.Sprintf("write the queue's ARN: arn:%s:sqs:%s:%s:%s", partitionOf(region), region, m[3], m[4])
		}
		return wrong(codeQueueURL, "a URL, not an ARN", hint)
	case len(sample) > maxDestination:
		return &problem{codeDestinationTooLong, fmt.Sprintf("%s has %d characters", use.field, len(sample)),
			fmt.Sprintf("use at most %d characters, Lambda's limit", maxDestination)}
	}
	a, err := arn.Parse(sample)
	if err != nil || !strings.HasPrefix(a.Partition, "aws") || a.Resource == "" {
		return wrong(codeBadARN, "not an ARN", suggest(use.text, []string{noneWord}, "write arn:PARTITION:SERVICE:REGION:ACCOUNT:NAME, or none"))
	}
	// Before the form: .fifo is no part of the name that the form allows.
	fifo := strings.HasSuffix(a.Resource, ".fifo")
	switch {
	case fifo && a.Service == "sqs":
		return wrong(codeFIFOQueue, "a FIFO queue", "use a standard queue: Lambda refuses FIFO queues as destinations")
	case fifo && a.Service == "sns":
		return wrong(codeFIFOTopic, "a FIFO topic", "use a standard topic: events are not delivered to FIFO topics")
	case a.Service == "s3" && use.field == OnSuccess:
		return wrong(codeS3OnSuccess, "an S3 bucket", "use SQS, SNS, Lambda or EventBridge: S3 takes failures only")
	}
	i := slices.IndexFunc(destinationServices, func(s destinationService) bool { return s.name == a.Service })
	if i < 0 {
		return wrong(codeUnsupportedService, fmt.Sprintf("of the service %q", shorten(a.Service)), "use SQS, SNS, Lambda, EventBridge or, on failure, S3")
	}
	s := &destinationServices[i]
	// As it is written, for where placeholders may stand; with a sample, for the lengths.
	if whole := s.whole(); !whole.MatchString(use.text) || !whole.MatchString(sample) || s.name == "s3" && !bucketName.MatchString(a.Resource) {
		return wrong(codeBadARN, "not the ARN of "+s.what, "write arn:PARTITION:"+s.name+":"+s.form)
	}
	return nil
}

// destinationValue is a destination that was found right.
func destinationValue(written string) Value {
	if written == noneWord {
		return NoDestination
	}
	return Text(written)
}

// someTarget stands for a target that nobody knows yet.
var someTarget = Target{Account: "123456789012", Region: "us-east-1"}

// sampleOf is a destination with something in place of every placeholder: in that of a
// variable what an ARN has there.
//
// So lengths and forms can be checked before anybody knows what will be filled in.
func sampleOf(written string) string {
	if hasVariables(written) {
		parts := strings.SplitN(written, ":", 6)
		for i, as := range []string{1: someTarget.Partition(), 3: someTarget.Region, 4: someTarget.Account, 5: ""} {
			if i < len(parts) {
				parts[i] = variable.ReplaceAllLiteralString(parts[i], cmp.Or(as, "x"))
			}
		}
		written = strings.Join(parts, ":")
	}
	return strings.ReplaceAll(expand(written, someTarget), functionPlaceholder, "function")
}

// checkPlaceholders refuses every $ that does not begin a known placeholder: nothing would
// fill it in later, and AWS takes it for a part of the name.
//
// Mostly it is a slip in one of ours, or a variable without its vars., and the hint says
// which; a name that could be either is taken for the slip.
func checkPlaceholders(s string) *problem {
	const hint = "use ${account}, ${region}, ${partition}, ${function} or a variable of the target, ${vars.NAME}"
	for rest := s; ; {
		_, after, found := strings.Cut(rest, "$")
		if !found {
			return nil
		}
		name, tail, closed := strings.Cut(strings.TrimPrefix(after, "{"), "}")
		if !strings.HasPrefix(after, "{") || !closed {
			return &problem{codeUnknownPlaceholder, fmt.Sprintf("%q has a $ that begins no placeholder", shorten(s)), hint}
		}
		if !slices.Contains(placeholders, name) && !variable.MatchString("${"+name+"}") {
			f := &problem{codeUnknownPlaceholder, fmt.Sprintf("${%s} is not a placeholder", shorten(name)), hint}
			if near := nearest(name, placeholders); near != "" {
				f.hint = fmt.Sprintf("did you mean ${%s}?", near)
			} else if varName.allows(name) {
				f.hint = fmt.Sprintf("write ${vars.%s}, and %s under the vars of the targets", name, name)
			}
			return f
		}
		rest = tail
	}
}

// expand fills the placeholders from a target. What the target does not know,
// offline without declared targets, stays as it is written.
//
// ${function} and variables are not its business: they stay too.
func expand(s string, t Target) string {
	if !strings.Contains(s, "$") {
		return s
	}
	if t.Account != "" {
		s = strings.ReplaceAll(s, "${account}", t.Account)
	}
	if t.Region != "" {
		s = strings.ReplaceAll(s, "${region}", t.Region)
		s = strings.ReplaceAll(s, "${partition}", t.Partition())
	}
	return s
}

// setTo is a setting as one target has it, placeholders filled in.
type setTo struct {
	Value
	to *destination // of a destination that is not none
}

// destination is a destination seen from one target. Its text may still have
// ${function} in it.
type destination struct {
	text     string
	function *Key     // when it is a Lambda function
	wrong    *problem // with the target
	anyName  bool     // of a template: it is right for whatever AWS lets a function be called

	incomplete bool // a variable is missing, which is a problem of its own
}

// value is what a setting comes to in a target. Two values that are equal for one
// function only, one with ${function} and one spelt out, count as different: whoever
// reads the two lines sees that they are.
func (s *scope) value(set *setting) setTo {
	if set.Text() == "" {
		return setTo{Value: set.Value}
	}
	to, known := s.destinations[set.Text()]
	if !known {
		filled, complete := s.local.fill(set.Text())
		to = newDestination(filled, s.fleet.Target)
		to.incomplete = !complete
		s.destinations[set.Text()] = to
	}
	if to.text == noneWord {
		return setTo{Value: NoDestination}
	}
	return setTo{Text(to.text), to}
}

// of is the value as one function has it.
func (v Value) of(function string) Value {
	v.text = strings.ReplaceAll(v.text, functionPlaceholder, function)
	return v
}

// ordinary are the characters of which AWS lets the name of a function be made today.
const ordinary = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// template reports whether each function has a destination of its own.
func (to *destination) template() bool { return strings.Contains(to.text, functionPlaceholder) }

// of is a template's destination for one function. A name can make it wrong: a queue has
// at most 80 characters, and a bucket no capital letters. Of a fleet with a hundred
// thousand names most are known to be right without a look.
func (to *destination) of(f Setting, function string, from Target) (destination, *problem) {
	own := destination{text: strings.ReplaceAll(to.text, functionPlaceholder, function)}
	if !to.anyName || len(function) > documentedFunctionName || strings.Trim(function, ordinary) != "" {
		if wrong := (destinationUse{f, own.text}).check(); wrong != nil {
			return own, wrong
		}
	}
	own.function = calledFunction(own.text, from)
	return own, nil
}

// unknownTarget is no target of AWS.
var unknownTarget = Target{"000000000000", "xx-unknown-1"}

// calledFunction is the config that a destination is, when it is a Lambda function. A function of
// the target itself is known as that also where nobody knows yet which target it is.
func calledFunction(text string, from Target) *Key {
	if !strings.Contains(text, ":lambda:") {
		return nil
	}
	n, bad := parseName(expand(text, unknownTarget))
	if bad != nil {
		return nil
	}
	key := n.key()
	switch {
	case key.Target == unknownTarget:
		key.Target = from
	case key.Account == unknownTarget.Account, key.Region == unknownTarget.Region:
		return nil // half of it is not known
	}
	return key
}

// newDestination fills in a destination and compares it with the target. What the
// target does not know is not compared.
//
// It is made once for each target and text. What is wrong is kept and not reported, because a
// destination that another layer overrules harms nobody.
func newDestination(written string, from Target) *destination {
	to := &destination{text: expand(written, from)}
	if to.template() {
		// The hardest ordinary name: as long as any, with capitals and an underscore. A
		// template that stands this one stands all of them.
		longest := strings.Repeat("A", documentedFunctionName-1) + "_"
		to.anyName = (destinationUse{OnFailure, strings.ReplaceAll(to.text, functionPlaceholder, longest)}).check() == nil
	}
	a, err := arn.Parse(to.text)
	if err != nil {
		return to
	}
	wrong := func(code, message, hint string) { to.wrong = &problem{code, message, hint} }
	differs := func(is, want string) bool { return is != "" && want != "" && is != want && !strings.Contains(is, "$") }
	switch {
	case from.Region != "" && differs(a.Partition, from.Partition()):
		wrong(codeOtherPartition, fmt.Sprintf("%q is in the partition %s, the target %s in %s", shorten(to.text), a.Partition, from, from.Partition()),
			"use a destination of the target's own partition; ${partition} stands for it")
	case differs(a.Region, from.Region):
		wrong(codeOtherRegion, fmt.Sprintf("%q is in %s, the target %s is not", shorten(to.text), a.Region, from),
			"check it: delivery to another region may be refused; ${region} stands for the target's own")
	case a.Service == "events" && differs(a.AccountID, from.Account):
		wrong(codeOtherAccountBus, fmt.Sprintf("%q is a bus of account %s, the target is %s", shorten(to.text), a.AccountID, from),
			"use a bus of the target's own account, and forward from there")
	}
	to.function = calledFunction(to.text, from)
	return to
}

// key is the record that a full function ARN names.
//
// It is for destinations, which have an account and a region; without a qualifier Lambda
// invokes $LATEST.
func (n ParsedName) key() *Key {
	if n.Qualifier == "" {
		n.Qualifier = Latest
	}
	return &Key{Target{n.Account, n.Region}, Name{n.Function, n.Qualifier}}
}
