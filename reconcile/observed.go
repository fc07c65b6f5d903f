package reconcile

import (
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Observed is what a survey saw.
type Observed struct {
	Targets []ObservedTarget // in the order of the fleet's targets
}

// ObservedTarget is what a survey saw of one target.
type ObservedTarget struct {
	desired.Target
	// Err is set when the target could not be read at all: its credentials
	// failed, or it is another account than declared.
	Err error
	// Stopped says why the survey took no further work, such as an error
	// budget that was spent; nil when it ran to its end.
	Stopped   error
	Functions []ObservedFunction // sorted by name
}

// PartOf finds the one of a target among parts that embed a desired.Target, such as those
// of a plan; nil when there is none. The pointer is into parts.
func PartOf[T interface{ Compare(desired.Target) int }](parts []T, t desired.Target) *T {
	if i := slices.IndexFunc(parts, func(part T) bool { return part.Compare(t) == 0 }); i >= 0 {
		return &parts[i]
	}
	return nil
}

// function finds one function; nil when it, or its target, was not part of the survey.
func (t *ObservedTarget) function(name string) *ObservedFunction {
	if t == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(t.Functions, name, func(f ObservedFunction, name string) int {
		return strings.Compare(f.Function, name)
	})
	if !ok {
		return nil
	}
	return &t.Functions[i]
}

// FunctionState is how far the reading of a function came.
type FunctionState uint8

// The states. Unreadable is never taken for absent, and not examined is never
// taken for either.
const (
	NotExamined FunctionState = iota // the run ended before its turn
	Present
	FunctionAbsent
	Unreadable
)

// ObservedFunction is what a survey saw of one function.
type ObservedFunction struct {
	Function string
	State    FunctionState
	Seen     int64            // when its records were read, Unix milliseconds
	Records  []ObservedRecord // sorted by qualifier
	// Gone lists the qualifiers that are declared or hold a record, and exist neither as
	// alias nor as version, as far as these were listed: see Knows.
	Gone []string
	// Aliases are those that the function has, sorted, where they were listed. Those of
	// most functions never are.
	Aliases        []string
	AliasesListed  bool
	VersionsListed bool
	// Appeared are aliases that came while the run was on its way, after those that
	// patterns choose among had been listed: of them it is not known what is declared.
	Appeared []string
	// UnlistedErr is why it is not known which aliases a pattern chooses.
	UnlistedErr error
	// Err is why the function is Unreadable.
	Err error
	// QualifierErr is why aliases or versions could not be listed. Records are
	// known all the same.
	QualifierErr error
}

// Knows reports whether it was found out if a qualifier exists: it does, then, unless it
// is in Gone.
func (f *ObservedFunction) Knows(qualifier string) bool {
	return (f.AliasesListed || !isAlias(qualifier)) && (f.VersionsListed || !isVersion(qualifier))
}

func (f ObservedFunction) compare(other ObservedFunction) int {
	return strings.Compare(f.Function, other.Function)
}

// ObservedRecord is a record in the compact form that a survey of a large fleet
// keeps: most functions of a fleet share a handful of settings.
type ObservedRecord struct {
	Qualifier string
	Settings  *Settings // shared, read-only, never nil
	Modified  int64     // LastModified in Unix milliseconds; 0 when unknown
}

// record finds the record under a qualifier; nil when there is none.
func (f *ObservedFunction) record(qualifier string) *ObservedRecord {
	for i := range f.Records {
		if f.Records[i].Qualifier == qualifier {
			return &f.Records[i]
		}
	}
	return nil
}

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
	have, want := PartOf(r.Observed.Targets, t), PartOf(r.Fleet.Targets, t)
	if have == nil || have.Err != nil || want == nil {
		return 0, 0
	}
	written := map[desired.Name]*Settings{}
	if o := r.Outcome.Of(t); o != nil {
		for i := range o.Results {
			if s := o.Results[i].Status; s == Applied || s == Mismatched {
				written[o.Results[i].Name] = o.Results[i].After
			}
		}
	}
	for entries := range byFunction(want.Entries) {
		f := have.function(entries[0].Function)
		if f == nil || f.State != Present {
			continue
		}
		functions++
		if f.covered(entries, written) {
			covered++
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
