package trail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// over makes a http.RoundTripper of a world.
type over struct{ world *awssim.World }

func (o over) RoundTrip(r *http.Request) (*http.Response, error) { return o.world.Do(r) }

// differing is a run over a world in which every config of the names differs.
func differing(t *testing.T, w *awssim.World, names ...desired.Name) (*reconcile.RunResult, Who, func()) {
	t.Helper()
	paces, lookups := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return ratelimit.Options{Quota: 1000} }), ratelimit.NewRegistry(Pace)
	cfg := aws.Config{HTTPClient: &http.Client{Transport: over{w}}, Credentials: awslambda.StaticCredentials(w.DefaultAccessKeyID())}
	conn := awslambda.NewConn(cfg, ireland, paces)
	plan := reconcile.TargetPlan{Target: ireland}
	for _, n := range names {
		c := reconcile.Change{Name: n, Action: reconcile.Create, Want: &desired.Config{}}
		if r, there := w.Record(ireland.Account, ireland.Region, n.Function, n.Qualifier); there {
			c.Action, c.Before, c.Modified = reconcile.Update, &reconcile.Settings{}, r.LastModified.UnixMilli()
		}
		plan.Changes = append(plan.Changes, c)
	}
	r := &reconcile.RunResult{
		Opened: reconcile.Opened{Targets: []reconcile.OpenTarget{{Target: ireland, Reader: awslambda.NewReader(conn), Finder: awslambda.NewFinder(conn)}}},
		Plan:   reconcile.Plan{Targets: []reconcile.TargetPlan{plan}},
	}
	return r, Who{Limiters: lookups, Fights: &fights.Log{}}, func() {
		paces.Close()
		lookups.Close()
	}
}

// TestWhoIsNeverWrong holds over any course of writes, and however late, lost and out of
// order their events are: an author that is told is the one of the last write, and
// where all events have come every author is told.
func TestWhoIsNeverWrong(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			s := awssim.Fleet(ireland.Account, ireland.Region, awssim.Function{Name: "f-%d", Count: 4, Aliases: []string{"live"}})
			s.Trail = awssim.Trail{
				Delay: time.Duration(rapid.IntRange(0, 90).Draw(rt, "delay")) * time.Minute, Lose: rapid.SampledFrom([]float64{0, 0, 0.2}).Draw(rt, "lose"),
				LoseDeletes: rapid.Bool().Draw(rt, "lose deletes"),
			}
			w, err := awssim.New(s)
			if err != nil {
				t.Fatal(err)
			}
			var names []desired.Name
			for i := range 4 {
				for _, q := range []string{desired.Latest, "live"} {
					names = append(names, desired.Name{Function: fmt.Sprint("f-", i), Qualifier: q})
				}
			}
			last := map[desired.Name]string{}
			for range rapid.IntRange(0, 150).Draw(rt, "writes") {
				n := rapid.SampledFrom(names).Draw(rt, "name")
				// Events that are as near to each other as this are not told apart.
				time.Sleep(slack + time.Duration(rapid.IntRange(1, 600).Draw(rt, "pause"))*time.Second)
				who := rapid.SampledFrom([]string{"ops", "deploy", "alice", ""}).Draw(rt, "who")
				if who == "" {
					if last[n] == "" || strings.HasPrefix(last[n], "-") {
						continue
					}
					err, last[n] = w.DeleteRecord(ireland.Account, ireland.Region, n.Function, n.Qualifier), "-somebody"
				} else {
					err, last[n] = w.SetRecord(ireland.Account, ireland.Region, n.Function, n.Qualifier, awssim.Record{By: "user/" + who, Agent: "Terraform/1.9"}), who
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if rapid.Bool().Draw(rt, "later") {
				time.Sleep(90 * time.Minute)
			} else if s.Trail.Delay > 0 {
				s.Trail.Lose = 1 // for what is expected below: some may not have come
			}
			r, who, end := differing(t, w, names...)
			defer end()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			learnt := who.Annotate(ctx, r)
			if len(learnt.Unavailable) > 0 {
				t.Errorf("not known: %+v", learnt.Unavailable)
			}
			for _, a := range learnt.Authors {
				if want := strings.TrimPrefix(last[a.Name], "-"); a.Author.Name != want || a.Author.Kind != "user" {
					t.Errorf("%v was written by %v, want %q", a.Name, a.Author, want)
				}
			}
			for _, n := range names {
				told := learnt.AuthorOf(desired.Key{Target: ireland, Name: n}) != nil
				deleted := strings.HasPrefix(last[n], "-")
				if all := s.Trail.Lose == 0 && (!deleted || !s.Trail.LoseDeletes); all && told != (last[n] != "") {
					t.Errorf("%v: told %v, and the last to write it was %q", n, told, last[n])
				}
			}
		})
	})
}

