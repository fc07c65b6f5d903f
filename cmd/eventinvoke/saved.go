package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/planfile"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// openPlanFile opens where a plan is to be saved, so that a place that cannot
// be written costs no survey. It is nil for no place.
func openPlanFile(path string, args []string) (*sink, error) {
	switch {
	case path == "":
		return nil, nil
	case path == "-":
		return nil, errors.New("--out - is not taken: standard output is for the report; name a file, such as plan.json")
	case slices.Contains(args, "-"):
		return nil, errors.New("--out needs fleet files: apply checks that they have not changed, and cannot read standard input again; give their paths")
	}
	return openFor("out", path)
}

// savePlan writes the plan for a later apply.
func (p *pass) savePlan(out *sink) error {
	if n := p.plan.Counts().NotExamined; n > 0 {
		return fmt.Errorf("the plan was not saved: %s not examined, so it is not whole; plan again with more time",
			count(n, "key was", "keys were"))
	}
	saved := planfile.Saved{RunID: p.id, ToolVersion: version, Created: p.started, Files: p.doc.Files(), Plan: p.plan}
	if err := planfile.Encode(out, saved); err != nil {
		return fmt.Errorf("the plan was not saved: %w", err)
	}
	return out.commit()
}

// isSavedPlan reports whether a path holds a saved plan rather than a fleet. A
// path that cannot be read is for the loader to explain.
func isSavedPlan(path string) bool {
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
func savedPlan(args []string) (*planfile.Saved, error) {
	if len(args) != 1 {
		return nil, nil
	}
	if !isSavedPlan(args[0]) {
		return nil, nil
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

// applySaved makes exactly the changes of a saved plan, but for those whose
// records have moved.
func (a *app) applySaved(ctx context.Context, saved *planfile.Saved, o *writeOptions) error {
	if len(o.targets)+len(o.functions) > 0 {
		return errors.New("a saved plan is applied as it was approved; leave out --target and --function, or plan again with them")
	}
	p, err := a.beginWriting(ctx, "apply", o, func(p *pass) error {
		if err := p.prepareSaved(saved); err != nil {
			return err
		}
		return p.keep(o)
	})
	if err != nil {
		return err
	}
	defer p.close()
	p.recheck(saved.Plan)
	return p.carryOut(o.yes)
}

// prepareSaved opens the targets of a saved plan, once its fleet files have
// proved to be the ones it was made from: they say which role to assume and what
// the guard allows.
func (p *pass) prepareSaved(saved *planfile.Saved) (err error) {
	var paths []string
	for _, f := range saved.Files {
		paths = append(paths, f.Path)
	}
	if p.doc, err = p.app.load(paths); err != nil {
		return err
	}
	now := p.doc.Files()
	for i, f := range saved.Files {
		if i >= len(now) || now[i] != f {
			return fmt.Errorf("%s is not the file that the plan was made from; plan again", f.Path)
		}
	}
	if p.site, err = openSite(p.ctx, p.doc, p.o, p.id, readersAndWriters); err != nil {
		return err
	}
	if p.fleet, err = p.doc.Resolve(p.site.ambient, nil, desired.Selection{}); err != nil {
		return err
	}
	changes := map[desired.Target][]reconcile.Change{}
	for i := range saved.Plan.Targets {
		if !p.o.owns(saved.Plan.Targets[i].Target) {
			continue
		}
		changes[saved.Plan.Targets[i].Target] = saved.Plan.Targets[i].Changes
	}
	return p.narrowTo(func(t desired.Target) []desired.Entry { return entriesOf(changes[t]) }, sortedTargets(changes))
}

// narrowTo makes the fleet consist of some keys in some targets, which must be
// among those that the files declare.
func (p *pass) narrowTo(entries func(desired.Target) []desired.Entry, targets []desired.Target) error {
	declared := map[desired.Target]desired.TargetSpec{}
	for _, t := range p.fleet.Targets {
		declared[t.Target] = t
	}
	p.fleet.Targets = nil
	for _, target := range targets {
		t, ok := declared[target]
		if !ok {
			return fmt.Errorf("%s is in the plan, but neither the fleet file nor the current credentials are about it; use those it was made with", target)
		}
		t.Entries, t.Ignored = entries(target), nil
		p.fleet.Targets = append(p.fleet.Targets, t)
	}
	return nil
}

// sortedTargets are the targets of a map, in order.
func sortedTargets[T any](by map[desired.Target]T) []desired.Target {
	return slices.SortedFunc(maps.Keys(by), desired.Target.Compare)
}

// entriesOf declares the keys of changes, so that a survey reads their functions.
func entriesOf(changes []reconcile.Change) []desired.Entry {
	entries := make([]desired.Entry, 0, len(changes))
	for _, c := range changes {
		e := desired.Entry{Name: c.Name, Want: c.Want, Origins: &desired.Origins{}, Remove: c.Action == reconcile.Delete}
		if e.Want == nil {
			e.Want = &desired.Config{}
		}
		entries = append(entries, e)
	}
	return entries
}

// recheck reads the functions of a plan again and sorts out what moved.
func (p *pass) recheck(plan reconcile.Plan) {
	plan.Targets = slices.DeleteFunc(slices.Clone(plan.Targets), func(t reconcile.TargetPlan) bool { return !p.o.owns(t.Target) })
	live := reconcile.Survey(p.ctx, p.fleet, p.site.readLanes(), p.observe)
	p.planned(reconcile.Recheck(plan, live))
}
