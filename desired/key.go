package desired

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Fixed words of keys and places.
const (
	// Latest is the qualifier of the unpublished code. A function named without a
	// qualifier means this one: both spellings are one record in AWS.
	Latest = "$LATEST"
	// StdinName is how output calls standard input.
	StdinName = "<stdin>"
)

// Target is one AWS account in one region: the unit of quota, of credentials,
// of locking and of sharding.
type Target struct {
	Account string `json:"account"` // twelve digits
	Region  string `json:"region"`  // such as eu-west-1
}

// String is "111111111111/eu-west-1".
func (t Target) String() string { return t.Account + "/" + t.Region }

// Valid reports whether account and region have the form that AWS gives them.
func (t Target) Valid() bool {
	return accountWord.MatchString(t.Account) && regionWord.MatchString(t.Region)
}

// Compare orders targets by account, then region.
func (t Target) Compare(u Target) int {
	return cmp.Or(strings.Compare(t.Account, u.Account), strings.Compare(t.Region, u.Region))
}

// Partition is the AWS partition that the region belongs to.
func (t Target) Partition() string { return partitionOf(t.Region) }

// partitions maps region prefixes to partitions, from the SDKs' partition
// table. Order matters: us-isob- must be tried before us-iso-.
var partitions = []struct{ prefix, partition string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"us-isob-", "aws-iso-b"},
	{"us-isof-", "aws-iso-f"},
	{"us-iso-", "aws-iso"},
	{"eu-isoe-", "aws-iso-e"},
	{"eusc-", "aws-eusc"},
}

// partitionOf is the partition of a region; a prefix nobody knows is "aws".
func partitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// Regions lists the regions of the SDKs' endpoint tables, sorted, to find typing errors. One
// that is not among them is taken as it is written, so that a new one needs no new version.
func Regions() []string { return slices.Clone(knownRegions) }

var knownRegions = strings.Fields(`af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
	ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 cn-north-1
	cn-northwest-1 eu-central-1 eu-central-2 eu-isoe-west-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 eusc-de-east-1
	il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-iso-east-1 us-iso-west-1
	us-isob-east-1 us-isob-west-1 us-isof-east-1 us-isof-south-1 us-west-1 us-west-2`)

// misspeltRegion is the known region that an unknown one looks like, or "". Another
// number behind a known name is a new region rather than a slip.
//
// The region has the form of one by now, so that it has a last character.
func misspeltRegion(region string) string {
	for _, known := range knownRegions {
		if known[:len(known)-1] == region[:len(region)-1] {
			return ""
		}
	}
	return nearest(region, knownRegions)
}

// Name is a function and qualifier within a target, both case-sensitive. The qualifier is never
// empty: it is Latest where nothing was said.
type Name struct {
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"`
}

// String is "orders:live", or plain "orders" for $LATEST.
func (n Name) String() string {
	if n.Qualifier == Latest {
		return n.Function
	}
	return n.Function + ":" + n.Qualifier
}

// Compare orders names by function, then qualifier.
func (n Name) Compare(m Name) int {
	return cmp.Or(strings.Compare(n.Function, m.Function), strings.Compare(n.Qualifier, m.Qualifier))
}

// Key is the identity of one event invoke config: target, function, qualifier.
// Two spellings of one function have the same Key.
type Key struct {
	Target
	Name
}

// String is "111111111111/eu-west-1/orders:live".
func (k Key) String() string { return k.Target.String() + "/" + k.Name.String() }

// Compare orders keys by target, then name.
func (k Key) Compare(l Key) int {
	return cmp.Or(k.Target.Compare(l.Target), k.Name.Compare(l.Name))
}

// ARN is the function ARN with its qualifier, $LATEST too.
func (k Key) ARN() string {
	return "arn:" + k.Partition() + ":lambda:" + k.Region + ":" + k.Account + ":function:" + k.Function + ":" + k.Qualifier
}

// ParsedName is a function name taken apart. What the spelling did not give is empty.
type ParsedName struct {
	Partition, Region, Account string
	Function, Qualifier        string
}

// ParseName takes apart every form in which Lambda accepts a function: NAME, function:NAME,
// ACCOUNT:function:NAME and arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, each with or
// without :QUALIFIER. The error says what is wrong and what to write.
func ParseName(written string) (ParsedName, error) {
	// More colons than that are refused, as AWS does. Nothing is looked up: a name that parses
	// may be of a function that does not exist.
	n, wrong := parseName(written)
	if wrong != nil {
		return ParsedName{}, fmt.Errorf("%s; %s", wrong.message, wrong.hint)
	}
	return n, nil
}

// in reports whether the parts that were given agree with a target.
//
// A plain name agrees with every target.
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

// regionForm is the form of all regions so far. It lists none: a new region works at once.
const regionForm = `(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?(-[a-z]+)+-[0-9]`

