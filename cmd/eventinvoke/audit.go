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
		Long: `Compare like plan, for schedules and compliance: exit 0 when everything that
was declared is in sync, 2 when something differs, 3 when something could not be
read. audit has no way to write.`,
		Example: `  eventinvoke audit fleet.yaml
  eventinvoke audit fleet.yaml -o json --output-file report.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.audit(cmd.Context(), args, &o)
		},
	}
	o.bind(cmd)
	return cmd
}

func (a *app) audit(ctx context.Context, args []string, o *readOptions) error {
	return a.execute(ctx, "audit", o, func(x *execution) error {
		x.Survey = []reconcile.SurveyOption{reconcile.LookForOrphans}
		x.tellDifferences = true
		return x.fromFleet(args)
	})
}
