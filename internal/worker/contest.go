package worker

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Contested is a key that somebody else keeps changing back.
type Contested struct {
	desired.Key
	Principal string    // who wrote it last
	Times     int       // how often it was corrected within the window
	Since     time.Time // when it was given up
}

// ContestRule says when to stop correcting a key: after Times corrections of
// others' writes within Window.
type ContestRule struct {
	Times  int
	Window time.Duration
}

// contests remembers corrections that answered somebody's write. It holds
// nothing about keys that nobody else writes, so a new fleet file that changes
// everything contests nothing.
type contests struct {
	rule ContestRule
	keys map[desired.Key]*struggle
}

type struggle struct {
	corrections []time.Time
	principal   string
	given       time.Time // when it was given up; zero while it was not
}

func newContests(rule ContestRule) *contests {
	return &contests{rule: rule, keys: map[desired.Key]*struggle{}}
}

// corrected notes that a key was corrected after a write by principal, and
// reports whether that makes it contested.
func (c *contests) corrected(key desired.Key, principal string, now time.Time) bool {
	s := c.keys[key]
	if s == nil {
		s = &struggle{}
		c.keys[key] = s
	}
	s.principal = principal
	s.corrections = append(s.recent(now.Add(-c.rule.Window)), now)
	if len(s.corrections) < c.rule.Times || !s.given.IsZero() {
		return false
	}
	s.given = now
	return true
}

// recent are the corrections after an instant.
func (s *struggle) recent(after time.Time) []time.Time {
	return slices.DeleteFunc(s.corrections, func(t time.Time) bool { return !t.After(after) })
}

// written notes another write of a key, and reports whether the key is
// contested and therefore not to be looked at.
func (c *contests) written(key desired.Key, principal string) bool {
	s := c.keys[key]
	if s == nil || s.given.IsZero() {
		return false
	}
	s.principal = cmp.Or(principal, s.principal)
	return true
}

// list are the contested keys, sorted.
func (c *contests) list() []Contested {
	var all []Contested
	for key, s := range c.keys {
		if !s.given.IsZero() {
			all = append(all, Contested{Key: key, Principal: s.principal, Times: len(s.corrections), Since: s.given})
		}
	}
	slices.SortFunc(all, func(a, b Contested) int { return a.Key.Compare(b.Key) })
	return all
}

// lift gives every contested key another try, and forgets what is past the
// window.
func (c *contests) lift(now time.Time) {
	maps.DeleteFunc(c.keys, func(_ desired.Key, s *struggle) bool {
		s.corrections = s.recent(now.Add(-c.rule.Window))
		return !s.given.IsZero() || len(s.corrections) == 0
	})
}
