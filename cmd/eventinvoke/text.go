package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/report"
)

// shellWord is s as one word of a POSIX shell, for commands that people copy.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, shellPlain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// shellPlain are characters that no shell gives a meaning.
const shellPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"

// sanitize spells out what a terminal would act on, as reports do: names of files
// and functions come from elsewhere. Line ends stay.
func sanitize(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = report.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// bindFormat binds the --output of the verbs that make no report of a run.
func bindFormat(cmd *cobra.Command, format *string) {
	bindChoice(cmd, format, "output,o", "`FORMAT` of the result: text or json", "text", "json")
}
