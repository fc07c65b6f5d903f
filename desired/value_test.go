package desired

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestPartitions(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "aws", "ap-southeast-2": "aws", "mars-north-1": "aws",
		"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
		"us-isof-south-1": "aws-iso-f", "eu-isoe-west-1": "aws-iso-e", "eusc-de-east-1": "aws-eusc",
	} {
		if got := partitionOf(region); got != want {
			t.Errorf("partitionOf(%q) = %q, want %q", region, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, row := range []struct {
		why   string
		limit Limit
		total int
		want  int
	}{
		{"a number is itself, whatever the fleet", Limit{Number: 3}, 1000, 3},
		{"a share", Limit{Percent: 30, Share: true, Floor: 10}, 1000, 300},
		{"a share of a small fleet has a floor", Limit{Percent: 30, Share: true, Floor: 10}, 20, 10},
		{"29% of 100 is 29, though 0.29*100 is less in binary", Limit{Percent: 29, Share: true}, 100, 29},
		{"parts of a key are not allowed", Limit{Percent: 12.5, Share: true}, 15, 1},
		{"the default allows no delete", DefaultLimits().MaxDeletes, 1_000_000, 0},
	} {
		if got := row.limit.Allowed(row.total); got != row.want {
			t.Errorf("%s: %d, want %d", row.why, got, row.want)
		}
	}
}

func TestGuardOfAFile(t *testing.T) {
	for written, want := range map[string]Limits{
		"{ max_changes: 12.5%, max_errors: 3 }": {Limit{Percent: 12.5, Share: true, Floor: 10}, Limit{}, Limit{Number: 3}},
		"{ max_changes: 0%, max_deletes: 5% }":  {Limit{Share: true}, Limit{Percent: 5, Share: true}, DefaultLimits().MaxErrors},
		"{ max_deletes: \"100%\" }":             {DefaultLimits().MaxChanges, Limit{Percent: 100, Share: true}, DefaultLimits().MaxErrors},
	} {
		d := mustLoad(t, oneFile("version: 1\nguard: "+written+"\n"+plainEntry))
		if got := mustResolve(t, d, east, nil).Limits; got != want {
			t.Errorf("%s: %+v, want %+v", written, got, want)
		}
	}
}

func TestUnsetIsNotZero(t *testing.T) {
	var unset Value
	zero := Number(0)
	if unset == zero || unset.IsSet() || unset.Or(Number(2)) != Number(2) || zero.Or(Number(2)) != zero || unset.String() != "unset" || zero.String() != "0" {
		t.Error("an unset value and a zero are to be told apart")
	}
}

// Two loads of the same files are equal down to their origins.
func TestOriginsAreValues(t *testing.T) {
	load := func() Origin {
		return mustResolve(t, mustLoad(t, oneFile("version: 1\n"+plainEntry)), east, nil).Targets[0].Entries[0].Origins.Settings[MaximumRetryAttempts]
	}
	if a, b := load(), load(); a != b || a.String() != "fleet.yaml:4 functions[0]" {
		t.Errorf("%v and %v", a, b)
	}
	if zero := (Origin{}); zero.String() != "" || zero.File != "" || zero.LayerName() != "" {
		t.Errorf("the zero origin prints %q", zero)
	}
}

// What is kept are the first problems by place, in whatever order they come.
func TestCollectorKeepsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3*maxShown).Draw(t, "n")
		step := rapid.SampledFrom([]int{1, 7, 1009, 4999}).Draw(t, "step") // primes: they reach every line
		var c collector
		for i := range n {
			line := 1 + i*step%5003
			c.add(Problem{Pos: Pos{"f", line, 1}, Code: codeUnknownKey, Message: fmt.Sprint(line)})
		}
		var want []int
		for i := range n {
			want = append(want, 1+i*step%5003)
		}
		slices.Sort(want)
		got := c.errors.problems()
		if n > maxShown {
			if last := got[len(got)-1]; last.Code != codeTooManyProblems || last.Message != fmt.Sprintf("%d more problems are not shown", n-maxShown) {
				t.Fatalf("the last line is %s", last)
			}
			got, want = got[:maxShown], want[:maxShown]
		}
		for i := range want {
			if got[i].Pos.Line != want[i] {
				t.Fatalf("problem %d is of line %d, want %d", i, got[i].Pos.Line, want[i])
			}
		}
	})
}
