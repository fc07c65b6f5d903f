package desired

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Fleet is the resolved declaration: what every key of every target should
// hold. It is a plain value, sorted, and the same input gives the same Fleet.
// What its entries point to is shared, and not to be changed.
type Fleet struct {
	Targets           []TargetSpec // sorted by Target; no two alike
	Limits            Limits
	Undeclared        UndeclaredPolicy
	MissingFunctions  MissingPolicy
	MissingQualifiers MissingPolicy
	Warnings          Problems // nothing in here stops a run
}

// Configs is the number of declared configs in all targets.
func (f Fleet) Configs() int {
	n := 0
	for i := range f.Targets {
		n += len(f.Targets[i].Entries)
	}
	return n
}

// TargetSpec is the part of a Fleet that lives in one account and region.
type TargetSpec struct {
	Target
	Label      string    // the name under targets:, or "" for the current credentials
	RoleARN    string    // "" means: use the base credentials
	ExternalID string    // only with RoleARN
	Quota      float64   // requests a second; 0 where the file does not say
	RateShare  float64   // of the quota a run may use, 0.1 to 1; 0 where the file does not say
	Err        error     // why it is not to be opened: see [Member]
	Unlisted   bool      // stands for all accounts of an organization, which are not known: see Document.WithMembers
	Entries    []Entry   // sorted by Name; no two alike
	Judged     []Judged  // functions that requirements choose, declared or not, sorted by name
	Ignored    []Ignored // keys that something declared or matched and an ignore rule took out, sorted by Name
}

// A fleet may have 100,000 entries, and as few configs as there are combinations of rules: Want and
// Origins are pointers to what entries share. Plans and reports of such a fleet keep its entries,
// so that what each of them takes in memory is what a run takes.

// Entry is what one key should hold.
type Entry struct {
	Name
	Want     *Config  // shared, read-only, never nil; zero when Remove is set
	Origins  *Origins // where each setting of Want was written; shared, read-only, never nil
	Remove   bool     // there is to be no record at all
	Optional bool     // a rule chose it by qualifier: a function without that is skipped and counted
	Pattern  bool     // Qualifier is a rule's pattern for aliases, as those of the function are not known
}

// Ignored is a key that is left out of everything, and the rule that says so.
type Ignored struct {
	Name
	By     Origin `json:"by"`
	Reason string `json:"reason,omitempty"` // "" where the rule gives none
	Until  string `json:"until,omitempty"`  // the last day on which it holds, such as 2027-03-31; "" where it has no end
}

// Origins is the provenance of one entry.
type Origins struct {
	Entry    Origin              // the functions entry, or the last rule that named the key
	Settings [NumSettings]Origin // zero for a setting that nobody set
}

// UndeclaredPolicy says what to do with records on a declared function under a
// qualifier that nobody declared.
type UndeclaredPolicy uint8

// The policies; the zero value is the default.
const (
	UndeclaredReport UndeclaredPolicy = iota // tell of them
	UndeclaredDelete                         // delete them, within the limits
)

// MissingPolicy says how it is taken that a declared function, or its declared
// alias or version, does not exist.
type MissingPolicy uint8

// The policies; the zero value is the default.
const (
	MissingError MissingPolicy = iota // as a failure of the run
	MissingWarn                       // as a warning
)

var missingPolicies = []string{MissingError: "error", MissingWarn: "warn"}

// MarshalText implements encoding.TextMarshaler.
func (p MissingPolicy) MarshalText() ([]byte, error) { return []byte(missingPolicies[p]), nil }

// UnmarshalText implements encoding.TextUnmarshaler; MissingError for what it does not know.
func (p *MissingPolicy) UnmarshalText(text []byte) error {
	// Nothing that is missing is passed over.
	*p = MissingPolicy(max(0, slices.Index(missingPolicies, string(text))))
	return nil
}

// Limits is what one run may do. A plan beyond it is refused whole. The zero Limits allow nothing.
type Limits struct {
	MaxChanges Limit // writes of any kind, share of the configs
	MaxDeletes Limit // deletes, share of the configs
	MaxErrors  Limit // failed calls of one target, share of its work; beyond it no new work is taken
}

