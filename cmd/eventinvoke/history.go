package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/report"
)

func newHistory(a *app) *cobra.Command {
	var place historyOptions
	var format resultFormat
	var limit int
	cmd := &cobra.Command{
		Use:   "history [RUN]",
		Short: "List the runs that wrote, or show one",
		Long: `List the runs that are remembered, newest first, or show one: who ran it and from
which files, what it planned, and what became of each change. Of a run that was
killed, its journal tells what it wrote. The shards of a run are shown as one, and
exit code 3 says that some are missing, or did not come to their end.

RUN is a run's id, the beginning of one, or latest.`,
		Example: `  eventinvoke history
  eventinvoke history latest -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.check(); err != nil {
				return err
			}
			h, err := history.Open(cmd.Context(), place.location)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.listRuns(cmd.Context(), h, limit, format)
			}
			return a.showRun(cmd.Context(), h, args[0], format, place.location)
		},
	}
	place.bind(cmd)
	format.bind(cmd)
	cmd.Flags().IntVar(&limit, "limit", 20, "list at most `N` runs; 0 lists all")
	return cmd
}

func (a *app) listRuns(ctx context.Context, h *history.History, limit int, format resultFormat) error {
	runs, err := h.List(ctx, limit)
	if err != nil && len(runs) == 0 {
		return err
	}
	// A record that cannot be read hides no other run.
	render := report.RunsText
	if format == "json" {
		render = report.RunsJSON
	}
	if shown := render(a.out, runs); shown != nil {
		return shown
	}
	return err
}

func (a *app) showRun(ctx context.Context, h *history.History, name string, format resultFormat, place string) error {
	whole, err := h.Load(ctx, name)
	if err != nil {
		return err
	}
	run := report.PastRun{Run: whole}
	// A journal that cannot be read does not hide the record.
	undos, damaged := h.Undo(ctx, whole.Run)
	if slices.ContainsFunc(undos, func(u history.Undo) bool { return u.Wrote() }) {
		run.Undo = "eventinvoke rollback " + whole.Run + historyFlag(place)
	}
	if state := whole.State(); state == history.Died || state == history.Running {
		run.Journal = undos
	}
	render := report.RunText
	if format == "json" {
		render = report.RunJSON
	}
	if err := errors.Join(render(a.out, run), damaged); err != nil {
		return err
	}
	if whole.Incomplete() != "" {
		return exitCode(exitPartial)
	}
	return nil
}

// completeRuns offers the ids of the last runs.
func completeRuns(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	location, err := cmd.Flags().GetString("history")
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	h, err := history.Open(cmd.Context(), location)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	runs, err := h.List(cmd.Context(), 20)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ids := []string{"latest"}
	for i := range runs {
		ids = append(ids, cobra.CompletionWithDesc(runs[i].Run, string(runs[i].State())))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
