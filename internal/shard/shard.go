// Package shard says which part of a fleet this process works on.
//
// In come the --shard flag, a way to look up environment variables, and all the
// targets that the fleet declares. Out comes a Shard, and the targets that belong to
// it. The unit is the target: one account in one region is never split, because its
// quota cannot be.
//
// Processes of one fleet agree without talking to each other: the sorted targets are
// dealt round, so every target belongs to exactly one shard, and no shard has more
// than one target more than another. Another target or another count moves others:
// nothing is kept per shard, so that costs nothing. The package reads no environment
// by itself, and never guesses a missing count: with a guess of one, every process
// would work on the whole fleet.
package shard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Shard is one of Count equal parts of a fleet. The zero value is no shard;
// Whole is all of it.
type Shard struct {
	Index int `json:"index"` // from 0
	Count int `json:"count"` // at least 1
}

// Whole is the only shard of a fleet that is not divided.
var Whole = Shard{Index: 0, Count: 1}

// String is "2/8".
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Count) }

// Name is what the history calls the work of a shard, "shard-2-of-8", and "whole" where there is
// no shard.
func (s Shard) Name() string {
	if s.Count == 0 {
		return "whole"
	}
	return fmt.Sprintf("shard-%d-of-%d", s.Index, s.Count)
}

// IsWhole reports whether the shard is the whole fleet.
func (s Shard) IsWhole() bool { return s == Whole }

// Contains reports whether a target belongs to the shard. All are the targets that the
// fleet declares, in any order, and not those that a run was narrowed to: processes
// must agree. A target that is none of them belongs to one shard as well.
func (s Shard) Contains(all []desired.Target, t desired.Target) bool {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, desired.Target.Compare)
	at, _ := slices.BinarySearchFunc(slices.Compact(sorted), t, desired.Target.Compare)
	return s.Count > 0 && at%s.Count == s.Index
}

// Variables that name a shard. Kubernetes sets the index of an Indexed Job's
// pod and does not say how many there are.
const (
	EnvIndex      = "EVENTINVOKE_SHARD_INDEX"
	EnvCount      = "EVENTINVOKE_SHARD_COUNT"
	EnvJobIndex   = "JOB_COMPLETION_INDEX"
	EnvBatchIndex = "AWS_BATCH_JOB_ARRAY_INDEX"
	EnvBatchSize  = "AWS_BATCH_JOB_ARRAY_SIZE"
)

// engines are the pairs of variables, strongest first, each with the way to
// mend a missing count.
var engines = []struct{ index, count, hint string }{
	{EnvIndex, EnvCount, "set " + EnvCount + " to the number of shards"},
	{EnvJobIndex, EnvCount, "Kubernetes does not provide it: set " + EnvCount + " to the Job's completions"},
	{EnvBatchIndex, EnvBatchSize, "AWS Batch sets it for array jobs: pass it on, or set " + EnvIndex + " and " + EnvCount},
}

// Resolve finds the shard of this process: the flag I/N if it is given, else
// the first pair of variables whose index is set, else Whole. An empty variable
// counts as unset.
//
// An index without a count is an error, and so is a count without an index.
func Resolve(flag string, getenv func(string) string) (Shard, error) {
	if flag != "" {
		return parseFlag(flag)
	}
	for _, e := range engines {
		if getenv(e.index) == "" {
			continue
		}
		if getenv(e.count) == "" {
			return Shard{}, fmt.Errorf("%s is %q and %s is not set: an index without a count would make every process work on the whole fleet; %s",
				e.index, getenv(e.index), e.count, e.hint)
		}
		return parse(e.index+" and "+e.count, e.index, getenv(e.index), e.count, getenv(e.count))
	}
	if count := getenv(EnvCount); count != "" {
		return Shard{}, fmt.Errorf("%s is %q and nothing says which shard this is; set %s, or run as a Kubernetes Indexed Job", EnvCount, count, EnvIndex)
	}
	return Whole, nil
}

func parseFlag(flag string) (Shard, error) {
	index, count, ok := strings.Cut(flag, "/")
	if !ok {
		return Shard{}, fmt.Errorf("--shard %q has no count: write I/N, such as 0/8 for the first of eight", flag)
	}
	return parse("--shard", "the index of --shard", index, "the count of --shard", count)
}

// parse makes a shard of its two numbers. where and the names are for messages.
func parse(where, indexName, index, countName, count string) (Shard, error) {
	i, err := number(indexName, index)
	if err != nil {
		return Shard{}, err
	}
	n, err := number(countName, count)
	switch s := (Shard{i, n}); {
	case err != nil:
		return Shard{}, err
	case n < 1:
		return Shard{}, fmt.Errorf("%s: there are 0 shards; use a count of at least 1", where)
	case n > maxCount:
		return Shard{}, fmt.Errorf("%s: %d shards are too many; use at most %d, a target is never split", where, n, maxCount)
	case i >= n:
		return Shard{}, fmt.Errorf("%s: there is no shard %d of %d; shards count from 0, so the last is %d/%d", where, i, n, n-1, n)
	default:
		return s, nil
	}
}

func number(what, s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%s is %q: use a whole number from 0", what, s)
	}
	return int(n), nil
}

// maxCount keeps a slip of the pen from becoming a long loop. It is the largest
// array of AWS Batch, and more than there are targets in any fleet.
const maxCount = 10_000
