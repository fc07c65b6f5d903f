package reconcile

import (
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Live is what a survey saw.
type Live struct {
	Targets []TargetLive // in the order of the fleet's targets
}

// TargetLive is what a survey saw of one target.
type TargetLive struct {
	desired.Target
	// Err is set when the target could not be read at all: its credentials
	// failed, or it is another account than declared.
	Err error
	// Stopped says why the survey took no further work, such as an error
	// budget that was spent; nil when it ran to its end.
	Stopped   error
	Functions []FunctionLive // sorted by name
}

// function finds one function; nil when it was not part of the survey.
func (t *TargetLive) function(name string) *FunctionLive {
	i, ok := slices.BinarySearchFunc(t.Functions, name, func(f FunctionLive, name string) int {
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

// FunctionLive is what a survey saw of one function.
type FunctionLive struct {
	Function string
	State    FunctionState
	Records  []LiveRecord // sorted by qualifier
	// NoQualifier lists declared qualifiers that exist neither as alias nor as
	// version. Only those whose record would have to be created are looked up.
	NoQualifier []string
	// Orphans lists undeclared qualifiers that hold a record and exist neither
	// as alias nor as version. Only a survey that looks for them fills it.
	Orphans []string
	// Aliased is set when the aliases were listed and there is one. Unset says
	// nothing: most functions' aliases are never listed.
	Aliased bool
	// Err is why the function is Unreadable.
	Err error
	// QualifierErr is why aliases or versions could not be listed. Records are
	// known all the same.
	QualifierErr error
}

// LiveRecord is a record in the compact form that a survey of a large fleet
// keeps: most functions of a fleet share a handful of settings.
type LiveRecord struct {
	Qualifier string
	Settings  *Settings // shared, read-only, never nil
	Modified  int64     // LastModified in Unix milliseconds; 0 when unknown
}

// record finds the record under a qualifier; nil when there is none.
func (f *FunctionLive) record(qualifier string) *LiveRecord {
	for i := range f.Records {
		if f.Records[i].Qualifier == qualifier {
			return &f.Records[i]
		}
	}
	return nil
}
