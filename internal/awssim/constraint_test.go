package awssim_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

const namePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`

func (s step) validation(problems ...string) step {
	text := "1 validation error detected: "
	if len(problems) > 1 {
		text = string(rune('0'+len(problems))) + " validation errors detected: "
	}
	return s.refused(400, "ValidationException", `{"message":"`+text+strings.Join(problems, "; ")+`"}`)
}

func broken(value, path, must string) string {
	return "Value '" + value + "' at '" + path + "' failed to satisfy constraint: Member must " + must
}

func TestConstraints(t *testing.T) {
	w := newWorld(t, factsWorld())
	c := by(t, w)
	long := strings.Repeat("x", 400)
	for _, row := range []struct {
		why string
		step
	}{
		{"retries above", put(f, `{"MaximumRetryAttempts":3}`, "").validation(broken("3", "maximumRetryAttempts", "have value less than or equal to 2"))},
		{"retries below", put(f, `{"MaximumRetryAttempts":-1}`, "").validation(broken("-1", "maximumRetryAttempts", "have value greater than or equal to 0"))},
		{"age below", update(f, `{"MaximumEventAgeInSeconds":59}`, "").validation(broken("59", "maximumEventAgeInSeconds", "have value greater than or equal to 60"))},
		{"age above", put(f, `{"MaximumEventAgeInSeconds":21601}`, "").validation(broken("21601", "maximumEventAgeInSeconds", "have value less than or equal to 21600"))},
		{"two at once are told at once", put(f, `{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":0}`, "").validation(
			broken("3", "maximumRetryAttempts", "have value less than or equal to 2"), broken("0", "maximumEventAgeInSeconds", "have value greater than or equal to 60"))},
		{"the limits themselves are fine", put(f, `{"MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":21600}`, rec("f:$LATEST", "0", "21600", null, null))},
		{"too many colons", get(path("f:1:2", ""), "").validation(broken("f:1:2", "functionName", "satisfy regular expression pattern: "+namePattern))},
		{"an ARN without an account", get(path("arn:aws:lambda:us-east-1:function:f", ""), "").validation(broken("arn:aws:lambda:us-east-1:function:f", "functionName", "satisfy regular expression pattern: "+namePattern))},
		{"an ARN without a region", get(path("arn:aws:lambda:111111111111:function:f", ""), "").validation(broken("arn:aws:lambda:111111111111:function:f", "functionName", "satisfy regular expression pattern: "+namePattern))},
		{"a space", get(path("f%20g", ""), "").validation(broken("f g", "functionName", "satisfy regular expression pattern: "+namePattern))},
		{"a name beyond 256", get(path(long, ""), "").validation(broken(long, "functionName", "have length less than or equal to 256"))},
		{"a name beyond 64 is only not found", get(path(long[:100], ""), "").missing("The function " + arn + long[:100] + ":$LATEST" + noneAt)},
		{"a qualifier of odd letters", get(path("f", "Qualifier=a.b"), "").validation(broken("a.b", "qualifier", `satisfy regular expression pattern: \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`))},
		{"a qualifier beyond 128", get(path("f", "Qualifier="+long[:129]), "").validation(broken(long[:129], "qualifier", "have length less than or equal to 128"))},
		{"a page of none", get(fList+"?MaxItems=0", "").validation(broken("0", "maxItems", "have value greater than or equal to 1"))},
		{"a page beyond 50", get(fList+"?MaxItems=51", "").validation(broken("51", "maxItems", "have value less than or equal to 50"))},
		{"a page of aliases beyond 10000", get("/2015-03-31/functions/f/aliases?MaxItems=10001", "").validation(broken("10001", "maxItems", "have value less than or equal to 10000"))},
		{"a version that is not ALL", get("/2015-03-31/functions?FunctionVersion=1", "").validation(broken("1", "functionVersion", "satisfy enum value set: [ALL]"))},
	} {
		t.Run(row.why, func(t *testing.T) { row.run(t, c) })
	}
	for _, row := range []struct{ why, body, code, part string }{
		{"a queue URL is not an ARN", `{"DestinationConfig":{"OnFailure":{"Destination":"https://sqs.us-east-1.amazonaws.com/1/q"}}}`, "ValidationException", "at 'destinationConfig.onFailure.destination' failed"},
		{"a destination beyond 350", `{"DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:sqs:us-east-1:111111111111:` + long + `"}}}`, "ValidationException", "at 'destinationConfig.onSuccess.destination' failed to satisfy constraint: Member must have length less than or equal to 350"},
		{"a text for a number", `{"MaximumRetryAttempts":"2"}`, "SerializationException", ""},
		{"a fraction", `{"MaximumRetryAttempts":1.5}`, "SerializationException", ""},
		{"no JSON", `{`, "SerializationException", ""},
	} {
		if r := c.call("PUT", f, row.body); r.status != 400 || r.code() != row.code || !strings.Contains(r.body, row.part) {
			t.Errorf("%s: %d %s %s", row.why, r.status, r.code(), r.body)
		}
	}
}

func config(success, failure string) (body, refusal string) {
	quote := func(kind, s string) (string, string) {
		if s == "" {
			return `{}`, "null"
		}
		return `{"Destination":"` + s + `"}`, kind + "(destination=" + s + ")"
	}
	s, sText := quote("OnSuccess", success)
	f, fText := quote("OnFailure", failure)
	return `{"DestinationConfig":{"OnSuccess":` + s + `,"OnFailure":` + f + `}}`,
		"The provided destination config DestinationConfig(onSuccess=" + sText + ", onFailure=" + fText + ") is invalid."
}

