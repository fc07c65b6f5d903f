package browsertest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/web"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

const dlq = "arn:aws:sqs:eu-west-1:111111111111:async-dlq"

var (
	prod    = desired.Target{Account: "111111111111", Region: "eu-west-1"}
	started = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
)

// applied is a run over n functions in which some changes failed.
func applied(t testing.TB, n int) *report.Run {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%06d", []string{"checkout", "orders", "payments"}[i%3], i)
	}
	d, err := desired.Load(fstest.MapFS{"fleet.yaml": {Data: []byte("version: 1\ndefaults: {on_failure: " + dlq + "}\nrules:\n" +
		"  - match: {functions: [\"orders-*\"]}\n    set: {maximum_retry_attempts: 0}\n  - match: {functions: [\"*\"]}\n    set: {maximum_event_age_in_seconds: 3600}\n")}}, "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := d.Resolve(prod, desired.Inventory{prod: {Functions: names}}, desired.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	fleet.Targets[0].Label = "prod"
	observed := reconcile.Observed{Targets: []reconcile.ObservedTarget{{Target: prod}}}
	for _, e := range fleet.Targets[0].Entries {
		observed.Targets[0].Functions = append(observed.Targets[0].Functions, reconcile.ObservedFunction{Function: e.Function, State: reconcile.FunctionPresent, AliasesListed: true})
	}
	plan := reconcile.NewPlan(fleet, observed)
	r := &report.Run{
		ID: "20260301T030000Z-7f3a", ToolVersion: "1.0.0", Verb: "apply", Started: started, Surveyed: started.Add(88 * time.Second), Finished: started.Add(119 * time.Second),
		Fleet: report.FleetInfo{Files: []string{"fleet.yaml"}, Configs: n, Targets: 1}, Plan: &plan, Undo: "eventinvoke rollback 20260301T030000Z-7f3a",
		Guard: reconcile.Guard{Limits: fleet.Limits}.Lines(&plan), GuardOff: "the first run", Functions: n, Covered: n - n/10,
		Outcome: &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: prod, Label: "prod"}}},
	}
	for i, c := range plan.Targets[0].Changes {
		result := reconcile.ChangeResult{Change: c, Status: reconcile.Applied}
		if i%10 == 3 {
			result.Status = reconcile.Failed
			result.Stats = ratelimit.CallStats{Attempts: 3, Conflicts: 2, Waited: 7 * time.Second}
			result.Err = &callerr.Error{
				Op: "PutFunctionEventInvokeConfig", Subject: c.Name.String(), Kind: callerr.Refused, Status: 400, Code: "InvalidParameterValueException",
				Message:   "The function execution role does not have permissions to call SendMessage on " + dlq + " </script><img src=x>",
				RequestID: fmt.Sprintf("b7e0d1f2-0000-4000-8000-%012d", i), Hint: "allow sqs:SendMessage on the queue in the role of " + c.Function,
			}
		}
		r.Outcome.Targets[0].Results = append(r.Outcome.Targets[0].Results, result)
	}
	api := report.TargetAPI{Target: prod, Label: "prod", Limiter: ratelimit.Snapshot{Rate: 13.5, Ceiling: 13.5, Paused: 4 * time.Second},
		Operations: []reconcile.OperationCount{{Name: "ListFunctionEventInvokeConfigs", Calls: int64(n), Throttled: 9, Faults: 2}, {Name: "PutFunctionEventInvokeConfig", Calls: int64(n), Conflicts: 31}}}
	for i := range int64(60) {
		point := history.PacePoint{AtMS: i * 2000, Rate: min(13.5, 5+float64(i%20)*.6), Ceiling: 13.5}
		if i%20 == 0 {
			point.Throttled = 3
		}
		api.Pace = append(api.Pace, point)
	}
	r.API = []report.TargetAPI{api}
	for i, c := range plan.Targets[0].Changes {
		by := insight.Author{Kind: "role", Name: []string{"deploy", "ops"}[i%2], Client: "Terraform"}
		r.Insights.Authors = append(r.Insights.Authors, insight.Authorship{Key: desired.Key{Target: prod, Name: c.Name}, Author: by, At: started.Add(-time.Hour), Call: "UpdateFunctionEventInvokeConfig"})
	}
	trend := history.Trend{Target: prod, Label: "prod"}
	for i, drifted := range []int{9, 4, 0, 6, 12, 3, 3, 1} {
		trend.Audits = append(trend.Audits, history.AuditCount{Started: started.Add(time.Duration(i-8) * 24 * time.Hour), Declared: n, Drifted: drifted, Failed: i == 2})
	}
	r.Trends = []history.Trend{trend}
	return r
}

