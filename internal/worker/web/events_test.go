package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

var prod = desired.Target{Account: "111111111111", Region: "eu-west-1"}

// listener is a page that follows: a response that keeps each message by its time.
type listener struct {
	header http.Header
	status int

	mu   sync.Mutex
	said []string
}

func (l *listener) Header() http.Header { return l.header }
func (l *listener) WriteHeader(s int)   { l.status = s }
func (l *listener) Flush()              {}
func (l *listener) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, string(b))
	return len(b), nil
}

func (l *listener) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Join(l.said, "")
	l.said = nil
	return all
}

func drifted(n int) worker.Report {
	plan := &reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: prod, Label: "prod", Declared: 10, InSync: 10 - n}}}
	for i := range n {
		plan.Targets[0].Changes = append(plan.Targets[0].Changes, reconcile.Change{Name: desired.Name{Function: fmt.Sprint("f", i), Qualifier: desired.Latest}, Action: reconcile.Update})
	}
	return worker.Report{Scope: worker.Scope{All: true}, Causes: []worker.Cause{worker.Start}, Started: time.Now(), Finished: time.Now(), Result: worker.Result{RunID: "run-1", Plan: plan}}
}

// follow begins to follow a handler and gives what it is told.
func follow(ctx context.Context, h http.Handler) (*listener, func() bool) {
	l := &listener{header: http.Header{}, status: http.StatusOK}
	over := make(chan struct{})
	go func() {
		defer close(over)
		h.ServeHTTP(l, httptest.NewRequest("GET", "http://127.0.0.1:8080/events", nil).WithContext(ctx))
	}()
	return l, func() bool {
		synctest.Wait()
		select {
		case <-over:
			return true
		default:
			return false
		}
	}
}

func TestAPageIsToldWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		rate := 13.5
		board := NewBoard(func() map[desired.Target]ratelimit.Snapshot {
			mu.Lock()
			defer mu.Unlock()
			return map[desired.Target]ratelimit.Snapshot{prod: {Rate: rate, Ceiling: 13.5}}
		})
		board.Declare([]desired.TargetSpec{{Target: prod, Label: "prod"}})
		board.Lag("queue", func() string { return "12 s" })
		timetable, _ := worker.Every(time.Hour)
		state := worker.State{Timetable: timetable, Started: time.Now(), Sweeping: time.Now()}
		stop := make(chan struct{})
		h := NewHandler(Options{State: func() worker.State {
			mu.Lock()
			defer mu.Unlock()
			return state
		}, Board: board, Done: stop})
		ctx, leave := context.WithCancel(t.Context())
		l, over := follow(ctx, h)
		read := func() map[string]string {
			synctest.Wait()
			said := l.take()
			text, is := strings.CutPrefix(said, "data: ")
			if !is {
				t.Fatalf("the page is told %q", said)
			}
			news := map[string]string{}
			if err := json.Unmarshal([]byte(text), &news); err != nil {
				t.Fatal(err)
			}
			return news
		}
		first := read()
		if first["now"] != "a sweep is under way" || first["t0rate"] != "13.5 of 13.5/s" || first["lag0"] != "12 s" || first["shape"] == "" {
			t.Errorf("at first the page is told %v", first)
		}
		board.Observe(true, reconcile.Step{Phase: reconcile.PhaseSurvey, Done: 3, Total: 12})
		mu.Lock()
		rate = 6.75
		mu.Unlock()
		time.Sleep(time.Second)
		if news := read(); news["now"] != "a sweep is under way: 3 of 12 read" || news["bar"] != "25.0" || news["t0rate"] != "6.8 of 13.5/s" || news["lag0"] != "" || news["shape"] != first["shape"] {
			t.Errorf("of a step the page is told %v", news)
		}
		time.Sleep(heartbeat - time.Second)
		synctest.Wait()
		if said := l.take(); said != "" {
			t.Errorf("of nothing new the page is told %q", said)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if said := l.take(); said != ":\n\n" {
			t.Errorf("the heartbeat is %q", said)
		}
		mu.Lock()
		state.Sweeping = time.Time{}
		mu.Unlock()
		board.Passed(drifted(3))
		time.Sleep(time.Second)
		if news := read(); news["shape"] == first["shape"] || news["now"] != "waiting" || news["bar"] != "" {
			t.Errorf("of a pass that is over the page is told %v", news)
		}
		leave()
		if !over() {
			t.Error("a page that has gone is told on")
		}

		// There is room for so many, and again when one has gone.
		var all []func() bool
		for range maxFollowers {
			_, over := follow(t.Context(), h)
			all = append(all, over)
		}
		synctest.Wait()
		if l, over := follow(t.Context(), h); !over() || l.status != http.StatusServiceUnavailable || l.header.Get("Retry-After") == "" {
			t.Errorf("one page too many is answered %d", l.status)
		}
		close(stop)
		for _, over := range all {
			if !over() {
				t.Fatal("a stream goes on when the worker ends")
			}
		}
	})
}

