package report

import (
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// name is short for the name of a key within its target.
type name = desired.Name

func namesOf[R any](rows []R, of func(R) name) []name {
	names := make([]name, len(rows))
	for i, r := range rows {
		names[i] = of(r)
	}
	return names
}

// names lists keys: one a line where the reader wants all, else as many as a
// line has room for.
func (p *page) names(indent int, names []name) {
	if !p.full {
		p.line(indent, say(p.few(names, columns-indent)))
		return
	}
	for _, n := range names {
		p.line(indent, say(n.String()))
	}
}

// few names as many as there is room for, at least one, and counts the rest.
func (p *page) few(names []name, room int) string {
	var b strings.Builder
	for i, n := range names {
		next := Clean(n.String())
		if i > 0 {
			next = ", " + next
		}
		more := ""
		if left := len(names) - i - 1; left > 0 {
			more = andMore(left)
		}
		if i > 0 && width(b.String())+width(next)+width(more) > room {
			p.short = true
			return b.String() + andMore(len(names)-i)
		}
		b.WriteString(next)
	}
	return b.String()
}

func andMore(n int) string { return fmt.Sprintf(" … and %d more", n) }

// howMany counts functions where every key is another function, else keys.
func howMany(names []name) string {
	for i := 1; i < len(names); i++ {
		if names[i].Function == names[i-1].Function {
			return count(len(names), "key")
		}
	}
	return count(len(names), "function")
}

// named is a key as the reader can tell it from all others of the run.
func (p *page) named(t desired.Target, n name) string {
	if p.multi {
		return desired.Key{Target: t, Name: n}.String()
	}
	return n.String()
}

// where is "prod 111111111111/eu-west-1", or the target alone without a label.
func where(label string, t desired.Target) string {
	if label == "" {
		return t.String()
	}
	return label + " " + t.String()
}
