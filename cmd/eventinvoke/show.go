package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/planfile"
	"github.com/eventinvoke/eventinvoke/internal/report"
)

func newShow(a *app) *cobra.Command {
	var o outputOptions
	var past historyOptions
	cmd := &cobra.Command{
		Use:   "show PLANFILE|RUN",
		Short: "Show a saved plan or a past run, in any format",
		Long: `The report that plan or apply gave, as far as it is kept, without a call to AWS.
RUN is an id, the beginning of one, or latest; a file of that name is a saved
plan. Exit code 3: shards of the run are missing or unfinished.`,
		Example: `  eventinvoke show plan.json
  eventinvoke show latest -o html --output-file run.html`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			runs, _ := completeRuns(cmd, args, typed)
			return runs, cobra.ShellCompDirectiveDefault // a saved plan is a file
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.show(cmd.Context(), args[0], &o, past.location)
		},
	}
	o.bind(cmd)
	cmd.Flags().Lookup("quiet").Hidden = true // there is no progress to hide
	past.bind(cmd)
	return cmd
}

func (a *app) show(ctx context.Context, name string, o *outputOptions, location string) error {
	output, err := o.open(a.out)
	if err != nil {
		return err
	}
	defer output.drop()
	var run *report.Run
	var past report.PastRun // of no run where a plan is shown
	var damaged error
	render := func() error { return o.render(output, a.out, run, begun(o, output, run)) }
	if _, failed := os.Stat(name); failed == nil {
		run, err = showPlan(name)
	} else if past, damaged, err = pastRun(ctx, name, location); err == nil {
		run = report.Past(past)
		switch o.format {
		case "text":
			render = func() error { return report.RunText(output, past, o.text(a.out)) }
		case "html":
			if h, failed := history.Open(ctx, location); failed == nil {
				run.Trends, _, _ = h.Trends(ctx, trendAudits) // a plot of what there is
			}
		}
	}
	if err == nil {
		err = errors.Join(render(), damaged)
	}
	if err == nil {
		err = output.commit()
	}
	if err != nil {
		return err
	}
	a.written(o, run)
	if run.Saved {
		return nil
	}
	return incomplete(past, o.seen())
}

// begun is a stream that has told of a plan, where a stream was asked for.
func begun(o *outputOptions, output *outputFile, run *report.Run) *report.Stream {
	if o.format != "ndjson" {
		return nil
	}
	s := report.NewStream(output, run)
	s.Plan(run)
	return s
}

// showPlan is a saved plan as its report.
func showPlan(path string) (*report.Run, error) {
	saved, err := savedPlan(context.Background(), []string{path})
	if err != nil {
		return nil, err
	}
	if saved == nil {
		return nil, fmt.Errorf("%s is no saved plan; plan --out makes one, and plan shows what a fleet file would change", path)
	}
	return planReport(saved), nil
}

func planReport(saved *planfile.Saved) *report.Run {
	run := &report.Run{ID: saved.RunID, ToolVersion: saved.ToolVersion, Verb: "plan", Started: saved.Created, Surveyed: saved.Created, Part: true, Saved: true, ChangesOnly: saved.ChangesOnly, Plan: &saved.Plan}
	run.Fleet.Files = pathsIn(saved.Files)
	run.Fleet.Targets, run.Fleet.NoPolicies = len(saved.Plan.Targets), saved.ChangesOnly
	run.Fleet.MissingFunctions, run.Fleet.MissingQualifiers = saved.MissingFunctions, saved.MissingQualifiers
	for i := range saved.Plan.Targets {
		run.Fleet.Configs += saved.Plan.Targets[i].Declared
	}
	return run
}

// pastRun is a run as its record and its journal tell of it. A journal that cannot be
// read does not hide the record.
func pastRun(ctx context.Context, name, location string) (run report.PastRun, damaged, err error) {
	h, err := history.Open(ctx, location)
	if err != nil {
		return run, nil, err
	}
	if run.Run, err = h.Load(ctx, name); err != nil {
		return run, nil, err
	}
	undos, damaged := h.Traces(ctx, run.Run.ID)
	if slices.ContainsFunc(undos, func(u history.Trace) bool { return u.Wrote() }) {
		run.Undo = "eventinvoke rollback " + run.Run.ID + historyFlag(location)
	}
	if unfinished(&run.Run) {
		run.Journal = undos
	}
	return run, damaged, nil
}

// unfinished reports whether the journal of a run tells more than its record.
func unfinished(run *history.Run) bool {
	state := run.State()
	return state == history.Died || state == history.Running
}