// missing is a sweep in which all is in sync but for a function that is not there.
func missing(policy desired.MissingPolicy) func(*worker.Report) {
	return func(r *worker.Report) {
		r.Result.MissingFunctions = policy
		r.Result.Plan.Targets[0] = reconcile.TargetPlan{Target: prod, Label: "prod", Declared: 10, InSync: 9, Findings: []reconcile.Finding{{Name: desired.Name{Function: "refunds", Qualifier: desired.Latest}, Kind: reconcile.FindingFunctionMissing}}}
	}
}

// Of what a sweep without a plan did not read nothing is known any more but when it last was.
func TestASweepThatReadsNothing(t *testing.T) {
	timetable, _ := worker.Every(time.Hour)
	board := NewBoard(func() map[desired.Target]ratelimit.Snapshot { return nil })
	h := NewHandler(Options{State: func() worker.State { return worker.State{Timetable: timetable, LastSuccess: time.Now()} }, Board: board})
	page := func() string { return body(t, ask(h, "GET", "/", nil)) }
	sweep := func(i int, change func(*worker.Result)) worker.Report {
		r := drifted(0)
		r.Result.RunID = fmt.Sprint("run-", i)
		change(&r.Result)
		board.Passed(r)
		return r
	}
	refused := func(r *worker.Result) { r.Plan, r.Err = nil, errors.New("no credentials") }
	well := sweep(1, func(*worker.Result) {})
	for i, change := range []func(*worker.Result){func(r *worker.Result) { r.Plan = nil }, refused, refused, refused} {
		r := sweep(i+2, change)
		got := page()
		for _, says := range []string{">could not be read</span><br><span class=\"muted\">" + r.Result.Completed().Error() + "</span>", "0 of ?</p>", "1 target not read", "not known</p>"} {
			if !strings.Contains(got, says) {
				t.Errorf("after sweep %d the page does not say %q:\n%s", i+2, says, got)
			}
		}
		if strings.Contains(got, "ring good") || strings.Contains(got, ">in sync</span>") || !board.targets[0].read.Equal(well.Finished) {
			t.Errorf("after sweep %d that read nothing the target is in sync, or was last read at %s:\n%s", i+2, board.targets[0].read, got)
		}
	}
	if got := page(); strings.Count(got, "<span class=\"bad\">") != 4 || strings.Count(got, "<span class=\"bad\">the same error</span>") != 2 {
		t.Errorf("of four sweeps that failed, three alike, the page says\n%s", got)
	}
	targeted := drifted(0)
	targeted.Scope.All, targeted.Result.Plan = false, nil
	sweep(9, func(*worker.Result) {})
	board.Passed(targeted)
	if got := page(); !strings.Contains(got, "ring good") || !strings.Contains(got, ">in sync</span>") {
		t.Errorf("of a good sweep and a targeted pass that read nothing the page says\n%s", got)
	}
}

