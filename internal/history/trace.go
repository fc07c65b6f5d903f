package history

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// TraceStatus is what is known of the state in which a run left a record.
type TraceStatus string

// The statuses.
const (
	// Written: After is what AWS stored last.
	Written TraceStatus = "written"
	// Unwritten: no write of the run was done, or the last one was certainly
	// not; After is what was there before it.
	Unwritten TraceStatus = "unwritten"
	// Unknown: the last write may have been done. After is what it asked for,
	// and Alternative is what was there before it.
	Unknown TraceStatus = "unknown"
)

// Trace is what a run did to one record, as its journals tell: how it found it, and how it left it.
type Trace struct {
	desired.Key
	Status      TraceStatus         `json:"status"`
	Before      *reconcile.Settings `json:"before"`                // before the run's first write; null: no record
	Author      *LastAuthor         `json:"author,omitempty"`      // of Before; null where nobody told
	After       *reconcile.Settings `json:"after"`                 // after its last; null: no record
	Alternative *reconcile.Settings `json:"alternative,omitempty"` // the other possible state where Status is Unknown; nil: no record
}

// Wrote reports whether the run changed the record, or may have.
func (u *Trace) Wrote() bool { return u.Status != Unwritten || !same(u.Before, u.After) }

func same(a, b *reconcile.Settings) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// Traces reads from the journals of a run what it takes to restore every record
// that it set out to change, in key order. The run is named as for Load, and a
// sharded or repeated run is taken as a whole.
//
// Journals are enough: a record that cannot be read is not missed. A run that does not
// hold otherwise is a BrokenError, and then what is given is only what the
// lines before the damage say: nothing may be restored from it, unless the error is
// Lost and a person wants the rest.
func (h *History) Traces(ctx context.Context, run string) ([]Trace, error) {
	verdict, err := h.Verify(ctx, run)
	if err != nil {
		return nil, err
	}
	names, err := h.store.List(ctx, journalsFolder+verdict.RunID+"/")
	if err != nil {
		return nil, err
	}
	// The names begin with the time, so earlier attempts come first.
	slices.Sort(names)
	var entries []JournalEntry
	for _, name := range names {
		if _, is := parseAttempt(name, journalsFolder, ".jsonl"); !is {
			continue
		}
		file, err := h.readJournal(ctx, name)
		if err != nil && !errors.As(err, new(*damagedError)) { // which the verdict has
			return nil, err
		}
		entries = append(entries, file.Entries...)
	}
	if slices.ContainsFunc(verdict.Discrepancies, func(b Discrepancy) bool { return !b.unused }) {
		return tracesOf(entries), &BrokenError{verdict}
	}
	return tracesOf(entries), nil
}

// Configs is how many configs the fleet of a run has: what the guard of a rollback refers
// to. A rollback counts the whole fleet in each of its shards, any other run its part.
//
// A journal without that number is of an older version. Its record then tells what the
// run was over, which is less where it was narrowed to a part of the fleet.
func (h *History) Configs(ctx context.Context, run *Run) int {
	sum, most := 0, 0
	for _, a := range run.Latest() {
		journal, _ := h.readJournal(ctx, attempt{a.RunID, a.Started, a.Shard}.journal())
		n := journal.Configs
		if n == 0 {
			for _, t := range a.Targets {
				n += t.Plan.Declared
			}
			for _, l := range a.Guard {
				n = max(n, l.Of)
			}
		}
		sum, most = sum+n, max(most, n)
	}
	if len(run.Attempts) > 0 && run.Attempts[0].Verb == "rollback" {
		return most
	}
	return sum
}

func (h *History) readJournal(ctx context.Context, name string) (JournalFile, error) {
	data, missing := h.store.ReadLog(ctx, name)
	file, err := ParseJournal(data)
	if err != nil && missing == nil {
		return file, &damagedError{fmt.Sprintf("the journal %s is damaged: %v", locate(h.store, name), err)}
	}
	return file, missing
}

// tracesOf folds the entries of a run, oldest first.
func tracesOf(entries []JournalEntry) []Trace {
	byKey := map[desired.Key]*Trace{}
	for e := range slice.Pointers(entries) {
		u := byKey[e.Key]
		// What was intended and not written gives no before-image: the change was
		// planned again because somebody else had made another record meanwhile.
		if u == nil || !u.Wrote() {
			u = &Trace{Key: e.Key, Before: e.Before, Author: e.Author}
			byKey[e.Key] = u
		}
		u.apply(e)
	}
	undos := make([]Trace, 0, len(byKey))
	for _, u := range byKey {
		undos = append(undos, *u)
	}
	slices.SortFunc(undos, func(a, b Trace) int { return a.Key.Compare(b.Key) })
	return undos
}

// apply takes the state after a later entry of the same key.
func (u *Trace) apply(e *JournalEntry) {
	u.Alternative = nil
	switch {
	case e.Result == nil, e.Result.Ambiguous:
		u.Status, u.After, u.Alternative = Unknown, requested(e), e.Before
	case e.Result.Status == reconcile.Applied, e.Result.Status == reconcile.Mismatched:
		u.Status, u.After = Written, e.Result.After
	default:
		u.Status, u.After = Unwritten, e.Before
	}
}

// requested is the record that the entry's write leaves when it is done.
func requested(e *JournalEntry) *reconcile.Settings {
	c := reconcile.Change{Name: e.Key.Name, Action: e.Action, Before: e.Before, Want: &e.Request}
	return c.After()
}
