package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// A spoilt answer costs one function or one target, and is said; it never reads
// as "in sync", and never ends the program. In each row AWS holds no record, so
// an answer taken for an empty one would be a create.
func TestBadAnswers(t *testing.T) {
	const (
		oneFunction = iota // bad is unreadable, and the other three are read
		oneTarget          // the whole target is unreadable, and the other is read
		unharmed           // what is merely new says nothing wrong
	)
	listOf := func(r *http.Request, function string) bool {
		return strings.HasSuffix(r.URL.Path, "/functions/"+function+"/event-invoke-config/list")
	}
	discovery := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/functions") }
	anyList := func(r *http.Request) bool { return listOf(r, "bad") }
	const foreign = `{"FunctionEventInvokeConfigs":[{"FunctionArn":"arn:aws:lambda:eu-west-1:999999999999:function:bad:$LATEST","MaximumRetryAttempts":0,"DestinationConfig":{}}]}`
	for _, row := range []struct {
		why    string
		which  func(*http.Request) bool
		answer string
		harm   int
		text   string // in the error
	}{
		{"truncated JSON", anyList, `{"FunctionEventInvokeConfigs":[{"FunctionArn":"arn:aws:lam`, oneFunction, ""},
		{"an empty body", anyList, ``, oneFunction, ""},
		{"null in place of the list", anyList, `{"FunctionEventInvokeConfigs":null,"NextMarker":null}`, oneFunction, "FunctionEventInvokeConfigs"},
		{"no list at all", anyList, `{}`, oneFunction, "FunctionEventInvokeConfigs"},
		{"a list of another type", anyList, `{"FunctionEventInvokeConfigs":"none"}`, oneFunction, ""},
		{"a repeating marker", anyList, `{"FunctionEventInvokeConfigs":[],"NextMarker":"again"}`, oneFunction, "marker"},
		{"the ARN of another account", anyList, foreign, oneFunction, "999999999999"},
		{"the ARN of another function", anyList, strings.ReplaceAll(strings.ReplaceAll(foreign, "999999999999", account), ":bad:", ":other:"), oneFunction, "other"},
		{"retries that cannot be", anyList, strings.ReplaceAll(strings.ReplaceAll(foreign, "999999999999", account), `Attempts":0`, `Attempts":7`), oneFunction, "7"},
		{"a page of HTML", anyList, `<html>200 OK</html>`, oneFunction, ""},
		{"a field that nobody knows", anyList, `{"FunctionEventInvokeConfigs":[],"New":{"Thing":[1]},"NextMarker":null}`, unharmed, ""},
		{"discovery: null in place of the list", discovery, `{"Functions":null}`, oneTarget, "Functions"},
		{"discovery: truncated JSON", discovery, `{"Functions":[{"Fun`, oneTarget, ""},
		{"discovery: a repeating marker", discovery, `{"Functions":[],"NextMarker":"again"}`, oneTarget, "marker"},
	} {
		t.Run(row.why, func(t *testing.T) {
			path := write(t, `version: 1
targets:
  - { name: spoilt, account: "111111111111", regions: [eu-west-1] }
  - { name: sound, account: "111111111111", regions: [us-east-1] }
rules:
  - match: { functions: ["*"] }
    set: { maximum_retry_attempts: 0 }
`)
			two := awssim.Region{Functions: []awssim.Function{{Name: "bad"}, {Name: "good"}}}
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, &awssim.Scenario{Version: 1, Accounts: []awssim.Account{
					{Account: account, Regions: map[string]awssim.Region{"eu-west-1": two, "us-east-1": two}},
				}})
				spoiler := &between{World: w, answer: func(r *http.Request, response *http.Response) {
					if row.which(r) && strings.Contains(r.URL.Host, "eu-west-1") {
						response.StatusCode = http.StatusOK // a marker of ours is refused
						body(response, row.answer)
					}
				}}
				code, got := through(t, spoiler, "apply", path)
				wantCode, wantCreated := exitPartial, 3
				switch row.harm {
				case oneTarget:
					wantCreated = 2
				case unharmed:
					wantCode, wantCreated = exitOK, 4
				}
				if code != wantCode || got.Summary.Created != wantCreated || got.Summary.InSync != 0 || got.Summary.Failed != 0 {
					t.Errorf("exit code %d, want %d with %d created: %+v %+v", code, wantCode, wantCreated, got.Summary, got.Unreadable)
				}
				if _, written := w.Record(account, "eu-west-1", "bad", ""); written != (row.harm == unharmed) {
					t.Errorf("written over an answer that was not understood: %v", written)
				}
				switch row.harm {
				case oneFunction:
					if len(got.Unreadable) != 1 || got.Unreadable[0].Function != "bad" || !strings.Contains(got.Unreadable[0].Error.Message, row.text) {
						t.Errorf("unreadable: %+v", got.Unreadable)
					}
				case oneTarget:
					if e := got.Targets[0].Error; e == nil || !strings.Contains(e.Message, row.text) {
						t.Errorf("the target's error is %+v", e)
					}
				}
			})
		})
	}
}

// A function that AWS throttles for ever is given up after minutes, with its own
// row; the two beside it are corrected in the same run.
func TestOneFunctionThrottledForEver(t *testing.T) {
	path := write(t, `version: 1
rules:
  - match: { functions: ["api-*"] }
    set: { maximum_retry_attempts: 0 }
`)
	synctest.Test(t, func(t *testing.T) {
		t.Setenv("AWS_REGION", region)
		w := newWorld(t, awssim.Fleet(account, region, awssim.Function{Name: "api-0"},
			awssim.Function{Name: "api-1", Throttled: []string{"lambda:ListFunctionEventInvokeConfigs"}}, awssim.Function{Name: "api-2"}))
		began := time.Now()
		code, reading := through(t, w, "apply", path)
		took := time.Since(began)
		if code != 3 || reading.Summary.Created != 2 || reading.Summary.Unreadable != 1 || took > 10*time.Minute {
			t.Errorf("after %v exit code %d, %+v", took, code, reading.Summary)
		}
		if u := reading.Unreadable; len(u) != 1 || u[0].Function != "api-1" || u[0].Error.Kind != "throttled" {
			t.Errorf("unreadable: %+v", u)
		}
		for _, name := range []string{"api-0", "api-2"} {
			if r, _ := w.Record(account, region, name, ""); r.MaximumRetryAttempts == nil || *r.MaximumRetryAttempts != 0 {
				t.Errorf("%s was not corrected: %+v", name, r)
			}
		}
	})
}
