package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newAudit(a *app) *cobra.Command {
	var o readOptions
	cmd := &cobra.Command{
		Use:   "audit [PATH...]",
		Short: "Exit 2 when anything has drifted; never writes",
		Long: `The same road as plan, for schedules and compliance: exit 0 when everything that
was declared is in sync, 2 when something differs, 3 when something could not be
read. audit has no way to write.`,
		Example: `  eventinvoke audit fleet.yaml
  eventinvoke audit fleet.yaml -o json --output-file report.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.readOnly(cmd.Context(), "audit", args, &o, readRun{tellDifferences: true})
		},
	}
	o.bind(cmd)
	return cmd
}

// readRun is what plan and audit do differently at the end of their road.
type readRun struct {
	tellDifferences bool   // exit 2 where something differs
	out             string // save the plan to this file; "" for not
}

// readOnly is the road of plan and audit: it ends at the plan.
func (a *app) readOnly(ctx context.Context, verb string, args []string, o *readOptions, run readRun) error {
	save, err := openPlanFile(run.out, args)
	if err != nil {
		return err
	}
	if save != nil {
		defer save.drop()
	}
	p, err := a.begin(ctx, verb, o, fromFiles(args, readersOnly))
	if err != nil {
		return err
	}
	defer p.close()
	p.survey(reconcile.LookForOrphans)
	if err := p.report(); err != nil {
		return err
	}
	if save != nil {
		if err := p.savePlan(save); err != nil {
			return err
		}
	}
	return verdictError(readVerdict(p.ctx, &p.plan, p.fleet.MissingFunctions, run.tellDifferences))
}

// verdictError is nil for a clean end, so that cobra sees success.
func verdictError(code exitCode) error {
	if code == exitOK {
		return nil
	}
	return code
}
