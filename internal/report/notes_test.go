package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// What JUnit and SARIF say of a config beside its changes, --full says as well, and a comment
// and a page have a note of its topic.
func TestNotesTellEveryRemark(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs := []*Run{drawRun(t)}
		if r := drawLarge(t); r.Plan.Counts().Changes() < 100 { // the others have no other topics, and take long
			runs = append(runs, r)
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
					i.Failure = &callerr.Error{Kind: callerr.Denied, Code: "AccessDeniedException", Message: "not for you"}
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

// Places are told from the folder that the fleet files share, which the first line names. A path
// that the reader can follow from where he is stays as it is.
func TestLongPathsAreToldOnce(t *testing.T) {
	for _, row := range []struct {
		files      []string
		head, says string
		unlike     string
	}{
		{[]string{"fleet.yaml"}, "(fleet.yaml)", "# fleet.yaml:14 rules[0]", "# /"},
		{[]string{"../deploy/fleet.yaml"}, "(../deploy/fleet.yaml)", "# ../deploy/fleet.yaml:14 rules[0]", "# fleet.yaml:14"},
		{[]string{"/srv/infra/fleets/fleet.yaml"}, "(/srv/infra/fleets/fleet.yaml)", "# fleet.yaml:14 rules[0]", "# /srv"},
		{[]string{"/srv/infra/fleets/prod/fleet.yaml", "/srv/infra/fleets/prod-eu/a.yaml"}, "(2 files in /srv/infra/fleets/)", "# prod/fleet.yaml:14 rules[0]", "# /srv"},
		{[]string{"s3://fleets/prod/fleet.yaml", "s3://fleets/prod/more.yaml"}, "(2 files in s3://fleets/prod/)", "# fleet.yaml:14 rules[0]", "# s3"},
		{[]string{"/srv/fleet.yaml", "more.yaml"}, "(2 files)", "# /srv/fleet.yaml:14 rules[0]", "# fleet.yaml:14"},
	} {
		f := orders(t)
		r := newRun("plan", f, inAWS(f, drifted))
		r.Fleet.Files = row.files
		for i := range r.Plan.Targets[0].Changes {
			at := r.Plan.Targets[0].Changes[i].Origins
			at.Entry.File = row.files[0]
			for j := range at.Settings {
				at.Settings[j].File = row.files[0]
			}
		}
		got := string(textBytes(t, r, TextOptions{Width: 200}))
		if head, rest, _ := strings.Cut(got, "\n"); !strings.Contains(head, row.head) || !strings.Contains(rest, row.says) || strings.Contains(rest, row.unlike) {
			t.Errorf("%q: want %q and %q, not %q:\n%s", row.files, row.head, row.says, row.unlike, got)
		}
	}
}

// What failed is told of a run that wrote, however much else was found.
func TestFailuresHaveRoomFirst(t *testing.T) {
	yaml := "version: 1\nrequire: [{name: no event is lost, match: {functions: ['*']}, failure_destination: required}]\nfunctions:\n"
	for i := range 12 {
		yaml += fmt.Sprintf("  - {name: job-%02d, maximum_retry_attempts: %d, maximum_event_age_in_seconds: %d}\n", i, i%2, 100+i)
	}
	f := resolve(t, yaml, nil)
	r := newRun("apply", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) { l.Records = nil }))
	for i := range 3 {
		name := desired.Name{Function: fmt.Sprintf("gone-%d", i), Qualifier: desired.Latest}
		r.Plan.Targets[0].Findings = append(r.Plan.Targets[0].Findings, reconcile.Finding{Name: name, Kind: reconcile.FindingFunctionMissing})
	}
	n := 0
	applied(r, func(x *reconcile.ChangeResult) {
		if n++; n > 9 {
			x.Status, x.Err = reconcile.Failed, refusedDestination(x.Name, n)
		}
	})
	for _, width := range []int{60, 80, 100, 200} {
		if got := string(textBytes(t, r, TextOptions{Width: width})); !strings.Contains(got, ": 3 of 12 changes failed\n") {
			t.Errorf("at %d columns nothing is said of what failed:\n%s", width, got)
		}
	}
}

// What a deployment changed it changes again; what it deleted, as in a hand-over, it does not.
func TestAHandOverIsNotWrittenAgain(t *testing.T) {
	deploy := insight.Author{Kind: "role", Name: "deploy", Client: "Terraform"}
	r := &Run{Insights: insight.Set{Authors: []insight.Authorship{
		{Author: deploy, Call: "UpdateFunctionEventInvokeConfig"}, {Author: deploy, Call: "DeleteFunctionEventInvokeConfig"}, {Author: deploy, Call: "DeleteFunctionEventInvokeConfig"},
	}}}
	var got []string
	for _, n := range r.writtenAgain(false) {
		got = append(got, n.title+": "+n.text)
	}
	want := []string{
		"Deleted by its tool: 2 configs by role deploy (Terraform), no longer declared there. If this was the hand-over, apply puts the records back, and they stay.",
		"Written again: 1 config by role deploy (Terraform). Its next deployment writes the same again: change it there too, or leave it out of the fleet file.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i, again := range []bool{true, false} {
		if a := &r.Insights.Authors[i]; a.Redeploys() != again {
			t.Errorf("%s: written again %v, want %v", a.Call, a.Redeploys(), again)
		}
	}
}

// Who made a record that went stale before its write was asked for the record as it was: it is
// told of what was stale when the plan was made, and of nothing later.
func TestAStaleChangeHasTheAuthorOfWhatIsThere(t *testing.T) {
	key := desired.Key{Target: desired.Target{Account: "111111111111", Region: "eu-west-1"}, Name: desired.Name{Function: "orders", Qualifier: desired.Latest}}
	change := reconcile.Change{Name: key.Name, Action: reconcile.Delete, Before: &reconcile.Settings{}}
	plan := reconcile.TargetPlan{Target: key.Target, Changes: []reconcile.Change{change}}
	r := &Run{
		Plan:     &reconcile.Plan{Targets: []reconcile.TargetPlan{plan}},
		Outcome:  &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: key.Target, Results: []reconcile.ChangeResult{{Change: change, Status: reconcile.Stale}}}}},
		Insights: insight.Set{Authors: []insight.Authorship{{Key: key, Author: insight.Author{Kind: "user", Name: "ops"}, Call: "PutFunctionEventInvokeConfig"}}},
	}
	for _, atPlan := range []bool{false, true} {
		if atPlan {
			r.Plan.Targets[0].Stale = []reconcile.StaleChange{{Change: change}}
		}
		told := false
		r.remarks(func(m remark) { told = told || m.topic == stale && m.author != "" })
		if told != atPlan {
			t.Errorf("stale when the plan was made: %v, and its author is told: %v", atPlan, told)
		}
	}
}
