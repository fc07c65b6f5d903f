package awslambda

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

var compareRecords = cmp.AllowUnexported(desired.Value{})

const arnOfOrders = "arn:aws:lambda:us-east-1:111111111111:function:orders"

// TestConfigsOnTheWire is every shape of record that Lambda, or something that
// passes for it, may send.
func TestConfigsOnTheWire(t *testing.T) {
	tests := []struct {
		why  string
		body string // one record
		want reconcile.Record
	}{
		{"as recorded: E-notation, explicit nulls",
			`{"LastModified":1.789313524486E9,"FunctionArn":"` + arnOfOrders + `:$LATEST","MaximumRetryAttempts":1,"MaximumEventAgeInSeconds":null,"DestinationConfig":{"OnSuccess":{"Destination":null},"OnFailure":{"Destination":null}}}`,
			reconcile.Record{Qualifier: "$LATEST", Settings: reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)}, LastModified: time.UnixMilli(1789313524486).UTC()}},
		{"everything set",
			`{"FunctionArn":"` + arnOfOrders + `:live","MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":2.16E4,"DestinationConfig":{"OnSuccess":{"Destination":"arn:a"},"OnFailure":{"Destination":"arn:b"}}}`,
			reconcile.Record{Qualifier: "live", Settings: reconcile.Settings{
				desired.MaximumRetryAttempts: desired.Number(0), desired.MaximumEventAgeInSeconds: desired.Number(21600), desired.OnSuccess: desired.Text("arn:a"), desired.OnFailure: desired.Text("arn:b")}}},
		{"absent is null", `{"FunctionArn":"` + arnOfOrders + `:7"}`, reconcile.Record{Qualifier: "7"}},
		{"an empty side is none", `{"FunctionArn":"` + arnOfOrders + `:7","DestinationConfig":{"OnSuccess":{},"OnFailure":null}}`, reconcile.Record{Qualifier: "7"}},
		{"an empty string is none", `{"FunctionArn":"` + arnOfOrders + `:7","DestinationConfig":{"OnFailure":{"Destination":""}}}`, reconcile.Record{Qualifier: "7"}},
		{"null for all destinations", `{"FunctionArn":"` + arnOfOrders + `:7","DestinationConfig":null,"LastModified":null}`, reconcile.Record{Qualifier: "7"}},
		{"an unqualified ARN is $LATEST", `{"FunctionArn":"` + arnOfOrders + `"}`, reconcile.Record{Qualifier: "$LATEST"}},
		{"fields of tomorrow are ignored", `{"FunctionArn":"` + arnOfOrders + `:7","Flavour":{"a":[1,null]}}`, reconcile.Record{Qualifier: "7"}},
		{"whole floats are whole", `{"FunctionArn":"` + arnOfOrders + `:7","MaximumRetryAttempts":2.0}`,
			reconcile.Record{Qualifier: "7", Settings: reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(2)}}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			lane := laneTo(t, saying(200, `{"FunctionEventInvokeConfigs":[`+tt.body+`],"NextMarker":null}`))
			page, err := NewReader(lane).ListConfigs(t.Context(), "orders", "")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(reconcile.Page[reconcile.Record]{Items: []reconcile.Record{tt.want}}, page, compareRecords); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestBadAnswers: an answer that cannot be trusted is an error of one call. It
