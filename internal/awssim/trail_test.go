package awssim_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

type lookedUp struct {
	Events []struct {
		EventId, EventName, Username, CloudTrailEvent string
		EventTime                                     int64
	}
	NextToken string
	Type      string `json:"__type"`
}

// lookup asks the event history.
func (c client) lookup(body string) (lookedUp, reply) {
	c.t.Helper()
	c.service = "cloudtrail"
	r := c.request("POST", "/", body)
	r.Header.Set("X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents")
	answer, err := send(c.world, r)
	if err != nil {
		c.t.Fatal(err)
	}
	var out lookedUp
	if err := json.Unmarshal([]byte(answer.body), &out); err != nil {
		c.t.Fatalf("%v: %s", err, answer.body)
	}
	return out, answer
}

func TestLookupEventsTellsWhatWasDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := awssim.Fleet(account, region, awssim.Function{Name: "f", Aliases: []string{"live"}, Records: map[string]awssim.Record{
			"$LATEST": {MaximumRetryAttempts: new(1)},
			"live":    {MaximumRetryAttempts: new(1), Age: 2 * time.Hour, By: "role/deploy/ci", Agent: "APN/1.0 HashiCorp/1.0 Terraform/1.9"},
		}}, awssim.Function{Name: "denied", Deny: []string{"lambda:Put*"}})
		w := newWorld(t, s)
		c := by(t, w)
		c.call("PUT", path("f", ""), `{"MaximumRetryAttempts":0}`)
		c.call("PUT", path("denied", ""), `{"MaximumRetryAttempts":0}`)
		c.call("GET", path("f", ""), "")
		time.Sleep(time.Second)
		if err := w.SetRecord(account, region, "f", "live", awssim.Record{MaximumRetryAttempts: new(2), By: "user/ops-admin"}); err != nil {
			t.Fatal(err)
		}
		out, _ := c.lookup(`{"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "PutFunctionEventInvokeConfig"}]}`)
		var got []string
		for _, e := range out.Events {
			var r struct {
				UserIdentity struct{ Type, Arn string }
				UserAgent    string
				ErrorCode    string
				Parameters   struct{ FunctionName, Qualifier string } `json:"requestParameters"`
			}
			if err := json.Unmarshal([]byte(e.CloudTrailEvent), &r); err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.Join([]string{r.Parameters.FunctionName, r.Parameters.Qualifier, r.UserIdentity.Type, e.Username, r.UserAgent, r.ErrorCode}, "|"))
		}
		slices.Sort(got[1:3]) // of one second
		want := []string{
			"f|live|IAMUser|ops-admin|console.amazonaws.com|",
			"f||IAMUser|simulated||",
			"||IAMUser|simulated||AccessDeniedException",
			"f|live|AssumedRole|ci|APN/1.0 HashiCorp/1.0 Terraform/1.9|",
		}
		slices.Sort(want[1:3])
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestLookupEventsRefuses(t *testing.T) {
	for body, code := range map[string]string{
		`{"LookupAttributes": [{"AttributeKey": "Colour", "AttributeValue": "red"}]}`:                                                      "InvalidLookupAttributesException",
		`{"LookupAttributes": [{"AttributeKey": "EventId", "AttributeValue": "e"}, {"AttributeKey": "EventName", "AttributeValue": "e"}]}`: "InvalidLookupAttributesException",
		`{"MaxResults": 51}`:                   "InvalidMaxResultsException",
		`{"StartTime": 2, "EndTime": 1}`:       "InvalidTimeRangeException",
		`{"NextToken": "made up"}`:             "InvalidNextTokenException",
		`{`:                                    "SerializationException",
		`{"EventCategory": "insight"}`:         "",
		`{"StartTime": 1.0, "EndTime": 9.9e9}`: "",
	} {
		c := by(t, newWorld(t, factsWorld()))
		if out, r := c.lookup(body); out.Type != code || code != "" && r.status != 400 {
			t.Errorf("%s: %d %s, want %s", body, r.status, out.Type, code)
		}
	}
	s := factsWorld()
	s.Accounts[0].Deny = []string{"cloudtrail:*"}
	if out, r := by(t, newWorld(t, s)).lookup(`{}`); out.Type != "AccessDeniedException" || r.status != 400 {
		t.Errorf("%d %s", r.status, out.Type)
	}
}

// The history has a rate of its own, whatever Lambda's quota is.
func TestLookupEventsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := by(t, newWorld(t, factsWorld()))
		for i, want := range []string{"", "", "ThrottlingException", "ThrottlingException"} {
			if out, r := c.lookup(`{}`); out.Type != want || want != "" && r.status != 400 {
				t.Errorf("call %d: %d %s, want %q", i, r.status, out.Type, want)
			}
		}
		time.Sleep(500 * time.Millisecond)
		if out, _ := c.lookup(`{}`); out.Type != "" {
			t.Errorf("half a second later: %s", out.Type)
		}
	})
}

// Paging gives every event that has appeared once, the newest first, and a token is
// good for the parameters that it was given for.
func TestLookupEventsPages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			s := factsWorld()
			s.Trail = awssim.Trail{Delay: time.Duration(rapid.IntRange(0, 90).Draw(rt, "delay")) * time.Minute, Lose: rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(rt, "lose")}
			w := newWorld(t, s)
			n := rapid.IntRange(0, 130).Draw(rt, "writes")
			for range n {
				time.Sleep(time.Duration(rapid.IntRange(0, 90).Draw(rt, "pause")) * time.Second)
				if err := w.SetRecord(account, region, "f", "", awssim.Record{}); err != nil {
					t.Fatal(err)
				}
			}
			wait := rapid.SampledFrom([]time.Duration{0, 45 * time.Minute, 90 * time.Minute}).Draw(rt, "wait")
			time.Sleep(wait)
			whole := time.Now()
			size := rapid.IntRange(1, 50).Draw(rt, "size")
			var ids []string
			last := int64(1 << 40)
			for token := ""; ; {
				time.Sleep(time.Second)
				out, _ := by(t, w).lookup(fmt.Sprintf(`{"MaxResults": %d, "EndTime": %d, "NextToken": %q}`, size, whole.Unix(), token))
				for _, e := range out.Events {
					if e.EventTime > last {
						t.Errorf("an event of %d comes after one of %d", e.EventTime, last)
					}
					last = e.EventTime
					ids = append(ids, e.EventId)
				}
				if token = out.NextToken; token == "" {
					break
				}
				if len(out.Events) != size {
					t.Errorf("a page of %d has %d events", size, len(out.Events))
				}
				if other, _ := by(t, w).lookup(fmt.Sprintf(`{"MaxResults": %d, "NextToken": %q}`, size, token)); other.Type != "InvalidNextTokenException" {
					t.Errorf("a token of other parameters: %q", other.Type)
				}
			}
			found := len(ids)
			if slices.Sort(ids); len(slices.Compact(ids)) != found {
				t.Error("an event was shown twice")
			}
			switch {
			case found > n, s.Trail.Lose == 1 && found > 0:
				t.Errorf("%d events of %d writes", found, n)
			case s.Trail.Delay <= wait && s.Trail.Lose == 0 && found != n:
				t.Errorf("%d events of %d writes, none of which is late or lost", found, n)
			}
		})
	})
}
