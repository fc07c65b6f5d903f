package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// patience is how long a test waits for what must happen. It only passes when
// something is broken.
const patience = time.Minute

// logLines is a log that a test can wait on, line by line.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) {
	l <- string(p) // slog writes a line at a time
	return len(p), nil
}

// until skips lines up to one that contains every part.
func (l logLines) until(t *testing.T, parts ...string) string {
	t.Helper()
	var skipped strings.Builder
	for {
		select {
		case line := <-l:
			missing := false
			for _, p := range parts {
				missing = missing || !strings.Contains(line, p)
			}
			if !missing {
				return line
			}
			skipped.WriteString(line)
		case <-time.After(patience):
			t.Fatalf("the worker did not say %q but\n%s", parts, skipped.String())
		}
	}
}

// serving is a worker in this process, with everything that wakes it.
type serving struct {
	log     logLines
	address string
	over    chan error
}

// startServing runs the verb. Passes over everything may follow one another at
// once, so that the test waits for none.
func startServing(t *testing.T, ctx context.Context, fleet string, change func(*serveOptions)) *serving {
	t.Helper()
	s := &serving{log: make(logLines, 10_000), over: make(chan error, 1)}
	a := &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, log: slog.New(slog.NewTextHandler(s.log, nil))}
	o := &serveOptions{every: time.Hour, listen: "127.0.0.1:0", settle: time.Millisecond, gap: time.Nanosecond}
	o.quota = 500
	change(o)
	go func() { s.over <- a.serve(ctx, []string{fleet}, o) }()
	listening := s.log.until(t, "msg=listening")
	s.address = regexp.MustCompile(`http://[0-9.:]+`).FindString(listening)
	return s
}

// ask sends a request with headers NAME=VALUE.
func (s *serving) ask(t *testing.T, method, path string, headers ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, "=")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// replace puts a file in the place of another, whole, as editors and
// deployments do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	beside := filepath.Join(filepath.Dir(path), ".new")
	if err := os.WriteFile(beside, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(beside, path); err != nil {
		t.Fatal(err)
	}
}

// TestServeObserves wakes a worker in every way that needs no queue. It follows
// the fleet files, keeps the last good ones, says so, and writes nothing.
func TestServeObserves(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send itself these signals there")
	}
	world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f-%d", Count: 5}), nil)
	const (
		one    = "version: 1\nfunctions:\n  - { name: f-0, maximum_retry_attempts: 0 }\n"
		two    = one + "  - { name: f-1, maximum_retry_attempts: 0 }\n"
		broken = two + "  - { name: f-2, maximum_retry_attempts: 7 }\n"
	)
	fleet := write(t, one)
	ctx := signalContext()
	s := startServing(t, ctx, fleet, func(o *serveOptions) { o.token = "secret-of-the-test" })

	pass := func(cause string, keys int) {
		t.Helper()
		s.log.until(t, `msg="pass is over"`, "causes=["+cause+"]", "everything=true", fmt.Sprintf("configs=%d ", keys), fmt.Sprintf("drifted=%d ", keys))
	}
	ready := func(want int, says string) {
		t.Helper()
		if status, body := s.ask(t, "GET", "/readyz"); status != want || !strings.Contains(body, says) {
			t.Errorf("/readyz answers %d %q, want %d and %q", status, body, want, says)
		}
	}
	pass("start", 1)
	ready(http.StatusOK, "ready")
	replace(t, fleet, two)
	pass("files", 2)
	ready(http.StatusOK, "ready")

	replace(t, fleet, broken)
	pass("files", 2) // the last good ones
	ready(http.StatusServiceUnavailable, "fleet.yaml:5")
	if status, body := s.ask(t, "GET", "/metrics"); status != http.StatusOK || !strings.Contains(body, "eventinvoke_fleet_files_broken 1") {
		t.Errorf("/metrics answers %d and does not say that the files are broken", status)
	}
	if status, _ := s.ask(t, "GET", "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz answers %d: a restart mends no file", status)
	}
	replace(t, fleet, one)
	pass("files", 1)
	ready(http.StatusOK, "ready")

	signalSelf(t, syscall.SIGHUP)
	pass("signal", 1)

	for _, row := range []struct {
		why     string
		headers []string
		status  int
	}{
		{"through a proxy without the token", []string{"X-Forwarded-For=10.0.0.1"}, http.StatusUnauthorized},
		{"a wrong token", []string{"Authorization=Bearer guess"}, http.StatusUnauthorized},
		{"through a proxy with the token", []string{"X-Forwarded-For=10.0.0.1", "Authorization=Bearer secret-of-the-test"}, http.StatusAccepted},
		{"a program on this machine", nil, http.StatusAccepted},
	} {
		if status, body := s.ask(t, "POST", "/reconcile", row.headers...); status != row.status {
			t.Errorf("%s: %d %s, want %d", row.why, status, body, row.status)
		}
		if row.status == http.StatusAccepted {
			pass("request", 1)
		}
	}

	signalSelf(t, syscall.SIGTERM)
	if code, _ := codeOf(<-s.over); code != exitTerminated {
		t.Errorf("it ended with %d, want %d", code, exitTerminated)
	}
	if n := world.Counts().Writes; n != 0 {
		t.Errorf("a worker that observes sent %d writes", n)
	}
}

