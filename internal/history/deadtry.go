package history

import (
	"context"
	"errors"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Unconfirmed is the status of a change whose process died with the write on its
// way, and of which no later try of the run could tell more.
const Unconfirmed = "unconfirmed"

// recall completes the tries that died and were made again. Their records never
// got to say what they did, and the next try finds it done and says nothing of it
// either: without their journals it would be in no report of the run.
func (h *History) recall(ctx context.Context, w *Run) error {
	for i := range w.Parts {
		dead := &w.Parts[i]
		next := w.nextTry(i)
		if dead.State != Died || next == nil {
			continue
		}
		file, err := h.readJournal(ctx, part{run: dead.Run, started: dead.Started, shard: dead.Shard}.journal())
		if errors.Is(err, ErrAbsent) {
			continue
		}
		if err != nil {
			return err
		}
		dead.Items = nil
		for j := range file.Entries {
			dead.Items = append(dead.Items, file.Entries[j].item(next))
		}
	}
	return nil
}

// nextTry is the last try of the same shard after part i, or nil.
func (w *Run) nextTry(i int) *Record {
	for j := len(w.Parts) - 1; j > i; j-- {
		if w.Parts[j].Shard == w.Parts[i].Shard {
			return &w.Parts[j]
		}
	}
	return nil
}

// item is what the record of the try would say of an intent. One without a
// result was carried out if the next try, having read the record, found nothing
// to change in it.
func (e *Entry) item(next *Record) Item {
	item := Item{Key: e.Key, Action: e.Action, Before: e.Before, Modified: e.Modified, Request: e.Request}
	switch {
	case e.Result != nil:
		item.Status, item.Attempts = e.Result.Status.String(), e.Result.Attempts
		item.After, item.AfterModified = e.Result.After, e.Result.Modified
		if e.Result.Kind != "" {
			item.Failure = &Failure{Kind: e.Result.Kind, Code: e.Result.Code, RequestID: e.Result.RequestID}
		}
	case next.foundInOrder(e):
		item.Status, item.Attempts = reconcile.Applied.String(), 1
	default:
		item.Status, item.Attempts = Unconfirmed, 1
	}
	return item
}

// foundInOrder reports whether a run read the record of an intent and planned
// nothing for it.
func (r *Record) foundInOrder(e *Entry) bool {
	t := r.target(e.Key.Target)
	if r.State != Finished || t == nil || t.Failure != nil || t.Stopped != nil {
		return false
	}
	for i := range r.Items {
		if r.Items[i].Key == e.Key {
			return false
		}
	}
	for _, f := range r.Findings {
		if f.Account == e.Key.Account && f.Region == e.Key.Region && f.Function == e.Key.Function && f.Qualifier == e.Key.Qualifier {
			return false
		}
	}
	return true
}
