package awssim_test

import (
	"encoding/xml"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// stsReply holds what the tests read of all three answers.
type stsReply struct {
	Arn     string `xml:"GetCallerIdentityResult>Arn"`
	Account string `xml:"GetCallerIdentityResult>Account"`
	Key     string `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
	Token   string `xml:"AssumeRoleResult>Credentials>SessionToken"`
	Until   string `xml:"AssumeRoleResult>Credentials>Expiration"`
	Session string `xml:"AssumeRoleResult>AssumedRoleUser>Arn"`
	Code    string `xml:"Error>Code"`
	Message string `xml:"Error>Message"`
}

func (c client) sts(action string, args ...string) (int, stsReply) {
	c.t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2011-06-15"}}
	for i := 0; i < len(args); i += 2 {
		form.Set(args[i], args[i+1])
	}
	c.service = "sts"
	r := c.call("POST", "/", form.Encode())
	var s stsReply
	if err := xml.Unmarshal([]byte(r.body), &s); err != nil {
		c.t.Fatalf("%v in %s", err, r.body)
	}
	return r.status, s
}

// assume returns a client with the session of a role.
func (c client) assume(role string, args ...string) client {
	c.t.Helper()
	status, s := c.sts("AssumeRole", append([]string{"RoleArn", role, "RoleSessionName", "tests"}, args...)...)
	if status != 200 {
		c.t.Fatalf("assume %s: %d %s %s", role, status, s.Code, s.Message)
	}
	c.key, c.token = s.Key, s.Token
	return c
}

func twoAccounts() *awssim.Scenario {
	s := factsWorld()
	s.Accounts = append(s.Accounts, awssim.Account{
		Account: other,
		Roles: []awssim.Role{
			{Name: "fleet", ExternalID: "fleet-7"}, {Name: "refused", Refuse: true},
			{Name: "limited", Deny: []string{"lambda:Put*"}}, {Name: "short", ExpiresAfter: time.Minute},
		},
		Regions: map[string]awssim.Region{"eu-west-1": {Functions: []awssim.Function{{Name: "f"}}}},
	})
	return s
}

const otherRole = "arn:aws:iam::222222222222:role/"

func TestCallerIdentity(t *testing.T) {
	w := newWorld(t, twoAccounts())
	for _, row := range []struct{ why, key, account, code string }{
		{"a key of 12 digits selects its account", "AKIA222222222222", other, ""},
		{"so does a temporary one", "ASIA222222222222", other, ""},
		{"any other key selects the first", "AKIAIOSFODNN7EXAMPLE", account, ""},
		{"a word will do", "test", account, ""},
		{"an account that is not there is not taken for another", "AKIA333333333333", "", "InvalidClientTokenId"},
	} {
		c := by(t, w)
		c.key = row.key
		if _, s := c.sts("GetCallerIdentity"); s.Account != row.account || s.Code != row.code {
			t.Errorf("%s: account %q, code %q", row.why, s.Account, s.Code)
		}
	}
	if _, s := by(t, w).sts("GetFederationToken"); s.Code != "InvalidAction" || !strings.Contains(s.Message, "GetFederationToken") {
		t.Errorf("an action that is not modelled: %+v", s)
	}
}

func TestAssumeRole(t *testing.T) {
	w := newWorld(t, twoAccounts())
	base := by(t, w)
	for _, row := range []struct {
		why, role, code string
		args            []string
	}{
		{"the external id is demanded", otherRole + "fleet", "AccessDenied", nil},
		{"and compared", otherRole + "fleet", "AccessDenied", []string{"ExternalId", "fleet-8"}},
		{"a refused role", otherRole + "refused", "AccessDenied", nil},
		{"a role that is not declared, where others are", otherRole + "nobody", "AccessDenied", nil},
		{"an account that is not there", "arn:aws:iam::333333333333:role/fleet", "AccessDenied", nil},
		{"not a role", "arn:aws:iam::222222222222:user/fleet", "ValidationError", nil},
		{"a session of one letter", otherRole + "limited", "ValidationError", []string{"RoleSessionName", "x"}},
		{"a session too short", otherRole + "limited", "ValidationError", []string{"DurationSeconds", "899"}},
		{"a policy that is not one", otherRole + "limited", "MalformedPolicyDocument", []string{"Policy", "{"}},
		{"a policy that says nothing", otherRole + "limited", "MalformedPolicyDocument", []string{"Policy", `{"Statement":[]}`}},
		{"managed policies are not modelled, and not ignored", otherRole + "limited", "ValidationError", []string{"PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"}},
	} {
		args := append([]string{"RoleArn", row.role, "RoleSessionName", "tests"}, row.args...)
		if status, s := base.sts("AssumeRole", args...); s.Code != row.code || status < 400 || s.Token != "" {
			t.Errorf("%s: %d %+v", row.why, status, s)
		}
	}
	c := base.assume("arn:aws:iam::222222222222:role/path/of/fleet", "ExternalId", "fleet-7")
	_, s := c.sts("GetCallerIdentity")
	if want := "arn:aws:sts::222222222222:assumed-role/fleet/tests"; s.Arn != want || s.Account != other {
		t.Errorf("identity %q in %s, want %q", s.Arn, s.Account, want)
	}
	c.region = "eu-west-1"
	if r := c.call("GET", fList, ""); r.status != 200 {
		t.Errorf("the session does not see its account's function: %d %s", r.status, r.body)
	}
	if status, s := c.sts("AssumeRole", "RoleArn", otherRole+"limited", "RoleSessionName", "tests", "DurationSeconds", "3601"); s.Code != "ValidationError" {
		t.Errorf("chained for more than an hour: %d %+v", status, s)
	}
	base.assume("arn:aws:iam::111111111111:role/anything") // where none is declared, all are there
}

// A session policy proves that a run cannot write: whatever it does not allow is refused.
func TestSessionPolicy(t *testing.T) {
	w := newWorld(t, factsWorld())
	for _, row := range []struct {
		why, policy  string
		read, search bool // Get, and ListFunctions; writing is never allowed
	}{
		{"a list of actions", `{"Statement":[{"Effect":"Allow","Action":["lambda:GetFunctionEventInvokeConfig"],"Resource":"*"}]}`, true, false},
		{"a single action", `{"Statement":[{"Effect":"Allow","Action":"lambda:ListFunctions","Resource":"*"}]}`, false, true},
		{"a wildcard, in any case", `{"Statement":[{"Effect":"Allow","Action":["lambda:get*","LAMBDA:LIST*"],"Resource":"*"}]}`, true, true},
		{"several statements", `{"Statement":[{"Effect":"Allow","Action":"lambda:Get*"},{"Effect":"Allow","Action":"lambda:List*"}]}`, true, true},
		{"a resource by name and by pattern", `{"Statement":[{"Effect":"Allow","Action":"lambda:Get*","Resource":["arn:aws:lambda:*:111111111111:function:*"]},{"Effect":"Allow","Action":"lambda:List*","Resource":"*"}]}`, true, true},
		{"other resources are not meant", `{"Statement":[{"Effect":"Allow","Action":"lambda:*","Resource":"arn:aws:lambda:*:111111111111:function:nobody"}]}`, false, false},
		{"a denial beats an allowance", `{"Statement":[{"Effect":"Allow","Action":"lambda:*"},{"Effect":"Deny","Action":["lambda:Put*","lambda:Get*"]}]}`, false, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := by(t, w).assume("arn:aws:iam::111111111111:role/audit", "Policy", row.policy)
			for _, call := range []struct {
				method, path string
				status       int
				allowed      bool
			}{{"GET", f, 404, row.read}, {"GET", "/2015-03-31/functions", 200, row.search}, {"PUT", f, 200, false}} {
				r := c.call(call.method, call.path, both)
				if call.allowed && r.status != call.status || !call.allowed && (r.status != 403 || r.code() != "AccessDeniedException") {
					t.Errorf("%s %s: %d %s", call.method, call.path, r.status, r.body)
				}
			}
		})
	}
	if n := w.Counts().Applied; n != 0 {
		t.Errorf("%d writes were carried out", n)
	}
	if n := w.Counts().Writes; n != 7 {
		t.Errorf("%d writes were seen, want 7: the refused ones count", n)
	}
}

func TestDeny(t *testing.T) {
	s := twoAccounts()
	s.Accounts[0].Deny = []string{"lambda:ListFunctionEventInvokeConfigs", "lambda:ListFunctions", "lambda:Delete*"}
	w := newWorld(t, s)
	c := by(t, w)
	denied := func(who, action, resource string) string {
		return `{"Message":"User: ` + who + ` is not authorized to perform: ` + action + ` on resource: ` + resource +
			` because no identity-based policy allows the ` + action + ` action"}`
	}
	const user = "arn:aws:iam::111111111111:user/simulated"
	get(fList, "").refused(403, "AccessDeniedException", denied(user, "lambda:ListFunctionEventInvokeConfigs", arn+"f")).run(t, c)
	get("/2015-03-31/functions", "").refused(403, "AccessDeniedException", denied(user, "lambda:ListFunctions", "*")).run(t, c)
	put(f, both, rec("f:$LATEST", "2", "60", topic, queue)).run(t, c)
	remove(f).refused(403, "AccessDeniedException", denied(user, "lambda:DeleteFunctionEventInvokeConfig", arn+"f")).run(t, c)

	role := c.assume(otherRole + "limited")
	role.region = "eu-west-1"
	put(f, both, "").refused(403, "AccessDeniedException", denied("arn:aws:sts::222222222222:assumed-role/limited/tests",
		"lambda:PutFunctionEventInvokeConfig", "arn:aws:lambda:eu-west-1:222222222222:function:f")).run(t, role)
	get(fList, list()).run(t, role)
}

func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, twoAccounts())
		base := by(t, w)
		expired := get("/2016-08-19/account-settings", "").refused(403, "ExpiredTokenException", `{"message":"The security token included in the request is expired"}`)
		alive := func(c client) bool { return c.call("GET", "/2016-08-19/account-settings", "").status == 200 }
		long, short := base.assume(otherRole+"limited", "DurationSeconds", "900"), base.assume(otherRole+"short")
		if !alive(long) || !alive(short) {
			t.Fatal("new sessions are refused")
		}
		time.Sleep(time.Minute)
		expired.run(t, short)
		if !alive(long) {
			t.Error("a session ended before its time")
		}
		time.Sleep(14 * time.Minute)
		expired.run(t, long)
		poked := base.assume(otherRole + "limited")
		w.ExpireSessions(other)
		expired.run(t, poked)
		if _, s := poked.sts("GetCallerIdentity"); s.Code != "ExpiredToken" {
			t.Errorf("STS spells it %q", s.Code)
		}
	})
}

