package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

var prod = desired.Target{Account: "111111111111", Region: "eu-west-1"}

func change(function string) reconcile.Change {
	return reconcile.Change{Name: desired.Name{Function: function, Qualifier: desired.Latest}, Action: reconcile.Create}
}

func runOf(changes ...reconcile.Change) *reconcile.RunResult {
	r := &reconcile.RunResult{Request: reconcile.Request{ID: "20261125T220000Z-00000000", Verb: "audit"}}
	r.Plan.Targets = []reconcile.TargetPlan{{Target: prod, Label: "prod", Changes: changes}}
	return r
}

func TestWhatADigestTells(t *testing.T) {
	denied := errors.New("AccessDenied: tell <!channel> & <https://evil.example|here>")
	for name, c := range map[string]struct {
		run   *reconcile.RunResult
		kinds []Kind
		text  []string // lines that are there
		why   string
	}{
		"in sync": {runOf(), nil, nil, "nothing is nothing to tell"},
		"drift":   {runOf(change("a"), change("b")), []Kind{Drift}, []string{"eventinvoke audit: 2 differ", "• prod (111111111111/eu-west-1): 2 differ: a, b"}, "a run that does not write says what it would"},
		"many":    {runOf(change("a"), change("b"), change("c"), change("d"), change("e"), change("f"), change("g")), []Kind{Drift}, []string{"• prod (111111111111/eu-west-1): 7 differ: a, b, c, d, e and 2 more"}, "a digest stays short"},
		"unreadable": {func() *reconcile.RunResult {
			r := runOf()
			r.Plan.Targets[0].Err, r.Plan.Targets[0].Unknown = denied, true
			return r
		}(), []Kind{Unreadable}, []string{"eventinvoke audit: some targets could not be read at all", "    AccessDenied: tell &lt;!channel&gt; &amp; &lt;https://evil.example|here&gt;"}, "what AWS says calls nobody together, and an unknown number is no number"},
		"guard":      {func() *reconcile.RunResult { r := runOf(change("a")); r.Refused = &reconcile.GuardError{}; return r }(), []Kind{Drift, Guard}, []string{"eventinvoke audit: the guard stopped the run, 1 differ"}, "nothing was written, so it still differs"},
		"fleet file": {&reconcile.RunResult{Request: reconcile.Request{Verb: "audit"}, Err: desired.Problems{{Code: "EI001", Message: "no"}}}, []Kind{FleetFiles}, []string{"eventinvoke audit: the fleet file does not load"}, "a problem of the files is one"},
		"no plan":    {&reconcile.RunResult{Request: reconcile.Request{Verb: "audit"}, Err: errors.New("no credentials")}, []Kind{Failed}, []string{"eventinvoke audit: the run failed", "• no credentials"}, "a run that never came to a plan is told"},
		"written": {func() *reconcile.RunResult {
			r := runOf(change("a"), change("b"), change("c"), change("d"))
			r.Outcome = &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: prod, Results: []reconcile.Result{
				{Change: change("a"), Status: reconcile.Applied}, {Change: change("b"), Status: reconcile.Failed, Err: errors.New("refused")},
				{Change: change("c"), Status: reconcile.NotAttempted}, {Change: change("d"), Status: reconcile.AlreadySo},
			}}}}
			return r
		}(), []Kind{Corrected, Drift, Failed}, []string{"eventinvoke audit: 1 failed, 2 differ, 1 corrected", "    refused"}, "what somebody else corrected is no news; what was not come to differs"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Of(c.run, true)
			if !slices.Equal(d.Kinds, c.kinds) {
				t.Errorf("kinds %v, want %v: %s", d.Kinds, c.kinds, c.why)
			}
			d.finish()
			for _, line := range c.text {
				if !slices.Contains(strings.Split(d.Text, "\n"), line) {
					t.Errorf("no line %q: %s\n%s", line, c.why, d.Text)
				}
			}
			data, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if c.run.Plan.Targets != nil && c.run.Plan.Targets[0].Unknown && !strings.Contains(string(data), `"unreadable":null`) {
				t.Errorf("an unknown number has a figure: %s", data)
			}
		})
	}
}

