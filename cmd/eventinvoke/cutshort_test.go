package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// unanswered is a simulated AWS in which nobody but Lambda answers.
type unanswered struct {
	*awssim.World
	asked func()
}

func (u unanswered) Do(r *http.Request) (*http.Response, error) {
	if host := r.URL.Host; strings.HasPrefix(host, "sqs.") || strings.HasPrefix(host, "cloudtrail.") {
		u.asked()
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return u.World.Do(r)
}

// A run that ends while it asks others says why it ended, and that what they were asked is not
// known for that reason. Where only they take too long it ends as if they had not been asked.
func TestTheEndWhileOthersAreAsked(t *testing.T) {
	path := write(t, "version: 1\ndefaults: { on_failure: \"arn:aws:sqs:eu-west-1:111111111111:dlq\" }\nrules: [{ match: { functions: [\"f-*\"] }, set: { maximum_retry_attempts: 0 } }]\n")
	for _, row := range []struct {
		why        string
		signal     os.Signal
		timeout    time.Duration
		code       int
		says       string // where people look first; "" is nothing
		who, where string // why that is not known
	}{
		{"a signal", os.Interrupt, 0, exitInterrupted, "! stopped: interrupted", "interrupted", "interrupted"},
		{"the run's own time", nil, 5 * time.Second, exitDifferences, "! stopped: the --timeout passed", "the time limit of the run passed", "the time limit of the run passed"},
		{"slow services", nil, 0, exitDifferences, "", "CloudTrail took longer than the time that was set aside for it", "the time for it was over"},
	} {
		for _, format := range []string{"text", "json"} {
			synctest.Test(t, func(t *testing.T) {
				world, err := awssim.New(awssim.Fleet(account, region, awssim.Function{Name: "f-%02d", Count: 30, Records: map[string]awssim.Record{"$LATEST": {By: "user/ops"}}}))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				aws := unanswered{world, func() {
					if row.signal != nil {
						cancel(interrupt{row.signal})
					}
				}}
				var out bytes.Buffer
				a := &app{ctx: t.Context(), streams: streams{in: strings.NewReader(""), out: &out, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
				err = a.audit(ctx, []string{path}, &readOptions{simulate: "world", simulator: aws, insights: "auto", paceOptions: paceOptions{timeout: row.timeout}, outputOptions: outputOptions{format: format, color: "never", quiet: true}})
				code, shown := codeOf(err)
				time.Sleep(time.Minute) // for what was under way
				if code != row.code || shown != (format == "json" && row.says != "") {
					t.Errorf("%s, %s: exit code %d, want %d, and on standard error: %v", row.why, format, code, row.code, err)
				}
				if shown && err.Error() != strings.TrimPrefix(row.says, "! stopped: ") {
					t.Errorf("%s, %s: it ends with: %v", row.why, format, err)
				}
				said := strings.Join(strings.Fields(out.String()), " ")
				parts := []string{row.says, "Not known: who changed what differs of 111111111111/eu-west-1: " + row.who, "Not known: whether 1 destination exists of 111111111111/eu-west-1: " + row.where}
				if format == "json" {
					parts = []string{`"what":"who changed what differs","label":"","target":"111111111111/eu-west-1"`, `"message":"` + row.who + `"`, `"message":"` + row.where + `"`, `"configs":30,"reached":null,"error":`}
				}
				for _, part := range parts {
					if !strings.Contains(said, part) {
						t.Errorf("%s, %s: it does not say %q: %.2000s", row.why, format, part, said)
					}
				}
			})
		}
	}
}
