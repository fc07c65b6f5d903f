// Command recording makes docs/demo.svg: it reads what a terminal got of
// "eventinvoke demo --color always" and writes a picture that scrolls through
// it. The picture asks no host for anything, and stands still for those who
// want no motion.
package main

import (
	"bufio"
	"fmt"
	"html"
	"log"
	"os"
	"regexp"
	"strings"
)

const (
	rows       = 30 // of the screen
	lineHeight = 17.0
	top        = 44.0 // below the bar of the window
	perLine    = 0.14 // seconds that a new line scrolls
	hold       = 2.5  // seconds that a screen stands still
)

// colours by the ANSI codes that the report uses.
var colours = map[string]string{"1": "b", "2": "d", "31": "r", "32": "g", "33": "y"}

var escape = regexp.MustCompile("\x1b\\[([0-9;]*)m")

func main() {
	log.SetFlags(0)
	var lines []string
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		lines = append(lines, in.Text())
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
	if len(lines) <= rows {
		log.Fatalf("%d lines are no demo: pipe the output of eventinvoke demo --color always into this", len(lines))
	}
	fmt.Print(picture(lines))
}

// picture shows the lines in parts, each up to a command or the end of what it
// printed, and scrolls to the end of a part when it appears.
func picture(lines []string) string {
	var parts [][]string
	begin := 0
	for i, line := range lines {
		if i+1 == len(lines) || strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "(exit code") {
			parts = append(parts, lines[begin:i+1])
			begin = i + 1
		}
	}
	type frame struct{ at, offset float64 }
	var (
		frames  []frame
		appears []float64
		now     float64
		shown   int
		offset  float64
	)
	for _, part := range parts {
		appears = append(appears, now)
		frames = append(frames, frame{now, offset})
		shown += len(part)
		if to := lineHeight * float64(max(0, shown-rows)); to > offset {
			now += (to - offset) / lineHeight * perLine
			offset = to
		}
		frames = append(frames, frame{now, offset})
		now += hold
	}
	now += hold
	frames = append(frames, frame{now, offset})

	var style, body strings.Builder
	share := func(at float64) float64 { return 100 * at / now }
	style.WriteString("@keyframes scroll {")
	for _, f := range frames {
		fmt.Fprintf(&style, " %.2f%% { transform: translateY(%.0fpx) }", share(f.at), -f.offset)
	}
	style.WriteString(" }\n")
	y := 0
	for i, part := range parts {
		fmt.Fprintf(&style, "@keyframes part%d { 0%% { opacity: %d } %.2f%%, 100%% { opacity: 1 } }\n", i, map[bool]int{true: 1}[i == 0], share(appears[i]))
		fmt.Fprintf(&body, "<g style=\"animation-name: part%d\" class=\"part\">\n", i)
		for _, line := range part {
			y++
			fmt.Fprintf(&body, "<text y=\"%.0f\">%s</text>\n", float64(y)*lineHeight, spans(line))
		}
		body.WriteString("</g>\n")
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 930 %[1]g" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13.5">
<title>eventinvoke demo: audit, apply, audit</title>
<style>
text { fill: #c9d1d9; white-space: pre }
.b { font-weight: bold; fill: #f0f6fc } .d { fill: #8b949e } .r { fill: #ff7b72 } .g { fill: #56d364 } .y { fill: #e3b341 }
.scroll { animation: scroll %.1[2]fs linear infinite }
.part { animation: %.1[2]fs step-end infinite }
@media (prefers-reduced-motion: reduce) { .scroll, .part { animation: none } }
%[3]s</style>
<rect width="100%%" height="100%%" rx="8" fill="#0d1117"/>
<circle cx="20" cy="20" r="6" fill="#ff5f56"/><circle cx="40" cy="20" r="6" fill="#ffbd2e"/><circle cx="60" cy="20" r="6" fill="#27c93f"/>
<text x="465" y="25" text-anchor="middle" class="d">$ go run ./cmd/eventinvoke demo</text>
<svg x="16" y="%[4]g" width="914" height="%[5]g"><g class="scroll">
%[6]s</g></svg>
</svg>
`, top+rows*lineHeight+20, now, style.String(), top, rows*lineHeight+6, body.String())
}

// spans turns the colours of a line into classes.
func spans(line string) string {
	var b strings.Builder
	class, rest := "", line
	write := func(text string) {
		switch {
		case text == "":
		case class == "":
			b.WriteString(html.EscapeString(text))
		default:
			fmt.Fprintf(&b, `<tspan class="%s">%s</tspan>`, class, html.EscapeString(text))
		}
	}
	for {
		m := escape.FindStringSubmatchIndex(rest)
		if m == nil {
			write(rest)
			return b.String()
		}
		write(rest[:m[0]])
		class = colours[rest[m[2]:m[3]]] // 0 is none
		rest = rest[m[1]:]
	}
}
