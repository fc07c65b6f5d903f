package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/internal/worker/web"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

const organizationFile = `version: 1
targets:
  - name: shop
    organization: { role: fleet, accounts: { exclude: ["100000000000"] }, regions: [eu-west-1, eu-north-1, us-east-1, us-west-2] }
rules: [{ match: { functions: ["*"] }, set: { maximum_retry_attempts: 2 } }]
`

// organizationOf is a scenario of the account that manages an organization, and of others.
func organizationOf(accounts ...int) *awssim.Scenario {
	s := &awssim.Scenario{Version: 1, Quota: awssim.Quota{Rate: 15, Burst: 15}, Accounts: []awssim.Account{{Account: "100000000000"}}}
	for _, i := range accounts {
		s.Accounts = append(s.Accounts, awssim.Account{Account: fmt.Sprintf("%012d", 100_000_000_000+i), Regions: map[string]awssim.Region{
			region: {Functions: []awssim.Function{{Name: "f"}}},
		}})
	}
	return s
}

// changing is a world in whose place another one may step.
type changing struct{ *awssim.World }

func (c *changing) Do(r *http.Request) (*http.Response, error) { return c.World.Do(r) }

// Two hundred accounts in four regions cost a whole run of the program eleven requests of
// Organizations, and one role each.
func TestTwoHundredAccountsInFourRegions(t *testing.T) {
	var accounts []int
	for i := range 200 {
		accounts = append(accounts, i+1)
	}
	path := write(t, organizationFile)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, organizationOf(accounts...))
		code, got := through(t, w, "audit", path)
		calls := w.Counts().ByOperation
		if code != exitOK || got.Summary.InSync != 200 || calls["ListFunctions"] != 800 || calls["AssumeRole"] != 200 {
			t.Errorf("exit code %d, %+v, %v", code, got.Summary, calls)
		}
		if n := calls["ListAccounts"] + calls["ListAccountsForParent"] + calls["ListOrganizationalUnitsForParent"] + calls["ListRegions"]; n != 11 {
			t.Errorf("%d requests of Organizations, want 11", n)
		}
	})
}

// A worker follows the organization: what joined is looked at, nothing is left of what
// left, neither a number nor a limiter, and while nobody says which accounts there are it
// goes on with those it knows and says that.
func TestAWorkerFollowsItsOrganization(t *testing.T) {
	path := write(t, organizationFile)
	synctest.Test(t, func(t *testing.T) {
		world := &changing{newWorld(t, organizationOf(1, 2))}
		s, w := startServer(t, path, world, true)
		pages := web.NewHandler(web.Options{State: w.State, Board: s.board})
		tells := func(want string) {
			t.Helper()
			page := httptest.NewRecorder()
			pages.ServeHTTP(page, httptest.NewRequest("GET", "/", nil))
			if !strings.Contains(page.Body.String(), want) {
				t.Errorf("the status page does not say %q:\n%s", want, page.Body)
			}
		}
		sweep := func() string {
			w.Wake(worker.Wake{Cause: worker.Signal}) // whoever asks need not wait for membersFor
			time.Sleep(time.Minute)
			synctest.Wait()
			page := httptest.NewRecorder()
			s.metrics.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
			return page.Body.String()
		}
		has := func(series string, accounts ...string) {
			t.Helper()
			for _, account := range []string{"100000000001", "100000000002", "100000000003"} {
				if want := strings.Contains(strings.Join(accounts, " "), account); strings.Contains(series, account) != want {
					t.Errorf("%s is shown: %v", account, !want)
				}
			}
		}
		has(sweep(), "100000000001", "100000000002")
		world.World = newWorld(t, organizationOf(2, 3))
		has(sweep(), "100000000002", "100000000003")
		tells("shop: 1 account joined: 100000000003; 1 account left: 100000000001")
		denied := organizationOf(3)
		denied.Accounts[0].Deny = []string{"organizations:*"}
		world.World = newWorld(t, denied)
		has(sweep(), "100000000002", "100000000003")
		if problem := w.State().FleetProblem; !strings.Contains(problem, "ListAccounts shop: AccessDeniedException") || !strings.Contains(problem, "stay in force") {
			t.Errorf("the problem of the fleet is %q", problem)
		}
		tells("the accounts of an organization cannot be listed since")
		world.World = newWorld(t, organizationOf(3))
		has(sweep(), "100000000003")
		if problem := w.State().FleetProblem; problem != "" {
			t.Errorf("the problem of the fleet is %q", problem)
		}
	})
}

