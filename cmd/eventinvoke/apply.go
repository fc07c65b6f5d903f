package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newApply(a *app) *cobra.Command {
	var o writeOptions
	cmd := &cobra.Command{
		Use:   "apply [PATH... | PLANFILE]",
		Short: "Plan, guard, apply and verify",
		Long: `Read the fleet files and what AWS holds, and close the difference. Nothing is
written before the whole plan is known and within the guard of the fleet file.
On a terminal apply shows the plan and asks; elsewhere --yes is required.

With a plan that "plan --out" saved, exactly its changes are made: only the
functions concerned are read again, and a change whose record has moved since is
refused alone, as stale.`,
		Example: `  eventinvoke apply fleet.yaml
  eventinvoke apply fleet.yaml --yes --timeout 10m`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.apply(cmd.Context(), args, &o)
		},
	}
	o.bind(cmd)
	return cmd
}

func (a *app) apply(ctx context.Context, args []string, o *writeOptions) error {
	if err := a.mayWrite(o.yes); err != nil {
		return err
	}
	saved, err := savedPlan(args)
	if err != nil {
		return err
	}
	if saved != nil {
		return a.applySaved(ctx, saved, o)
	}
	p, err := a.beginWriting(ctx, "apply", o, func(p *pass) error {
		if err := p.prepare(args, readersAndWriters); err != nil {
			return err
		}
		return p.keep(o)
	})
	if err != nil {
		return err
	}
	defer p.close()
	p.survey()
	return p.carryOut(o.yes)
}

// beginWriting is begin for a run that is remembered and holds its targets.
// Prepare ends in keep: AWS is read under the leases.
func (a *app) beginWriting(ctx context.Context, verb string, o *writeOptions, prepare func(*pass) error) (*pass, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return a.begin(ctx, verb, &o.readOptions, func(p *pass) error {
		p.id = cmp.Or(o.runID, p.id)
		return prepare(p)
	})
}

// mayWrite refuses a run that could only end at a question nobody can answer.
func (a *app) mayWrite(yes bool) error {
	if !yes && !isTerminal(a.in) {
		return errors.New("this writes to AWS and there is no terminal to ask on; add --yes, or use plan to look first")
	}
	return nil
}

// carryOut takes a plan through the guard and, unless yes, past a person, and
// makes its changes. On every way but a no, it ends in a report.
func (p *pass) carryOut(yes bool) error {
	missing := p.fleet.MissingFunctions
	approved, err := reconcile.Guard{Guard: p.fleet.Guard}.Approve(p.plan)
	if err != nil {
		p.refused = err
		if err := p.finish(); err != nil {
			return err
		}
		return verdictError(refusedVerdict(p.ctx, &p.plan, missing, err))
	}
	counts := p.plan.Counts()
	if counts.Changes() == 0 && counts.Stale == 0 {
		if err := p.finish(); err != nil {
			return err
		}
		return verdictError(readVerdict(p.ctx, &p.plan, missing, false))
	}
	if !yes && counts.Changes() > 0 {
		if err := p.preview(); err != nil {
			return err
		}
		if !p.app.confirm(p.ctx, counts.Changes()) {
			fmt.Fprintln(p.app.err, "Nothing was written.")
			var stopped interrupt
			if errors.As(context.Cause(p.ctx), &stopped) {
				return stopped.code()
			}
			return exitCode(exitError)
		}
	}
	outcome := p.apply(approved)
	problem := p.finish()
	return endVerdict(applyVerdict(p.ctx, &p.plan, outcome, missing), problem)
}

// confirm asks for the word yes. Anything else, the end of input and an
// interrupt are a no.
func (a *app) confirm(ctx context.Context, changes int) bool {
	fmt.Fprintf(a.err, "\nMake %s? Only \"yes\" does: ", count(changes, "change", "changes"))
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
