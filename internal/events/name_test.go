package events

import (
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
)

func TestNamesOfCalls(t *testing.T) {
	for _, tt := range []struct{ why, in, want string }{
		{"without a suffix", "PutFunctionEventInvokeConfig", "PutFunctionEventInvokeConfig"},
		{"a date", "CreateAlias20150331", "CreateAlias"},
		{"a date and a version", "TagResource20170331v2", "TagResource"},
		{"a date nobody has seen yet", "UpdateFunctionEventInvokeConfig20300101v12", "UpdateFunctionEventInvokeConfig"},
		{"a version alone is part of no known name", "TagResourcev2", ""},
		{"nothing", "", ""},
	} {
		if got := callName(tt.in); got != tt.want {
			t.Errorf("%s: %q is the call %q, want %q", tt.why, tt.in, got, tt.want)
		}
	}
}

func TestFormsOfNames(t *testing.T) {
	const arn = "arn:aws-us-gov:lambda:us-gov-west-1:222222222222:function:"
	for _, tt := range []struct {
		why, in string
		want    Hint
	}{
		{"plain: at home, every qualifier", "orders", Hint{Kind: Function, Target: ireland, Function: "orders"}},
		{"qualified", "orders:live", Hint{Kind: Key, Target: ireland, Function: "orders", Qualifier: "live"}},
		{"$LATEST said aloud is one key", "orders:$LATEST", Hint{Kind: Key, Target: ireland, Function: "orders", Qualifier: "$LATEST"}},
		{"function:", "function:orders", Hint{Kind: Function, Target: ireland, Function: "orders"}},
		{"a partial ARN: another account, the region of home", "222222222222:function:orders:7",
			Hint{Kind: Key, Target: desired.Target{Account: "222222222222", Region: "eu-west-1"}, Function: "orders", Qualifier: "7"}},
		{"an ARN is of its own place", arn + "orders", Hint{Kind: Function, Target: gov, Function: "orders"}},
		{"a qualified ARN", arn + "orders:live", Hint{Kind: Key, Target: gov, Function: "orders", Qualifier: "live"}},
	} {
		event := `{"account": "111111111111", "region": "eu-west-1", "function": ` + quote(tt.in) + `}`
		check(t, tt.why, []byte(event), []Hint{tt.want}, "")
	}
	for _, tt := range []struct{ why, in string }{
		{"one colon too many", arn + "orders:live:x"},
		{"no function", arn},
		{"another service", "arn:aws:sqs:eu-west-1:111111111111:function:orders"},
		{"an empty qualifier", "orders:"},
		{"nothing", ""},
	} {
		event := `{"account": "111111111111", "region": "eu-west-1", "function": ` + quote(tt.in) + `}`
		check(t, tt.why, []byte(event), nil, "is not the name of a function")
	}
}

func TestQualifiersApart(t *testing.T) {
	for _, tt := range []struct {
		why, in string
		want    bool
	}{
		{"an alias", "live", true},
		{"a version", "7", true},
		{"$LATEST", "$LATEST", true},
		{"nothing", "", false},
		{"two in one", "live:7", false},
		{"$latest is none", "$latest", false},
		{"what no alias has", "li ve", false},
	} {
		if got := isQualifier(tt.in); got != tt.want {
			t.Errorf("%s: %q is a qualifier: %v, want %v", tt.why, tt.in, got, tt.want)
		}
	}
}

func TestOnlySomeCallsWriteARecord(t *testing.T) {
	for call, want := range map[string]bool{
		"PutFunctionEventInvokeConfig": true, "UpdateFunctionEventInvokeConfig": true, "DeleteFunctionEventInvokeConfig": true,
		"CreateAlias": false, "TagResource": false, "": false,
	} {
		if got := (Hint{EventName: call}).WritesRecord(); got != want {
			t.Errorf("%q writes a record: %v, want %v", call, got, want)
		}
	}
}
