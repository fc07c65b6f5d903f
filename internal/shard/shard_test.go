package shard

import (
	"fmt"
	"slices"
	"strings"
	"testing"

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
		// Every process sorts for itself: in what order the files name targets, and
		// how often, says nothing.
		shuffled := rapid.Permutation(append(slices.Clone(targets), targets...)).Draw(t, "shuffled")
		dealt := map[desired.Target]int{}
		sizes := make([]int, count)
		for _, target := range shuffled[:len(targets)] {
			dealt[target] = 0
		}
		for _, target := range targets {
			dealt[target] = 0
		}
		for i := range count {
			for target := range dealt {
				if (Shard{i, count}).Contains(shuffled, target) {
					dealt[target]++
					sizes[i]++
				}
				if (Shard{i, count}).Contains(shuffled, target) != (Shard{i, count}).Contains(targets, target) {
					t.Errorf("%s belongs to another shard when the targets come in another order", target)
				}
			}
		}
		for target, owners := range dealt {
			if owners != 1 {
				t.Errorf("%s belongs to %d of %d shards", target, owners, count)
			}
		}
		if slices.Max(sizes)-slices.Min(sizes) > 1 {
			t.Errorf("%d targets are dealt as %v", len(dealt), sizes)
		}
	})
}

func TestATargetThatIsNotDeclaredHasOneOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		targets := someTargets(t)
		stranger := desired.Target{Account: fmt.Sprintf("%012d", rapid.IntRange(0, 1000).Draw(t, "account")), Region: "us-west-2"}
		count := rapid.IntRange(1, 12).Draw(t, "count")
		owners := 0
		for i := range count {
			if (Shard{i, count}).Contains(targets, stranger) {
				owners++
			}
		}
		if owners != 1 {
			t.Errorf("%d shards own %s", owners, stranger)
		}
	})
}

func TestAShardThatIsNotOneOwnsNothing(t *testing.T) {
	target := desired.Target{Account: "111111111111", Region: "eu-west-1"}
	for _, s := range []Shard{{}, {Index: 3, Count: 3}, {Index: -1, Count: 2}} {
		if s.Contains([]desired.Target{target}, target) {
			t.Errorf("%v contains %s", s, target)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		why  string
		flag string
		env  map[string]string
		want Shard
		err  string // a part of the error; "" means none
	}{
		{why: "nothing said: the whole fleet", want: Whole},
		{why: "the flag", flag: "2/8", want: Shard{2, 8}},
		{why: "the flag beats every variable", flag: "0/2",
			env:  map[string]string{EnvIndex: "5", EnvCount: "9", EnvJobIndex: "4", EnvBatchIndex: "3", EnvBatchSize: "4"},
			want: Shard{0, 2}},
		{why: "our own variables beat the engines'",
			env:  map[string]string{EnvIndex: "5", EnvCount: "9", EnvJobIndex: "4", EnvBatchIndex: "3", EnvBatchSize: "4"},
			want: Shard{5, 9}},
		{why: "a Kubernetes Indexed Job beats AWS Batch",
			env:  map[string]string{EnvCount: "9", EnvJobIndex: "4", EnvBatchIndex: "3", EnvBatchSize: "4"},
			want: Shard{4, 9}},
		{why: "an AWS Batch array", env: map[string]string{EnvBatchIndex: "3", EnvBatchSize: "4"}, want: Shard{3, 4}},
		{why: "an array's size is Batch's own, whatever we are told elsewhere",
			env: map[string]string{EnvCount: "9", EnvBatchIndex: "3", EnvBatchSize: "4"}, want: Shard{3, 4}},
		{why: "an empty variable is not set", env: map[string]string{EnvIndex: "", EnvJobIndex: ""}, want: Whole},
		{why: "one shard is the whole fleet", flag: "0/1", want: Whole},

		{why: "an index alone must not become the whole fleet", env: map[string]string{EnvIndex: "0"},
			err: "EVENTINVOKE_SHARD_COUNT is not set: an index without a count"},
		{why: "Kubernetes gives no count", env: map[string]string{EnvJobIndex: "0"},
			err: "set EVENTINVOKE_SHARD_COUNT to the Job's completions"},
		{why: "Batch without its size", env: map[string]string{EnvBatchIndex: "1"}, err: "AWS_BATCH_JOB_ARRAY_SIZE is not set"},
		{why: "a stronger index does not borrow a weaker engine's count",
			env: map[string]string{EnvIndex: "0", EnvBatchIndex: "3", EnvBatchSize: "4"}, err: "EVENTINVOKE_SHARD_COUNT is not set"},
		{why: "a count alone", env: map[string]string{EnvCount: "4"}, err: "nothing says which shard"},
		{why: "no count in the flag", flag: "3", err: "write I/N"},
		{why: "shards count from 0", flag: "8/8", err: "the last is 7/8"},
		{why: "no shards", flag: "0/0", err: "at least 1"},
		{why: "too many", flag: "0/10001", err: "too many"},
		{why: "negative", flag: "-1/4", err: "whole number"},
		{why: "a sign is not a digit", flag: "+1/4", err: "whole number"},
		{why: "more than a number", env: map[string]string{EnvIndex: "1x", EnvCount: "4"}, err: `EVENTINVOKE_SHARD_INDEX is "1x"`},
		{why: "a huge number", env: map[string]string{EnvIndex: "1", EnvCount: "99999999999999999999"}, err: "EVENTINVOKE_SHARD_COUNT"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got, err := Resolve(tt.flag, func(name string) string { return tt.env[name] })
			switch {
			case tt.err == "" && err != nil:
				t.Fatal(err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Fatalf("error %v, want one with %q", err, tt.err)
			case got != tt.want:
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
