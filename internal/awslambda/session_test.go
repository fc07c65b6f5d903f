package awslambda

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

const second = "222222222222"

func roleIn(account string) string { return "arn:aws:iam::" + account + ":role/path/fleet" }

// twoAccounts is a world with the function orders in two accounts and regions.
func twoAccounts() *awssim.Scenario {
	s := &awssim.Scenario{}
	for _, account := range []string{here.Account, second} {
		regions := map[string]awssim.Region{}
		for _, region := range []string{"us-east-1", "eu-west-1"} {
			regions[region] = awssim.Region{Functions: []awssim.Function{{Name: "orders"}}}
		}
		s.Accounts = append(s.Accounts, awssim.Account{
			Account: account, Regions: regions,
			Roles: []awssim.Role{{Name: "fleet", ExternalID: "x-" + account}},
		})
	}
	return s
}

// openIn is a session whose base credentials are of the world's first account.
func openIn(t *testing.T, w *awssim.World, access Access) *Session {
	t.Helper()
	s, err := Open(t.Context(), Options{
		RunID: "run/7", Access: access, Limiters: registry(t),
		Environment: Environment{Region: here.Region, Credentials: keysOf(here.Account), HTTPClient: w},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func target(account, region, role, externalID string) desired.TargetSpec {
	return desired.TargetSpec{Target: desired.Target{Account: account, Region: region}, RoleARN: role, ExternalID: externalID}
}

func TestAmbient(t *testing.T) {
	w := worldOf(t, twoAccounts())
	s := openIn(t, w, ReadOnly)
	for range 2 {
		got, arn, err := s.Ambient(t.Context())
		if err != nil || got != here || arn != "arn:aws:iam::111111111111:user/simulated" {
			t.Errorf("got %v, %q, %v", got, arn, err)
		}
	}
	if n := w.Counts().ByOperation[opGetCallerIdentity]; n != 1 {
		t.Errorf("asked STS %d times for one set of credentials", n)
	}
}

// TestTargets: regions share the credentials of their account, each set is checked
// once, and a target that cannot be opened stays alone with its error.
func TestTargets(t *testing.T) {
	w := worldOf(t, twoAccounts())
	s := openIn(t, w, ReadWrite)
	const trust = "let the trust policy of %s name the caller and the declared external_id, and allow the caller sts:AssumeRole on it"
	rows := []struct {
		why    string
		target desired.TargetSpec
		kind   callerr.Kind
		hint   string
	}{
		{"base credentials", target(here.Account, "us-east-1", "", ""), 0, ""},
		{"the same in another region", target(here.Account, "eu-west-1", "", ""), 0, ""},
		{"a role", target(second, "us-east-1", roleIn(second), "x-"+second), 0, ""},
		{"the same role in another region", target(second, "eu-west-1", roleIn(second), "x-"+second), 0, ""},
		{"the wrong external id", target(second, "us-east-1", roleIn(second), "wrong"), callerr.Credentials, fmt.Sprintf(trust, roleIn(second))},
		{"base credentials for another account", target("333333333333", "us-east-1", "", ""), callerr.Credentials,
			"set role_arn on the target to a role of account 333333333333, or use credentials of that account"},
		{"a role of another account", target("333333333333", "us-east-1", roleIn(second), "x-"+second), callerr.Credentials,
			roleIn(second) + " belongs to account 222222222222: correct role_arn or account"},
	}
	var targets []desired.TargetSpec
	for _, r := range rows {
		targets = append(targets, r.target)
	}
	opened := s.Open(t.Context(), targets)
	for i, r := range rows {
		o := opened[i]
		if o.Target != r.target.Target {
			t.Errorf("%s: the row of %v came back as %v", r.why, r.target.Target, o.Target)
		}
		if r.kind == 0 {
			if o.Err != nil || o.Reader == nil || o.Writer == nil || o.Finder == nil {
				t.Errorf("%s: %+v", r.why, o)
			} else if _, err := o.Reader.ListConfigs(t.Context(), "orders", ""); err != nil {
				t.Errorf("%s: %v", r.why, err)
			}
			continue
		}
		if o.Reader != nil || o.Limiter != nil {
			t.Errorf("%s: has a reader in spite of %v", r.why, o.Err)
		}
		ce := callErrorOf(t, o.Err)
		if ce.Kind != r.kind || ce.Hint != r.hint || ce.Subject != r.target.Target.String() {
			t.Errorf("%s: got %v %q about %s", r.why, ce.Kind, ce.Hint, ce.Subject)
		}
	}
	if got := opened[2].CallerARN; got != "arn:aws:sts::222222222222:assumed-role/fleet/eventinvoke-run-7" {
		t.Errorf("the session is %s", got)
	}
	want := map[string]int{opAssumeRole: 2, opGetCallerIdentity: 2, opListConfigs: 4}
	if d := cmp.Diff(want, w.Counts().ByOperation); d != "" {
		t.Error(d)
	}
}

// TestReadOnlySession: AWS itself refuses the writes of a session that was
// assumed for reading, even those of a Writer.
func TestReadOnlySession(t *testing.T) {
	w := worldOf(t, twoAccounts())
	o := openIn(t, w, ReadOnly).Open(t.Context(), []desired.TargetSpec{target(second, "us-east-1", roleIn(second), "x-"+second)})[0]
	if o.Err != nil || o.Writer != nil {
		t.Fatalf("%+v", o)
	}
	for _, op := range []string{opListConfigs, opListAliases, opListVersions, opListFunctions, opGetResources} {
		if err := operate(t.Context(), o.Reader.(*Reader).conn, op, orders); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	for _, op := range []string{opPut, opUpdate, opDelete} {
		if err := operate(t.Context(), o.Reader.(*Reader).conn, op, orders); callerr.KindOf(err) != callerr.Denied {
			t.Errorf("%s: %v", op, err)
		}
	}
	if n := w.Counts().Applied; n != 0 {
		t.Errorf("%d writes were carried out", n)
	}
}

// TestExpiredSession: credentials that end before their time cost one more try.
func TestExpiredSession(t *testing.T) {
	w := worldOf(t, twoAccounts())
	o := openIn(t, w, ReadOnly).Open(t.Context(), []desired.TargetSpec{target(second, "us-east-1", roleIn(second), "x-"+second)})[0]
	w.ExpireSessions(second)
	_, err := o.Reader.ListConfigs(t.Context(), "orders", "")
	if outcome, _ := ratelimit.ResultOf(err); outcome != ratelimit.ClockSkew || callerr.KindOf(err) != callerr.Credentials {
		t.Errorf("first: %v: %v", outcome, err)
	}
	if _, err := o.Reader.ListConfigs(t.Context(), "orders", ""); err != nil {
		t.Errorf("second: %v", err)
	}
	if n := w.Counts().ByOperation[opAssumeRole]; n != 2 {
		t.Errorf("the role was assumed %d times", n)
	}
}

// TestRefreshAhead: a session is replaced before it ends, so a long run never
// meets the end.
func TestRefreshAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, twoAccounts())
		o := openIn(t, w, ReadOnly).Open(t.Context(), []desired.TargetSpec{target(second, "us-east-1", roleIn(second), "x-"+second)})[0]
		for range 29 {
			time.Sleep(4 * time.Minute) // close to two hours in all, virtual
			if _, err := o.Reader.ListConfigs(t.Context(), "orders", ""); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.Counts().ByOperation[opAssumeRole]; n != 3 {
			t.Errorf("the role was assumed %d times in 116 minutes, want 3: one for each 55", n)
		}
	})
}

// TestOneLimiterPerAccount: AWS counts by account and region, whoever calls.
func TestOneLimiterPerAccount(t *testing.T) {
	w := worldOf(t, twoAccounts())
	s := openIn(t, w, ReadOnly)
	role := roleIn(here.Account)
	o := s.Open(t.Context(), []desired.TargetSpec{
		target(here.Account, "us-east-1", "", ""),
		target(here.Account, "us-east-1", role, "x-"+here.Account),
		target(here.Account, "eu-west-1", role, "x-"+here.Account),
		target(second, "us-east-1", roleIn(second), "x-"+second),
	})
	if o[0].Limiter != o[1].Limiter {
		t.Error("two profiles of one account have two limiters")
	}
	if o[0].Limiter == o[2].Limiter || o[0].Limiter == o[3].Limiter {
		t.Error("two regions or accounts share a limiter")
	}
	for _, i := range []int{0, 1} {
		if _, err := o[i].Reader.ListConfigs(t.Context(), "orders", ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := o[0].Limiter.Snapshot().Granted(); n != 2 {
		t.Errorf("two calls by two profiles took %d tokens of the one limiter", n)
	}
}

// TestTargetsAtOnce: opening many accounts takes the time of a few.
func TestTargetsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scenario := &awssim.Scenario{Latency: time.Second}
		var targets []desired.TargetSpec
		for i := range 32 {
			account := fmt.Sprintf("%012d", 100+i)
			scenario.Accounts = append(scenario.Accounts, awssim.Account{Account: account})
			targets = append(targets, target(account, "us-east-1", roleIn(account), ""))
		}
		s, err := Open(t.Context(), Options{RunID: "r", Limiters: registry(t), Environment: Environment{Region: "us-east-1", Credentials: keysOf("000000000100"), HTTPClient: worldOf(t, scenario)}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for _, o := range s.Open(t.Context(), targets) {
			if o.Err != nil {
				t.Error(o.Err)
			}
		}
		// Two calls each, 16 at a time.
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("32 accounts took %v", took)
		}
	})
}

func TestSessionName(t *testing.T) {
	tests := []struct{ why, run, want string }{
		{"as it is", "20260102T030405Z-ab12", "eventinvoke-20260102T030405Z-ab12"},
		{"STS takes no slashes, colons or spaces", "a/b:c d", "eventinvoke-a-b-c-d"},
		{"nor more than 64 characters", strings.Repeat("x", 80), "eventinvoke-" + strings.Repeat("x", 52)},
	}
	for _, tt := range tests {
		if got := sessionName(tt.run); got != tt.want {
			t.Errorf("%s: %s", tt.why, got)
		}
	}
}

func TestReadOnlyPolicy(t *testing.T) {
	const want = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` +
		`"cloudtrail:LookupEvents","events:DescribeEventBus","s3:ListBucket","sns:GetTopicAttributes","sqs:GetQueueUrl","sqs:ListQueues","tag:GetResources",` +
		`"lambda:ListAliases","lambda:ListFunctionEventInvokeConfigs","lambda:ListFunctions","lambda:ListVersionsByFunction"],"Resource":"*"}]}`
	if got := readOnlyPolicy(); got != want || len(got) > 2048 {
		t.Errorf("got %s", got)
	}
}
