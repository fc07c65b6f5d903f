package events

import (
	"regexp"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// name is a function as an event spells it. The parts that the spelling did not
// give are empty; the function never is.
type name struct{ region, account, function, qualifier string }

var (
	functionWord  = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,140}$`)
	qualifierWord = regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]{1,128})$`)
	accountWord   = regexp.MustCompile(`^[0-9]{12}$`)
	regionWord    = regexp.MustCompile(`^(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?(-[a-z]+)+-[0-9]$`)
)

// parseName takes apart NAME, function:NAME, ACCOUNT:function:NAME and
// arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, each with or without
// :QUALIFIER: the forms that the Lambda API takes as FunctionName and that
// CloudTrail repeats as they were sent.
func parseName(s string) (name, bool) {
	parts := strings.Split(s, ":")
	var n name
	switch {
	case parts[0] == "arn":
		if len(parts) < 7 || parts[2] != "lambda" || parts[5] != "function" ||
			!regionWord.MatchString(parts[3]) || !accountWord.MatchString(parts[4]) {
			return name{}, false
		}
		n.region, n.account, parts = parts[3], parts[4], parts[6:]
	case len(parts) >= 3 && parts[1] == "function" && accountWord.MatchString(parts[0]):
		n.account, parts = parts[0], parts[2:]
	case len(parts) >= 2 && parts[0] == "function":
		parts = parts[1:]
	}
	if len(parts) > 2 || !functionWord.MatchString(parts[0]) {
		return name{}, false
	}
	n.function = parts[0]
	if len(parts) == 2 {
		if !qualifierWord.MatchString(parts[1]) {
			return name{}, false
		}
		n.qualifier = parts[1]
	}
	return n, true
}

// in is where the function lives: where its spelling says, else at home.
func (n name) in(home desired.Target) desired.Target {
	return desired.Target{Account: first(n.account, home.Account), Region: first(n.region, home.Region)}
}

// hint is of kind Key where the spelling has a qualifier, else Function.
func (n name) hint(home desired.Target) Hint {
	h := Hint{Kind: Function, Target: n.in(home), Function: n.function}
	if n.qualifier != "" {
		h.Kind, h.Qualifier = Key, n.qualifier
	}
	return h
}