// Limit is an absolute number, or a share that never allows fewer than Floor: a small fleet is
// not blocked by its own size.
type Limit struct {
	Share   bool
	Number  int     // the limit where Share is false
	Percent float64 // of the total where Share is true, 0 to 100; rounded down
	Floor   int     // the least that a share allows
}

// String is the limit as the fleet file has it: "25" or "30%".
func (l Limit) String() string {
	if l.Share {
		return strconv.FormatFloat(l.Percent, 'f', -1, 64) + "%"
	}
	return strconv.Itoa(l.Number)
}

// Allowed is how many of total the limit lets pass.
func (l Limit) Allowed(total int) int {
	if !l.Share {
		return l.Number
	}
	// Whole billionths of a percent, which is as fine as a file can say it: binary fractions
	// would make 18.4 % of 375 a little less than the 69 that it is.
	billionths := int64(math.Round(l.Percent * 1e9))
	return max(l.Floor, int(billionths*int64(total)/100e9))
}

// DefaultLimits are those of a fleet file without a guard: 30 % of the configs may change, or 10
// if that is more; none may be deleted; 10 % of the calls may fail, or 10. They stop the classic accidents, a truncated
// file and a wrong default, and let a daily run correct what usually drifts.
func DefaultLimits() Limits {
	return Limits{
		MaxChanges: Limit{Percent: 30, Share: true, Floor: 10},
		MaxDeletes: Limit{Number: 0},
		MaxErrors:  Limit{Percent: 10, Share: true, Floor: 10},
	}
}

// The order of the layers is that of their strength, and that of the ids of items: see
// Loader.Load. Reports rely on the names, which are keys of the fleet file.

// Layer is the kind of place a value came from, weakest first.
type Layer uint8

// The layers; a later one wins over an earlier one.
const (
	LayerDefaults Layer = iota + 1 // 0 is the layer of a value that nobody wrote
	LayerRule
	LayerFunction
	LayerIgnore  // sets nothing: it takes keys out
	LayerRequire // sets nothing: it judges
)

// Origin is where one value was written. Two loads of the same files give equal origins.
type Origin struct {
	File     string `json:"file"` // the fleet file's path as it was given
	Line     int    `json:"line"` // counts from 1
	Layer    Layer  `json:"layer"`
	Index    int    `json:"index,omitempty"`    // of the rule or entry within its file, over all its YAML documents
	Rule     string `json:"rule,omitempty"`     // the name of the rule; "" where that has none or is no rule
	Template string `json:"template,omitempty"` // what stands in the file where that is not the value itself: a destination with ${function} or variables in it
}

// IsZero reports whether nobody wrote the value.
func (o Origin) IsZero() bool { return o.Layer == 0 }

// LayerName is "defaults", "rules[0]" or "functions[12]": the path within the file.
func (o Origin) LayerName() string {
	if o.Layer <= LayerDefaults {
		return layerNames[o.Layer]
	}
	return fmt.Sprintf("%s[%d]", layerNames[o.Layer], o.Index)
}

// layerNames are the keys of the fleet file.
var layerNames = [...]string{
	LayerDefaults: "defaults", LayerRule: "rules", LayerFunction: "functions", LayerIgnore: "ignore", LayerRequire: "require",
}

// MarshalText implements encoding.TextMarshaler.
func (l Layer) MarshalText() ([]byte, error) { return []byte(layerNames[l]), nil }

// UnmarshalText implements encoding.TextUnmarshaler; what it does not know nobody wrote.
func (l *Layer) UnmarshalText(text []byte) error {
	*l = Layer(max(0, slices.Index(layerNames[:], string(text))))
	return nil
}

// String is "fleet.yaml:14 rules[0]", or "" when nobody wrote the value.
func (o Origin) String() string {
	if o.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s:%d %s", o.File, o.Line, o.LayerName())
}
