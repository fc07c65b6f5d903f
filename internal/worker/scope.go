package worker

import (
	"cmp"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Object is one function, or with an empty Function a whole target. One
// request reads all qualifiers of a function, so nothing narrower is worth
// telling apart.
type Object struct {
	desired.Target
	Function string
}

// String is "111111111111/eu-west-1/orders".
func (s Object) String() string {
	if s.Function == "" {
		return s.Target.String()
	}
	return s.Target.String() + "/" + s.Function
}

// Compare orders objects by target, then function.
func (s Object) Compare(o Object) int {
	return cmp.Or(s.Target.Compare(o.Target), strings.Compare(s.Function, o.Function))
}

// Scope is what one pass is to look at.
type Scope struct {
	All     bool
	Objects []Object // sorted; empty when All
	// Leave lists the fought-over configs, sorted: to be reported and not written.
	Leave []Fought
}

// ScopeOf is the scope of some triggers, for a program that runs one pass for one
// batch of events and has no worker. No triggers give a scope over nothing.
func ScopeOf(triggers []Trigger) Scope {
	objects := make([]Object, len(triggers))
	for i, t := range triggers {
		objects[i] = t.Object
	}
	return newScope(objects, nil)
}

// newScope sorts objects and drops those within a wider one.
func newScope(objects []Object, leave []Fought) Scope {
	slices.SortFunc(objects, Object.Compare)
	var kept []Object
	for _, s := range slices.Compact(objects) {
		// A target sorts before its functions, because "" does.
		if n := len(kept); n > 0 && kept[n-1].Function == "" && kept[n-1].Target == s.Target {
			continue
		}
		kept = append(kept, s)
	}
	return Scope{Objects: kept, Leave: leave}
}

// covers reports whether the scope includes a function.
func (s Scope) covers(t desired.Target, function string) bool {
	if s.All {
		return true
	}
	has := func(want Object) bool {
		_, found := slices.BinarySearchFunc(s.Objects, want, Object.Compare)
		return found
	}
	return has(Object{Target: t}) || has(Object{t, function})
}

// Narrow is the part of a fleet that the scope covers. It does not change f.
//
// A function is kept with all its qualifiers or not at all: a record whose
// entry had been taken out would look undeclared, which a fleet may answer with
// deletion. For the same reason a fought-over config is not dropped but moved to
// the ignored ones, which nothing triggers.
func (s Scope) Narrow(f desired.Fleet) desired.Fleet {
	targets := f.Targets
	f.Targets = nil
	for _, t := range targets {
		s.narrow(&t)
		if s.All || len(t.Entries) > 0 {
			f.Targets = append(f.Targets, t)
		}
	}
	return f
}

func (s Scope) narrow(t *desired.TargetSpec) {
	entries, ignored := t.Entries, t.Ignored
	t.Entries, t.Ignored = nil, nil
	for _, g := range ignored {
		if s.covers(t.Target, g.Function) {
			t.Ignored = append(t.Ignored, g)
		}
	}
	for _, e := range entries {
		switch {
		case !s.covers(t.Target, e.Function):
		case s.leaves(desired.Key{Target: t.Target, Name: e.Name}):
			t.Ignored = append(t.Ignored, desired.Ignored{Name: e.Name, By: e.Origins.Entry})
		default:
			t.Entries = append(t.Entries, e)
		}
	}
	slices.SortFunc(t.Ignored, func(a, b desired.Ignored) int { return a.Name.Compare(b.Name) })
}

func (s Scope) leaves(k desired.Key) bool {
	_, found := slices.BinarySearchFunc(s.Leave, k, func(c Fought, k desired.Key) int { return c.Key.Compare(k) })
	return found
}
