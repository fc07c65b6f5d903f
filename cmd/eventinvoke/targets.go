package main

import (
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/report"
)

func newTargets(a *app) *cobra.Command {
	var shards shardOptions
	var format string
	var options readOptions // of the question which accounts an organization has
	cmd := &cobra.Command{
		Use:   "targets [PATH...]",
		Short: "List the accounts and regions of a fleet",
		Long: `List the accounts and regions that the fleet files declare, and ask AWS
Organizations where they leave the accounts to it. As JSON it is the input of a
Step Functions Distributed Map.`,
		Example: `  eventinvoke targets fleet.yaml
  eventinvoke targets fleet.yaml -o json --shard 0/4`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := shards.check(); err != nil {
				return err
			}
			doc, err := a.loadFor(cmd.Context(), args, &options)
			if err != nil {
				return err
			}
			targets, err := doc.Targets(desired.Target{})
			if err != nil {
				return err
			}
			mine := shards.owns(doc)
			targets = slices.DeleteFunc(targets, func(t desired.TargetSpec) bool { return !mine(t.Target) })
			if format == "json" {
				return a.targetsJSON(targets)
			}
			return a.targetsText(targets)
		},
	}
	shards.bind(cmd)
	bindFormat(cmd, &format)
	bindSimulate(cmd, &options.simulate)
	return cmd
}

// declaredIn are the targets that a document declares; none where it leaves them to the
// current credentials.
func declaredIn(document *desired.Document) []desired.TargetSpec {
	if !document.DeclaresTargets() {
		return nil
	}
	all, _ := document.Targets(desired.Target{}) // fails only where none is declared
	return all
}

func (a *app) targetsJSON(targets []desired.TargetSpec) error {
	type item struct {
		Target  string `json:"target"` // what --target takes
		Label   string `json:"label"`
		Account string `json:"account"`
		Region  string `json:"region"`
	}
	items := make([]item, 0, len(targets))
	for _, t := range targets {
		items = append(items, item{Target: t.Target.String(), Label: t.Label, Account: t.Account, Region: t.Region})
	}
	return report.WriteJSON(a.out, items)
}

func (a *app) targetsText(targets []desired.TargetSpec) error {
	table := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	for _, t := range targets {
		fmt.Fprintf(table, "%s\t%s\t%s\n", t.Target, sanitize(t.Label), sanitize(t.RoleARN))
	}
	return table.Flush()
}
