package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newRollback(a *app) *cobra.Command {
	var o writeOptions
	var includeStale bool
	cmd := &cobra.Command{
		Use:   "rollback RUN [PATH...]",
		Short: "Restore the before-images of a run",
		Long: `Put every record that a run changed back to what it was before, exactly, as a
plan through the same guard and limiter. A record that somebody else has changed
since is stale and left alone. Rolling back twice does nothing the second time,
and a rollback is itself a run that can be rolled back.

RUN is a run's id, the beginning of one, or latest. The targets and the guard are
those of the fleet files that the run used, or of the PATHs given. The rollback may
delete as many records as the run created, whatever guard.max_deletes says.`,
		Example: `  eventinvoke rollback latest
  eventinvoke rollback 20261122T141731Z-95ed02a8 --yes`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rollback(cmd.Context(), args[0], args[1:], &o, includeStale)
		},
	}
	o.bind(cmd)
	cmd.Flags().BoolVar(&includeStale, "include-stale", false, "restore also what somebody else has changed since")
	cmd.ValidArgsFunction = completeRuns
	return cmd
}

func (a *app) rollback(ctx context.Context, run string, paths []string, o *writeOptions, includeStale bool) error {
	if err := a.mayWrite(o.yes); err != nil {
		return err
	}
	if len(o.targets)+len(o.functions) > 0 {
		return errors.New("a rollback restores all that its run changed; leave out --target and --function")
	}
	back := &wayBack{place: o.place()}
	p, err := a.beginWriting(ctx, "rollback", o, func(p *pass) error { return p.prepareRollback(back, run, paths, o) })
	if err != nil {
		return err
	}
	defer p.close()
	live := reconcile.Survey(p.ctx, p.fleet, p.site.readLanes(), p.observe)
	p.planned(reconcile.NewRollback(back.undos, live, back.declared, includeStale))
	return p.carryOut(o.yes)
}

// wayBack is what it takes to undo a run.
type wayBack struct {
	place    string
	history  *history.History
	run      history.Run
	undos    map[desired.Target][]reconcile.Undo
	declared map[desired.Target]int
	created  int // records that the run may have created
}

// find looks up the run that a person named.
func (b *wayBack) find(ctx context.Context, run string) (err error) {
	if b.history, err = history.Open(ctx, b.place); err != nil {
		return err
	}
	if b.run, err = b.history.Load(ctx, run); err != nil {
		return err
	}
	b.declared = map[desired.Target]int{}
	for _, part := range b.run.Latest() {
		for _, t := range part.Targets {
			b.declared[t.Key()] = t.Plan.Declared
		}
	}
	return nil
}

// read takes from the journals what the run has done so far.
func (b *wayBack) read(ctx context.Context) error {
	undos, err := b.history.Undo(ctx, b.run.Run)
	if err != nil {
		return err
	}
	undos = slices.DeleteFunc(undos, func(u history.Undo) bool { return !u.Wrote() })
	if len(undos) == 0 {
		return fmt.Errorf("run %s wrote nothing, so there is nothing to roll back; eventinvoke history%s lists what other runs wrote", b.run.Run, historyFlag(b.place))
	}
	b.undos, b.created = map[desired.Target][]reconcile.Undo{}, 0
	for _, u := range undos {
		b.undos[u.Key.Target] = append(b.undos[u.Key.Target], reconcile.Undo{
			Name: u.Key.Name, Before: u.Before, Expected: u.After,
			Ambiguous: u.Status == history.Unknown, Alternative: u.Alternative,
		})
		if u.Before == nil {
			b.created++
		}
	}
	return nil
}

// held are the targets that the run had leases of.
func (b *wayBack) held() []desired.Target {
	var targets []desired.Target
	for _, part := range b.run.Parts {
		for _, c := range part.Callers {
			targets = append(targets, desired.Target{Account: c.Account, Region: c.Region})
		}
	}
	return targets
}

// paths are the fleet files that the run used.
func (b *wayBack) paths() ([]string, error) {
	var paths []string
	for _, part := range b.run.Parts {
		for _, f := range part.Files {
			if f.Path == desired.StdinName {
				return nil, fmt.Errorf("run %s read its fleet from standard input; name a fleet file with its targets: eventinvoke rollback %s PATH", b.run.Run, b.run.Run)
			}
			paths = append(paths, f.Path)
		}
	}
	if paths == nil {
		return nil, errors.New("the run's record names no fleet file; name one with its targets")
	}
	return unique(paths), nil
}

// unique drops repeats and keeps the order.
func unique(all []string) []string {
	seen := map[string]bool{}
	var once []string
	for _, s := range all {
		if !seen[s] {
			seen[s] = true
			once = append(once, s)
		}
	}
	return once
}

// prepareRollback opens the targets that the run wrote to, and takes the leases
// of all that it held: until they are free the run may be at work, and what its
// journal says is not the end of it.
func (p *pass) prepareRollback(back *wayBack, run string, paths []string, o *writeOptions) (err error) {
	if err := back.find(p.ctx, run); err != nil {
		return err
	}
	if err := back.read(p.ctx); err != nil {
		return err
	}
	if len(paths) == 0 {
		if paths, err = back.paths(); err != nil {
			return err
		}
	}
	if p.doc, err = p.app.load(paths); err != nil {
		return fmt.Errorf("%w\n(a rollback takes targets and guard from the run's fleet files; name others after the run)", err)
	}
	if p.site, err = openSite(p.ctx, p.doc, p.o, p.id, readersAndWriters); err != nil {
		return err
	}
	if p.fleet, err = p.doc.Resolve(p.site.ambient, nil, desired.Selection{}); err != nil {
		return err
	}
	whole := p.fleet
	if err := p.narrowToUndos(back); err != nil {
		return err
	}
	others := slices.DeleteFunc(back.held(), func(t desired.Target) bool { return !p.o.owns(t) })
	if err := p.keep(o, others...); err != nil {
		return err
	}
	if err := back.read(p.ctx); err != nil {
		return err
	}
	p.fleet = whole
	p.fleet.Guard.MaxDeletes = desired.Limit{Number: back.created}
	return p.narrowToUndos(back)
}

// narrowToUndos makes the fleet consist of the keys to be restored.
func (p *pass) narrowToUndos(back *wayBack) error {
	targets := slices.DeleteFunc(sortedTargets(back.undos), func(t desired.Target) bool { return !p.o.owns(t) })
	return p.narrowTo(func(t desired.Target) []desired.Entry { return entriesToUndo(back.undos[t]) }, targets)
}

// entriesToUndo declares the keys to be restored, so that a survey reads their
// functions.
func entriesToUndo(undos []reconcile.Undo) []desired.Entry {
	entries := make([]desired.Entry, 0, len(undos))
	for _, u := range undos {
		entries = append(entries, desired.Entry{Name: u.Name, Want: &desired.Config{}, Origins: &desired.Origins{}, Remove: true})
	}
	return entries
}
