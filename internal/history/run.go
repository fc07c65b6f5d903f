package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Run is a run with all of its attempts that are known: one record for a run that
// is not sharded, else one a shard, and another one for each time that a shard was
// tried again.
type Run struct {
	ID       string
	Attempts []RunRecord // by when they began, then by shard
}

// NewRun is the run that these records are of.
func NewRun(records ...RunRecord) Run {
	slices.SortFunc(records, func(r, s RunRecord) int {
		return cmp.Or(r.Started.Compare(s.Started), cmp.Compare(r.Shard.Count, s.Shard.Count), cmp.Compare(r.Shard.Index, s.Shard.Index))
	})
	run := Run{Attempts: records}
	if len(records) > 0 {
		run.ID = records[0].RunID
	}
	return run
}

// progress orders the states by how far a run came.
var progress = map[State]int{Damaged: 0, Running: 1, Died: 2, Failed: 3, Declined: 3, Interrupted: 4, Finished: 5}

// Latest are the attempts that stand for the run: of each shard the last one.
// They are in the order of the shards. Where the number of shards changed from
// one attempt to the next, the last number counts.
func (r *Run) Latest() []RunRecord {
	if len(r.Attempts) == 0 {
		return nil
	}
	count := r.Attempts[len(r.Attempts)-1].Shard.Count
	var latest []RunRecord
	for _, a := range slices.Backward(r.Attempts) {
		if a.Shard.Count == count && !slices.ContainsFunc(latest, func(b RunRecord) bool { return b.Shard == a.Shard }) {
			latest = append(latest, a)
		}
	}
	slices.SortFunc(latest, func(a, b RunRecord) int { return cmp.Compare(a.Shard.Index, b.Shard.Index) })
	return latest
}

// Incomplete says what is not there yet, or is "" when every shard is there and
// came to its end.
func (r *Run) Incomplete() string {
	latest := r.Latest()
	if len(latest) == 0 {
		return ""
	}
	var missing, why []string
	for i := range latest[0].Shard.Count {
		if !slices.ContainsFunc(latest, func(a RunRecord) bool { return a.Shard.Index == i }) {
			missing = append(missing, fmt.Sprint(i))
		}
	}
	switch len(missing) {
	case 0:
	case 1:
		why = append(why, fmt.Sprintf("no record of shard %s of %d", missing[0], latest[0].Shard.Count))
	default:
		why = append(why, fmt.Sprintf("no record of shards %s of %d", strings.Join(missing, ", "), latest[0].Shard.Count))
	}
	for a := range slice.Pointers(latest) {
		if a.State != Finished {
			why = append(why, fmt.Sprintf("%s %s", a.Shard.Name(), a.State))
		}
	}
	return strings.Join(why, ", ")
}

// State is the state of the run: that of the shard that came least far.
func (r *Run) State() State {
	latest := r.Latest()
	if len(latest) == 0 {
		return ""
	}
	return slices.MinFunc(latest, func(a, b RunRecord) int { return cmp.Compare(progress[a.State], progress[b.State]) }).State
}

// Items are the changes of all attempts in key order; the last attempt at a change
// counts.
func (r *Run) Items() []Item {
	var items []Item
	for i := range slices.Backward(r.Attempts) {
		items = append(items, r.Attempts[i].Items...)
	}
	slices.SortStableFunc(items, func(a, b Item) int { return a.Key.Compare(b.Key) })
	return slices.CompactFunc(items, func(a, b Item) bool { return a.Key == b.Key })
}

// Started is when the first attempt began.
func (r *Run) Started() time.Time {
	if len(r.Attempts) == 0 {
		return time.Time{}
	}
	return r.Attempts[0].Started
}

// fightRuns are how many of the last runs that wrote are looked at for fights.
const fightRuns = 20

// TellFights tells of what the last runs wrote, in their order.
func (h *History) TellFights(ctx context.Context, f *fights.Log) error {
	runs, err := h.List(ctx, ListOptions{Limit: fightRuns})
	slices.Reverse(runs)
	for _, run := range runs {
		for _, record := range run.Attempts {
			for item := range slice.Pointers(record.Items) {
				if item.Status != reconcile.Applied.String() && item.Status != reconcile.Mismatched.String() {
					continue
				}
				at := record.Started
				if item.AfterModified != 0 {
					at = time.UnixMilli(item.AfterModified)
				}
				f.Corrected(item.Key, at, item.Before, item.After)
			}
		}
	}
	return err
}