func document(t testing.TB, r *report.Run) string {
	var b bytes.Buffer
	if err := report.HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The rows of the report's table that are in the document.
const drawn = `document.querySelectorAll("#room .row").length`

func TestReport(t *testing.T) {
	page := serve(t, document(t, applied(t, 300)))
	for _, l := range looks {
		t.Run(l.name, func(t *testing.T) {
			p := open(t, page, l)
			p.until(`!document.getElementById("table").hidden`)
			p.keep("report-" + l.name)
			p.check(l)
			if n := ask[int](p, drawn); n == 0 || n > 60 {
				t.Errorf("%d rows of 300 are drawn", n)
			}
			p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#room .row").click()`))
			p.until(`document.getElementById("details").open`)
			p.check(l)
			p.keep("details-" + l.name)
		})
	}
}

func TestReportByKeyboard(t *testing.T) {
	p := open(t, serve(t, document(t, applied(t, 300))), looks[0])
	p.until(`!document.getElementById("table").hidden`)
	shown := func() string { return ask[string](p, `document.getElementById("shown").textContent`) }
	if got := shown(); got != "300 of 300 rows" {
		t.Errorf("at first it shows %q", got)
	}
	p.search()
	p.do(chromedp.KeyEvent("orders-*"))
	if got := shown(); got != "100 of 300 rows" {
		t.Errorf("filtered by a pattern it shows %q", got)
	}
	p.do(chromedp.KeyEvent(kb.Tab)) // to the status
	if got := ask[string](p, "document.activeElement.id"); got != "f-state" {
		t.Errorf("tab goes to %q", got)
	}
	p.do(chromedp.KeyEvent("f")) // ailed
	if got := shown(); got != "10 of 300 rows" {
		t.Errorf("filtered by status too it shows %q", got)
	}
	if got := ask[string](p, "location.hash"); got != "#text=orders-*&state=failed" {
		t.Errorf("the address says %q", got)
	}
	for range 10 {
		p.do(chromedp.KeyEvent(kb.Tab))
		if ask[bool](p, `document.activeElement.id === "view"`) {
			break
		}
	}
	p.do(chromedp.KeyEvent(kb.End), chromedp.KeyEvent(kb.ArrowUp))
	p.press("Enter", "\r", 13)
	p.until(`document.getElementById("details").open`)
	text := ask[string](p, `document.getElementById("details").innerText`)
	for _, want := range []string{"orders-", "failed", "SendMessage", "</script><img", "maximum_retry_attempts", "fleet.yaml:", "3 attempts, waited 7s, request b7e0d1f2", "in the role of orders-"} {
		if !strings.Contains(text, want) {
			t.Errorf("the details lack %q:\n%s", want, text)
		}
	}
	p.do(chromedp.KeyEvent(kb.Escape))
	p.until(`!document.getElementById("details").open`)
	if got := ask[string](p, "document.activeElement.id"); got != "view" {
		t.Errorf("after the details the focus is on %q", got)
	}
	p.search()
	p.do(chromedp.KeyEvent("x"))
	if !ask[bool](p, `!document.getElementById("none").hidden && document.getElementById("grid").hidden`) {
		t.Error("nothing tells that there is no such row")
	}
	p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("clear").click(); document.getElementById("f-author").focus()`), chromedp.KeyEvent("role o"))
	if got := shown(); got != "150 of 300 rows" {
		t.Errorf("filtered by author it shows %q", got)
	}
	p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("clear").click()`))
	if got := shown(); got != "300 of 300 rows" {
		t.Errorf("cleared it shows %q", got)
	}
}

