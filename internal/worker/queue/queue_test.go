package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/worker"
)

// record is a synthetic CloudTrail record as EventBridge delivers it.
func record(id, function, agent, errorCode string) string {
	return fmt.Sprintf(`{"detail-type": "AWS API Call via CloudTrail", "source": "aws.lambda", "account": "111111111111", "region": "eu-west-1",
		"detail": {"eventSource": "lambda.amazonaws.com", "eventName": "PutFunctionEventInvokeConfig", "eventID": %q, "eventTime": "2026-11-20T10:00:00Z",
		"userAgent": %q, "errorCode": %q, "requestParameters": {"functionName": %q}}}`, id, agent, errorCode, function)
}

// desk is the test's side of a running queue: it gets the wakes and the dispositions.
type desk struct {
	wakes        chan worker.Wake
	dispositions chan string
	fails        chan string
	stop         func() // ends Run and waits for it
	age          func() time.Duration
}

func (d *desk) Message(disposition string) { d.dispositions <- disposition }
func (d *desk) QueueAnswered()             {}

func (d *desk) QueueOpened(age func() time.Duration) { d.age = age }
func (d *desk) QueueFailed(op string)                { d.fails <- op }
func (d *desk) wake(wake worker.Wake)                { d.wakes <- wake }

// silent is the log of a test that reads none.
var silent = slog.New(slog.DiscardHandler)