func TestTheBoard(t *testing.T) {
	board := NewBoard(func() map[desired.Target]ratelimit.Snapshot { return nil })
	timetable, _ := worker.Every(time.Hour)
	h := NewHandler(Options{State: func() worker.State { return worker.State{Timetable: timetable, LastSuccess: time.Now()} }, Board: board})
	page := func() string { return body(t, ask(h, "GET", "/", nil)) }
	gone := desired.Target{Account: "222222222222", Region: "eu-west-1"}
	board.Declare([]desired.TargetSpec{{Target: prod, Label: "prod"}, {Target: gone, Label: "<b>gone</b>"}})
	if got := page(); !strings.Contains(got, "not looked at yet") || !strings.Contains(got, "&lt;b&gt;gone") {
		t.Errorf("before the first pass:\n%s", got)
	}
	for _, row := range []struct {
		why    string
		change func(*worker.Report)
		says   string
	}{
		{"drift", func(*worker.Report) {}, "3 configs drifted"},
		{"who made it so", func(r *worker.Report) {
			for range 3 {
				r.Result.Insights.Authors = append(r.Result.Insights.Authors, insight.Authorship{Key: desired.Key{Target: prod}, Author: insight.Author{Kind: "role", Name: "<deploy>", Client: "Terraform"}})
			}
		}, "changed: 3 by role &lt;deploy&gt; (Terraform)"},
		{"corrected", func(r *worker.Report) {
			o := &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: prod}}}
			for _, c := range r.Result.Plan.Targets[0].Changes {
				o.Targets[0].Results = append(o.Targets[0].Results, reconcile.ChangeResult{Change: c, Status: reconcile.Applied})
			}
			r.Result.Outcome = o
		}, ">in sync</span>"},
		{"which", func(*worker.Report) {}, ">f0, f1, f2</span>"},
		{"missing", missing(desired.MissingError), ">1 missing in AWS</span>"},
		{"missing, and which", missing(desired.MissingError), "missing in AWS: refunds"},
		{"missing, and that is no fault", missing(desired.MissingWarn), `<svg class="ring good"`},
		{"missing, as the fleet file lets it be", missing(desired.MissingWarn), ">in sync</span>"},
		{"nobody knows how many", func(r *worker.Report) {
			r.Result.Plan.Targets[0] = reconcile.TargetPlan{Target: prod, Label: "prod", Err: errors.New("denied"), Unknown: true}
		}, "<p class=\"big\">–</p><p class=\"muted\">not known</p>"},
		{"nor what share", func(r *worker.Report) {
			r.Result.Plan.Targets[0] = reconcile.TargetPlan{Target: prod, Label: "prod", Err: errors.New("denied"), Unknown: true}
		}, "0 of ?</p><p class=\"muted\">configs</p><p class=\"muted\">1 target not read"},
		{"an account without functions", func(r *worker.Report) {
			r.Result.Plan.Targets[0] = reconcile.TargetPlan{Target: prod, Label: "prod"}
		}, ">no configs</span>"},
		{"failed", func(r *worker.Report) {
			r.Result.Outcome = &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: prod, Results: []reconcile.ChangeResult{{Change: r.Result.Plan.Targets[0].Changes[0], Status: reconcile.Failed, Err: errors.New("denied")}}}}}
		}, "1 change failed"},
		{"read from the trail", func(r *worker.Report) {
			r.Result.Plan.Targets[0].Evidence = &insight.Evidence{Trail: time.Now().Add(-130 * time.Minute), Lag: 14 * time.Minute}
		}, "complete up to 2 h ago, its latest event came 14 min late"},
		{"not read", func(r *worker.Report) { r.Result.Plan.Targets[0].Err = errors.New("denied") }, "could not be read"},
		{"no plan, and why", func(r *worker.Report) { r.Result.Plan, r.Result.Err = nil, errors.New("<no credentials>") }, "&lt;no credentials&gt;"},
	} {
		r := drifted(3)
		row.change(&r)
		board.Passed(r)
		if got := page(); !strings.Contains(got, row.says) || strings.Contains(got, "gone") {
			t.Errorf("%s: the page does not say %q, or has a target that left the fleet:\n%s", row.why, row.says, got)
		}
	}

	var packed bytes.Buffer
	to := gzip.NewWriter(&packed)
	io.WriteString(to, "the report")
	to.Close()
	board.Report("run-1", true, packed.Bytes())
	if got := page(); !strings.Contains(got, `<a href="runs/run-1"`) || !strings.Contains(got, `href="runs/run-1#target=111111111111/eu-west-1">`) {
		t.Errorf("the page has no link to the report, or the target none to its part:\n%s", got)
	}
	for i := range 7 {
		board.Moved(time.Now(), "<shop>", []string{fmt.Sprint("joined-", i)}, []string{"a", "b", "c", "d"})
	}
	if got := page(); strings.Count(got, "&lt;shop&gt;: 1 account joined: joined-") != maxMoves || !strings.Contains(got, "joined-6; 4 accounts left: a, b, c, 1 more") || strings.Contains(got, "joined-1;") {
		t.Errorf("the page does not tell of the last changes of the accounts:\n%s", got)
	}
	if got := body(t, ask(h, "GET", "/runs/run-1", nil)); got != "the report" {
		t.Errorf("the report is %q", got)
	}
	r := ask(h, "GET", "/runs/run-1", func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") })
	if r.Header.Get("Content-Encoding") != "gzip" || body(t, r) != packed.String() {
		t.Error("the report is not sent as it is kept")
	}
	many := func(first int, all bool) {
		t.Helper()
		for i := range 40 {
			r := drifted(0)
			r.Scope.All, r.Result.RunID = all, fmt.Sprint("run-", first+i)
			board.Report(r.Result.RunID, all, make([]byte, 1<<20))
			board.Passed(r)
		}
		size := 0
		for _, p := range board.passes {
			size += len(p.report)
		}
		if len(board.passes) > maxPasses || size > maxReports {
			t.Errorf("the board keeps %d passes and %d bytes of reports", len(board.passes), size)
		}
	}
	many(2, false)
	if got := body(t, ask(h, "GET", "/runs/run-1", nil)); got != "the report" {
		t.Errorf("after forty targeted passes the report of the last sweep is %q", got)
	}
	many(42, true)
	if r := ask(h, "GET", "/runs/run-1", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("an old report is answered %d", r.StatusCode)
	}
}
