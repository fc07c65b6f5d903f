package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// columns is the width that text keeps to where names allow it.
const columns = 100

// ink is how a span looks where colour is allowed.
type ink string

// The inks are the parameters of ANSI's "select graphic rendition"; the eight
// basic colours follow the theme of the reader's terminal.
const (
	plain  ink = ""
	bold   ink = "1"
	dim    ink = "2"
	red    ink = "31"
	green  ink = "32"
	yellow ink = "33"
)

// span is a piece of a line in one ink.
type span struct {
	ink  ink
	text string
}

func say(text string) span                 { return span{plain, text} }
func in(i ink, text string) span           { return span{i, text} }
func sayf(format string, args ...any) span { return span{plain, fmt.Sprintf(format, args...)} }

// page is text on its way out. Everything passes through line, which cleans it:
// no other code writes to w, and only line writes colour codes and line ends.
type page struct {
	w     *bufio.Writer
	color bool
	full  bool
	multi bool // more than one target: names are shown with theirs
	blank bool // the last line was empty
	short bool // something was counted rather than listed
}

func newPage(w io.Writer, o TextOptions, targets int) *page {
	return &page{w: bufio.NewWriter(w), color: o.Color, full: o.Full, multi: targets > 1, blank: true}
}

// line writes one line. Trailing spaces are the caller's to avoid.
func (p *page) line(indent int, spans ...span) {
	p.w.WriteString(strings.Repeat(" ", indent))
	for _, s := range spans {
		text := Clean(s.text)
		if p.color && s.ink != plain && text != "" {
			fmt.Fprintf(p.w, "\x1b[%sm%s\x1b[0m", s.ink, text)
			continue
		}
		p.w.WriteString(text)
	}
	p.w.WriteByte('\n')
	p.blank = false
}

// more counts what is not shown.
func (p *page) more(indent, hidden int, what string) {
	if hidden > 0 {
		p.short = true
		p.line(indent, in(dim, fmt.Sprintf("… and %d more%s", hidden, what)))
	}
}

// shortened says, once, how to see all of it.
func (p *page) shortened() {
	if p.short {
		p.gap()
		p.line(0, in(dim, "Lists are cut short: --full shows all of them."))
	}
}

// alert is a line that wants attention.
func (p *page) alert(ink ink, text string) {
	p.gap()
	p.wrapped(0, in(ink, "! "), ink, text)
}

// gap leaves one empty line, never two.
func (p *page) gap() {
	if !p.blank {
		p.w.WriteByte('\n')
		p.blank = true
	}
}

// wrapped writes text over as many lines as it needs, the first one after lead
// and the others below its start.
func (p *page) wrapped(indent int, lead span, ink ink, text string) {
	hang := indent + width(lead.text)
	first := true
	for _, line := range wrap(text, columns-hang) {
		if first {
			p.line(indent, lead, in(ink, line))
			first = false
			continue
		}
		p.line(hang, in(ink, line))
	}
}

// wrap cuts text between words so that lines fit; a longer word stays whole.
func wrap(text string, limit int) []string {
	var lines []string
	current := ""
	for _, word := range strings.Fields(Clean(text)) {
		switch {
		case current == "":
			current = word
		case width(current)+1+width(word) <= limit:
			current += " " + word
		default:
			lines = append(lines, current)
			current = word
		}
	}
	return append(lines, current)
}

// flush ends the page; it reports the first error that any line met.
func (p *page) flush() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
