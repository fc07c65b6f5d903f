package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/destination"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// insightsFlag says whether a run learns more about its plan than Lambda tells. Left
// empty, as by verbs without the flag, it is off.
type insightsFlag string

var insightPolicies = map[insightsFlag]reconcile.InsightPolicy{
	"auto": reconcile.InsightsAuto, "on": reconcile.InsightsRequired, "off": reconcile.InsightsOff, "": reconcile.InsightsOff,
}

func (f *insightsFlag) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar((*string)(f), "insights", "auto", "learn also what Lambda does not tell, such as whether destinations exist: `WHEN` is auto (what cannot be learnt is told), on (exit 3 then) or off (no such calls)")
	_ = cmd.RegisterFlagCompletionFunc("insights", cobra.FixedCompletions([]string{"auto", "on", "off"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f insightsFlag) check() error {
	if _, known := insightPolicies[f]; !known {
		return fmt.Errorf("--insights %q is not known; use auto, on or off", string(f))
	}
	return nil
}

// policy is what the flag asks of a run.
func (f insightsFlag) policy() reconcile.InsightPolicy { return insightPolicies[f] }

// annotators are all that know something about a plan.
func annotators() []reconcile.Annotator { return []reconcile.Annotator{destination.Annotator{}} }
