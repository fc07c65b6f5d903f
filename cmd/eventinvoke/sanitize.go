package main

import (
	"strings"

	"github.com/eventinvoke/eventinvoke/internal/report"
)

// sanitize spells out what a terminal would act on, as reports do: names of files
// and functions come from elsewhere. Line ends stay.
func sanitize(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = report.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}