// Of what CloudFormation wrote the stack is named, if the function's tags may be read.
func TestWhoNamesStacks(t *testing.T) {
	for _, row := range []struct {
		why, agent, deny, want string
	}{
		{"written by a stack", "cloudformation.amazonaws.com", "", "role deploy (CloudFormation stack orders)"},
		{"without permission to read tags", "cloudformation.amazonaws.com", "tag:GetResources", "role deploy (CloudFormation)"},
		{"of a stack, and written by somebody else", "Terraform/1.9", "", "role deploy (Terraform)"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := awssim.Fleet(ireland.Account, ireland.Region, awssim.Function{
				Name: "f", Tags: map[string]string{stackTag: "orders"},
				Records: map[string]awssim.Record{"$LATEST": {By: "role/deploy", Agent: row.agent, Age: 2 * time.Hour}},
			})
			if row.deny != "" {
				s.Accounts[0].Deny = []string{row.deny}
			}
			w, err := awssim.New(s)
			if err != nil {
				t.Fatal(err)
			}
			r, who, end := differing(t, w, desired.Name{Function: "f", Qualifier: desired.Latest})
			defer end()
			learnt := who.Annotate(t.Context(), r)
			if len(learnt.Authors) != 1 || learnt.Authors[0].Author.String() != row.want {
				t.Errorf("%s: %+v, want %s", row.why, learnt.Authors, row.want)
			}
		})
	}
}

func TestWhoCostsLittleAndNoRun(t *testing.T) {
	record := func(by string) map[string]awssim.Record {
		return map[string]awssim.Record{"$LATEST": {By: by, Age: 2 * time.Hour}}
	}
	name := desired.Name{Function: "f", Qualifier: desired.Latest}
	for _, row := range []struct {
		why     string
		change  func(*awssim.Scenario)
		names   []desired.Name
		calls   int
		atMost  time.Duration
		hint    string // of what is not known
		authors int
	}{
		{"nothing differs", func(*awssim.Scenario) {}, nil, 0, 0, "", 0},
		{"a record: two names, and what would explain it ends the search", func(*awssim.Scenario) {}, []desired.Name{name}, 2, 2 * time.Second, "", 1},
		{"no record: one name", func(s *awssim.Scenario) { s.Accounts[0].Regions[ireland.Region].Functions[0].Records = nil }, []desired.Name{name}, 1, 2 * time.Second, "", 0},
		{"no permission is one line", func(s *awssim.Scenario) { s.Accounts[0].Deny = []string{"cloudtrail:*"} }, []desired.Name{name}, 2, 2 * time.Second, "cloudtrail:LookupEvents on *", 0},
		{"slow", func(s *awssim.Scenario) { s.Latency = 15 * time.Second }, []desired.Name{name}, 2, 10 * time.Second, "", 0},
		{"failing", func(s *awssim.Scenario) { s.Faults.ServerError = 1 }, []desired.Name{name}, -1, 10 * time.Second, "run again", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := awssim.Fleet(ireland.Account, ireland.Region, awssim.Function{Name: "f", Records: record("user/ops")})
			row.change(s)
			w, err := awssim.New(s)
			if err != nil {
				t.Fatal(err)
			}
			r, who, end := differing(t, w, row.names...)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			start := time.Now()
			learnt := who.Annotate(ctx, r)
			if took := time.Since(start); took > row.atMost {
				t.Errorf("%s: it took %v", row.why, took)
			}
			time.Sleep(time.Minute) // for what was under way
			end()
			if n := w.Counts().ByOperation["LookupEvents"]; n != row.calls && row.calls >= 0 || len(learnt.Authors) != row.authors {
				t.Errorf("%s: %d calls, want %d, %d authors, want %d", row.why, n, row.calls, len(learnt.Authors), row.authors)
			}
			unknown := row.hint != "" || s.Latency > 0
			if (len(learnt.Unavailable) == 1) != unknown {
				t.Errorf("%s: not known: %+v", row.why, learnt.Unavailable)
			}
			if unknown && row.hint != "" {
				if call := reconcile.ErrorOf(learnt.Unavailable[0].Err); !strings.Contains(call.Hint, row.hint) {
					t.Errorf("%s: %+v", row.why, call)
				}
			}
		})
	}
}

