package organization

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/awstest"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// counted counts the requests of a client by operation.
type counted struct {
	next   aws.HTTPClient
	calls  map[string]int
	refuse string // "CODE: text" that requests are answered; "" for none
	only   string // the operation that is; "" for all
	times  int    // so many times; 0: always
	silent bool   // nothing is answered
}

func (c *counted) Do(r *http.Request) (*http.Response, error) {
	op := r.Header.Get("X-Amz-Target")
	if op == "" {
		op = r.URL.Path
	}
	op = op[strings.LastIndexAny(op, "./")+1:]
	c.calls[op]++
	if c.silent {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if c.refuse == "" || c.only != "" && c.only != op || c.times > 0 && c.calls[op] > c.times {
		return c.next.Do(r)
	}
	code, text, _ := strings.Cut(c.refuse, ": ")
	return &http.Response{
		StatusCode: 400, Request: r, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amzn-Errortype": {code}},
		Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"__type":%q,"Message":%q,"message":%q}`, code, text, text))),
	}, nil
}

// directory is one of an organization in a simulated world.
func directory(t *testing.T, accounts []awssim.Account) (*Directory, *counted) {
	t.Helper()
	world, err := awssim.New(&awssim.Scenario{Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	client := &counted{next: world, calls: map[string]int{}}
	cfg, err := awslambda.LoadConfig(t.Context(), awslambda.Environment{
		Region: "eu-west-1", HTTPClient: client, Credentials: awslambda.StaticCredentials(world.DefaultAccessKeyID()),
	})
	if err != nil {
		t.Fatal(err)
	}
	d := New(cfg)
	t.Cleanup(d.Close)
	return d, client
}

func many(n int) []awssim.Account {
	accounts := make([]awssim.Account, n)
	for i := range accounts {
		accounts[i] = awssim.Account{Account: fmt.Sprintf("%012d", 100+i), Regions: map[string]awssim.Region{"eu-west-1": {}, "us-east-1": {}}}
		if i > 0 {
			accounts[i].Unit = fmt.Sprintf("ou-sim1-unit%04d", i%3)
		}
	}
	return accounts
}

// Two hundred accounts cost ten requests, and one unit of them its own and one for what
// is below it.
func TestAListingIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, client := directory(t, many(200))
		members, err := d.Members(t.Context(), desired.Organization{Label: "all"})
		if err != nil || len(members) != 200 {
			t.Fatalf("%d members, %v", len(members), err)
		}
		if n := client.calls["ListAccounts"]; n != 10 || len(client.calls) != 1 {
			t.Errorf("calls: %v, want 10 of ListAccounts", client.calls)
		}
		clear(client.calls)
		members, err = d.Members(t.Context(), desired.Organization{Units: []string{"ou-sim1-unit0001"}})
		if err != nil || len(members) != 67 || members[0].Account != "000000000101" {
			t.Fatalf("%d members, %v", len(members), err)
		}
		if client.calls["ListAccountsForParent"] != 4 || client.calls["ListOrganizationalUnitsForParent"] != 1 {
			t.Errorf("calls: %v", client.calls)
		}
		members, err = d.Members(t.Context(), desired.Organization{Units: []string{"ou-sim1-unit0001", "r-sim1"}})
		if err != nil || len(members) != 200 {
			t.Errorf("a unit beside the root that it is below: %d members, %v", len(members), err)
		}
	})
}

// The pace leaves the most of the quota to others, and enabled regions are asked for at
// the same pace, the manager's own without its number.
func TestEnabledRegionsOfEachAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts := many(40)
		accounts[7].Regions = map[string]awssim.Region{"ap-south-1": {}}
		d, client := directory(t, accounts)
		began := time.Now()
		members, err := d.Members(t.Context(), desired.Organization{Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range members {
			want := []string{"eu-west-1", "us-east-1"}
			if i == 7 {
				want = []string{"ap-south-1"}
			}
			if !slices.Equal(m.Regions, want) {
				t.Errorf("%s: regions %v, want %v", m.Account, m.Regions, want)
			}
		}
		if n := client.calls["listRegions"]; n != 40 {
			t.Errorf("%d calls of ListRegions, want 40", n)
		}
		if took := time.Since(began); took < 35*time.Second/regionsPerSecond {
			t.Errorf("40 requests took %v, faster than %d a second", took, regionsPerSecond)
		}
	})
}

// Half a listing would be a smaller fleet: whatever is refused or never ends is an error
// that says where it stands, what was asked, and what to do.
func TestAPartIsAnError(t *testing.T) {
	at := desired.Pos{File: "fleet.yaml", Line: 4, Column: 7}
	for name, c := range map[string]struct {
		deny       string
		refuse     string // what every request is answered, in place of the simulator
		of         desired.Organization
		want, hint string
	}{
		"denied": {"organizations:ListAccounts", "", desired.Organization{},
			"ListAccounts shop: AccessDeniedException (400): User: ", "allow organizations:ListAccounts on * for the caller"},
		"not the account that manages": {"", "AccessDeniedException: You don't have permissions to access this resource.", desired.Organization{},
			"ListAccounts shop: AccessDeniedException", "use credentials of the account that manages the organization, or of a delegated administrator, and allow them organizations:ListAccounts on *"},
		"no organization": {"", "AWSOrganizationsNotInUseException: Your account is not a member of an organization.", desired.Organization{},
			"ListAccounts shop: AWSOrganizationsNotInUseException", "use credentials of the account that manages the organization"},
		"a unit that is not one": {"", "", desired.Organization{Units: []string{"ou-sim1-nowhere1"}},
			"ListAccountsForParent ou-sim1-nowhere1: ParentNotFoundException", "correct the id under units"},
		"throttled for ever": {"", "TooManyRequestsException: You have sent too many requests in too short a period of time. Try again later.", desired.Organization{},
			"given up: the quota refused 10 attempts in ", "other callers spend the same quota; run again later"},
		"regions denied to all": {"", "AccessDeniedException: User: x is not authorized to perform: account:ListRegions (Your organization must first enable trusted access with AWS Account Management.)",
			desired.Organization{Enabled: true}, "ListRegions 000000000104: AccessDeniedException", "enable-aws-service-access --service-principal account.amazonaws.com"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts := many(30)
				if c.deny != "" {
					accounts[0].Deny = []string{c.deny}
				}
				d, client := directory(t, accounts)
				client.refuse, client.only = c.refuse, map[bool]string{true: "listRegions"}[c.of.Enabled]
				c.of.Label, c.of.Pos = "shop", at
				began := time.Now()
				members, err := d.Members(t.Context(), c.of)
				call := (*callerr.Error)(nil)
				if want := "fleet.yaml:4:7: which accounts shop has is not known: " + c.want; !errors.As(err, &call) || members != nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(call.Hint, c.hint) {
					t.Errorf("got %v, %v\nhint: %s\nwant an error with %q and %q", members, err, call.Hint, want, c.hint)
				}
				if n := client.calls["listRegions"]; n > deniedFirst || time.Since(began) > 5*time.Minute {
					t.Errorf("%v, %d calls of ListRegions", time.Since(began), n)
				}
			})
		})
	}
	t.Run("endless", func(t *testing.T) {
		d, _ := directory(t, many(1))
		for circle := 1; circle <= 3; circle++ {
			asked := 0
			_, err := pages(t.Context(), d.limiter, "shop", func(context.Context, *string) ([]int, *string, error) {
				asked++
				return nil, aws.String(fmt.Sprint("page", asked%circle)), nil
			})
			if err == nil || !strings.Contains(err.Error(), "never ends") || asked != circle+1 {
				t.Errorf("a circle of %d: %v, after %d pages", circle, err, asked)
			}
		}
	})
}

// The end of a run waits for no answer.
func TestTheEndOfARunWaitsForNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, client := directory(t, many(3))
		client.silent = true
		ended := errors.New("stopped by SIGTERM")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(ended) })
		began := time.Now()
		_, err := d.Members(ctx, desired.Organization{Label: "shop"})
		if took := time.Since(began); !errors.Is(err, ended) || took != time.Second {
			t.Errorf("%v after %v", err, took)
		}
		time.Sleep(time.Minute) // the request under way has an end of its own
	})
}

// A page that is throttled is asked for again, at a lower pace, and none is lost.
func TestAThrottledPageIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, client := directory(t, many(200))
		client.refuse, client.times = "TooManyRequestsException: AWS Organizations can't complete your request because another request is already in progress. Try again later.", 7
		members, err := d.Members(t.Context(), desired.Organization{Label: "all"})
		if err != nil || len(members) != 200 || client.calls["ListAccounts"] != 17 {
			t.Errorf("%d members, %v, calls %v", len(members), err, client.calls)
		}
	})
}

// One account that refuses to tell its regions is a member that says so, and keeps no
// other from being one: so is the account that manages the organization, which a delegated
// administrator may not ask about.
func TestOneAccountMayKeepItsRegionsToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts := many(12)
		accounts[0].Deny, accounts[3].Deny = nil, []string{"account:ListRegions"}
		d, _ := directory(t, accounts)
		d.caller = func(context.Context) (string, error) { return "000000000101", nil }
		members, err := d.Members(t.Context(), desired.Organization{Label: "shop", Enabled: true})
		if err != nil || len(members) != 12 {
			t.Fatalf("%d members, %v", len(members), err)
		}
		for i, m := range members {
			if refused := i == 0 || i == 3; (m.Err != nil) != refused || refused != slices.Equal(m.Regions, []string{"eu-west-1"}) {
				t.Errorf("%s: %v, %v", m.Account, m.Regions, m.Err)
			}
		}
		if hint := reconcile.ErrorOf(members[0].Err).Hint; !strings.Contains(hint, "under exclude") {
			t.Errorf("hint: %s", hint)
		}
	})
}

// An organization of somebody else's making: nested units, and an account that is closed.
func TestOrganizationOfSomebodyElse(t *testing.T) {
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"), config.WithBaseEndpoint(awstest.Moto(t)),
		config.WithCredentialsProvider(awslambda.StaticCredentials("AKIAIOSFODNN7EXAMPLE")))
	if err != nil {
		t.Fatal(err)
	}
	ctx, client := t.Context(), organizations.NewFromConfig(cfg)
	root := firstRoot(ctx, t, client)
	unit := func(parent, name string) string {
		out, err := client.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		return *out.OrganizationalUnit.Id
	}
	outer := unit(root, "outer")
	inner := unit(outer, "inner")
	var accounts []string
	for i, parent := range []string{outer, inner, inner, root} {
		out, err := client.CreateAccount(ctx, &organizations.CreateAccountInput{
			AccountName: aws.String(fmt.Sprint("account-", i)), Email: aws.String(fmt.Sprintf("a%d@example.com", i)),
		})
		if err != nil {
			t.Fatal(err)
		}
		id := *out.CreateAccountStatus.AccountId
		if parent != root {
			if _, err := client.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: &id, SourceParentId: &root, DestinationParentId: &parent}); err != nil {
				t.Fatal(err)
			}
		}
		accounts = append(accounts, id)
	}
	if _, err := client.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: &accounts[2]}); err != nil {
		t.Fatal(err)
	}
	d := New(cfg)
	defer d.Close()
	members, err := d.Members(ctx, desired.Organization{Units: []string{outer}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range members {
		got = append(got, m.Account)
	}
	if want := slices.Sorted(slices.Values(accounts[:2])); !slices.Equal(got, want) {
		t.Errorf("members %v, want %v: those of the unit and of the one below it, without the closed one", got, want)
	}
}

func firstRoot(ctx context.Context, t *testing.T, client *organizations.Client) string {
	if _, err := client.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetAll}); err != nil {
		t.Fatal(err)
	}
	roots, err := client.ListRoots(ctx, &organizations.ListRootsInput{})
	if err != nil || len(roots.Roots) == 0 {
		t.Fatalf("no root: %v", err)
	}
	return *roots.Roots[0].Id
}