func TestALinkKeepsItsFilter(t *testing.T) {
	p := open(t, serve(t, document(t, applied(t, 30)))+"#state=failed&risk=nonsense", looks[0])
	p.until(`document.getElementById("shown").textContent === "3 of 30 rows"`)

	// The status page knows targets by account and region alone.
	p = open(t, serve(t, document(t, applied(t, 30)))+"#target="+prod.String(), looks[0])
	p.until(`document.getElementById("shown").textContent === "30 of 30 rows" && document.getElementById("f-target").selectedOptions[0].text === "prod 111111111111/eu-west-1"`)

	// It links to a target of which there is nothing to say, too: that has no rows, and not all.
	quiet := desired.Target{Account: "222222222222", Region: "eu-west-1"}
	r := applied(t, 30)
	r.Plan.Targets = append(r.Plan.Targets, reconcile.TargetPlan{Target: quiet, Label: "quiet", Declared: 5, InSync: 5})
	p = open(t, serve(t, document(t, r))+"#target="+quiet.String(), looks[0])
	p.until(`document.getElementById("shown").textContent === "0 of 30 rows" && document.getElementById("f-target").selectedOptions[0].text === "222222222222/eu-west-1"`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("clear").click()`))
	p.until(`document.getElementById("shown").textContent === "30 of 30 rows"`)
}

// counting counts what a page does from here on: elements that it makes, names that it spells in
// small letters, and names that it compares.
const counting = `for (const [what, of, name] of [["made", Document, "createElement"], ["lowered", String, "toLowerCase"], ["compared", String, "includes"]]) {
	const done = of.prototype[name];
	window[what] = 0;
	of.prototype[name] = function (...all) { window[what]++; return done.apply(this, all); };
}`

// TestAReportOfManyRows: what a page of 100,000 rows does does not grow with them, but for one
// comparison a row of a filter. What there is to see first stands before the rows in the document;
// of the rows, those in sight are all that is made, laid out and replaced.
func TestAReportOfManyRows(t *testing.T) {
	alike, unlike := applied(t, 100_000), applied(t, 100_000)
	for i := range unlike.Outcome.Targets[0].Results {
		c := &unlike.Outcome.Targets[0].Results[i].Change
		want := *c.Want
		want[desired.OnFailure] = desired.Text(fmt.Sprintf("arn:aws:sqs:eu-west-1:111111111111:%016x", rand.Uint64()))
		c.Want = &want
	}
	for name, r := range map[string]*report.Run{"a few kinds of change": alike, "no two changes alike": unlike} {
		t.Run(name, func(t *testing.T) {
			html := document(t, r)
			p := open(t, serve(t, html), looks[0])
			if before := strings.Index(html, `id="data"`); before < 0 || before > 500_000 {
				t.Errorf("%d bytes stand before the rows", before)
			}
			p.until(`document.getElementById("shown").textContent !== ""`)
			if n := ask[int](p, `document.querySelectorAll("*").length`); n > 5_000 {
				t.Errorf("the page has %d elements", n)
			}
			p.search()
			p.do(chromedp.KeyEvent("orders-09"))
			filtered := ask[string](p, `document.documentElement.dataset.filtered`)
			if got := ask[string](p, `document.getElementById("shown").textContent`); got != "3,333 of 100,000 rows" {
				t.Errorf("filtered it shows %q", got)
			}
			p.do(chromedp.Evaluate[chromedp.Void](counting), chromedp.KeyEvent("9"))
			for what, most := range map[string]int{"made": 60 * 8, "lowered": 1, "compared": 100_000 + 60*8} {
				if n := ask[int](p, what); n == 0 || n > most {
					t.Errorf("for one key it has %s %d, want at most %d", what, n, most)
				}
			}
			p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("clear").click(); document.getElementById("view").scrollTop = 1e9`))
			p.until(`document.querySelector("#room .row:last-child")?.textContent.includes("payments-099998")`)
			if n := ask[int](p, drawn); n == 0 || n > 60 {
				t.Errorf("%d rows are drawn at the end", n)
			}
			paint := ask[float64](p, `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`)
			if len(html) > 8<<20 {
				t.Errorf("the page has %d bytes", len(html))
			}
			t.Logf("100,000 rows, %s: %d bytes, first paint after %.0f ms, a filter takes %s ms", name, len(html), paint, filtered)
		})
	}
}

func TestALongWordFitsAPhone(t *testing.T) {
	r := applied(t, 20)
	r.Stopped = "arn:aws:iam::111111111111:role/" + strings.Repeat("eventinvoke", 9)
	p := open(t, serve(t, document(t, r)), looks[2])
	p.until(`!document.getElementById("table").hidden`)
	p.check(looks[2])
}