func open(t *testing.T, url string, visibility time.Duration) *desk {
	t.Helper()
	d := &desk{wakes: make(chan worker.Wake, 100), dispositions: make(chan string, 100), fails: make(chan string, 100)}
	q, err := Open(t.Context(), Options{URL: url, Version: "test", Wake: d.wake, Log: silent, Observer: d, Problem: func(error) {}, Wait: time.Second, Visibility: visibility,
		Foreign: func(o worker.Object) bool { return o.Function == "theirs" }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		q.Run(ctx)
		close(over)
	}()
	d.stop = func() {
		cancel()
		get(t, over, "the end of Run")
	}
	t.Cleanup(cancel)
	return d
}

func get[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	panic("unreachable")
}

func TestMessagesAndTheirDispositions(t *testing.T) {
	client := startMoto(t)
	for i, tt := range []struct {
		why, body   string
		answer      error // of the pass, where one is asked for
		passes      bool
		disposition Disposition
		left        bool // still in the queue afterwards
		visible     bool // and received again at once
	}{
		{why: "a write by somebody", body: record("e1", "orders", "aws-cli", ""), passes: true, disposition: Handled},
		{why: "the same event once more", body: record("e1", "orders", "aws-cli", ""), disposition: Duplicate},
		{why: "our own write", body: record("e2", "orders", "aws-sdk app/eventinvoke-1.0 m/E", ""), disposition: Echo},
		{why: "a refused call", body: record("e3", "orders", "aws-cli", "AccessDenied"), disposition: Unneeded},
		{why: "another service's event", body: `{"detail-type": "x", "source": "aws.ec2"}`, disposition: Unneeded},
		{why: "a schedule", body: `{"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}"}`, passes: true, disposition: Handled},
		{why: "a function of another process", body: record("e5", "theirs", "aws-cli", ""), disposition: Foreign, visible: true},
		{why: "some of ours and some of theirs", body: "[" + record("e6", "ours", "aws-cli", "") + "," + record("e7", "theirs", "aws-cli", "") + "]", passes: true, disposition: Foreign, visible: true},
		{why: "an object that is no fleet file", body: `{"detail-type": "Object Created", "source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": {"key": "k"}}}`, disposition: Unneeded},
		{why: "not an event", body: "hello", disposition: Unreadable, left: true},
		{why: "a pass that failed", body: record("e4", "orders", "aws-cli", ""), passes: true, answer: errors.New("denied"), disposition: Failed, left: true},
	} {
		t.Run(tt.why, func(t *testing.T) {
			queue, _ := makeQueue(t, client, fmt.Sprint("dispositions", i))
			d := open(t, queue, time.Minute)
			if tt.disposition == Duplicate {
				send(t, client, queue, tt.body)
				get(t, d.wakes, "the first delivery").Done(nil)
				get(t, d.dispositions, "its disposition")
			}
			send(t, client, queue, tt.body)
			if tt.passes {
				w := get(t, d.wakes, "a wake")
				if age := d.age(); age <= 0 || age > time.Hour {
					t.Errorf("the oldest message is %s old", age)
				}
				if slices.ContainsFunc(w.Triggers, func(t worker.Trigger) bool { return t.Function == "theirs" }) {
					t.Errorf("%s: woken for another's: %+v", tt.why, w.Triggers)
				}
				w.Done(tt.answer)
			}
			if disposition := get(t, d.dispositions, "a disposition"); disposition != string(tt.disposition) {
				t.Errorf("%s: the disposition is %s, want %s", tt.why, disposition, tt.disposition)
			}
			if tt.visible { // at once, and then after a pause
				if tt.passes {
					get(t, d.wakes, "a second wake").Done(nil)
				}
				if again := get(t, d.dispositions, "the second delivery"); again != string(Foreign) {
					t.Errorf("%s: the second time it is %s", tt.why, again)
				}
			}
			d.stop()
			if len(d.wakes) > 0 || len(d.fails) > 0 {
				t.Errorf("%d wakes and %d failed requests too many", len(d.wakes), len(d.fails))
			}
			if _, inFlight := depth(t, client, queue); (inFlight == "1") != (tt.left || tt.visible) {
				t.Errorf("%s: %s messages are left, want left %v", tt.why, inFlight, tt.left)
			}
		})
	}
}

func TestManyMessagesAreDeletedInBatches(t *testing.T) {
	client := startMoto(t)
	queue, _ := makeQueue(t, client, "many")
	const messages = 25
	// One of them comes twice: the SDK sends again what was not answered in time, and a queue
	// promises no more than that each message comes.
	send(t, client, queue, record("e0", "f0", "aws-cli", ""))
	for i := range messages {
		send(t, client, queue, record(fmt.Sprint("e", i), fmt.Sprint("f", i), "aws-cli", ""))
	}
	d := open(t, queue, time.Minute)
	functions := map[string]bool{}
	var wakes []worker.Wake
	for len(functions) < messages {
		w := get(t, d.wakes, "a wake")
		functions[w.Triggers[0].Function] = true
		wakes = append(wakes, w)
	}
	for _, w := range wakes {
		w.Done(nil)
	}
	go func() { // what comes after that
		for w := range d.wakes {
			w.Done(nil)
		}
	}()
	d.stop()
	close(d.wakes)
	wantEmpty(t, client, queue)
}

func TestAWaitingMessageStaysInvisible(t *testing.T) {
	client := startMoto(t)
	queue, _ := makeQueue(t, client, "renewed")
	send(t, client, queue, record("e1", "orders", "aws-cli", ""))
	d := open(t, queue, time.Second)
	wake := get(t, d.wakes, "a wake")

	// Another reader waits twice as long as the message would stay invisible.
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) > 0 {
		t.Error("another reader got the message while it waited for its pass")
	}
	wake.Done(nil)
	d.stop()
	wantEmpty(t, client, queue)
}

func TestWhatCannotBeReadEndsInTheDeadLetterQueue(t *testing.T) {
	client := startMoto(t)
	queue, dead := makeQueue(t, client, "redriven")
	send(t, client, queue, "hello")
	d := open(t, queue, time.Second)
	get(t, d.dispositions, "the first delivery")
	get(t, d.dispositions, "the second delivery")
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &dead, WaitTimeSeconds: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) != 1 || *out.Messages[0].Body != "hello" {
		t.Errorf("the dead-letter queue gave %d messages, want the unreadable one", len(out.Messages))
	}
	d.stop()
}

