package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

var prod = desired.Target{Account: "111111111111", Region: "eu-west-1"}

func change(function string) reconcile.Change {
	return reconcile.Change{Name: desired.Name{Function: function, Qualifier: desired.Latest}, Action: reconcile.Create}
}

func runOf(changes ...reconcile.Change) *reconcile.RunResult {
	r := &reconcile.RunResult{Surveyed: time.Unix(1, 0), Request: reconcile.Request{ID: "20261125T220000Z-00000000", Verb: "audit"}}
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
		"guard":      {func() *reconcile.RunResult { r := runOf(change("a")); r.Refused = &reconcile.GuardError{}; return r }(), []Kind{Drift, Guard}, []string{"eventinvoke audit: the guard stopped the run, 1 differs"}, "nothing was written, so it still differs"},
		"fleet file": {&reconcile.RunResult{Request: reconcile.Request{Verb: "audit"}, Err: desired.Problems{{Code: "EI001", Message: "no"}}}, []Kind{FleetFiles}, []string{"eventinvoke audit: the fleet file does not load"}, "a problem of the files is one"},
		"no plan":    {&reconcile.RunResult{Request: reconcile.Request{Verb: "audit"}, Err: errors.New("no credentials")}, []Kind{Failed}, []string{"eventinvoke audit: the run failed", "• no credentials"}, "a run that never came to a plan is told"},
		"written": {func() *reconcile.RunResult {
			r := runOf(change("a"), change("b"), change("c"), change("d"))
			r.Outcome = &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: prod, Results: []reconcile.ChangeResult{
				{Change: change("a"), Status: reconcile.Applied}, {Change: change("b"), Status: reconcile.Failed, Err: errors.New("refused")},
				{Change: change("c"), Status: reconcile.NotAttempted}, {Change: change("d"), Status: reconcile.AlreadySo},
			}}}}
			return r
		}(), []Kind{Corrected, Drift, Failed}, []string{"eventinvoke audit: 1 failed, 2 differ, 1 corrected", "    refused"}, "what somebody else corrected is no news; what was not come to differs"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Of(c.run, true, nil)
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

// Each destination that loses events is told of, whatever stands beside it.
func TestEachLostDestinationIsTold(t *testing.T) {
	var all []insight.Destination
	for _, state := range []insight.DestinationState{insight.DestinationExists, insight.DestinationMissing, insight.DestinationUnknown, insight.DestinationWrongKind} {
		for i := range 2 {
			all = append(all, insight.Destination{ARN: fmt.Sprintf("arn:aws:sqs:eu-west-1:111111111111:q-%d-%d", state, i), State: state, Uses: make([]insight.DestinationUse, 1)})
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := runOf()
		r.Insights.Destinations = rapid.Permutation(all).Draw(t, "destinations")
		d := Of(r, true, nil)
		d.finish()
		for i := range all {
			if told := strings.Contains(d.Text, all[i].ARN); told != all[i].Loses() {
				t.Errorf("%s: told %v\n%s", all[i].ARN, told, d.Text)
			}
		}
	})
}

// One is not said as many are.
func TestOneIsNotMany(t *testing.T) {
	for n, want := range map[int][]string{
		maxConfigs + 1: {"… and 1 more target"},
		maxConfigs + 2: {"… and 2 more targets"},
	} {
		r := runOf()
		r.Plan.Targets = nil
		for i := range n {
			p := reconcile.TargetPlan{Target: desired.Target{Account: fmt.Sprintf("%012d", i), Region: "eu-west-1"}, Changes: []reconcile.Change{change("a")}}
			if i == 0 {
				p.Changes = append(p.Changes, change("b"))
				want = append(want, "• "+p.Target.String()+": 2 differ: a, b")
			} else if i == 1 {
				want = append(want, "• "+p.Target.String()+": 1 differs: a")
			}
			r.Plan.Targets = append(r.Plan.Targets, p)
		}
		d := Of(r, true, nil)
		d.finish()
		for _, line := range want {
			if !slices.Contains(strings.Split(d.Text, "\n"), line) {
				t.Errorf("%d targets: no line %q:\n%s", n, line, d.Text)
			}
		}
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
	d := Of(r, true, nil)
	d.finish()
	data, err := json.Marshal(d)
	if err != nil || len(data) > 200_000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// For any sequence of sweeps and targeted passes over two targets, each of which may
// not be readable: a digest is sent when something in it was not told since it was last
// over, and never else, whatever is new about the texts of its errors. What is told of a
// target is over only when that target was read. The end of all is told once.
func TestNothingIsToldTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var told Told
		known := map[string]bool{} // the model: what was told and is not over
		for run := range rapid.IntRange(1, 30).Draw(t, "runs") {
			whole := rapid.Bool().Draw(t, "whole")
			r := runOf()
			r.Plan.Targets = nil
			now := map[string]bool{}
			unread := map[string]bool{}
			for _, target := range []desired.Target{prod, {Account: "222222222222", Region: "eu-west-1"}} {
				p := reconcile.TargetPlan{Target: target}
				if rapid.IntRange(0, 3).Draw(t, "denied") == 0 {
					p.Err = &callerr.Error{Kind: callerr.Denied, Code: "AccessDeniedException", Message: "no", RequestID: fmt.Sprint("request-", run)}
					now[target.String()+" unreadable"], unread[target.String()] = true, true
				} else {
					for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID).Draw(t, "differ") {
						p.Changes = append(p.Changes, change(name))
						now[target.String()+" "+name] = true
					}
				}
				r.Plan.Targets = append(r.Plan.Targets, p)
			}
			fresh := false
			for item := range now {
				fresh = fresh || !known[item]
			}
			before := len(known)
			if whole {
				maps.DeleteFunc(known, func(item string, _ bool) bool {
					target, _, _ := strings.Cut(item, " ")
					return !unread[target] && !now[item]
				})
			}
			maps.Copy(known, now)
			recovered := before > 0 && len(known) == 0
			d := Of(r, whole, nil)
			if got := told.take(d); got != (fresh || recovered) {
				t.Fatalf("sent: %t; now %v, told before %d, whole %t", got, now, before, whole)
			}
			if recovered != slices.Contains(d.Kinds, Recovered) {
				t.Fatalf("kinds %v; recovered is %t", d.Kinds, recovered)
			}
		}
	})
}