// is never a crash, and above all never "no records".
func TestBadAnswers(t *testing.T) {
	list := func(records string) string { return `{"FunctionEventInvokeConfigs":` + records + `}` }
	tests := []struct {
		why, op, body string
		outcome       ratelimit.Result
		says          string
	}{
		{"no list at all", opListConfigs, `{}`, ratelimit.Permanent, "FunctionEventInvokeConfigs is missing or null"},
		{"another key", opListConfigs, `{"EventInvokeConfigs":[]}`, ratelimit.Permanent, "FunctionEventInvokeConfigs is missing or null"},
		{"null for a list", opListConfigs, list(`null`), ratelimit.Permanent, "FunctionEventInvokeConfigs is missing or null"},
		{"null for an answer", opListConfigs, `null`, ratelimit.Permanent, "FunctionEventInvokeConfigs is missing or null"},
		{"an object for a list", opListConfigs, list(`{}`), ratelimit.Permanent, "FunctionEventInvokeConfigs is a JSON object"},
		{"a list for an answer", opListConfigs, `[]`, ratelimit.Permanent, "the answer is a JSON array"},
		{"null for a record", opListConfigs, list(`[null]`), ratelimit.Permanent, "a record is null"},
		{"a record without an ARN", opListConfigs, list(`[{}]`), ratelimit.Permanent, "no FunctionArn"},
		{"another account", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:us-east-1:222222222222:function:orders:1"}]`), ratelimit.Permanent, "is about 222222222222/us-east-1"},
		{"another region", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:eu-west-1:111111111111:function:orders:1"}]`), ratelimit.Permanent, "is about 111111111111/eu-west-1"},
		{"another function", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:us-east-1:111111111111:function:invoices:1"}]`), ratelimit.Permanent, `is about function "invoices"`},
		{"a function whose name begins alike", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:us-east-1:111111111111:function:orders2:1"}]`), ratelimit.Permanent, `is about function "orders2"`},
		{"an ARN that ends too soon", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:us-east-1:111111111111:function"}]`), ratelimit.Permanent, "is not the ARN of a function"},
		{"an ARN with a tail", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `:1:2"}]`), ratelimit.Permanent, "is not the ARN of a function"},
		{"an empty qualifier", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `:"}]`), ratelimit.Permanent, "is not the ARN of a function"},
		{"three retries", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumRetryAttempts":3}]`), ratelimit.Permanent, "MaximumRetryAttempts is 3"},
		{"half a retry", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumRetryAttempts":0.5}]`), ratelimit.Permanent, "MaximumRetryAttempts is 0.5"},
		{"too young", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumEventAgeInSeconds":59}]`), ratelimit.Permanent, "MaximumEventAgeInSeconds is 59"},
		{"too old", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumEventAgeInSeconds":1e300}]`), ratelimit.Permanent, "MaximumEventAgeInSeconds is 1e+300"},
		{"beyond a float", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumEventAgeInSeconds":1e999}]`), ratelimit.Permanent, "MaximumEventAgeInSeconds is a JSON number 1e999"},
		{"a number in quotes", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumRetryAttempts":"1"}]`), ratelimit.Permanent, "MaximumRetryAttempts is a JSON string"},
		{"a time before time", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","LastModified":-1}]`), ratelimit.Permanent, "LastModified is -1"},
		{"a time after time", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","LastModified":1e18}]`), ratelimit.Permanent, "LastModified is 1e+18"},
		{"a destination that is a number", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","DestinationConfig":{"OnSuccess":{"Destination":5}}}]`), ratelimit.Permanent, "Destination is a JSON number"},
		{"cut off after a record", opListConfigs, `{"FunctionEventInvokeConfigs":[` + recordOf(orders) + `,`, ratelimit.ServerError, "not whole JSON"},
		{"cut off within a record", opListConfigs, `{"FunctionEventInvokeConfigs":[{"FunctionArn":"arn:aws`, ratelimit.ServerError, "not whole JSON"},
		{"cut off before the first", opListConfigs, `{"FunctionEventInvokeConfigs":[`, ratelimit.ServerError, "not whole JSON"},
		{"nothing", opListConfigs, ``, ratelimit.ServerError, "not whole JSON"},
		{"a portal's HTML with status 200", opListConfigs, `<html>Log in</html>`, ratelimit.ServerError, "not whole JSON"},
		{"two answers in one", opListConfigs, `{"FunctionEventInvokeConfigs":[]}{}`, ratelimit.ServerError, "not whole JSON"},
		{"aliases: no list", opListAliases, `{"NextMarker":"x"}`, ratelimit.Permanent, "Aliases is missing or null"},
		{"aliases: a null", opListAliases, `{"Aliases":[null]}`, ratelimit.Permanent, "entry 1 of the list has no name"},
		{"aliases: no name", opListAliases, `{"Aliases":[{"Name":"a"},{"Name":""}]}`, ratelimit.Permanent, "entry 2 of the list has no name"},
		{"aliases: of another function", opListAliases, `{"Aliases":[{"Name":"a","AliasArn":"arn:aws:lambda:us-east-1:111111111111:function:f:a"}]}`, ratelimit.Permanent, `is about function "f"`},
		{"versions: null", opListVersions, `{"Versions":null}`, ratelimit.Permanent, "Versions is missing or null"},
		{"versions: a null", opListVersions, `{"Versions":[null]}`, ratelimit.Permanent, "entry 1 of the list has no name"},
		{"functions: missing", opListFunctions, `{}`, ratelimit.Permanent, "Functions is missing or null"},
		{"functions: of another account", opListFunctions, `{"Functions":[{"FunctionName":"f","FunctionArn":"arn:aws:lambda:us-east-1:222222222222:function:f"}]}`, ratelimit.Permanent, "is about 222222222222/us-east-1"},
		{"functions: a null", opListFunctions, `{"Functions":[null]}`, ratelimit.Permanent, "entry 1 of the list has no name"},
		{"tags: missing", opGetResources, `{"PaginationToken":""}`, ratelimit.Permanent, "ResourceTagMappingList is missing or null"},
		{"tags: a null", opGetResources, `{"ResourceTagMappingList":[null]}`, ratelimit.Permanent, "entry 1 of the list has no ResourceARN"},
		{"tags: without a key", opGetResources, `{"ResourceTagMappingList":[{"ResourceARN":"` + arnOfOrders + `","Tags":[{"Value":"v"}]}]}`, ratelimit.Permanent, "a tag without a key"},
		{"a write that answers null may have been done", opPut, `null`, ratelimit.ServerError, "null where a record is due"},
		{"a write that answers for another qualifier", opUpdate, recordOf(orders), ratelimit.ServerError, "about the qualifier $LATEST, and live was written"},
		{"a write that answers for another account", opPut, `{"FunctionArn":"arn:aws:lambda:us-east-1:222222222222:function:orders:live"}`, ratelimit.ServerError, "is about 222222222222"},
		{"a write whose answer is cut off", opUpdate, recordOf(live)[:40], ratelimit.ServerError, "not whole JSON"},
		{"a write without an answer", opPut, ``, ratelimit.ServerError, "not whole JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			lane := laneTo(t, saying(200, tt.body))
			err := operate(t.Context(), lane, tt.op, live)
			ce := callErrorOf(t, err)
			if ce.Kind != reconcile.KindBadAnswer || !strings.Contains(ce.Message, tt.says) || ce.RequestID != "req-1" || ce.Hint == "" {
				t.Errorf("got %v %q, request %q, hint %q; want bad_answer with %q", ce.Kind, ce.Message, ce.RequestID, ce.Hint, tt.says)
			}
			if outcome, _ := ratelimit.ResultOf(err); outcome != tt.outcome {
				t.Errorf("outcome %v, want %v", outcome, tt.outcome)
			}
		})
	}
}

// TestWhatTheSDKWouldHide is why answers are decoded here: the SDK's own decoder
// takes each of these for a good answer. Should a new SDK refuse one of them,
// take it out of this list; when none is left, wire.go can go too.
func TestWhatTheSDKWouldHide(t *testing.T) {
	for _, body := range []string{
		``,
		`{}`,
		`{"FunctionEventInvokeConfigs":null}`,
		`{"FunctionEventInvokeConfigs":[null]}`,
		`{"FunctionEventInvokeConfigs":[]}{"FunctionEventInvokeConfigs":[1]}`,
	} {
		bare := lambda.New(lambda.Options{Region: here.Region, Credentials: keysOf(here.Account), HTTPClient: saying(200, body)})
		_, err := bare.ListFunctionEventInvokeConfigs(t.Context(), &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: &orders.Function})
		if err != nil {
			t.Errorf("%s: the SDK refuses it now: %v", body, err)
		}
	}
}

func TestNamesOnTheWire(t *testing.T) {
	tests := []struct {
		why, body string
		list      func(*Reader) (reconcile.Page[string], error)
		want      reconcile.Page[string]
	}{
		{"aliases", `{"Aliases":[{"Name":"live","AliasArn":"` + arnOfOrders + `:live"},{"Name":"x"}],"NextMarker":"m"}`,
			func(r *Reader) (reconcile.Page[string], error) { return r.ListAliases(t.Context(), "orders", "") },
			reconcile.Page[string]{Items: []string{"live", "x"}, Next: "m"}},
		{"versions, without $LATEST", `{"Versions":[{"Version":"$LATEST","FunctionArn":"` + arnOfOrders + `:$LATEST"},{"Version":"1","FunctionArn":"` + arnOfOrders + `:1"}]}`,
			func(r *Reader) (reconcile.Page[string], error) { return r.ListVersions(t.Context(), "orders", "") },
			reconcile.Page[string]{Items: []string{"1"}}},
		{"functions", `{"Functions":[{"FunctionName":"orders","FunctionArn":"` + arnOfOrders + `"}],"NextMarker":""}`,
			func(r *Reader) (reconcile.Page[string], error) { return r.ListFunctions(t.Context(), "") },
			reconcile.Page[string]{Items: []string{"orders"}}},
	}
	for _, tt := range tests {
		got, err := tt.list(NewReader(laneTo(t, saying(200, tt.body))))
		if d := cmp.Diff(tt.want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", tt.why, err, d)
		}
	}
}
