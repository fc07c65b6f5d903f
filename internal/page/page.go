// Package page is what our HTML pages share: a writer that escapes, one style for
// light, dark, paper and small screens, and the policy that keeps a page to itself.
//
// In come literal markup and foreign texts; out goes one document without a link to
// anything: no font, no image, no script but those that stand in it. Nothing
// foreign is ever markup, and no script is allowed but the one whose hash the
// document names.
//
// It is no template engine: those call methods by name, and then the linker must
// keep every method of every type, which made the program half as large again.
package page

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strconv"
)

//go:embed style.css
var style string

// Markup is text that is HTML already.
type Markup string

// Writer writes a document. It keeps its first error, which End returns.
type Writer struct{ w *bufio.Writer }

// NewWriter makes a writer.
func NewWriter(w io.Writer) *Writer { return &Writer{bufio.NewWriterSize(w, 1<<16)} }

// Put writes markup with its arguments in place, as fmt.Printf does. Every argument
// but a number or Markup is escaped, for text and for a quoted attribute alike.
func (w *Writer) Put(markup string, args ...any) {
	safe := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case int, int64, uint64, float64:
			safe[i] = a
		case Markup:
			safe[i] = string(a)
		default:
			safe[i] = html.EscapeString(fmt.Sprint(a))
		}
	}
	fmt.Fprintf(w.w, markup, safe...)
}

// Policy is the Content-Security-Policy of a page with our style and this script. It
// forbids everything else; connect lets the script ask where the page came from.
func Policy(script string, connect bool) string {
	p := "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) + "; base-uri 'none'; form-action 'none'"
	if connect {
		p += "; connect-src 'self'; img-src 'self'"
	}
	return p
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Begin writes the head, and opens the body.
func (w *Writer) Begin(title, policy string) {
	w.Put(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>%s</title>
<style>%s</style>
</head>
<body>
`, policy, title, Markup(style))
}

// End writes the script, ends the document and sends what is left of it.
func (w *Writer) End(script string) error {
	w.Put("<script>%s</script>\n</body>\n</html>\n", Markup(script))
	return w.w.Flush()
}

// Figure opens a tile with a label; its content and </div> follow.
func (w *Writer) Figure(label string) { w.Put(`<div class="tile"><h2>%s</h2>`, label) }

// Share writes a tile with a share of a whole as a number and as a ring, which is good
// where all is well: not everything that lacks to the whole is amiss. Of a whole that nobody
// knows, below 0, there is no share. Aside are lines below.
func (w *Writer) Share(label string, part, of int, noun string, well bool, aside ...string) {
	w.Figure(label)
	if of == 0 {
		w.Put(`<p class="big">–</p><p class="muted">no %ss</p></div>`, noun)
		return
	}
	tone := "warn"
	if well {
		tone = "good"
	}
	if of < 0 {
		w.Put(`<p class="big">%s of ?</p><p class="muted">%ss</p>`, Number(part), noun)
	} else {
		const around = 100.53 // of a circle with radius 16
		w.Put(`<svg class="ring %s" viewBox="0 0 40 40" aria-hidden="true"><circle cx="20" cy="20" r="16"/><circle class="part" cx="20" cy="20" r="16" stroke-dasharray="%.2f %.2f" transform="rotate(-90 20 20)"/></svg>`,
			tone, around*float64(part)/float64(of), around)
		w.Put(`<p class="big">%s</p><p class="muted">%s of %s</p>`, Percent(part, of), Number(part), Count(of, noun))
	}
	for _, line := range aside {
		w.Put(`<p class="muted">%s</p>`, line)
	}
	w.Put("</div>")
}

// Count is "1 config" or "1,218 configs".
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Number(n) + " " + noun
}

// Number is a number in groups of three digits.
func Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Percent is a share to a tenth. It says 100 % and 0 % of nothing less than all and
// nothing.
func Percent(part, of int) string {
	switch tenths := part * 1000 / of; {
	case part == of:
		return "100 %"
	case tenths == 0 && part > 0:
		return "< 0.1 %"
	case tenths%10 == 0:
		return fmt.Sprintf("%d %%", tenths/10)
	default:
		return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
	}
}
