package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

func newHistory(a *app) *cobra.Command {
	var past historyOptions
	var format string
	var o history.ListOptions
	var full bool
	cmd := &cobra.Command{
		Use:   "history [RUN]",
		Short: "List the runs that wrote, or show one",
		Long: `List the runs that wrote, newest first, or show one: who ran it, from which
files, and what became of each change. RUN is an id, the beginning of one, or
latest (the latest that wrote). Exit code 3: shards of the run are missing or
did not finish.`,
		Example: `  eventinvoke history
  eventinvoke history latest -o json
  eventinvoke history verify`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Limit < 0 {
				return fmt.Errorf("--limit %d is negative; 0 lists all", o.Limit)
			}
			if len(args) > 0 {
				err := a.showRun(cmd.Context(), args[0], format, past.location, full)
				if near := cmd.SuggestionsFor(args[0]); err != nil && args[0] != "" && len(near) > 0 {
					err = errors.Join(err, fmt.Errorf("(or did you mean `eventinvoke history %s`?)", near[0]))
				}
				return err
			}
			h, err := history.Open(cmd.Context(), past.location)
			if err != nil {
				return err
			}
			return a.listRuns(cmd.Context(), h, o, format)
		},
	}
	past.bind(cmd)
	bindFormat(cmd, &format)
	cmd.Flags().IntVar(&o.Limit, "limit", 20, "list at most `N` runs; 0: all")
	cmd.Flags().BoolVar(&full, "full", false, "list every function of a block, not a few")
	cmd.Flags().BoolVar(&o.All, "all", false, "list also the runs that wrote nothing")
	cmd.AddCommand(newVerify(a), newPrune(a), newTrend(a))
	return cmd
}

func newVerify(a *app) *cobra.Command {
	var past historyOptions
	var format string
	var known, signers string
	cmd := &cobra.Command{
		Use:   "verify [RUN]",
		Short: "Find out whether records and journals were changed since",
		Long: `Say of each run whether its record and journal are what they were when it
ended: verified, pending (at work, or died last), unverified (older than the
chain) or broken, with the file. With --allowed-signers, also who signed. Exit
code 3: something is broken, or a run wrote and no signature covers it.

The last line is the sum at the end of the chain. Keep it where whoever writes
to the history cannot, and give it as --known later.`,
		Example: `  eventinvoke history verify
  eventinvoke history verify --allowed-signers signers`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := history.Open(cmd.Context(), past.location)
			if err != nil {
				return err
			}
			if signers != "" {
				allowed, err := readAllowed(signers)
				if err != nil {
					return err
				}
				h.SignedBy = allowed.Verify
			}
			if len(args) == 0 {
				v, err := h.VerifyAll(cmd.Context(), known)
				if err != nil {
					return err
				}
				return a.showVerification(v, format)
			}
			if known != "" {
				return errors.New("--known is about the whole chain; leave out RUN")
			}
			verdict, err := h.Verify(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.showVerification(history.Verification{Runs: []history.Verdict{verdict}, Chain: []history.Discrepancy{}}, format)
		},
	}
	past.bind(cmd)
	bindFormat(cmd, &format)
	cmd.Flags().StringVar(&known, "known", "", "the `SUM` of an earlier verify, which must be in the chain")
	cmd.Flags().StringVar(&signers, "allowed-signers", "", "say who signed; `FILE` lists who may, as for ssh-keygen -Y")
	return cmd
}

func (a *app) showVerification(v history.Verification, format string) error {
	broken := slice.Map(v.Chain, func(b history.Discrepancy) error { return fmt.Errorf("%s: %s", b.Where, b.What) })
	for _, r := range v.Runs {
		if r.Trust == history.Broken || r.Unvouched {
			broken = append(broken, fmt.Errorf("run %s is %s%s", r.RunID, r.Trust, signatureText(&r)))
		}
	}
	if format == "json" {
		document := struct {
			FormatVersion int `json:"format_version"`
			history.Verification
		}{report.FormatVersion, v}
		if err := report.WriteJSON(a.out, document); err != nil {
			return err
		}
	} else {
		for _, b := range v.Chain {
			say(a.out, "%s: %s", b.Where, b.What)
		}
		for _, r := range v.Runs {
			say(a.out, "%s: %s%s", r.RunID, r.Trust, signatureText(&r))
			for _, b := range r.Discrepancies {
				say(a.out, "  %s: %s", b.Where, b.What)
			}
		}
		if v.End != "" {
			say(a.out, "Keep this sum elsewhere: verify --known SUM tells later whether all of this is still there.\nThe chain ends with %s", v.End)
		}
	}
	if format != "json" {
		return partly(nil, len(broken) > 0, nil)
	}
	return partly(nil, len(broken) > 0, a.closing(broken...))
}

// signatureText says who signed a run, where that was asked.
func signatureText(v *history.Verdict) string {
	switch by := strings.Join(v.SignedBy, ", "); {
	case v.Signature == "" || v.Signature == history.Wrong: // which a breach tells
		return ""
	case v.Signature == history.Signed:
		return ", signed by " + by
	case v.Signature == history.Covered:
		return ", covered by a later signature"
	case by != "":
		return ", signed in part by " + by
	}
	return ", unsigned"
}

