package organization

import (
	"context"
	"fmt"
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
)

// counted counts the requests of a client by operation.
type counted struct {
	next  aws.HTTPClient
	calls map[string]int
}

func (c *counted) Do(r *http.Request) (*http.Response, error) {
	op := r.Header.Get("X-Amz-Target")
	if op == "" {
		op = r.URL.Path
	}
	c.calls[op[strings.LastIndexAny(op, "./")+1:]]++
	return c.next.Do(r)
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
		if took := time.Since(began); took < 41*time.Second/perSecond {
			t.Errorf("42 requests took %v, faster than %d a second", took, perSecond)
		}
	})
}

// Half an answer would be a smaller fleet: whatever is refused or never ends is an error
// that names the target and what to do.
func TestAPartIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		deny string
		of   desired.Organization
		want string
	}{
		"denied":                 {"organizations:ListAccounts", desired.Organization{Label: "shop"}, "which accounts shop has is not known: ListAccounts"},
		"regions denied":         {"account:ListRegions", desired.Organization{Label: "shop", Enabled: true}, "ListRegions"},
		"a unit that is not one": {"", desired.Organization{Label: "shop", Units: []string{"ou-sim1-nowhere1"}}, "doesn't exist"},
	} {
		t.Run(name, func(t *testing.T) {
			accounts := many(3)
			if c.deny != "" {
				accounts[0].Deny = []string{c.deny}
			}
			d, _ := directory(t, accounts)
			members, err := d.Members(t.Context(), c.of)
			if err == nil || members != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v; want an error with %q", members, err, c.want)
			}
		})
	}
	t.Run("endless", func(t *testing.T) {
		d, _ := directory(t, many(1))
		again := "again"
		_, err := pages(t.Context(), d, func(*string) ([]int, *string, error) { return nil, &again, nil })
		if err == nil || !strings.Contains(err.Error(), "never ends") {
			t.Errorf("got %v", err)
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