// TestServeEndsInOrder: SIGTERM comes in the middle of the writes. Those in
// flight are finished, no other is begun, the record of the run says so, and no
// lease is left.
func TestServeEndsInOrder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send itself these signals there")
	}
	const functions = 60
	ctx := signalContext()
	writes := make(chan struct{}, functions)
	world := serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f-%02d", Count: functions}), func(r *http.Request) {
		if r.Method != http.MethodPut {
			return
		}
		if writes <- struct{}{}; len(writes) == 5 {
			signalSelf(t, syscall.SIGTERM)
			<-ctx.Done()
		}
	})
	place := t.TempDir()
	s := startServing(t, ctx, write(t, "version: 1\nguard: { max_changes: 100% }\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n"), func(o *serveOptions) {
		o.apply, o.location = true, place
	})
	if code, _ := codeOf(<-s.over); code != exitTerminated {
		t.Errorf("it ended with %d, want %d", code, exitTerminated)
	}
	if _, err := http.Get(s.address + "/healthz"); err == nil {
		t.Error("it still answers")
	}
	code, run := historyOf(t, "latest", place)
	if run.State != "interrupted" || code != exitPartial {
		t.Errorf("history says %s and exits with %d, want interrupted and %d", run.State, code, exitPartial)
	}
	if applied := world.Counts().Applied; run.Applied != applied || applied < 5 || applied == functions || run.Applied+run.Left != functions || run.Failed != 0 {
		t.Errorf("history says %d applied, %d left, %d failed; the world saw %d of %d", run.Applied, run.Left, run.Failed, applied, functions)
	}
	if left, err := filepath.Glob(filepath.Join(place, "leases", "*", "*")); err != nil || len(left) != 0 {
		t.Errorf("leases are left: %v %v", left, err)
	}
}

// A flag that was given beats the variable of one that it excludes, and two variables
// that exclude each other are an error.
func TestAFlagBeatsTheVariableOfItsAlternative(t *testing.T) {
	for _, row := range []struct {
		args []string
		env  map[string]string
		want string // the timetable; "" for an error
	}{
		{[]string{"--every", "10m"}, map[string]string{"EVENTINVOKE_CRON": "0 0 13 * 5"}, "every 10m"},
		{[]string{"--cron", "@hourly"}, map[string]string{"EVENTINVOKE_EVERY": "10m"}, "cron @hourly"},
		{nil, map[string]string{"EVENTINVOKE_CRON": "@hourly"}, "cron @hourly"},
		{nil, map[string]string{"EVENTINVOKE_CRON": "@hourly", "EVENTINVOKE_EVERY": "10m"}, ""},
	} {
		var o serveOptions
		cmd := &cobra.Command{}
		o.bind(cmd)
		cmd.MarkFlagsMutuallyExclusive("every", "cron")
		err := cmd.ParseFlags(row.args)
		if err == nil {
			err = fromEnvironment(cmd.Flags(), func(name string) (string, bool) { v, ok := row.env[name]; return v, ok })
		}
		if err == nil {
			err = cmd.ValidateFlagGroups()
		}
		got, _ := o.timetable()
		if (err != nil) != (row.want == "") || err == nil && got.String() != row.want {
			t.Errorf("%q with %v: %q, %v; want %q", row.args, row.env, got.String(), err, row.want)
		}
	}
}

