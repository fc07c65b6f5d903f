package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
)

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain CODE",
		Short: "Tell what a problem code means and how to mend it",
		Long: `Print the long text of a problem code: what it means, why it is refused, and the
smallest example of it, wrong and right.`,
		Example: `  eventinvoke explain EI001
  eventinvoke explain ei030`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCodes,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.explainCode(strings.ToUpper(args[0]))
		},
	}
}

func completeCodes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var all []string
	for _, code := range desired.Codes() {
		e, _ := desired.Explain(code)
		all = append(all, cobra.CompletionWithDesc(code, e.Title))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) explainCode(code string) error {
	e, ok := desired.Explain(code)
	if !ok {
		codes := desired.Codes()
		return fmt.Errorf("there is no problem code %s; they run from %s to %s", code, codes[0], codes[len(codes)-1])
	}
	fmt.Fprintf(a.out, "%s (%s): %s\n\n%s\n", e.Code, e.Severity, e.Title, strings.TrimSpace(e.Text))
	example := func(title, text string) {
		if text = strings.TrimRight(text, "\n"); text != "" {
			fmt.Fprintf(a.out, "\n%s:\n\n    %s\n", title, strings.ReplaceAll(text, "\n", "\n    "))
		}
	}
	example("Wrong", e.Wrong)
	example("Right", e.Right)
	return nil
}
