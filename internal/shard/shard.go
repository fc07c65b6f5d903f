package shard

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Shard is one of Count equal parts of a fleet. The zero value is no shard;
// Whole is all of it.
type Shard struct {
	Index int // from 0
	Count int // at least 1
}

// Whole is the only shard of a fleet that is not divided.
var Whole = Shard{Index: 0, Count: 1}

// String is "2/8".
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Count) }

// IsWhole reports whether the shard is the whole fleet.
func (s Shard) IsWhole() bool { return s == Whole }

// Of lists the targets of a shard, sorted, each once.
func Of(targets []desired.Target, s Shard) []desired.Target {
	mine := slices.Clone(targets)
	slices.SortFunc(mine, desired.Target.Compare)
	mine = slices.Compact(mine)
	return slices.DeleteFunc(mine, func(t desired.Target) bool { return !s.Owns(t) })
}

// Owns reports whether a target belongs to the shard.
//
// This is rendezvous hashing: every shard bids for the target, and the highest
// bid wins. A bid depends on the target and the shard's index alone, so a shard
// that is added can only take targets for itself, and one that is removed only
// gives its own away.
func (s Shard) Owns(t desired.Target) bool {
	mine := bid(t, s.Index)
	for other := range s.Count {
		// Of two equal bids the lower index wins, so that one of them does.
		if theirs := bid(t, other); theirs > mine || (theirs == mine && other < s.Index) {
			return false
		}
	}
	return s.Index >= 0 && s.Index < s.Count
}

// bid is the same in every version and on every machine: processes of
// different versions may work on one fleet while it is being upgraded.
func bid(t desired.Target, index int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s#%d", t, index))
	return binary.BigEndian.Uint64(sum[:8])
}
