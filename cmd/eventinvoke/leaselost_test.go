package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/history"
)

// A run that lost its lease says so, why, and what to do, wherever somebody looks: in its report,
// in the line on standard error beside one that is for a program or in a file, also as far as a
// terminal has room, and in what is told of it later.
func TestALostLeaseIsToldEverywhere(t *testing.T) {
	path := write(t, "version: 1\nguard: { max_changes: 100% }\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	for _, row := range []struct {
		why   string
		spoil func(lease string) error
		says  string
	}{
		{"deleted by hand", os.Remove, "somebody deleted it"},
		{"taken over by another run", func(lease string) error {
			return os.WriteFile(lease, []byte(`{"format_version": 1, "owner": {"run_id": "other", "host": "ci-9", "pid": 12}, "nonce": "x", "expires": "2100-01-01T00:00:00Z"}`), 0o600)
		}, "run other (pid 12 on ci-9) took it over"},
	} {
		for _, format := range []string{"text", "text in a file", "json", "ndjson", "markdown", "github", "junit", "sarif", "html"} {
			synctest.Test(t, func(t *testing.T) {
				// Too many to be written before the lease is renewed, at this rate.
				world, err := awssim.New(awssim.Fleet(account, region, awssim.Function{Name: "f-%03d", Count: 150}))
				if err != nil {
					t.Fatal(err)
				}
				place, spoilt := t.TempDir(), false
				aws := &between{World: world, before: func(r *http.Request) {
					if r.Method != http.MethodPut || spoilt {
						return
					}
					spoilt = true
					if err := row.spoil(filepath.Join(place, "leases", account, region+".json")); err != nil {
						t.Error(err)
					}
				}}
				var out bytes.Buffer
				a := &app{ctx: t.Context(), streams: streams{in: strings.NewReader(""), out: &out, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
				o := &writeOptions{yes: true, historyOptions: historyOptions{location: place}, readOptions: readOptions{
					simulate: "world", simulator: aws, paceOptions: paceOptions{quota: 5}, outputOptions: outputOptions{format: format, color: "never", quiet: true}}}
				if name, file := strings.CutSuffix(format, " in a file"); file {
					o.format, o.file = name, filepath.Join(t.TempDir(), "report.txt")
				}
				err = a.apply(t.Context(), []string{path}, o)
				code, shown := codeOf(err)
				if code != exitPartial || shown == (format == "text") {
					t.Errorf("%s, %s: exit code %d, and a line on standard error: %v", row.why, format, code, shown)
				}
				why := "lost the lease on 111111111111/eu-west-1, so nothing more is written there: " + row.says + "; run again to finish"
				if shown && !regexp.MustCompile(`^(\d+ failures; the first: )?`+regexp.QuoteMeta(why)+`$`).MatchString(err.Error()) {
					t.Errorf("%s, %s: it ends with: %v", row.why, format, err)
				}
				report := out.Bytes()
				if o.file != "" {
					if report, err = os.ReadFile(o.file); err != nil {
						t.Fatal(err)
					}
				}
				if said := strings.Join(strings.Fields(string(report)), " "); !strings.Contains(said, why) {
					t.Errorf("%s, %s: the report does not say %q: %.3000s", row.why, format, why, said)
				}
				past, err := history.Open(t.Context(), place)
				if err != nil {
					t.Fatal(err)
				}
				runs, err := past.List(t.Context(), history.ListOptions{})
				if err != nil || len(runs) != 1 || !strings.Contains(runs[0].Attempts[0].Stopped, "lease on 111111111111/eu-west-1 was lost") {
					t.Errorf("%s, %s: the history has %+v (%v)", row.why, format, runs, err)
				}
			})
		}
	}
}

// What a terminal has room for tells what was lost.
func TestALostLeaseIsToldInARow(t *testing.T) {
	lost := &history.LostError{Subject: "111111111111/eu-west-1", Err: io.EOF}
	if got, want := closingIn(80-len(errorPrefix), []error{lost, lost}).Error(), "2 failures; the first: lost the lease on 111111111111/eu-west-1,..."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}
