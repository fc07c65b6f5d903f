package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// lambdaRuntime is the runtime API of Lambda, as a function's process sees it:
// it hands out invocations one by one and takes their answers.
type lambdaRuntime struct {
	invocations chan invocation
	answers     chan string
	process     *os.Process
	ended       chan error // how the process ended
}

type invocation struct {
	event    string
	deadline time.Duration // from the hand-out
}

func (l *lambdaRuntime) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const base = "/2018-06-01/runtime/"
	path := strings.TrimPrefix(r.URL.Path, base)
	switch {
	case path == "invocation/next":
		select {
		case next := <-l.invocations:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "request-1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(next.deadline).UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:111111111111:function:eventinvoke")
			io.WriteString(w, next.event)
		case <-r.Context().Done():
		}
	case strings.HasSuffix(path, "/response"), strings.HasSuffix(path, "/error"):
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		l.answers <- path[strings.LastIndex(path, "/")+1:] + " " + string(body)
	default:
		http.NotFound(w, r)
	}
}

// startLambda runs the binary as Lambda would, without arguments, in a folder
// with a fleet file.
func startLambda(t *testing.T, fleet string) *lambdaRuntime {
	t.Helper()
	runtime := &lambdaRuntime{invocations: make(chan invocation), answers: make(chan string), ended: make(chan error, 1)}
	server := httptest.NewServer(runtime)
	t.Cleanup(server.Close)
	binary, err := exec.LookPath("eventinvoke")
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(binary)
	process.Dir = t.TempDir()
	process.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"),
		"EVENTINVOKE_APPLY=true", "EVENTINVOKE_QUOTA=200", "EVENTINVOKE_HISTORY=none")
	var log bytes.Buffer
	process.Stdout, process.Stderr = &log, &log
	if err := os.WriteFile(process.Dir+"/fleet.yaml", []byte(fleet), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	runtime.process = process.Process
	over := make(chan struct{})
	go func() {
		runtime.ended <- process.Wait()
		close(over)
	}()
	t.Cleanup(func() {
		process.Process.Kill()
		<-over
		if t.Failed() {
			t.Logf("the function said:\n%s", log.String())
		}
	})
	return runtime
}