// A lookup that the end of the run cut short was not slow.
func TestWhoTellsTheEndOfTheRunFromItsOwn(t *testing.T) {
	stop := errors.New("stopped by SIGTERM")
	for _, row := range []struct {
		why   string
		after time.Duration // the run ends; 0: it does not
		want  error
	}{{"a signal", time.Second, stop}, {"its own time", 0, ErrBudget}} {
		synctest.Test(t, func(t *testing.T) {
			s := awssim.Fleet(ireland.Account, ireland.Region, awssim.Function{Name: "f", Records: map[string]awssim.Record{"$LATEST": {By: "user/ops"}}})
			s.Latency = 15 * time.Second
			w, err := awssim.New(s)
			if err != nil {
				t.Fatal(err)
			}
			r, who, end := differing(t, w, desired.Name{Function: "f", Qualifier: desired.Latest})
			run, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if row.after > 0 {
				time.AfterFunc(row.after, func() { cancel(stop) })
			}
			ctx, done := context.WithTimeout(run, 10*time.Second)
			defer done()
			learnt := who.Annotate(ctx, r)
			time.Sleep(time.Minute) // for what was under way
			end()
			if len(learnt.Unavailable) != 1 || !errors.Is(learnt.Unavailable[0].Err, row.want) {
				t.Errorf("%s: not known: %+v", row.why, learnt.Unavailable)
			}
		})
	}
}

// A fight where nothing differs just now is told with its author, or with why there is none.
func TestWhoTellsWhyAFightHasNoAuthor(t *testing.T) {
	for _, denied := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := awssim.Fleet(ireland.Account, ireland.Region, awssim.Function{Name: "f"})
			if denied {
				s.Accounts[0].Deny = []string{"cloudtrail:*"}
			}
			w, err := awssim.New(s)
			if err != nil {
				t.Fatal(err)
			}
			name := desired.Name{Function: "f", Qualifier: desired.Latest}
			r, who, end := differing(t, w)
			defer end()
			r.Fleet.Targets = []desired.TargetSpec{{Target: ireland, Entries: []desired.Entry{{Name: name}}}}
			key := desired.Key{Target: ireland, Name: name}
			for range 4 {
				time.Sleep(time.Hour)
				who.Fights.Wrote(key, time.Now(), insight.Author{})
				time.Sleep(time.Hour)
				who.Fights.Corrected(key, time.Now(), nil, &reconcile.Settings{})
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			learnt := who.Annotate(ctx, r)
			if len(learnt.Fights) != 1 || (len(learnt.Unavailable) == 1) != denied {
				t.Errorf("denied %v: fights %+v, not known %+v", denied, learnt.Fights, learnt.Unavailable)
			}
		})
	}
}

// Each config is judged by its own events, whatever stands before it: one that went with its alias
// was deleted by nobody, and the others keep their authors.
func TestEachConfigHasItsOwnAuthor(t *testing.T) {
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	by := func(who, call, function string, minute int) events.Hint {
		return events.Hint{Kind: events.Key, Target: ireland, Function: function, Qualifier: "live", EventName: call,
			EventTime: noon.Add(time.Duration(minute) * time.Minute), Author: insight.Author{Name: who}}
	}
	put := "PutFunctionEventInvokeConfig"
	all := []events.Hint{
		by("ops", deleteCall, "went", 0), by("alice", put, "went", 1),
		by("alice", put, "deleted", 0), by("ops", deleteCall, "deleted", 1),
		by("bob", put, "stored", 2), by("eve", put, "later", 0),
	}
	at := func(function string, minute int) reconcile.Change {
		c := reconcile.Change{Name: desired.Name{Function: function, Qualifier: "live"}}
		if minute > 0 {
			c.Before, c.Modified = &reconcile.Settings{}, noon.Add(time.Duration(minute)*time.Minute).UnixMilli()
		}
		return c
	}
	changes := []reconcile.Change{at("went", 0), at("deleted", 0), at("stored", 2), at("later", 60), at("unheard", 0)}
	rapid.Check(t, func(t *rapid.T) {
		got := map[string]string{}
		for _, a := range authors(ireland, rapid.Permutation(changes).Draw(t, "changes"), all) {
			got[a.Function] += a.Author.Name
		}
		if want := map[string]string{"deleted": "ops", "stored": "bob"}; !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}