func TestWhatWasNotLookedAtIsGivenBack(t *testing.T) {
	client := startMoto(t)
	queue, _ := makeQueue(t, client, "returned")
	send(t, client, queue, record("e1", "orders", "aws-cli", ""))
	send(t, client, queue, record("e2", "bills", "aws-cli", ""))
	d := open(t, queue, time.Hour)
	first, second := get(t, d.wakes, "a wake"), get(t, d.wakes, "another")
	go func() {
		// As the worker does when it stops: what it did, and what it did not.
		first.Done(nil)
		second.Done(worker.ErrStopped)
	}()
	d.stop()
	if visible, inFlight := depth(t, client, queue); visible != "1" || inFlight != "0" {
		t.Errorf("%s messages are visible and %s in flight, want the one that was not looked at to be visible", visible, inFlight)
	}
}

func TestAQueueThatIsNotThereIsReported(t *testing.T) {
	client := startMoto(t)
	queue, _ := makeQueue(t, client, "gone")
	d := open(t, strings.Replace(queue, "gone", "never-made", 1), time.Minute)
	if op := get(t, d.fails, "a failure"); op != "ReceiveMessage" {
		t.Errorf("%s failed, want ReceiveMessage", op)
	}
	d.stop()
}

// The answer that has a message breaks off on its way: nobody has the message, and the queue
// takes it for received until its time is over.
func TestAnAnswerThatBreaksOffLosesNoMessage(t *testing.T) {
	client := startMoto(t)
	queue, _ := makeQueue(t, client, "broken")
	send(t, client, queue, record("e1", "orders", "aws-cli", ""))
	var cut atomic.Int32
	moto, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(moto)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte("ReceiptHandle")) && cut.Add(1) == 1 {
			body = body[:len(body)/2] // the length stays, so that the server breaks the connection
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return err
	}
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	server := httptest.NewUnstartedServer(proxy)
	server.Config.ErrorLog = proxy.ErrorLog
	server.Start()
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	d := open(t, queue, 2*time.Second)
	w := get(t, d.wakes, "a wake")
	w.Done(nil)
	if got := get(t, d.dispositions, "a disposition"); got != string(Handled) || cut.Load() < 2 {
		t.Errorf("%s, after %d answers with a message", got, cut.Load())
	}
	d.stop()
	if visible, inFlight := depth(t, client, queue); visible != "0" || inFlight != "0" {
		t.Errorf("%s messages are visible and %s in flight, want none left", visible, inFlight)
	}
}

func TestOpenWantsAQueueURL(t *testing.T) {
	wake := func(worker.Wake) {}
	for _, tt := range []struct{ why, url, region, err string }{
		{"AWS's own, its region wins", "https://sqs.eu-central-1.amazonaws.com/111111111111/changes", "", ""},
		{"another partition", "https://sqs.cn-north-1.amazonaws.com.cn/111111111111/changes", "", ""},
		{"a private endpoint", "http://localhost:4566/111111111111/changes", "eu-west-1", ""},
		{"a private endpoint without a region", "http://localhost:4566/111111111111/changes", "", "set AWS_REGION"},
		{"a name", "changes", "eu-west-1", "not the URL of a queue"},
		{"an ARN", "arn:aws:sqs:eu-west-1:111111111111:changes", "eu-west-1", "not the URL of a queue"},
		{"no queue", "https://sqs.eu-west-1.amazonaws.com/", "", "not the URL of a queue"},
	} {
		t.Setenv("AWS_REGION", tt.region)
		t.Setenv("AWS_CONFIG_FILE", os.DevNull)
		_, err := Open(t.Context(), Options{URL: tt.url, Wake: wake, Observer: &failures{}})
		if (tt.err == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: error %v, want %q", tt.why, err, tt.err)
		}
	}
	regions := map[string]string{}
	for _, u := range []string{"https://sqs.eu-central-1.amazonaws.com/1/a", "https://sqs.cn-north-1.amazonaws.com.cn/1/a", "https://sqs-fips.us-east-1.amazonaws.com/1/a", "http://localhost/1/a"} {
		regions[u], _ = regionOf(u)
	}
	want := map[string]string{"https://sqs.eu-central-1.amazonaws.com/1/a": "eu-central-1", "https://sqs.cn-north-1.amazonaws.com.cn/1/a": "cn-north-1",
		"https://sqs-fips.us-east-1.amazonaws.com/1/a": "us-east-1", "http://localhost/1/a": ""}
	if diff := cmp.Diff(want, regions); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
}

