package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/examples"
	"github.com/eventinvoke/eventinvoke/internal/export"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newExport(a *app) *cobra.Command {
	var o readOptions
	cmd := &cobra.Command{
		Use:   "export [PATH...]",
		Short: "Write what AWS holds as a fleet file; a plan right after it is empty",
		Long: `Read the records of all functions and write the fleet file that declares them:
common values as defaults, entries with equal settings together, ${account} and
${region} where targets differ by nothing else. What is odd is a comment.

The targets are those of the fleet file at PATH, of which only the targets
section is used, or else the current credentials' account and region. What could
not be read, or cannot be declared, is named in a comment, and the exit code is 3.`,
		Example: `  eventinvoke export --output-file fleet.yaml
  eventinvoke export targets.yaml --target prod --function 'payments-*'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.export(cmd.Context(), args, &o)
		},
	}
	o.fleetOptions.bind(cmd)
	o.paceOptions.bind(cmd)
	cmd.Flags().StringVar(&o.file, "output-file", "", "write the fleet file to this `FILE` instead of standard output")
	cmd.Flags().BoolVar(&o.quiet, "quiet", false, "no progress on standard error")
	cmd.Flags().StringVar(&o.simulate, "simulate", "", "use the built-in simulator instead of AWS, with the world of `SCENARIO`, as --simulate=FILE; alone, the demo's world")
	cmd.Flags().Lookup("simulate").NoOptDefVal = builtInScenario
	return cmd
}

func (a *app) export(ctx context.Context, args []string, o *readOptions) error {
	if err := o.paceOptions.check(); err != nil {
		return err
	}
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, errTimeUp)
		defer cancel()
	}
	declared, err := a.loadTargets(args, o.simulate)
	if err != nil {
		return err
	}
	if err := o.knowsTargets(declared); err != nil {
		return err
	}
	everything, err := o.everyFunction(declared)
	if err != nil {
		return err
	}
	sink, err := o.outputOptions.open(a.out)
	if err != nil {
		return err
	}
	defer sink.drop()
	site, err := openTargets(ctx, declared, o, newRunID(time.Now()), readersOnly)
	if err != nil {
		return err
	}
	defer site.close()
	if len(declared) == 0 {
		declared = []desired.TargetSpec{{Target: site.ambient}}
		if err := o.knowsTargets(declared); err != nil {
			return err
		}
	}
	sites, err := a.surveyAll(ctx, site, everything, declared, o)
	if err != nil {
		return err
	}
	var stopped interrupt
	if errors.As(context.Cause(ctx), &stopped) {
		return stopped // a part of a file must not replace a whole one
	}
	return a.writeExport(site, sites, sink)
}

// loadTargets reads the targets of fleet files; without a path there are none,
// save for the demo's world, which has its own.
func (a *app) loadTargets(args []string, simulate string) ([]desired.TargetSpec, error) {
	if len(args) == 0 {
		if simulate != builtInScenario {
			return nil, nil
		}
		doc, err := desired.Load(examples.FS, examples.DemoFleet)
		if err != nil {
			return nil, err
		}
		return doc.Targets(desired.Target{})
	}
	targets, err := desired.Loader{Stdin: a.in}.LoadTargets(args...)
	if err == nil && len(targets) == 0 {
		err = fmt.Errorf("%s declares no targets; add them, or name no path to export the account and region of the current credentials", args[0])
	}
	return targets, err
}

// knowsTargets refuses a --target that names none of the targets: an export of
// nothing must not look like success.
func (o *fleetOptions) knowsTargets(targets []desired.TargetSpec) error {
	for _, asked := range o.targets {
		known := len(targets) == 0 // the current credentials', which are not known yet
		var names []string
		for _, t := range targets {
			known = known || asked == t.Label || asked == t.Target.String()
			names = append(names, t.Target.String())
		}
		if !known {
			return fmt.Errorf("no target is called %q; there are %s", asked, names)
		}
	}
	return nil
}

// surveyAll finds all functions of the targets and reads their records.
func (a *app) surveyAll(ctx context.Context, site *site, everything *desired.Document, targets []desired.TargetSpec, o *readOptions) ([]export.Site, error) {
	found, failed := reconcile.Discover(ctx, site.needs(everything), site.findLanes())
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTimeUp):
		return nil, fmt.Errorf("%w before all functions were found; give it more time", cause)
	case cause != nil:
		return nil, cause
	}
	site.closeLanes(failed)
	fleet, err := o.chosen(everything, targets, site.ambient, found)
	if err != nil {
		if first := site.firstError(); first != nil {
			return nil, first
		}
		return nil, err
	}
	var observe reconcile.Observer
	if !o.quiet {
		progress := startProgress(a.log, site.limiters)
		defer progress.close()
		observe = progress.observe
	}
	live := reconcile.Survey(ctx, fleet, site.readLanes(), observe, reconcile.LookForOrphans)
	sites := make([]export.Site, len(fleet.Targets))
	for i, t := range fleet.Targets {
		sites[i] = export.Site{TargetSpec: t, Functions: live.Targets[i].Functions, Err: live.Targets[i].Err}
	}
	return sites, nil
}

// writeExport writes the file and tells by the exit code how much of the world
// is in it.
func (a *app) writeExport(site *site, sites []export.Site, sink *sink) error {
	functions, records := 0, 0
	unread := site.firstError()
	for i := range sites {
		functions += len(sites[i].Functions)
		for j := range sites[i].Functions {
			f := &sites[i].Functions[j]
			records += len(f.Records)
			unread = cmp.Or(unread, f.Err)
		}
	}
	switch {
	case records > 0:
	case unread != nil:
		return fmt.Errorf("there is nothing to export, because what was looked at could not be read: %w", unread)
	default:
		return fmt.Errorf("there is nothing to export: no record on %s", count(functions, "function", "functions"))
	}
	result, err := export.Write(sink, sites, export.Options{Header: []string{
		"The event invoke configs that AWS held, written by eventinvoke export.",
		"What AWS holds no value for is left alone, save where defaults would speak for it.",
	}})
	if err != nil {
		return err
	}
	if err := sink.commit(); err != nil {
		return err
	}
	a.log.Info("exported", "records", result.Records, "functions", functions, "targets", len(sites))
	if !result.Whole() {
		a.log.Warn("the file does not hold everything; its comments say what is missing and why",
			"not_read", result.Unreadable, "not_expressible", result.Inexpressible)
		return exitCode(exitPartial)
	}
	return nil
}
