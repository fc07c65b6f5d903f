package events

import (
	"cmp"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Kind is how far a hint reaches.
type Kind uint8

// The kinds, narrowest first.
const (
	Key      Kind = iota // one qualifier of one function
	Function             // every qualifier of one function
	Target               // everything in one account and region
	All                  // everything: a schedule fired
	Files                // a stored object changed, perhaps a fleet file: then everything
)

var kindNames = [...]string{"key", "function", "target", "all", "files"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Hint says that something may have changed, and where.
type Hint struct {
	Kind      Kind
	Target    desired.Target // for Target, Function and Key
	Function  string         // for Function and Key
	Qualifier string         // for Key; never empty there
	Object    string         // for Files: s3://bucket/key

	RestOf string // of an item: the run that had no time for it; "" for a run of its own

	EventID   string           // to tell doubled deliveries; "" when the event has none
	EventTime time.Time        // when it happened; zero when the event does not say
	EventName string           // the API call without its version suffix, such as CreateAlias
	Author    reconcile.Author // who made the call, as CloudTrail tells it

	// Echo marks a call that eventinvoke itself made, by its user agent. The
	// identity alone would not do: people share roles. Somebody who forges the
	// user agent is found by the next sweep.
	Echo bool
	// Failed marks a call that AWS refused, so that nothing has changed. Such a
	// hint may lack its function.
	Failed bool
}

// hintOf is of kind Key where the name has a qualifier, else Function. Where the
// name does not say it, the function lives at home.
func hintOf(n desired.ParsedName, home desired.Target) Hint {
	h := Hint{
		Kind: Function, Function: n.Function,
		Target: desired.Target{Account: cmp.Or(n.Account, home.Account), Region: cmp.Or(n.Region, home.Region)},
	}
	if n.Qualifier != "" {
		h.Kind, h.Qualifier = Key, n.Qualifier
	}
	return h
}

// isQualifier holds a qualifier that stands apart from its function against the
// same rules as one that stands behind it.
func isQualifier(s string) bool {
	_, err := desired.ParseName("f:" + s)
	return err == nil
}

// Key is the record that a hint of kind Key is about.
func (h Hint) Key() desired.Key {
	return desired.Key{Target: h.Target, Name: desired.Name{Function: h.Function, Qualifier: h.Qualifier}}
}

// Asked reports whether somebody named this very place, in an item of work, as
// opposed to a call that happened there.
func (h Hint) Asked() bool { return h.EventName == "" && h.Kind <= Target }

// WritesRecord reports whether the call behind the hint was one that changes an
// event invoke config, as opposed to the function around it.
func (h Hint) WritesRecord() bool {
	return calls[h.EventName] == ofRecord
}