// call hands out an event and returns the answer.
func (l *lambdaRuntime) call(t *testing.T, event string, deadline time.Duration) (got answer, ok bool) {
	t.Helper()
	l.invocations <- invocation{event, deadline}
	kind, body, _ := strings.Cut(<-l.answers, " ")
	if kind != "response" {
		t.Logf("the function failed: %s", body)
		var failure struct{ ErrorMessage string }
		_ = json.Unmarshal([]byte(body), &failure)
		if at := strings.Index(failure.ErrorMessage, "; {"); at >= 0 { // the counts
			_ = json.Unmarshal([]byte(failure.ErrorMessage[at+2:]), &got)
		}
		return got, false
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return got, true
}

const lambdaFleet = `
version: 1
guard: { max_changes: 100% }
defaults: { maximum_retry_attempts: 0 }
rules:
  - match: { functions: ["f-*"] }
    set: { maximum_event_age_in_seconds: 60 }
`

// cloudTrail is the event of somebody's call, as EventBridge delivers it.
func cloudTrail(account, function string) string {
	return fmt.Sprintf(`{"source":"aws.lambda","detail-type":"AWS API Call via CloudTrail","account":%q,"region":"eu-west-1","time":"2026-11-22T10:00:00Z",
"detail":{"eventSource":"lambda.amazonaws.com","eventName":"UpdateFunctionEventInvokeConfig","eventID":"e-%s","awsRegion":"eu-west-1","recipientAccountId":%q,"requestParameters":{"functionName":%q}}}`,
		account, function, account, function)
}

func sqsBatch(bodies ...string) string {
	type record struct {
		MessageID   string `json:"messageId"`
		Body        string `json:"body"`
		EventSource string `json:"eventSource"`
	}
	var batch struct{ Records []record }
	for i, b := range bodies {
		batch.Records = append(batch.Records, record{MessageID: fmt.Sprintf("m%d", i), Body: b, EventSource: "aws:sqs"})
	}
	text, _ := json.Marshal(batch)
	return string(text)
}

// TestLambdaEndsWhenItIsTold: SIGTERM ends a process that waits for an invocation, and one
// that is at work once it has answered.
func TestLambdaEndsWhenItIsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent this signal there")
	}
	for _, at := range []string{"while it waits", "at work"} {
		t.Run(at, func(t *testing.T) {
			var process atomic.Pointer[os.Process]
			world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f-%d", Count: 5}), func(r *http.Request) {
				if at == "at work" && strings.HasSuffix(r.URL.Path, "/functions") {
					process.Load().Signal(syscall.SIGTERM)
					time.Sleep(time.Second) // of the call in flight
				}
			})
			function := startLambda(t, lambdaFleet)
			process.Store(function.process)
			if at == "at work" {
				if got, ok := function.call(t, `{}`, time.Minute); ok || got.Complete {
					t.Errorf("it answered %+v", got)
				}
			} else {
				function.call(t, cloudTrail("222222222222", "f-1"), time.Minute) // it has started
				function.process.Signal(syscall.SIGTERM)
			}
			select {
			case err := <-function.ended:
				if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitTerminated {
					t.Errorf("it ended with %v, want %d", err, exitTerminated)
				}
			case <-time.After(20 * time.Second):
				t.Error("it goes on")
			}
			if n := world.Counts().Writes; n != 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

func TestLambda(t *testing.T) {
	world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f-%d", Count: 5}, awssim.Function{Name: "other"}), nil)
	function := startLambda(t, lambdaFleet)

	// A schedule is a pass over everything.
	got, ok := function.call(t, `{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":"{}"}`, time.Minute)
	if !ok || got.Configs != 5 || got.Applied != 5 || got.RunID == "" {
		t.Errorf("a schedule: %+v", got)
	}

	// An event about one function costs one List and one write, rules or not.
	two := 2
	if err := world.SetRecord(account, region, "f-3", "$LATEST", awssim.Record{MaximumRetryAttempts: &two}); err != nil {
		t.Fatal(err)
	}
	world.ResetCounts()
	got, ok = function.call(t, cloudTrail(account, "f-3"), time.Minute)
	if !ok || got.Configs != 1 || got.Applied != 1 {
		t.Errorf("an event: %+v", got)
	}
	if c := world.Counts(); c.ByOperation["ListFunctions"] != 0 || c.ByOperation["ListFunctionEventInvokeConfigs"] != 1 || c.Writes != 1 {
		t.Errorf("an event about one function cost %v", c.ByOperation)
	}

	// A function that no rule chooses is nothing to do, and no failure.
	got, ok = function.call(t, cloudTrail(account, "other"), time.Minute)
	if !ok || got.Configs != 0 || got.Applied != 0 {
		t.Errorf("an event about a function that no rule chooses: %+v", got)
	}
	got, ok = function.call(t, sqsBatch(cloudTrail(account, "other")), time.Minute)
	if !ok || len(got.BatchItemFailures) != 0 {
		t.Errorf("a batch about it: failures %v", got.BatchItemFailures)
	}

	// A batch answers for each message: unreadable ones and those whose function
	// failed come again, the others do not.
	if err := world.SetRecord(account, region, "f-1", "$LATEST", awssim.Record{MaximumRetryAttempts: &two}); err != nil {
		t.Fatal(err)
	}
	if err := world.SetRecord(account, region, "f-2", "$LATEST", awssim.Record{MaximumRetryAttempts: &two}); err != nil {
		t.Fatal(err)
	}
	if err := world.Refuse(account, region, "f-2", "The provided destination config is invalid."); err != nil {
		t.Fatal(err)
	}
	got, ok = function.call(t, sqsBatch(cloudTrail(account, "f-1"), "gibberish", cloudTrail(account, "f-2"), cloudTrail("222222222222", "f-1")), time.Minute)
	if want := []itemFailure{{"m1"}, {"m2"}}; !ok || fmt.Sprint(got.BatchItemFailures) != fmt.Sprint(want) {
		t.Errorf("a batch: failures %v, want %v", got.BatchItemFailures, want)
	}

	// An item of a Step Functions map names a target.
	got, ok = function.call(t, `{"Items":[{"account":"111111111111","region":"eu-west-1"}]}`, time.Minute)
	if !ok || got.Configs != 5 {
		t.Errorf("a map item: %+v", got)
	}

	// With less than the margin left, nothing new is taken, and the answer says so.
	world.ResetCounts()
	got, _ = function.call(t, `{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`, lambdaMargin)
	if got.Stopped == "" || world.Counts().Total > 1 {
		t.Errorf("at the deadline: %+v after %d calls", got, world.Counts().Total)
	}
}
