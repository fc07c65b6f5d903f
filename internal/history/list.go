package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// ListOptions say which runs are listed.
type ListOptions struct {
	Limit int  // 0: no limit
	All   bool // also those that wrote nothing
}

// List returns the runs that wrote, newest first. It learns their order, and that
// they wrote, from names alone, and reads only the records that it returns. A place where nothing was ever recorded is an error: it is mostly not the
// one that was meant.
func (h *History) List(ctx context.Context, o ListOptions) ([]Run, error) {
	attempts, err := h.attempts(ctx)
	if err == nil && len(attempts) == 0 {
		var names []string
		if names, err = h.store.List(ctx, ""); err == nil && len(names) == 0 {
			err = fmt.Errorf("history %s: there is no history, because no run was recorded at this place; if one was elsewhere, name that with --history", h)
		}
	}
	if err != nil {
		return nil, err
	}
	wrote, err := h.wrote(ctx)
	if err != nil {
		return nil, err
	}
	var runs []Run
	for _, run := range newestFirst(attempts) {
		if o.Limit > 0 && len(runs) == o.Limit {
			break
		}
		if !o.All && !wrote[run] {
			continue
		}
		loaded, err := h.load(ctx, attempts[run])
		if err != nil {
			return runs, err
		}
		if len(loaded.Attempts) > 0 {
			runs = append(runs, loaded)
		}
	}
	return runs, nil
}

// Load returns one run with all its attempts: by its id, by the beginning of its
// id where only one run has it, or the newest that wrote for "latest".
func (h *History) Load(ctx context.Context, run string) (Run, error) {
	_, attempts, err := h.find(ctx, run)
	if err != nil {
		return Run{}, err
	}
	loaded, err := h.load(ctx, attempts)
	if err == nil && len(loaded.Attempts) == 0 {
		err = fmt.Errorf("history %s: the run %q was removed just now", h, run)
	}
	return loaded, err
}

// find completes what a person typed to the id of a run.
func (h *History) find(ctx context.Context, typed string) (run string, itsAttempts []attempt, err error) {
	attempts, err := h.attempts(ctx)
	if err != nil {
		return "", nil, err
	}
	if typed == newest {
		run, err = h.latest(ctx, newestFirst(attempts))
	} else {
		run, err = h.choose(newestFirst(attempts), typed)
	}
	return run, attempts[run], err
}

// wrote are the runs that wrote, or meant to: a journal is begun with the first
// intent.
func (h *History) wrote(ctx context.Context) (map[string]bool, error) {
	names, err := h.store.Folders(ctx, journalsFolder)
	return slice.Set(names), err
}

// latest is the newest run that wrote.
func (h *History) latest(ctx context.Context, runs []string) (string, error) {
	wrote, err := h.wrote(ctx)
	if err != nil {
		return "", err
	}
	if i := slices.IndexFunc(runs, func(run string) bool { return wrote[run] }); i >= 0 {
		return runs[i], nil
	}
	if len(runs) > 0 {
		return "", fmt.Errorf("history %s: none of its runs wrote anything; list them with `eventinvoke history --all`", h)
	}
	return h.choose(nil, newest)
}

func (h *History) choose(runs []string, typed string) (string, error) {
	if len(runs) == 0 {
		return "", fmt.Errorf("history %s: no run is recorded there; if the history is elsewhere, name it with --history", h)
	}
	if slices.Contains(runs, typed) {
		return typed, nil
	}
	match := slices.DeleteFunc(runs, func(run string) bool { return typed == "" || !strings.HasPrefix(run, typed) })
	switch {
	case len(match) == 1:
		return match[0], nil
	case len(match) == 0:
		return "", fmt.Errorf("history %s: no run's id begins with %q; list them with `eventinvoke history`", h, typed)
	}
	return "", fmt.Errorf("history %s: %q is the beginning of %d runs, %s and %s among them; type more of the id", h, typed, len(match), match[0], match[1])
}

// attempts lists the attempts at all runs, by run.
func (h *History) attempts(ctx context.Context) (map[string][]attempt, error) {
	names, err := h.store.List(ctx, runsFolder)
	if err != nil {
		return nil, err
	}
	byRun := map[string][]attempt{}
	for _, name := range names {
		if a, is := parseAttempt(name, runsFolder, ".json"); is {
			byRun[a.run] = append(byRun[a.run], a)
		}
	}
	return byRun, nil
}

// newestFirst sorts runs by when their last attempt began.
func newestFirst(attempts map[string][]attempt) []string {
	last := func(run string) attempt {
		return slices.MaxFunc(attempts[run], func(a, b attempt) int { return a.started.Compare(b.started) })
	}
	return slices.SortedFunc(maps.Keys(attempts), func(a, b string) int {
		return cmp.Or(last(b).started.Compare(last(a).started), strings.Compare(b, a))
	})
}

