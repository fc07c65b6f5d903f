package main

import (
	"errors"
	"net/http"

	"github.com/spf13/cobra"
)

// pretendAWS answers in place of AWS.
type pretendAWS interface {
	Do(*http.Request) (*http.Response, error)
	DefaultRegion() string
	DefaultAccessKeyID() string
}

// readOptions are the options of the verbs that read AWS and compare.
type readOptions struct {
	fleetOptions
	paceOptions
	outputOptions
	shardOptions
	metricsFile string
	simulate    string
	world       pretendAWS // what to simulate, when it is not made from a file
}

func (o *readOptions) bind(cmd *cobra.Command) {
	o.fleetOptions.bind(cmd)
	o.paceOptions.bind(cmd)
	o.outputOptions.bind(cmd)
	o.shardOptions.bind(cmd)
	cmd.Flags().StringVar(&o.metricsFile, "metrics-file", "", "leave metrics of the run in this `FILE` for the node exporter's text file collector")
	cmd.Flags().StringVar(&o.simulate, "simulate", "", "use the built-in simulator instead of AWS, with the world of `SCENARIO`, as --simulate=FILE; alone, the demo's world and fleet")
	cmd.Flags().Lookup("simulate").NoOptDefVal = builtInScenario
}

func (o *readOptions) check() error {
	return errors.Join(o.paceOptions.check(), o.outputOptions.check(), o.shardOptions.check())
}

func newPlan(a *app) *cobra.Command {
	var o readOptions
	var detailed bool
	var out string
	cmd := &cobra.Command{
		Use:   "plan [PATH...]",
		Short: "Show what apply would do; never writes",
		Long: `Read the fleet files and what AWS holds, and show the difference, what closing
it would cost, and which file and line asked for it. plan has no way to write:
its AWS client refuses every operation that is not a read.

With --out the plan is saved as well, for "apply PLANFILE": what one person has
approved is then exactly what is done.`,
		Example: `  eventinvoke plan fleet.yaml
  eventinvoke plan fleet.yaml --out plan.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.readOnly(cmd.Context(), "plan", args, &o, readRun{tellDifferences: detailed, out: out})
		},
	}
	o.bind(cmd)
	cmd.Flags().StringVar(&out, "out", "", "save the plan to this `FILE`, for apply")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when there are differences, as audit does")
	return cmd
}