// However many configs and targets there are, and whatever AWS says of them, a digest
// fits an EventBridge entry of 256 KiB.
func TestADigestIsBounded(t *testing.T) {
	r := runOf()
	r.Plan.Targets = nil
	for i := range 400 {
		p := reconcile.TargetPlan{Target: desired.Target{Account: fmt.Sprintf("%012d", i), Region: "eu-west-1"}, Err: errors.New(strings.Repeat("long ", 10_000))}
		for j := range 500 {
			p.Changes = append(p.Changes, change(fmt.Sprintf("%064d", j)))
		}
		r.Plan.Targets = append(r.Plan.Targets, p)
	}
	d := Of(r, true)
	d.finish()
	data, err := json.Marshal(d)
	if err != nil || len(data) > 200_000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// For any sequence of sweeps and targeted passes: a digest is sent when something in
// it was not told since it was last over, or was corrected, and never else; the end of
// all that was told is told once.
func TestNothingIsToldTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var told Told
		known := map[string]bool{} // the model: what differs and was told
		for range rapid.IntRange(1, 30).Draw(t, "runs") {
			whole := rapid.Bool().Draw(t, "whole")
			differ := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID).Draw(t, "differ")
			var changes []reconcile.Change
			fresh := false
			for _, name := range differ {
				changes = append(changes, change(name))
				fresh = fresh || !known[name]
			}
			recovered := whole && len(differ) == 0 && len(known) > 0
			d := Of(runOf(changes...), whole)
			if got := told.take(d); got != (fresh || recovered) {
				t.Fatalf("sent: %t; differ %v, told before %v, whole %t", got, differ, known, whole)
			}
			if recovered != slices.Contains(d.Kinds, Recovered) {
				t.Fatalf("kinds %v; recovered is %t", d.Kinds, recovered)
			}
			if whole {
				known = map[string]bool{}
			}
			for _, name := range differ {
				known[name] = true
			}
		}
	})
}

func TestACorrectionIsAlwaysTold(t *testing.T) {
	var told Told
	for range 2 {
		r := runOf(change("a"))
		r.Outcome = &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: prod, Results: []reconcile.Result{{Change: change("a"), Status: reconcile.Applied}}}}}
		if !told.take(Of(r, true)) {
			t.Error("a correction was not told")
		}
	}
}

func TestReceiversAreCheckedBeforeARun(t *testing.T) {
	for where, want := range map[string]string{
		"https://hooks.example.com/services/T0/B0/secret":           "",
		"http://127.0.0.1:9/x":                                      "",
		"http://hooks.example.com/secret":                           "must be https",
		"hooks.example.com/secret":                                  "neither a URL nor an ARN",
		"":                                                          "neither a URL nor an ARN",
		"arn:aws:sns:eu-west-1:111111111111:drift":                  "",
		"arn:aws:sns:eu-west-1:111111111111:drift.fifo":             "FIFO",
		"arn:aws:sns:eu-west-1:111111111111:drift:4a1e":             "neither an SNS topic",
		"arn:aws:events:eu-west-1:111111111111:event-bus/default":   "",
		"arn:aws:events:eu-west-1:111111111111:rule/x":              "neither an SNS topic",
		"arn:aws:sqs:eu-west-1:111111111111:queue":                  "neither an SNS topic",
		"arn:aws-cn:events:cn-north-1:111111111111:event-bus/audit": "",
	} {
		err := Check(where)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", where, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the path of a webhook is a secret: %v", err)
		}
	}
}

type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

