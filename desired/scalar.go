package desired

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// plainInteger is the one spelling of a number that no reader and no YAML
// version can take for another one: 010 is eight to some, and 1e3 a float.
var plainInteger = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// quoted reports whether a scalar is text for certain, as its writer put it in quotes or in
// a block. What is quoted is never taken for a number or a boolean.
func quoted(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// text reads a string and holds it against a rule.
//
// What YAML reads as something else is refused and not converted: an account of twelve
// digits that begins with 0 is an octal number to YAML 1.1, and no conversion could tell what
// was written. The place is that of the alias where one was used, since that is the line a
// person has to mend.
func (w *walker) text(n *yaml.Node, what string, rule textRule) (text, bool) {
	place := at(n)
	n = w.follow(n)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Style&yaml.TaggedStyle != 0 {
		if n.Kind == yaml.ScalarNode && n.Style&yaml.TaggedStyle == 0 {
			code := codeWrongType
			if rule.code == codeBadAccount {
				code = codeBadAccount
			}
			w.report(code, n, fmt.Sprintf("%s %.40s is not quoted, and YAML reads it as %s", what, n.Value, readAs(n)),
				fmt.Sprintf("write %q", shorten(n.Value)))
			return text{}, false
		}
		w.wrongType(n, what, "a string")
		return text{}, false
	}
	if n.Value == "" {
		w.report(codeEmptyValue, n, what+" is an empty string", "give it a value, or delete the key")
		return text{}, false
	}
	if wrong := checkVariables(n.Value); rule.vars && wrong != nil {
		w.out.add(wrong.at(w.pos(n)))
		return text{}, false
	}
	if !rule.allows(n.Value) {
		hint := rule.hint
		if near := nearest(n.Value, rule.known); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		w.report(rule.code, n, fmt.Sprintf("%s %q is not %s", what, shorten(n.Value), rule.what), hint)
		return text{}, false
	}
	return text{n.Value, place}, true
}

// date reads a day. YAML takes one without quotes for a time, which is no reason to ask
// for quotes.
func (w *walker) date(n *yaml.Node, what string) (string, bool) {
	n = w.follow(n)
	if n.Kind == yaml.ScalarNode && n.Style&yaml.TaggedStyle == 0 {
		if _, err := time.Parse(time.DateOnly, n.Value); err == nil {
			return n.Value, true
		}
	}
	w.report(codeBadDate, n, fmt.Sprintf("%s is %s, which is no day", what, describe(n)), "write it as YEAR-MONTH-DAY, such as 2027-03-31")
	return "", false
}

// readAs names what YAML makes of an unquoted scalar that was meant as text.
func readAs(n *yaml.Node) string {
	switch n.Tag {
	case "!!int":
		if len(n.Value) > 1 && n.Value[0] == '0' {
			return "an octal number"
		}
		return "a number"
	case "!!float":
		return "a number"
	case "!!bool":
		return "a boolean"
	case "!!timestamp":
		return "a date"
	}
	return "something other than a string"
}

// shorten cuts what somebody wrote to 80 bytes for a message, and not within a character.
func shorten(s string) string {
	const longest = 80
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "..."
}

// integer reads a number between two bounds.
//
// Both bounds are allowed values. Only the one plain spelling is taken: see plainInteger.
func (w *walker) integer(n *yaml.Node, what string, s integerShape) (int, bool) {
	n = w.follow(n)
	hint := fmt.Sprintf("use %d to %d", s.low, s.high)
	if n.Kind != yaml.ScalarNode {
		w.wrongType(n, what, "a number")
		return 0, false
	}
	if quoted(n) || n.Style&yaml.TaggedStyle != 0 || !plainInteger.MatchString(n.Value) {
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
	case v < s.low:
		w.report(codeOutOfRange, n, fmt.Sprintf("%s %s is below %d", what, shorten(n.Value), s.low), hint)
		return 0, false
	case v > s.high:
		w.report(codeOutOfRange, n, fmt.Sprintf("%s %s is above %d", what, shorten(n.Value), s.high), hint)
		return 0, false
	}
	return v, true
}

// notInteger tells a number in the wrong clothes from what is no number at all.
//
// An age such as 6h is told in seconds, and 0x10 or 1_000 in plain digits: the message says
// what to write, and the reader decides whether that was meant.
func (w *walker) notInteger(n *yaml.Node, what, hint string) {
	bare := strings.ReplaceAll(n.Value, "_", "")
	v, err := strconv.ParseFloat(bare, 64)
	if i, intErr := strconv.ParseInt(bare, 0, 64); intErr == nil {
		v, err = float64(i), nil
	}
	if seconds, ok := asSeconds(n.Value); ok && what == MaximumEventAgeInSeconds.String() && err != nil {
		w.report(codeWrongType, n, fmt.Sprintf("%s is %s, not a number", what, describe(n)), fmt.Sprintf("write %d: it is in seconds", seconds))
		return
	}
	if err != nil {
		w.wrongType(n, what, "a number")
		return
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e9 {
		hint = fmt.Sprintf("write %d if that is what you mean", int64(v))
	}
	written := n.Value
	if quoted(n) {
		written = strconv.Quote(n.Value)
	}
	w.report(codeNotInteger, n, fmt.Sprintf("%s %s is not a plain integer", what, shorten(written)), hint)
}

// decimal reads a number that may have a fraction.
//
// Not a number and infinity are numbers to YAML and none here: every comparison with them
// would let them pass or fail by accident.
func (w *walker) decimal(n *yaml.Node, what string, s decimalShape) (float64, bool) {
	n = w.follow(n)
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || quoted(n) || n.Style&yaml.TaggedStyle != 0 ||
		(n.Tag != "!!int" && n.Tag != "!!float") || err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		w.wrongType(n, what, "a number")
		return 0, false
	}
	if v < s.low || (s.open && v == s.low) || (s.high > 0 && v > s.high) {
		hint := fmt.Sprintf("use %g to %g", s.low, s.high)
		if s.high == 0 {
			hint = fmt.Sprintf("use more than %g", s.low)
		}
		w.report(codeOutOfRange, n, fmt.Sprintf("%s %s is out of range", what, shorten(n.Value)), hint)
		return 0, false
	}
	return v, true
}

// boolean takes true and false and no other spelling: yes, on and y are booleans in one
// version of YAML and strings in the next.
func (w *walker) boolean(n *yaml.Node, what string) (bool, bool) {
	n = w.follow(n)
	if n.Kind == yaml.ScalarNode && !quoted(n) && n.Style&yaml.TaggedStyle == 0 {
		switch n.Value {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	w.wrongType(n, what, "true or false")
	return false, false
}

// choice reads one of a few words and returns its index. Quotes make no difference to it.
func (w *walker) choice(n *yaml.Node, what string, options []string) (int, bool) {
	n = w.follow(n)
	if n.Kind != yaml.ScalarNode || n.Style&yaml.TaggedStyle != 0 {
		w.wrongType(n, what, strings.Join(options, " or "))
		return 0, false
	}
	for i, o := range options {
		if n.Value == o {
			return i, true
		}
	}
	hint := "use " + strings.Join(options, " or ")
	if near := nearest(n.Value, options); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	w.report(codeUnknownValue, n, fmt.Sprintf("%s %q is not known", what, shorten(n.Value)), hint)
	return 0, false
}

// maxLimit bounds a guard number; it only has to exceed every possible fleet.
const maxLimit = 1_000_000_000

// limit reads a guard limit: a number, or a share such as 30%.
//
// The floor is for shares only: who writes a number means it, also in a small fleet.
func (w *walker) limit(n *yaml.Node, what string, floor int) (Limit, bool) {
	n = w.follow(n)
	if n.Kind == yaml.ScalarNode && n.Style&yaml.TaggedStyle == 0 {
		if percentWord.MatchString(n.Value) {
			p, err := strconv.ParseFloat(strings.TrimSuffix(n.Value, "%"), 64)
			if err == nil && p == 0 {
				floor = 0 // 0% says none at all; a floor would turn it into ten
			}
			return Limit{Percent: p, Share: true, Floor: floor}, err == nil
		}
		if !quoted(n) && plainInteger.MatchString(n.Value) {
			if v, err := strconv.Atoi(n.Value); err == nil && v >= 0 && v <= maxLimit {
				return Limit{Number: v}, true
			}
		}
	}
	if n.Kind != yaml.ScalarNode {
		w.wrongType(n, what, "a number or a share")
		return Limit{}, false
	}
	w.report(codeBadLimit, n, fmt.Sprintf("%s %q is neither a number nor a share", what, shorten(n.Value)),
		"use a whole number such as 25, or a share such as 30%, from 0% to 100%")
	return Limit{}, false
}