func TestReportOnPaper(t *testing.T) {
	p := open(t, serve(t, document(t, applied(t, 200))), looks[1])
	p.until(`!document.getElementById("table").hidden`)
	if pdf := run(p, chromedp.PrintToPDF()); len(pdf) < 10_000 || !bytes.HasPrefix(pdf, []byte("%PDF")) {
		t.Errorf("the print has %d bytes", len(pdf))
	}
	if n := ask[int](p, drawn); n == 0 || n > 60 {
		t.Errorf("after the print %d rows are drawn", n)
	}
}

// station is a worker's pages, with a state that a test moves.
type station struct {
	mu    sync.Mutex
	state worker.State
	rate  float64
	full  bool // no more pages are followed
	board *web.Board
	url   string
	end   func()
}

func newStation(t *testing.T, targets int) *station {
	timetable, err := worker.Every(15 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s := &station{rate: 13.5, state: worker.State{Timetable: timetable, Started: time.Now(), Next: time.Now().Add(time.Minute), LastSuccess: time.Now(), LastAttempt: time.Now(),
		Fought: []insight.Fight{{Key: desired.Key{Target: prod, Name: desired.Name{Function: "orders", Qualifier: "live"}}, Author: insight.Author{Kind: "role", Name: "terraform", Client: "Terraform"}, Times: 3, Since: started}},
	}}
	var specs []desired.TargetSpec
	plan := &reconcile.Plan{}
	for i := range targets {
		target := desired.Target{Account: fmt.Sprintf("%012d", 111111111111+i/4), Region: []string{"eu-west-1", "eu-central-1", "us-east-1", "us-west-2"}[i%4]}
		specs = append(specs, desired.TargetSpec{Target: target, Label: fmt.Sprintf("team-%03d", i)})
		p := reconcile.TargetPlan{Target: target, Label: specs[i].Label, Declared: 120, InSync: 120 - i%7}
		for j := range i % 7 {
			p.Changes = append(p.Changes, reconcile.Change{Name: desired.Name{Function: fmt.Sprint("f", j), Qualifier: desired.Latest}, Action: reconcile.Update, Want: &desired.Config{}, Before: &reconcile.Settings{}})
		}
		if i%50 == 3 {
			p.Err = fmt.Errorf("AssumeRole: AccessDenied (403): User is not authorized to perform sts:AssumeRole on arn:aws:iam::%s:role/eventinvoke", target.Account)
		}
		plan.Targets = append(plan.Targets, p)
	}
	s.board = web.NewBoard(func() map[desired.Target]ratelimit.Snapshot {
		s.mu.Lock()
		defer s.mu.Unlock()
		all := map[desired.Target]ratelimit.Snapshot{}
		for _, t := range specs {
			all[t.Target] = ratelimit.Snapshot{Rate: s.rate, Ceiling: 13.5, Throttled: 2}
		}
		return all
	})
	s.board.Declare(specs)
	s.board.Lag("queue", func() string { return "nothing waits" })
	var packed bytes.Buffer
	to := gzip.NewWriter(&packed)
	to.Write([]byte(document(t, applied(t, 20))))
	to.Close()
	s.board.Report("run-1", true, packed.Bytes())
	s.board.Passed(worker.Report{Scope: worker.Scope{All: true}, Causes: []worker.Cause{worker.Start}, Started: time.Now().Add(-time.Minute), Finished: time.Now(), Result: worker.Result{RunID: "run-1", Plan: plan}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String() + "/"
	t.Cleanup(s.serve(t, listener))
	return s
}

// serve answers for the worker until it is ended, once.
func (s *station) serve(t *testing.T, listener net.Listener) (end func()) {
	done := make(chan struct{})
	pages := web.NewHandler(web.Options{State: func() worker.State {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.state
	}, Board: s.board, Version: "1.0.0", Done: done})
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		full := s.full
		s.mu.Unlock()
		if full && r.URL.Path == "/events" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		pages.ServeHTTP(w, r)
	})}}
	server.Start()
	s.end = sync.OnceFunc(func() { close(done); server.Close() })
	return s.end
}