func TestCredentialScope(t *testing.T) {
	w := newWorld(t, factsWorld())
	for _, row := range []struct {
		why, host, authorization string
		status                   int
		code                     string
	}{
		{"the scope beats the host", "lambda.eu-west-1.amazonaws.com", "AWS4-HMAC-SHA256 Credential=test/20260131/us-east-1/lambda/aws4_request, Signature=0", 200, ""},
		{"another region holds nothing", "x", "AWS4-HMAC-SHA256 Credential=test/20260131/eu-west-1/lambda/aws4_request, Signature=0", 404, "ResourceNotFoundException"},
		{"no signature at all", "lambda.us-east-1.amazonaws.com", "", 403, "MissingAuthenticationTokenException"},
		{"a scheme of another kind", "x", "Bearer x", 403, "IncompleteSignatureException"},
		{"a service that is not here", "x", "AWS4-HMAC-SHA256 Credential=test/20260131/us-east-1/iam/aws4_request, Signature=0", 404, "UnknownOperationException"},
	} {
		r := by(t, w).request("GET", fList, "")
		r.Host, r.URL.Host = row.host, row.host
		r.Header.Del("Authorization")
		if row.authorization != "" {
			r.Header.Set("Authorization", row.authorization)
		}
		got, err := send(w, r)
		if err != nil || got.status != row.status || got.code() != row.code {
			t.Errorf("%s: %d %s %s %v", row.why, got.status, got.code(), got.body, err)
		}
	}
}

func TestPartitions(t *testing.T) {
	w := newWorld(t, factsWorld())
	for region, partition := range map[string]string{
		"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
		"us-isof-south-1": "aws-iso-f", "eu-isoe-west-1": "aws-iso-e", "eusc-de-east-1": "aws-eusc",
	} {
		c := by(t, w)
		c.region = region
		get(f, "").missing("The function arn:"+partition+":lambda:"+region+":"+account+":function:f:$LATEST"+noneAt).run(t, c)
		get(path("arn:"+partition+":lambda:"+region+":"+account+":function:f", "")+"/list", "").missing(gone).run(t, c)
	}
}
