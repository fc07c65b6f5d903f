package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
)

// explainOptions are the options of explain.
type explainOptions struct {
	live     bool
	simulate string
	format   resultFormat
	world    simulator // what to simulate, when it is not made from a file
}

// codeForm is how a problem code looks. A function of such a name is told apart
// by a qualifier: EI001:$LATEST.
var codeForm = regexp.MustCompile(`^(?i)EI[0-9]{3}$`)

func newExplain(a *app) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain KEY|CODE [PATH...]",
		Short: "Tell where each field of a key comes from, or what a problem code means",
		Long: `For a key: every place that spoke about each of its fields, with file and line,
strongest first, and which one won. KEY is NAME or NAME:QUALIFIER, meant in every
target, either with LABEL/ or ACCOUNT/REGION/ before it, or any form of function
ARN. No network is used: what rules say holds if the function exists, and rules
that choose by tags are left out. With --live tags are looked up, and the value
that AWS holds stands beside the declared one; it costs one read per target, and
nothing is written.

For a code, such as EI001: what it means, why it is refused, and the smallest
example of it, wrong and right.`,
		Example: `  eventinvoke explain orders:live fleet.yaml --live
  eventinvoke explain EI001`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeKeysAndCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			if codeForm.MatchString(args[0]) {
				return a.explainCode(strings.ToUpper(args[0]), o.format)
			}
			return a.explainKey(cmd.Context(), args[0], args[1:], &o)
		},
	}
	cmd.Flags().BoolVar(&o.live, "live", false, "also read from AWS what each field is now")
	cmd.Flags().StringVar(&o.simulate, "simulate", "", "with --live: read the built-in simulator instead of AWS, with the world of `SCENARIO`, as --simulate=FILE; alone, the demo's world and fleet")
	cmd.Flags().Lookup("simulate").NoOptDefVal = builtInScenario
	o.format.bind(cmd)
	return cmd
}

func (o *explainOptions) check(args []string) error {
	if err := o.format.check(); err != nil {
		return err
	}
	switch code := codeForm.MatchString(args[0]); {
	case code && (len(args) > 1 || o.live):
		return fmt.Errorf("%s is a problem code, and the same for every fleet: leave out paths and --live; a function of that name is %s:$LATEST", args[0], args[0])
	case !code && o.simulate != "" && !o.live:
		return errors.New("without --live nothing is read that could be simulated: add --live, or leave out --simulate")
	}
	return nil
}

func (a *app) explainCode(code string, format resultFormat) error {
	e, ok := desired.Explain(code)
	if !ok {
		codes := desired.Codes()
		return fmt.Errorf("there is no problem code %s; they run from %s to %s", code, codes[0], codes[len(codes)-1])
	}
	if format == "json" {
		return writeJSON(a.out, struct {
			FormatVersion int    `json:"format_version"`
			Code          string `json:"code"`
			Severity      string `json:"severity"`
			Title         string `json:"title"`
			Text          string `json:"text"`
			Wrong         string `json:"wrong"`
			Right         string `json:"right"`
		}{1, e.Code, string(e.Severity), e.Title, strings.TrimSpace(e.Text), e.Wrong, e.Right})
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

// completeKeysAndCodes offers what the first argument can be: the keys of the
// fleet file that is read without a path, and the codes. Paths follow it.
func completeKeysAndCodes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	all := declaredKeys(defaultPath)
	for _, code := range desired.Codes() {
		e, _ := desired.Explain(code)
		all = append(all, cobra.CompletionWithDesc(code, e.Title))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// declaredKeys are the exact keys of a fleet file, each once, however many
// targets have it. A file that does not load has none: a shell is no place for
// its problems.
func declaredKeys(path string) []string {
	doc, err := desired.LoadFiles(path)
	if err != nil {
		return nil
	}
	fleet, err := doc.Resolve(desired.Target{}, nil, desired.Selection{})
	if err != nil {
		return nil
	}
	places := map[string]int{}
	var names []string
	for _, t := range fleet.Targets {
		for _, e := range t.Entries {
			name := e.Name.String()
			if places[name]++; places[name] == 1 {
				names = append(names, name)
			}
		}
	}
	for i, name := range names {
		names[i] = cobra.CompletionWithDesc(name, "declared in "+count(places[name], "target", "targets"))
	}
	return names
}
