package history

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Run is a run with all of its parts that are known: one record for a run
// that is not sharded, else one a shard, and another one for each time that a
// shard was tried again.
type Run struct {
	Run   string
	Parts []Record // by when they began, then by shard; no two alike
}

// NewRun is a run of which one record is known.
func NewRun(r Record) Run { return Run{Run: r.Run, Parts: []Record{r}} }

// Merge puts together what is known of one run. It is commutative, associative
// and idempotent, and the zero Whole adds nothing. Where both know a part, the
// record that came further counts.
func Merge(a, b Run) (Run, error) {
	switch {
	case len(a.Parts) == 0:
		return b, nil
	case len(b.Parts) == 0:
		return a, nil
	case a.Run != b.Run:
		return Run{}, fmt.Errorf("history: records of run %s and of run %s cannot be merged: give one run", a.Run, b.Run)
	}
	parts := slices.Concat(a.Parts, b.Parts)
	slices.SortFunc(parts, func(r, s Record) int {
		return cmp.Or(compareParts(&r, &s), compareProgress(&s, &r))
	})
	return Run{Run: a.Run, Parts: slices.CompactFunc(parts, func(r, s Record) bool { return compareParts(&r, &s) == 0 })}, nil
}

// compareParts orders parts, and is 0 for two records of the same part.
func compareParts(r, s *Record) int {
	return cmp.Or(r.Started.Compare(s.Started), cmp.Compare(r.Shard.Count, s.Shard.Count), cmp.Compare(r.Shard.Index, s.Shard.Index))
}

// compareProgress orders two records of one part by how far they came. Bytes
// decide between two that claim the same, so that the order of merging cannot.
func compareProgress(r, s *Record) int {
	if c := cmp.Or(cmp.Compare(progress[r.State], progress[s.State]), r.Finished.Compare(s.Finished)); c != 0 {
		return c
	}
	a, errA := r.encode()
	b, errB := s.encode()
	if errA != nil || errB != nil {
		return 0
	}
	return bytes.Compare(a, b)
}

var progress = map[State]int{Running: 0, Died: 1, Failed: 2, Interrupted: 3, Finished: 4}

// Latest are the parts that stand for the run: of each shard the last try.
// They are in the order of the shards. Where the number of shards changed from
// one try to the next, the last number counts.
func (w *Run) Latest() []Record {
	if len(w.Parts) == 0 {
		return nil
	}
	count := w.Parts[len(w.Parts)-1].Shard.Count
	var latest []Record
	for _, r := range slices.Backward(w.Parts) {
		if r.Shard.Count == count && !slices.ContainsFunc(latest, func(s Record) bool { return s.Shard == r.Shard }) {
			latest = append(latest, r)
		}
	}
	slices.SortFunc(latest, func(r, s Record) int { return cmp.Compare(r.Shard.Index, s.Shard.Index) })
	return latest
}

// Missing are the shards of which there is no record.
func (w *Run) Missing() []int {
	latest := w.Latest()
	if len(latest) == 0 {
		return nil
	}
	var missing []int
	for i := range latest[0].Shard.Count {
		if !slices.ContainsFunc(latest, func(r Record) bool { return r.Shard.Index == i }) {
			missing = append(missing, i)
		}
	}
	return missing
}

// Incomplete says what is not there yet, or is "" when every shard is there and
// came to its end.
func (w *Run) Incomplete() string {
	var why []string
	latest := w.Latest()
	if missing := w.Missing(); len(missing) > 0 {
		why = append(why, fmt.Sprintf("no record of %s of %d", shards(missing), latest[0].Shard.Count))
	}
	for i := range latest {
		if r := &latest[i]; r.State != Finished {
			why = append(why, fmt.Sprintf("%s %s", r.Shard, r.State))
		}
	}
	return strings.Join(why, ", ")
}

func shards(indexes []int) string {
	words := make([]string, len(indexes))
	for i, n := range indexes {
		words[i] = fmt.Sprint(n)
	}
	if len(words) == 1 {
		return "shard " + words[0]
	}
	return "shards " + strings.Join(words, ", ")
}

// State is the state of the run as a whole: the least far of its shards.
func (w *Run) State() State {
	latest := w.Latest()
	if len(latest) == 0 {
		return ""
	}
	return slices.MinFunc(latest, func(r, s Record) int { return cmp.Compare(progress[r.State], progress[s.State]) }).State
}

// Items are the changes of all parts in key order; a later try of the same
// change counts.
func (w *Run) Items() []Item {
	var items []Item
	for i := range slices.Backward(w.Parts) {
		items = append(items, w.Parts[i].Items...)
	}
	slices.SortStableFunc(items, func(a, b Item) int { return a.Key.Compare(b.Key) })
	return slices.CompactFunc(items, func(a, b Item) bool { return a.Key == b.Key })
}

// Started is when the first part began.
func (w *Run) Started() time.Time {
	if len(w.Parts) == 0 {
		return time.Time{}
	}
	return w.Parts[0].Started
}
