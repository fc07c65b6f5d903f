package desired

import (
	"cmp"
	"fmt"
	"slices"
)

// maxShown bounds how many problems are kept: nobody mends the thousand-and-first
// before the first, and a broken generator can make millions.
const maxShown = 1000

// collector gathers problems in bounded memory. What it keeps are exactly the
// first maxShown by place, whatever order they were found in.
type collector struct {
	errors, warnings bounded
}

func (c *collector) add(p Problem) {
	if severityOf(p.Code) == Warning {
		c.warnings.add(p)
		return
	}
	c.errors.add(p)
}

// bounded keeps the smallest limit problems of all that were added.
type bounded struct {
	list    Problems
	total   int // how many were added, repeats included
	dropped int
	full    bool // whatever comes after last is not shown
	last    Problem
}

func (b *bounded) add(p Problem) {
	b.total++
	if b.full && p.compare(b.last) > 0 {
		b.dropped++
		return
	}
	b.list = append(b.list, p)
	if len(b.list) >= 4*maxShown {
		b.compact()
	}
}

func (b *bounded) compact() {
	slices.SortStableFunc(b.list, Problem.compare)
	b.list = slices.CompactFunc(b.list, Problem.same)
	if over := len(b.list) - maxShown; over > 0 {
		b.dropped += over
		clear(b.list[maxShown:])
		b.list = b.list[:maxShown]
		b.full, b.last = true, b.list[maxShown-1]
	}
}

// problems returns what was kept, sorted, without repeats; the last one says
// how many are not shown.
func (b *bounded) problems() Problems {
	b.compact()
	if len(b.list) == 0 {
		return nil
	}
	shown := slices.Clone(b.list)
	if b.dropped > 0 {
		shown = append(shown, Problem{
			Pos:     shown[len(shown)-1].Pos,
			Code:    codeTooManyProblems,
			Message: fmt.Sprintf("%d more problems are not shown", b.dropped),
			Hint:    fmt.Sprintf("mend the first %d and load again", maxShown),
		})
	}
	return shown
}

func (p Pos) compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

func (p Problem) compare(q Problem) int {
	return cmp.Or(p.Pos.compare(q.Pos), cmp.Compare(p.Code, q.Code), cmp.Compare(p.Message, q.Message))
}

func (p Problem) same(q Problem) bool {
	return p.Pos == q.Pos && p.Code == q.Code && p.Message == q.Message
}
