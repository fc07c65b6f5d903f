package trail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

var ireland = desired.Target{Account: "111111111111", Region: "eu-west-1"}

// recorded is one call as the history of these tests keeps it.
type recorded struct {
	id, name, function string
	at                 time.Time
	failed, garbled    bool
}

func (r recorded) record() string {
	failure := ""
	if r.garbled {
		return "{"
	}
	if r.failed {
		failure = `"errorCode": "ResourceConflictException",`
	}
	return fmt.Sprintf(`{"eventSource": "lambda.amazonaws.com", "eventName": %q, %s "eventID": %q, "eventTime": %q,
		"recipientAccountId": "111111111111", "awsRegion": "eu-west-1", "requestParameters": {"functionName": %q}}`,
		r.name, failure, r.id, r.at.UTC().Format(time.RFC3339), r.function)
}

// history is an http.RoundTripper that answers LookupEvents out of a list, newest
// first, as the API's model says; answers are told by spoil to fail.
type history struct {
	events []recorded
	mu     sync.Mutex // some are asked at once
	asked  []time.Time
	names  []string
	spoil  func(n int) (status int, code string)
	refuse map[string]string // by name of a call: the code of the answer
	after  time.Duration
	circle bool // the last page leads to the first
}

func (h *history) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(h.after)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, time.Now())
	if h.spoil != nil {
		if status, code := h.spoil(len(h.asked)); status != 0 {
			return answer(status, fmt.Sprintf(`{"__type": %q, "message": "no"}`, code)), nil
		}
	}
	var in struct {
		LookupAttributes   []struct{ AttributeKey, AttributeValue string }
		StartTime, EndTime float64
		MaxResults         int
		NextToken          string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.LookupAttributes) != 1 || in.LookupAttributes[0].AttributeKey != "EventName" {
		return answer(400, `{"__type": "InvalidLookupAttributesException"}`), nil
	}
	if in.StartTime != float64(int64(in.StartTime)) || in.EndTime != float64(int64(in.EndTime)) || in.StartTime > in.EndTime {
		return answer(400, `{"__type": "InvalidTimeRangeException"}`), nil
	}
	h.names = append(h.names, in.LookupAttributes[0].AttributeValue)
	if code := h.refuse[in.LookupAttributes[0].AttributeValue]; code != "" {
		return answer(400, fmt.Sprintf(`{"__type": %q, "message": "no"}`, code)), nil
	}
	// A token is good for the parameters that it was given for.
	same := fmt.Sprint(in.LookupAttributes, in.StartTime, in.EndTime, in.MaxResults)
	from, tokenOf, _ := strings.Cut(in.NextToken, "|")
	if in.NextToken != "" && tokenOf != same {
		return answer(400, `{"__type": "InvalidNextTokenException"}`), nil
	}
	skip, _ := strconv.Atoi(from)
	var found []recorded
	for _, e := range h.events {
		if e.name == in.LookupAttributes[0].AttributeValue && e.at.Unix() >= int64(in.StartTime) && e.at.Unix() <= int64(in.EndTime) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b recorded) int { return b.at.Compare(a.at) })
	out := struct {
		Events    []map[string]any
		NextToken string `json:",omitempty"`
	}{Events: []map[string]any{}}
	for _, e := range found[min(skip, len(found)):min(skip+in.MaxResults, len(found))] {
		out.Events = append(out.Events, map[string]any{"EventId": e.id, "EventName": e.name, "EventTime": e.at.Unix(), "CloudTrailEvent": e.record()})
	}
	if skip+in.MaxResults < len(found) {
		out.NextToken = strconv.Itoa(skip+in.MaxResults) + "|" + same
	}
	if h.circle && out.NextToken == "" {
		out.NextToken = "0|" + same
	}
	body, _ := json.Marshal(out)
	return answer(200, string(body)), nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// ask asks a history about one target.
func ask(h *history, q Query) *Answer {
	limiters := ratelimit.NewRegistry(Pace)
	defer limiters.Close()
	s := New(aws.Config{
		HTTPClient: &http.Client{Transport: h}, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
	}, ireland, limiters)
	return s.Lookup(context.Background(), q)
}

