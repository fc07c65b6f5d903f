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
