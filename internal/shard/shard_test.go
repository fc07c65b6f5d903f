package shard

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
)

// someTargets draws a fleet's targets, in any order and perhaps with doubles.
func someTargets(t *rapid.T) []desired.Target {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) desired.Target {
		return desired.Target{
			Account: fmt.Sprintf("%012d", rapid.IntRange(0, 500).Draw(t, "account")),
			Region:  rapid.SampledFrom([]string{"eu-west-1", "us-east-1", "ap-south-1"}).Draw(t, "region"),
		}
	}), 0, 60).Draw(t, "targets")
}

func TestEveryTargetBelongsToExactlyOneShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		targets := someTargets(t)
		count := rapid.IntRange(1, 12).Draw(t, "count")
		var dealt []desired.Target
		for i := range count {
			part := Of(targets, Shard{i, count})
			if !slices.IsSortedFunc(part, desired.Target.Compare) {
				t.Fatalf("shard %d is not sorted: %v", i, part)
			}
			dealt = append(dealt, part...)
		}
		slices.SortFunc(dealt, desired.Target.Compare)
		if fleet := Of(targets, Whole); !slices.Equal(fleet, dealt) {
			t.Errorf("the shards together are not the fleet, each target once:\n%s", cmp.Diff(fleet, dealt))
		}
	})
}

func TestAnotherShardMovesOnlyWhatItTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 12).Draw(t, "count")
		added := Shard{count, count + 1}
		for _, target := range Of(someTargets(t), Whole) {
			for i := range count {
				before, after := Shard{i, count}.Owns(target), Shard{i, count + 1}.Owns(target)
				if before != after && !added.Owns(target) {
					t.Errorf("%s moved to or from shard %d, though the added shard does not own it", target, i)
				}
			}
		}
	})
}

func TestShardsAreBalanced(t *testing.T) {
	var targets []desired.Target
	for a := range 500 {
		for _, region := range []string{"eu-west-1", "us-east-1"} {
			targets = append(targets, desired.Target{Account: fmt.Sprintf("%012d", 100_000_000_000+a*7919), Region: region})
		}
	}
	const count, mean = 8, 1000 / 8
	for i := range count {
		// 125 on average with a standard deviation of about 10: four of them.
		if n := len(Of(targets, Shard{i, count})); n < mean-42 || n > mean+42 {
			t.Errorf("shard %d has %d of %d targets, far from %d", i, n, len(targets), mean)
		}
	}
}

func TestOwnersDoNotChangeBetweenVersions(t *testing.T) {
	// Two versions at work on one fleet must agree, so these stay as they are.
	var owners []int
	for a := range 8 {
		target := desired.Target{Account: fmt.Sprintf("%012d", a), Region: "eu-west-1"}
		for i := range 4 {
			if (Shard{i, 4}).Owns(target) {
				owners = append(owners, i)
			}
		}
	}
	if diff := cmp.Diff([]int{2, 3, 0, 2, 2, 1, 3, 1}, owners); diff != "" {
		t.Errorf("owners changed (-want +got):\n%s", diff)
	}
}

func TestAShardThatIsNotOneOwnsNothing(t *testing.T) {
	target := desired.Target{Account: "111111111111", Region: "eu-west-1"}
	for _, s := range []Shard{{}, {Index: 3, Count: 3}, {Index: -1, Count: 2}} {
		if s.Owns(target) {
			t.Errorf("%v owns %s", s, target)
		}
	}
}