// TestLookupFindsWhatIsThere holds over any history: each successful call of the
// names asked within the time asked is found once, whatever else there is, at no
// more than two requests a second.
func TestLookupFindsWhatIsThere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			h := &history{after: time.Duration(rapid.IntRange(0, 700).Draw(rt, "latency")) * time.Millisecond}
			calls := []string{"PutFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig", "CreateFunction20150331", "ListFunctions20150331"}
			for i := range rapid.IntRange(0, 260).Draw(rt, "events") {
				h.events = append(h.events, recorded{
					id: fmt.Sprint("e", i), name: rapid.SampledFrom(calls).Draw(rt, "name"),
					function: rapid.SampledFrom([]string{"orders", "orders:live", "arn:aws:lambda:eu-west-1:111111111111:function:orders"}).Draw(rt, "function"),
					at:       now.Add(-time.Duration(rapid.IntRange(0, 7200).Draw(rt, "age")) * time.Second),
					failed:   rapid.IntRange(0, 9).Draw(rt, "fails") == 0,
					garbled:  rapid.IntRange(0, 19).Draw(rt, "garbled") == 0,
				})
			}
			for i := range h.events {
				if rapid.IntRange(0, 19).Draw(rt, "again") == 0 {
					h.events = append(h.events, h.events[i])
				}
			}
			throttled := rapid.IntRange(0, 5).Draw(rt, "throttled")
			h.spoil = func(n int) (int, string) {
				if n <= throttled {
					return 400, "ThrottlingException"
				}
				return 0, ""
			}
			from := now.Add(-time.Hour)
			want, unread := map[string]bool{}, 0
			for _, e := range h.events {
				switch {
				case e.at.Before(from) || e.name == "ListFunctions20150331":
				case e.garbled:
					unread++
				case !e.failed:
					want[e.id] = true
				}
			}
			a := ask(h, Query{Names: []string{"PutFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig", "CreateFunction"}, From: from, Budget: time.Hour})
			if a.Cut != nil || !a.Asked.Equal(now) || a.Unread != unread {
				t.Errorf("got %+v after %d requests, want a whole answer since %v, but for %d events", a, len(h.asked), from, unread)
			}
			for _, e := range a.Events {
				if !want[e.EventID] || e.Function != "orders" {
					t.Errorf("got %+v, want it not, or not twice", e)
				}
				delete(want, e.EventID)
			}
			if len(want) > 0 {
				t.Errorf("%d events are missing: %v", len(want), want)
			}
			if !slices.IsSortedFunc(a.Events, func(x, y events.Hint) int { return x.EventTime.Compare(y.EventTime) }) {
				t.Error("the events are not in the order of time")
			}
			for i := 2; i < len(h.asked); i++ {
				if gap := h.asked[i].Sub(h.asked[i-2]); gap < time.Second && h.after == 0 {
					t.Errorf("three requests within %v", gap)
				}
			}
		})
	})
}

// TestLookupSaysWhatItHasNotSeen holds that an answer that lacks something says so.
func TestLookupSaysWhatItHasNotSeen(t *testing.T) {
	puts := func(now time.Time, n int) (all []recorded) {
		for i := range n {
			all = append(all, recorded{id: fmt.Sprint(i), name: Writes[0], function: "orders", at: now.Add(-time.Duration(i) * time.Second)})
		}
		return all
	}
	for _, tt := range []struct {
		why    string
		spoil  func(int) (int, string)
		query  Query
		after  time.Duration
		circle bool
		events int
		is     error
		kind   callerr.Kind
		says   string
	}{
		{why: "a limit of pages", query: Query{Pages: 2}, events: 100, is: ErrPages},
		{why: "enough is not cut short", query: Query{Enough: func(_ string, _ []events.Hint, oldest time.Time) bool { return true }}, events: 50},
		{why: "a slow answer", query: Query{Budget: 5 * time.Second}, after: 3 * time.Second, events: 100, is: ErrBudget},
		{why: "no permission", spoil: func(int) (int, string) { return 400, "AccessDeniedException" }, kind: callerr.Denied},
		{why: "throttled to the end", query: Query{Budget: 20 * time.Second}, spoil: func(int) (int, string) { return 400, "ThrottlingException" }, is: ErrBudget},
		{why: "a circle of pages", circle: true, events: 200, says: "so the listing never ends"},
		{why: "failing", spoil: func(int) (int, string) { return 500, "InternalFailure" }, kind: callerr.Server},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				h := &history{events: puts(now, 200), spoil: tt.spoil, after: tt.after, circle: tt.circle}
				tt.query.Names, tt.query.From = Writes[:1], now.Add(-time.Hour)
				a := ask(h, tt.query)
				if took := time.Since(now); took > 40*time.Second {
					t.Errorf("it took %v", took)
				}
				if tt.is != nil && !errors.Is(a.Cut, tt.is) || callerr.KindOf(a.Cut) != tt.kind || (a.Cut == nil) != (tt.is == nil && tt.kind == 0 && tt.says == "") ||
					!strings.Contains(fmt.Sprint(a.Cut), tt.says) {
					t.Errorf("cut by %v, want %v or of kind %v", a.Cut, tt.is, tt.kind)
				}
				if len(a.Events) != tt.events {
					t.Errorf("got %d events, want %d", len(a.Events), tt.events)
				}
			})
		})
	}
}

// Whichever of the calls cannot be asked for, whatever is found of the others, the answer says so
// of each.
func TestLookupSaysEachCallThatCouldNotBeAsked(t *testing.T) {
	calls := []string{"PutFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig", "CreateFunction"}
	codes := []string{"AccessDeniedException", "InvalidTimeRangeException", "OperationNotPermittedException"}
	for refused := range 1 << len(calls) {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			h := &history{refuse: map[string]string{}}
			for i, call := range calls {
				name := cmp.Or(recordedAs[call], call)
				h.events = append(h.events, recorded{id: call, name: name, function: "orders", at: now})
				if refused&(1<<i) != 0 {
					h.refuse[name] = codes[i]
				}
			}
			a := ask(h, Query{Names: calls, From: now.Add(-time.Hour)})
			if (a.Cut == nil) != (refused == 0) {
				t.Errorf("%03b: cut by %v", refused, a.Cut)
			}
			for i, call := range calls {
				is := refused&(1<<i) != 0
				if told := a.Cut != nil && strings.Contains(a.Cut.Error(), codes[i]); told != is {
					t.Errorf("%03b: %s: told %v: %v", refused, call, told, a.Cut)
				}
				if found := slices.ContainsFunc(a.Events, func(h events.Hint) bool { return h.EventID == call }); found == is {
					t.Errorf("%03b: %s: found %v", refused, call, found)
				}
			}
		})
	}
}
