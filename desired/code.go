package desired

import (
	"embed"
	"io/fs"
	"strings"
	"sync"
)

// The problem codes. A code never changes its meaning and is never used again:
// people search for it. Tens group them: files and YAML, targets, names,
// destinations, rules, guard, organizations.
const (
	// Files and YAML: what one file says wrong, whatever it is about. Everything from
	// EI011 to EI014 and EI016 is a bound or a failure of reading, and not of what is meant.
	codeUnknownKey      = "EI001"
	codeDuplicateKey    = "EI002"
	codeWrongType       = "EI003"
	codeMissingKey      = "EI004"
	codeEmptyValue      = "EI005"
	codeUnknownValue    = "EI006"
	codeOutOfRange      = "EI007"
	codeNotInteger      = "EI008"
	codeSyntax          = "EI009"
	codeVersion         = "EI010"
	codeNoSuchPath      = "EI011"
	codeUnreadable      = "EI012"
	codeTooLarge        = "EI013"
	codeTooManyProblems = "EI014"
	codeMergeKey        = "EI015"
	codeTooManyAliases  = "EI016"
	codeSecondSection   = "EI017"
	codeNoEntries       = "EI018"
	codeManagesNothing  = "EI019"

	// Targets, and the labels by which the rest of the file names them.
	codeBadAccount      = "EI020"
	codeBadRegion       = "EI021"
	codeBadRole         = "EI022"
	codeBadExternalID   = "EI023"
	codeDuplicateTarget = "EI024"
	codeUnknownLabel    = "EI025"
	codeStrayExternalID = "EI026"
	codeMixedPartitions = "EI027"
	codeBadLabel        = "EI028"
	codeDuplicateItem   = "EI029"

	// Names of functions and qualifiers, and the variables in them.
	codeBadFunctionName    = "EI030"
	codeBadQualifier       = "EI031"
	codeQualifiersDisagree = "EI032"
	codeNotATarget         = "EI033"
	codeDuplicateEntry     = "EI034"
	codeRemoveWithSettings = "EI035"
	codeLongFunctionName   = "EI036"
	codeUnknownVariable    = "EI037"
	codeBadVariable        = "EI038"

	// Destinations. Those that AWS would refuse are errors; where it may deliver or not,
	// they are warnings.
	codeBadARN             = "EI040"
	codeDestinationTooLong = "EI041"
	codeUnknownPlaceholder = "EI042"
	codeQueueURL           = "EI043"
	codeKafka              = "EI044"
	codeFIFOQueue          = "EI045"
	codeFIFOTopic          = "EI046"
	codeS3OnSuccess        = "EI047"
	codeUnsupportedService = "EI048"
	codeOwnDestination     = "EI049"
	codeDestinationLoop    = "EI050"
	codeOtherRegion        = "EI051"
	codeOtherAccountBus    = "EI052"
	codeOtherPartition     = "EI053"
	codeSameFunction       = "EI054"

	codeBadGlob        = "EI060"
	codeEmptyMatch     = "EI061"
	codeRuleConflict   = "EI062"
	codeIdleRule       = "EI063"
	codeIgnoreDeclared = "EI064"
	codeBadTag         = "EI065"
	codeNoEffect       = "EI066"
	codeEmptyTarget    = "EI067"
	codeUnknownRegion  = "EI068"
	codeMayDisagree    = "EI069"

	codeBadLimit           = "EI070"
	codeBadDate            = "EI071"
	codeExpired            = "EI072"
	codeAgainstRequirement = "EI073"

	codeBadOrganization = "EI080"
)

// Severity says whether a problem stops a run.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Explanation is the long text of a problem code.
type Explanation struct {
	Code     string
	Title    string
	Severity Severity
	Text     string // what it means, why it is refused, how to correct it
	Wrong    string // the smallest file that has the problem; "" where no file alone shows it
	Right    string // the same, corrected
}

// The explanations are a text, codes.txt, and their examples are the fixtures that
// the tests load: one that stopped being true would fail there.
//
//go:embed codes.txt testdata/problems/*.yaml testdata/right/*.yaml
var explained embed.FS

// explanations are all of them in the order of their codes: paragraphs of codes.txt
// that begin with "CODE SEVERITY: TITLE".
var explanations = sync.OnceValue(func() (all []Explanation) {
	text, _ := explained.ReadFile("codes.txt")
	for paragraph := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		first, rest, _ := strings.Cut(paragraph, "\n")
		head, title, _ := strings.Cut(first, ": ")
		code, severity, _ := strings.Cut(head, " ")
		e := Explanation{Code: code, Title: title, Severity: Severity(severity), Text: strings.ReplaceAll(rest, "\n", " ")}
		if right, err := explained.ReadFile("testdata/right/" + code + ".yaml"); err == nil {
			names, _ := fs.Glob(explained, "testdata/problems/"+code+"-*.yaml")
			wrong, _ := explained.ReadFile(names[0])
			e.Wrong, e.Right = string(wrong), string(right)
		}
		all = append(all, e)
	}
	return all
})

// Explain returns the long text of a code.
func Explain(code string) (Explanation, bool) {
	for _, e := range explanations() {
		if e.Code == code {
			return e, true
		}
	}
	return Explanation{}, false
}

// Codes lists every problem code in order.
func Codes() []string {
	var codes []string
	for _, e := range explanations() {
		codes = append(codes, e.Code)
	}
	return codes
}

// severityOf is the severity that the code's explanation has, so that the two cannot differ.
func severityOf(code string) Severity {
	e, _ := Explain(code)
	return e.Severity
}
