package destination

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

const (
	home   = "111111111111"
	abroad = "222222222222"
	region = "eu-west-1"
)

// everything is a fleet file that manages something of every function, and no
// destination.
const everything = `version: 1
rules: [{ match: { functions: ["*"] }, set: { maximum_retry_attempts: 0 } }]
`

func sqsARN(account, name string) string { return "arn:aws:sqs:" + region + ":" + account + ":" + name }

// failing is a function that sends its failures somewhere.
func failing(name, to string) awssim.Function {
	return awssim.Function{Name: name, Records: map[string]awssim.Record{"$LATEST": {OnFailure: to}}}
}

type tester interface {
	Helper()
	Fatal(...any)
}

func worldOf(t tester, change func(*awssim.Scenario), functions ...awssim.Function) *awssim.World {
	t.Helper()
	s := awssim.Fleet(home, region, functions...)
	s.Destinations = []string{}
	if change != nil {
		change(s)
	}
	w, err := awssim.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

type simulator interface {
	Do(*http.Request) (*http.Response, error)
	DefaultAccessKeyID() string
}

// look plans a fleet file with the annotator.
func look(t tester, w simulator, fleet string) *reconcile.RunResult {
	t.Helper()
	r, err := lookUntil(context.Background(), t, w, fleet)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func lookUntil(ctx context.Context, t tester, w simulator, fleet string) (*reconcile.RunResult, error) {
	t.Helper()
	document, err := desired.Loader{Stdin: strings.NewReader(fleet)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return awslambda.Pace(100000, 1) })
	defer limiters.Close()
	o := awslambda.Options{Limiters: limiters, Environment: awslambda.Environment{Region: region, HTTPClient: w, Credentials: awslambda.StaticCredentials(w.DefaultAccessKeyID())}}
	request := reconcile.Request{Verb: "plan", Started: time.Now(), Wishes: reconcile.FleetWishes{Document: document}}
	engine := reconcile.Engine{Opener: awslambda.Opener{Options: o}, Annotators: []reconcile.Annotator{Annotator{}}}
	return engine.Run(ctx, request)
}

func states(r *reconcile.RunResult) map[string]string {
	all := map[string]string{}
	for _, d := range r.Insights.Destinations {
		all[d.ARN] = d.State.String()
	}
	return all
}

// asked counts the calls that are not Lambda's, by operation.
func asked(w *awssim.World) map[string]int {
	calls := w.Counts().ByOperation
	maps.DeleteFunc(calls, func(op string, _ int) bool {
		return strings.Contains(op, "Function") || strings.HasPrefix(op, "List") && op != "ListQueues" || op == "GetCallerIdentity"
	})
	return calls
}

func TestStates(t *testing.T) {
	rows := []struct{ why, arn, state string }{
		{"a queue", sqsARN(home, "there"), "exists"},
		{"a deleted queue", sqsARN(home, "gone"), "missing"},
		{"a FIFO queue takes nothing from Lambda", sqsARN(home, "there.fifo"), "wrong_kind"},
		{"a queue of another account, that may be seen", sqsARN(abroad, "there"), "exists"},
		{"a queue of another account, that may be hidden", sqsARN(abroad, "gone"), "unknown"},
		{"a queue in another region", "arn:aws:sqs:us-east-1:" + home + ":there", "exists"},
		{"a topic", "arn:aws:sns:" + region + ":" + home + ":there", "exists"},
		{"a deleted topic", "arn:aws:sns:" + region + ":" + home + ":gone", "missing"},
		{"a FIFO topic, which Lambda accepts", "arn:aws:sns:" + region + ":" + home + ":gone.fifo", "wrong_kind"},
		{"a bus", "arn:aws:events:" + region + ":" + home + ":event-bus/there", "exists"},
		{"a bus that never was, which Lambda accepts", "arn:aws:events:" + region + ":" + home + ":event-bus/gone", "missing"},
		{"the bus that each account has", "arn:aws:events:" + region + ":" + home + ":event-bus/default", "exists"},
		{"a bucket", "arn:aws:s3:::there", "exists"},
		{"a deleted bucket", "arn:aws:s3:::gone", "missing"},
		{"a function of the fleet", "arn:aws:lambda:" + region + ":" + home + ":function:f00", "exists"},
		{"a function that is gone", "arn:aws:lambda:" + region + ":" + home + ":function:gone:live", "missing"},
		{"a function that nobody listed", "arn:aws:lambda:us-east-1:" + home + ":function:f", "unknown"},
	}
	var functions []awssim.Function
	want := map[string]string{}
	for i, row := range rows {
		functions = append(functions, failing(fmt.Sprintf("f%02d", i), row.arn))
		want[row.arn] = row.state
	}
	w := worldOf(t, func(s *awssim.Scenario) {
		for _, row := range rows {
			if strings.HasSuffix(row.arn, "there") {
				s.Destinations = append(s.Destinations, row.arn)
			}
		}
	}, functions...)
	got := states(look(t, w, everything))
	for _, row := range rows {
		if got[row.arn] != row.state {
			t.Errorf("%s: %s is %q, want %s", row.why, row.arn, got[row.arn], row.state)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d destinations, want %d", len(got), len(want))
	}
}

// What counts is where events go once the plan is carried out: what is declared, what
// records hold that nobody manages, and not what the plan takes away or the fleet
// file ignores.
func TestUses(t *testing.T) {
	w := worldOf(t, nil, failing("moves", sqsARN(home, "old")), failing("keeps", sqsARN(home, "new")),
		failing("other", sqsARN(home, "other")), failing("ignored", sqsARN(home, "ignored")), awssim.Function{Name: "bare"})
	r := look(t, w, `version: 1
rules:
  - match: { functions: [moves, keeps, bare] }
    set: { on_failure: "`+sqsARN(home, "new")+`" }
  - match: { functions: [other, ignored] }
    set: { maximum_retry_attempts: 0 }
ignore: [{ functions: [ignored] }]
`)
	var got []string
	for _, d := range r.Insights.Destinations {
		for _, u := range d.Uses {
			got = append(got, fmt.Sprintf("%s %s live=%v declared=%d", d.ARN[len(sqsARN(home, "")):], u.Name, u.Live, u.Origin.Line))
		}
	}
	want := []string{
		"new bare live=false declared=4", "new keeps live=true declared=4", "new moves live=false declared=4",
		"other other live=true declared=0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A fleet of any size costs a few dozen calls.
func TestCalls(t *testing.T) {
	const many = 3000
	var functions []awssim.Function
	var queues []string
	for i := range many {
		name := fmt.Sprintf("f%04d", i)
		queues = append(queues, sqsARN(home, name+"-dlq"))
		functions = append(functions, failing(name, queues[i]))
	}
	there := slices.DeleteFunc(slices.Clone(queues), func(q string) bool { return strings.HasSuffix(q, "77-dlq") })
	t.Run("a queue for each function", func(t *testing.T) {
		w := worldOf(t, func(s *awssim.Scenario) { s.Destinations = there }, functions...)
		r := look(t, w, everything)
		if n := r.Insights.LosingDestinations(); n != many-len(there) || len(r.Insights.Unavailable) > 0 {
			t.Errorf("%d missing, want %d; %+v", n, many-len(there), r.Insights.Unavailable)
		}
		if got := asked(w); !maps.Equal(got, map[string]int{"ListQueues": 3}) {
			t.Errorf("asked %v", got)
		}
	})
	t.Run("whoever may not list asks for the most used", func(t *testing.T) {
		shared := failing("shared-%03d", sqsARN(home, "shared"))
		shared.Count = 20
		w := worldOf(t, func(s *awssim.Scenario) { s.Accounts[0].Deny = []string{"sqs:ListQueues"} }, append(functions[:100:100], shared)...)
		r := look(t, w, everything)
		if got := asked(w); !maps.Equal(got, map[string]int{"ListQueues": 1, "GetQueueUrl": maxLookups}) {
			t.Errorf("asked %v", got)
		}
		if n := r.Insights.LosingDestinations(); n != maxLookups || states(r)[sqsARN(home, "shared")] != "missing" {
			t.Errorf("%d missing; the most used is %s", n, states(r)[sqsARN(home, "shared")])
		}
		if u := r.Insights.Unavailable; len(u) != 1 || u[0].What != "whether 61 destinations exist" || u[0].Err != errTooMany {
			t.Errorf("%+v", u)
		}
	})
}

// What could not be learnt is told once for each cause, with what to add.
func TestUnavailable(t *testing.T) {
	w := worldOf(t, func(s *awssim.Scenario) { s.Accounts[0].Deny = []string{"sqs:*", "sns:*"} },
		failing("a", sqsARN(home, "a")), failing("b", sqsARN(home, "b")), failing("c", "arn:aws:sns:"+region+":"+home+":c"), failing("d", sqsARN(abroad, "d")))
	var got []string
	for _, u := range look(t, w, everything).Insights.Unavailable {
		err := reconcile.ErrorOf(u.Err)
		got = append(got, u.What+" of "+u.Target.String()+": "+err.Kind.String()+": "+err.Hint)
	}
	want := []string{
		"whether 1 destination exists of 111111111111/eu-west-1: denied: allow sns:GetTopicAttributes on arn:aws:sns:eu-west-1:111111111111:c for the caller",
		"whether 3 destinations exist of 111111111111/eu-west-1: denied: allow sqs:GetQueueUrl on * for the caller",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// silent is a world whose queues have no answer.
type silent struct {
	*awssim.World
	asked func() // called with each question, and may be nil
}

func (s silent) Do(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Host, "sqs.") {
		if s.asked != nil {
			s.asked()
		}
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return s.World.Do(r)
}

// A service without an answer holds a run up no longer than annotators have, and
// hides nothing that others know.
func TestTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, nil, failing("a", sqsARN(home, "a")), failing("b", "arn:aws:s3:::b"))
		start := time.Now()
		r := look(t, silent{World: w}, everything)
		if took := time.Since(start); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("it took %v", took)
		}
		got := states(r)
		if got["arn:aws:s3:::b"] != "missing" || got[sqsARN(home, "a")] != "unknown" || len(r.Insights.Unavailable) != 1 {
			t.Errorf("%v, %+v", got, r.Insights.Unavailable)
		}
	})
}

// Whatever ends the lookup, be it of a few queues or of a list, is why the rest is not known: what
// ended the run where that came first, and never a word of the client's about its context.
func TestTheEndOfTheRunIsNotASlowService(t *testing.T) {
	stop := errors.New("stopped by SIGTERM")
	for _, row := range []struct {
		why  string
		ends bool
		want error
	}{{"a signal", true, stop}, {"its own time", false, errNoTime}} {
		for _, queues := range []int{1, listFrom - 1, listFrom, maxLookups} {
			synctest.Test(t, func(t *testing.T) {
				var functions []awssim.Function
				for i := range queues {
					functions = append(functions, failing(fmt.Sprint("f", i), sqsARN(home, fmt.Sprint("q", i))))
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				w := silent{World: worldOf(t, nil, functions...)}
				if row.ends {
					w.asked = func() { cancel(stop) }
				}
				r, _ := lookUntil(ctx, t, w, everything)
				if len(r.Insights.Unavailable) != 1 || !errors.Is(r.Insights.Unavailable[0].Err, row.want) || r.Insights.Unavailable[0].What != describe(queues) {
					t.Errorf("%s, %d queues: not known is %+v", row.why, queues, r.Insights.Unavailable)
				}
				if len(r.Insights.Destinations) != queues || r.Insights.LosingDestinations() != 0 {
					t.Errorf("%s: of %d queues: %v", row.why, queues, states(r))
				}
			})
		}
	}
}

// Over random fleets: nothing that exists is called missing, nothing that is missing
// exists, what may be hidden is neither, each is asked for once, and every use is told.
func TestAnyFleet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		forms := []string{"arn:aws:sqs:eu-west-1:%s:n%d", "arn:aws:sqs:us-east-1:%s:n%d", "arn:aws:sns:eu-west-1:%s:n%d", "arn:aws:events:eu-west-1:%s:event-bus/n%d", "arn:aws:s3:::%.0[1]sbucket-%[2]d"}
		all := map[string]bool{} // arn: exists
		var there []string
		for i := range rapid.IntRange(1, 40).Draw(t, "destinations") {
			arn := fmt.Sprintf(rapid.SampledFrom(forms).Draw(t, "form"), rapid.SampledFrom([]string{home, home, abroad}).Draw(t, "account"), i)
			all[arn] = rapid.Bool().Draw(t, "exists")
			if all[arn] {
				there = append(there, arn)
			}
		}
		arns := slices.Sorted(maps.Keys(all))
		uses := map[string]int{}
		var functions []awssim.Function
		for i := range rapid.IntRange(1, 60).Draw(t, "functions") {
			arn := rapid.SampledFrom(arns).Draw(t, "to")
			uses[arn]++
			functions = append(functions, failing(fmt.Sprintf("f%d", i), arn))
		}
		w := worldOf(t, func(s *awssim.Scenario) { s.Destinations = append(s.Destinations, there...) }, functions...)
		r := look(t, w, everything)
		if len(r.Insights.Destinations) != len(uses) {
			t.Fatalf("%d destinations, want %d", len(r.Insights.Destinations), len(uses))
		}
		for _, d := range r.Insights.Destinations {
			want := insight.DestinationMissing
			switch {
			case all[d.ARN]:
				want = insight.DestinationExists
			case strings.Contains(d.ARN, abroad):
				want = insight.DestinationUnknown
			}
			if d.State != want || len(d.Uses) != uses[d.ARN] {
				t.Errorf("%s is %v with %d uses, want %v with %d", d.ARN, d.State, len(d.Uses), want, uses[d.ARN])
			}
		}
		calls := 0
		for _, n := range asked(w) {
			calls += n
		}
		if calls > len(uses)+2 || calls > maxLookups+2 {
			t.Errorf("%d calls for %d destinations: %v", calls, len(uses), asked(w))
		}
	})
}
