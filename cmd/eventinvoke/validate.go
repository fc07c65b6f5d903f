package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newValidate(a *app) *cobra.Command {
	var o fleetOptions
	var format string
	var strict bool
	cmd := &cobra.Command{
		Use:        "validate [PATH...]",
		SuggestFor: []string{"lint", "verify"},
		Short:      "Check fleet files offline: every problem at once",
		Long: `Show every problem with its place, its code and how to fix it. What only AWS
knows is left to plan.`,
		Example: `  eventinvoke validate fleet.yaml
  eventinvoke validate 'fleet/**/*.yaml' -o github`,
		RunE: func(_ *cobra.Command, args []string) error {
			checked, err := a.validate(args, o.selection())
			if err != nil {
				return err
			}
			wrong := checked.problems
			run := &report.Run{Verb: "validate", Warnings: checked.fleet.Warnings}
			if n := len(run.Warnings); wrong == nil && strict && n > 0 {
				wrong, checked.strict = run.Warnings, true
				run.Refused = fmt.Errorf("%w: %d of them", reconcile.ErrStrict, n)
			}
			run.Checked = checked.summary()
			if checked.problems != nil { // a nil of that type is an error too
				run.Err = checked.problems
			}
			a.summarize(run)
			switch format {
			case "json":
				err = checked.json(a)
			case "github":
				err = report.GitHub(a.out, run)
			default:
				checked.text(a)
			}
			if format == "text" {
				return unusable(err, len(wrong) > 0, nil)
			}
			return unusable(err, len(wrong) > 0, a.closing(each(wrong)...))
		},
	}
	o.bind(cmd)
	bindChoice(cmd, &format, "output,o", "`FORMAT` of the result: text, json or github", "text", "json", "github")
	bindStrict(cmd, &strict)
	return cmd
}

// checked is what validate found.
type checked struct {
	files    []desired.FileInfo
	fleet    desired.Fleet
	targets  int
	declared bool // the files name their targets; else it is the one of the credentials
	// organizations are those whose accounts only a run asks for.
	organizations int
	rules         bool             // some keys are only known to AWS
	problems      desired.Problems // errors: the files cannot be used
	strict        bool             // there are none, but warnings, which count as errors
}

// validate separates what is wrong with the files, which is its result, from
// what is wrong with the call, which is an error.
func (a *app) validate(args []string, selection desired.Selection) (checked, error) {
	var c checked
	doc, err := a.load(args, 0)
	if err == nil {
		c.files = doc.Files()
		for _, n := range doc.Discoveries(desired.Target{}, desired.Selection{}) {
			c.rules = c.rules || n.ListFunctions
		}
		if c.fleet, err = doc.Resolve(desired.Target{}, nil, selection); err == nil {
			err = doc.Expired(time.Now())
		}
		c.targets, c.declared = 1, doc.DeclaresTargets()
		if c.declared {
			c.targets = 0
			for _, t := range c.fleet.Targets {
				if !t.Unlisted {
					c.targets++
				}
			}
		}
		c.organizations = len(doc.Organizations())
	}
	if err != nil && !errors.As(err, &c.problems) {
		return checked{}, err
	}
	return c, nil
}

// each is problems as errors of their own.
func each(all desired.Problems) []error {
	return slice.Map(all, func(p desired.Problem) error { return p })
}

func (c checked) text(a *app) {
	for _, p := range c.problems {
		say(a.out, "%s", p.Error())
	}
	for _, w := range c.fleet.Warnings {
		say(a.out, "warning: %s", w.Error())
	}
	say(a.out, "%s", c.summary())
}

// summary is what it all comes to.
func (c checked) summary() string {
	if c.problems != nil {
		return count(len(c.problems), "problem", "problems") + "; `eventinvoke explain CODE` has the long text of each."
	}
	if c.strict {
		return count(len(c.fleet.Warnings), "warning", "warnings") + "; --strict takes warnings for errors."
	}
	where := "the target of the credentials"
	if c.declared {
		where = count(c.targets, "target", "targets")
	}
	if c.organizations > 0 {
		where += " and those of " + count(c.organizations, "organization", "organizations")
	}
	if c.rules {
		where += ", and rules choose more from what exists"
	}
	return fmt.Sprintf("Valid: %s in %s, %s.", count(c.fleet.Configs(), "exact config", "exact configs"), count(len(c.files), "file", "files"), where)
}

func (c checked) json(a *app) error {
	document := struct {
		FormatVersion int               `json:"format_version"`
		Valid         bool              `json:"valid"`
		Files         []string          `json:"files"`
		Configs       int               `json:"configs"`
		Targets       int               `json:"targets"`
		Organizations int               `json:"organizations"` // whose accounts only a run asks for
		Rules         bool              `json:"rules"`
		Problems      []desired.Problem `json:"problems"`
	}{FormatVersion: 1, Valid: c.problems == nil && !c.strict, Files: pathsIn(c.files), Configs: c.fleet.Configs(), Targets: c.targets, Organizations: c.organizations, Rules: c.rules, Problems: []desired.Problem{}}
	document.Problems = append(append(document.Problems, c.problems...), c.fleet.Warnings...)
	return report.WriteJSON(a.out, document)
}

// count is "1 file" or "3 files".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
