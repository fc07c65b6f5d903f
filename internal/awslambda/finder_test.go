package awslambda

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func TestTags(t *testing.T) {
	fleet := []awssim.Function{
		{Name: "never-tagged"},
		{Name: "untagged", Tags: map[string]string{}},
		{Name: "pay", Tags: map[string]string{"team": "pay", "env": "prod"}},
		{Name: "pay-dev", Tags: map[string]string{"team": "pay", "env": "dev"}},
	}
	for i := range 230 { // three pages of 100
		fleet = append(fleet, awssim.Function{Name: fmt.Sprintf("o-%03d", i), Tags: map[string]string{"team": "orders"}})
	}
	tests := []struct {
		why  string
		with []desired.Tag
		want int
		one  map[string]string // the tags of "pay", where it is found
	}{
		{"one value, many pages", []desired.Tag{{Key: "team", Values: []string{"orders"}}}, 230, nil},
		{"both keys", []desired.Tag{{Key: "team", Values: []string{"pay"}}, {Key: "env", Values: []string{"prod"}}}, 1, map[string]string{"team": "pay", "env": "prod"}},
		{"a key with any value", []desired.Tag{{Key: "env"}}, 2, map[string]string{"team": "pay", "env": "prod"}},
		{"nothing", []desired.Tag{{Key: "team", Values: []string{"none"}}}, 0, nil},
	}
	for _, tt := range tests {
		w := worldOf(t, awssim.Fleet(here.Account, here.Region, fleet...))
		conn := connTo(t, w)
		got, err := NewFinder(conn).Tagged(t.Context(), tt.with)
		if err != nil || len(got) != tt.want {
			t.Errorf("%s: %d functions, want %d: %v", tt.why, len(got), tt.want, err)
		}
		if d := cmp.Diff(tt.one, got["pay"]); d != "" {
			t.Errorf("%s: %s", tt.why, d)
		}
		if n := conn.Limiter().Snapshot().Granted(); n != 0 {
			t.Errorf("%s: took %d tokens of Lambda's quota", tt.why, n)
		}
		if d := cmp.Diff(w.Counts().ByOperation, callsByOp(conn)); d != "" {
			t.Errorf("%s: %s", tt.why, d)
		}
	}
}

// TestTagsRetry: the tagging API throttles in practice; its calls are repeated
// by the SDK's backoff, each attempt is counted, and a refusal is final.
func TestTagsRetry(t *testing.T) {
	const page = `{"PaginationToken":"","ResourceTagMappingList":[]}`
	tests := []struct {
		why      string
		answers  []canned
		requests int64
		outcome  ratelimit.Result
	}{
		{"throttled twice", []canned{throttled, throttled, saying(200, page)}, 3, ratelimit.OK},
		{"a server error and a cut-off answer", []canned{saying(500, ""), saying(200, page[:30]), saying(200, page)}, 3, ratelimit.OK},
		{"always throttled", []canned{throttled}, taggingAttempts, ratelimit.Throttled},
		{"denied", []canned{saying(400, `{"__type":"AccessDeniedException","Message":"no"}`)}, 1, ratelimit.Permanent},
		{"another account", []canned{saying(200, `{"ResourceTagMappingList":[{"ResourceARN":"arn:aws:lambda:us-east-1:222222222222:function:f"}]}`)}, 1, ratelimit.Permanent},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			i := 0
			conn := connTo(t, canned(func(r *http.Request) (*http.Response, error) {
				a := tt.answers[min(i, len(tt.answers)-1)]
				i++
				return a(r)
			}))
			_, err := NewFinder(conn).Tagged(t.Context(), nil)
			outcome, _ := ratelimit.ResultOf(err)
			if outcome != tt.outcome || callsByOp(conn)[opGetResources] != int(tt.requests) || i != int(tt.requests) {
				t.Errorf("%s: %v, %d requests, %d counted: %v", tt.why, outcome, i, callsByOp(conn)[opGetResources], err)
			}
		})
	}
}

var throttled = saying(400, `{"__type":"ThrottledException","Message":"Rate exceeded"}`)

func TestTagsDeniedNamesTheStatement(t *testing.T) {
	_, err := NewFinder(connTo(t, saying(400, `{"__type":"AccessDeniedException","Message":"no"}`))).Tagged(t.Context(), nil)
	if ce := callErrorOf(t, err); ce.Kind != callerr.Denied || ce.Hint != "allow tag:GetResources on * for the caller" {
		t.Errorf("%v %q", ce.Kind, ce.Hint)
	}
}

// TestTagsGoingInCircles: a token that comes back would page for ever.
func TestTagsGoingInCircles(t *testing.T) {
	asked := 0
	_, err := NewFinder(connTo(t, canned(func(r *http.Request) (*http.Response, error) {
		asked++
		_, _ = io.Copy(io.Discard, r.Body)
		return answer(r, 200, fmt.Sprintf(`{"PaginationToken":"t%d","ResourceTagMappingList":[]}`, asked%2)), nil
	}))).Tagged(t.Context(), nil)
	if ce := callErrorOf(t, err); ce.Kind != callerr.BadAnswer || asked != 3 {
		t.Errorf("after %d pages: %v", asked, err)
	}
}

func callsByOp(l *Conn) map[string]int {
	var calls map[string]int
	for _, s := range l.Stats() {
		if calls == nil {
			calls = map[string]int{}
		}
		calls[s.Name] = int(s.Calls)
	}
	return calls
}

// TestTagsThatNeverEnd: a new token with every page ends too.
func TestTagsThatNeverEnd(t *testing.T) {
	asked := 0
	_, err := NewFinder(connTo(t, canned(func(r *http.Request) (*http.Response, error) {
		asked++
		return answer(r, 200, fmt.Sprintf(`{"PaginationToken":"t%d","ResourceTagMappingList":[]}`, asked)), nil
	}))).Tagged(t.Context(), nil)
	if ce := callErrorOf(t, err); ce.Kind != callerr.BadAnswer || asked != maxTagPages || !strings.Contains(ce.Message, "did not end") {
		t.Errorf("after %d pages: %v", asked, err)
	}
}
