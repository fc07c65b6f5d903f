package main

import (
	"fmt"
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

// resultFormat is the --output of the verbs that make no report of a run: text
// or json.
type resultFormat string

func (f *resultFormat) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP((*string)(f), "output", "o", "text", "`FORMAT` of the result: text or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f resultFormat) check() error {
	if f != "text" && f != "json" {
		return fmt.Errorf("--output %q is not known; use text or json", string(f))
	}
	return nil
}
