package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// foreignFlags are flags that other tools have, and the one that stands for each here.
var foreignFlags = map[string]string{
	"auto-approve": "yes",
	"dryrun":       "dry-run",
	"force":        "yes",
	"json":         "output",
	"q":            "quiet",
}

// flagError says what is wrong with a flag in words of its own: those of the library
// speak of parsers.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var empty *pflag.ValueRequiredError
	switch {
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s %s", invalid.GetFlag().Name, wrongValue(invalid.GetFlag(), invalid.GetValue(), err))
	case errors.As(err, &empty):
		what, _ := pflag.UnquoteUsage(empty.GetFlag())
		return fmt.Errorf("--%s has no value; write --%s %s", empty.GetFlag().Name, empty.GetFlag().Name, what)
	case !errors.As(err, &unknown):
		return err
	}
	name, dashes := unknown.GetSpecifiedName(), "--"
	if len(name) == 1 {
		dashes = "-"
		if together := unknown.GetSpecifiedShortnames(); len(together) > 1 {
			name = together // a dash was forgotten
		}
	}
	text := fmt.Sprintf("there is no flag %s%s", dashes, name)
	if hint := hintFor(cmd, name); hint != "" {
		text += "; " + hint
	}
	return errors.New(text)
}

// hintFor is what to type in place of a flag that a verb does not have, and nothing that would be
// refused in its turn: what it has itself, or which verbs have what was meant.
func hintFor(cmd *cobra.Command, name string) string {
	_, takes, _ := strings.Cut(cmd.Use, " ")
	switch {
	case name == "v" || name == "version":
		return "use the verb version"
	case name == "detailed-exitcode" && cmd.Name() == "audit":
		return "audit ends with 2 when something differs"
	case (name == "f" || name == "file") && strings.HasPrefix(takes, "[PATH..."):
		return fmt.Sprintf("a path stands alone, as in: `%s fleet.yaml`", cmd.CommandPath())
	case name == "force" && hasFlag(cmd, "guard"):
		return "use --yes to write without asking, --guard off to lift the limits"
	case strings.HasPrefix(name, "dry") && cmd.Name() == "apply":
		return "plan shows what apply would do, and writes nothing"
	case strings.HasPrefix(name, "dry") && hasFlag(cmd, "apply"):
		return "nothing is written without --apply"
	}
	// The library knows near misses of verbs only.
	flags := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	var near []string
	if len(name) > 1 {
		near = flags.SuggestionsFor(name)
	}
	takers := verbsWith(cmd.Root(), name)
	if takers != nil { // it was not mistyped, though it may have been cut short
		near = slices.DeleteFunc(near, func(n string) bool { return !strings.HasPrefix(n, name) })
	}
	if len(near) > 0 {
		return "did you mean --" + strings.Join(near, " or --") + "?"
	}
	if takers == nil {
		if name = foreignFlags[name]; hasFlag(cmd, name) {
			return "use " + spelt(name)
		}
		takers = verbsWith(cmd.Root(), name)
	}
	if takers == nil {
		return ""
	}
	return whoTakes(takers, spelt(name))
}

// spelt is a flag as it is typed.
func spelt(name string) string {
	switch {
	case name == "output":
		return "-o json"
	case len(name) == 1:
		return "-" + name
	}
	return "--" + name
}

// hasFlag reports whether a verb has a flag by that name or letter.
func hasFlag(cmd *cobra.Command, name string) bool {
	f := cmd.Flag(name)
	if len(name) == 1 {
		f = cmd.Flags().ShorthandLookup(name)
	}
	return f != nil && !f.Hidden
}

// verbsWith are the verbs that have such a flag.
func verbsWith(cmd *cobra.Command, name string) (all []string) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && hasFlag(c, name) {
			all = append(all, strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" "))
		}
		all = append(all, verbsWith(c, name)...)
	}
	return all
}

// whoTakes is "apply and rollback take --yes".
func whoTakes(verbs []string, flag string) string {
	switch n := len(verbs); {
	case n == 1:
		return verbs[0] + " takes " + flag
	case n == 2:
		return verbs[0] + " and " + verbs[1] + " take " + flag
	case n > 3:
		verbs = append(verbs[:2:2], "others")
	}
	return fmt.Sprintf("%s, %s and %s take %s", verbs[0], verbs[1], verbs[2], flag)
}

// wrongValue says why a value is none of a flag's.
func wrongValue(f *pflag.Flag, value string, cause error) string {
	if choices, is := errors.AsType[choiceError](cause); is {
		return fmt.Sprintf("%q %v", value, choices)
	}
	want := map[string]string{
		"duration": "a duration: write a number and its unit, such as 30s or 10m",
		"positive": "a number above 0, such as 0.5 or 15",
		"int":      "a whole number",
		"bool":     "true or false",
	}[f.Value.Type()]
	if want == "" {
		want = "taken here"
	}
	return fmt.Sprintf("%q is not %s", value, want)
}