func TestStatusPage(t *testing.T) {
	for _, targets := range []int{1, 200} {
		s := newStation(t, targets)
		for _, l := range looks {
			t.Run(fmt.Sprintf("%d-%s", targets, l.name), func(t *testing.T) {
				p := open(t, s.url, l)
				p.until(`document.getElementById("connection").textContent === "live"`)
				p.check(l)
				p.keep(fmt.Sprintf("status-%d-%s", targets, l.name))
				if targets > 1 {
					p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("f-text").focus()`), chromedp.KeyEvent("could not be read"))
					if got := ask[string](p, `document.getElementById("shown").textContent`); got != "4 of 200 targets" {
						t.Errorf("filtered it shows %q", got)
					}
				}
			})
		}
	}
}

func TestThePageFollowsARun(t *testing.T) {
	s := newStation(t, 1)
	p := open(t, s.url, looks[0])
	p.until(`document.getElementById("connection").textContent === "live"`)
	p.do(chromedp.Evaluate[chromedp.Void]("window.loadedOnce = true"))
	now := `document.querySelector("[data-live=now]").textContent`
	s.mu.Lock()
	s.state.Sweeping, s.rate = time.Now(), 6.5
	s.mu.Unlock()
	s.board.Observe(true, reconcile.Step{Phase: reconcile.PhaseSurvey, Done: 40, Total: 120})
	p.until(now + ` === "a sweep is under way: 40 of 120 read"`)
	p.until(`document.querySelector("[data-live=t0rate]").textContent === "6.5 of 13.5/s"`)
	p.until(`document.querySelector("[data-bar=bar]").getAttribute("width") === "33.3"`)
	if !ask[bool](p, "window.loadedOnce") {
		t.Error("the page was loaded anew to tell of a step")
	}
	plan := &reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: prod, Label: "team-000", Declared: 120, InSync: 118, Changes: make([]reconcile.Change, 2)}}}
	for i := range plan.Targets[0].Changes {
		plan.Targets[0].Changes[i].Action = reconcile.Create
	}
	s.mu.Lock()
	s.state.Sweeping = time.Time{}
	s.mu.Unlock()
	s.board.Passed(worker.Report{Scope: worker.Scope{All: true}, Started: time.Now(), Finished: time.Now(), Result: worker.Result{RunID: "run-2", Plan: plan}})
	p.until(`document.body.innerText.includes("2 configs drifted")`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('a[href="runs/run-1"]').click()`))
	p.until(`document.getElementById("shown")?.textContent === "20 of 20 rows"`)
}

// organization is a station over accounts of one organization, in one region each.
func organization(t *testing.T) (s *station, sweep func(run string, accounts ...string)) {
	s = newStation(t, 0)
	s.state.Fought = nil
	seen := map[string]bool{}
	sweep = func(run string, accounts ...string) {
		var specs []desired.TargetSpec
		var joined, left []string
		plan := &reconcile.Plan{}
		for _, account := range accounts {
			// An account that begins with 6 has no role yet.
			target := desired.Target{Account: account, Region: "eu-west-1"}
			p := reconcile.TargetPlan{Target: target, Label: "shop", Declared: 2, InSync: 2}
			if account[0] == '6' {
				p.Declared, p.InSync, p.Unknown = 0, 0, true
				p.Err = &callerr.Error{Op: "AssumeRole", Subject: target.String(), Kind: callerr.Denied, Status: 403, Code: "AccessDenied", Hint: "let the role trust the caller",
					Message: "User: arn:aws:sts::999999999999:assumed-role/eventinvoke-worker/i-0123456789abcdef0 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::" + account + ":role/eventinvoke"}
			}
			plan.Targets, specs = append(plan.Targets, p), append(specs, desired.TargetSpec{Target: target, Label: "shop"})
			if !seen[account] {
				joined = append(joined, account)
			}
			delete(seen, account)
		}
		for account := range seen {
			left = append(left, account)
		}
		clear(seen)
		for _, account := range accounts {
			seen[account] = true
		}
		s.board.Declare(specs)
		if run != "run-1" {
			s.board.Moved(time.Now(), "shop", joined, left)
		}
		result := worker.Result{RunID: run, Plan: plan}
		if err := result.Completed(); err != nil {
			s.mu.Lock()
			s.state.LastError = err.Error()
			s.mu.Unlock()
		}
		s.board.Passed(worker.Report{Scope: worker.Scope{All: true}, Started: time.Now(), Finished: time.Now(), Result: result})
	}
	return s, sweep
}

const (
	targetRows = `[...document.querySelectorAll("#target-table tbody tr")].map(r => r.innerText.replace(/\s+/g, " "))`
	pageText   = `document.body.innerText.replace(/\s+/g, " ")`
)

// What joins an organization and what leaves it shows on an open page, what cannot be read
// there is not called in sync, and neither the list nor who types notices that the page is new.
func TestAccountsComeAndGo(t *testing.T) {
	for _, l := range looks {
		t.Run(l.name, func(t *testing.T) {
			s, sweep := organization(t)
			var accounts []string
			for i := range 40 {
				accounts = append(accounts, fmt.Sprintf("%012d", 222222222200+i))
			}
			sweep("run-1", accounts...)
			p := open(t, s.url, l)
			p.until(`document.getElementById("connection").textContent === "live"`)
			if got := ask[string](p, pageText); !strings.Contains(got, "80 of 80 configs") || strings.Contains(got, "came and went") {
				t.Errorf("at first the page says\n%s", got)
			}
			p.do(chromedp.Evaluate[chromedp.Void](`window.loadedOnce = true; document.querySelector(".long").scrollTop = 500; document.getElementById("f-text").focus()`), chromedp.KeyEvent("eu"))
			top := ask[float64](p, `document.querySelector(".long").scrollTop`)
			sweep("run-2", append(accounts[1:], "555555555555", "666666666666", "666666666667")...)
			p.until(`document.body.innerText.includes("came and went")`)
			p.do(chromedp.KeyEvent("-west"))
			if got := ask[string](p, `document.activeElement.id + " " + document.activeElement.value`); got != "f-text eu-west" {
				t.Errorf("who types when the page becomes new is at %q", got)
			}
			if got := ask[float64](p, `document.querySelector(".long").scrollTop`); got != top || !ask[bool](p, "window.loadedOnce") {
				t.Errorf("the list was at %v and is at %v", top, got)
			}
			text := ask[string](p, pageText)
			for _, want := range []string{"shop: 3 accounts joined: 555555555555, 666666666666, 666666666667; 1 account left: 222222222200", "80 of ?", "2 targets not read",
				"2 targets (666666666666/eu-west-1, 666666666667/eu-west-1): AssumeRole: AccessDenied (403): User:", "next: let the role trust the caller"} {
				if !strings.Contains(text, want) {
					t.Errorf("the page does not say %q:\n%s", want, text)
				}
			}
			if n := strings.Count(text, "is not authorized"); n > 2 {
				t.Errorf("the page tells of one cause %d times", n)
			}
			if ask[bool](p, `!!document.querySelector(".ring")`) {
				t.Error("there is a share of what nobody knows")
			}
			rows := strings.Join(ask[[]string](p, targetRows), "\n")
			if strings.Contains(rows, "222222222200") || !strings.Contains(rows, "555555555555/eu-west-1 shop") || strings.Count(rows, "could not be read") != 2 || strings.Contains(rows, "666666666666/eu-west-1 shop could not be read 0") {
				t.Errorf("the targets are\n%s", rows)
			}
			p.check(l)
			p.keep("organization-" + l.name)
		})
	}
}

// A page that is open while the worker is replaced says so, and goes on with the new one.
func TestThePageOutlivesTheWorker(t *testing.T) {
	s := newStation(t, 1)
	p := open(t, s.url, looks[0])
	p.until(`document.getElementById("connection").textContent === "live"`)
	p.do(chromedp.Evaluate[chromedp.Void](`window.told = []; new MutationObserver(() => told.push(document.getElementById("connection").textContent)).observe(document.getElementById("connection"), { childList: true })`))
	s.end()
	p.until(`/^(the worker ended|not connected) since [0-9:]+ UTC$/.test(document.getElementById("connection").textContent)`)
	if !ask[bool](p, `document.getElementById("main").classList.contains("stale")`) {
		t.Error("numbers that nobody renews look like others")
	}
	p.until(`told.filter(text => text.startsWith("not connected")).length > 2`)
	if since := ask[[]string](p, `[...new Set(told.map(text => text.replace(/.* since/, "since")))]`); len(since) != 1 {
		t.Errorf("with each attempt the page is without a worker since another time: %q", since)
	}
	s.again(t)
	p.until(`document.getElementById("connection").textContent === "live" && document.body.innerText.includes("missing in AWS: refunds")`)
	if ask[bool](p, `document.getElementById("main").classList.contains("stale")`) {
		t.Error("numbers that are renewed look as if they were not")
	}
	p.forgive("ERR_CONNECTION_REFUSED")
	p.forgive("ERR_INCOMPLETE_CHUNKED_ENCODING")
}

// again is another worker in the place of the one that ended, after a sweep of its own.
func (s *station) again(t *testing.T) {
	s.board.Passed(worker.Report{Scope: worker.Scope{All: true}, Started: time.Now(), Finished: time.Now(), Result: worker.Result{RunID: "run-2", Plan: &reconcile.Plan{
		Targets: []reconcile.TargetPlan{{Target: prod, Label: "team-000", Declared: 120, InSync: 119, Findings: []reconcile.Finding{{Name: desired.Name{Function: "refunds", Qualifier: desired.Latest}, Kind: reconcile.FindingFunctionMissing}}}}}}})
	listener, err := net.Listen("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.serve(t, listener))
}

// A page that was followed and no longer is, as the new worker has too many, asks as rarely
// as one that never was.
func TestThePageIsNotFollowedAgain(t *testing.T) {
	s := newStation(t, 1)
	p := open(t, s.url, looks[0])
	p.until(`document.getElementById("connection").textContent === "live"`)
	p.do(chromedp.Evaluate[chromedp.Void](`window.waits = [], window.inTime = setTimeout; window.setTimeout = (f, ms) => { waits.push(ms); return inTime(f, ms === 30000 ? 200 : ms); }`))
	s.end()
	s.mu.Lock()
	s.full = true
	s.mu.Unlock()
	s.again(t)
	p.until(`waits.filter(ms => ms === 30000).length > 3 && document.body.innerText.includes("missing in AWS: refunds")`)
	if ask[bool](p, `waits.includes(1000)`) {
		t.Error("the page asks each second, and says each 30 s")
	}
	p.forgive("503")
	p.forgive("ERR_CONNECTION_REFUSED")
	p.forgive("ERR_INCOMPLETE_CHUNKED_ENCODING")
}

// Only pages that somebody sees take one of the connections that a browser has to a host, which are
// six. One that is seen again shows what is new.
func TestMorePagesThanABrowserHasConnections(t *testing.T) {
	s := newStation(t, 1)
	seen := func(p *tab, seen bool) {
		p.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`Object.defineProperty(document, "hidden", { configurable: true, get: () => %t }); document.dispatchEvent(new Event("visibilitychange"))`, !seen)))
	}
	live := `document.getElementById("connection").textContent === "live"`
	var first *tab
	for range 8 {
		p := open(t, s.url, looks[0])
		p.until(live)
		seen(p, false)
		first = cmp.Or(first, p)
	}
	first.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("connection").textContent = ""`))
	seen(first, true)
	first.until(live)
}

// One page more than are followed is renewed all the same, and says how.
func TestOnePageTooMany(t *testing.T) {
	s := newStation(t, 1)
	for {
		answer, err := http.Get(s.url + "events")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		if answer.StatusCode != http.StatusOK {
			break
		}
	}
	p := open(t, s.url, looks[0])
	p.until(`document.getElementById("connection").textContent === "not live, renewed every 30 s"`)
	p.forgive("503")
}

// A proxy between page and worker answers in place of a worker that is away, or asks who is
// there: nothing is renewed then, and the page says what it was answered.
func TestAProxyWithoutAWorker(t *testing.T) {
	for _, row := range []struct {
		status     int
		body, says string
	}{
		{http.StatusBadGateway, "<html><head><title>502 Bad Gateway</title></head></html>", "HTTP 502"},
		{http.StatusOK, "<html><main id=main><form>Log in</form></main><footer>Example Ltd</footer></html>", "another page answers, perhaps a login; reload"},
	} {
		t.Run(http.StatusText(row.status), func(t *testing.T) { proxyAnswers(t, row.status, row.body, row.says) })
	}
}

func proxyAnswers(t *testing.T, status int, body, says string) {
	s := newStation(t, 1)
	behind, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	var away atomic.Bool
	through := httputil.NewSingleHostReverseProxy(behind)
	through.ErrorLog = log.New(io.Discard, "", 0)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			io.WriteString(w, body)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	p := open(t, proxy.URL+"/", looks[0])
	p.until(`document.getElementById("connection").textContent === "live"`)
	away.Store(true)
	s.end()
	p.until(`/^not connected since .*: ` + says + `$/.test(document.getElementById("connection").textContent)`)
	if !ask[bool](p, `document.getElementById("main").classList.contains("stale")`) {
		t.Error("numbers that nobody renews look as if somebody did")
	}
	p.forgive("502")
	p.forgive("text/event-stream")
	p.forgive("ERR_CONNECTION_REFUSED")
	p.forgive("ERR_INCOMPLETE_CHUNKED_ENCODING")
}
