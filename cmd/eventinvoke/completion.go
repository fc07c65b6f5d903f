package main

import (
	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
)

// completeTargets offers the labels and ACCOUNT/REGION names of the fleet files
// on the command line. Files that do not load offer nothing: a shell is no
// place for their problems.
func completeTargets(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	doc, err := desired.LoadFiles(pathsOr(args)...)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	targets, err := doc.Targets(desired.Target{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, t := range targets {
		if t.Label != "" {
			names = append(names, cobra.CompletionWithDesc(t.Label, t.Target.String()))
		}
		names = append(names, t.Target.String())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
