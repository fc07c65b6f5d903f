package desired

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/hbollon/go-edlib"

	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Pos is a place in a fleet file. Line and Column count from 1; both are 0 where
// the file as a whole is meant, or a path at which there is none.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String is "fleet.yaml:14:7", or "fleet.yaml" for the file as a whole.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one thing wrong with the input: where, what, and how to mend it.
type Problem struct {
	Pos     Pos
	Code    string // such as EI007; Explain(Code) has the long text
	Message string
	Hint    string
	Related []Pos // the other places that take part, such as the first of two duplicates
}

// Error is one line: place, code, message and hint.
func (p Problem) Error() string {
	if p.Hint == "" {
		return fmt.Sprintf("%s: %s %s", p.Pos, p.Code, p.Message)
	}
	return fmt.Sprintf("%s: %s %s; %s", p.Pos, p.Code, p.Message, p.Hint)
}

// MarshalJSON adds the severity; related is never null.
func (p Problem) MarshalJSON() ([]byte, error) {
	// Output spells a problem in this one form.
	return json.Marshal(struct {
		Pos
		Severity string `json:"severity"`
		Code     string `json:"code"`
		Message  string `json:"message"`
		Hint     string `json:"hint"`
		Related  []Pos  `json:"related"`
	}{p.Pos, severityOf(p.Code), p.Code, p.Message, p.Hint, append([]Pos{}, p.Related...)})
}

// Problems is every problem of a load, sorted by place. It is an error.
type Problems []Problem

// Error lists all of them, a line each.
func (ps Problems) Error() string { return strings.Join(ps.Lines(), "\n") }

// Lines are those of the error, before what a name or a file holds can make more.
func (ps Problems) Lines() []string {
	return slice.Map(ps, Problem.Error)
}

// sort puts problems in order of their places.
func (ps Problems) sort() { slices.SortFunc(ps, Problem.compare) }

// maxShown bounds how many problems are kept: nobody mends the thousand-and-first
// before the first, and a broken generator can make millions.
const maxShown = 1000

// collector gathers problems in bounded memory. What it keeps are exactly the
// first maxShown by place, whatever order they were found in.
type collector struct {
	errors, warnings bounded
	seen             map[problemKey]bool
}

// problemKey is a problem that was reported; many configs can share the line at fault.
type problemKey struct {
	Pos
	code string
}

// add takes a problem to the errors or the warnings, by its code.
func (c *collector) add(p Problem) {
	if severityOf(p.Code) == severityWarning {
		c.warnings.add(p)
		return
	}
	c.errors.add(p)
}

// report is add, of what stands at pos: what is wrong, what to write, and the other places that
// take part.
func (c *collector) report(pos Pos, code, message, hint string, related ...Pos) {
	c.add(Problem{Pos: pos, Code: code, Message: message, Hint: hint, Related: related})
}

// reportOnce is report for what is told once for a place: see addOnce.
func (c *collector) reportOnce(pos Pos, code, message, hint string, related ...Pos) {
	c.addOnce(Problem{Pos: pos, Code: code, Message: message, Hint: hint, Related: related})
}

// idle warns of something that was written and has no effect, and says why. It is no error:
// the fleet is the same without it.
func (c *collector) idle(at Pos, what, why string) {
	c.report(at, codeNoEffect, "without effect: "+what+": "+why, "correct it, or delete it")
}

// addOnce is add for what is told once for a place, however many configs and targets meet it.
func (c *collector) addOnce(p Problem) {
	key := problemKey{p.Pos, p.Code}
	if c.seen[key] {
		return
	}
	if c.seen == nil {
		c.seen = map[problemKey]bool{}
	}
	c.seen[key] = true
	c.add(p)
}

// bounded keeps the first maxShown problems of all that were added.
type bounded struct {
	list    Problems
	total   int // how many were added, repeats included
	dropped int
}

// add lets the list grow to four times what is shown before it is sorted and cut, which
// keeps the cost of each problem small.
func (b *bounded) add(p Problem) {
	b.total++
	if b.list = append(b.list, p); len(b.list) >= 4*maxShown {
		b.compact()
	}
}

