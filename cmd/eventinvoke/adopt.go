package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/examples"
	"github.com/eventinvoke/eventinvoke/internal/adopt"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newAdopt(a *app) *cobra.Command {
	var o readOptions
	var diff bool
	cmd := &cobra.Command{
		Use:   "adopt [PATH...]",
		Short: "Write what AWS holds into the fleet files, where they differ",
		Long: `The opposite of apply: where AWS and the fleet files differ, the files change,
at the line that decided the value. AWS is only read; comments and all other
lines stay.

A rule or a default changes only where all its configs hold the same value;
otherwise the one config gets an entry. That a plan is then empty is checked
before a file is touched. Exit code 3: something could not be read or declared,
and was left.`,
		Example: `  eventinvoke adopt fleet.yaml --diff
  eventinvoke adopt fleet.yaml --function 'payments-*'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.adopt(cmd.Context(), args, &o, diff)
		},
	}
	o.fleetOptions.bind(cmd)
	o.paceOptions.bind(cmd)
	cmd.Flags().BoolVar(&diff, "diff", false, "print a unified diff and write no file")
	cmd.Flags().BoolVar(&o.quiet, "quiet", false, "no progress on standard error")
	bindSimulate(cmd, &o.simulate)
	return cmd
}

// adoptWishes are those of fleet files, without what they require: that is nothing to adopt.
type adoptWishes struct{ reconcile.FleetWishes }

// Resolve implements reconcile.Wishes.
func (w adoptWishes) Resolve(ctx context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, reconcile.GuardBase, error) {
	fleet, base, err := w.FleetWishes.Resolve(ctx, ambient, found)
	for i := range fleet.Targets {
		fleet.Targets[i].Judged = nil
	}
	return fleet, base, err
}

func (a *app) adopt(ctx context.Context, args []string, o *readOptions, diff bool) error {
	read := os.ReadFile
	if o.simulate == builtInScenario && len(args) == 0 {
		if !diff {
			return errors.New("the demo's fleet is inside the program and cannot be changed; name a fleet file, or add --diff")
		}
		read = func(path string) ([]byte, error) { return fs.ReadFile(examples.FS, path) }
	}
	return a.execute(ctx, "adopt", o, func(x *execution) error {
		var document *desired.Document
		x.seen = false
		x.show = func(r *reconcile.RunResult) error {
			if r.Stopped != nil {
				return timeUp(r.Stopped) // a part of what differs is no state of anything
			}
			result, err := adopt.Patch(adopt.Input{
				Document: document, Ambient: r.Opened.Ambient, Inventory: r.Inventory, Observed: r.Observed, Plan: r.Plan, Read: read,
			})
			if err != nil {
				return err
			}
			x.lacks = len(result.Refused) > 0
			return a.adopted(r, result, diff)
		}
		var err error
		if document, err = a.loadFor(ctx, args, o); err == nil {
			x.Wishes = adoptWishes{x.wishes(document)}
		}
		return err
	})
}

// adopted changes the fleet files, or shows how, and tells what was left.
func (a *app) adopted(r *reconcile.RunResult, result adopt.Result, diff bool) error {
	c := r.Plan.Counts()
	if diff {
		for _, f := range result.Files {
			if _, err := a.out.Write(f.Diff()); err != nil {
				return err
			}
		}
	} else if !nothingRead(&r.Plan, c) {
		if err := a.replace(result); err != nil {
			return err
		}
	}
	for _, refused := range result.Refused {
		a.log.Warn("left as it is declared", "config", refused.Key.String(), "why", sanitize(refused.Err.Error()))
	}
	for i := range r.Plan.Targets {
		for _, f := range r.Plan.Targets[i].Findings {
			if f.Kind == reconcile.FindingFunctionMissing || f.Kind == reconcile.FindingQualifierMissing {
				a.log.Warn("left as it is declared", "config", desired.Key{Target: r.Plan.Targets[i].Target, Name: f.Name}.String(), "why", "AWS has no such function, alias or version")
			}
		}
	}
	if c.Unreadable+c.UnreadableTargets+c.NotExamined > 0 {
		a.log.Warn("what could not be read was left as it is declared", "configs", c.Unreadable, "targets", c.UnreadableTargets, "not_examined", c.NotExamined)
	}
	return nil
}

// replace writes the files that change, and says which.
func (a *app) replace(result adopt.Result) error {
	if len(result.Files) == 0 {
		say(a.out, "Nothing to adopt: what was read is as the fleet files declare it.")
		return nil
	}
	var pending []*outputFile
	var paths []string
	for _, f := range result.Files {
		out, err := openOutput(f.Path)
		if err != nil {
			return fmt.Errorf("%s cannot be written: %w; nothing was changed", f.Path, err)
		}
		defer out.drop()
		if _, err := out.Write(f.After); err != nil {
			return fmt.Errorf("%s cannot be written: %w; nothing was changed", f.Path, err)
		}
		pending = append(pending, out)
		paths = append(paths, f.Path)
	}
	for _, f := range result.Files {
		if now, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(now, f.Before) {
			return fmt.Errorf("%s was changed while AWS was being read, and was left alone; adopt again", f.Path)
		}
	}
	for i, out := range pending {
		if err := out.commit(); err != nil {
			return fmt.Errorf("%s cannot be written: %w; %d of %d files were changed", paths[i], err, i, len(pending))
		}
	}
	say(a.out, "Adopted %s: %s changed.", count(len(result.Adopted), "config", "configs"), strings.Join(paths, ", "))
	return nil
}