// A run that came to no plan knows of nothing that it is over, and fails for one cause
// once, whatever its text says of requests and times.
func TestARunWithoutAPlanEndsNothing(t *testing.T) {
	var told Told
	told.take(Of(runOf(change("a")), true, nil))
	for i := range 3 {
		r := &reconcile.RunResult{Request: reconcile.Request{Verb: "audit"}, Err: fmt.Errorf("it is %d o'clock: %w", i, io.ErrUnexpectedEOF)}
		if sent := told.take(Of(r, true, nil)); sent != (i == 0) {
			t.Errorf("run %d was told: %t", i, sent)
		}
	}
	if told.take(Of(runOf(change("a")), true, nil)) {
		t.Error("drift that stands is told again after a run that failed")
	}
}

// Events that are lost, broken requirements and fights are told as drift is.
func TestWhatIsInSyncMayBeNews(t *testing.T) {
	key := desired.Key{Target: prod, Name: desired.Name{Function: "a", Qualifier: desired.Latest}}
	for name, c := range map[string]struct {
		add  func(*reconcile.RunResult)
		kind Kind
		text string
	}{
		"a queue is gone": {func(r *reconcile.RunResult) {
			r.Insights.Destinations = []insight.Destination{{ARN: "arn:aws:sqs:eu-west-1:111111111111:q", State: insight.DestinationMissing, Uses: make([]insight.DestinationUse, 413)}}
		}, Lost, "events are lost: 413 configs send to arn:aws:sqs:eu-west-1:111111111111:q, which does not exist"},
		"one loses its own": {func(r *reconcile.RunResult) {
			r.Insights.Destinations = []insight.Destination{{ARN: "arn:aws:sqs:eu-west-1:111111111111:q", State: insight.DestinationMissing, Uses: make([]insight.DestinationUse, 1)}}
		}, Lost, "events are lost: 1 config sends to arn:aws:sqs:eu-west-1:111111111111:q, which does not exist"},
		"a requirement": {func(r *reconcile.RunResult) {
			r.Plan.Targets[0].Breaches = []reconcile.Breach{{Name: key.Name, Violation: desired.Violation{Message: "no destination"}, Now: true, Planned: true}}
		}, Breach, "prod (111111111111/eu-west-1): 1 breaks a requirement: a"},
		"a fight": {func(r *reconcile.RunResult) {
			r.Insights.Fights = []insight.Fight{{Key: key, Times: 3}}
		}, Fight, "changed back again and again by somebody else: " + key.String()},
	} {
		t.Run(name, func(t *testing.T) {
			var told Told
			for i := range 2 {
				r := runOf()
				c.add(r)
				d := Of(r, true, nil)
				if sent := told.take(d); sent != (i == 0) || !slices.Equal(d.Kinds, []Kind{c.kind}) {
					t.Errorf("run %d: told: %t, kinds %v", i, sent, d.Kinds)
				}
				if d.finish(); !strings.Contains(d.Text, c.text) {
					t.Errorf("no %q in\n%s", c.text, d.Text)
				}
			}
			if d := Of(runOf(), true, nil); !told.take(d) || !slices.Equal(d.Kinds, []Kind{Recovered}) {
				t.Errorf("its end is told as %v", d.Kinds)
			}
		})
	}
}

// A target that another run of ours holds is dealt with by that run.
func TestAHeldTargetIsNoNews(t *testing.T) {
	held := errors.New("held")
	r := runOf()
	r.Plan.Targets[0].Err = held
	var told Told
	if d := Of(r, true, func(err error) bool { return err == held }); told.take(d) {
		t.Errorf("told %v", d.Kinds)
	}
}

func TestACorrectionIsAlwaysTold(t *testing.T) {
	var told Told
	for range 2 {
		r := runOf(change("a"))
		r.Outcome = &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: prod, Results: []reconcile.ChangeResult{{Change: change("a"), Status: reconcile.Applied}}}}}
		if !told.take(Of(r, true, nil)) {
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
				err = r.send(t.Context(), Of(runOf(change("a")), true, nil))
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
			n.Tell(Of(runOf(change(fmt.Sprint("f", i))), true, nil))
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

// To wait for what was told is not the end: what is told after it is sent as well.
func TestAFlushIsNotTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := New(t.Context(), Options{Receivers: []string{"https://hooks.example.com/x"}})
		if err != nil {
			t.Fatal(err)
		}
		var posts atomic.Int32
		n.receivers[0].(*webhook).client.Transport = answers(func(r *http.Request) (*http.Response, error) {
			posts.Add(1)
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
		})
		for i := range int32(3) {
			n.Tell(Of(runOf(change(fmt.Sprint("f", i))), true, nil))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			n.Flush(ctx)
			cancel()
			if posts.Load() != i+1 {
				t.Errorf("%d of %d were sent", posts.Load(), i+1)
			}
		}
		n.Close(t.Context())
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
			n.Tell(Of(runOf(change("a")), true, nil))
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
	d := Of(runOf(change("a")), true, nil)
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