// A worker starts where the place of its history is not there for now: what a pass needs of it, the
// pass tells. Only what was told to receivers is read before the first pass.
func TestServeStartsWithoutItsHistory(t *testing.T) {
	world, err := awssim.New(awssim.Fleet(account, region, awssim.Function{Name: "f-%d", Count: 5}))
	if err != nil {
		t.Fatal(err)
	}
	fleet, history := write(t, "version: 1\nfunctions: [{ name: f-0, maximum_retry_attempts: 1 }]\n"), write(t, "a file")
	for _, row := range []struct {
		why       string
		receivers []string
		starts    bool
	}{
		{"nobody is told", nil, true},
		{"what was told cannot be known", []string{"http://127.0.0.1:1/hook"}, false},
	} {
		a := &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
		o := &serveOptions{every: time.Hour, listen: defaultListen, settle: worker.DefaultSettle}
		o.simulate, o.simulator, o.location, o.notify.receivers = "world", world, history, row.receivers
		s, err := a.newServer([]string{fleet}, o)
		if (err == nil) != row.starts {
			t.Errorf("%s: %v", row.why, err)
		}
		if s != nil {
			s.close()
		}
	}
}

// The log of a pass has each failure once: a function's in a line of its own, a target's in
// the line with which the worker closes the pass.
func TestAFailureIsLoggedOnce(t *testing.T) {
	here, there := desired.Target{Account: "111111111111", Region: "eu-west-1"}, desired.Target{Account: "111111111111", Region: "us-east-1"}
	function := errors.New("ListFunctionEventInvokeConfigs 111111111111/eu-west-1/orders: AccessDeniedException")
	for _, target := range []error{errors.New("too many calls failed"), errors.New("AssumeRole 111111111111/us-east-1: AccessDenied")} {
		plan := &reconcile.Plan{Targets: []reconcile.TargetPlan{
			{Target: here, Findings: []reconcile.Finding{{Name: desired.Name{Function: "orders", Qualifier: desired.Latest}, Kind: reconcile.FindingUnreadable, Err: function}}},
			{Target: there, Stopped: target},
		}}
		result := worker.Result{Plan: plan}
		closing := result.Completed()
		if closing == nil || !strings.Contains(closing.Error(), target.Error()) {
			t.Fatalf("the worker closes the pass with %v", closing)
		}
		var log bytes.Buffer
		s := &server{app: &app{log: slog.New(slog.NewTextHandler(&log, nil))}}
		s.logFailures("r", failuresIn(plan), &result)
		if text := log.String(); strings.Count(text, "orders") != 1 || strings.Contains(text, target.Error()) {
			t.Errorf("beside %q the log has\n%s", closing, text)
		}
	}
}

// failuresIn is the error of a run with such a plan.
func failuresIn(plan *reconcile.Plan) error {
	var all *multierror.Error
	for _, f := range reconcile.Failures(plan, nil) {
		all = multierror.Append(all, f)
	}
	return all
}

// Targets that share a cause are one line, with which the worker closes the pass, and take
// none of the lines that functions have.
func TestTargetsWithOneCauseAreLoggedOnce(t *testing.T) {
	plan := &reconcile.Plan{}
	for i := range 30 {
		target := desired.Target{Account: fmt.Sprintf("%012d", i+1), Region: "eu-west-1"}
		plan.Targets = append(plan.Targets, reconcile.TargetPlan{Target: target, Stopped: errors.New("too many calls failed")})
	}
	failures := failuresIn(plan)
	for i := range maxLogged + 2 {
		failures = multierror.Append(failures, fmt.Errorf("function-%d failed", i))
	}
	var log bytes.Buffer
	s := &server{app: &app{log: slog.New(slog.NewTextHandler(&log, nil))}}
	s.logFailures("r", failures, &worker.Result{Plan: plan})
	if text := log.String(); strings.Count(text, "function-") != maxLogged || strings.Contains(text, "too many calls") || !strings.Contains(text, "count=2") {
		t.Errorf("the log has\n%s", text)
	}
}