func TestIdentify(t *testing.T) {
	type queue struct{ Region, Account, Name string }
	for _, tt := range []struct {
		why, url string
		want     queue
		err      string
	}{
		{"AWS's own", "https://sqs.eu-central-1.amazonaws.com/111111111111/changes", queue{"eu-central-1", "111111111111", "changes"}, ""},
		{"another partition", "https://sqs.cn-north-1.amazonaws.com.cn/111111111111/changes", queue{"cn-north-1", "111111111111", "changes"}, ""},
		{"FIFO", "https://sqs.eu-central-1.amazonaws.com/111111111111/changes.fifo", queue{"eu-central-1", "111111111111", "changes.fifo"}, ""},
		{"a private endpoint says no region", "http://localhost:4566/111111111111/changes", queue{}, "does not say which queue"},
		{"a name alone says no account", "https://sqs.eu-central-1.amazonaws.com/changes", queue{}, "does not say which queue"},
		{"a wildcard is no name", "https://sqs.eu-central-1.amazonaws.com/111111111111/*", queue{}, "does not say which queue"},
		{"no URL", "changes", queue{}, "not the URL of a queue"},
	} {
		var got queue
		var err error
		got.Region, got.Account, got.Name, err = Identify(tt.url)
		if got != tt.want || (tt.err == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: %+v, %v, want %+v, %q", tt.why, got, err, tt.want, tt.err)
		}
	}
}

func TestSeenIsBounded(t *testing.T) {
	s := newDedup(2)
	hint := func(id string) []events.Hint { return []events.Hint{{EventID: id}} }
	for _, id := range []string{"a", "b", "b", "c", ""} {
		s.add(hint(id))
	}
	for id, want := range map[string]bool{"a": false, "b": true, "c": true, "": false} {
		if got := s.all(hint(id)); got != want {
			t.Errorf("event %q dedup: %v, want %v", id, got, want)
		}
	}
	message := slices.Concat(hint(""), hint("c"), hint("new"))
	if s.all(append(hint("b"), hint("new")...)) {
		t.Error("a message with a new event counts as dedup")
	}
	if s.add(message); !s.all(hint("new")) {
		t.Error("what comes after an event that was handled, or has no id, is not remembered")
	}
	if s.all(nil) || len(s.ids) != 2 {
		t.Errorf("nothing counts as dedup, or %d ids are kept", len(s.ids))
	}
}

// TestRequestsHaveALimit: a queue that takes a request and never answers is given
// up, and one that is asked to wait for messages is not given up before its time.
func TestRequestsHaveALimit(t *testing.T) {
	q, err := Open(t.Context(), Options{URL: "https://sqs.eu-west-1.amazonaws.com/111111111111/q", Wake: func(worker.Wake) {}, Observer: &failures{}})
	if err != nil {
		t.Fatal(err)
	}
	client, ok := q.client.Options().HTTPClient.(interface{ GetTimeout() time.Duration })
	if !ok || client.GetTimeout() <= q.o.Wait || client.GetTimeout() > time.Minute {
		t.Errorf("a %T, with the limit %v for a wait of %v", q.client.Options().HTTPClient, client.GetTimeout(), q.o.Wait)
	}
	if attempts := q.client.Options().Retryer.MaxAttempts(); attempts < 2 || attempts > 5 {
		t.Errorf("%d attempts", attempts)
	}
}

