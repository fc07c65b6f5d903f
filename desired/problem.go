package desired

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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

// Error is one line: place, code, message and cure.
func (p Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s", p.Pos, p.Code, p.Message)
	if p.Hint != "" {
		b.WriteString("; ")
		b.WriteString(p.Hint)
	}
	return b.String()
}

// ProblemJSON is the one form in which output spells a problem.
type ProblemJSON struct {
	Pos
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint"`
	Related  []Pos    `json:"related"` // never null
}

// MarshalJSON is a ProblemJSON.
func (p Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(ProblemJSON{
		Pos: p.Pos, Severity: severityOf(p.Code), Code: p.Code, Message: p.Message, Hint: p.Hint, Related: append([]Pos{}, p.Related...),
	})
}

// Problems is every problem of a load, sorted by place.
type Problems []Problem

// Error lists all of them, a line each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Sort puts problems in order of their places.
func (ps Problems) Sort() { slices.SortFunc(ps, Problem.compare) }