func TestAWebhookIsTriedAgainWhereThatMayHelp(t *testing.T) {
	for name, c := range map[string]struct {
		answers []int // 0 is a broken connection
		tries   int
		fails   bool
	}{
		"taken":               {[]int{200}, 1, false},
		"busy, then taken":    {[]int{429, 503, 200}, 3, false},
		"broken, then taken":  {[]int{0, 204}, 2, false},
		"refused for good":    {[]int{404}, 1, true},
		"moved: not followed": {[]int{302}, 1, true},
		"broken for good":     {[]int{500, 500, 500}, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := newWebhook("https://hooks.example.com/secret", "test")
				if err != nil {
					t.Fatal(err)
				}
				tries := 0
				r.(*webhook).client.Transport = answers(func(req *http.Request) (*http.Response, error) {
					status := c.answers[tries]
					tries++
					if status == 0 {
						return nil, errors.New("connection reset")
					}
					return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Body: io.NopCloser(strings.NewReader("")), Header: http.Header{"Location": {"https://elsewhere.example/"}}, Request: req}, nil
				})
				err = r.send(t.Context(), Of(runOf(change("a")), true))
				if tries != c.tries || (err != nil) != c.fails {
					t.Errorf("%d tries, %v", tries, err)
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("the error tells the path, which is a secret: %v", err)
				}
			})
		})
	}
}

// A receiver that hangs holds nobody up, and the newest digests are kept for it.
func TestAHungReceiverDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := New(t.Context(), Options{Receivers: []string{"https://hooks.example.com/x"}})
		if err != nil {
			t.Fatal(err)
		}
		n.receivers[0].(*webhook).client.Transport = answers(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		began := time.Now()
		for i := range 3 * pending {
			n.Tell(Of(runOf(change(fmt.Sprint("f", i))), true))
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("telling took %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		n.Close(ctx)
		if waited := time.Since(began); waited != 5*time.Second {
			t.Errorf("the end took %v", waited)
		}
		<-n.done
	})
}

// What could not be sent is news at the next run too.
func TestWhatCouldNotBeSentIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var problems []bool
		n, err := New(t.Context(), Options{Receivers: []string{"https://hooks.example.com/x"}, Problem: func(err error) { problems = append(problems, err != nil) }})
		if err != nil {
			t.Fatal(err)
		}
		var posts atomic.Int32
		n.receivers[0].(*webhook).client.Transport = answers(func(r *http.Request) (*http.Response, error) {
			status := 200
			if posts.Add(1) == 1 {
				status = 404
			}
			return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
		})
		for range 3 {
			n.Tell(Of(runOf(change("a")), true))
		}
		n.Close(t.Context())
		if posts.Load() != 2 || !slices.Equal(problems, []bool{true, false}) {
			t.Errorf("%d posts, problems %v", posts.Load(), problems)
		}
	})
}

func TestTopicsAndBuses(t *testing.T) {
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.Header.Get("X-Amz-Target")+" "+string(body))
		if strings.Contains(string(body), "Action=Publish") {
			io.WriteString(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
			return
		}
		io.WriteString(w, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"NotAuthorizedForSourceException","ErrorMessage":"no"}]}`)
	}))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA111111111111")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	d := Of(runOf(change("a")), true)
	d.finish()
	for where, want := range map[string]string{
		"arn:aws:sns:eu-west-1:111111111111:drift":                "",
		"arn:aws:events:eu-west-1:111111111111:event-bus/default": "NotAuthorizedForSourceException",
	} {
		r, err := open(t.Context(), where, "test")
		if err != nil {
			t.Fatal(err)
		}
		err = r.send(t.Context(), d)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", where, err, want)
		}
	}
	all := strings.Join(bodies, "\n")
	for _, want := range []string{"Subject=eventinvoke+audit%3A+1+differ", "AWSEvents.PutEvents", `"DetailType":"eventinvoke digest"`, `"Source":"eventinvoke"`} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %s:\n%s", want, all)
		}
	}
}
