package desired

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const twoTargets = `version: 1
targets:
  - { name: prod, account: "111111111111", regions: [us-east-1, eu-west-1] }
  - { name: china, account: "222222222222", regions: [cn-north-1] }
functions:
  - { name: orders, on_failure: none }
  - { name: orders-eu, on_failure: none, targets: [prod] }
  - { name: payments, maximum_retry_attempts: 0, targets: [china] }
`

func TestSelection(t *testing.T) {
	d := mustLoad(t, oneFile(twoTargets))
	for _, row := range []struct {
		why  string
		sel  Selection
		want []string
	}{
		{"a label is all of its regions", Selection{Targets: []string{"prod"}}, []string{
			"eu-west-1 orders failure=none@functions[0]", "eu-west-1 orders-eu failure=none@functions[1]",
			"us-east-1 orders failure=none@functions[0]", "us-east-1 orders-eu failure=none@functions[1]"}},
		{"one region by account and region", Selection{Targets: []string{"111111111111/eu-west-1"}}, []string{
			"eu-west-1 orders failure=none@functions[0]", "eu-west-1 orders-eu failure=none@functions[1]"}},
		{"patterns of functions", Selection{Functions: []string{"pay*", "*-eu"}}, []string{
			"eu-west-1 orders-eu failure=none@functions[1]", "us-east-1 orders-eu failure=none@functions[1]", "cn-north-1 payments retries=0@functions[2]"}},
		{"both narrow", Selection{Targets: []string{"china"}, Functions: []string{"orders"}}, []string{"cn-north-1 orders failure=none@functions[0]"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			f, err := d.Resolve(Target{}, nil, row.sel)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, lines(f)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, row := range []struct {
		why  string
		sel  Selection
		want string
	}{
		{"a misspelt label", Selection{Targets: []string{"prdo"}}, `no target is called "prdo"; did you mean prod?`},
		{"a label that is nothing like one", Selection{Targets: []string{"staging"}}, `no target is called "staging"; there are prod, china, 111111111111/eu-west-1, 111111111111/us-east-1, 222222222222/cn-north-1`},
		{"an empty label, as an unset variable gives", Selection{Targets: []string{""}}, `no target is called ""; there are prod, china, 111111111111/eu-west-1, 111111111111/us-east-1, 222222222222/cn-north-1`},
		{"a pattern that matches nothing", Selection{Functions: []string{"refunds-*"}}, `no function matches "refunds-*"; there are orders, orders-eu, payments`},
		{"a config", Selection{Functions: []string{"orders:live"}}, `the pattern "orders:live" has a colon, which no function name has; write orders, which stands for all its qualifiers`},
		{"a misspelt function", Selection{Functions: []string{"payment"}}, `no function matches "payment"; did you mean payments?`},
		{"one of two patterns", Selection{Functions: []string{"orders", "x"}}, `no function matches "x"; there are orders, orders-eu, payments`},
		{"a function of another target", Selection{Targets: []string{"prod"}, Functions: []string{"payments"}}, `no function matches "payments"; there are orders, orders-eu`},
		{"a broken pattern", Selection{Functions: []string{"[a"}}, `the pattern "[a" has [ without ]; use *, ?, [a-z] and {one,other}, such as "orders-*"`},
	} {
		t.Run(row.why, func(t *testing.T) {
			if _, err := d.Resolve(Target{}, nil, row.sel); err == nil || err.Error() != row.want {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	f := mustResolve(t, mustLoad(t, oneFile(twoTargets)), Target{}, nil)
	for _, row := range []struct {
		why, typed string
		want       string
	}{
		{"a name is meant in every target that has it", "orders-eu", "111111111111/eu-west-1/orders-eu 111111111111/us-east-1/orders-eu"},
		{"with a label", "china/orders", "222222222222/cn-north-1/orders"},
		{"as output prints it", "111111111111/us-east-1/orders", "111111111111/us-east-1/orders"},
		{"as AWS prints it", "arn:aws-cn:lambda:cn-north-1:222222222222:function:orders:$LATEST", "222222222222/cn-north-1/orders"},
		{"as the short form of an ARN", "222222222222:function:orders", "222222222222/cn-north-1/orders"},
	} {
		keys, err := f.Find(row.typed)
		var got []string
		for _, k := range keys {
			got = append(got, k.String())
		}
		if err != nil || strings.Join(got, " ") != row.want {
			t.Errorf("%s: %v %v", row.why, got, err)
		}
	}
	for typed, want := range map[string]string{
		"order":       `no declared config is called "order"; did you mean orders?`,
		"orders:live": `no declared config is called "orders:live"; did you mean orders?`,
		"zebra":       `no declared config is called "zebra"; there are orders, orders-eu, payments`,
		"chna/orders": `no target is called "chna"; did you mean china?`,
		"a b":         `"a b" is not a function name; use letters, digits, hyphens, underscores and dots`,
	} {
		if _, err := f.Find(typed); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", typed, err, want)
		}
	}
}
