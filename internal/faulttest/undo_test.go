package faulttest

import (
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// undos is what the journal of a run says it would take to undo it. A write
// of which one attempt was not answered may have been done, whatever came after.
func (r *run) undos() map[desired.Target][]reconcile.Undo {
	all := map[desired.Target][]reconcile.Undo{}
	for _, e := range r.journal.entries {
		u := reconcile.Undo{Name: e.key.Name, Before: e.change.Before, After: e.change.Before}
		switch {
		case e.result == nil:
			u.After, u.Unsure, u.Instead = e.change.After(), true, e.change.Before
		case e.result.Status == reconcile.Applied || e.result.Status == reconcile.Mismatched:
			u.After = e.result.After
		case e.result.Effort.Faults > 0:
			u.After, u.Unsure, u.Instead = e.change.After(), true, e.change.Before
		}
		all[e.key.Target] = append(all[e.key.Target], u)
	}
	for _, undos := range all {
		slices.SortFunc(undos, func(a, b reconcile.Undo) int { return a.Name.Compare(b.Name) })
	}
	return all
}
