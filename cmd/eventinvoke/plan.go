package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/planfile"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newPlan(a *app) *cobra.Command {
	var o readOptions
	var detailed bool
	var out string
	cmd := &cobra.Command{
		Use:        "plan [PATH...]",
		SuggestFor: []string{"diff", "preview"},
		Short:      "Show what apply would do; never writes",
		Long: `Show what differs, which line asks for it, and what correcting it would cost.
plan cannot write: its AWS client refuses every operation that is not a read.
--out saves the plan, for "apply PLANFILE" to make exactly these changes.`,
		Example: `  eventinvoke plan fleet.yaml
  eventinvoke plan fleet.yaml --out plan.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.plan(cmd.Context(), args, &o, detailed, out)
		},
	}
	// Of a command with others below it cobra offers these alone, and no file.
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	o.bind(cmd)
	o.reading.bind(cmd, readAll, readChanged)
	o.remembered.bindOptional(cmd, "look up since when something differs, and keep what --read changed needs,")
	cmd.Flags().StringVar(&out, "out", "", "save the plan to `FILE`, for apply")
	cmd.AddCommand(newPlanSign(a))
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit code 2 when something differs, as audit does")
	return cmd
}

func (a *app) plan(ctx context.Context, args []string, o *readOptions, detailed bool, out string) error {
	save, err := openPlanFile(out, args)
	if err != nil {
		return err
	}
	if save != nil {
		defer save.drop()
	}
	return a.execute(ctx, "plan", o, func(x *execution) error {
		x.LookForOrphans = true
		if detailed {
			x.about = aboutDifferences
		}
		if err := x.lookBack(ctx, o.remembered.location); err != nil {
			a.log.Warn("since when something differs is not known", "why", sanitize(err.Error()))
		}
		if save != nil {
			x.then = func(r *reconcile.RunResult) error {
				if err := x.savePlan(save, r, args); err != nil {
					return err
				}
				a.log.Info("plan saved", "file", out, "apply it with", "eventinvoke apply "+shellWord(out))
				return nil
			}
		}
		if err := x.fromFleet(ctx, args); err != nil {
			return err
		}
		if err := notAnInput("out", out, x.files); err != nil {
			return err
		}
		return x.recall(ctx, o.located(o.remembered.location))
	})
}

// openPlanFile opens where a plan is to be saved, so that a place that cannot
// be written costs no survey. It is nil for no place.
func openPlanFile(path string, args []string) (*outputFile, error) {
	switch {
	case path == "":
		return nil, nil
	case path == "-":
		return nil, errors.New("--out - is not supported: standard output is for the report; name a file, such as plan.json")
	case slices.Contains(pathsOr(args), "-"):
		return nil, errors.New("--out needs fleet files: apply checks that they have not changed, and cannot read standard input again; give their paths")
	}
	return openFor("out", path)
}

// savePlan writes the plan for a later apply. A plan of a part would be applied as
// if it were the whole.
func (x *execution) savePlan(out *outputFile, r *reconcile.RunResult, args []string) error {
	switch c := r.Plan.Counts(); {
	case c.NotExamined > 0:
		return fmt.Errorf("the plan was not saved: %s not examined, so it is incomplete; plan again with more time",
			count(c.NotExamined, "config was", "configs were"))
	case c.UnreadableTargets > 0:
		return fmt.Errorf("the plan was not saved: %s could not be read, so it is incomplete; fix that, or leave the target out with --target",
			count(c.UnreadableTargets, "target", "targets"))
	}
	saved := planfile.Saved{RunID: r.ID, ToolVersion: version, Created: r.Started, Files: x.files, Plan: r.Plan,
		MissingFunctions: r.Fleet.MissingFunctions, MissingQualifiers: r.Fleet.MissingQualifiers}
	if len(args) > 0 || x.o.simulate != builtInScenario { // whose fleet is in no folder
		saved.Paths = pathsOr(args)
	}
	if err := planfile.Encode(out, saved); err != nil {
		return fmt.Errorf("the plan was not saved: %w", err)
	}
	return out.commit()
}
