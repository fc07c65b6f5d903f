package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

const (
	second = "222222222222"
	third  = "333333333333"
)

// company is three accounts with the function orders in two regions each. The
// base credentials are of the first; the role fleet leads to the others, and the
// third refuses it.
func company() *awssim.Scenario {
	regions := func() map[string]awssim.Region {
		return map[string]awssim.Region{
			"eu-west-1": {Functions: []awssim.Function{{Name: "orders"}}},
			"us-east-1": {Functions: []awssim.Function{{Name: "orders"}}},
		}
	}
	return &awssim.Scenario{Version: 1, Accounts: []awssim.Account{
		{Account: account, Regions: regions()},
		{Account: second, Regions: regions(), Roles: []awssim.Role{{Name: "fleet", ExternalID: "fleet-7"}}},
		{Account: third, Regions: regions(), Roles: []awssim.Role{{Name: "fleet", Refuse: true}}},
	}}
}

const companyFleet = `version: 1
targets:
  - { name: home, account: "111111111111", regions: [eu-west-1] }
  - { name: shop, account: "222222222222", regions: [eu-west-1, us-east-1], role_arn: "arn:aws:iam::222222222222:role/fleet", external_id: fleet-7 }
  - { name: lost, account: "333333333333", regions: [us-east-1], role_arn: "arn:aws:iam::333333333333:role/fleet" }
functions:
  - { name: orders, maximum_retry_attempts: 2 }
`

// lambdaCalls counts calls to Lambda by "account/region".
func lambdaCalls(w *awssim.World) map[string]int {
	calls := map[string]int{}
	for _, c := range w.Calls() {
		if c.Operation != "AssumeRole" && c.Operation != "GetCallerIdentity" {
			calls[c.Account+"/"+c.Region]++
		}
	}
	return calls
}

// One account that cannot be assumed is unreadable; the others go on, and the
// exit code says that not all was read. Two regions share one assumed session.
func TestAnAccountThatCannotBeAssumed(t *testing.T) {
	path := write(t, companyFleet)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, company())
		var sessions []string
		code, got := through(t, &between{World: w, before: func(r *http.Request) {
			if f := form(t, r); f.Get("Action") == "AssumeRole" {
				sessions = append(sessions, f.Get("RoleArn")+" "+f.Get("ExternalId")+" "+f.Get("RoleSessionName"))
			}
		}}, "audit", path)
		if code != exitPartial || got.Summary.InSync != 3 || got.Summary.Unreadable != 1 {
			t.Errorf("exit code %d, %+v", code, got.Summary)
		}
		for _, target := range got.Targets {
			if failed := target.Error != nil; failed != (target.Account == third) {
				t.Errorf("%s/%s: %+v", target.Account, target.Region, target.Error)
			}
			if target.Error != nil && (target.Error.Kind != "credentials" || !strings.Contains(target.Error.Hint, "trust policy")) {
				t.Errorf("the error does not help: %+v", target.Error)
			}
		}
		want := map[string]int{"111111111111/eu-west-1": 1, "222222222222/eu-west-1": 1, "222222222222/us-east-1": 1}
		if diff := cmp.Diff(want, lambdaCalls(w)); diff != "" {
			t.Errorf("calls to Lambda: %s", diff)
		}
		shop := "arn:aws:iam::222222222222:role/fleet fleet-7 eventinvoke-" + got.RunID
		n := 0
		for _, s := range sessions {
			if s == shop {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q was asked for %d times, want once: %q", shop, n, sessions)
		}
	})
}

// Credentials of another account than declared stop the target before any other
// call, and only that target.
func TestAnotherAccountThanDeclared(t *testing.T) {
	path := write(t, `version: 1
targets:
  - { name: home, account: "111111111111", regions: [eu-west-1] }
  - { name: typo, account: "444444444444", regions: [us-east-1] }
functions:
  - { name: orders, maximum_retry_attempts: 0 }
`)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, company())
		code, got := through(t, w, "apply", path)
		if code != exitPartial || got.Summary.Created != 1 || got.Summary.Unreadable != 1 {
			t.Errorf("exit code %d, %+v", code, got.Summary)
		}
		for place := range lambdaCalls(w) {
			if place != "111111111111/eu-west-1" {
				t.Errorf("Lambda was called in %s, of which the target is not", place)
			}
		}
		if e := got.Targets[1].Error; e == nil || !strings.Contains(e.Message, "the credentials are of account 111111111111") {
			t.Errorf("%+v", e)
		}
	})
}

