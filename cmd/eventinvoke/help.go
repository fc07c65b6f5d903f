package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Help begins with what can be typed: an example is read before any text.
const helpTemplate = `{{with .Example}}{{. | trimTrailingWhitespaces}}

{{end}}{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}
{{if .HasAvailableSubCommands}}
Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
Flags of every verb:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableSubCommands}}
"{{.CommandPath}} COMMAND --help" says more about one.
{{end}}`

// exitMeanings is the exit codes as users are told of them.
var exitMeanings = []struct {
	code    int
	meaning string
}{
	{exitOK, "in sync, or all applied"},
	{exitError, "an error before anything was changed: bad input, no credentials, nothing readable"},
	{exitDifferences, "differences, or lost events, found (audit; plan --detailed-exitcode)"},
	{exitPartial, "partial: some were applied or read, some were not; also when the --timeout left work undone"},
	{exitGuard, "the guard stopped the run; nothing was written"},
	{exitHeld, "another run holds the lease of a target; nothing was written"},
	{exitStale, "every change of a saved plan is stale; nothing was written"},
	{exitHangup, "the terminal went away (SIGHUP); calls in flight were finished"},
	{exitInterrupted, "interrupted (SIGINT); the same"},
	{exitTerminated, "terminated (SIGTERM); the same"},
}

func exitCodesHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitMeanings {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}
	return b.String()
}

// newHelp refuses a verb that does not exist, as the verb itself would be.
func newHelp(*app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Help about a verb",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, _, err := cmd.Root().Find(args)
			if err == nil && about == cmd.Root() {
				err = knownVerb(about, args)
			}
			if err != nil {
				return err
			}
			return about.Help()
		},
	}
}

// variableOf is the environment variable that sets a flag.
func variableOf(flag string) string {
	return "EVENTINVOKE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

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