// Who joined and who left is told by the log, by the status page and by the report of the pass;
// by a worker that has just begun too, where runs are remembered. A clock alone asks anew only
// after membersFor.
func TestAWorkerTellsWhoJoinedAndLeft(t *testing.T) {
	path, place := write(t, strings.Replace(organizationFile, "attempts: 2", "attempts: 1", 1)), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		world := &changing{newWorld(t, organizationOf(1, 2))}
		var log bytes.Buffer
		begin := func() *server {
			a := &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, log: slog.New(slog.NewTextHandler(&log, nil))}
			o := &serveOptions{every: time.Hour, settle: worker.DefaultSettle, apply: true, listen: defaultListen}
			o.simulate, o.simulator, o.location = "world", world, place
			if err := o.check(); err != nil {
				t.Fatal(err)
			}
			s, err := a.newServer([]string{path}, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.close)
			return s
		}
		before := map[*server]bool{}
		told := func(s *server, scope worker.Scope, want string) {
			t.Helper()
			log.Reset()
			scope.All = true
			r, result := s.run(t.Context(), scope)
			if result.Plan == nil {
				t.Fatal(result.Err)
			}
			s.board.Passed(worker.Report{Scope: scope, Started: r.Started, Finished: time.Now(), Result: result})
			pages := web.NewHandler(web.Options{State: func() worker.State { return worker.State{} }, Board: s.board, Done: t.Context().Done()})
			for _, page := range []string{"/", "/runs/" + r.ID} {
				got := httptest.NewRecorder()
				pages.ServeHTTP(got, httptest.NewRequest("GET", "http://localhost"+page, nil))
				expected := want != "" || page == "/" && before[s] // it lists the passes before
				if is := strings.Contains(got.Body.String(), ": 1 account joined: ") || strings.Contains(got.Body.String(), "1 joined, 1 left since"); got.Code != 200 || is != expected {
					t.Errorf("%s: %d, and who joined is told: %v", page, got.Code, is)
				}
			}
			before[s] = before[s] || want != ""
			if strings.Contains(log.String(), "joined=") != (want != "") || !strings.Contains(log.String(), want) {
				t.Errorf("want %q in the log:\n%s", want, log.String())
			}
		}
		const change = "joined=[100000000003] left=[100000000001]"
		s := begin()
		told(s, worker.Scope{}, "")
		world.World = newWorld(t, organizationOf(2, 3))
		told(s, worker.Scope{}, "")
		told(s, worker.Scope{Asked: true}, change)
		told(s, worker.Scope{Asked: true}, "")

		told(begin(), worker.Scope{}, "")
		world.World = newWorld(t, organizationOf(1, 2))
		s = begin()
		told(s, worker.Scope{}, "joined=[100000000001] left=[100000000003]")
		world.World = newWorld(t, organizationOf(2, 3))
		told(begin(), worker.Scope{}, change)

		// A process tells it once, also where nothing is written that would remember it.
		world.World = newWorld(t, organizationOf(1, 2))
		for _, account := range []string{"100000000001", "100000000002"} {
			if err := world.SetRecord(account, region, "f", "", awssim.Record{MaximumRetryAttempts: new(1)}); err != nil {
				t.Fatal(err)
			}
		}
		s = begin()
		told(s, worker.Scope{}, "joined=[100000000001] left=[100000000003]")
		s.swept = nil // as in each invocation of a Lambda function
		told(s, worker.Scope{}, "")
	})
}

// A Lambda function that makes no sweep asks again as well: of what joined it is told by an
// item, or by an event.
func TestAFunctionWithoutSweepsFollowsItsOrganization(t *testing.T) {
	path := write(t, organizationFile)
	synctest.Test(t, func(t *testing.T) {
		world := &changing{newWorld(t, organizationOf(1))}
		a := &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
		o := &serveOptions{settle: worker.DefaultSettle}
		o.simulate, o.simulator, o.location = "world", world, noHistory
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		s, err := a.newServer([]string{path}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		h := &handler{server: s, emf: metrics.EMF{Out: io.Discard}}
		item := json.RawMessage(`{"target": "100000000002/` + region + `", "label": "shop", "account": "100000000002", "region": "` + region + `"}`)
		if _, err := h.invoke(t.Context(), item); err == nil || !strings.Contains(err.Error(), "is no target of this fleet") {
			t.Errorf("before it joined: %v", err)
		}
		world.World = newWorld(t, organizationOf(1, 2))
		time.Sleep(membersFor)
		if got, err := h.invoke(t.Context(), item); err != nil || got.InSync != 1 {
			t.Errorf("after it joined: %+v, %v", got, err)
		}
		if n := world.Counts().ByOperation["ListAccounts"]; n != 1 {
			t.Errorf("%d calls of ListAccounts, want 1", n)
		}
	})
}

// After a sweep the limiters of targets that have left go, but not that of one that joined
// while the sweep went on: a pass over an event may be under way there.
func TestWhatIsKeptOfTargets(t *testing.T) {
	c, err := newClients(func() []desired.TargetSpec { return nil }, &readOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	swept, joined, left := desired.Target{Account: account, Region: region}, desired.Target{Account: account, Region: "eu-central-1"}, desired.Target{Account: account, Region: "us-east-1"}
	for _, target := range []desired.Target{swept, joined, left} {
		c.registry.For(target)
	}
	c.keep([]reconcile.OpenTarget{{Target: swept}}, []desired.TargetSpec{{Target: joined}})
	for target, want := range map[desired.Target]bool{swept: true, joined: true, left: false} {
		if _, kept := c.snapshots()[target]; kept != want {
			t.Errorf("%s: kept is %v, want %v", target, kept, want)
		}
	}
}
