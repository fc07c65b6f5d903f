package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newRollback(a *app) *cobra.Command {
	var o writeOptions
	var of rollbackOptions
	cmd := &cobra.Command{
		Use:        "rollback RUN [PATH...]",
		SuggestFor: []string{"undo", "revert"},
		Short:      "Undo a run, or a part of it",
		Long: `Put every record that a run changed back to what it was, as a plan through the
same guard. What somebody else has changed since is stale and left alone. A
rollback is a run, which can be rolled back: latest is then the rollback.

RUN is an id, the beginning of one, or latest. Targets and guard come from the
run's fleet files, or from PATH. --target and --function undo a part of it. A
run whose journal was tampered with is refused ("history verify").`,
		Example: `  eventinvoke rollback latest --dry-run
  eventinvoke rollback 20261122T141731Z-95ed02a8 --yes`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rollback(cmd.Context(), args[0], args[1:], &o, of)
		},
	}
	o.bind(cmd)
	_ = cmd.Flags().MarkHidden("simulate") // which is refused, with what to do instead
	cmd.Flags().Lookup("function").Usage = "only functions that match `GLOB`, or one config NAME:QUALIFIER; repeatable"
	cmd.Flags().BoolVar(&of.dryRun, "dry-run", false, "show the plan, as plan does; AWS is only read")
	cmd.Flags().BoolVar(&of.includeStale, "include-stale", false, "also restore what somebody else has changed since")
	cmd.Flags().BoolVar(&of.partial, "partial", false, "restore what is left of a journal that lost its end; exit code 3")
	cmd.ValidArgsFunction = completeRuns
	return cmd
}

// rollbackOptions are those of a rollback alone.
type rollbackOptions struct{ dryRun, includeStale, partial bool }

func (a *app) rollback(ctx context.Context, name string, paths []string, o *writeOptions, of rollbackOptions) error {
	check := o.check
	if !of.dryRun {
		check = func() error { return a.mayWrite(o, "--dry-run") }
	}
	if err := check(); err != nil {
		return err
	}
	if o.simulate != "" && o.simulator == nil {
		return errors.New("--simulate is a new world for each command, in which no run has written; to try a rollback start `eventinvoke simulate`, whose world lasts")
	}
	return a.execute(ctx, "rollback", &o.readOptions, func(x *execution) error {
		source := &rollbackSource{location: o.historyLocation(), partial: of.partial}
		if err := source.find(ctx, name); err != nil {
			return err
		}
		undos, err := source.read(ctx)
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			if paths, err = source.paths(); err != nil {
				return err
			}
		}
		document, err := a.loadFor(ctx, paths, &o.readOptions)
		if err != nil {
			return errors.Join(err, errors.New("(a rollback takes targets and guard from the run's fleet files; name others after the run)"))
		}
		accounts := document.Accounts()
		document = document.WithFormerTargets(source.wrote(undos))
		source.narrow(document, o.selection())
		if _, err := source.read(ctx); err != nil {
			return err
		}
		x.Wishes = x.wishes(document).Rollback(reconcile.Rollback{Read: source.read, Configs: source.history.Configs(ctx, &source.run), IncludeStale: of.includeStale})
		x.accounts = accounts
		if source.lost != nil {
			a.log.Warn("the history of this run is incomplete; restoring what is left", "why", source.lost.Error())
		}
		x.then = func(r *reconcile.RunResult) error {
			// What a journal has lost is known once it was read for the last time.
			x.lacks = source.lost != nil
			if r.Outcome != nil && r.Outcome.Counts().Applied() > 0 && !source.undoesUndo() {
				say(a.err, "%s", source.stillAsks(x.files))
			}
			return nil
		}
		if of.dryRun {
			x.GuardOff = o.guardOff()
			return nil
		}
		if err := x.remember(ctx, o); err != nil {
			return err
		}
		mine := o.inShard(document)
		// Until the targets that the run held are free it may be at work, and what
		// its journal says is not the end of it.
		x.memory.Others = slices.DeleteFunc(source.held(), func(t desired.Target) bool { return !mine(t) || !source.names(t) })
		return nil
	})
}

// rollbackSource is a run that is to be undone.
type rollbackSource struct {
	location string
	partial  bool // take what is left of a journal that lost its end
	history  *history.History
	run      history.Run
	chosen   desired.Selection // the part that is to be undone
	labels   map[desired.Target]string
	lost     *history.BrokenError // what is missing, with partial
}

// find looks up the run that a person named.
func (s *rollbackSource) find(ctx context.Context, name string) (err error) {
	if s.history, err = history.Open(ctx, s.location); err != nil {
		return err
	}
	s.run, err = s.history.Load(ctx, name)
	return err
}

