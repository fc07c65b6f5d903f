package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/report"
)

// What is said after the question begins a line of its own, however the answer ended.
func TestTheQuestionHasItsLine(t *testing.T) {
	for answer, want := range map[string]bool{"": false, "no": false, "yes": true, "yes\n": true, "no\n": false} {
		var errs bytes.Buffer
		a := &app{streams: streams{in: strings.NewReader(answer), err: &errs}}
		if got := a.ask(t.Context(), "Apply?", report.TextOptions{}); got != want {
			t.Errorf("%q is %t", answer, got)
		}
		screen := errs.String()
		if strings.HasSuffix(answer, "\n") {
			screen += "\n" // which the terminal has shown
		}
		if !strings.HasSuffix(screen, "continue: \n") {
			t.Errorf("after %q: %q", answer, screen)
		}
	}
}
