package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newApply(a *app) *cobra.Command {
	var o readOptions
	var yes bool
	cmd := &cobra.Command{
		Use:   "apply [PATH...]",
		Short: "Plan, guard, apply and verify",
		Long: `Read the fleet files and what AWS holds, and close the difference. Nothing is
written before the whole plan is known and within the guard of the fleet file.
On a terminal apply shows the plan and asks; elsewhere --yes is required.`,
		Example: `  eventinvoke apply fleet.yaml
  eventinvoke apply fleet.yaml --yes --timeout 10m`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.apply(cmd.Context(), args, &o, yes)
		},
	}
	o.bind(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "apply without asking; required where there is no terminal to ask on")
	return cmd
}

func (a *app) apply(ctx context.Context, args []string, o *readOptions, yes bool) error {
	if !yes && !isTerminal(a.in) {
		return errors.New("apply writes to AWS and there is no terminal to ask on; add --yes, or use plan to look first")
	}
	p, err := a.begin(ctx, "apply", args, o, readersAndWriters)
	if err != nil {
		return err
	}
	defer p.close()
	p.survey()
	missing := p.fleet.MissingFunctions
	approved, err := reconcile.Guard{Guard: p.fleet.Guard}.Approve(p.plan)
	if err != nil {
		p.refused = err
		if err := p.report(); err != nil {
			return err
		}
		return verdictError(refusedVerdict(p.ctx, &p.plan, missing, err))
	}
	changes := p.plan.Counts().Changes()
	if changes == 0 {
		if err := p.report(); err != nil {
			return err
		}
		return verdictError(readVerdict(p.ctx, &p.plan, missing, false))
	}
	if !yes {
		if err := p.preview(); err != nil {
			return err
		}
		if !a.confirm(ctx, changes) {
			fmt.Fprintln(a.err, "Nothing was written.")
			var stopped interrupt
			if errors.As(context.Cause(ctx), &stopped) {
				return stopped.code()
			}
			return exitCode(exitError)
		}
	}
	outcome := p.apply(approved)
	if err := p.report(); err != nil {
		return err
	}
	return verdictError(applyVerdict(p.ctx, &p.plan, outcome, missing))
}

// confirm asks for the word yes. Anything else, the end of input and an
// interrupt are a no.
func (a *app) confirm(ctx context.Context, changes int) bool {
	fmt.Fprintf(a.err, "\nMake these %d changes? Only \"yes\" does: ", changes)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		return strings.TrimSpace(line) == "yes"
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		return false
	}
}
