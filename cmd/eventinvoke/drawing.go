package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/term"
)

// drawing is the last lines of a terminal. What is logged while it is there appears above it.
//
// Between two drawings the cursor stands at its beginning, which the terminal keeps. So
// whatever is typed meanwhile, ^C or Enter, and however lines are broken as the terminal gets
// narrower, all of it is behind that place, and nothing of others is.
type drawing struct {
	to   *divertedWriter
	size func() (columns, rows int) // of the terminal

	mu    sync.Mutex
	lines []string
	drawn bool
	kept  [2]int // the size for which the terminal keeps the place
}

func newDrawing(to *divertedWriter) *drawing {
	r := &drawing{to: to}
	r.size = func() (columns, rows int) {
		if f := fileOf(to.terminal()); f != nil {
			columns, rows, _ = term.GetSize(int(f.Fd()))
		}
		return cmp.Or(columns, 60), cmp.Or(rows, 24)
	}
	to.divert(r)
	return r
}

// draw replaces the region.
func (r *drawing) draw(lines []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = lines
	r.flush("")
}

// Write puts whole lines above the region.
func (r *drawing) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flush(string(b))
	return len(b), nil
}

// flush replaces the region with lines above it and its own, of which at most a screen is drawn:
// what has left it nobody can take back.
//
// Where the size has changed, the place that the terminal keeps may be another's by now; the
// cursor has moved with the text that it stands in.
//
// It clears the first row and then from the second place of it on: tmux keeps, in its scrollback,
// what is cleared from the first place of the screen on.
func (r *drawing) flush(above string) {
	const keep, back, clear = "\x1b7", "\x1b8", "\x1b[K\x1b[C\x1b[J\r"
	var out strings.Builder
	columns, rows := r.size()
	now := [2]int{columns, rows}
	if r.drawn && r.kept == now {
		out.WriteString(back)
	}
	if out.WriteString("\r"); r.drawn {
		out.WriteString(clear)
	}
	out.WriteString(above)
	lines := r.lines[:min(len(r.lines), max(rows-1, 0))]
	for _, line := range lines {
		out.WriteString(line + "\n")
	}
	if r.drawn, r.kept = len(lines) > 0, now; r.drawn {
		fmt.Fprintf(&out, "\x1b[%dA%s", len(lines), keep)
	}
	_, _ = io.WriteString(r.to.terminal(), out.String()) // a terminal that is gone has nobody to tell
}

// close takes the region away.
func (r *drawing) close() {
	r.to.divert(nil)
	r.draw(nil)
}

// divertedWriter is a writer whose output may be led elsewhere for a time.
type divertedWriter struct {
	to io.Writer

	mu        sync.Mutex
	elsewhere io.Writer
}

func (d *divertedWriter) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return cmp.Or(d.elsewhere, d.to).Write(b)
}

func (d *divertedWriter) divert(to io.Writer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.elsewhere = to
}

// terminal is where it writes in the end.
func (d *divertedWriter) terminal() io.Writer {
	if f := fileOf(d.to); f != nil {
		return f
	}
	return d.to
}
