package reconcile

import (
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Settings are the settings of one record as AWS holds them, in canonical form:
// a destination that is absent, null, {} or "" is unset, like a number that is
// absent. What is unset acts as Setting.Default says.
//
// It is a different type from desired.Config so that want and have cannot be swapped.
type Settings [desired.NumSettings]desired.Value

// NewSettings is the canonical form of what AWS said.
func NewSettings(values [desired.NumSettings]desired.Value) Settings {
	for s, v := range values {
		if v == desired.NoDestination {
			values[s] = desired.Value{}
		}
	}
	return values
}

// Effect is what Lambda does about a setting: its value, or the default.
func (s Settings) Effect(of desired.Setting) desired.Value { return s[of].Or(of.Default()) }

// With is what an Update with the settings that c has makes of s.
func (s Settings) With(c desired.Config) Settings {
	for i, v := range c {
		s[i] = v.Or(s[i])
	}
	return NewSettings(s)
}

// MarshalJSON is an object of the settings that are set, in output order.
func (s Settings) MarshalJSON() ([]byte, error) { return desired.Config(s).MarshalJSON() }

// UnmarshalJSON takes what MarshalJSON gives, and refuses what desired.Config
// refuses.
func (s *Settings) UnmarshalJSON(data []byte) error {
	var c desired.Config
	err := c.UnmarshalJSON(data)
	*s = NewSettings(c)
	return err
}

// Record is one event invoke config as AWS holds it.
type Record struct {
	Qualifier string
	Settings
	LastModified time.Time // millisecond precision; zero when the answer had none
}

// modified is LastModified as surveys, plans and results keep it: in Unix milliseconds, and 0
// where it is not known.
func (r *Record) modified() int64 {
	if r.LastModified.IsZero() {
		return 0
	}
	return r.LastModified.UnixMilli()
}

// Matches reports whether every managed setting of want has the same effect in have,
// so that no write is needed.
func Matches(want desired.Config, have Settings) bool {
	return differing(want, have).IsZero()
}

// differing is want reduced to the settings whose effect differs from have: the
// body of the Update that closes the difference.
func differing(want desired.Config, have Settings) (d desired.Config) {
	for _, s := range desired.AllSettings() {
		if want[s].IsSet() && want[s] != have.Effect(s) {
			d[s] = want[s]
		}
	}
	return d
}

// Observed is what a survey saw.
type Observed struct {
	Targets []ObservedTarget // in the order of the fleet's targets
}

// ObservedTarget is what a survey saw of one target.
type ObservedTarget struct {
	desired.Target
	Err       error              // why it could not be read at all, such as that its credentials failed
	Stopped   error              // why the survey took no further work; nil when it ran to its end
	Functions []ObservedFunction // sorted by name
}

// FindTarget finds a target in a list whose items embed a desired.Target, such as Plan.Targets;
// nil when it is not there. The pointer is into the list.
func FindTarget[T interface{ Compare(desired.Target) int }](list []T, t desired.Target) *T {
	if i := slices.IndexFunc(list, func(item T) bool { return item.Compare(t) == 0 }); i >= 0 {
		return &list[i]
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

// The states. What is unreadable is never taken for absent, and not examined is never
// taken for either.
const (
	FunctionNotExamined FunctionState = iota // the run ended before its turn
	FunctionPresent                          // its records are known
	FunctionAbsent                           // there is no such function
	FunctionUnreadable                       // see ObservedFunction.Err
)

// ObservedFunction is what a survey saw of one function.
type ObservedFunction struct {
	Function string
	State    FunctionState
	Seen     int64            // when its records were read, Unix milliseconds
	Records  []ObservedRecord // sorted by qualifier
	// Gone lists the qualifiers that are declared or hold a record, and exist neither as
	// alias nor as version, as far as these were listed: see Knows.
	Gone           []string
	Aliases        []string // sorted, where they were listed; those of most functions never are
	AliasesListed  bool
	VersionsListed bool
	// Appeared are aliases that came while the run was on its way, after those that
	// patterns choose among had been listed: of them it is not known what is declared.
	Appeared     []string
	UnlistedErr  error // why it is not known which aliases a pattern chooses
	Err          error // why, where State is FunctionUnreadable
	QualifierErr error // why aliases or versions could not be listed; records are known all the same
}

// Knows reports whether it was found out if a qualifier exists: it does, then, unless it
// is in Gone.
func (f *ObservedFunction) Knows(qualifier string) bool {
	return (f.AliasesListed || !isAlias(qualifier)) && (f.VersionsListed || !isVersion(qualifier))
}

func (f ObservedFunction) compare(other ObservedFunction) int {
	return strings.Compare(f.Function, other.Function)
}

// ObservedRecord is a record in the compact form that a survey keeps.
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

// Covered counts the functions that were read in some targets, or in all where none is
// given, and those of them in which every declared config has a destination for failures, as
// AWS holds it after the run. A function without one loses the events that it cannot process.
func (r *RunResult) Covered(in ...desired.Target) (functions, covered int) {
	for i := range r.Observed.Targets {
		if t := r.Observed.Targets[i].Target; len(in) == 0 || slices.Contains(in, t) {
			f, c := r.coveredIn(t)
			functions, covered = functions+f, covered+c
		}
	}
	return functions, covered
}

// coveredIn is Covered of one target.
//
// Where the run wrote, the answer of the write counts and not what was read before it.
// Functions that were not read, or are absent, are in neither number; a target that could
// not be read has 0 of 0.
func (r *RunResult) coveredIn(t desired.Target) (functions, covered int) {
	have, want := FindTarget(r.Observed.Targets, t), FindTarget(r.Fleet.Targets, t)
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
	for entries := range ByFunction(want.Entries) {
		f := have.function(entries[0].Function)
		if f == nil || f.State != FunctionPresent {
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
