package reconcile

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// Breach is one thing in which a function breaks a requirement. Nothing is written for
// its sake.
type Breach struct {
	desired.Name // of the record; $LATEST of a function without any
	Requirement  *desired.Requirement
	desired.Violation
	Now     bool // as AWS holds it
	Planned bool // once the plan is carried out
}

// Unjudged is a function of which it is not known whether it breaks a requirement.
type Unjudged struct {
	Function string
	Err      error // nil where the run ended before its turn
}

// errDeadLetterUnknown is why a function is Unjudged whose records say that its
// dead-letter queue decides.
var errDeadLetterUnknown = errors.New("its dead-letter queue is not known: the functions were not listed in this run")

// watchlist are the functions that requirements choose and that nobody declares, as a
// fleet that wants nothing. They are read beside the fleet and not with it: they are in no
// plan, so that nothing of them can be written, and no limit of the guard counts them; what
// fails of them stops nothing else.
func watchlist(fleet desired.Fleet) desired.Fleet {
	watched := desired.Fleet{Limits: fleet.Limits}
	for t := range slice.Pointers(fleet.Targets) {
		w := desired.TargetSpec{Target: t.Target}
		entries := t.Entries
		for _, j := range t.Judged {
			for len(entries) > 0 && entries[0].Function < j.Function {
				entries = entries[1:]
			}
			if len(entries) == 0 || entries[0].Function != j.Function {
				w.Entries = append(w.Entries, desired.Entry{
					Name: desired.Name{Function: j.Function, Qualifier: desired.Latest}, Want: &desired.Config{}, Origins: &desired.Origins{},
				})
			}
		}
		watched.Targets = append(watched.Targets, w)
	}
	return watched
}

// and is a fleet with what is watched beside it, for whoever only has to know what is read.
func and(fleet, watched desired.Fleet) desired.Fleet {
	fleet.Targets = slices.Clone(fleet.Targets)
	for i := range fleet.Targets {
		t := &fleet.Targets[i]
		if more := watched.Targets[i].Entries; len(more) > 0 {
			t.Entries = slices.SortedFunc(slices.Values(slices.Concat(t.Entries, more)), func(a, b desired.Entry) int { return a.Name.Compare(b.Name) })
		}
	}
	return fleet
}

// Require holds the functions of a fleet against its requirements, and says in the plan
// which of them break one: as they are, and as the plan would leave them. It is pure,
// and changes nothing else of the plan.
//
// A function is judged by each of its records; one that has none is what Lambda makes
// of that: two retries, six hours, no destination.
func (p *Plan) Require(fleet desired.Fleet, inventory desired.Inventory, seen Observed) {
	for t := range slice.Pointers(fleet.Targets) {
		plan := FindTarget(p.Targets, t.Target)
		if plan == nil {
			continue
		}
		have := FindTarget(seen.Targets, t.Target)
		changes := plan.Changes
		for _, j := range t.Judged {
			for len(changes) > 0 && changes[0].Function < j.Function {
				changes = changes[1:]
			}
			n := 0
			for n < len(changes) && changes[n].Function == j.Function {
				n++
			}
			details, listed := inventory[t.Target].Details[j.Function]
			plan.require(j, have.function(j.Function), changes[:n], details.DeadLetter, listed)
		}
	}
}

// require judges one function. It is held against the requirements twice, as it is and as the
// changes would leave it, and a breach that is found both times is one Breach with both marks.
//
// A function that was not read is Unjudged and never taken for good. Where a dead-letter
// queue would decide, and the functions were not listed, the same holds: a breach that is
// only guessed at would make people add queues that are there.
func (p *TargetPlan) require(j desired.Judged, function *ObservedFunction, changes []Change, deadLetter string, listed bool) {
	switch {
	case function == nil, function.State == FunctionNotExamined:
		p.Unjudged = append(p.Unjudged, Unjudged{Function: j.Function})
		return
	case function.State == FunctionUnreadable:
		p.Unjudged = append(p.Unjudged, Unjudged{j.Function, function.Err})
		return
	case function.State == FunctionAbsent:
		return
	}
	p.Judged++
	now := map[string]Settings{}
	for _, r := range function.Records {
		now[r.Qualifier] = *r.Settings
	}
	planned := maps.Clone(now)
	for i := range changes {
		if after := changes[i].After(); after != nil {
			planned[changes[i].Qualifier] = *after
		} else {
			delete(planned, changes[i].Qualifier)
		}
	}
	first, unknown := len(p.Breaches), false
	judge := func(records map[string]Settings, mark func(*Breach)) {
		if len(records) == 0 {
			records = map[string]Settings{desired.Latest: {}}
		}
		for qualifier, s := range records {
			var effect [desired.NumSettings]desired.Value
			for _, f := range desired.AllSettings() {
				effect[f] = s.Effect(f)
			}
			for _, q := range j.By {
				for _, v := range q.Violations(effect, deadLetter) {
					if !listed && v.DeadLetter {
						unknown = true
						continue
					}
					b := Breach{Name: desired.Name{Function: j.Function, Qualifier: qualifier}, Requirement: q, Violation: v}
					same := slices.IndexFunc(p.Breaches[first:], func(o Breach) bool {
						return o.Name == b.Name && o.Requirement == b.Requirement && o.Violation == b.Violation
					})
					if same < 0 {
						p.Breaches = append(p.Breaches, b)
						same = len(p.Breaches) - 1 - first
					}
					mark(&p.Breaches[first+same])
				}
			}
		}
	}
	judge(now, func(b *Breach) { b.Now = true })
	judge(planned, func(b *Breach) { b.Planned = true })
	if unknown {
		p.Unjudged = append(p.Unjudged, Unjudged{j.Function, errDeadLetterUnknown})
	}
	order := func(b Breach) int { return slices.Index(j.By, b.Requirement) }
	slices.SortFunc(p.Breaches[first:], func(a, b Breach) int {
		return cmp.Or(a.Name.Compare(b.Name), order(a)-order(b), strings.Compare(a.Message, b.Message))
	})
}
