package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/examples"
	"github.com/eventinvoke/eventinvoke/internal/export"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newExport(a *app) *cobra.Command {
	var o readOptions
	var force bool
	cmd := &cobra.Command{
		Use:        "export [PATH...]",
		SuggestFor: []string{"init"},
		Short:      "Write what AWS holds as a fleet file",
		Long: `Write the fleet file that declares what AWS holds: common values as defaults,
rules where names or tags and records are alike, entries for the rest.

Only the targets section of the file at PATH is used; without one, the account
and region of the credentials. Exit code 3: some of it could not be read or
declared; a comment says what.`,
		Example: `  eventinvoke export --output-file fleet.yaml
  eventinvoke export targets.yaml --target prod --function 'payments-*'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := mayReplace(o.file, force); err != nil {
				return err
			}
			return a.export(cmd.Context(), args, &o)
		},
	}
	o.fleetOptions.bind(cmd)
	o.paceOptions.bind(cmd)
	cmd.Flags().StringVar(&o.file, "output-file", "", "write the fleet file to `FILE`")
	cmd.Flags().BoolVar(&force, "force", false, "replace the --output-file even if it is no export, or was edited")
	cmd.Flags().BoolVar(&o.quiet, "quiet", false, "no progress on standard error")
	bindSimulate(cmd, &o.simulate)
	return cmd
}

func (a *app) export(ctx context.Context, args []string, o *readOptions) error {
	return a.execute(ctx, "export", o, func(x *execution) error {
		x.about, x.needs, x.show, x.seen = aboutReading, "all functions were found", x.writeExport, false
		document, err := a.loadTargets(ctx, args, o)
		if err != nil {
			return err
		}
		x.Wishes, x.LookForOrphans = exportWishes{x.wishes(document)}, true
		targets := declaredIn(document)
		if targets == nil { // that of the credentials, which is not known yet
			return nil
		}
		_, err = desired.Selection{Targets: o.targets}.Narrow(desired.Fleet{Targets: targets})
		return err // an export of nothing must not look like success
	})
}

// exportWishes are every function of some targets that --function lets through.
type exportWishes struct{ reconcile.FleetWishes }

// Discoveries implements reconcile.Wishes.
func (w exportWishes) Discoveries(ambient desired.Target) []desired.Discovery {
	return slice.Map(placesOf(w, ambient), func(t desired.TargetSpec) desired.Discovery {
		return desired.Discovery{Target: t.Target, ListFunctions: true, AllTags: true}
	})
}

// Resolve implements reconcile.Wishes.
func (w exportWishes) Resolve(_ context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, reconcile.GuardBase, error) {
	fleet := desired.Fleet{Limits: desired.DefaultLimits()}
	functions := 0
	for _, t := range placesOf(w, ambient) {
		for _, name := range found[t.Target].Functions {
			t.Entries = append(t.Entries, desired.Entry{Name: desired.Name{Function: name, Qualifier: desired.Latest}, Want: &desired.Config{}, Origins: &desired.Origins{}})
		}
		functions += len(t.Entries)
		fleet.Targets = append(fleet.Targets, t)
	}
	narrowed, err := w.Selection.Narrow(fleet)
	switch {
	case err != nil && functions > 0:
		return fleet, reconcile.GuardBase{}, fmt.Errorf("there is nothing to export: %w", err)
	case functions == 0:
		return fleet, reconcile.GuardBase{}, errors.New("there is nothing to export: no function was found")
	}
	return narrowed, reconcile.GuardBase{}, nil
}

// exportMark ends an export, with the digest of all before it: a file that ends so
// was not edited since.
const exportMark = "# exported, and unchanged since if this is the SHA-256 of all above: %x\n"

// mayReplace refuses to write over a file that somebody has written or edited.
func mayReplace(path string, force bool) error {
	if path == "" || path == "-" || force {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil // nothing would be lost, or opening it will say what is wrong
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--output-file %s is there and cannot be read: %w; name another file, or replace it with --force", path, err)
	}
	const digest = 2 * sha256.Size
	mark := len(exportMark) - len("%x") + digest
	if at := len(text) - mark; at >= 0 && string(text[at:]) == fmt.Sprintf(exportMark, sha256.Sum256(text[:at])) {
		return nil
	}
	return fmt.Errorf("--output-file %s is there and is not an unchanged export: it may have been written or edited by hand; name another file, or replace it with --force", path)
}

// loadTargets reads the targets of fleet files; without a path there are none,
// save for the demo's world, which has its own.
func (a *app) loadTargets(ctx context.Context, args []string, o *readOptions) (*desired.Document, error) {
	if len(args) == 0 && o.simulate == builtInScenario {
		return desired.Load(examples.FS, examples.DemoFleet)
	}
	if len(args) == 0 {
		return &desired.Document{}, nil
	}
	loader, paths, err := a.loader(cmp.Or(a.ctx, context.Background()), args)
	if err != nil {
		return nil, err
	}
	loader.TargetsOnly = true
	doc, err := loadFiles(loader, paths)
	if err != nil {
		return nil, err
	}
	if !doc.DeclaresTargets() {
		return nil, fmt.Errorf("%s declares no targets; add them, or name no path to export the account and region of the current credentials", args[0])
	}
	return a.withMembers(ctx, doc, o)
}

// writeExport writes the file and tells by the exit code how much of the world
// is in it.
func (x *execution) writeExport(r *reconcile.RunResult) error {
	if errors.As(r.Stopped, new(interrupt)) {
		return r.Stopped // a part of a file must not replace a whole one
	}
	targets := make([]export.ObservedTarget, len(r.Fleet.Targets))
	var unread error
	for i, t := range r.Fleet.Targets {
		// What was an organization is its accounts in the file, each a target of its own.
		if slices.ContainsFunc(r.Fleet.Targets, func(o desired.TargetSpec) bool { return o.Label == t.Label && o.Account != t.Account }) {
			t.Label = t.Label[:min(len(t.Label), 51)] + "-" + t.Account
		}
		found := r.Inventory[t.Target] // also what --function leaves out
		targets[i] = export.ObservedTarget{TargetSpec: t, Functions: r.Observed.Targets[i].Functions, Exists: found.Functions, Tags: found.Tags, Err: r.Observed.Targets[i].Err}
		unread = cmp.Or(unread, targets[i].Err)
		if why := reconcile.ErrorOf(found.TagsErr); why != nil {
			targets[i].Tags = nil
			x.app.log.Warn("no rule rests on tags, because they could not be read", "target", t.Target.String(), "why", why.Reason(), "hint", why.Hint)
		}
	}
	functions, records := 0, 0
	for i := range targets {
		functions += len(targets[i].Functions)
		for f := range slice.Pointers(targets[i].Functions) {
			records += len(f.Records)
			unread = cmp.Or(unread, f.Err)
		}
	}
	switch {
	case records > 0:
	case r.Stopped != nil:
		return timeUp(r.Stopped) // what was not looked at may have records
	case unread != nil:
		return fmt.Errorf("there is nothing to export, because what was looked at could not be read: %w", unread)
	default:
		return fmt.Errorf("there is nothing to export: no record on %s", count(functions, "function", "functions"))
	}
	sum := sha256.New()
	result, err := export.Write(io.MultiWriter(x.output, sum), targets, []string{
		"The event invoke configs that AWS held, written by eventinvoke export.",
		"What AWS holds no value for is left alone, save where defaults would speak for it.",
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(x.output, exportMark, sum.Sum(nil)); err != nil {
		return err
	}
	if err := x.output.commit(); err != nil {
		return err
	}
	x.app.log.Info("exported", "records", result.Records, "functions", functions, "targets", len(targets))
	if !result.Whole() {
		x.app.log.Warn("the file does not hold everything; its comments say what is missing and why",
			"not_read", result.Unreadable, "not_expressible", result.Inexpressible)
	}
	x.lacks = !result.Whole()
	return nil
}
