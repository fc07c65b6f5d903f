package report

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// What JUnit and SARIF say of a config beside its changes, --full says as well, and a comment
// and a page have a note of its topic.
func TestNotesTellEveryRemark(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs := []*Run{drawRun(t)}
		if rapid.IntRange(0, 9).Draw(t, "a large one") == 0 {
			runs = append(runs, drawLarge(t))
		}
		for _, r := range runs {
			var full bytes.Buffer
			if err := Text(&full, r, TextOptions{Full: true}); err != nil {
				t.Fatal(err)
			}
			told := map[topic]bool{}
			for _, n := range r.alerts() {
				told[n.topic] = true
			}
			seen := map[topic]bool{}
			r.remarks(func(m remark) {
				if spec := &topics[m.topic]; m.topic == aChange || spec.plan && r.Outcome != nil {
					return
				} else if !spec.bare && !strings.Contains(full.String(), m.config.String()) {
					t.Fatalf("the text has no %q, of which is said: %s\n%s", m.config, m.message, full.String())
				}
				seen[m.topic] = true
			})
			for about := range seen {
				if !told[about] {
					t.Fatalf("nothing is told of topic %d", about)
				}
			}
		}
	})
}

// A person who reads a run of last night sees what was to be written and was not, and why.
func TestPastRunShowsWhatWasNotWritten(t *testing.T) {
	for _, row := range []struct {
		status      reconcile.Status
		head, cause string
	}{
		{reconcile.Applied, "shop 111111111111/eu-west-1: 2 changed", ""},
		{reconcile.Failed, "shop 111111111111/eu-west-1: 2 to change; failed", "AccessDeniedException: not for you"},
		{reconcile.Mismatched, "shop 111111111111/eu-west-1: 2 to change; failed", "AccessDeniedException: not for you"},
		{reconcile.Stale, "shop 111111111111/eu-west-1: 2 to change; stale", "2 changes left alone as stale"},
		{reconcile.NotAttempted, "shop 111111111111/eu-west-1: 2 to change; not attempted", "AccessDeniedException: not for you"},
	} {
		t.Run(row.status.String(), func(t *testing.T) {
			r := part("nightly")
			for _, function := range []string{"billing", "orders"} {
				i := item(function, reconcile.Update, row.status.String())
				if row.cause != "" && row.status != reconcile.Stale {
					i.Failure = &reconcile.CallError{Kind: reconcile.KindDenied, Code: "AccessDeniedException", Message: "not for you"}
				}
				r.Items = append(r.Items, i)
			}
			past := PastRun{Run: history.NewRun(r)}
			var text, comment bytes.Buffer
			if err := RunText(&text, past, TextOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := Markdown(&comment, Past(past)); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{row.head, "billing, orders\n      maximum_retry_attempts: 1 → 0\n", row.cause} {
				if !strings.Contains(text.String(), want) {
					t.Errorf("the text does not say %q:\n%s", want, text.String())
				}
			}
			if want := "billing, orders\n      maximum_retry_attempts: 1 → 0\n"; !strings.Contains(comment.String(), want) || !strings.Contains(comment.String(), row.cause) {
				t.Errorf("the comment does not say %q or %q:\n%s", want, row.cause, comment.String())
			}
		})
	}
}
