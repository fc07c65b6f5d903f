package observed

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// state is what is known of one target between two runs. It vouches for itself: each
// observation was true when it was made, and every event that the trail showed up to
// looked has been answered by a reading or by forgetting.
type state struct {
	target desired.Target
	header
	functions map[string]*observation
}

// header is what is known beside the functions, as it is stored.
type header struct {
	Written time.Time        `json:"written"`
	Looked  time.Time        `json:"looked"`           // up to when the trail was asked
	Events  map[string]int64 `json:"events,omitempty"` // ids of those answered, and when they happened, Unix seconds
	// Followed says that the trail was asked before: Events has all that it showed.
	Followed bool `json:"followed,omitempty"`
	// Doubts are functions that were found changed without an event that told of it, and
	// when, Unix seconds: the event may still come.
	Doubts map[string]int64 `json:"doubts,omitempty"`

	Listed time.Time       `json:"listed,omitzero"` // when all functions were listed; zero: they never were
	Need   string          `json:"need,omitempty"`  // what was discovered then, as a digest
	Names  []string        `json:"names,omitempty"` // of the functions, sorted
	Tags   map[string]tags `json:"tags,omitempty"`

	// Whether any function is asked about an alias or a version.
	Aliases  bool `json:"aliases,omitempty"`
	Versions bool `json:"versions,omitempty"`
}

// observation is one function.
type observation struct {
	reconcile.CarriedFunction
	asked string // digest of what was asked of it
}

func newState(t desired.Target) *state {
	return &state{target: t, header: header{Events: map[string]int64{}, Doubts: map[string]int64{}}, functions: map[string]*observation{}}
}

func (s *state) order() []string { return slices.Sorted(maps.Keys(s.functions)) }

// digest is a short name for a value: 96 bits, so that no two of a fleet share one.
func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "" // equal to nothing that is stored: see askedOf
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// asker digests what a fleet asks of each function of a target. Functions of one rule
// are asked the same, and that is digested once.
type asker struct {
	spec       *desired.TargetSpec
	undeclared desired.UndeclaredPolicy
	known      map[string]string
}

func newAsker(spec *desired.TargetSpec, undeclared desired.UndeclaredPolicy) *asker {
	return &asker{spec, undeclared, map[string]string{}}
}

// of is the digest of what is asked of one function, whose entries are given.
func (a *asker) of(entries []desired.Entry) string {
	var key strings.Builder
	key.WriteByte(byte('0' + a.undeclared))
	for i := range entries {
		e := &entries[i]
		want, err := e.Want.MarshalJSON()
		if err != nil {
			return ""
		}
		key.WriteString("\x00" + e.Qualifier + "\x00")
		key.Write(want)
		for _, flag := range []bool{e.Remove, e.Optional, e.Pattern} {
			if flag {
				key.WriteByte('+')
			} else {
				key.WriteByte('-')
			}
		}
	}
	at, _ := slices.BinarySearchFunc(a.spec.Ignored, entries[0].Function, func(g desired.Ignored, f string) int { return strings.Compare(g.Function, f) })
	for ; at < len(a.spec.Ignored) && a.spec.Ignored[at].Function == entries[0].Function; at++ {
		key.WriteString("\x00!" + a.spec.Ignored[at].Qualifier)
	}
	if known, ok := a.known[key.String()]; ok {
		return known
	}
	d := digest(key.String())
	a.known[key.String()] = d
	return d
}