// What --target leaves out costs no call: no role is assumed for it.
func TestNarrowingOpensOnlyWhatItNames(t *testing.T) {
	path := write(t, companyFleet)
	for _, row := range []struct {
		why     string
		targets []string
		assumed int
		calls   map[string]int
	}{
		{"a target of the base credentials", []string{"home"}, 0, map[string]int{"111111111111/eu-west-1": 1}},
		{"one region of two", []string{"222222222222/us-east-1"}, 1, map[string]int{"222222222222/us-east-1": 1}},
		{"a label of two regions", []string{"shop"}, 1, map[string]int{"222222222222/eu-west-1": 1, "222222222222/us-east-1": 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, company())
			if code, got := through(t, w, "audit", path, row.targets...); code != exitOK {
				t.Errorf("%s: exit code %d, %+v", row.why, code, got.Summary)
			}
			if n := w.Counts().ByOperation["AssumeRole"]; n != row.assumed {
				t.Errorf("%s: %d roles were assumed, want %d", row.why, n, row.assumed)
			}
			if diff := cmp.Diff(row.calls, lambdaCalls(w)); diff != "" {
				t.Errorf("%s: calls to Lambda: %s", row.why, diff)
			}
		})
	}
}

// Sessions of plan and audit may not write, whatever the role may do: AWS itself
// refuses a write that is sent with their credentials. Those of apply may.
func TestSessionsThatOnlyReadCannotWrite(t *testing.T) {
	path := write(t, companyFleet)
	for _, row := range []struct {
		verb   string
		policy bool
		status int
	}{
		{"plan", true, http.StatusForbidden},
		{"audit", true, http.StatusForbidden},
		{"apply", false, http.StatusOK},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, company())
			var policies []string
			var list *http.Request
			through(t, &between{World: w, before: func(r *http.Request) {
				if f := form(t, r); f.Get("Action") == "AssumeRole" {
					policies = append(policies, f.Get("Policy"))
				}
				if strings.HasSuffix(r.URL.Path, "/event-invoke-config/list") {
					list = r
				}
			}}, row.verb, path, "222222222222/us-east-1")
			if len(policies) != 1 || (policies[0] != "") != row.policy {
				t.Errorf("%s: the session policies are %q", row.verb, policies)
			}
			if list == nil {
				t.Fatalf("%s read nothing", row.verb)
			}
			write := list.Clone(t.Context())
			write.Method, write.URL.Path = http.MethodPut, strings.TrimSuffix(list.URL.Path, "/list")
			write.Body, write.ContentLength = bodyOf(`{"MaximumRetryAttempts":0}`)
			response, err := w.Do(write)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != row.status {
				t.Errorf("%s: a write with its credentials is answered %d, want %d: %s", row.verb, response.StatusCode, row.status, content(t, response))
			}
		})
	}
}

// Credentials that end in the middle of a run are fetched anew, once, and no
// function is lost over it.
func TestCredentialsThatExpireInMidRun(t *testing.T) {
	path := write(t, `version: 1
targets:
  - { name: shop, account: "222222222222", regions: [eu-west-1], role_arn: "arn:aws:iam::222222222222:role/fleet", external_id: fleet-7 }
rules:
  - match: { functions: ["*"] }
    set: { maximum_retry_attempts: 2 }
`)
	scenario := company()
	scenario.Accounts[1].Regions["eu-west-1"] = awssim.Region{Functions: []awssim.Function{{Name: "f-%02d", Count: 60}}}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, scenario)
		lists := 0
		code, got := through(t, &between{World: w, before: func(r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/event-invoke-config/list") {
				if lists++; lists == 30 {
					w.ExpireSessions(second)
				}
			}
		}}, "audit", path)
		if code != exitOK || got.Summary.InSync != 60 {
			t.Errorf("exit code %d, %+v", code, got.Summary)
		}
		if n := w.Counts().ByOperation["AssumeRole"]; n != 2 {
			t.Errorf("the role was assumed %d times, want twice", n)
		}
		if n := w.Counts().ByOutcome["403 ExpiredTokenException"]; n == 0 {
			t.Errorf("no call met the end of the session, and this test shows nothing: %v", w.Counts().ByOutcome)
		}
	})
}

// A function without the alias that a rule asks for is skipped and counted; an
// entry that names one outright is a finding.
func TestARuleWhoseAliasIsAbsent(t *testing.T) {
	path := write(t, `version: 1
targets:
  - { name: home, account: "111111111111", regions: [eu-west-1] }
rules:
  - match: { functions: ["*"], qualifiers: [live] }
    set: { maximum_retry_attempts: 0 }
functions:
  - { name: "orders:blue", maximum_retry_attempts: 0 }
`)
	scenario := company()
	scenario.Accounts[0].Regions["eu-west-1"] = awssim.Region{Functions: []awssim.Function{
		{Name: "orders"}, {Name: "mail", Aliases: []string{"live"}}, {Name: "bare"},
	}}
	synctest.Test(t, func(t *testing.T) {
		code, got := through(t, newWorld(t, scenario), "plan", path)
		if code != exitPartial || got.Summary.Skipped != 2 || got.Summary.ToCreate != 1 || got.Summary.MissingQualifiers != 1 {
			t.Errorf("exit code %d, %+v", code, got.Summary)
		}
	})
}