// TestNoPasswordOfTheQueue: the URL is named without what is secret in it, also
// where it is refused.
func TestNoPasswordOfTheQueue(t *testing.T) {
	for _, url := range []string{"https://jane:geheim@sqs.eu-west-1.amazonaws.com", "https://jane:gehe im@host/1/q", "jane:geheim@host", "sqs://jane:geheim@host/q"} {
		_, err := Open(t.Context(), Options{URL: url, Wake: func(worker.Wake) {}, Observer: &failures{}})
		_, _, _, named := Identify(url)
		if err == nil || strings.Contains(err.Error(), "gehe") || strings.Contains(named.Error(), "gehe") {
			t.Errorf("%s: %v; %v", url, err, named)
		}
	}
}

// roundTrip is SQS as a function, for bubbles.
type roundTrip func(operation string) (status int, body string)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	status, body := f(operation)
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}, nil
}

func inBubble(o Options, answer roundTrip) *Queue {
	o.URL, o.Wake, o.Log = "https://sqs.eu-west-1.amazonaws.com/111111111111/q", func(worker.Wake) {}, silent
	q, err := Open(context.Background(), o)
	if err != nil {
		panic(err)
	}
	q.client = sqs.New(sqs.Options{Region: "eu-west-1", HTTPClient: answer, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		})})
	return q
}

// A queue that does not answer is a problem after some seconds, until it answers.
func TestADeadQueueIsAProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, calls := time.Now(), 0
		var told []string
		q := inBubble(Options{Observer: &failures{}, Problem: func(err error) { told = append(told, fmt.Sprint(time.Since(began) > 3*time.Second, " ", err != nil)) }}, func(string) (int, string) {
			if calls++; calls <= 5 {
				return 400, `{"__type": "com.amazonaws.sqs#QueueDoesNotExist"}`
			}
			time.Sleep(20 * time.Second)
			return 200, `{}`
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		q.Run(ctx)
		if want := []string{"true true", "true true", "true false"}; !slices.Equal(slices.Compact(told), slices.Compact(want)) {
			t.Errorf("told %q (late, a problem), want %q", told, want)
		}
	})
}

// failures is an Observer that counts them alone.
type failures struct{ n int }

func (*failures) QueueOpened(func() time.Duration) {}
func (*failures) Message(string)                   {}
func (*failures) QueueAnswered()                   {}

func (f *failures) QueueFailed(string) { f.n++ }

// A message may be deleted while its renewal is on the way. One that still waits and
// cannot be renewed is another matter.
func TestARenewalThatComesTooLateIsNoFailure(t *testing.T) {
	for waits, want := range map[bool]int{false: 0, true: 1} {
		f := &failures{}
		r := receipt{id: "m", handle: "h"}
		q := inBubble(Options{Observer: f}, func(string) (int, string) {
			return 200, `{"Successful": [], "Failed": [{"Id": "0", "Code": "InvalidParameterValue", "SenderFault": true, "Message": "not available"}]}`
		})
		if waits {
			q.inflight.add(r, time.Now())
		}
		q.setVisibility(t.Context(), []receipt{r}, func(receipt) time.Duration { return time.Minute })
		if f.n != want {
			t.Errorf("a message that waits %v: %d failures, want %d", waits, f.n, want)
		}
	}
}

func TestWhatIsGivenBackIsNotPassedAroundWithoutAPause(t *testing.T) {
	for receives, want := range map[int]time.Duration{0: 0, 1: 0, 2: 10 * time.Second, 5: 40 * time.Second, 1000: 10 * time.Minute} {
		if got := afterGivingBack(receipt{receives: receives}); got != want {
			t.Errorf("received %d times: %s, want %s", receives, got, want)
		}
	}
}
