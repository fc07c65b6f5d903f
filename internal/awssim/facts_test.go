package awssim_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// step is one call and the whole of its answer. The body is compared byte for
// byte, with LastModified replaced by T.
type step struct {
	method, path, body string
	status             int
	code               string
	want               string
}

var lastModified = regexp.MustCompile(`"LastModified":\d\.\d+E\d`)

func (s step) run(t *testing.T, c client) {
	t.Helper()
	r := c.call(s.method, s.path, s.body)
	if got := lastModified.ReplaceAllString(r.body, `"LastModified":T`); got != s.want || r.status != s.status || r.code() != s.code {
		t.Errorf("%s %s %s\n got %d %s %s\nwant %d %s %s", s.method, s.path, s.body, r.status, r.code(), got, s.status, s.code, s.want)
	}
}

// Expected answers, spelt as AWS spells them.
func put(path, body, want string) step { return step{"PUT", path, body, 200, "", want} }

func update(path, body, want string) step { return step{"POST", path, body, 200, "", want} }

func get(path, want string) step { return step{"GET", path, "", 200, "", want} }

func remove(path string) step { return step{"DELETE", path, "", 204, "", ""} }

func (s step) refused(status int, code, body string) step {
	s.status, s.code, s.want = status, code, body
	return s
}

func (s step) invalid(message string) step {
	return s.refused(400, "InvalidParameterValueException", `{"Type":"User","message":"`+message+`"}`)
}

func (s step) missing(message string) step {
	return s.refused(404, "ResourceNotFoundException", `{"Type":"User","Message":"`+message+`"}`)
}

// rec is a record on the wire; null is what is not set.
func rec(qualified, retries, age, success, failure string) string {
	return fmt.Sprintf(`{"LastModified":T,"FunctionArn":"%s%s","MaximumRetryAttempts":%s,"MaximumEventAgeInSeconds":%s,"DestinationConfig":{"OnSuccess":{"Destination":%s},"OnFailure":{"Destination":%s}}}`,
		arn, qualified, retries, age, success, failure)
}

func list(records ...string) string {
	return `{"FunctionEventInvokeConfigs":[` + strings.Join(records, ",") + `],"NextMarker":null}`
}

const (
	null   = "null"
	queue  = `"arn:aws:sqs:us-east-1:111111111111:dlq"`
	topic  = `"arn:aws:sns:us-east-1:111111111111:done"`
	both   = `{"MaximumRetryAttempts":2,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{"Destination":` + topic + `},"OnFailure":{"Destination":` + queue + `}}}`
	noneAt = " doesn't have an EventInvokeConfig"
	gone   = "The function doesn't exist."
)

var (
	f     = path("f", "")
	fLive = path("f", "Qualifier=live")
	fList = path("f", "") + "/list"
)

