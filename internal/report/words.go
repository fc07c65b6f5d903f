package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// count is "1 config", "3 configs" or "3 breaches".
func count[N int | int64](n N, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "ch"):
		one += "e"
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// formatDuration is a duration as a person says it: "0.4s", "31s", "1m28s", "2h05m".
func formatDuration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return trimZero(math.Round(d.Seconds()*10)/10) + "s"
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%ds", int(d.Round(time.Second).Seconds()))
	case d.Round(time.Second) < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// perSecond is a rate: "13.5/s".
func perSecond(rate float64) string { return ratelimit.FormatRate(rate) + "/s" }

func trimZero(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// listed joins the parts that say something.
func listed(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// some is "3 throttled", or "" for none.
func some[N int | int64](n N, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", n, what)
}

// someOf is "3 attempts", or "" for none.
func someOf[N int | int64](n N, one string) string {
	if n == 0 {
		return ""
	}
	return count(n, one)
}

// times is "once" or "3 times".
func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// names lists n configs: one a line where the reader wants all, else as many as a
// line has room for, behind a mark.
func (p *printer) names(indent int, mark span, n int, at func(int) string) {
	switch {
	case p.listing > 0:
		p.flow(indent, indent, mark, text(p.few(min(n, p.listing), at, all)+andMore(n-p.listing)))
		return
	case !p.full:
		p.line(indent, mark, text(p.few(n, at, p.columns-indent-p.width(mark.text))))
		return
	}
	for i := range n {
		p.line(indent, mark, text(at(i)))
	}
}

// few names as many as there is room for, at least one, and counts the rest.
func (p *printer) few(n int, at func(int) string, room int) string {
	var b strings.Builder
	used := 0
	for i := range n {
		next := p.clean(at(i))
		if i > 0 {
			next = ", " + next
		}
		more := andMore(n - i - 1)
		if i > 0 && used+p.width(next)+p.width(more) > room {
			p.short = true
			return b.String() + andMore(n-i)
		}
		b.WriteString(next)
		used += p.width(next)
	}
	return b.String()
}

func andMore(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" … and %d more", n)
}

// howMany counts functions where every row is about another function, else configs. In another
// target a function of the same name is another one.
func howMany[R any](rows []R, key func(R) desired.Key) string {
	for i := 1; i < len(rows); i++ {
		if a, b := key(rows[i]), key(rows[i-1]); a.Target == b.Target && a.Function == b.Function {
			return count(len(rows), "config")
		}
	}
	return count(len(rows), "function")
}

// named is a config as the reader can tell it from all others of the run.
func (r *Run) named(t desired.Target, n desired.Name) string {
	if len(r.plans()) > 1 {
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

// planOf is a target's part of the plan; nil where it has none.
func (r *Run) planOf(t desired.Target) *reconcile.TargetPlan {
	return reconcile.FindTarget(r.plans(), t)
}

// whereIs is the same of a target of the plan.
func (r *Run) whereIs(t desired.Target) string {
	if p := r.planOf(t); p != nil {
		return where(p.Label, t)
	}
	return t.String()
}

// functionName stands for the name of each function in a text that many share.
const functionName = "{function}"

// functionPlaceholder is what a fleet file has for the function's name.
const functionPlaceholder = "${function}"

// template puts functionName for a function's name where it stands as a word
// of its own, so that texts that differ by nothing else become equal.
func template(text, function string) string {
	if function == "" || !strings.Contains(text, function) {
		return text
	}
	parts := strings.Split(text, function)
	for i := 1; i < len(parts); i++ {
		// What stands around an occurrence is the end of what precedes it, or another one.
		before, after := " "+strings.Repeat(function, min(1, i-1))+parts[i-1], parts[i]+strings.Repeat(function, min(1, len(parts)-1-i))+" "
		if isWord(before[len(before)-1]) || isWord(after[0]) {
			parts[i-1] += function
		} else {
			parts[i-1] += functionName
		}
	}
	return strings.Join(parts, "")
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// groupBy makes something of each group of rows.
func groupBy[R any, K comparable, G any](rows []R, key func(R) K, group func(K, []R) G) (groups []G) {
	for k, of := range slice.Group(rows, key) {
		groups = append(groups, group(k, of))
	}
	return groups
}

// allEqual reports whether all rows have one text.
func allEqual[R any, T comparable](rows []R, text func(R) T) bool {
	for i := 1; i < len(rows); i++ {
		if text(rows[i]) != text(rows[0]) {
			return false
		}
	}
	return true
}

// Clean makes text from outside safe for a terminal. What is not printable is
// spelt out: control characters (\x1b, \n), the ones that reorder or hide text
// (\u202e, \u200b), and bytes that are not UTF-8 (\xff). The result is one
// line, and cleaning it again changes nothing.
func Clean(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteString(s[i : i+size])
		default: // such as \n, \x1b or \u202e
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

// isPlain reports whether s is printable ASCII, as nearly everything is.
func isPlain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
