package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Prune removes the runs whose last attempt began before a time, and returns their
// ids, oldest first. The last run that wrote to a target and its last audit stay, and so
// does a run that is at work or whose record cannot be read; while a rollback is at work nothing is
// removed, because its run's journal may be what it is undoing.
//
// The chain notes the removal first: a Prune that is cut short leaves files that may
// be missing, and none that must be there.
func (h *History) Prune(ctx context.Context, before time.Time) (removed []string, err error) {
	old, attempts, err := h.old(ctx, before)
	if err != nil {
		return nil, err
	}
	for _, id := range old {
		if err := h.remove(ctx, attempts[id]); err != nil {
			return removed, err
		}
		removed = append(removed, id)
	}
	if folder, is := h.store.(interface{ clean(before time.Time) error }); is {
		return removed, folder.clean(time.Now().Add(-24 * time.Hour))
	}
	return removed, nil
}

// Prunable are the runs that Prune would remove, and the bytes of their records and
// journals. Nothing is written.
func (h *History) Prunable(ctx context.Context, before time.Time) (runs []string, size int64, err error) {
	runs, attempts, err := h.old(ctx, before)
	for _, id := range runs {
		for _, a := range attempts[id] {
			record, _, e := h.store.Read(ctx, a.record())
			log, missing := h.store.ReadLog(ctx, a.journal())
			for _, e := range []error{e, missing} {
				if err == nil && !errors.Is(e, ErrAbsent) && !errors.As(e, new(*damagedError)) {
					err = e
				}
			}
			size += int64(len(record) + len(log))
		}
	}
	return runs, size, err
}

// old are the runs that Prune removes, oldest first, and the attempts at all runs.
func (h *History) old(ctx context.Context, before time.Time) (old []string, attempts map[string][]attempt, err error) {
	if attempts, err = h.attempts(ctx); err != nil {
		return nil, nil, err
	}
	wrote, err := h.wrote(ctx)
	if err != nil {
		return nil, nil, err
	}
	last := map[desired.Target]bool{}    // targets of which a newer run that wrote was seen
	audited := map[desired.Target]bool{} // and a newer audit
	for _, id := range newestFirst(attempts) {
		run, err := h.load(ctx, attempts[id])
		if err != nil {
			return nil, nil, err
		}
		if len(run.Attempts) == 0 {
			continue // somebody else has just pruned it
		}
		state := run.State()
		if state == Running && run.Attempts[0].Verb == "rollback" {
			return nil, nil, fmt.Errorf("history %s: rollback %s is at work, and may need what would be removed; prune again when it is over", h, id)
		}
		keep := state == Running || state == Damaged || !run.Attempts[len(run.Attempts)-1].Started.Before(before)
		if wrote[id] {
			for _, target := range run.targets() {
				keep = keep || !last[target]
				last[target] = true
			}
		}
		for _, a := range run.Attempts {
			for _, t := range a.Targets {
				if a.Verb == auditVerb && t.Failure == nil { // else it says nothing of the target
					keep = keep || !audited[t.Target]
					audited[t.Target] = true
				}
			}
		}
		if !keep {
			old = append(old, id)
		}
	}
	slices.Reverse(old)
	return old, attempts, nil
}

// targets are those that a run wrote to, or may have written to.
func (r *Run) targets() (all []desired.Target) {
	for a := range slice.Pointers(r.Attempts) {
		for j := range a.Items {
			if a.Items[j].Attempts > 0 {
				all = append(all, a.Items[j].Target)
			}
		}
		if a.State == Died {
			for _, c := range a.Callers {
				all = append(all, c.Target)
			}
		}
	}
	return all
}

func (h *History) remove(ctx context.Context, attempts []attempt) error {
	if err := h.append(ctx, link{Pruned: slice.Map(attempts, attempt.stem)}); err != nil {
		return err
	}
	for _, a := range attempts {
		if err := h.store.DeleteLog(ctx, a.journal()); err != nil {
			return err
		}
		for _, name := range []string{a.alive(), a.record()} {
			_, tag, err := h.store.Read(ctx, name)
			if err == nil {
				err = h.store.Delete(ctx, name, tag)
			}
			if err != nil && !errors.Is(err, ErrAbsent) {
				return err
			}
		}
	}
	return nil
}
