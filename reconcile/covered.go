package reconcile

import "github.com/eventinvoke/eventinvoke/desired"

// Covered counts the functions that were read, and those of them in which every
// declared config has a destination for failures, as AWS holds it after the run. A
// function without one loses the events that it cannot process.
func (r *RunResult) Covered() (functions, covered int) {
	for i := range r.Observed.Targets {
		f, c := r.CoveredIn(r.Observed.Targets[i].Target)
		functions, covered = functions+f, covered+c
	}
	return functions, covered
}

// CoveredIn is Covered of one target.
//
// Where the run wrote, the answer of the write counts and not what was read before it.
// Functions that were not read, or are absent, are in neither number; a target that could
// not be read has 0 of 0.
func (r *RunResult) CoveredIn(t desired.Target) (functions, covered int) {
	var have *ObservedTarget
	for i := range r.Observed.Targets {
		if r.Observed.Targets[i].Target == t {
			have = &r.Observed.Targets[i]
		}
	}
	if have == nil || have.Err != nil {
		return 0, 0
	}
	written := map[desired.Name]*Settings{}
	if r.Outcome != nil {
		for i := range r.Outcome.Targets {
			if o := &r.Outcome.Targets[i]; o.Target == t {
				for j := range o.Results {
					if s := o.Results[j].Status; s == Applied || s == Mismatched {
						written[o.Results[j].Name] = o.Results[j].After
					}
				}
			}
		}
	}
	for i := range r.Fleet.Targets {
		if r.Fleet.Targets[i].Target != t {
			continue
		}
		for entries := range byFunction(r.Fleet.Targets[i].Entries) {
			f := have.function(entries[0].Function)
			if f == nil || f.State != Present {
				continue
			}
			functions++
			if f.covered(entries, written) {
				covered++
			}
		}
	}
	return functions, covered
}

// covered reports whether each of the entries has an on_failure now. One that has none
// makes the function lose events, whatever the others have.
func (f *ObservedFunction) covered(entries []desired.Entry, written map[desired.Name]*Settings) bool {
	for i := range entries {
		now := settingsOf(f.record(entries[i].Qualifier))
		if after, wrote := written[entries[i].Name]; wrote {
			now = after
		}
		if now == nil || now[desired.OnFailure].Or(desired.NoDestination) == desired.NoDestination {
			return false
		}
	}
	return true
}
