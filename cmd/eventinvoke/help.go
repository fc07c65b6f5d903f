package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/report"
)

// writeHelp says what the verb is for, and then what can be typed. It is no template:
// those find methods by name, and then the linker keeps all there are.
func writeHelp(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	width := min(cmp.Or(pageColumns(out), helpColumns), helpColumns)
	// What somebody copies goes out as it is: a line end of ours in it would be copied too, while one
	// that the terminal makes is not.
	copied := func(text string) { _, _ = fmt.Fprintf(out, "%s\n", text) }
	prose := func(text string) {
		if width < helpColumns {
			text = paragraphs.ReplaceAllString(text, "$1 $2")
		}
		for line := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(line, "\t") { // a command in the library's own help
				copied(line)
			} else {
				_ = report.Lines(out, 0, line, report.TextOptions{Width: width})
			}
		}
	}
	prose(strings.TrimRight(cmp.Or(cmd.Long, cmd.Short), " \n") + "\n")
	if cmd.Example != "" {
		copied("Examples:\n" + cmd.Example + "\n")
	}
	if cmd.HasParent() {
		prose(exitCodesOf(cmd) + "\n")
	}
	copied(usageLines(cmd))
	prose(listsOf(cmd, width))
}

// paragraphs are where a line goes on below, which is not further in.
var paragraphs = regexp.MustCompile(`(\S)\n(\S)`)

// helpColumns is how wide help is, if the terminal is not narrower.
const helpColumns = 80

// blanks stand at the end of the rows that the library breaks.
var blanks = regexp.MustCompile(` +\n`)

// optionalValue is what the library shows of a value that may be left out: SCENARIO[="demo"].
var optionalValue = regexp.MustCompile(` (\w+)\[="?\w+"?\]`)

// optionalValues shows it as the pages do, [=SCENARIO], in as many columns.
func optionalValues(usage string) string {
	return optionalValue.ReplaceAllStringFunc(usage, func(shown string) string {
		return fmt.Sprintf("%-*s", len(shown), "[="+optionalValue.FindStringSubmatch(shown)[1]+"]")
	})
}

func writeUsage(cmd *cobra.Command) error {
	_, err := fmt.Fprintf(cmd.OutOrStderr(), "%s\n%s\n", usageLines(cmd), listsOf(cmd, helpColumns))
	return err
}

func usageLines(cmd *cobra.Command) string {
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() && cmd.Runnable() {
		line += "\n  " + cmd.CommandPath() + " COMMAND"
	} else if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " COMMAND"
	}
	return "Usage:\n  " + line
}

// listsOf are the commands and the flags that stand below how a verb is used.
func listsOf(cmd *cobra.Command, width int) string {
	var b strings.Builder
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() || c.Name() == "help" {
				fmt.Fprintf(&b, "\n  %-*s  %s", c.NamePadding(), c.Name(), c.Short)
			}
		}
		b.WriteString("\n")
	}
	for _, part := range []struct {
		title string
		flags *pflag.FlagSet
	}{{"Flags:", cmd.LocalFlags()}, {"Flags of every verb:", cmd.InheritedFlags()}} {
		if part.flags.HasAvailableFlags() {
			fmt.Fprintf(&b, "\n%s\n%s\n", part.title, strings.TrimRight(blanks.ReplaceAllString(optionalValues(part.flags.FlagUsagesWrapped(width)), "\n"), "\n"))
		}
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n`%s COMMAND --help` says more about one.\n", cmd.CommandPath())
	}
	return strings.TrimRight(b.String(), "\n")
}

// Verbs of the same exit codes.
var (
	verbsThatWrite = []string{"apply", "rollback"}
	verbsOfParts   = []string{"plan", "audit", "apply", "rollback", "history", "history verify", "show", "export", "adopt", "import", "explain"}
	verbsThatLast  = []string{"validate", "plan", "audit", "apply", "rollback", "history", "history verify", "history prune", "history trend",
		"show", "targets", "export", "adopt", "explain", "iam-policy", "demo"}
)

// exitMeanings is the exit codes as users are told of them, each with the verbs that
// can end with it; nil is all of them.
var exitMeanings = []struct {
	code    int
	meaning string
	verbs   []string
}{
	{exitOK, "in sync, or all applied", nil},
	{exitError, "nothing was changed: bad input, no credentials, nothing readable", nil},
	{exitDifferences, "something differs, or events are lost (audit; plan --detailed-exitcode)", []string{"plan", "audit"}},
	{exitPartial, "partial: some was applied or read, some was not (also after a --timeout)", verbsOfParts},
	{exitGuard, "the guard stopped the run; nothing was written", verbsThatWrite},
	{exitHeld, "another run holds the lease of a target; nothing was written", verbsThatWrite},
	{exitStale, "every change of a saved plan or rollback is stale; nothing was written", verbsThatWrite},
	{exitHangup, "the terminal went away (SIGHUP); calls in flight were finished", verbsThatLast},
	{exitInterrupted, "interrupted (SIGINT); the same", append(verbsThatLast, "serve", "lambda")}, // SIGHUP makes serve look
	{exitTerminated, "terminated (SIGTERM); the same", append(verbsThatLast, "serve", "lambda")},
	{exitUnread, "nobody reads the output any more (SIGPIPE); nothing was written", append(verbsThatLast, "import", "schema", "version")},
}

// exitCodesOf is the line of a verb's help that names its exit codes; what they mean,
// the help of the program says.
func exitCodesOf(cmd *cobra.Command) string {
	verb := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	var codes []string
	for _, e := range exitMeanings {
		if e.verbs == nil || slices.Contains(e.verbs, verb) {
			codes = append(codes, strconv.Itoa(e.code))
		}
	}
	return "Exit codes: " + strings.Join(codes, ", ") + fmt.Sprintf(" (see %s --help)", cmd.Root().Name())
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
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (verbs []string, _ cobra.ShellCompDirective) {
			if about, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, c := range about.Commands() {
					if c.IsAvailableCommand() {
						verbs = append(verbs, cobra.CompletionWithDesc(c.Name(), c.Short))
					}
				}
			}
			return verbs, cobra.ShellCompDirectiveNoFileComp
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
			what := t.Target.String()
			if t.Unlisted {
				what = "the accounts of an organization"
			}
			names = append(names, cobra.CompletionWithDesc(t.Label, what))
		}
		if !t.Unlisted {
			names = append(names, t.Target.String())
		}
	}
	return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
}
