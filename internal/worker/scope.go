package worker

import (
	"cmp"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
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

// Scope is what one pass is to look at, and what it may do there. A pass hands it
// what it opens ([Scope.Open]) and what it resolved ([Scope.Within]).
type Scope struct {
	All     bool
	Objects []Object // sorted; empty when All
	// Asked says that a person or a changed file is among the reasons.
	Asked bool
	// Leave lists the configs that are fought over, sorted: to be reported and not
	// written.
	Leave []insight.Fight

	// Spent is how many writes targeted passes made within the last period. They
	// share one allowance: what the guard lets one run write.
	Spent int
	// MayWrite, when not nil, says which configs may be written at all.
	MayWrite func(desired.Key) bool

	work *work // nil outside a worker
}

// ScopeOf is the scope of some triggers. No triggers give a scope over nothing.
func ScopeOf(triggers []Trigger) Scope {
	return Scope{Objects: widest(slice.Map(triggers, func(t Trigger) Object { return t.Object }))}
}

// widest sorts objects and drops those within a wider one.
func widest(objects []Object) []Object {
	slices.SortFunc(objects, Object.Compare)
	var kept []Object
	for _, o := range slices.Compact(objects) {
		// A target sorts before its functions, because "" does.
		if n := len(kept); n > 0 && kept[n-1].Function == "" && kept[n-1].Target == o.Target {
			continue
		}
		kept = append(kept, o)
	}
	return kept
}

// covers reports whether the scope includes a function.
func (s Scope) covers(t desired.Target, function string) bool {
	return s.Whole(t) || s.names(Object{t, function})
}

// Whole reports whether the scope includes all of a target.
func (s Scope) Whole(t desired.Target) bool { return s.All || s.names(Object{Target: t}) }

// Targets reports whether the scope is of whole targets only.
func (s Scope) Targets() bool {
	return s.All || len(s.Objects) > 0 && !slices.ContainsFunc(s.Objects, func(o Object) bool { return o.Function != "" })
}

func (s Scope) names(o Object) bool {
	_, found := slices.BinarySearchFunc(s.Objects, o, Object.Compare)
	return found
}

// Within is the part of a resolved fleet that the scope covers, under the guard that
// holds for it. The shares of the guard are of the whole fleet: fifty functions that
// drift at once are all of a part, and little of the fleet. But all targeted passes
// of one period together may write what the guard lets one run write.
func (s Scope) Within(f desired.Fleet, base reconcile.GuardBase) (desired.Fleet, reconcile.GuardBase) {
	if s.work != nil {
		s.work.sees(f)
	}
	if s.All {
		return s.Narrow(f), base
	}
	base.Fleet, base.Whole, base.Part = f.Configs(), true, true
	limits := map[string]int{}
	for _, line := range (reconcile.Guard{Limits: f.Limits, Base: base}).Lines(&reconcile.Plan{}) {
		limits[line.Rule] = line.Limit
	}
	// The limits are this shard's already.
	base.Shard, base.Shards = 0, 0
	f.Limits.MaxChanges = desired.Limit{Number: max(0, limits["max_changes"]-s.Spent)}
	f.Limits.MaxDeletes = desired.Limit{Number: limits["max_deletes"]}
	return s.Narrow(f), base
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
	t.Judged = slice.Filter(t.Judged, func(j desired.Judged) bool { return s.covers(t.Target, j.Function) })
	t.Ignored = slice.Filter(ignored, func(g desired.Ignored) bool { return s.covers(t.Target, g.Function) })
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
	if s.MayWrite != nil && !s.MayWrite(k) {
		return true
	}
	_, found := slices.BinarySearchFunc(s.Leave, k, insight.Fight.Compare)
	return found
}
