package events

import "testing"

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
	const arn = "arn:aws:lambda:eu-west-1:111111111111:function:"
	for _, tt := range []struct {
		why, in string
		want    name
		ok      bool
	}{
		{"plain", "orders", name{function: "orders"}, true},
		{"qualified", "orders:live", name{function: "orders", qualifier: "live"}, true},
		{"$LATEST said aloud", "orders:$LATEST", name{function: "orders", qualifier: "$LATEST"}, true},
		{"function:", "function:orders", name{function: "orders"}, true},
		{"partial ARN", "111111111111:function:orders:7", name{account: "111111111111", function: "orders", qualifier: "7"}, true},
		{"ARN", arn + "orders", name{region: "eu-west-1", account: "111111111111", function: "orders"}, true},
		{"qualified ARN", arn + "orders:live", name{region: "eu-west-1", account: "111111111111", function: "orders", qualifier: "live"}, true},
		{"one colon too many", arn + "orders:live:x", name{}, false},
		{"no function", arn, name{}, false},
		{"another service", "arn:aws:sqs:eu-west-1:111111111111:function:orders", name{}, false},
		{"an empty qualifier", "orders:", name{}, false},
		{"nothing", "", name{}, false},
	} {
		if got, ok := parseName(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %q is %+v %v, want %+v %v", tt.why, tt.in, got, ok, tt.want, tt.ok)
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
