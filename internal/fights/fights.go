// Package fights finds configs that somebody else keeps changing back. In go our writes
// and what is known of others'; out come those that are written back and forth. It reads
// no network and keeps no file, decides nothing, and forgets what is a week old.
package fights

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Rule is what counts as a fight: Times corrections within Window, with a write
// of somebody else between each two. It is over once nobody has written for twice as long
// as the longest pause between the last Times of them, half an hour at least: what one
// side does every night has not ended in the morning, and what was mended an hour ago has.
type Rule struct {
	Times  int
	Window time.Duration
}

var (
	// Told is told of: three corrections within a week, which a nightly run
	// comes to as well as a worker does.
	Told = Rule{Times: 3, Window: memory}
	// Hot is left alone by whatever events ask for: three corrections within
	// half an hour, which no schedule comes to by itself.
	Hot = Rule{Times: 3, Window: 30 * time.Minute}
)

const (
	memory = 7 * 24 * time.Hour
	// maxWrites of one config are remembered at most.
	maxWrites = 100
)

// Log remembers who wrote which config, and finds those that are written back and
// forth. In go our writes, as a run's outcome or a history has them, and what others
// wrote, as far as anybody tells: that somebody wrote shows also when a record is no
// longer what we left. The zero value is ready for use, by many goroutines.
//
// It says nothing of a config that only we write, so that a fleet file that changes
// often fights nobody.
type Log struct {
	mu   sync.Mutex
	keys map[desired.Key]*written
}

// written are the writes of one config, by time.
type written struct {
	writes []oneWrite
	left   *reconcile.Settings // what we left last; nil: no record
	leftAt time.Time           // zero before we wrote
}

// oneWrite is one write of a config; the author is known only of others' writes, and only
// where something tells of them.
type oneWrite struct {
	at     time.Time
	ours   bool
	author insight.Author
}

// Wrote notes a write of somebody else. A time of zero is now.
func (f *Log) Wrote(key desired.Key, at time.Time, author insight.Author) {
	f.add(key, oneWrite{at: at, author: author})
}

// Echoed notes a write of ours of which nothing else is known.
func (f *Log) Echoed(key desired.Key, at time.Time) {
	f.add(key, oneWrite{at: at, ours: true})
}

// Corrected notes a write of ours, with the record before and after it. Writes of one
// config are to be noted in their order.
func (f *Log) Corrected(key desired.Key, at time.Time, before, after *reconcile.Settings) {
	f.mu.Lock()
	k := f.key(key)
	last, changed := k.leftAt, (k.left == nil) != (before == nil) || before != nil && *k.left != *before
	if !at.Before(last) {
		k.left, k.leftAt = after, at
	}
	f.mu.Unlock()
	if !last.IsZero() && at.After(last) && changed {
		// At some time since. Next to our last write it separates nothing that another
		// witness tells of our next one.
		f.add(key, oneWrite{at: last.Add(time.Millisecond)})
	}
	f.add(key, oneWrite{at: at, ours: true})
}

// Ran notes what a run has written.
func (f *Log) Ran(o *reconcile.Outcome, now time.Time) {
	for key, r := range o.All() {
		if r.Status == reconcile.Applied || r.Status == reconcile.Mismatched {
			at := now
			if r.Modified != 0 {
				at = time.UnixMilli(r.Modified)
			}
			f.Corrected(key, at, r.Before, r.After)
		}
	}
}

// key is what is known of a config. The lock is held.
func (f *Log) key(key desired.Key) *written {
	if f.keys == nil {
		f.keys = map[desired.Key]*written{}
	}
	k := f.keys[key]
	if k == nil {
		k = &written{}
		f.keys[key] = k
	}
	return k
}

// add puts a write in its place. One that is noted twice counts once.
func (f *Log) add(key desired.Key, w oneWrite) {
	if w.at.IsZero() {
		w.at = time.Now()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.key(key)
	// Of one second somebody else's comes first: it is what we answered.
	i, _ := slices.BinarySearchFunc(k.writes, w, func(a, b oneWrite) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(rank(a.ours), rank(b.ours)))
	})
	if i < len(k.writes) && k.writes[i].at.Equal(w.at) && k.writes[i].ours == w.ours {
		k.writes[i].author = cmp.Or(w.author, k.writes[i].author)
		return
	}
	k.writes = slices.Insert(k.writes, i, w)
	k.writes = slices.Delete(k.writes, 0, max(0, len(k.writes)-maxWrites))
}

// rank orders writes of one instant: see add.
func rank(ours bool) int {
	if ours {
		return 1
	}
	return 0
}

// List are the fights by a rule, sorted. What is too old to matter is forgotten.
//
// It is the place where memory is given back, and so is to be called now and then by whoever
// runs for long.
func (f *Log) List(rule Rule, now time.Time) []insight.Fight {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []insight.Fight
	for key, k := range f.keys {
		k.writes = slices.DeleteFunc(k.writes, func(w oneWrite) bool { return w.at.Before(now.Add(-memory)) })
		if len(k.writes) == 0 && k.leftAt.Before(now.Add(-memory)) {
			delete(f.keys, key)
			continue
		}
		if fight, on := k.fight(rule, now); on {
			fight.Key = key
			all = append(all, fight)
		}
	}
	slices.SortFunc(all, func(a, b insight.Fight) int { return a.Key.Compare(b.Key) })
	return all
}

// Is reports whether a config is fought over by a rule.
func (f *Log) Is(key desired.Key, rule Rule, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.keys[key]
	if k == nil {
		return false
	}
	_, on := k.fight(rule, now)
	return on
}

// fight counts the corrections within the window of a rule, and says whether that is a
// fight and goes on. Writes of ours that nobody else's separates are one.
func (k *written) fight(rule Rule, now time.Time) (fight insight.Fight, on bool) {
	ours := false
	var corrected []time.Time
	var last time.Time
	for _, w := range k.writes {
		switch {
		case w.at.Before(now.Add(-rule.Window)):
			continue
		case !w.ours:
			fight.Author = cmp.Or(w.author, fight.Author)
		case !ours:
			corrected = append(corrected, w.at)
		}
		ours, last = w.ours, w.at
	}
	if fight.Times = len(corrected); fight.Times < rule.Times {
		return fight, false
	}
	fight.Since = corrected[0]
	pause := Hot.Window / 2
	for i := fight.Times - rule.Times + 1; i < fight.Times; i++ {
		pause = max(pause, corrected[i].Sub(corrected[i-1]))
	}
	return fight, !now.After(last.Add(2 * pause))
}