func TestDestinations(t *testing.T) {
	s := factsWorld()
	s.MissingBuckets = []string{"gone"}
	w := newWorld(t, s)
	c := by(t, w)
	const sqs, events = "arn:aws:sqs:us-east-1:111111111111:", "arn:aws:events:us-east-1:111111111111:"
	unsupported := "the whole config"
	for _, row := range []struct{ why, success, failure, text string }{
		{"a queue on both sides", sqs + "a", sqs + "b", ""},
		{"a topic", "arn:aws:sns:us-east-1:111111111111:t", "", ""},
		{"a function that exists", arn + "g", "", ""},
		{"an alias that exists, of another function", "", arn + "f:live", ""},
		{"a bus, even one that is missing", events + "event-bus/nobody", "", ""},
		{"a bucket on failure", "", "arn:aws:s3:::b", ""},
		{"a function of another account is not looked up", "arn:aws:lambda:us-east-1:222222222222:function:x", "", ""},
		{"a bucket on success", "arn:aws:s3:::b", "", unsupported},
		{"a bucket without a name", "", "arn:aws:s3:::", unsupported},
		{"a FIFO queue", "", sqs + "a.fifo", unsupported},
		{"a service that takes no events", "", "arn:aws:dynamodb:us-east-1:111111111111:table/t", unsupported},
		{"Kafka is for event source mappings", "", "kafka://topic", unsupported},
		{"both sides are named in the refusal", sqs + "a", sqs + "a.fifo", unsupported},
		{"a bucket that is missing", "", "arn:aws:s3:::gone", "Error occurred while ListBucket. S3 Error Code: 404 Not Found. S3 Error Message: Not Found"},
		{"a function that is missing", arn + "nobody", "", "The destination ARN " + arn + "nobody is invalid."},
		{"an alias that is missing", arn + "g:nobody", "", "The destination ARN " + arn + "g:nobody is invalid."},
		{"a rule", events + "rule/r", "", "The destination ARN " + events + "rule/r is invalid."},
		{"a partner's bus", events + "event-bus/aws.partner/p", "", "The destination ARN " + events + "event-bus/aws.partner/p is invalid."},
		{"a bus of another account", "", "arn:aws:events:us-east-1:222222222222:event-bus/b", "The destination ARN arn:aws:events:us-east-1:222222222222:event-bus/b is invalid."},
		{"itself", "", arn + "f", "You can't specify the function as a destination for itself."},
		{"itself, qualified", "", arn + "f:$LATEST", "You can't specify the function as a destination for itself."},
	} {
		t.Run(row.why, func(t *testing.T) {
			body, whole := config(row.success, row.failure)
			if row.text == unsupported {
				row.text = whole
			}
			r := c.call("PUT", f, body)
			if row.text == "" {
				if r.status != 200 {
					t.Errorf("%d %s", r.status, r.body)
				}
				return
			}
			if want := `{"Type":"User","message":"` + row.text + `"}`; r.status != 400 || r.body != want {
				t.Errorf("\n got %d %s\nwant 400 %s", r.status, r.body, want)
			}
		})
	}
}

func TestRefusedAndBusyFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const text = "The function execution role does not have permissions to call SendMessage on arn:aws:sqs:us-east-1:111111111111:dlq"
		w := newWorld(t, awssim.Fleet(account, region,
			awssim.Function{Name: "f", Refuse: text, Records: map[string]awssim.Record{"$LATEST": {}}},
			awssim.Function{Name: "g", BusyFor: 12 * time.Second}))
		c := by(t, w)
		put(f, both, "").invalid(text).run(t, c)
		update(f, both, "").invalid(text).run(t, c)
		remove(f).run(t, c)
		if err := w.Refuse(account, region, "f", ""); err != nil {
			t.Fatal(err)
		}
		put(f, both, rec("f:$LATEST", "2", "60", topic, queue)).run(t, c)

		g := path("g", "")
		time.Sleep(12*time.Second - time.Nanosecond)
		if r := c.call("PUT", g, both); r.status != 409 {
			t.Errorf("one instant before the window ends: %d", r.status)
		}
		time.Sleep(time.Nanosecond)
		put(g, both, rec("g:$LATEST", "2", "60", topic, queue)).run(t, c)
	})
}

// A role that is listed may send to what it lists, from its time on.
func TestSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := awssim.Fleet(account, region, awssim.Function{Name: "f", Role: "late"}, awssim.Function{Name: "g", Role: "narrow"}, awssim.Function{Name: "h"})
		s.Accounts[0].Senders = []awssim.Sender{{Role: "late", To: []string{"*"}, After: 30 * time.Second}, {Role: "narrow", To: []string{strings.Trim(topic, `"`)}}}
		c := by(t, newWorld(t, s))
		const may = "The function execution role does not have permissions to call "
		put(path("f", ""), both, "").invalid(may+"Publish on "+strings.Trim(topic, `"`)).run(t, c)
		put(path("g", ""), both, "").invalid(may+"SendMessage on "+strings.Trim(queue, `"`)).run(t, c)
		put(path("g", ""), `{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:s3:::b"}}}`, "").invalid("Error occurred while ListBucket. S3 Error Code: 403 Forbidden. S3 Error Message: Forbidden").run(t, c)
		put(path("h", ""), both, rec("h:$LATEST", "2", "60", topic, queue)).run(t, c)
		time.Sleep(30 * time.Second)
		put(path("f", ""), both, rec("f:$LATEST", "2", "60", topic, queue)).run(t, c)
	})
}
