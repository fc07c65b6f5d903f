package desired

import (
	"cmp"
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

// Error is one line: place, code, message and hint.
func (p Problem) Error() string {
	if p.Hint == "" {
		return fmt.Sprintf("%s: %s %s", p.Pos, p.Code, p.Message)
	}
	return fmt.Sprintf("%s: %s %s; %s", p.Pos, p.Code, p.Message, p.Hint)
}

// problemJSON has the fields in the order of the output.
type problemJSON struct {
	Pos
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint"`
	Related  []Pos    `json:"related"` // never null
}

// MarshalJSON is an object of file, line, column, severity, code, message, hint and related,
// which is never null. Output spells a problem in this one form.
func (p Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(problemJSON{
		Pos: p.Pos, Severity: severityOf(p.Code), Code: p.Code, Message: p.Message, Hint: p.Hint, Related: append([]Pos{}, p.Related...),
	})
}

// Problems is every problem of a load, sorted by place.
//
// It is an error; a load that fails returns it and nothing else.
type Problems []Problem

// Error lists all of them, a line each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
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
	said             map[saying]bool
}

// saying is a problem that was told; many configs can share the line at fault.
type saying struct {
	Pos
	code string
}

// add takes a problem to the errors or the warnings, by its code.
func (c *collector) add(p Problem) {
	if severityOf(p.Code) == Warning {
		c.warnings.add(p)
		return
	}
	c.errors.add(p)
}

// once is add for what is told once for a place, however many configs and targets meet it.
func (c *collector) once(p Problem) {
	key := saying{p.Pos, p.Code}
	if c.said[key] {
		return
	}
	if c.said == nil {
		c.said = map[saying]bool{}
	}
	c.said[key] = true
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
		Hint:    fmt.Sprintf("mend the first %d and load again", maxShown),
	})
}

func (p Pos) compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

func (p Problem) compare(q Problem) int {
	return cmp.Or(p.Pos.compare(q.Pos), cmp.Compare(p.Code, q.Code), cmp.Compare(p.Message, q.Message))
}
