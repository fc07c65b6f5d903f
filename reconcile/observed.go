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

// function finds one function; nil when it was not part of the survey.
func (t *ObservedTarget) function(name string) *ObservedFunction {
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
