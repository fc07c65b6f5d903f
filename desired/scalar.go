package desired

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// plainInteger is the one spelling of a number that no reader and no YAML
// version can take for another one: 010 is eight to some, and 1e3 a float.
//
//	3600           taken
//	"3600"         refused, with 3600 as the hint: text is never a number
//	0o7020, 0xe10  refused, with 3600 as the hint
//	3_600, 3600.0  refused, with 3600 as the hint
//	1h             refused; for an age, with 3600 as the hint: it is in seconds
//
// Each could be converted. But a file that means one thing to this program and another to
// the next reader, or to an editor by the schema, is what strict reading is against.
var plainInteger = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// quoted reports whether a scalar is text for certain, as its writer put it in quotes or in
// a block. What is quoted is never taken for a number or a boolean.
func quoted(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// scalar follows a node to a scalar without a tag of its own, or reports what it is. A tag
// such as !!binary would make something else of what is written.
func (w *walker) scalar(n *yaml.Node, what, expected string) (*yaml.Node, bool) {
	n = w.follow(n)
	if n.Kind != yaml.ScalarNode || n.Style&yaml.TaggedStyle != 0 {
		w.wrongType(n, what, expected)
		return n, false
	}
	return n, true
}

// textRule is what a string must look like. code, what and hint are for the
// message when it does not.
type textRule struct {
	pattern    *regexp.Regexp // nil: anything
	low, high  int            // length in characters; a zero high means no bound
	code       string
	what, hint string
	known      []string // what a misspelt one may have been meant to be
	vars       bool     // variables may stand in it
}

// schema has a minLength also where the rule has no bound: text refuses what is empty,
// whatever the rule.
func (r textRule) schema() schema {
	m := schema{"type": "string", "minLength": max(1, r.low)}
	if r.high > 0 {
		m["maxLength"] = r.high
	}
	if r.pattern != nil {
		m["pattern"] = r.pattern.String()
	}
	return m
}

// allows counts in characters, as JSON Schema and the AWS reference do, and not in bytes.
func (r textRule) allows(s string) bool {
	n := len([]rune(s))
	return n >= r.low && (r.high == 0 || n <= r.high) && (r.pattern == nil || r.pattern.MatchString(s))
}

// word is a string that follows a rule.
func word(rule textRule) kind[text] {
	return kind[text]{rule.schema(), func(w *walker, n *yaml.Node, what string) (text, bool) { return w.text(n, what, rule) }}
}

// text reads a string and holds it against a rule.
//
// What YAML reads as something else is refused and not converted: an account of twelve
// digits that begins with 0 is an octal number to YAML 1.1, and no conversion could tell what
// was written. The place is that of the alias where one was used, since that is the line a
// person has to mend.
func (w *walker) text(n *yaml.Node, what string, rule textRule) (text, bool) {
	place := at(n)
	n, ok := w.scalar(n, what, "a string")
	if !ok {
		return text{}, false
	}
	wrong := checkVariables(n.Value)
	switch {
	case n.Tag != "!!str":
		code := codeWrongType
		if rule.code == codeBadAccount {
			code = codeBadAccount
		}
		w.report(code, n, fmt.Sprintf("%s %.40s is not quoted, and YAML reads it as %s", what, n.Value, readAs(n)),
			fmt.Sprintf("write %q", shorten(n.Value)))
	case n.Value == "":
		w.report(codeEmptyValue, n, what+" is an empty string", "give it a value, or delete the key")
	case rule.vars && wrong != nil:
		w.out.add(wrong.at(w.pos(n)))
	case !rule.allows(n.Value):
		w.report(rule.code, n, fmt.Sprintf("%s %q is not %s", what, shorten(n.Value), rule.what), suggest(n.Value, rule.known, rule.hint))
	default:
		w.variables = w.variables || hasVariables(n.Value)
		return text{n.Value, place}, true
	}
	return text{}, false
}

// date is a day. YAML takes one without quotes for a time, which is no reason to ask
// for quotes.
var date = kind[text]{
	textRule{pattern: regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])`)}.schema(),
	func(w *walker, n *yaml.Node, what string) (text, bool) {
		place := at(n)
		n = w.follow(n)
		if _, err := time.Parse(time.DateOnly, n.Value); err != nil || n.Kind != yaml.ScalarNode || n.Style&yaml.TaggedStyle != 0 {
			w.report(codeBadDate, n, fmt.Sprintf("%s is %s, which is no day", what, describe(n)), "write it as YEAR-MONTH-DAY, such as 2027-03-31")
			return text{}, false
		}
		return text{n.Value, place}, true
	},
}

// readAs names what YAML makes of an unquoted scalar that was meant as text.
func readAs(n *yaml.Node) string {
	switch kind := yamlKinds[n.Tag]; {
	case kind == "":
		return "something other than a string"
	case n.Tag == "!!int" && len(n.Value) > 1 && n.Value[0] == '0':
		return "an octal number"
	default:
		return "a " + kind
	}
}

// shorten cuts what somebody wrote to 80 bytes for a message, and not within a character.
func shorten(s string) string {
	const longest = 80
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "..."
}

// integer is a whole number from low to high, both included. Only the one plain spelling is
// taken: see plainInteger.
func integer(low, high int) kind[int] {
	return kind[int]{schema{"type": "integer", "minimum": low, "maximum": high}, func(w *walker, n *yaml.Node, what string) (int, bool) {
		n = w.follow(n)
		hint := fmt.Sprintf("use %d to %d", low, high)
		if n.Kind != yaml.ScalarNode || quoted(n) || n.Style&yaml.TaggedStyle != 0 || !plainInteger.MatchString(n.Value) {
			w.notInteger(n, what, hint)
			return 0, false
		}
		v, err := strconv.Atoi(n.Value)
		if err != nil { // more digits than fit: out of range on the side of its sign
			v = math.MaxInt
			if n.Value[0] == '-' {
				v = math.MinInt
			}
		}
		switch {
		case v < low:
			w.report(codeOutOfRange, n, fmt.Sprintf("%s %s is below %d", what, shorten(n.Value), low), hint)
		case v > high:
			w.report(codeOutOfRange, n, fmt.Sprintf("%s %s is above %d", what, shorten(n.Value), high), hint)
		}
		return v, low <= v && v <= high
	}}
}

// notInteger tells a number in the wrong clothes from what is no number at all.
//
// An age such as 6h is told in seconds, and 0x10 or 1_000 in plain digits: the message says
// what to write, and the reader decides whether that was meant.
func (w *walker) notInteger(n *yaml.Node, what, hint string) {
	// Base 0 reads what YAML 1.1 and 1.2 read: 0x10, 0o17, 017, 0b1.
	bare := strings.ReplaceAll(n.Value, "_", "")
	v, err := strconv.ParseFloat(bare, 64)
	if i, intErr := strconv.ParseInt(bare, 0, 64); intErr == nil {
		v, err = float64(i), nil
	}
	seconds, duration := asSeconds(n.Value)
	switch {
	case err == nil && n.Kind == yaml.ScalarNode:
		if v == math.Trunc(v) && math.Abs(v) < 1e9 {
			hint = fmt.Sprintf("write %d if that is what you mean", int64(v))
		}
		written := n.Value
		if quoted(n) {
			written = strconv.Quote(n.Value)
		}
		w.report(codeNotInteger, n, fmt.Sprintf("%s %s is not a plain integer", what, shorten(written)), hint)
	case duration && what == MaximumEventAgeInSeconds.String():
		w.report(codeWrongType, n, fmt.Sprintf("%s is %s, not a number", what, describe(n)), fmt.Sprintf("write %d: it is in seconds", seconds))
	default:
		w.wrongType(n, what, "a number")
	}
}

// decimal is a number from low to high that may have a fraction; a zero high means no bound,
// and then low itself is left out.
//
// Not a number and infinity are numbers to YAML and none here: every comparison with them
// would let them pass or fail by accident.
func decimal(low, high float64) kind[float64] {
	s, hint := schema{"type": "number", "minimum": low, "maximum": high}, fmt.Sprintf("use %g to %g", low, high)
	if high == 0 {
		s, hint = schema{"type": "number", "exclusiveMinimum": low}, fmt.Sprintf("use more than %g", low)
	}
	return kind[float64]{s, func(w *walker, n *yaml.Node, what string) (float64, bool) {
		n, ok := w.scalar(n, what, "a number")
		if !ok {
			return 0, false
		}
		v, err := strconv.ParseFloat(n.Value, 64)
		if quoted(n) || n.Tag != "!!int" && n.Tag != "!!float" || err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			w.wrongType(n, what, "a number")
			return 0, false
		}
		if v < low || high == 0 && v == low || high > 0 && v > high {
			w.report(codeOutOfRange, n, fmt.Sprintf("%s %s is out of range", what, shorten(n.Value)), hint)
			return 0, false
		}
		return v, true
	}}
}

// boolean takes true and false and no other spelling: yes, on and y are booleans in one
// version of YAML and strings in the next.
var boolean = kind[bool]{schema{"type": "boolean"}, func(w *walker, n *yaml.Node, what string) (bool, bool) {
	n, ok := w.scalar(n, what, "true or false")
	if ok && (quoted(n) || n.Value != "true" && n.Value != "false") {
		w.wrongType(n, what, "true or false")
		return false, false
	}
	return n.Value == "true", ok
}}

// oneOf is one of a few words, as its index: the words stand in the order of P's constants.
// Quotes make no difference to it.
func oneOf[P ~uint8](options ...string) kind[P] {
	expected := strings.Join(options, " or ")
	return kind[P]{schema{"type": "string", "enum": options}, func(w *walker, n *yaml.Node, what string) (P, bool) {
		n, ok := w.scalar(n, what, expected)
		i := slices.Index(options, n.Value)
		if ok && i < 0 {
			w.report(codeUnknownValue, n, fmt.Sprintf("%s %q is not known", what, shorten(n.Value)), suggest(n.Value, options, "use "+expected))
		}
		return P(max(i, 0)), ok && i >= 0
	}}
}

// maxLimit bounds a guard number; it only has to exceed every possible fleet.
const maxLimit = 1_000_000_000

// percentWord has few enough digits for a float64 to give back what was written.
var percentWord = regexp.MustCompile(`^(100(\.0{1,9})?|[0-9]{1,2}(\.[0-9]{1,9})?)%$`)

// limit is a guard limit: a number, or a share such as 30%.
//
// The floor is for shares only: who writes a number means it, also in a small fleet. A
// share without % is refused, and not guessed at: 0.3 may be meant as 30 % or as none.
func limit(floor int) kind[Limit] {
	s := eitherOf(schema{"type": "integer", "minimum": 0, "maximum": maxLimit}, schema{"type": "string", "pattern": percentWord.String()})
	return kind[Limit]{s, func(w *walker, n *yaml.Node, what string) (Limit, bool) {
		n, ok := w.scalar(n, what, "a number or a share")
		if !ok {
			return Limit{}, false
		}
		if percentWord.MatchString(n.Value) {
			p, _ := strconv.ParseFloat(strings.TrimSuffix(n.Value, "%"), 64)
			if p == 0 {
				return Limit{Share: true}, true // 0% says none at all; a floor would turn it into ten
			}
			return Limit{Percent: p, Share: true, Floor: floor}, true
		}
		if v, err := strconv.Atoi(n.Value); err == nil && !quoted(n) && plainInteger.MatchString(n.Value) && v >= 0 && v <= maxLimit {
			return Limit{Number: v}, true
		}
		w.report(codeBadLimit, n, fmt.Sprintf("%s %q is neither a number nor a share", what, shorten(n.Value)),
			"use a whole number such as 25, or a share such as 30%, from 0% to 100%")
		return Limit{}, false
	}}
}

// The rules that plain strings follow. Forms are kept as wide as AWS has them, and no wider: what
// passes here is sent as it is, and an answer of AWS would name neither file nor line. Limits of
// roles and external ids are those of STS AssumeRole.
var (
	anyName   = textRule{low: 1, high: 128, code: codeOutOfRange, what: "of 1 to 128 characters", hint: "use 1 to 128 characters"}
	labelRule = textRule{pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`), code: codeBadLabel,
		what: "a label", hint: "use 1 to 64 letters, digits, hyphens, underscores and dots"}
	labelUse    = textRule{low: 1, code: codeUnknownLabel, what: "a label", hint: "name a target of the targets section"}
	accountRule = textRule{pattern: accountWord, code: codeBadAccount,
		what: "an account id", hint: `write its twelve digits in quotes, such as "111111111111"`}
	regionRule = textRule{pattern: regionWord, code: codeBadRegion,
		what: "a region", hint: "write it as AWS does, such as eu-west-1", known: knownRegions}
	roleRule = textRule{pattern: regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`), low: 20, high: 2048,
		code: codeBadRole, what: "the ARN of a role", hint: "write arn:PARTITION:iam::ACCOUNT:role/NAME"}
	externalIDRule = textRule{pattern: regexp.MustCompile(`^[\w+=,.@:/-]*$`), low: 2, high: 1224,
		code: codeBadExternalID, what: "an external id", hint: "use 2 to 1224 letters, digits and +=,.@:/_-"}
	functionRule  = textRule{low: 1, code: codeBadFunctionName, vars: true}
	qualifierRule = textRule{pattern: regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|([a-zA-Z0-9_-]|` + variableForm + `)+)$`), high: maxQualifier, code: codeBadQualifier,
		what: "a qualifier", hint: "use an alias, a version number or $LATEST, which is case-sensitive", vars: true}
	reasonRule = textRule{low: 1, high: 256, code: codeOutOfRange, what: "of 1 to 256 characters", hint: "use 1 to 256 characters"}
	globRule   = textRule{low: 1, high: maxGlob, code: codeBadGlob, what: "a pattern", hint: "use at most 512 characters", vars: true}
)