func TestRecordedBehaviour(t *testing.T) {
	for _, row := range []struct {
		why   string
		steps []step
	}{
		{"1: Put replaces the whole record", []step{
			put(f, both, rec("f:$LATEST", "2", "60", topic, queue)),
			put(f, `{"MaximumRetryAttempts":0}`, rec("f:$LATEST", "0", null, null, null)),
		}},
		{"2: Update merges fields, and destinations side by side", []step{
			put(f, both, rec("f:$LATEST", "2", "60", topic, queue)),
			update(f, `{"DestinationConfig":{"OnSuccess":{}}}`, rec("f:$LATEST", "2", "60", topic, queue)),
			update(f, `{"MaximumRetryAttempts":1}`, rec("f:$LATEST", "1", "60", topic, queue)),
			update(f, `{"DestinationConfig":{"OnFailure":{"Destination":`+topic+`}}}`, rec("f:$LATEST", "1", "60", topic, topic)),
		}},
		{"3: an empty destination in Update clears that side alone", []step{
			put(f, both, rec("f:$LATEST", "2", "60", topic, queue)),
			update(f, `{"DestinationConfig":{"OnSuccess":{"Destination":""}}}`, rec("f:$LATEST", "2", "60", null, queue)),
		}},
		{"4: an Update that leaves numbers out keeps them, null or not", []step{
			put(f, both, rec("f:$LATEST", "2", "60", topic, queue)),
			update(f, `{"MaximumRetryAttempts":null,"MaximumEventAgeInSeconds":61}`, rec("f:$LATEST", "2", "61", topic, queue)),
		}},
		{"5: a body that says nothing is refused, before the function is looked for", []step{
			put(f, `{}`, "").invalid("You must specify at least one of error handling or destination setting."),
			put(f, ``, "").invalid("You must specify at least one of error handling or destination setting."),
			update(f, `{"DestinationConfig":{}}`, "").invalid("You must specify at least one of error handling or destination setting."),
			put(path("nobody", ""), `{}`, "").invalid("You must specify at least one of error handling or destination setting."),
		}},
		{"6: a Put of an empty side makes an empty record", []step{
			put(f, `{"DestinationConfig":{"OnSuccess":{}}}`, rec("f:$LATEST", null, null, null, null)),
			put(fLive, `{"DestinationConfig":{"OnFailure":{"Destination":""}}}`, rec("f:live", null, null, null, null)),
			put(path("g", ""), `{"DestinationConfig":{"OnFailure":{}}}`, rec("g:$LATEST", null, null, null, null)),
			get(f, rec("f:$LATEST", null, null, null, null)),
		}},
		{"7: an identical Put or Update is accepted", []step{
			put(f, both, rec("f:$LATEST", "2", "60", topic, queue)),
			put(f, both, rec("f:$LATEST", "2", "60", topic, queue)),
			update(f, `{"MaximumRetryAttempts":2}`, rec("f:$LATEST", "2", "60", topic, queue)),
		}},
		{"8: Update never creates", []step{
			update(f, `{"MaximumRetryAttempts":2}`, "").missing("The function " + arn + "f:$LATEST" + noneAt),
			update(fLive, `{"MaximumRetryAttempts":2}`, "").missing("The function " + arn + "f:live" + noneAt),
			update(path("nobody", ""), `{"MaximumRetryAttempts":2}`, "").missing(gone),
			get(fList, list()),
		}},
		{"10, 11: Put works at once on a function and an alias that exist, and not without", []step{
			put(fLive, `{"MaximumRetryAttempts":2}`, rec("f:live", "2", null, null, null)),
			put(path("f", "Qualifier=nobody"), `{"MaximumRetryAttempts":2}`, "").missing(gone),
			put(path("f", "Qualifier=8"), `{"MaximumRetryAttempts":2}`, "").missing(gone),
			put(path("nobody", ""), `{"MaximumRetryAttempts":2}`, "").missing(gone),
		}},
		{"13: the answer to a write is what a Get then shows", []step{
			put(fLive, both, rec("f:live", "2", "60", topic, queue)),
			get(fLive, rec("f:live", "2", "60", topic, queue)),
		}},
		{"15: Get and Delete miss function, qualifier and record with the same text", []step{
			get(path("nobody", ""), "").missing("The function " + arn + "nobody:$LATEST" + noneAt),
			get(path("f", "Qualifier=nobody"), "").missing("The function " + arn + "f:nobody" + noneAt),
			get(f, "").missing("The function " + arn + "f:$LATEST" + noneAt),
			remove(path("nobody", "")).missing("The function " + arn + "nobody:$LATEST" + noneAt),
			remove(path("f", "Qualifier=nobody")).missing("The function " + arn + "f:nobody" + noneAt),
			remove(f).missing("The function " + arn + "f:$LATEST" + noneAt),
		}},
		{"16: List tells a missing function from a missing record", []step{
			get(path("nobody", "")+"/list", "").missing(gone),
			get(fList, list()),
		}},
		{"17: List refuses a qualified name", []step{
			get(path("f:1", "")+"/list", "").invalid("The function name must not include a version number or alias."),
			get(path("f:live", "")+"/list", "").invalid("The function name must not include a version number or alias."),
			get(path("f:$LATEST", "")+"/list", "").invalid("The function name must not include a version number or alias."),
			get(path(arn+"f:live", "")+"/list", "").invalid("The function name must not include a version number or alias."),
		}},
		{"18: a Marker that AWS did not make is refused", []step{
			get(fList+"?Marker=nonsense", "").invalid("Invalid pagination key."),
			get(fList+"?Marker=", "").invalid("Invalid pagination key."),
		}},
		{"20: Delete answers 204 once, and takes only the named record", []step{
			put(f, both, rec("f:$LATEST", "2", "60", topic, queue)),
			put(fLive, `{"MaximumRetryAttempts":1}`, rec("f:live", "1", null, null, null)),
			remove(f),
			remove(f).missing("The function " + arn + "f:$LATEST" + noneAt),
			get(fList, list(rec("f:live", "1", null, null, null))),
		}},
		{"21: unqualified and $LATEST are one record", []step{
			put(f, both, rec("f:$LATEST", "2", "60", topic, queue)),
			get(path("f", "Qualifier=$LATEST"), rec("f:$LATEST", "2", "60", topic, queue)),
			remove(path("f", "Qualifier=%24LATEST")),
			get(f, "").missing("The function " + arn + "f:$LATEST" + noneAt),
		}},
		{"22, 23: a qualifier inherits nothing, neither from $LATEST nor from its version", []step{
			put(f, both, rec("f:$LATEST", "2", "60", topic, queue)),
			put(path("f", "Qualifier=7"), both, rec("f:7", "2", "60", topic, queue)),
			get(fLive, "").missing("The function " + arn + "f:live" + noneAt),
			get(path("f", "Qualifier=1"), "").missing("The function " + arn + "f:1" + noneAt),
		}},
		{"24: an alias named latest is not $LATEST, and $latest is nobody", []step{
			put(path("f", "Qualifier=latest"), `{"MaximumRetryAttempts":1}`, rec("f:latest", "1", null, null, null)),
			get(f, "").missing("The function " + arn + "f:$LATEST" + noneAt),
			put(path("f", "Qualifier=$latest"), `{"MaximumRetryAttempts":1}`, "").missing(gone),
		}},
		{"29, 31: every form of the name reaches the record, and the answer is always qualified", []step{
			put(f, `{"MaximumRetryAttempts":0}`, rec("f:$LATEST", "0", null, null, null)),
			get(path("f:$LATEST", ""), rec("f:$LATEST", "0", null, null, null)),
			get(path("f%3A%24LATEST", ""), rec("f:$LATEST", "0", null, null, null)),
			get(path("function:f", ""), rec("f:$LATEST", "0", null, null, null)),
			get(path(arn+"f", ""), rec("f:$LATEST", "0", null, null, null)),
			get(path(strings.ReplaceAll(arn, ":", "%3A")+"f", ""), rec("f:$LATEST", "0", null, null, null)),
			get(path(account+":function:f", ""), rec("f:$LATEST", "0", null, null, null)),
			put(path(account+":function:f:7", ""), `{"MaximumRetryAttempts":1}`, rec("f:7", "1", null, null, null)),
			get(path("f:7", ""), rec("f:7", "1", null, null, null)),
			put(path(arn+"f:live", ""), `{"MaximumRetryAttempts":2}`, rec("f:live", "2", null, null, null)),
			get(path("f:live", ""), rec("f:live", "2", null, null, null)),
			get(path(arn[:len(arn)-1], "")+"/list", list()), // the name is "function"
		}},
		{"30: a qualifier may be said twice, but not in two ways", []step{
			put(path("f:live", "Qualifier=live"), `{"MaximumRetryAttempts":2}`, rec("f:live", "2", null, null, null)),
			get(path("f:live", "Qualifier=1"), "").invalid("The derived qualifier from the function name does not match the specified qualifier."),
			put(path("f:$LATEST", "Qualifier=live"), `{"MaximumRetryAttempts":2}`, "").invalid("The derived qualifier from the function name does not match the specified qualifier."),
		}},
		{"32: an ARN of another region is out of reach", []step{
			get(path("arn:aws:lambda:eu-west-1:111111111111:function:f", ""), "").missing("Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"),
			get(path("arn:aws:lambda:eu-west-1:111111111111:function:f", "")+"/list", "").missing("Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"),
		}},
		{"33: an ARN of another account is denied without a word", []step{
			get(path("arn:aws:lambda:us-east-1:222222222222:function:f", ""), "").refused(403, "AccessDeniedException", `{"Message":null}`),
			put(path("222222222222:function:f", ""), both, "").refused(403, "AccessDeniedException", `{"Message":null}`),
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := by(t, newWorld(t, factsWorld()))
			for _, s := range row.steps {
				s.run(t, c)
			}
		})
	}
}

func factsWorld() *awssim.Scenario {
	return awssim.Fleet(account, region,
		awssim.Function{Name: "f", Versions: []string{"1", "7"}, Aliases: []string{"live", "latest"}},
		awssim.Function{Name: "g"},
		awssim.Function{Name: "function"})
}