var (
	functionWord  = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)
	qualifierWord = regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]+)$`)
	accountWord   = regexp.MustCompile(`^[0-9]{12}$`)
	regionWord    = regexp.MustCompile(`^` + regionForm + `$`)
)

// parseName is ParseName for a problem of a file.
//
// The form is told by how a name begins. function: begins one of them, so that a function
// which is called function has its qualifier in a key of its own.
func parseName(s string) (ParsedName, *problem) {
	parts := strings.Split(s, ":")
	n := ParsedName{}
	switch {
	case parts[0] == "arn":
		wrong := "%q is not the ARN of a Lambda function"
		if len(parts) >= 7 && parts[2] == "lambda" && parts[5] == "function" {
			n.Partition, n.Region, n.Account = parts[1], parts[3], parts[4]
			wrong = "%q has no valid region and account"
		}
		if !(Target{n.Account, n.Region}).Valid() {
			return n, &problem{codeBadFunctionName, fmt.Sprintf(wrong, s), "write arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, or the plain name"}
		}
		parts = parts[6:]
	case len(parts) >= 3 && parts[1] == "function" && accountWord.MatchString(parts[0]):
		n.Account, parts = parts[0], parts[2:]
	case len(parts) >= 2 && parts[0] == "function":
		parts = parts[1:]
	}
	// Whatever the form, what is left is NAME or NAME:QUALIFIER.
	if len(parts) > 2 {
		return n, &problem{codeBadFunctionName, fmt.Sprintf("%q has too many colons", s),
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

// checkFunctionWord holds a name without any colon against what the API takes.
func checkFunctionWord(s string) *problem {
	switch {
	case !functionWord.MatchString(s):
		return &problem{codeBadFunctionName, fmt.Sprintf("%q is not a function name%s", s, notASCII(s)),
			"use letters, digits, hyphens, underscores and dots"}
	case len(s) > maxFunctionName:
		return &problem{codeBadFunctionName, fmt.Sprintf("the function name %.20q... has %d characters", s, len(s)),
			fmt.Sprintf("use at most %d", maxFunctionName)}
	}
	return nil
}

// notASCII names the first character that is not ASCII, which may look like a letter that is.
func notASCII(s string) string {
	for _, r := range s {
		if r > unicode.MaxASCII {
			return fmt.Sprintf(": it has %q (%U)", string(r), r)
		}
	}
	return ""
}

// checkQualifier takes aliases, versions, $LATEST and $LATEST.PUBLISHED. A wrong case of
// $LATEST has a hint of its own, since nothing else shows the slip.
func checkQualifier(s string) *problem {
	switch {
	case qualifierWord.MatchString(s) && len(s) <= maxQualifier:
		return nil
	case len(s) > maxQualifier:
		return &problem{codeBadQualifier, fmt.Sprintf("the qualifier %.20q... has %d characters", s, len(s)),
			fmt.Sprintf("use at most %d", maxQualifier)}
	case strings.EqualFold(s, Latest):
		return &problem{codeBadQualifier, fmt.Sprintf("%q is not a qualifier", s), "write $LATEST: it is case-sensitive"}
	}
	return &problem{codeBadQualifier, fmt.Sprintf("%q is not a qualifier%s", s, notASCII(s)),
		"use an alias, a version number or $LATEST"}
}

// identify takes a name apart and settles the qualifier. What is wrong is at a place.
//
// The qualifier may stand in the name, in a key of its own, or in both if they agree; without
// any it is $LATEST, which is what AWS means then. So one record has one name from here on.
func identify(written, qualifier text) (ParsedName, *problem, place) {
	name, wrong := parseName(written.value)
	if wrong != nil {
		return name, wrong, written.place
	}
	// An ARN with the partition of another region is in no target, whichever are declared; without
	// this the message would blame the targets.
	if name.Region != "" && name.Partition != partitionOf(name.Region) {
		return name, &problem{codeBadFunctionName,
			fmt.Sprintf("the region %s is in the partition %s, not %s", name.Region, partitionOf(name.Region), shorten(name.Partition)),
			"write the ARN with its own partition"}, written.place
	}
	if q := qualifier.value; q != "" {
		if name.Qualifier != "" && name.Qualifier != q {
			return name, &problem{codeQualifiersDisagree, fmt.Sprintf("qualifier %q does not agree with %q in the name", q, name.Qualifier),
				"keep one of them"}, qualifier.place
		}
		if wrong := checkQualifier(q); wrong != nil {
			return name, wrong, qualifier.place
		}
		name.Qualifier = q
	}
	if name.Qualifier == "" {
		name.Qualifier = Latest
	}
	return name, nil, place{}
}

// problem is a problem that does not know its place yet.
type problem struct{ code, message, hint string }

// at gives the problem its place.
func (f *problem) at(pos Pos) Problem {
	return Problem{Pos: pos, Code: f.code, Message: f.message, Hint: f.hint}
}