// load reads the records of a run. One that is damaged stands for itself: it hides
// neither the other attempts nor the journal.
func (h *History) load(ctx context.Context, attempts []attempt) (Run, error) {
	var records []RunRecord
	for _, a := range attempts {
		r, err := h.readRecord(ctx, a)
		if err == nil && r.State == Running {
			r, err = h.tellDead(ctx, a)
		}
		damaged := (*damagedError)(nil)
		switch {
		case errors.Is(err, ErrAbsent):
			continue // it was pruned since it was listed
		case errors.Is(err, fs.ErrPermission):
			damaged = &damagedError{err.Error()}
		case err == nil && r.attempt().stem() != a.stem():
			damaged = &damagedError{locate(h.store, a.record()) + " is damaged: it is the record of another run; bring it back from a backup"}
		case err != nil && !errors.As(err, &damaged):
			return Run{}, err
		}
		if damaged != nil {
			r = RunRecord{Version: RecordVersion, RunID: a.run, Shard: a.shard, Started: a.started, State: Damaged, Stopped: damaged.Error()}
		}
		records = append(records, r)
	}
	run := NewRun(records...)
	return run, h.recall(ctx, &run)
}

func (h *History) readRecord(ctx context.Context, a attempt) (RunRecord, error) {
	data, _, err := h.store.Read(ctx, a.record())
	if err != nil {
		return RunRecord{}, err
	}
	r, err := parseRecord(data, locate(h.store, a.record()))
	r.Version = RecordVersion // whose fields it has, whichever it was stored with
	return r, err
}

// tellDead tells a run at work from one that died. A run that ends replaces its
// record before it stops being alive, so the record is read after the sign of
// life.
func (h *History) tellDead(ctx context.Context, a attempt) (RunRecord, error) {
	alive, _, err := readLease(ctx, h.store, a.alive())
	damaged := (*damagedError)(nil)
	if err != nil && !errors.Is(err, ErrAbsent) && !errors.As(err, &damaged) {
		return RunRecord{}, err
	}
	dead := errors.Is(err, ErrAbsent) || err == nil && alive.expired()
	r, err := h.readRecord(ctx, a)
	switch {
	case err != nil || r.State != Running:
	case dead:
		r.State = Died
	case damaged != nil:
		r.Stopped = "whether it is at work is not known: " + damaged.text
	}
	return r, err
}

// Unconfirmed is the status of a change whose process died with the write on its
// way, and of which no later attempt of the run could tell more.
const Unconfirmed = "unconfirmed"

// recall completes the attempts that died and were made again. Their records never
// got to say what they did, and the next attempt finds it done and says nothing of
// it either: without their journals it would be in no report of the run.
func (h *History) recall(ctx context.Context, run *Run) error {
	for i := range run.Attempts {
		dead := &run.Attempts[i]
		next := run.nextAttempt(i)
		if dead.State != Died || next == nil {
			continue
		}
		file, err := h.readJournal(ctx, dead.attempt().journal())
		if errors.Is(err, ErrAbsent) || errors.As(err, new(*damagedError)) {
			continue // Undo tells of the damage
		}
		if err != nil {
			return err
		}
		dead.Items = slice.Map(file.Entries, func(e JournalEntry) Item { return e.recalled(next) })
	}
	return nil
}

// nextAttempt is the last attempt at the shard of attempt i after it, or nil.
func (r *Run) nextAttempt(i int) *RunRecord {
	for j := len(r.Attempts) - 1; j > i; j-- {
		if r.Attempts[j].Shard == r.Attempts[i].Shard {
			return &r.Attempts[j]
		}
	}
	return nil
}

// recalled is what the record of the attempt would say of an intent. One without a
// result was carried out if the next attempt, having read the record, found nothing
// to change in it.
func (e *JournalEntry) recalled(next *RunRecord) Item {
	item := e.Intent.item()
	switch {
	case e.Result != nil:
		item.settle(e.Result)
	case next.foundInOrder(e):
		item.Status, item.Attempts = reconcile.Applied.String(), 1
	default:
		item.Status, item.Attempts = Unconfirmed, 1
	}
	return item
}

// foundInOrder reports whether a run read the record of an intent and planned
// nothing for it.
func (r *RunRecord) foundInOrder(e *JournalEntry) bool {
	t := reconcile.FindTarget(r.Targets, e.Key.Target)
	return r.State == Finished && t != nil && t.Failure == nil && t.Stopped == nil &&
		!slices.ContainsFunc(r.Items, func(i Item) bool { return i.Key == e.Key }) &&
		!slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Key == e.Key })
}

// failedBefore are the configs whose writes failed in the last run but this one. It
// only orders writes, so a history that cannot be read says nothing.
func (h *History) failedBefore(ctx context.Context, this string) map[desired.Key]bool {
	failed := map[desired.Key]bool{}
	runs, _ := h.List(ctx, ListOptions{Limit: 2})
	for i := range runs {
		if runs[i].ID == this {
			continue
		}
		for _, item := range runs[i].Items() {
			if item.Status == reconcile.Failed.String() {
				failed[item.Key] = true
			}
		}
		break
	}
	return failed
}
