package awslambda

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
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
			`{"FunctionArn":"` + arnOfOrders + `:live","MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":21600,"DestinationConfig":{"OnSuccess":{"Destination":"arn:a"},"OnFailure":{"Destination":"arn:b"}}}`,
			reconcile.Record{Qualifier: "live", Settings: reconcile.Settings{
				desired.MaximumRetryAttempts: desired.Number(0), desired.MaximumEventAgeInSeconds: desired.Number(21600), desired.OnSuccess: desired.Text("arn:a"), desired.OnFailure: desired.Text("arn:b")}}},
		{"absent is null", `{"FunctionArn":"` + arnOfOrders + `:7"}`, reconcile.Record{Qualifier: "7"}},
		{"an empty side is none", `{"FunctionArn":"` + arnOfOrders + `:7","DestinationConfig":{"OnSuccess":{},"OnFailure":null}}`, reconcile.Record{Qualifier: "7"}},
		{"an empty string is none", `{"FunctionArn":"` + arnOfOrders + `:7","DestinationConfig":{"OnFailure":{"Destination":""}}}`, reconcile.Record{Qualifier: "7"}},
		{"null for all destinations", `{"FunctionArn":"` + arnOfOrders + `:7","DestinationConfig":null,"LastModified":null}`, reconcile.Record{Qualifier: "7"}},
		{"an unqualified ARN is $LATEST", `{"FunctionArn":"` + arnOfOrders + `"}`, reconcile.Record{Qualifier: "$LATEST"}},
		{"fields of tomorrow are ignored", `{"FunctionArn":"` + arnOfOrders + `:7","Flavour":{"a":[1,null]}}`, reconcile.Record{Qualifier: "7"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			conn := connTo(t, saying(200, `{"FunctionEventInvokeConfigs":[`+tt.body+`],"NextMarker":null}`))
			page, err := NewReader(conn).ListConfigs(t.Context(), "orders", "")
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
		{"null for an answer", opListConfigs, `null`, ratelimit.Permanent, "not what the API describes"},
		{"an object for a list", opListConfigs, list(`{}`), ratelimit.Permanent, "not what the API describes"},
		{"a list for an answer", opListConfigs, `[]`, ratelimit.Permanent, "not what the API describes"},
		{"null for a record", opListConfigs, list(`[null]`), ratelimit.Permanent, "a record is null, or has no FunctionArn"},
		{"a record without an ARN", opListConfigs, list(`[{}]`), ratelimit.Permanent, "no FunctionArn"},
		{"another account", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:us-east-1:222222222222:function:orders:1"}]`), ratelimit.Permanent, "is about 222222222222/us-east-1"},
		{"another region", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:eu-west-1:111111111111:function:orders:1"}]`), ratelimit.Permanent, "is about 111111111111/eu-west-1"},
		{"another function", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:us-east-1:111111111111:function:invoices:1"}]`), ratelimit.Permanent, `is about function "invoices"`},
		{"a function whose name begins alike", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:us-east-1:111111111111:function:orders2:1"}]`), ratelimit.Permanent, `is about function "orders2"`},
		{"an ARN that ends too soon", opListConfigs, list(`[{"FunctionArn":"arn:aws:lambda:us-east-1:111111111111:function"}]`), ratelimit.Permanent, "is not the ARN of a function"},
		{"an ARN with a tail", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `:1:2"}]`), ratelimit.Permanent, "is not the ARN of a function"},
		{"an empty qualifier", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `:"}]`), ratelimit.Permanent, "is not the ARN of a function"},
		{"three retries", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumRetryAttempts":3}]`), ratelimit.Permanent, "maximum_retry_attempts is 3"},
		{"half a retry", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumRetryAttempts":0.5}]`), ratelimit.Permanent, "not what the API describes: invalid int: 0.5"},
		{"too young", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumEventAgeInSeconds":59}]`), ratelimit.Permanent, "maximum_event_age_in_seconds is 59"},
		{"too old", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumEventAgeInSeconds":1e300}]`), ratelimit.Permanent, "invalid int"},
		{"beyond a float", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumEventAgeInSeconds":1e999}]`), ratelimit.Permanent, "invalid int"},
		{"a number in quotes", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","MaximumRetryAttempts":"1"}]`), ratelimit.Permanent, "expected number"},
		{"a time before time", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","LastModified":-1}]`), ratelimit.Permanent, "LastModified is in the year 1969"},
		{"a time after time", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","LastModified":1e18}]`), ratelimit.Permanent, "LastModified is in the year"},
		{"a destination that is a number", opListConfigs, list(`[{"FunctionArn":"` + arnOfOrders + `","DestinationConfig":{"OnSuccess":{"Destination":5}}}]`), ratelimit.Permanent, "expected string"},
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
		{"a write that answers null may have been done", opPut, `null`, ratelimit.ServerError, "not what the API describes"},
		{"a write that answers for another qualifier", opUpdate, recordOf(orders), ratelimit.ServerError, "about the qualifier $LATEST, and live was written"},
		{"a write that answers for another account", opPut, `{"FunctionArn":"arn:aws:lambda:us-east-1:222222222222:function:orders:live"}`, ratelimit.ServerError, "is about 222222222222"},
		{"a write whose answer is cut off", opUpdate, recordOf(live)[:40], ratelimit.ServerError, "not whole JSON"},
		{"a write without an answer", opPut, ``, ratelimit.ServerError, "not whole JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			conn := connTo(t, saying(200, tt.body))
			err := operate(t.Context(), conn, tt.op, live)
			ce := callErrorOf(t, err)
			if ce.Kind != callerr.BadAnswer || !strings.Contains(ce.Message, tt.says) || ce.RequestID != "req-1" || ce.Hint == "" {
				t.Errorf("got %v %q, request %q, hint %q; want bad_answer with %q", ce.Kind, ce.Message, ce.RequestID, ce.Hint, tt.says)
			}
			if outcome, _ := ratelimit.ResultOf(err); outcome != tt.outcome {
				t.Errorf("outcome %v, want %v", outcome, tt.outcome)
			}
		})
	}
}

// TestListsOfTheSDK holds the SDK to what telling a missing list from an empty one
// rests on. If a bump breaks it, the check must go below the SDK's deserializer.
func TestListsOfTheSDK(t *testing.T) {
	for body, missing := range map[string]bool{
		`{}`:                           true,
		`{"EventInvokeConfigs":[]}`:    true,
		`{"LIST":null}`:                true,
		`null`:                         true,
		`{"LIST":[]}`:                  false,
		`{"NextMarker":"m","LIST":[]}`: false,
	} {
		for op, list := range map[string]string{
			opListConfigs: "FunctionEventInvokeConfigs", opListAliases: "Aliases", opListVersions: "Versions",
			opListFunctions: "Functions", opGetResources: "ResourceTagMappingList",
		} {
			// A token would send the tagging API's listing to a next page.
			err := operate(t.Context(), connTo(t, saying(200, strings.ReplaceAll(body, "LIST", list))), op, orders)
			if refused := callerr.KindOf(err) == callerr.BadAnswer; refused != missing || (err != nil) != missing {
				t.Errorf("%s of %s: %v", op, body, err)
			}
		}
	}
}

// TestEverySettingOnTheWire: what is written of each setting is read back as the
// same, so that a setting without its two lines of the SDK is found here.
func TestEverySettingOnTheWire(t *testing.T) {
	for _, s := range desired.AllSettings() {
		low, _ := s.Bounds()
		values := []desired.Value{desired.Number(low)}
		if !s.IsNumber() {
			values = []desired.Value{desired.Text(queue), desired.NoDestination}
		}
		for _, v := range values {
			var c desired.Config
			c[s] = v
			sent := lambda.UpdateFunctionEventInvokeConfigInput(*toWrite(live, c))
			back := wireOf(&sent)
			back.FunctionArn = aws.String(arnOfOrders + ":live")
			r, err := toRecord(here, "orders", back)
			want := reconcile.Record{Qualifier: "live", Settings: reconcile.Settings{}.With(c)}
			if d := cmp.Diff(want, r, compareRecords); d != "" || err != nil {
				t.Errorf("%s of %s: %v\n%s", v, s, err, d)
			}
		}
	}
	if nothing := toWrite(orders, desired.Config{}); nothing.DestinationConfig != nil || nothing.MaximumRetryAttempts != nil || nothing.Qualifier != nil {
		t.Errorf("what is not set is sent: %+v", nothing)
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
	}
	for _, tt := range tests {
		got, err := tt.list(NewReader(connTo(t, saying(200, tt.body))))
		if d := cmp.Diff(tt.want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", tt.why, err, d)
		}
	}
	got, err := NewReader(connTo(t, saying(200, `{"Functions":[{"FunctionName":"orders","FunctionArn":"`+arnOfOrders+`","Role":"arn:aws:iam::111111111111:role/r",`+
		`"DeadLetterConfig":{"TargetArn":"arn:aws:sqs:us-east-1:111111111111:old"}},{"FunctionName":"bare"}],"NextMarker":"m"}`))).ListFunctions(t.Context(), "")
	want := reconcile.Page[reconcile.Function]{Next: "m", Items: []reconcile.Function{
		{Name: "orders", FunctionDetails: desired.FunctionDetails{Role: "arn:aws:iam::111111111111:role/r", DeadLetter: "arn:aws:sqs:us-east-1:111111111111:old"}}, {Name: "bare"},
	}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("functions: %v\n%s", err, d)
	}
}

// wireOf is a record with the settings of a write, field by field of the same name.
func wireOf(sent *lambda.UpdateFunctionEventInvokeConfigInput) *types.FunctionEventInvokeConfig {
	c := &types.FunctionEventInvokeConfig{}
	from, to := reflect.ValueOf(sent).Elem(), reflect.ValueOf(c).Elem()
	for i := range from.NumField() {
		if f := to.FieldByName(from.Type().Field(i).Name); f.IsValid() && f.CanSet() {
			f.Set(from.Field(i))
		}
	}
	return c
}
