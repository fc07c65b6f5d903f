package report

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
)

// The width of the page where the reader's is not known, and how far it follows
// the reader's: narrower than the least nothing stands in columns any more, and
// longer lines than the most are hard to follow.
const (
	defaultColumns = 100
	minColumns     = 60
	maxColumns     = 200
)

// color is how a span looks where colour is allowed.
type color string

// The colors are the parameters of ANSI's "select graphic rendition"; the eight
// basic colours follow the theme of the reader's terminal.
const (
	plain  color = ""
	bold   color = "1"
	dim    color = "2"
	red    color = "31"
	green  color = "32"
	yellow color = "33"
)

// span is a piece of a line in one color.
type span struct {
	color color
	text  string
}

func text(text string) span                 { return span{plain, text} }
func colored(i color, text string) span     { return span{i, text} }
func textf(format string, args ...any) span { return span{plain, fmt.Sprintf(format, args...)} }

// printer is text on its way out. Everything passes through line, which cleans it:
// no other code writes to w, and only line writes colour codes and line ends.
type printer struct {
	w       *bufio.Writer
	columns int  // that lines keep to where names allow it
	fixed   bool // as the reader's terminal has no more
	ascii   bool
	color   bool
	full    bool
	listing int               // names of a block that are listed, over as many lines as they need; 0: a line of them
	fold    bool              // the stable lines too
	blank   bool              // the last line was empty
	stable  bool              // without what differs from run to run: attempts, waits, request ids
	short   bool              // something was counted rather than listed
	hidden  int               // notes that had no room
	run     *Run              // that is told of
	folder  string            // which the fleet files share, and is not repeated
	paths   *strings.Replacer // of fleet files, that are too long for the reader's terminal
	detail  detail
}

func newPrinter(w io.Writer, r *Run, o TextOptions) *printer {
	columns := defaultColumns
	if o.Width > 0 {
		columns = min(max(o.Width, minColumns), maxColumns)
	}
	p := &printer{columns: columns, fixed: o.Width > 0, fold: o.Fold, ascii: o.ASCII, w: bufio.NewWriter(w), color: o.Color, full: o.Full, run: r, folder: Folder(r.Fleet.Files), detail: details[0], blank: true}
	if p.fixed {
		p.shortenPaths()
	}
	return p
}

// besidePath is the room for what stands beside a path: an indent, the line, the part of the file.
const besidePath = 24

// shortenPaths makes the longest paths of fleet files take so much less than a line that they
// do not break in their middle.
func (p *printer) shortenPaths() {
	var long []string
	for _, file := range p.run.Fleet.Files {
		for _, path := range []string{file, strings.TrimPrefix(file, p.folder)} {
			if path = p.clean(path); cells.StringWidth(path) > p.columns-besidePath {
				long = append(long, path, p.middleCut(path, p.columns-besidePath))
			}
		}
	}
	if long != nil {
		p.paths = strings.NewReplacer(long...)
	}
}

// middleCut leaves out folders from the middle of a path: its name stays whole, and as many of the
// folders around as have room, most of them those next to it.
func (p *printer) middleCut(path string, room int) string {
	separator := "/"
	if !strings.Contains(path, separator) {
		separator = `\`
	}
	folders := strings.Split(path, separator)
	last := len(folders) - 1
	start, end := "", separator+folders[last]
	ellipsis := p.clean("…")
	room -= cells.StringWidth(ellipsis)
	for folders = folders[:last]; len(folders) > 0 && cells.StringWidth(start+folders[0]+separator) <= room/3; folders = folders[1:] {
		start += folders[0] + separator
	}
	for i := len(folders) - 1; i >= 0 && cells.StringWidth(start+separator+folders[i]+end) <= room; i-- {
		end = separator + folders[i] + end
	}
	return start + ellipsis + end
}

// line writes one line. Trailing spaces are the caller's to avoid.
func (p *printer) line(indent int, spans ...span) {
	p.w.WriteString(strings.Repeat(" ", indent))
	for _, s := range spans {
		text := p.clean(s.text)
		if p.color && s.color != plain && text != "" {
			fmt.Fprintf(p.w, "\x1b[%sm%s\x1b[0m", s.color, text)
			continue
		}
		p.w.WriteString(text)
	}
	p.w.WriteByte('\n')
	p.blank = false
}

// flow writes spans over as many lines as they need, the later ones at hang. A word that is
// longer than a line stays whole.
func (p *printer) flow(indent, hang int, spans ...span) {
	var line []span
	used := indent
	for _, s := range spans {
		for word := range words(p.clean(s.text)) {
			shown := strings.TrimRight(word, " ")
			if shown != "" && used > indent && used+p.width(shown) > p.columns {
				last := &line[len(line)-1]
				last.text = strings.TrimRight(last.text, " ")
				p.line(indent, line...)
				line, indent, used = nil, hang, hang
			}
			if len(line) == 0 && shown == "" {
				continue // the room before a column, which now begins the line
			}
			if last := len(line) - 1; last >= 0 && line[last].color == s.color {
				line[last].text += word
			} else {
				line = append(line, span{s.color, word})
			}
			used += p.width(word)
		}
	}
	p.line(indent, line...)
}

// A command in a text is in backticks, and nothing else that has a space is.
var wordOrCommand = regexp.MustCompile("[^ `]*`eventinvoke [^`]*`[^ ]* ?|[^ ]* |[^ ]+")

// words are what a line may break between, each with the space behind it. A command is one: copied
// with a line end in its middle it would be another.
func words(s string) iter.Seq[string] {
	if strings.Contains(s, "`eventinvoke ") {
		return slices.Values(wordOrCommand.FindAllString(s, -1))
	}
	return strings.SplitAfterSeq(s, " ")
}