// read takes from the journals what the run has done so far.
func (s *rollbackSource) read(ctx context.Context) (map[desired.Target][]reconcile.Undo, error) {
	undos, err := s.history.Traces(ctx, s.run.ID)
	if errors.As(err, &s.lost) && s.lost.Lost() && s.partial {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	by := map[desired.Target][]reconcile.Undo{}
	for _, u := range undos {
		if u.Wrote() {
			by[u.Key.Target] = append(by[u.Key.Target], reconcile.Undo{
				Name: u.Key.Name, Before: u.Before, Expected: u.After,
				Ambiguous: u.Status == history.Unknown, Alternative: u.Alternative,
			})
		}
	}
	if len(by) == 0 {
		return nil, fmt.Errorf("run %s wrote nothing, so there is nothing to roll back; `eventinvoke history%s` lists what other runs wrote", s.run.ID, historyFlag(s.location))
	}
	return s.selected(by)
}

// narrow is told which part of the run is to be undone, in the labels of a document.
func (s *rollbackSource) narrow(document *desired.Document, chosen desired.Selection) {
	s.chosen, s.labels = chosen, labelsOf(declaredIn(document))
}

// names reports whether a target belongs to the part that is to be undone.
func (s *rollbackSource) names(t desired.Target) bool {
	return s.chosen.HasTarget(desired.TargetSpec{Target: t, Label: s.labels[t]})
}

// selected is what the selection leaves of the undos.
func (s *rollbackSource) selected(by map[desired.Target][]reconcile.Undo) (map[desired.Target][]reconcile.Undo, error) {
	if len(s.chosen.Targets)+len(s.chosen.Functions) == 0 {
		return by, nil
	}
	var wrote desired.Fleet
	for _, target := range slices.SortedFunc(maps.Keys(by), desired.Target.Compare) {
		spec := desired.TargetSpec{Target: target, Label: s.labels[target]}
		for _, u := range by[target] {
			spec.Entries = append(spec.Entries, desired.Entry{Name: u.Name})
		}
		wrote.Targets = append(wrote.Targets, spec)
	}
	wrote, err := desired.Selection{Targets: s.chosen.Targets}.Narrow(wrote)
	left := map[desired.Key]bool{}
	patterns := s.chosen.Functions
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	if err != nil {
		patterns = nil
	}
	for _, written := range patterns {
		// NAME:QUALIFIER is one config, as the history prints it. An ARN is none.
		function, qualifier, one := strings.Cut(written, ":")
		if strings.Count(written, ":") > 1 {
			function, one = written, false
		}
		narrowed, failed := desired.Selection{Functions: []string{function}}.Narrow(wrote)
		found := false
		var others []string // of the function, under other qualifiers
		for _, spec := range narrowed.Targets {
			for _, e := range spec.Entries {
				if one && e.Qualifier != qualifier {
					others = append(others, e.Name.String())
					continue
				}
				found, left[desired.Key{Target: spec.Target, Name: e.Name}] = true, true
			}
		}
		switch {
		case one && failed != nil:
			failed = fmt.Errorf("there is no %s: %w", written, failed)
		case one && !found:
			slices.Sort(others)
			failed = fmt.Errorf("there is no %s; there is %s", written, firstOf(slices.Compact(others)))
		}
		err = errors.Join(err, failed)
	}
	if err != nil {
		return nil, fmt.Errorf("of what run %s wrote, %w", s.run.ID, err)
	}
	kept := map[desired.Target][]reconcile.Undo{}
	for target, undos := range by {
		chosen := slices.DeleteFunc(undos, func(u reconcile.Undo) bool { return !left[desired.Key{Target: target, Name: u.Name}] })
		if len(chosen) > 0 {
			kept[target] = chosen
		}
	}
	return kept, nil
}

// undoesUndo reports whether what is undone is a rollback: then the fleet file asks for
// just that.
func (s *rollbackSource) undoesUndo() bool { return s.run.Attempts[0].Verb == "rollback" }

// stillAsks says that the next run makes again what was undone, for sure where the fleet
// files are those that the run followed.
func (s *rollbackSource) stillAsks(now []desired.FileInfo) string {
	asks, file := "still asks", "the fleet file"
	var names []string
	for _, f := range now {
		names = append(names, f.Path)
		if !slices.ContainsFunc(s.run.Attempts, func(r history.RunRecord) bool { return slices.Contains(r.Files, f) }) {
			asks = "may still ask"
		}
	}
	if len(names) == 1 {
		file = names[0]
	}
	return fmt.Sprintf("Now change %s, which %s for what was undone: the next apply, or a worker, writes it again.", file, asks)
}

// held are the targets that the run had leases of.
func (s *rollbackSource) held() []desired.Target {
	var targets []desired.Target
	for _, attempt := range s.run.Attempts {
		for _, c := range attempt.Callers {
			targets = append(targets, c.Target)
		}
	}
	return targets
}

// wrote are the targets of what is to be undone, with their labels as far as the record,
// which a run that died has not completed, tells them.
func (s *rollbackSource) wrote(undos map[desired.Target][]reconcile.Undo) []desired.TargetSpec {
	labels := map[desired.Target]string{}
	for _, attempt := range s.run.Attempts {
		for _, t := range attempt.Targets {
			labels[t.Target] = t.Label
		}
	}
	return slice.Map(slices.SortedFunc(maps.Keys(undos), desired.Target.Compare), func(t desired.Target) desired.TargetSpec {
		return desired.TargetSpec{Target: t, Label: labels[t]}
	})
}

// paths are the fleet files that the run used, each once.
func (s *rollbackSource) paths() ([]string, error) {
	var paths []string
	for _, attempt := range s.run.Attempts {
		for _, f := range attempt.Files {
			if f.Path == desired.StdinName {
				return nil, fmt.Errorf("run %s read its fleet from standard input; name a fleet file with its targets: `eventinvoke rollback %s PATH`", s.run.ID, s.run.ID)
			}
			if !slices.Contains(paths, f.Path) {
				paths = append(paths, f.Path)
			}
		}
	}
	if paths == nil {
		return nil, errors.New("the run's record names no fleet file; name one with its targets")
	}
	return paths, nil
}
