package events

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

var (
	ireland = desired.Target{Account: "111111111111", Region: "eu-west-1"}
	gov     = desired.Target{Account: "222222222222", Region: "us-gov-west-1"}
	ten     = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	alice   = "arn:aws:sts::111111111111:assumed-role/deployer/alice"
)

// byAlice is the hint of a record in testdata.
func byAlice(kind Kind, call, function, qualifier string) Hint {
	return Hint{
		Kind: kind, Target: ireland, Function: function, Qualifier: qualifier,
		EventID: "e0000000-0000-4000-8000-000000000001", EventTime: ten, EventName: call,
		Author: insight.Author{Principal: alice, Kind: "role", Name: "deployer", Client: "aws-cli"},
	}
}

func but(h Hint, change func(*Hint)) Hint {
	change(&h)
	return h
}

var fixtures = []struct {
	file, why string
	want      []Hint
	err       string
}{
	{file: "trail-put.json", why: "a change of a record", want: []Hint{byAlice(Key, "PutFunctionEventInvokeConfig", "orders", "live")}},
	{file: "trail-update-no-qualifier.json", why: "an ARN, and no qualifier means $LATEST",
		want: []Hint{byAlice(Key, "UpdateFunctionEventInvokeConfig", "orders", "$LATEST")}},
	{file: "trail-delete-qualified-name.json", why: "a partial ARN with the qualifier in the name",
		want: []Hint{byAlice(Key, "DeleteFunctionEventInvokeConfig", "orders", "live")}},
	{file: "trail-create-function.json", why: "the name carries the date of the API", want: []Hint{byAlice(Function, "CreateFunction", "orders", "")}},
	{file: "trail-delete-function.json", why: "a deleted version concerns its function", want: []Hint{byAlice(Function, "DeleteFunction", "orders", "")}},
	{file: "trail-publish.json", why: "the version is in the answer", want: []Hint{byAlice(Key, "PublishVersion", "orders", "8")}},
	{file: "trail-publish-no-answer.json", why: "the answer may be missing", want: []Hint{byAlice(Function, "PublishVersion", "orders", "")}},
	{file: "trail-alias.json", why: "the alias is called name", want: []Hint{byAlice(Key, "UpdateAlias", "orders", "live")}},
	{file: "trail-tag.json", why: "a date and a version behind the name", want: []Hint{byAlice(Function, "TagResource", "orders", "")}},
	{file: "trail-tag-mapping.json", why: "event source mappings have tags too", want: nil},
	{file: "trail-failed.json", why: "a refused call comes without parameters", want: []Hint{
		but(byAlice(Target, "PutFunctionEventInvokeConfig", "", ""), func(h *Hint) { h.Failed = true })}},
	{file: "trail-echo.json", why: "our own user agent", want: []Hint{
		but(byAlice(Key, "UpdateFunctionEventInvokeConfig", "orders", "live"), func(h *Hint) { h.Echo, h.Author.Client = true, "eventinvoke" })}},
	{file: "trail-nameless.json", why: "a successful call without a function is not understood", err: "names no function"},
	{file: "trail-unrelated.json", why: "code changes concern nobody here", want: nil},

	{file: "schedule-rule.json", why: "detail is an object", want: []Hint{{Kind: All, EventID: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", EventTime: ten}}},
	{file: "schedule-scheduler.json", why: "detail is a string", want: []Hint{{Kind: All, EventID: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eab", EventTime: ten}}},
	{file: "s3-eventbridge.json", why: "the key is as it is", want: []Hint{
		{Kind: Files, Object: "s3://fleets/prod/fleet one.yaml", EventID: "17793124-05d4-b198-2fde-7ededc63b103", EventTime: ten}}},
	{file: "s3-native.json", why: "the key is URL-encoded", want: []Hint{
		{Kind: Files, Object: "s3://fleets/prod/fleet one+.yaml", EventTime: ten.Add(123 * time.Millisecond), EventName: "ObjectCreated:Put"}}},
	{file: "s3-test.json", why: "S3 sends this when notifications are set up", want: nil},
	{file: "sns-hop.json", why: "the event is in Message", want: []Hint{byAlice(Key, "PutFunctionEventInvokeConfig", "orders", "live")}},
	{file: "sns-lambda.json", why: "SNS straight to Lambda", want: []Hint{byAlice(Key, "PutFunctionEventInvokeConfig", "orders", "live")}},
	{file: "sqs-batch.json", why: "raw and not, and one that cannot be read", err: "record 2: the event is not JSON", want: []Hint{
		byAlice(Key, "PutFunctionEventInvokeConfig", "orders", "live"), byAlice(Key, "PutFunctionEventInvokeConfig", "orders", "live")}},
	{file: "stepfunctions-batch.json", why: "items of a distributed map", want: []Hint{
		{Kind: Target, Target: ireland}, {Kind: Function, Target: gov, Function: "orders"}, {Kind: Key, Target: gov, Function: "orders", Qualifier: "$LATEST"}}},
	{file: "stepfunctions-item.json", why: "a bare item", want: []Hint{{Kind: Target, Target: ireland}}},
}

func TestDecodeFixtures(t *testing.T) {
	for _, tt := range fixtures {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			check(t, tt.why, data, tt.want, tt.err)
		})
	}
}

func check(t *testing.T, why string, data []byte, want []Hint, wantErr string) {
	t.Helper()
	got, err := Decode(data)
	if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
		t.Fatalf("%s: error %v, want %q", why, err, wantErr)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

func TestEveryFixtureHasARow(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, tt := range fixtures {
		rows[tt.file] = true
	}
	for _, f := range files {
		if !rows[filepath.Base(f)] {
			t.Errorf("%s is in no row", f)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		why, event string
		want       []Hint
		err        string
	}{
		{why: "not JSON", event: "hello", err: "not JSON"},
		{why: "nothing", event: "", err: "not JSON"},
		{why: "the console's test, and a function that is invoked by hand", event: `{}`, want: []Hint{{Kind: All}}},
		{why: "an item that says nothing must not become everything", event: `{"Items": [{}]}`, err: "item 0: it is empty"},
		{why: "nor an element of an array", event: `[{}]`, err: "element 0: it is empty"},
		{why: "nor an object that says something else", event: `{"label": "prod"}`, err: "names no account and region"},
		{why: "null", event: `null`, err: "names no target"},
		{why: "no items", event: `{"Items": []}`, err: "no items"},
		{why: "what another run had no time for", event: `{"account":"111111111111","region":"eu-west-1","rest_of":"run-1"}`, want: []Hint{{Kind: Target, Target: ireland, RestOf: "run-1"}}},
		{why: "an item in a list", event: `["111111111111/eu-west-1"]`, want: []Hint{{Kind: Target, Target: ireland}}},
		{why: "an item that is an ARN", event: `"arn:aws:lambda:eu-west-1:111111111111:function:orders:live"`,
			want: []Hint{{Kind: Key, Target: ireland, Function: "orders", Qualifier: "live"}}},
		{why: "a plain name says nothing of where", event: `"orders"`, err: "names no target"},
		{why: "an account is twelve digits", event: `{"account": "1", "region": "eu-west-1"}`, err: "do not name a target"},
		{why: "an account as a number has lost its zeros", event: `{"account": 11111111111, "region": "eu-west-1"}`, err: "do not name a target"},
		{why: "half an item does not spoil the list", event: `["111111111111/eu-west-1", "x"]`, err: "element 1", want: []Hint{{Kind: Target, Target: ireland}}},
		{why: "no elements", event: `[]`, err: "no elements"},
		{why: "events of another service say nothing of ours", event: `[{"detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "account": "111111111111", "region": "eu-west-1", "detail": {}}]`},
		{why: "an array of events", event: `[{"detail-type": "Scheduled Event"}, "111111111111/eu-west-1"]`, want: []Hint{{Kind: All}, {Kind: Target, Target: ireland}}},
		{why: "Pipes hands on SQS records as they are", event: `[{"messageId": "m-1", "eventSource": "aws:sqs", "body": "{\"detail-type\": \"Scheduled Event\"}"}, {"messageId": "m-2", "eventSource": "aws:sqs", "body": "x"}]`,
			want: []Hint{{Kind: All}}, err: "element 1: the event is not JSON"},
		{why: "a payload of one's own that asks for everything", event: `{"action": "reconcile"}`, want: []Hint{{Kind: All}}},
		{why: "another word asks for nothing", event: `{"action": "delete"}`, err: "names no account and region"},
		{why: "a function that is none", event: `{"account": "111111111111", "region": "eu-west-1", "function": "a b"}`, err: "not the name of a function"},
		{why: "a qualifier that is none", event: `{"account": "111111111111", "region": "eu-west-1", "function": "a", "qualifier": ""}`, err: "not a qualifier"},
		{why: "another service's event", event: `{"detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "detail": {}}`},
		{why: "another service's call", event: `{"detail-type": "AWS API Call via CloudTrail", "source": "aws.sqs", "detail": {"eventName": "SendMessage"}}`},
		{why: "a call of another service under our source", event: `{"detail-type": "AWS API Call via CloudTrail", "source": "aws.lambda", "detail": {"eventSource": "iam.amazonaws.com", "eventName": "CreateAlias"}}`},
		{why: "a record without its detail", event: `{"detail-type": "AWS API Call via CloudTrail", "source": "aws.lambda", "detail": "x"}`, err: "no record in detail"},
		{why: "a record that nobody can place", event: `{"eventName": "CreateAlias", "requestParameters": {"functionName": "orders", "name": "live"}}`, err: "do not name a target"},
		{why: "the envelope places it", event: `{"detail-type": "AWS API Call via CloudTrail", "source": "aws.lambda", "id": "x", "account": "111111111111", "region": "eu-west-1",
			"time": "2026-11-20T10:00:00Z", "detail": {"eventName": "DeleteAlias20150331", "requestParameters": {"functionName": "orders", "name": "live"}}}`,
			want: []Hint{{Kind: Key, Target: ireland, Function: "orders", Qualifier: "live", EventID: "x", EventTime: ten, EventName: "DeleteAlias"}}},
		{why: "an odd type in one place spoils nothing else", event: `{"eventName": "CreateFunction20150331", "awsRegion": "eu-west-1", "recipientAccountId": "111111111111",
			"userIdentity": 7, "eventTime": [], "userAgent": {}, "requestParameters": {"functionName": "orders"}}`,
			want: []Hint{{Kind: Function, Target: ireland, Function: "orders", EventName: "CreateFunction"}}},
		{why: "a name that only ends like ours is not ours", event: `{"eventName": "CreateFunction", "awsRegion": "eu-west-1", "recipientAccountId": "111111111111",
			"userAgent": "myapp/eventinvoke-9", "requestParameters": {"functionName": "orders"}}`,
			want: []Hint{{Kind: Function, Target: ireland, Function: "orders", EventName: "CreateFunction", Author: insight.Author{Client: "myapp"}}}},
		{why: "a function of another account, by its ARN", event: `{"eventName": "CreateFunction", "awsRegion": "eu-west-1", "recipientAccountId": "111111111111",
			"requestParameters": {"functionName": "arn:aws-us-gov:lambda:us-gov-west-1:222222222222:function:orders"}}`,
			want: []Hint{{Kind: Function, Target: gov, Function: "orders", EventName: "CreateFunction"}}},
		{why: "a subscription that waits", event: `{"Type": "SubscriptionConfirmation", "Message": "You have chosen"}`, err: "confirm it"},
		{why: "records of no source", event: `{"Records": [{}]}`, err: "names no eventSource"},
		{why: "no records", event: `{"Records": 3}`, err: "not a list"},
		{why: "wrapped without end", event: wrapped(6), err: "wrapped more than 4 times"},
	} {
		t.Run(tt.why, func(t *testing.T) { check(t, tt.why, []byte(tt.event), tt.want, tt.err) })
	}
}

// wrapped is an event in so many SNS notifications.
func wrapped(times int) string {
	event := `{"detail-type": "Scheduled Event"}`
	for range times {
		event = `{"Type": "Notification", "Message": ` + quote(event) + `}`
	}
	return event
}
