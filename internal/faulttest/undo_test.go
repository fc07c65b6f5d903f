package faulttest

import (
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// undos is what the journal of a run says it would take to undo it. A write
// of which one attempt was not answered may have been done, whatever came after.
func (r *run) undos() map[desired.Target][]reconcile.Undo {
	all := map[desired.Target][]reconcile.Undo{}
	for _, e := range r.byKey { // of a change that was planned again the last: the first was not made
		u := reconcile.Undo{Name: e.key.Name, Before: e.change.Before, Expected: e.change.Before}
		switch {
		case e.result == nil:
			u.Expected, u.Ambiguous, u.Alternative = e.change.After(), true, e.change.Before
		case e.result.Status == reconcile.Applied || e.result.Status == reconcile.Mismatched:
			u.Expected = e.result.After
		case e.result.Stats.Faults > 0:
			u.Expected, u.Ambiguous, u.Alternative = e.change.After(), true, e.change.Before
		}
		all[e.key.Target] = append(all[e.key.Target], u)
	}
	for _, undos := range all {
		slices.SortFunc(undos, func(a, b reconcile.Undo) int { return a.Name.Compare(b.Name) })
	}
	return all
}

// wrongUndone holds a rollback against the run that it undid: a record that is
// neither as before that run nor as it may have left it is somebody else's, and
// is not touched.
func (r *run) wrongUndone(earlier *run) (wrongs []string) {
	for target, undos := range earlier.undos() {
		for _, u := range undos {
			key := desired.Key{Target: target, Name: u.Name}
			before, after := r.from.images[key], r.to.images[key]
			now := before.settings()
			ours := same(now, u.Before) || same(now, u.Expected) || (u.Ambiguous && same(now, u.Alternative))
			if !ours && quiet(r.from, r.to, key) && before.String() != after.String() {
				wrongs = append(wrongs, fmt.Sprintf("%v was %v, which the run did not leave, and was made %v", key, before, after))
			}
		}
	}
	return wrongs
}