func newPrune(a *app) *cobra.Command {
	var past historyOptions
	var keep string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "prune --keep DURATION",
		Short: "Remove old runs",
		Long: `Remove the records and journals of runs older than --keep, which can then not
be rolled back. The last run that wrote to each target stays.`,
		Example: "  eventinvoke history prune --keep 90d",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			age, err := parseAge(keep)
			if err == nil && !dryRun {
				err = past.signing.open(past.location)
			}
			if err != nil {
				return err
			}
			h, err := history.Open(cmd.Context(), past.location)
			if err != nil {
				return err
			}
			if dryRun {
				runs, size, err := h.Prunable(cmd.Context(), time.Now().Add(-age))
				for _, run := range runs {
					say(a.out, "Would remove %s", run)
				}
				if err == nil {
					say(a.out, "%s would be removed, of %d bytes.", count(len(runs), "run", "runs"), size)
				}
				return err
			}
			h.Sign = past.signing.sign
			removed, err := h.Prune(cmd.Context(), time.Now().Add(-age))
			for _, run := range removed {
				say(a.out, "Removed %s", run)
			}
			if err == nil {
				say(a.out, "%s removed.", count(len(removed), "run", "runs"))
			}
			return err
		},
	}
	past.bind(cmd)
	past.signing.bind(cmd)
	cmd.Flags().StringVar(&keep, "keep", "", "keep what is younger than this `DURATION`, such as 90d or 2160h")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list what would go")
	return cmd
}

func newTrend(a *app) *cobra.Command {
	var past historyOptions
	var format string
	var last int
	var full bool
	cmd := &cobra.Command{
		Use:   "trend",
		Short: "Show drift over the last audits",
		Long: `Show what the last audits found in each target, and which configs drift since
when. An audit is remembered where it was given --history.`,
		Example: `  eventinvoke history trend
  eventinvoke history trend --last 30 -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 1 {
				return fmt.Errorf("--last %d must be at least 1", last)
			}
			h, err := history.Open(cmd.Context(), past.location)
			if err != nil {
				return err
			}
			trends, damaged, err := h.Trends(cmd.Context(), last)
			switch {
			case err != nil:
				return err
			case format == "json":
				return report.TrendsJSON(a.out, trends, damaged)
			}
			return report.TrendsText(a.out, "audit"+historyFlag(h.String()), trends, damaged, (&outputOptions{full: full}).text(a.out))
		},
	}
	past.bind(cmd)
	bindFormat(cmd, &format)
	cmd.Flags().IntVar(&last, "last", 10, "show at most `N` audits of each target")
	cmd.Flags().BoolVar(&full, "full", false, "list every config that drifts, not a few")
	return cmd
}

// parseAge is a duration that may be in days, which Go has none of.
func parseAge(s string) (time.Duration, error) {
	age, err := time.ParseDuration(s)
	if days, is := strings.CutSuffix(s, "d"); is {
		n, failed := strconv.ParseUint(days, 10, 16)
		age, err = time.Duration(n)*24*time.Hour, failed
	}
	if err != nil || age <= 0 {
		return 0, fmt.Errorf("--keep %q is not a duration; write days or hours, such as 90d or 2160h", s)
	}
	return age, nil
}

func (a *app) listRuns(ctx context.Context, h *history.History, o history.ListOptions, format string) error {
	listed, err := h.List(ctx, o)
	if err != nil {
		return err
	}
	runs := make([]report.PastRun, len(listed))
	for i := range listed {
		if runs[i].Run = listed[i]; unfinished(&listed[i]) {
			runs[i].Journal, _ = h.Traces(ctx, listed[i].ID) // a damaged one hides no run
		}
	}
	switch {
	case format == "json":
		return report.RunsJSON(a.out, runs)
	case len(runs) == 0:
		say(a.out, "No run wrote anything. --all lists the others.")
		return nil
	}
	return report.RunsText(a.out, runs, (&outputOptions{}).text(a.out))
}

// incomplete is the end of a verb that showed a run which did not come to its end.
func incomplete(run report.PastRun, seen bool) error {
	why := run.Incomplete()
	if why == "" || seen {
		return partly(nil, why != "", nil)
	}
	return partly(nil, true, fmt.Errorf("run %s: %s", run.Run.ID, why))
}

func (a *app) showRun(ctx context.Context, name string, format string, location string, full bool) error {
	run, damaged, err := pastRun(ctx, name, location)
	if err != nil {
		return err
	}
	if format == "json" {
		err = report.RunJSON(a.out, run)
	} else {
		err = report.RunText(a.out, run, (&outputOptions{full: full}).text(a.out))
	}
	if err := errors.Join(err, damaged); err != nil {
		return err
	}
	return incomplete(run, format != "json")
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
	runs, err := h.List(cmd.Context(), history.ListOptions{Limit: 20, All: true})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ids := []string{"latest"}
	for i := range runs {
		ids = append(ids, cobra.CompletionWithDesc(runs[i].ID, string(runs[i].State())))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// historyFlag is --history as it was given, for a command to be copied.
func historyFlag(location string) string {
	if location == "" {
		return ""
	}
	return " --history " + shellWord(location)
}
