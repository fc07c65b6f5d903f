package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
)

func newAudit(a *app) *cobra.Command {
	var o readOptions
	cmd := &cobra.Command{
		Use:        "audit [PATH...]",
		SuggestFor: []string{"check", "drift", "status"},
		Short:      "Exit with 2 when anything has drifted; never writes",
		Long: `Compare like plan, for schedules: exit code 0 when all is in sync, 2 when
something differs, 3 when something could not be read. With --history it
remembers what it found, for "history trend".`,
		Example: `  eventinvoke audit fleet.yaml
  eventinvoke audit fleet.yaml -o json --output-file report.json
  eventinvoke audit fleet.yaml --history audits`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.audit(cmd.Context(), args, &o)
		},
	}
	o.bind(cmd)
	o.reading.bind(cmd, readAll, readChanged)
	o.remembered.bindOptional(cmd, "remember what was found")
	o.remembered.signing.bind(cmd)
	return cmd
}

func (a *app) audit(ctx context.Context, args []string, o *readOptions) error {
	if err := o.remembered.signing.open(cmp.Or(o.remembered.location, noHistory)); err != nil {
		return err
	}
	return a.execute(ctx, "audit", o, func(x *execution) error {
		x.LookForOrphans = true
		x.about = aboutDifferences
		if err := x.lookBack(ctx, o.remembered.location); err != nil {
			a.log.Warn("this audit is not remembered as it should be; its result stands", "history", awslambda.RedactURL(o.remembered.location), "why", err.Error())
		} else if x.past != nil {
			x.memory = a.memory(x.past, &o.remembered, o)
		}
		if err := x.fromFleet(ctx, args); err != nil {
			return err
		}
		return x.recall(ctx, o.located(o.remembered.location))
	})
}
