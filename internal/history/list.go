package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// List returns the runs, newest first, at most limit of them (0: all). It
// learns their order from names alone, and reads only the records that it
// returns. A record that cannot be read is an error, and hides no other run.
func (h *History) List(ctx context.Context, limit int) ([]Run, error) {
	parts, err := h.parts(ctx)
	if err != nil {
		return nil, err
	}
	var runs []Run
	var damaged []error
	for _, run := range newestFirst(parts) {
		if limit > 0 && len(runs) == limit {
			break
		}
		whole, err := h.load(ctx, parts[run])
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		runs = append(runs, whole)
	}
	return runs, errors.Join(damaged...)
}

// Load returns one run with all its parts: by its id, by the beginning of its
// id where only one run has it, or the newest for "latest".
func (h *History) Load(ctx context.Context, run string) (Run, error) {
	_, parts, err := h.find(ctx, run)
	if err != nil {
		return Run{}, err
	}
	return h.load(ctx, parts)
}

// find completes what a person typed to the id of a run.
func (h *History) find(ctx context.Context, typed string) (run string, itsParts []part, err error) {
	parts, err := h.parts(ctx)
	if err != nil {
		return "", nil, err
	}
	run, err = h.choose(newestFirst(parts), typed)
	return run, parts[run], err
}

func (h *History) choose(runs []string, typed string) (string, error) {
	if len(runs) == 0 {
		return "", fmt.Errorf("history %s: no run is recorded there; check --history", h)
	}
	if typed == newest {
		return runs[0], nil
	}
	if slices.Contains(runs, typed) {
		return typed, nil
	}
	match := slices.DeleteFunc(runs, func(run string) bool { return typed == "" || !strings.HasPrefix(run, typed) })
	switch {
	case len(match) == 1:
		return match[0], nil
	case len(match) == 0:
		return "", fmt.Errorf("history %s: no run's id begins with %q; list them with eventinvoke history", h, typed)
	}
	return "", fmt.Errorf("history %s: %q is the beginning of %d runs, %s and %s among them; type more of the id", h, typed, len(match), match[0], match[1])
}

// parts lists the parts of all runs, by run.
func (h *History) parts(ctx context.Context) (map[string][]part, error) {
	names, err := h.store.List(ctx, runsFolder)
	if err != nil {
		return nil, err
	}
	byRun := map[string][]part{}
	for _, name := range names {
		if p, is := parsePart(name, runsFolder, ".json"); is {
			byRun[p.run] = append(byRun[p.run], p)
		}
	}
	return byRun, nil
}

// newestFirst sorts runs by when their last part began.
func newestFirst(parts map[string][]part) []string {
	last := func(run string) part {
		return slices.MaxFunc(parts[run], func(a, b part) int { return a.started.Compare(b.started) })
	}
	runs := make([]string, 0, len(parts))
	for run := range parts {
		runs = append(runs, run)
	}
	slices.SortFunc(runs, func(a, b string) int {
		if c := last(b).started.Compare(last(a).started); c != 0 {
			return c
		}
		return strings.Compare(b, a)
	})
	return runs
}

func (h *History) load(ctx context.Context, parts []part) (Run, error) {
	var whole Run
	for _, p := range parts {
		r, err := h.readRecord(ctx, p)
		if err != nil {
			return Run{}, err
		}
		if r.State == Running {
			if r, err = h.tellDead(ctx, p); err != nil {
				return Run{}, err
			}
		}
		if whole, err = Merge(whole, NewRun(r)); err != nil {
			return Run{}, err
		}
	}
	return whole, h.recall(ctx, &whole)
}

func (h *History) readRecord(ctx context.Context, p part) (Record, error) {
	data, _, err := h.store.Read(ctx, p.record())
	if err != nil {
		return Record{}, err
	}
	return parseRecord(data, locate(h.store, p.record()))
}

// tellDead tells a run at work from one that died. A run that ends replaces its
// record before it stops being alive, so the record is read after the sign of
// life.
func (h *History) tellDead(ctx context.Context, p part) (Record, error) {
	alive, _, err := readLease(ctx, h.store, p.alive())
	if err != nil && !errors.Is(err, ErrAbsent) {
		return Record{}, err
	}
	dead := err != nil || alive.expired() || alive.Owner.dead()
	r, err := h.readRecord(ctx, p)
	if err == nil && r.State == Running && dead {
		r.State = Died
	}
	return r, err
}
