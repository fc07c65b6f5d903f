package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

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

func writeJSON(out io.Writer, document any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}