// compact sorts the list, drops repeats, and cuts it to what is shown. Of two that say the
// same at one place the first is enough.
func (b *bounded) compact() {
	slices.SortStableFunc(b.list, Problem.compare)
	b.list = slices.CompactFunc(b.list, func(p, q Problem) bool { return p.compare(q) == 0 })
	if over := len(b.list) - maxShown; over > 0 {
		b.dropped += over
		clear(b.list[maxShown:])
		b.list = b.list[:maxShown]
	}
}

// problems returns what was kept, sorted, without repeats; the last one says
// how many are not shown.
func (b *bounded) problems() Problems {
	b.compact()
	if b.dropped == 0 {
		return slices.Clone(b.list)
	}
	return append(slices.Clone(b.list), Problem{
		Pos:     b.list[maxShown-1].Pos,
		Code:    codeTooManyProblems,
		Message: fmt.Sprintf("%d more problems are not shown", b.dropped),
		Hint:    fmt.Sprintf("fix the first %d and validate again", maxShown),
	})
}

func (p Pos) compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

func (p Problem) compare(q Problem) int {
	return cmp.Or(p.Pos.compare(q.Pos), cmp.Compare(p.Code, q.Code), cmp.Compare(p.Message, q.Message))
}

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

	// What rules, ignore and require choose, and what of it has no effect. That files disagree is an
	// error where functions show it, and a warning where they only may.
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

	// The guard, days on which something ends, and requirements.
	codeBadLimit           = "EI070"
	codeBadDate            = "EI071"
	codeExpired            = "EI072"
	codeAgainstRequirement = "EI073"

	// Organizations.
	codeBadOrganization = "EI080"
)

// A problem is an error or a warning, which stops no run.
const severityWarning = "warning"

// Explanation is the long text of a problem code.
type Explanation struct {
	Code     string `json:"code"`
	Severity string `json:"severity"` // "error" or "warning"
	Title    string `json:"title"`
	Text     string `json:"text"`  // what it means, why it is refused, how to correct it
	Wrong    string `json:"wrong"` // the smallest file that has the problem; "" where no file alone shows it
	Right    string `json:"right"` // the same, corrected
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
		e := Explanation{Code: code, Title: title, Severity: severity, Text: strings.TrimSpace(strings.ReplaceAll(rest, "\n", " "))}
		// Some problems no file alone can show, such as a path without files: they have no example.
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
	return slice.Map(explanations(), func(e Explanation) string { return e.Code })
}

// severityOf is the severity that the code's explanation has, so that the two cannot differ.
func severityOf(code string) string {
	e, _ := Explain(code)
	return e.Severity
}

// listSome lists a few of many.
//
// It is "none" for none, and ten at most: messages are for one screen.
func listSome(all []string) string {
	const some = 10
	if len(all) == 0 {
		return "none"
	}
	if len(all) <= some {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:some], ", "), len(all)-some)
}

// longestWord bounds what is compared: a long junk word means no key, and the comparison
// takes time in proportion to both lengths.
const longestWord = 64

// nearest is the candidate that a misspelt word most likely means, or "" when none
// is near: at most a third of the letters may differ. Swapped neighbours count as
// one, being the commonest slip of all.
//
//	reties → retries      one letter is missing
//	lvie → live           two neighbours are swapped
//	prod → dev            nothing: a wrong suggestion costs more than none
//
// Case makes no difference to it, though it does to every key and name: a wrong case is a slip
// like any other. Of two that are equally near the first wins, and candidates come sorted or
// in the order of a table, so that the same file gives the same hint.
func nearest(word string, candidates []string) string {
	if len(word) > longestWord {
		return ""
	}
	// Two letters that change places are one slip, and so the distance is not Levenshtein's.
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if len(c) > longestWord {
			continue
		}
		if d := edlib.OSADamerauLevenshteinDistance(strings.ToLower(word), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// suggest is a hint that names what a misspelt word most likely means, or else the other one.
func suggest(word string, candidates []string, hint string) string {
	if near := nearest(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return hint
}
