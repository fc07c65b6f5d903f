package desired

import (
	"fmt"
	"regexp"
	"strings"
)

// ParsedName is a function name taken apart. The parts that the spelling did
// not give are empty; the function never is.
type ParsedName struct {
	Partition, Region, Account string
	Function, Qualifier        string
}

// ParseName takes apart every form in which Lambda accepts a function: NAME,
// function:NAME, ACCOUNT:function:NAME and arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME,
// each with or without :QUALIFIER. More colons than that are refused, as AWS does.
func ParseName(written string) (ParsedName, error) {
	n, wrong := parseName(written)
	if wrong != nil {
		return ParsedName{}, fmt.Errorf("%s; %s", wrong.message, wrong.cure)
	}
	return n, nil
}

// in reports whether the parts that were given agree with a target.
func (n ParsedName) in(t Target) bool {
	return (n.Account == "" || n.Account == t.Account) &&
		(n.Region == "" || n.Region == t.Region) &&
		(n.Partition == "" || n.Partition == t.Partition())
}

// Longest names: 140 for the name part and 128 for a qualifier, from the
// patterns of the Lambda API. The developer guide documents 64 for a plain
// name, but AWS answers a longer one with "not found" rather than "invalid".
const (
	maxFunctionName        = 140
	maxQualifier           = 128
	documentedFunctionName = 64
)

const regionForm = `(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?(-[a-z]+)+-[0-9]`

var (
	functionWord  = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)
	qualifierWord = regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]+)$`)
	accountWord   = regexp.MustCompile(`^[0-9]{12}$`)
	regionWord    = regexp.MustCompile(`^` + regionForm + `$`)
)

// parseName is ParseName for a problem of a file.
func parseName(s string) (ParsedName, *flaw) {
	parts := strings.Split(s, ":")
	n := ParsedName{}
	switch {
	case parts[0] == "arn":
		if len(parts) < 7 || parts[2] != "lambda" || parts[5] != "function" {
			return n, &flaw{codeBadFunctionName, fmt.Sprintf("%q is not the ARN of a Lambda function", s),
				"write arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, or the plain name"}
		}
		n.Partition, n.Region, n.Account = parts[1], parts[3], parts[4]
		if !(Target{n.Account, n.Region}).Valid() {
			return n, &flaw{codeBadFunctionName, fmt.Sprintf("%q has no valid region and account", s),
				"write arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, or the plain name"}
		}
		parts = parts[6:]
	case len(parts) >= 3 && parts[1] == "function" && accountWord.MatchString(parts[0]):
		n.Account, parts = parts[0], parts[2:]
	case len(parts) >= 2 && parts[0] == "function":
		parts = parts[1:]
	}
	if len(parts) > 2 {
		return n, &flaw{codeBadFunctionName, fmt.Sprintf("%q has too many colons", s),
			"write NAME, NAME:QUALIFIER, ACCOUNT:function:NAME or a full function ARN"}
	}
	n.Function = parts[0]
	if f := checkFunctionWord(n.Function); f != nil {
		return n, f
	}
	if len(parts) == 2 {
		n.Qualifier = parts[1]
		if f := checkQualifier(n.Qualifier); f != nil {
			return n, f
		}
	}
	return n, nil
}

func checkFunctionWord(s string) *flaw {
	switch {
	case !functionWord.MatchString(s):
		return &flaw{codeBadFunctionName, fmt.Sprintf("%q is not a function name", s),
			"use letters, digits, hyphens, underscores and dots"}
	case len(s) > maxFunctionName:
		return &flaw{codeBadFunctionName, fmt.Sprintf("the function name %.20q... has %d characters", s, len(s)),
			fmt.Sprintf("use at most %d", maxFunctionName)}
	}
	return nil
}

func checkQualifier(s string) *flaw {
	switch {
	case qualifierWord.MatchString(s) && len(s) <= maxQualifier:
		return nil
	case len(s) > maxQualifier:
		return &flaw{codeBadQualifier, fmt.Sprintf("the qualifier %.20q... has %d characters", s, len(s)),
			fmt.Sprintf("use at most %d", maxQualifier)}
	case strings.EqualFold(s, Latest):
		return &flaw{codeBadQualifier, fmt.Sprintf("%q is not a qualifier", s), "write $LATEST: it is case-sensitive"}
	}
	return &flaw{codeBadQualifier, fmt.Sprintf("%q is not a qualifier", s),
		"use an alias, a version number or $LATEST"}
}

// flaw is a problem that does not know its place yet.
type flaw struct{ code, message, cure string }

func (f *flaw) at(pos Pos, also ...Pos) Problem {
	return Problem{Pos: pos, Code: f.code, Message: f.message, Hint: f.cure, Related: also}
}
