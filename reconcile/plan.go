package reconcile

import (
	"cmp"
	"errors"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Plan is every difference between a fleet and what AWS holds, sorted: the same
// inputs give the same plan.
type Plan struct {
	Targets []TargetPlan // in the order of the fleet's targets
	// Exact is a plan that somebody approved, or that undoes a run: a change whose
	// record moves while it is carried out is stale, and not planned again.
	Exact bool
}

// TargetPlan is the part of a plan in one account and region.
type TargetPlan struct {
	desired.Target
	Label    string        // as desired.TargetSpec has it
	Declared int           // configs that the fleet declares here
	InSync   int           // of them, those that AWS holds as declared
	Skipped  int           // of them, those a rule chose whose function lacks the alias or version, or is gone
	Changes  []Change      // sorted by name; at most one of a config
	Stale    []StaleChange // changes of an earlier plan that no longer fit; sorted by name
	Findings []Finding     // by function
	Judged   int           // functions that were held against requirements, declared or not
	Breaches []Breach      // sorted by name; nothing is written for them
	Unjudged []Unjudged    // sorted by function
	Ignored  []desired.Ignored
	Err      error // why the target as a whole counts as unreadable: it could not be opened, or too many of its reads failed
	// Unknown is set with Err where rules choose among functions that could not be
	// listed: then nobody knows how many configs there are, and Declared counts only
	// exact entries.
	Unknown bool
	Stopped error // why its survey ended early
	// Evidence is nil where everything was to be read, and was.
	Evidence *insight.Evidence
}

// FindingKind is a reason to look at a config that a plan does not change.
type FindingKind uint8

// The kinds, most pressing first.
const (
	FindingUnreadable       FindingKind = iota // the observed record is not known
	FindingNotExamined                         // the run ended before its turn
	FindingFunctionMissing                     // declared, but no such function
	FindingQualifierMissing                    // declared, but no such alias or version
	FindingUndeclared                          // a record under a qualifier that nobody declared
	FindingOrphan                              // the same, and the qualifier is neither alias nor version any more
	FindingLatestOnly                          // the function has aliases, and only $LATEST is declared
)

// String is the kind as JSON output spells it.
func (k FindingKind) String() string { return findingNames[k] }

var findingNames = [...]string{"unreadable", "not_examined", "function_missing", "qualifier_missing", "undeclared", "orphan", "latest_only"}

// MarshalText implements encoding.TextMarshaler.
func (k FindingKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a spelling back; FindingUnreadable for what it does not know.
func (k *FindingKind) UnmarshalText(text []byte) error {
	*k = FindingKind(max(0, slices.Index(findingNames[:], string(text))))
	return nil
}

// Finding is one config that needs a person's attention.
type Finding struct {
	desired.Name
	Kind    FindingKind
	Origins *desired.Origins // nil when the record is undeclared
	Record  *Settings        // the record that is there, where the kind is about a qualifier
	Err     error            // why, where Kind is FindingUnreadable
	Seen    int64            // when its function was read, Unix milliseconds; 0: it was not
	Carried bool             // an earlier run read it, and this one did not
}

// NewPlan compares want and have. It is pure, and never takes what was not read
// for what is not there:
//
//	declared             observed                      in the plan
//	settings             no record, equal in effect    in sync
//	settings             no record, differs            create (a Put of all managed settings)
//	settings             record, equal in effect       in sync
//	settings             record, differs               update (of the differing settings)
//	remove               no record                     in sync
//	remove               record                        delete
//	settings, an alias   no such alias or version      finding, or skipped where a rule chose it, whatever
//	                                                   record was left
//	settings, an alias   whether it exists not known   finding
//	anything             function absent               finding, or skipped where a rule chose it
//	anything             unreadable, not examined      finding
//	nothing              record under the qualifier    finding, or delete where the fleet says so
//	only $LATEST         function known to be aliased  finding, beside what the config itself is
func NewPlan(fleet desired.Fleet, observed Observed) Plan {
	plan := Plan{Targets: make([]TargetPlan, len(fleet.Targets))}
	for i := range fleet.Targets {
		have := cmp.Or(FindTarget(observed.Targets, fleet.Targets[i].Target), &ObservedTarget{})
		plan.Targets[i] = planTarget(&fleet.Targets[i], have, fleet.Undeclared)
	}
	return plan
}

// planTarget compares one target. A target of which only a part was read, because
// its survey was stopped, counts as unreadable as a whole.
func planTarget(want *desired.TargetSpec, have *ObservedTarget, undeclared desired.UndeclaredPolicy) TargetPlan {
	p := TargetPlan{
		Target: want.Target, Label: want.Label, Declared: len(want.Entries),
		Ignored: want.Ignored, Err: have.Err, Stopped: have.Stopped,
	}
	if p.Err == nil && (errors.Is(have.Stopped, ErrErrorBudget) || errors.Is(have.Stopped, errTargetRefused)) {
		// What was read before the stop is a part of the target at best, and
		// nothing is written on the strength of a part.
		p.Err = have.Stopped
	}
	for entries := range ByFunction(want.Entries) {
		function := have.function(entries[0].Function)
		for i := range entries {
			p.classify(&entries[i], function)
		}
		if p.Err == nil && function != nil && function.State == FunctionPresent {
			p.classifyUndeclared(function, entries, undeclared)
			p.findLatestOnly(function, entries)
		}
	}
	for i := range p.Findings {
		if function := have.function(p.Findings[i].Function); function != nil {
			p.Findings[i].Seen = function.Seen
		}
	}
	// Growing by append leaves up to a quarter of the memory unused, and a plan
	// is held until its last change is made.
	p.Changes = slices.Clone(p.Changes)
	return p
}

// unread is why nothing can be compared of a config, or nil where its function was read
// and is there.
//
// The cases stand in the order of how little is known, so that nothing that was not read is
// taken for absent.
func (p *TargetPlan) unread(name desired.Name, function *ObservedFunction) *Finding {
	switch {
	case function != nil && function.State == FunctionUnreadable:
		return &Finding{Name: name, Kind: FindingUnreadable, Err: function.Err}
	case p.Err != nil:
		return &Finding{Name: name, Kind: FindingUnreadable, Err: p.Err}
	case function == nil || function.State == FunctionNotExamined:
		return &Finding{Name: name, Kind: FindingNotExamined}
	case function.State == FunctionAbsent:
		return &Finding{Name: name, Kind: FindingFunctionMissing}
	}
	return nil
}

// classify puts one declared config where it belongs. Whether its qualifier exists comes
// before the comparison, and whether its function was read before either.
func (p *TargetPlan) classify(e *desired.Entry, function *ObservedFunction) {
	find := func(kind FindingKind, err error) {
		p.Findings = append(p.Findings, Finding{Name: e.Name, Kind: kind, Origins: e.Origins, Err: err})
	}
	if f := p.unread(e.Name, function); f != nil {
		if f.Kind == FindingFunctionMissing && e.Origins.Entry.Layer == desired.LayerRule {
			p.Skipped++ // it went after it had been listed: rules choose among what is there
		} else {
			find(f.Kind, f.Err)
		}
		return
	}
	if e.Pattern {
		if function.UnlistedErr == nil {
			find(FindingNotExamined, nil)
		} else {
			find(FindingUnreadable, function.UnlistedErr)
		}
		return
	}
	record := function.record(e.Qualifier)
	if mustExist(e) {
		switch {
		case slices.Contains(function.Gone, e.Qualifier):
			p.withoutQualifier(e, record)
			return
		case function.Knows(e.Qualifier):
		case function.QualifierErr == nil:
			find(FindingNotExamined, nil)
			return
		default:
			find(FindingUnreadable, function.QualifierErr)
			return
		}
	}
	action := decide(e, record)
	if action == NoChange {
		p.InSync++
		return
	}
	c := Change{Name: e.Name, Action: action, Want: e.Want, Origins: e.Origins, Seen: function.Seen}
	if record != nil {
		c.Before, c.Modified = record.Settings, record.Modified
	}
	c.Final = action == Delete && slices.Contains(function.Gone, e.Qualifier)
	p.Changes = append(p.Changes, c)
}

// markUnknown marks the targets whose rules had nothing to choose among.
//
// Their Declared is too small by a number that nobody knows, and a report must not call
// such a target small.
func (p *Plan) markUnknown(asked []desired.Discovery, opened Opened) {
	for t := range slice.Pointers(p.Targets) {
		open := FindTarget(opened.Targets, t.Target)
		t.Unknown = t.Err != nil && open != nil && open.Err != nil &&
			slices.ContainsFunc(asked, func(d desired.Discovery) bool { return d.Target == t.Target && !d.IsZero() })
	}
}

// withoutQualifier handles a config whose alias or version is not there. A record
// that was left under it is an orphan: Lambda refuses to change it, and no event
// can reach it.
func (p *TargetPlan) withoutQualifier(e *desired.Entry, record *ObservedRecord) {
	finding := Finding{Name: e.Name, Kind: FindingQualifierMissing, Origins: e.Origins, Record: settingsOf(record)}
	if e.Optional {
		p.Skipped++
		if record == nil {
			return
		}
		finding.Kind = FindingOrphan
	}
	p.Findings = append(p.Findings, finding)
}

// classifyUndeclared handles the records of a declared function under qualifiers
// that nobody declared.
func (p *TargetPlan) classifyUndeclared(function *ObservedFunction, entries []desired.Entry, policy desired.UndeclaredPolicy) {
	// A function of which every declared alias is missing was not chosen after
	// all: what it holds is nobody's to delete.
	if policy == desired.UndeclaredDelete && !slices.ContainsFunc(entries, func(e desired.Entry) bool {
		return !e.Optional || !slices.Contains(function.Gone, e.Qualifier)
	}) {
		policy = desired.UndeclaredReport
	}
	if slices.ContainsFunc(entries, func(e desired.Entry) bool { return e.Pattern }) {
		return // any of the records may be declared
	}
	first := len(p.Changes)
	for r := range slice.Pointers(function.Records) {
		if slices.Contains(function.Appeared, r.Qualifier) {
			continue // the next run knows what is declared of it
		}
		if slices.ContainsFunc(entries, func(e desired.Entry) bool { return e.Qualifier == r.Qualifier }) {
			continue
		}
		name := desired.Name{Function: function.Function, Qualifier: r.Qualifier}
		if _, ignored := slices.BinarySearchFunc(p.Ignored, name, desired.Ignored.Compare); ignored {
			continue
		}
		if policy == desired.UndeclaredDelete {
			p.Changes = append(p.Changes, Change{
				Name: name, Action: Delete, Before: r.Settings, Modified: r.Modified, Seen: function.Seen, Final: slices.Contains(function.Gone, r.Qualifier),
			})
			continue
		}
		kind := FindingUndeclared
		if slices.Contains(function.Gone, r.Qualifier) {
			kind = FindingOrphan
		}
		p.Findings = append(p.Findings, Finding{Name: name, Kind: kind, Record: r.Settings})
	}
	if len(p.Changes) > first {
		// Changes of the one function, declared and undeclared, in one order.
		for first > 0 && p.Changes[first-1].Function == function.Function {
			first--
		}
		slices.SortFunc(p.Changes[first:], func(a, b Change) int { return a.Name.Compare(b.Name) })
	}
}

// decide is the whole comparison of one config.
//
// It compares effects: no record, and a record with Lambda's defaults spelt out, are as good
// as each other where that is what is wanted. So a plan never writes for the sake of spelling.
func decide(e *desired.Entry, record *ObservedRecord) Action {
	switch {
	case e.Remove && record == nil:
		return NoChange
	case e.Remove:
		return Delete
	case record == nil && Matches(*e.Want, Settings{}):
		return NoChange
	case record == nil:
		return Create
	case Matches(*e.Want, *record.Settings):
		return NoChange
	}
	return Update
}
