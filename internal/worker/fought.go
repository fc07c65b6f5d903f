package worker

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Fought is a key that somebody else keeps changing back.
type Fought struct {
	desired.Key
	Principal string    // who wrote it last
	Times     int       // how often it was corrected within the window
	Since     time.Time // when it was given up
}

// FightRule says when to stop correcting a key: after Times corrections of
// others' writes within Window.
type FightRule struct {
	Times  int
	Window time.Duration
}

// fightDetector remembers corrections that answered somebody's write. It holds
// nothing about keys that nobody else writes, so a new fleet file that changes
// everything fights nothing.
type fightDetector struct {
	rule FightRule
	keys map[desired.Key]*fight
}

type fight struct {
	corrections []time.Time
	principal   string
	stopped     time.Time // when it was given up; zero while it was not
}

func newFightDetector(rule FightRule) *fightDetector {
	return &fightDetector{rule: rule, keys: map[desired.Key]*fight{}}
}

// corrected notes that a key was corrected after a write by principal, and
// reports whether that makes it fought over.
func (d *fightDetector) corrected(key desired.Key, principal string, now time.Time) bool {
	f := d.keys[key]
	if f == nil {
		f = &fight{}
		d.keys[key] = f
	}
	f.principal = principal
	f.corrections = append(f.recent(now.Add(-d.rule.Window)), now)
	if len(f.corrections) < d.rule.Times || !f.stopped.IsZero() {
		return false
	}
	f.stopped = now
	return true
}

// recent are the corrections after an instant.
func (f *fight) recent(after time.Time) []time.Time {
	return slices.DeleteFunc(f.corrections, func(t time.Time) bool { return !t.After(after) })
}

// written notes another write of a key, and reports whether the key is
// fought over and therefore not to be looked at.
func (d *fightDetector) written(key desired.Key, principal string) bool {
	f := d.keys[key]
	if f == nil || f.stopped.IsZero() {
		return false
	}
	f.principal = cmp.Or(principal, f.principal)
	return true
}

// list are the fought-over configs, sorted.
func (d *fightDetector) list() []Fought {
	var all []Fought
	for key, f := range d.keys {
		if !f.stopped.IsZero() {
			all = append(all, Fought{Key: key, Principal: f.principal, Times: len(f.corrections), Since: f.stopped})
		}
	}
	slices.SortFunc(all, func(a, b Fought) int { return a.Key.Compare(b.Key) })
	return all
}

// reset gives every fought-over config another try, and forgets what is past the
// window.
func (d *fightDetector) reset(now time.Time) {
	maps.DeleteFunc(d.keys, func(_ desired.Key, f *fight) bool {
		f.corrections = f.recent(now.Add(-d.rule.Window))
		return !f.stopped.IsZero() || len(f.corrections) == 0
	})
}