// marked is what stands before what a line says: its indent, and a mark or, further in, a short
// first column.
var marked = regexp.MustCompile(`^( +[\w-]{1,12} {2,}| *([>!] )?)`)

// Lines writes what people read line by line: each over as many rows as it needs, the later ones
// further in by hang than what it says. Where nobody knows how wide the terminal is, as where there
// is none, each stays one: something may look for it there.
func Lines(w io.Writer, hang int, lines string, o TextOptions) error {
	p := newPrinter(w, &Run{}, o)
	if p.columns = min(o.Width, maxColumns); !p.fixed {
		p.columns = math.MaxInt
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(lines, "\n"), "\n") {
		mark := marked.FindString(line)
		indent := len(line) - len(strings.TrimLeft(line, " "))
		p.flow(indent, len(mark)+hang, text(line[indent:]))
	}
	return p.flush()
}

// Table writes rows in columns.
func Table(w io.Writer, indent int, rows [][]string, o TextOptions) error {
	p := newPrinter(w, &Run{}, o)
	p.table(indent, rows)
	return p.flush()
}

// more counts what is not shown.
func (p *printer) more(indent, hidden int, what string) {
	if hidden > 0 {
		p.short = true
		p.flow(indent, indent+2, colored(dim, fmt.Sprintf("… and %d more%s", hidden, what)))
	}
}

// last begins the last paragraph, which says how to see all of it.
func (p *printer) last() {
	p.gap()
	switch {
	case p.hidden > 0:
		p.flow(0, 2, colored(dim, fmt.Sprintf("… and %d more of what was found: --full shows all of it.", p.hidden)))
	case p.short:
		p.line(0, colored(dim, "Lists are cut short: --full shows all of them."))
	}
}

// gap leaves one empty line, never two.
func (p *printer) gap() {
	if !p.blank {
		p.w.WriteByte('\n')
		p.blank = true
	}
}

// table writes rows below their heads. Columns that the reader can do without go, in their order,
// where the terminal has no room; a row that still has none goes on below.
func (p *printer) table(indent int, rows [][]string, spare ...string) {
	widths := func() (all []int, sum int) {
		for i := range rows[0] {
			most := 0
			for _, r := range rows {
				most = max(most, p.width(r[i]))
			}
			all, sum = append(all, most), sum+most+2
		}
		return all, indent + sum - 2
	}
	if len(rows) == 0 {
		return
	}
	columns, sum := widths()
	for len(spare) > 0 && p.fixed && sum > p.columns {
		i := slices.Index(rows[0], spare[0])
		for j := range rows {
			rows[j] = slices.Delete(rows[j], i, i+1)
		}
		spare = spare[1:]
		columns, sum = widths()
	}
	for _, r := range rows {
		line := ""
		for i, cell := range r {
			line += p.pad(p.clean(cell), columns[i]+2)
		}
		if line = strings.TrimRight(line, " "); p.fixed {
			p.flow(indent, indent+2, text(line))
		} else {
			p.line(indent, text(line))
		}
	}
}

// wrapped writes text over as many lines as it needs, the first one after lead
// and the others below its start.
func (p *printer) wrapped(indent int, lead span, color color, text string) {
	p.flow(indent, indent+p.width(lead.text), lead, colored(color, strings.Join(strings.Fields(text), " ")))
}

// clean makes text safe for the terminal, and ASCII where that is all it has.
func (p *printer) clean(s string) string {
	if s = Clean(s); p.ascii && !isPlain(s) {
		s = strings.NewReplacer("→", "->", "…", "...").Replace(s)
		s = strconv.QuoteToASCII(s)
		s = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s[1 : len(s)-1])
	}
	if p.paths != nil {
		s = p.paths.Replace(s)
	}
	return s
}

// cells counts columns as terminals do that draw characters of ambiguous width
// narrow, whatever the locale of this process: the same run gives the same bytes.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// width is the number of columns that s takes.
func (p *printer) width(s string) int { return cells.StringWidth(p.clean(s)) }

// flush ends the page; it reports the first error that any line met.
func (p *printer) flush() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
