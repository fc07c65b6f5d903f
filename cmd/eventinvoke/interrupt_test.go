package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// A run that is told to stop says so and ends with the code of its signal, whatever
// it was waiting for: also while its credentials are checked, before its first call
// to Lambda.
func TestInterruptedWhereverItIs(t *testing.T) {
	path := write(t, "version: 1\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	for _, row := range []struct {
		why    string
		at     func(*http.Request) bool
		signal os.Signal
		code   int
	}{
		{"while credentials are checked", func(r *http.Request) bool { return r.URL.Host == "" || strings.HasPrefix(r.URL.Host, "sts.") }, os.Interrupt, exitInterrupted},
		{"while functions are listed", func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/functions") }, syscall.SIGTERM, exitTerminated},
		{"while records are read, and the terminal goes away", func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/event-invoke-config/list") }, syscall.SIGHUP, exitHangup},
	} {
		for _, format := range []string{"text", "json", "plan --out"} {
			synctest.Test(t, func(t *testing.T) {
				world, err := awssim.New(awssim.Fleet(account, region, awssim.Function{Name: "f-%02d", Count: 30}))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				met := false
				aws := &between{World: world, before: func(r *http.Request) {
					if !met && row.at(r) {
						met = true
						cancel(interrupt{row.signal})
					}
				}}
				var out bytes.Buffer
				a := &app{streams: streams{in: strings.NewReader(""), out: &out, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
				if format == "plan --out" {
					file := filepath.Join(t.TempDir(), "plan.json")
					err = a.plan(ctx, []string{path}, &readOptions{simulate: "world", simulator: aws, outputOptions: outputOptions{format: "text", color: "never", quiet: true}}, false, file)
					if code, _ := codeOf(err); code != row.code {
						t.Errorf("plan --out, %s: exit code %d, want %d (%v)", row.why, code, row.code, err)
					}
					if _, err := os.Stat(file); err == nil {
						t.Errorf("plan --out, %s: a part of the plan was saved", row.why)
					}
					return
				}
				err = a.audit(ctx, []string{path}, &readOptions{simulate: "world", simulator: aws, outputOptions: outputOptions{format: format, color: "never", quiet: true}})
				code, shown := codeOf(err)
				if !met || code != row.code {
					t.Errorf("%s: exit code %d, want %d (%v)", row.why, code, row.code, err)
				}
				if said := out.String(); shown {
					said += err.Error()
					if !strings.Contains(said, interrupt{row.signal}.Error()) || strings.Contains(said, "operation error") || strings.Contains(said, "context canceled") {
						t.Errorf("%s: it says %s", row.why, said)
					}
				}
				if format == "json" && !strings.Contains(out.String(), interrupt{row.signal}.Error()) {
					t.Errorf("%s: the report does not say why: %s", row.why, out.String())
				}
			})
		}
	}
}

// waiting is a world before which a request may wait.
type waiting struct {
	*awssim.World
	before func(*http.Request)
}

func (w waiting) Do(r *http.Request) (*http.Response, error) {
	w.before(r)
	return w.World.Do(r)
}

// A verb that only reads, and is kept from reading anything, says what kept it, and nothing of
// what is there: neither that AWS holds nothing, nor that what it holds is as declared.
func TestNothingWasRead(t *testing.T) {
	path := write(t, "version: 1\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	verbs := map[string]func(*app, context.Context, *readOptions) error{
		"export":       func(a *app, ctx context.Context, o *readOptions) error { return a.export(ctx, nil, o) },
		"adopt":        func(a *app, ctx context.Context, o *readOptions) error { return a.adopt(ctx, []string{path}, o, false) },
		"adopt --diff": func(a *app, ctx context.Context, o *readOptions) error { return a.adopt(ctx, []string{path}, o, true) },
		"explain --live": func(a *app, ctx context.Context, o *readOptions) error {
			return a.explainKey(ctx, "f-07", []string{path}, &explainOptions{readOptions: *o, live: true})
		},
	}
	for verb, run := range verbs {
		for _, row := range []struct {
			why     string
			signal  os.Signal
			timeout time.Duration
			deny    []string
			code    int
			says    string
		}{
			{"a signal", os.Interrupt, 0, nil, exitInterrupted, "interrupted"},
			{"the time", nil, 5 * time.Second, nil, exitPartial, "the --timeout passed"},
			{"denied", nil, 0, []string{"lambda:ListFunctionEventInvokeConfigs"}, exitError, "AccessDenied"},
		} {
			synctest.Test(t, func(t *testing.T) {
				scenario := awssim.Fleet(account, region, awssim.Function{Name: "f-%02d", Count: 30})
				scenario.Accounts[0].Deny = row.deny
				world, err := awssim.New(scenario)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				aws := waiting{world, func(r *http.Request) {
					if !strings.HasSuffix(r.URL.Path, "/event-invoke-config/list") || row.deny != nil {
						return
					}
					if row.signal != nil {
						cancel(interrupt{row.signal})
					}
					time.Sleep(2 * row.timeout)
				}}
				var out, log bytes.Buffer
				a := &app{ctx: ctx, streams: streams{in: strings.NewReader(""), out: &out, err: &log}, log: slog.New(slog.DiscardHandler)}
				err = run(a, ctx, &readOptions{simulate: "world", simulator: aws, paceOptions: paceOptions{timeout: row.timeout}, outputOptions: outputOptions{format: "text", color: "never", quiet: true}})
				code, _ := codeOf(err)
				if said := out.String() + errorText(err); code != row.code || !strings.Contains(said, row.says) || strings.Contains(said, "no record") || strings.Contains(said, "Nothing to adopt") {
					t.Errorf("%s, %s: exit code %d, want %d; it says: %s", verb, row.why, code, row.code, said)
				}
			})
		}
	}
}
