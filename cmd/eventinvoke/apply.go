package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fswait"
	"github.com/eventinvoke/eventinvoke/internal/planfile"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newApply(a *app) *cobra.Command {
	var o writeOptions
	cmd := &cobra.Command{
		Use:        "apply [PATH... | PLANFILE]",
		SuggestFor: []string{"deploy", "sync"},
		Short:      "Correct what differs, within the guard",
		Long: `Correct what differs. Nothing is written before the whole plan is known and
within the fleet file's guard. On a terminal apply shows the plan and asks;
elsewhere it needs --yes.

Given a plan that "plan --out" saved, it makes exactly those changes. A change
whose record has moved since is refused alone, as stale.`,
		Example: `  eventinvoke apply fleet.yaml
  eventinvoke apply fleet.yaml --yes --timeout 10m`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.apply(cmd.Context(), args, &o)
		},
	}
	o.bind(cmd)
	o.reading.bind(cmd, readAll, readChanged)
	o.approval.bind(cmd)
	return cmd
}

func (a *app) apply(ctx context.Context, args []string, o *writeOptions) error {
	if err := a.mayWrite(o, "plan"); err != nil {
		return err
	}
	saved, err := savedPlan(a.ctx, args)
	if err != nil {
		return err
	}
	approvers, err := o.approval.check(saved)
	if err != nil {
		return err
	}
	if saved != nil && len(o.targets)+len(o.functions) > 0 {
		return errors.New("a saved plan is applied as it was approved; leave out --target and --function, or plan again with them")
	}
	if saved != nil && o.reading.carries() {
		return errors.New("of a saved plan only the functions concerned are read, and those always; leave out --read")
	}
	return a.execute(ctx, "apply", &o.readOptions, func(x *execution) error {
		prepare := func() error { return x.fromFleet(ctx, args) }
		if saved != nil {
			prepare = func() error { return x.fromSavedPlan(ctx, saved) }
		}
		if err := prepare(); err != nil {
			return err
		}
		if err := x.remember(ctx, o); err != nil {
			return err
		}
		if o.simulate != "" && o.simulator == nil && !o.quiet { // the demo says so itself
			x.then = func(r *reconcile.RunResult) error {
				if r.Outcome != nil && r.Outcome.Wrote() {
					say(a.err, "Simulated: nothing of it is kept, and the next command starts anew. To look again or to roll back, start `eventinvoke simulate`.")
				}
				return nil
			}
		}
		x.memory.Approvers = approvers
		return x.recall(ctx, o.historyLocation())
	})
}

// mayWrite checks the options of a run that writes. It refuses one that could
// only end at a question nobody can answer.
func (a *app) mayWrite(o *writeOptions, look string) error {
	if !o.yes && !isTerminal(a.in) {
		return fmt.Errorf("this writes to AWS and there is no terminal to ask on; add --yes, or use %s to look first", look)
	}
	return o.check()
}

// question is what a person is asked before a run writes: how much, and where.
func question(r *reconcile.RunResult) string {
	var targets []string
	for t := range slice.Pointers(r.Plan.Targets) {
		if len(t.Changes) == 0 {
			continue
		}
		name := t.Target.String()
		if t.Label != "" {
			name = t.Label + " (" + name + ")"
		}
		targets = append(targets, name)
	}
	const shown = 3
	if more := len(targets) - shown; more > 0 {
		targets = append(targets[:shown], count(more, "more target", "more targets"))
	}
	c := r.Plan.Counts()
	what := count(c.Changes(), "change", "changes")
	if c.Deletes > 0 {
		what += fmt.Sprintf(" (%s)", count(c.Deletes, "delete", "deletes"))
	}
	return fmt.Sprintf("Apply %s to %s?", what, strings.Join(targets, ", "))
}

// ask puts a question to the person at the terminal. What was typed before it answers nothing:
// nobody agrees to a plan that is not yet seen.
func (a *app) ask(ctx context.Context, question string, o report.TextOptions) bool {
	if f := fileOf(a.in); f != nil {
		if err := forgetTyped(f); err != nil {
			a.log.Debug("what was typed before the question may count as its answer", "why", err.Error())
		}
	}
	fmt.Fprintln(a.err)
	if err := report.Lines(a.err, 2, report.Clean(question), o); err != nil {
		return false
	}
	fmt.Fprint(a.err, "Type \"yes\" to continue: ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		if !strings.HasSuffix(line, "\n") { // the input has ended, and the cursor stands behind the question
			fmt.Fprintln(a.err)
		}
		return strings.TrimSpace(line) == "yes"
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		return false
	}
}

// isSavedPlan reports whether a path holds a saved plan rather than a fleet. A
// path that cannot be read is for the loader to explain.
func isSavedPlan(ctx context.Context, path string) (bool, error) {
	is, err := fswait.Do(ctx, func() (bool, error) { return looksSaved(path), nil })
	if err != nil {
		err = fmt.Errorf("%s cannot be read: %w; check its mount", path, err)
	}
	return is, err
}

func looksSaved(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false // reading a pipe would take its content away
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	return planfile.Is(head[:n])
}

// savedPlan is the saved plan that the arguments name, or nil when they name
// fleet files.
func savedPlan(ctx context.Context, args []string) (*planfile.Saved, error) {
	if len(args) != 1 {
		return nil, nil
	}
	if is, err := isSavedPlan(ctx, args[0]); !is {
		return nil, err
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return nil, err
	}
	saved, err := planfile.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	return &saved, nil
}

// fromSavedPlan prepares a run of exactly the changes of a saved plan, once its
// fleet has proved to be the one it was made from: it says which role to assume, what
// the guard allows, and what may be asked for at all. So a folder or a pattern is read
// anew: a file that came since may forbid what was planned.
func (x *execution) fromSavedPlan(ctx context.Context, saved *planfile.Saved) error {
	if len(saved.Files) == 0 {
		return errors.New("the saved plan names no fleet file, so nothing says what it may change; plan again")
	}
	paths := saved.Paths
	if len(paths) == 0 {
		paths = pathsIn(saved.Files)
	}
	document, err := x.app.load(paths, x.o.timeout)
	if err != nil {
		return err
	}
	if err := sameFleet(saved.Files, document.Files()); err != nil {
		return err
	}
	if document, err = x.app.withMembers(ctx, document, x.o); err != nil {
		return err
	}
	x.Wishes = x.wishes(document).SavedPlan(saved.Plan)
	return nil
}

// sameFleet refuses fleet files that are others than when a plan was made.
func sameFleet(then, now []desired.FileInfo) error {
	digests := map[string]string{}
	for _, f := range now {
		digests[f.Path] = f.SHA256
	}
	for _, f := range then {
		switch digest, there := digests[f.Path]; {
		case !there:
			return fmt.Errorf("%s was there when the plan was made, and is not now; plan again", f.Path)
		case digest != f.SHA256:
			return fmt.Errorf("%s is not the file that the plan was made from; plan again", f.Path)
		}
		delete(digests, f.Path)
	}
	for _, f := range now {
		if _, added := digests[f.Path]; added {
			return fmt.Errorf("%s was not there when the plan was made; plan again", f.Path)
		}
	}
	return nil
}
